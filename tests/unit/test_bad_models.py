"""Model folders that must not load: each is refused with one sentence that says what is wrong and what to do."""

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

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


def test_an_unknown_family_is_refused_with_what_was_found_and_what_could_be_loaded(copied, edit, refusal):
    folder = copied()
    edit(folder / "config.json", lambda config: config.update(model_type="bert"))
    message = refusal(folder)
    assert "'bert'" in message
    assert "Hugging Face CLIP, open_clip" in message


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
    message = refusal(folder)
    found, expected = message.index("24"), message.index("32")
    assert message.index(key) < found < expected
    assert "config" in message
