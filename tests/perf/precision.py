"""bf16 beside float32: encoding images and texts, a LoRA step, and what ``auto`` makes of each."""

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nast_core import load_model
from nast_core.demo.captions import corpus
from nast_core.files.places import DEMO
from nast_core.models.encoder import DualEncoder
from nast_core.models.precision import PARTS, Part, choose_for, lacking, with_bf16
from tests.perf.finetune import STUDIES, bare, batches_of, prepared, step_of, write_biomedclip_size
from tests.perf.timing import best, seconds

Row = tuple[str, str, str]


def encoding(name: str, folder: Path | str, device: str, *, images: int, texts: int) -> list[Row]:
    """So many prepared images, and different captions, in both precisions."""
    model = load_model(folder, device=device)
    pixels = torch.randn(images, 3, model.image_size, model.image_size, generator=torch.Generator().manual_seed(0))
    said = sorted(set(corpus(4 * texts)))[:texts]
    works: dict[Part, Callable[[DualEncoder], Tensor]] = {
        "images": lambda of: of.encode_images(pixels),
        "texts": lambda of: of.encode_texts(said),
    }
    rows, vectors = [], {}
    for part in PARTS:
        count = images if part == "images" else len(said)
        slow, fast = (_timed(works[part], with_bf16(model, of)) for of in ((), (part,)))
        vectors[part] = slow[1], fast[1]
        off = float((1 - (slow[1] * fast[1]).sum(-1)).max())
        rows.append(
            (f"Encoding {count:,} {part} in bf16, {name}", f"{slow[0] / fast[0]:.2f} times as fast as in float32",
             f"{count / fast[0]:,.0f} against {count / slow[0]:,.0f} a second; 1 - cosine to the float32 vector: {off:.0e} at most")
        )  # fmt: skip
    cosines = [texts @ images.T for texts, images in zip(vectors["texts"], vectors["images"], strict=True)]
    off = float((cosines[0] - cosines[1]).abs().max())
    return [*rows, (f"Cosines of texts and images in bf16, {name}", f"off by {off:.1e} at most", f"{cosines[0].numel():,} of them")]  # fmt: skip


def _timed(work: Callable[[DualEncoder], Tensor], model: DualEncoder) -> tuple[float, Tensor]:
    found: list[Tensor] = []
    least = best(lambda: found.append(work(model)), 2)
    return least, found[-1]


def steps(name: str, folder: Path | str, device: str, *, studies: int = STUDIES) -> list[Row]:
    """A LoRA step in both precisions, and each against the bare tower's forward and backward in the same."""
    took, towers = {}, {}
    for bf16 in (False, True):
        model, task = prepared(folder, device=device, bf16=bf16, many=studies)
        took[bf16] = best(step_of(task), 2)
        batches = batches_of(model, task)
        towers[bf16] = best(bare(model.text.library_embedding, batches, bf16=bf16), 2)
    return [
        (f"LoRA step in bf16, {name}", f"{took[False] / took[True]:.2f} times as fast as in float32", f"{took[True]:.3f} s against {took[False]:.3f} s; {len(task.training.batch(0).texts)} texts"),
        (f"LoRA step in bf16, {name}, against the bare tower in bf16", f"{took[True] / towers[True]:.2f} times its forward and backward", f"{towers[True]:.3f} s; a bare PEFT loop, torch's autocast as it comes; in float32 {took[False] / towers[False]:.2f} times"),
    ]  # fmt: skip


def chosen(name: str, folder: Path | str, device: str) -> list[Row]:
    model, rows = load_model(folder, device=device), []
    for part in PARTS:
        spent = seconds(lambda part=part: rows.append(choose_for(model, "auto", part)))
        rows[-1] = (f"`auto`, {part} of {name}", rows[-1].said, f"tried for {spent:.1f} s")
    return rows


def bf16_beside_float32() -> list[Row]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    if missing := lacking(torch.device("cpu")):
        return [("bf16", "not measured", missing)]
    with tempfile.TemporaryDirectory() as where:
        biomedclip = write_biomedclip_size(Path(where) / "biomedclip-size")
        of: Sequence[tuple[str, Path | str, int]] = (
            ("BERT-base and ViT-B/16", biomedclip, 32),
            ("the demo CLIP", DEMO, 256),
        )
        rows: list[Row] = []
        for name, folder, images in of:
            rows += encoding(name, folder, "cpu", images=images, texts=8 * images)
            rows += steps(name, folder, "cpu")
            rows += chosen(name, folder, "cpu")
        return rows
