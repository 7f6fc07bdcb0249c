"""Adapters from strangers: nothing in them is run, merged in silence or followed out of the folder."""

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nast_core import load_model
from nast_core import opening as run_models
from nast_core.errors import ModelError
from nast_core.finetune.adapter import Record, save_adapter
from nast_core.finetune.lora import attach_lora
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.opening import load_finetuned
from nast_core.work.export import export
from tests.hostile import LOCALS_OF_LIBRARIES, edit, plant, shut

pytestmark = pytest.mark.slow  # adapters with every fault


@pytest.fixture(scope="module")
def made(folders, tmp_path_factory) -> Path:
    """A run's adapter folder, its base beside it."""
    work = tmp_path_factory.mktemp("adapters")
    base = Path(shutil.copytree(folders["Hugging Face CLIP"], work / "base"))
    model = load_model(base, device="cpu")
    record = Record(
        base=str(base),
        base_name="tiny",
        base_revision="",
        base_licence="MIT",
        base_fingerprint=model.fingerprint,
        recipe=FinetuneRecipe(model=str(base), data=Path("claims.jsonl"), rank=2),
        layer_weights=(1.0,) * model.text.n_layers,
    )
    adapted = attach_lora(model, rank=2)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.1)
    save_adapter(work / "run" / "adapter", model, adapted, record)
    (work / "run" / "adapter" / "README.md").write_text("card")
    return work


@pytest.fixture
def work(made, tmp_path, monkeypatch) -> Path:
    shut(monkeypatch)
    copied = Path(shutil.copytree(made, tmp_path / "work"))
    edit(copied / "run" / "adapter" / "nast.json", lambda record: record.update(base=str(copied / "base")))
    return copied


def refusal(run: Path) -> str:
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_finetuned(run, device="cpu")
    said = str(caught.value)
    assert time.monotonic() - start < 60
    assert "\n" not in said
    assert len(said.replace(str(run), "")) < 500
    assert not [word for word in LOCALS_OF_LIBRARIES if word in said]
    return said


def test_a_good_adapter_changes_its_base(work):
    tuned, base = load_finetuned(work / "run", device="cpu"), load_model(work / "base", device="cpu")
    assert (tuned.encode_texts(["no edema"]) - base.encode_texts(["no edema"])).abs().max() > 1e-4


CONFIG = {
    "a regular expression that never ends": {"target_modules": "(.*)*(.*)*(.*)*(.*)*x"},
    "all modules": {"target_modules": ".*"},
    "the image tower": {"target_modules": ["vision_model.encoder.layers.0.self_attn.q_proj"]},
    "ends of names": {"target_modules": ["q_proj"]},
    "a rank without end": {"r": 10_000_000},
    "another rank": {"r": 3},
    "no rank": {"r": 0},
    "a rank as text": {"r": "²"},
    "alpha without end": {"lora_alpha": 1e300},
    "another kind": {"peft_type": "IA3"},
    "code": {"auto_map": {"AutoModel": "evil.Evil"}},
    "whole modules": {"modules_to_save": ["logit_scale"]},
    "another sum": {"use_dora": True},
    "ranks by pattern": {"rank_pattern": {"(.*)*x": 8}},
    "layers again": {"layer_replication": [[0, 4], [2, 5]]},
}


@pytest.mark.parametrize("kind", list(CONFIG))
def test_an_adapters_config_is_read_by_its_listed_keys_and_its_names_are_compared_never_matched(work, kind):
    edit(work / "run" / "adapter" / "adapter_config.json", lambda config: config.update(CONFIG[kind]))
    said = refusal(work / "run")
    assert next(iter(CONFIG[kind])) in said or "adapts" in said or "says rank" in said


def test_a_pickled_adapter_is_refused_with_the_file_to_save_instead(work):
    adapter = work / "run" / "adapter"
    torch.save(load_file(adapter / "adapter_model.safetensors"), adapter / "adapter_model.bin")
    (adapter / "adapter_model.safetensors").unlink()
    said = refusal(work / "run")
    assert "a pickle, which is not read; save it as adapter_model.safetensors" in said
    assert "weights_only" not in said


@pytest.mark.parametrize("kind", ["missing", "another shape", "empty", "pipe", "cut off"])
def test_tensors_that_are_not_the_adapters_are_refused(work, kind):
    path = work / "run" / "adapter" / "adapter_model.safetensors"
    tensors = load_file(path)
    first = next(name for name in tensors if "lora_B" in name)
    if kind == "missing":
        save_file({name: tensor for name, tensor in tensors.items() if name != first}, path)
    elif kind == "another shape":
        save_file(tensors | {first: torch.zeros(3, 2)}, path)
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_bytes(b"" if kind == "empty" else path.read_bytes()[:1000])
    assert "is not whole, so train it again" in refusal(work / "run")


@pytest.mark.parametrize(
    "change",
    [
        {"base": 7},
        {"base": None},
        {"layer_weights": "²"},
        {"recipe": {"steps": "many"}},
        {"recipe": []},
        {"base_fingerprint": {}},
        {"x": 1},
    ],
)
def test_a_record_of_wrong_types_is_one_sentence(work, change):
    edit(work / "run" / "adapter" / "nast.json", lambda record: record.update(change))
    assert "is no record of an adapter" in refusal(work / "run")


def test_a_record_that_names_a_hostile_base_runs_nothing_of_it(work):
    canary = plant(work / "base")
    edit(work / "base" / "config.json", lambda config: config.update(auto_map={"AutoModel": "evil.Evil"}))
    assert "has auto_map" in refusal(work / "run")
    assert not canary.exists()


@pytest.mark.parametrize(
    "base",
    ["attacker/clip", "hf-hub:attacker/clip", "attacker/clip@main", "open_clip:nothing/hf-hub:a/b", "\0", "x" * 3000],
)
def test_a_record_that_names_a_base_elsewhere_fetches_nothing(work, base):
    edit(work / "run" / "adapter" / "nast.json", lambda record: record.update(base=base))
    refusal(work / "run")


def test_a_base_whose_own_card_says_another_fingerprint_is_refused_before_it_is_loaded(work, monkeypatch):
    (work / "base" / "nast.json").write_text('{"fingerprint": "0000"}')
    (work / "base" / "model.safetensors").unlink()
    assert "has fingerprint 0000; give the model it was trained on" in refusal(work / "run")


def test_a_run_that_is_its_own_base_and_a_ring_of_runs_are_refused(work, monkeypatch):
    def opened(run_id, root=None):
        return type("Run", (), {"folder": work / run_id})

    monkeypatch.setattr(run_models, "finished_finetune", opened)
    record = work / "run" / "adapter" / "nast.json"
    edit(record, lambda held: held.update(base="run:run"))
    assert "its own base" in refusal(work / "run")
    shutil.copytree(work / "run", work / "other")
    edit(record, lambda held: held.update(base="run:other"))
    assert "its own base" in refusal(work / "run")


def test_an_adapter_beside_a_models_weights_is_named_and_not_merged(work, monkeypatch):
    before = load_model(work / "base", device="cpu")
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(work / "run" / "adapter" / name, work / "base" / name)
    model = load_model(work / "base", device="cpu")
    assert model.fingerprint == before.fingerprint
    (warning,) = model.report.warnings
    assert warning.startswith("adapter_config.json beside the weights is an adapter (LORA, wants ")
    assert "was not merged" in warning


def test_a_folder_with_only_an_adapter_says_which_base_it_wants_and_how_to_merge(work):
    adapter = work / "run" / "adapter"
    with pytest.raises(
        ModelError, match=rf"its base is {work / 'base'}: load it as run:ID.*'nast export {adapter} --out OUT'"
    ):
        load_model(adapter, device="cpu")
    (adapter / "nast.json").unlink()
    edit(adapter / "adapter_config.json", lambda config: config.update(base_model_name_or_path="openai/clip"))
    with pytest.raises(
        ModelError, match=r"holds an adapter \(LORA, wants openai/clip\) and no model; merge the two once"
    ):
        load_model(adapter, device="cpu")


def test_what_a_fine_tune_leaves_can_be_read_by_whom_the_umask_says(work):
    modes = {path.name: path.stat().st_mode & 0o777 for path in (work / "run" / "adapter").iterdir()}
    probe = work / "probe"
    probe.write_text("")
    assert set(modes.values()) == {probe.stat().st_mode & 0o777}, modes


def test_export_copies_no_file_that_a_link_leads_to_outside_the_folder(work):
    secret = work / "secret.txt"
    secret.write_text("secret")
    (work / "base" / "notes.txt").symlink_to(secret)
    (work / "base" / "more").symlink_to(work / "run")
    (work / "base" / "extra.bin").symlink_to(secret)
    os.mkfifo(work / "base" / "pipe")
    out = export(work / "run", work / "tuned")
    assert {path.name for path in out.rglob("*")}.isdisjoint({"notes.txt", "more", "extra.bin", "pipe"})
    assert load_model(out, device="cpu").fingerprint == json.loads((out / "nast.json").read_text())["fingerprint"]


@pytest.mark.parametrize("kind", ["the image tower", "the scale", "half of them"])
def test_a_full_fine_tune_holds_the_text_layers_all_of_them_and_nothing_else(work, kind):
    adapter, model = work / "run" / "adapter", load_model(work / "base", device="cpu")
    own = dict(model.module.named_parameters())
    held = {name: p.detach().clone() for name, p in own.items() if ".layers." in name and name.startswith("text_model")}
    adapter.joinpath("adapter_config.json").unlink()
    edit(adapter / "nast.json", lambda record: record["recipe"].update(method="full"))
    save_file(held, adapter / "layers.safetensors")
    assert load_finetuned(work / "run", device="cpu").fingerprint == model.fingerprint
    foreign = (
        next(name for name in own if name.startswith("vision_model")) if kind == "the image tower" else "logit_scale"
    )
    if kind == "half of them":
        held = dict(list(held.items())[::2])
    else:
        held[foreign] = own[foreign].detach() + 1  # image vectors of the base would go on being used for it
    save_file(held, adapter / "layers.safetensors")
    assert ("would be left random" if kind == "half of them" else f"has {foreign!r}, which is no weight of") in refusal(
        work / "run"
    )
