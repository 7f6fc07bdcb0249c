"""Model folders that must not load: each is refused with one sentence that says what is wrong and what to do."""

import hashlib
import json
import os
import pickle
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from nast_core import load_model
from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.errors import ModelError
from nast_core.models import openai_weights
from tests.checkpoints import loud
from tests.writers import vision_text_dual

pytestmark = pytest.mark.slow  # every family's broken folders

WEIGHTS = {"Hugging Face CLIP": "model.safetensors", "open_clip": "open_clip_pytorch_model.bin"}


class Surprise:
    """A pickle of this class leaves a file behind when it is loaded without care."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture(params=list(WEIGHTS))
def damaged(request, copied) -> tuple[Path, Path]:
    """(folder, weights file in it) of a good checkpoint of each family, to be damaged."""
    folder = copied(request.param)
    return folder, folder / WEIGHTS[request.param]


def as_pickle(folder: Path, **extra: object) -> Path:
    """The Hugging Face weights rewritten as pytorch_model.bin, with anything else in it."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save({**tensors, **extra}, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def rewrite(path: Path, change) -> None:
    """Changes the tensors of a weights file of either family."""
    safe = path.suffix == ".safetensors"
    tensors = load_file(path) if safe else torch.load(path, weights_only=True)
    change(tensors)
    save_file(tensors, path, {"format": "pt"}) if safe else torch.save(tensors, path)


def test_a_folder_that_is_not_there_a_file_and_an_empty_folder_are_told_apart(tmp_path, refusal):
    (tmp_path / "weights.bin").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "nowhere").startswith(f"there is no folder {tmp_path / 'nowhere'}; give the path")
    assert "is a file; give the folder that holds it" in refusal(tmp_path / "weights.bin")
    assert "found an empty folder" in refusal(tmp_path / "empty")


def test_a_folder_of_other_files_is_refused_with_their_names(tmp_path, refusal):
    (tmp_path / "notes.txt").write_text("hello")
    assert "no config.json or open_clip_config.json, only ['notes.txt']" in refusal(tmp_path)


def test_weights_without_a_config_and_a_bare_file_are_told_of_the_config_and_of_convert(copied, tmp_path, refusal):
    folder = copied()
    (folder / "config.json").unlink()
    message = refusal(folder)
    assert message.startswith(f"{folder} has weights (model.safetensors) and no config.json")
    assert f"'nast model convert {folder / 'model.safetensors'} --out FOLDER'" in message
    assert "or make a folder of a bare checkpoint with 'nast model convert" in refusal(folder / "model.safetensors")
    with pytest.raises(ModelError, match="no model is named"):
        load_model(" ")


def test_an_unknown_family_is_refused_with_what_was_found_and_what_could_be_loaded(copied, edit, refusal):
    folder = copied()
    edit(folder / "config.json", lambda config: config.update(model_type="bert"))
    message = refusal(folder)
    assert "'bert'" in message
    assert "Hugging Face CLIP, Hugging Face SigLIP" in message


def test_a_coca_whose_text_tower_is_a_hugging_face_model_is_refused(copied, edit, refusal):
    folder = copied("open_clip")
    edit(
        folder / "open_clip_config.json",
        lambda config: (
            config["model_cfg"].update(multimodal_cfg={}),
            config["model_cfg"]["text_cfg"].update(hf_model_name="bert"),
        ),
    )
    assert "CoCa" in refusal(folder)


@pytest.mark.parametrize("content", [b"", b"{", b'{"model_type": "cl', b"\xff\xfe\x00", b"[1, 2]"])
@pytest.mark.parametrize(
    ("family", "name"), [("Hugging Face CLIP", "config.json"), ("open_clip", "open_clip_config.json")]
)
def test_a_config_that_is_no_json_object_is_refused_by_name(copied, family, name, content, refusal):
    folder = copied(family)
    (folder / name).write_bytes(content)
    message = refusal(folder)
    assert message.startswith(f"{folder / name} ")
    assert message.endswith("download it again")


@pytest.mark.parametrize("model_cfg", [None, [], {}, {"text_cfg": None, "vision_cfg": {}}, {"text_cfg": {}}])
def test_an_open_clip_config_without_its_two_towers_is_refused(copied, model_cfg, edit, refusal):
    folder = copied("open_clip")
    edit(folder / "open_clip_config.json", lambda config: config.update(model_cfg=model_cfg))
    assert "has no model_cfg with a text_cfg and a vision_cfg" in refusal(folder)


@pytest.mark.parametrize(
    "change", [{"num_attention_heads": 5}, {"hidden_size": "wide"}, {"hidden_act": "nope"}, {"vocab_size": -3}]
)
def test_config_values_that_make_no_model_are_refused_and_nothing_else_escapes(copied, change, edit, refusal):
    folder = copied()
    edit(folder / "config.json", lambda config: config["text_config"].update(change))
    assert "could not be loaded as a Hugging Face CLIPModel" in refusal(folder)


def test_open_clip_heads_that_do_not_divide_the_width_are_refused(copied, edit, refusal):
    folder = copied("open_clip")
    edit(folder / "open_clip_config.json", lambda config: config["model_cfg"]["text_cfg"].update(heads=5))
    assert "could not be loaded by open_clip" in refusal(folder)


def test_a_folder_without_weights_is_refused_with_the_names_looked_for(damaged, refusal):
    folder, weights = damaged
    weights.unlink()
    message = refusal(folder)
    assert message.startswith(f"{folder} has no weights; put one of ")
    assert weights.name in message


def test_a_directory_in_the_place_of_the_weights_is_no_weights(damaged, refusal):
    folder, weights = damaged
    weights.unlink()
    weights.mkdir()
    assert "has no weights" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes); download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 605247071\n", "is a git-lfs pointer"),
        (b"<!DOCTYPE html><title>404</title>", "download it again"),
        (bytes(1000), "download it again"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused_for_what_it_is(damaged, content, said, refusal):
    folder, weights = damaged
    weights.write_bytes(content)
    message = refusal(folder)
    assert message.startswith(f"{weights} ")
    assert said in message


@pytest.mark.parametrize("kept", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_half_downloaded_weights_are_refused_wherever_they_end(damaged, kept, refusal):
    folder, weights = damaged
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(len(whole) * kept)])
    message = refusal(folder)
    assert message.startswith(f"{weights} is cut off or broken (")
    assert message.endswith("download it again")


@pytest.mark.parametrize("kept", [1, 40, 3000, 100_000])
def test_a_pickle_of_the_old_torch_format_that_is_cut_off_is_refused(copied, kept, refusal):
    folder = copied()
    path = as_pickle(folder)
    tensors = torch.load(path, weights_only=True)
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(folder).startswith(f"{path} ")


@pytest.mark.parametrize("family", list(WEIGHTS))
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_its_code_is_not_run(copied, tmp_path, family, zipped, refusal):
    folder = copied(family)
    path = as_pickle(folder) if family == "Hugging Face CLIP" else folder / WEIGHTS[family]
    tensors = torch.load(path, weights_only=True)
    surprise = Surprise(tmp_path / "code ran")
    torch.save({**tensors, "x": surprise}, path, _use_new_zipfile_serialization=zipped)
    assert "a pickle that holds more than tensors, so loading it would run code" in refusal(folder)
    assert not surprise.trace.exists()
    pickle.loads(pickle.dumps(surprise))  # the trap itself works
    assert surprise.trace.exists()


def test_a_pickle_of_something_other_than_named_weights_is_refused(damaged, refusal):
    folder, weights = damaged
    weights.unlink()
    path = folder / "pytorch_model.bin"
    torch.save([torch.ones(2)], path)
    assert refusal(folder).startswith(f"{path} holds a list, not named weights")


@pytest.mark.parametrize(
    ("index", "said"),
    [
        (
            {"weight_map": {"logit_scale": "model-00001-of-00002.safetensors"}},
            "names the weights file model-00001-of-00002",
        ),
        ({"weight_map": []}, "has no weight_map"),
        ({"weight_map": {"logit_scale": 3}}, "has no weight_map"),
        ({}, "has no weight_map"),
    ],
)
def test_an_index_of_shards_that_leads_nowhere_is_refused(copied, index, said, refusal):
    folder = copied()
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert said in refusal(folder)


def test_a_missing_weight_is_refused_by_name_and_never_left_random(damaged, refusal):
    folder, weights = damaged
    key = "ln_final.weight" if weights.suffix == ".bin" else "text_model.final_layer_norm.weight"
    rewrite(weights, lambda tensors: tensors.pop(key))
    assert key in refusal(folder)


def test_a_weight_of_another_shape_is_refused_with_its_name_the_shape_found_and_the_shape_expected(damaged, refusal):
    folder, weights = damaged
    key = "ln_final.weight" if weights.suffix == ".bin" else "text_model.final_layer_norm.weight"
    rewrite(weights, lambda tensors: tensors.update({key: torch.ones(24)}))
    message = refusal(folder).replace(str(folder), "")
    found, expected = message.index("24"), message.index("32")
    assert message.index(key) < found < expected
    assert "config" in message


def test_weights_with_more_layers_than_the_config_uses_are_refused_with_the_stack_and_both_numbers(
    copied, edit, refusal
):
    folder = copied()
    edit(folder / "config.json", lambda config: config["text_config"].update(num_hidden_layers=2))
    message = refusal(folder)
    assert "hold 3 layers text_model.encoder.layers.0 to 2 and the config uses only 2 of them" in message


def test_the_same_holds_for_the_image_tower_and_for_a_stack_of_old_names(tmp_path, edit, refusal):
    folder = vision_text_dual.write(tmp_path / "model")  # its ViT is stored under transformers 4's names
    edit(folder / "config.json", lambda config: config["vision_config"].update(num_hidden_layers=1))
    assert "hold 3 layers vision_model" in refusal(folder)


def test_an_unused_layer_of_something_else_is_only_reported(copied):
    path = copied() / "model.safetensors"
    rewrite(path, lambda tensors: tensors.update({"decoder.layers.0.weight": torch.ones(2)}))
    assert load_model(path.parent, device="cpu").report.unused_keys == ("decoder.layers.0.weight",)


@pytest.fixture(scope="module")
def gelu_folder(tmp_path_factory) -> Path:
    """A CLIP with as many tokens as OpenAI's, whose config says gelu."""
    folder, tokenizer = tmp_path_factory.mktemp("gelu"), fit_tokenizer(corpus(300), vocabulary=1400)
    tower = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1}
    tower |= {"hidden_act": "gelu", "projection_dim": 16}
    text = tower | {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "vocab_size": 49408}
    vision = tower | {"image_size": 28, "patch_size": 14}
    loud(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder


@pytest.fixture
def with_gelu(gelu_folder, tmp_path) -> Path:
    return Path(shutil.copytree(gelu_folder, tmp_path / "gelu"))


def test_gelu_where_openais_vocabulary_is_used_is_warned_of_and_quick_gelu_is_not(with_gelu, edit):
    (warning,) = load_model(with_gelu, device="cpu").report.warnings
    assert "the config says gelu; weights that come from OpenAI" in warning
    for tower in ("text_config", "vision_config"):
        edit(with_gelu / "config.json", lambda config, tower=tower: config[tower].update(hidden_act="quick_gelu"))
    assert load_model(with_gelu, device="cpu").report.warnings == ()


def test_gelu_over_values_of_half_precision_is_warned_of_as_openais_release(with_gelu):
    rewrite(
        with_gelu / "model.safetensors",
        lambda tensors: tensors.update({k: v.half().float() for k, v in tensors.items()}),
    )
    (warning,) = load_model(with_gelu, device="cpu").report.warnings
    assert "is one of half precision, as in OpenAI's release" in warning
    assert 'set "hidden_act": "quick_gelu" in the text_config and the vision_config' in warning


def test_gelu_over_a_file_that_is_openais_by_its_hash_is_refused(with_gelu, monkeypatch, refusal):
    digest = hashlib.sha256((with_gelu / "model.safetensors").read_bytes()).hexdigest()
    monkeypatch.setitem(openai_weights._PUBLISHED, digest, "openai/clip-tiny, model.safetensors")
    message = refusal(with_gelu)
    assert "is OpenAI's own file (openai/clip-tiny, model.safetensors), trained with quick_gelu" in message
    assert "the config says gelu" in message


def test_one_tower_with_another_activation_is_seen_too(with_gelu, edit):
    edit(with_gelu / "config.json", lambda config: config["text_config"].update(hidden_act="quick_gelu"))
    report = load_model(with_gelu, device="cpu").report
    assert "the config says gelu and quick_gelu" in report.warnings[0]
    assert report.rows["Activation"] == "quick_gelu in the text tower, gelu in the image tower"


def test_openais_published_hashes_are_sha256_and_its_archives_are_known_by_their_addresses():
    known = openai_weights._PUBLISHED | openai_weights._archives()
    assert all(len(digest) == 64 and int(digest, 16) for digest in known)
    assert known["40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af"] == "ViT-B-32.pt"


def test_a_known_model_whose_config_has_another_activation_than_it_was_trained_with_is_refused(
    with_gelu, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(with_gelu, "models/pubmedclip")
    with pytest.raises(ModelError, match=r"PubMedCLIP was trained with quick_gelu and the config in .* says gelu"):
        load_model("pubmedclip", device="cpu")


def test_a_name_that_is_nearly_a_known_models_and_a_hub_id_that_is_not_here_say_what_to_do(refusal):
    assert "did you mean pubmedclip or medclip?" in refusal("pubmedcilp")
    said = refusal("someone/their-clip@v1")
    assert "if someone/their-clip is a hub id, fetch it first with 'nast model download someone/their-clip@v1'" in said


@contextmanager
def nobody():
    """Root may read everything: as long as this is open, it is another user."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_folder_that_may_not_be_read_is_refused(refusal):
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to other users from above
        Path(place).chmod(0)
        with nobody():
            assert f"the folder {place} may not be read by this user" in refusal(place)
        Path(place).chmod(0o755)
