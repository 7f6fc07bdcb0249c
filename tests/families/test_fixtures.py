"""The tiny checkpoints that tests are made on hang on their own seed alone: the same weights in every process."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.checkpoints import write_huggingface_clip, write_open_clip
from tests.writers import (
    biovil,
    chinese_clip,
    cxr_clip,
    medclip,
    open_clip_bert,
    open_clip_coca,
    open_clip_siglip,
    siglip,
    vision_text_dual,
)

WRITERS = {
    "Hugging Face CLIP": write_huggingface_clip,
    "open_clip": write_open_clip,
    "BioViL": biovil.write,
    "Chinese-CLIP": chinese_clip.write,
    "CXR-CLIP": cxr_clip.write,
    "MedCLIP": medclip.write,
    "open_clip BERT": open_clip_bert.write,
    "open_clip CoCa": open_clip_coca.write,
    "open_clip SigLIP": open_clip_siglip.write,
    "Hugging Face SigLIP": siglip.write,
    "VisionTextDualEncoder": vision_text_dual.write,
}


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of every weights file in a folder, by file and name."""
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.rglob("*")):
        held = load_file(path) if path.suffix == ".safetensors" else {}
        if path.suffix in (".bin", ".pt", ".tar"):
            held = torch.load(path, weights_only=False)  # of our own writing
            held = held.get("model", held)
        found |= {f"{path.name} {name}": tensor for name, tensor in held.items() if isinstance(tensor, torch.Tensor)}
    return found


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_a_checkpoint_is_the_same_whatever_was_drawn_before_it(write: Callable[[Path], Path], tmp_path):
    held = []
    for seed in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            held.append(tensors(write(tmp_path / str(seed))))
    one, other = held
    assert one.keys() == other.keys()
    assert one
    assert [name for name in one if not torch.equal(one[name], other[name])] == []
