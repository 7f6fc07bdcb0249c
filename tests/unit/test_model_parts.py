"""What comes with the weights, and how a model is asked for: tokenizer, preprocessing, device, precision, card."""

import encodings.utf_8_sig  # noqa: F401  # needed while another user, who may not read it where Python is root's
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nast_core import load_model
from nast_core.errors import TextError
from nast_core.models import hf_folder
from nast_core.models.registry import pick_device

OPEN_CLIP_WEIGHTS = "open_clip_pytorch_model.bin"


@contextmanager
def ordinary_user():
    """While open, this process is nobody where it was root: root reads everything."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.setresuid(65534, 65534, 0)
    except OSError:
        pytest.skip("root of this container may not become another user, and reads everything")
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def open_folder(folders):
    """A copy of a checkpoint in a place that every user may enter."""
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    yield Path(shutil.copytree(folders["Hugging Face CLIP"], base / "model"))
    (base / "model").chmod(0o755)
    shutil.rmtree(base)


def test_a_folder_that_may_not_be_read_is_refused_with_the_command_that_helps(open_folder, refusal):
    open_folder.chmod(0)
    with ordinary_user():
        message = refusal(open_folder)
    assert message == f"the folder {open_folder} may not be read by this user; change its permissions (chmod u+rx)"


def test_a_folder_inside_one_that_may_not_be_entered_is_refused(open_folder, refusal):
    open_folder.chmod(0)
    with ordinary_user():
        assert refusal(open_folder / "inner").startswith("there is no folder ")


def test_weights_that_may_not_be_read_are_refused_with_the_command_that_helps(open_folder, refusal):
    (open_folder / "model.safetensors").chmod(0)
    with ordinary_user():
        assert "may not be read by this user; change its permissions (chmod u+r)" in refusal(open_folder)


@pytest.mark.parametrize("spec", ["x" * 5000, "no\0where", "~nobody-of-this-name/clip", "local-dir:/no/where"])
def test_odd_paths_are_refused_like_any_folder_that_is_not_there(spec, tmp_path, monkeypatch):
    from nast_core.errors import ModelError

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"there is no folder|is of no family"):
        load_model(spec, device="cpu")


def test_no_name_at_all_is_asked_for():
    from nast_core.errors import ModelError

    with pytest.raises(ModelError, match="no model is named; write demo, a folder, or a name of 'nast model list'"):
        load_model("", device="cpu")


def test_a_folder_without_a_tokenizer_is_refused_rather_than_read_with_an_empty_vocabulary(copied, refusal):
    folder = copied()
    (folder / "tokenizer.json").unlink()
    assert refusal(folder) == f"{folder} has no tokenizer; copy tokenizer.json, or vocab.json and merges.txt, into it"
    (folder / "vocab.json").write_text('{"a": 0}')
    assert "has no tokenizer" in refusal(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
def test_a_tokenizer_file_that_is_cut_off_is_refused(copied, refusal, name):
    path = copied() / name
    path.write_bytes(path.read_bytes()[:200])
    assert refusal(path.parent).startswith(f"the tokenizer in {path.parent} does not load, so copy the one")


def test_a_tokenizer_with_more_tokens_than_the_model_embeds_is_refused_with_both_numbers(copied, refusal, edit):
    folder = copied()
    rows = load_model(folder, device="cpu").model.config.text_config.vocab_size
    edit(folder / "config.json", lambda config: config["text_config"].update(vocab_size=900))
    tensors, key = load_file(folder / "model.safetensors"), "text_model.embeddings.token_embedding.weight"
    save_file({**tensors, key: tensors[key][:900].clone()}, folder / "model.safetensors", {"format": "pt"})
    message = refusal(folder)
    assert f"has {rows} tokens and the model embeds only 900" in message
    assert "copy the tokenizer" in message


def test_a_tokenizer_that_ends_texts_otherwise_than_the_config_pools_warns_on_load_and_refuses_texts(copied, edit):
    folder = copied()
    edit(folder / "config.json", lambda config: config["text_config"].update(eos_token_id=7))
    model = load_model(folder, device="cpu")
    assert any("config pools at token id 7" in warning for warning in model.report.warnings)
    with pytest.raises(TextError, match="no end-of-text token \\(id 7\\)"):
        model.encode_texts(["there is no edema ."])


def test_a_folder_without_preprocessing_is_refused(copied, refusal):
    folder = copied()
    (folder / "preprocessor_config.json").unlink()
    assert "has no preprocessor_config.json, so image size and normalisation are unknown" in refusal(folder)


@pytest.mark.parametrize("content", ["", "[]", '{"crop', '{"image_processor_type": "Nothing"}'])
def test_preprocessing_that_cannot_be_read_is_refused(copied, refusal, content):
    folder = copied()
    (folder / "preprocessor_config.json").write_text(content)
    assert f"{folder}/preprocessor_config.json does not load" in refusal(folder)


def test_preprocessing_to_another_size_than_the_model_reads_is_refused_with_both_sizes(copied, refusal, edit):
    folder = copied()
    edit(folder / "preprocessor_config.json", lambda config: config.update(crop_size={"height": 56, "width": 56}))
    assert "makes images of 56 px and the model reads 28 px" in refusal(folder)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("text_cfg", {"context_length": 40}, "'positional_embedding': found (77, 32), expected (40, 32)"),
        ("vision_cfg", {"image_size": 56}, "'visual.positional_embedding': found (5, 32), expected (17, 32)"),
    ],
)
@pytest.mark.parametrize("safe", [False, True])
def test_a_position_table_that_open_clip_would_stretch_in_silence_is_refused(
    copied, refusal, edit, part, change, said, safe
):
    folder = copied("open_clip")
    edit(folder / "open_clip_config.json", lambda config: config["model_cfg"][part].update(change))
    if safe:
        weights = torch.load(folder / OPEN_CLIP_WEIGHTS, weights_only=True)
        save_file(weights, folder / "open_clip_model.safetensors", {"format": "pt"})
        (folder / OPEN_CLIP_WEIGHTS).unlink()
    assert said in refusal(folder)


def test_weights_that_the_model_does_not_use_are_reported(copied):
    folder = copied()
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra.weight": torch.ones(2)}, folder / "model.safetensors", {"format": "pt"})
    assert load_model(folder, device="cpu").report.unused_keys == ("extra.weight",)


def test_pickled_tensors_and_safetensors_of_the_same_weights_have_one_fingerprint_and_others_another(copied):
    folder = copied()
    safe = load_model(folder, device="cpu")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(tensors, folder / "pytorch_model.bin")
    assert load_model(folder, device="cpu").fingerprint == safe.fingerprint
    tensors["logit_scale"] += 1e-4
    torch.save(tensors, folder / "pytorch_model.bin")
    assert load_model(folder, device="cpu").fingerprint != safe.fingerprint


@pytest.mark.parametrize("device", ["tpu", "cpu:first", "", "cuda:x"])
def test_a_device_that_is_not_there_is_refused(folders, refusal, device):
    assert "device" in refusal(folders["Hugging Face CLIP"], device=device)


def test_the_device_chosen_alone_is_one_that_torch_can_use():
    assert torch.ones(1, device=pick_device()).sum() == 1


@pytest.mark.parametrize("dtype", ["int8", "float", ""])
def test_an_unknown_precision_is_refused_with_the_known_ones(folders, refusal, dtype):
    assert "choose one of float32, float64, bfloat16, float16" in refusal(folders["Hugging Face CLIP"], dtype=dtype)


def test_the_card_is_read_from_nast_json_and_a_broken_one_is_refused(copied, refusal):
    folder = copied()
    (folder / "nast.json").write_text('{"name": "A", "licence": "MIT", "conditions": ["Edema"]}')
    card = load_model(folder, device="cpu").card
    assert (card.name, card.licence, card.conditions) == ("A", "MIT", ("Edema",))
    (folder / "nast.json").write_text('{"name": ')
    assert f"{folder}/nast.json cannot be read as JSON" in refusal(folder)


def test_a_local_dir_prefix_names_the_same_folder(folders):
    assert load_model(f"local-dir:{folders['open_clip']}", device="cpu").card.family == "open_clip"


def _held(model):
    """All that a library's model holds: name -> values, bit for bit."""
    return {name: (value.dtype, value.numpy().tobytes()) for name,
        value in [*model.module.named_parameters(), *model.module.named_buffers()]}  # fmt: skip


def test_weights_under_the_librarys_own_names_give_the_model_that_its_own_reader_gives(folders, monkeypatch):
    folder, ways = folders["Hugging Face CLIP"], []
    translated = hf_folder._translated
    monkeypatch.setattr(hf_folder, "_translated", lambda *given: ways.append("library") or translated(*given))
    taken = load_model(folder, device="cpu")
    assert ways == []
    monkeypatch.setattr(hf_folder, "_as_stored", lambda *_: False)
    read = load_model(folder, device="cpu")
    assert ways == ["library"]
    assert _held(taken) == _held(read)
    assert (taken.fingerprint, taken.report) == (read.fingerprint, read.report)
    assert taken.module.config._attn_implementation == read.module.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("change", "unused"),
    [("half precision", ()), ("text_model.embeddings.position_ids", ()), ("extra.weight", ("extra.weight",))],
)
def test_weights_that_are_not_as_the_model_has_them_are_read_by_its_library(folders, tmp_path, change, unused):
    folder = Path(shutil.copytree(folders["Hugging Face CLIP"], tmp_path / "model"))
    tensors = load_file(folder / "model.safetensors")
    if change == "half precision":
        tensors = {name: value.half() for name, value in tensors.items()}
    else:  # a buffer that older versions wrote, and a weight that nothing reads
        tensors[change] = torch.arange(48)[None]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model = load_model(folder, device="cpu")
    assert {parameter.dtype for parameter in model.module.parameters()} == {torch.float32}
    assert model.report.unused_keys == unused
