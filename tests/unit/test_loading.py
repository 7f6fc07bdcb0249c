"""open_clip's models are filled from their file: every tensor is there, is open_clip's own, and is held once."""

import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import load, save_file
from torch import Tensor, nn

from nast_core import load_model
from nast_core.models.open_clip_weights import build
from tests.checkpoints import write_open_clip
from tests.writers import open_clip_bert, open_clip_coca, open_clip_siglip

pytestmark = pytest.mark.slow  # every layout of weights

WRITERS = {
    "native": write_open_clip,
    "BERT": open_clip_bert.write,
    "BERT's own pooler": lambda folder: open_clip_bert.write(folder, hf_pooler_type="cls_pooler"),
    "RoBERTa": open_clip_bert.write_roberta,
    "UniMed": open_clip_bert.write_unimed,
    "SigLIP": open_clip_siglip.write,
    "CoCa": open_clip_coca.write,
}
every_layout = pytest.mark.parametrize("layout", list(WRITERS))


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("open_clip")
    return {layout: write(base / layout.replace(" ", "-")) for layout, write in WRITERS.items()}


@pytest.fixture
def copied(folders, tmp_path) -> Callable[[str], Path]:
    return lambda layout: Path(shutil.copytree(folders[layout], tmp_path / "model"))


def weights_of(folder: Path) -> Path:
    (path,) = (path for path in folder.iterdir() if path.suffix in (".bin", ".pt", ".safetensors"))
    return path


def read(folder: Path) -> dict[str, Tensor]:
    path = weights_of(folder)
    held = load(path.read_bytes()) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    return held.get("state_dict", held)


def as_safetensors(folder: Path, tensors: dict[str, Tensor]) -> Path:
    weights_of(folder).unlink()
    save_file(tensors, folder / "open_clip_model.safetensors")
    return folder


def without_weights(folder: Path, **options: object) -> nn.Module:
    text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    if text.get("hf_model_name"):
        options["text_cfg"] = text | {"hf_model_name": str(folder), "hf_model_pretrained": False}
    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}", load_weights=False, **options)
    return model


def made_by_open_clip(folder: Path) -> nn.Module:
    """Built at random by open_clip, then its tensors copied in, one at a time and by name."""
    model = without_weights(folder)
    own = model.state_dict()
    for name, tensor in read(folder).items():
        name = name.removeprefix("module.").replace("text_encoder.", "text.")
        if name != "text.transformer.embeddings.position_ids":  # in UniMed's file only
            own.pop(name).copy_(tensor)
    assert not own
    return model


def tensors_of(model: nn.Module) -> dict[str, Tensor]:
    """Buffers that are saved nowhere are among them."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


@every_layout
def test_every_parameter_and_buffer_has_a_value_and_it_is_open_clips(folders, layout):
    module = load_model(folders[layout], device="cpu").module
    ours, theirs = tensors_of(module), tensors_of(made_by_open_clip(folders[layout]))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.device.type == "cpu", name
        assert tensor.dtype == theirs[name].dtype, name
        assert torch.equal(tensor, theirs[name]), name
        assert not tensor.requires_grad, name
    assert module.training is False


@every_layout
@pytest.mark.parametrize("safe", [True, False])
def test_a_missing_and_an_unexpected_name_are_refused_in_either_kind_of_file(copied, layout, safe, refusal):
    folder = copied(layout)
    tensors = read(folder)
    last = [name for name in tensors if "transformer" in name and name.endswith("bias")][-1]
    short = {name: tensor for name, tensor in tensors.items() if name != last}
    for wrong, named in ((short, last), ({**tensors, f"{last}.stranger": torch.ones(2)}, f"{last}.stranger")):
        weights_of(folder).unlink()
        if safe:
            save_file(wrong, folder / "open_clip_model.safetensors")
        else:
            torch.save(wrong, folder / "open_clip_pytorch_model.bin")
        assert named.removeprefix("module.").replace("text_encoder.", "text.") in refusal(folder)


def test_masks_and_position_ids_are_in_no_file_and_yet_real(folders):
    native, bert = (dict(load_model(folders[kind], device="cpu").module.named_buffers()) for kind in ("native", "BERT"))
    assert native["attn_mask"].tolist() == [
        [0.0 if key <= query else float("-inf") for key in range(77)] for query in range(77)
    ]
    embeddings = "text.transformer.embeddings"
    assert bert[f"{embeddings}.position_ids"].tolist() == [list(range(512))]
    assert bert[f"{embeddings}.token_type_ids"].tolist() == [[0] * 512]
    for kind, buffers in (("native", native), ("BERT", bert)):
        assert not buffers.keys() & read(folders[kind]).keys()


@pytest.mark.parametrize("trunk", ["swin_tiny_patch4_window7_224", "vitamin_small_224"])
def test_image_towers_that_compute_with_their_parameters_while_they_are_built_are_built(trunk, tmp_path):
    """Swin makes its masks where its parameters are; ViTamin runs its own convolutions to learn their shape."""
    vision = {"timm_model_name": trunk, "timm_pool": "", "timm_proj": "linear", "image_size": 224}
    text = {"vocab_size": 10, "width": 16, "heads": 2, "layers": 1}
    config = {"model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    ours, theirs = build(tmp_path)[0], without_weights(tmp_path)
    buffers = dict(theirs.named_buffers())
    assert {name: tuple(p.shape) for name, p in ours.named_parameters()} == {
        name: tuple(p.shape) for name, p in theirs.named_parameters()
    }
    assert len(buffers) > 1 or "vitamin" in trunk
    assert all(torch.equal(buffer, buffers.pop(name)) for name, buffer in ours.named_buffers())
    assert not buffers


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("wanted", ["float32", "float64", "bfloat16"])
def test_weights_of_another_precision_become_the_one_asked_for(copied, stored, wanted):
    folder = copied("SigLIP")
    tensors = {name: tensor.to(stored) for name, tensor in read(folder).items()}
    module = load_model(as_safetensors(folder, tensors), device="cpu", dtype=wanted).module
    kind = getattr(torch, wanted)
    assert all(torch.equal(found, tensors[name].to(kind)) for name, found in module.state_dict().items())
    assert {tensor.dtype for tensor in module.state_dict().values()} == {kind}


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@every_layout
def test_weights_in_a_safetensors_file_are_held_once_as_that_files_own_memory(copied, layout):
    folder = copied(layout)
    as_safetensors(folder, read(folder))
    module = load_model(folder, device="cpu").module
    maps = [line.split() for line in Path("/proc/self/maps").read_text().splitlines() if str(folder) in line]
    ranges = [[int(end, 16) for end in line[0].split("-")] for line in maps]
    assert ranges
    for name, parameter in module.named_parameters():
        assert any(start <= parameter.data_ptr() < end for start, end in ranges), name


def test_a_loaded_model_that_is_changed_leaves_its_file_as_it_was(copied):
    folder = copied("SigLIP")
    before = weights_of(folder).read_bytes()
    module = load_model(folder, device="cpu").module
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    assert weights_of(folder).read_bytes() == before


def test_what_other_threads_build_meanwhile_has_values(folders):
    with ThreadPoolExecutor(1) as pool:
        loading, built = pool.submit(load_model, folders["BERT"], device="cpu"), 0
        while not loading.done():
            assert not nn.Linear(1, 1).weight.is_meta
            built += 1
        loading.result()
    assert built > 10
    assert not nn.Linear(1, 1).weight.is_meta


def test_values_come_back_after_a_model_that_could_not_be_built(copied, edit, refusal):
    folder = copied("native")
    edit(folder / "open_clip_config.json", lambda config: config["model_cfg"]["text_cfg"].update(heads=5))
    refusal(folder)
    assert not nn.Linear(1, 1).weight.is_meta
