"""bf16 beside float32: encoding images and texts, a LoRA step, and what ``auto`` makes of each.

On a CPU the seconds are the processor's, which others who use the machine do not lengthen.
"""

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
from tests.perf.timing import in_turns, seconds

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
        other = with_bf16(model, [part])
        slow, fast = in_turns(lambda part=part: works[part](model), lambda part=part, other=other: works[part](other))
        one, two = vectors[part] = works[part](model), works[part](other)
        off = float((1 - (one * two).sum(-1)).max())
        rows.append(
            (f"Encoding {count:,} {part} in bf16, {name}", f"{slow / fast:.2f} times as fast as in float32",
             f"{_rate(count / fast)} against {_rate(count / slow)} a second; 1 - cosine to the float32 vector: "
             f"{off:.0e} at most")
        )  # fmt: skip
    cosines = [texts @ images.T for texts, images in zip(vectors["texts"], vectors["images"], strict=True)]
    off = float((cosines[0] - cosines[1]).abs().max())
    return [*rows, (f"Cosines of texts and images in bf16, {name}", f"off by {off:.1e} at most",
        f"{cosines[0].numel():,} of them")]  # fmt: skip


def _rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def steps(name: str, folder: Path | str, device: str, *, studies: int = STUDIES) -> list[Row]:
    """A LoRA step in both precisions, and each against the bare tower's forward and backward in the same."""
    models = {bf16: prepared(folder, device=device, bf16=bf16, many=studies) for bf16 in (False, True)}
    slow, fast = in_turns(*(step_of(task) for _, task in models.values()))
    bares = [
        bare(model.text.library_embedding, batches_of(model, task), bf16=bf16) for bf16, (model, task) in models.items()
    ]
    slow_tower, fast_tower = in_turns(*bares)
    texts = len(models[True][1].training.batch(0).texts)
    return [
        (f"LoRA step in bf16, {name}", f"{slow / fast:.2f} times as fast as in float32",
         f"{fast:.3f} s against {slow:.3f} s; {texts} texts"),
        (f"LoRA step in bf16, {name}, against the bare tower in bf16",
         f"{fast / fast_tower:.2f} times its forward and backward",
         f"{fast_tower:.3f} s; a bare PEFT loop, torch's autocast as it comes; in float32 "
         f"{slow / slow_tower:.2f} times"),
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
            ("BERT-base and ViT-B/16", biomedclip, 8),
            ("the demo CLIP", DEMO, 256),
        )
        rows: list[Row] = []
        for name, folder, images in of:
            rows += encoding(name, folder, "cpu", images=images, texts=4 * images)
            rows += steps(name, folder, "cpu")
            rows += chosen(name, folder, "cpu")
        return rows
