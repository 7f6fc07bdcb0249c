"""Layouts a model folder comes in: a processor's own files, names with a prefix, the hub cache's root;
and what it leaves behind."""

import gc
import json
import os
import shutil
import sys
import weakref
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import AutoImageProcessor, AutoTokenizer, CLIPConfig, CLIPModel, CLIPProcessor

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models import description, zoo
from nast_core.models.specs import find
from nast_core.models.weights import bare
from nast_core.models.zoo import Reference
from tests.checkpoints import write_huggingface_clip
from tests.hostile import WRITERS, edit

pytestmark = pytest.mark.slow  # every layout of every family


def test_a_folder_that_a_processors_own_save_pretrained_wrote_loads(copied):
    folder = copied()
    before = load_model(folder, device="cpu")
    parts = {
        "image_processor": AutoImageProcessor.from_pretrained(folder),
        "tokenizer": AutoTokenizer.from_pretrained(folder),
    }
    for name in ("preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    CLIPProcessor(**parts).save_pretrained(folder)
    assert not (folder / "preprocessor_config.json").exists()
    model = load_model(folder, device="cpu")
    assert model.report.rows == before.report.rows
    assert torch.equal(model.encode_texts(["no edema"]), before.encode_texts(["no edema"]))


def test_a_processors_code_is_refused_and_its_part_is_checked_as_a_file_of_its_own(copied, refusal):
    folder = copied()
    part = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    path = folder / "processor_config.json"
    path.write_text(json.dumps({"image_processor": part | {"auto_map": {"AutoImageProcessor": "evil.Evil"}}}))
    assert refusal(folder).startswith(f"{path} has auto_map")
    path.write_text(json.dumps({"image_processor": part | {"crop_size": {"height": 10**9, "width": 10**9}}}))
    assert "processor_config.json has crop_size" in refusal(folder)
    path.write_text(json.dumps({"processor_class": "CLIPProcessor"}))
    assert "has no preprocessor_config.json" in refusal(folder)


def test_the_prefix_that_all_names_share_is_found_in_any_nesting_and_no_other():
    assert bare(["module.a", "module.b"]) == "module."
    assert bare(["module._orig_mod.model.clip.a.b", "module._orig_mod.model.clip.c"]) == "module._orig_mod.model.clip."
    assert bare(["module.a", "b"]) == ""
    assert bare(["text_model.a", "text_model.b"]) == ""
    assert bare([]) == ""
    assert bare(["module." * 100_000 + "a"]) == "module." * 8


@pytest.mark.parametrize(
    "family", ["clip", "siglip", "dual", "chinese", "cxr-clip", "medclip", "open_clip", "open_clip-bert", "coca"]
)
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.module.", "model.clip."])
def test_weights_whose_names_all_have_a_prefix_load_as_without_and_the_report_says_so(tmp_path, family, prefix):
    folder = WRITERS[family](tmp_path / "model") if (tmp_path / "model").mkdir() is None else tmp_path
    before = load_model(folder, device="cpu")
    (path,) = (path for path in folder.iterdir() if path.suffix in (".safetensors", ".bin"))
    safe = path.suffix == ".safetensors"
    held = load_file(path) if safe else torch.load(path, weights_only=True)
    named = {f"{prefix}{name}": tensor for name, tensor in held.items()}
    save_file(named, path, {"format": "pt"}) if safe else torch.save({"state_dict": named, "epoch": 3}, path)
    model = load_model(folder, device="cpu")
    assert model.fingerprint == before.fingerprint
    assert "Names in the file" not in before.report.rows
    assert model.report.rows["Names in the file"] == f"read without the {prefix!r} before each"


@pytest.mark.parametrize("main", ["c" * 40, "gone"])
def test_the_root_of_a_model_in_the_hubs_cache_finds_its_snapshot(folders, tmp_path, main):
    root = tmp_path / "models--me--tiny"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(main)
    shutil.copytree(folders["Hugging Face CLIP"], root / "snapshots" / ("c" * 40))
    model = load_model(root, device="cpu")
    assert model.card.name == "me/tiny"
    assert model.card.source == str(root / "snapshots" / ("c" * 40))


def test_of_several_snapshots_without_a_main_one_none_is_guessed_and_each_can_be_named(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    root = tmp_path / "models--me--tiny"
    first, second = "a" * 40, "b" * 40
    for commit in (second, first):
        shutil.copytree(folders["Hugging Face CLIP"], root / "snapshots" / commit)
    for spec in (str(root), "me/tiny"):
        with pytest.raises(ModelError) as caught:
            find(spec)
        assert f"holds 2 snapshots and does not say which is its main one: {first}, {second}; give" in str(caught.value)
        assert f"{root}/snapshots/{first}, or me/tiny@{first}" in str(caught.value)
    assert find(f"me/tiny@{second}").folder == root / "snapshots" / second
    shutil.rmtree(root / "snapshots" / second)
    assert find("me/tiny").folder == find(str(root)).folder == root / "snapshots" / first


def test_what_others_got_stands_beside_the_same_measured_here(folders, monkeypatch):
    model = load_model(folders["Hugging Face CLIP"], device="cpu")
    texts = ("There is no edema.", "There is some edema.")
    card = zoo.need_card("PubMedCLIP").model_copy(
        update={
            "reference": (
                Reference(name="cosine of two sentences", value=0.91, source="doi:10/x", texts=texts),
                Reference(name="zero-shot AUROC, CheXpert", value=0.7, source="arXiv:1"),
            )
        }
    )
    cosine, elsewhere = description.compared(model, card)
    a, b = model.encode_texts(list(texts))
    assert (cosine.others, elsewhere.others, elsewhere.here) == (0.91, 0.7, None)
    assert abs(cosine.here - float(a @ b)) < 1e-6
    assert description.compared(model, None) == []


def test_no_card_states_a_figure_without_saying_where_it_is_published():
    assert all(reference.source for card in zoo.zoo() for reference in card.reference)


# --- memory


@pytest.mark.parametrize("family", list(WRITERS))
def test_a_models_weights_are_freed_when_it_is_dropped_without_waiting_for_the_collector(tmp_path, family):
    (tmp_path / "model").mkdir()
    folder = WRITERS[family](tmp_path / "model")
    gc.collect()
    gc.disable()
    try:
        model = load_model(folder, device="cpu")
        model.text.library_embedding(model.text.tokenize(["no edema"]))
        left = [weakref.ref(model), *(weakref.ref(parameter) for parameter in model.module.parameters())]
        del model
        assert not [one for one in left if one() is not None]
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_by_a_model_with_each_that_is_loaded_in_turn(tmp_path):
    folder = write_huggingface_clip(tmp_path / "model")
    for tower in ("text_config", "vision_config"):
        grown = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 6}
        edit(folder / "config.json", lambda config, tower=tower, grown=grown: config[tower].update(grown))
    model = CLIPModel(CLIPConfig.from_pretrained(folder))
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    del model

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    size, kept, seen = (folder / "pytorch_model.bin").stat().st_size / 1e6, [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(6):
            kept = [*kept[-1:], load_model(folder, device="cpu")]
            seen.append(resident())
    finally:
        gc.enable()
    assert size > 30
    assert max(seen[2:]) - seen[1] < size / 2, seen
