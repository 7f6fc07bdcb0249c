"""On a CUDA card: whether the image tower waits for images, tracing as a share of the card's matrix speed, LoRA steps
in bf16, and whether every result is the CPU's. One script of under six minutes: ``python -m tests.perf gpu``.

``python -m tests.perf.gpu --device cpu --small`` goes through all of it anywhere, on a tiny model, and prints.
"""

import argparse
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from nast_core import load_model
from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.encoding.images import encode_named, load_image, open_image
from nast_core.encoding.reading import cores
from nast_core.encoding.showcase import image_names
from nast_core.files.places import DEMO
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.attribution_image import attribute_image
from nast_core.interpret.attribution_text import attribute_tokens
from nast_core.interpret.effects import patched_pairs, trace
from nast_core.interpret.gradients import attribution_trace
from nast_core.interpret.plan import PatchPlan
from nast_core.models.precision import lacking, with_bf16
from nast_core.negation.pairs import align, align_all, template_pairs
from tests.perf.finetune import STUDIES, prepared, step_of
from tests.perf.images import radiographs
from tests.perf.precision import chosen, encoding, steps
from tests.perf.timing import best, seconds
from tests.perf.tracing import HEADS, HEADS_BY_POSITION, PAIR, multiply_adds_of_heads, necessary_multiply_adds

Row = tuple[str, str, str]
NAME = "CLIP of ViT-B/16's size"


class Size(NamedTuple):
    """How much of everything is done."""

    images: int = 4096  # files read through the tower
    decoded: int = 48  # of them decoded by one process, for its speed
    encoded: int = 2048  # prepared images, and half as many texts
    pairs: int = 128  # traced together
    matrix: int = 8192  # side of the product that the matrix speed is taken from
    studies: int = STUDIES  # that a LoRA step draws from
    compared: int = 8  # pairs on which the card's results are compared with the CPU's


SMALL = Size(images=24, decoded=4, encoded=8, pairs=3, matrix=128, studies=24, compared=1)


def write_clip(folder: Path, *, small: bool) -> Path:
    """ViT-B/16 with CLIP's own text tower, or a tiny one of two layers; random weights."""
    torch.manual_seed(0)
    tokenizer = fit_tokenizer(corpus(500), vocabulary=1400)
    tiny = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id, "projection_dim": 512}
    side = 32 if small else 224
    vision = {"patch_size": 16, "image_size": side, "projection_dim": 512}
    config = CLIPConfig(
        text_config=ends | (tiny if small else {}), vision_config=vision | (tiny if small else {}), projection_dim=512
    )
    CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": side}, crop_size={"height": side, "width": side}).save_pretrained(folder)
    return folder


def waiting(folder: Path, device: str, size: Size) -> list[Row]:
    """Of the time that files take through the tower, the share in which the tower, given prepared images, is not at
    work."""
    model = load_model(folder, device=device)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        names = radiographs(Path(place), size.images)
        one = seconds(lambda: [model.preprocess(load_image(n, Path(place)).pixels) for n in names[: size.decoded]])
        pixels = [model.preprocess(load_image(n, Path(place)).pixels) for n in names[: min(64, size.images)]]
        many = [pixels[number % len(pixels)] for number in range(size.images)]
        for name, tower in (("float32", model), ("bf16", with_bf16(model, ["images"]))):
            alone = best(lambda tower=tower: tower.encode_images(many), 1)
            whole = best(lambda tower=tower: encode_named(tower, names, Path(place)), 1)
            rows.append(
                (f"Image tower waiting for images, {name}", f"{max(0.0, 1 - alone / whole):.0%} of the time",
                 f"{size.images:,} PNG of 1,024 px, {NAME}: {size.images / whole:,.0f} a second from disk, "
                 f"{size.images / alone:,.0f} of prepared ones; {cores()} cores read, one of them "
                     f"{size.decoded / one:.0f} a second")
            )  # fmt: skip
    return rows


def tracing(folder: Path, device: str, size: Size) -> list[Row]:
    """Block and head tracing as shares of the matrix speed, in float32 and with TF32 allowed."""
    model = load_model(folder, device=device)
    tower, pair, rows = model.text, align(PAIR, model.text), []
    a, b = (torch.randn(size.matrix, size.matrix, device=tower.device) for _ in range(2))
    plans = {
        "Exact block tracing": (PatchPlan(), necessary_multiply_adds(tower, pair)),
        "Head tracing": (HEADS, multiply_adds_of_heads(tower, pair)),
    }
    exact: dict[str, Tensor] = {}
    for name, precision in (("float32", "highest"), ("TF32", "high")):
        with _products(precision):
            speed = 2 * size.matrix**3 / best(lambda: torch.mm(a, b), 5)
            for kind, (plan, count) in plans.items():
                took = best(lambda plan=plan: patched_pairs(tower, [pair] * size.pairs, plan), 2) / size.pairs
                vectors = patched_pairs(tower, [pair], plan)[0].vectors
                off = float((vectors - exact.setdefault(kind, vectors)).abs().max())
                against = "" if name == "float32" else f"; vectors off by {off:.0e} at most from float32's"
                rows.append(
                    (f"{kind}: share of the {name} matrix speed", f"{2 * count / speed / took:.0%}",
                     f"{count / 1e9:.2f} thousand million multiply-adds necessary a pair, {speed / 1e12:.3g} TFLOP/s "
                     f"measured (side {size.matrix:,}), {took * 1000:.2f} ms a pair of {size.pairs}{against}")
                )  # fmt: skip
    return rows


@contextmanager
def _products(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


Borne = tuple[
    Callable[[], Any], float
]  # a result, and the difference that is borne: rounding, by what it is divided by


def as_on_the_cpu(folder: Path, device: str, size: Size) -> list[Row]:
    """Every kind of result by both, in float32."""
    rows = []
    for results, of in ((_results, f"demo CLIP, {size.compared} pairs"), (_step, NAME)):
        there, here = (results(folder, on, size) for on in (device, "cpu"))
        rows += [against_the_cpu(name, there[name][0], here[name][0], here[name][1], of) for name in here]
    return rows


def against_the_cpu(name: str, there: Callable[[], Any], here: Callable[[], Any], bar: float, of: str) -> Row:
    """The largest difference; what only one of them has a number for is none."""
    try:
        a, b = (np.asarray(value(), float) for value in (there, here))
    except Exception as error:  # the next may do
        traceback.print_exc()
        return _failed(f"{name}, against the CPU's", error)
    off = float(np.nanmax(np.abs(a - b)))
    alike = a.shape == b.shape and bool((np.isnan(a) == np.isnan(b)).all()) and off <= bar
    return (
        f"{name}, against the CPU's",
        f"{'' if alike else 'NOT THE SAME: '}off by {off:.0e} at most",
        f"bar {bar:.0e}; float32, {of}",
    )


def _failed(name: str, error: Exception) -> Row:
    return name, "failed", f"{type(error).__name__}: {error}".replace("|", "/").split("\n")[0]


def _results(_: Path, device: str, size: Size) -> dict[str, Borne]:
    model = load_model(DEMO, device=device)
    every = align_all(template_pairs(model.card.conditions), model.text).aligned
    pairs = every[:: max(1, len(every) // size.compared)][: size.compared]
    names = image_names(pairs)
    vectors = encode_named(model, names)[0]
    images = torch.stack([vectors[name] for name in names])
    pictures = [open_image(name, size=model.image_size) for name in names]
    return {
        "Vectors of images": (lambda: images, 1e-4),
        "Vectors of texts": (lambda: model.encode_texts([pair.pair.negated for pair in pairs]), 1e-4),
        "CTE by block": (lambda: trace(model, pairs, images).cte, 1e-3),
        "CTE by head and position": (lambda: trace(model, pairs, images, plan=HEADS_BY_POSITION).cte_head, 1e-3),
        "CTE by attribution patching": (lambda: attribution_trace(model, pairs, images).cte, 1e-3),
        "NSA": (lambda: negator_selective_attention(model, pairs).nsa, 1e-4),
        "Attribution to tokens": (lambda: attribute_tokens(model, pairs, images).token_attribution, 1e-2),
        "Attribution to regions": (
            lambda: attribute_image(model, pairs, pictures, method="occlusion").image_attribution,
            1e-2,
        ),
    }


def _step(folder: Path, device: str, size: Size) -> dict[str, Borne]:
    """Logarithms, so that differences are shares."""
    values = step_of(prepared(folder, device=device, many=size.studies)[1])()
    return {
        "Logarithm of the loss of a LoRA step": (lambda: np.log([values["loss"]]), 1e-3),
        "Logarithm of its gradient's norm": (lambda: np.log([values["gradient_norm"]]), 1e-2),
    }


def parts_on(device: str, size: Size) -> Iterator[tuple[str, Callable[[], list[Row]]]]:
    """What is measured, in order of worth: a machine that is taken away leaves what was printed."""
    with tempfile.TemporaryDirectory() as where:
        folder = write_clip(Path(where) / "clip", small=size != Size())
        yield "as on the CPU", lambda: as_on_the_cpu(folder, device, size)
        yield "tracing", lambda: tracing(folder, device, size)
        yield "steps", lambda: steps(NAME, folder, device, studies=size.studies)
        yield "waiting", lambda: waiting(folder, device, size)
        yield "encoding", lambda: encoding(NAME, folder, device, images=size.encoded, texts=size.encoded // 2)
        yield "auto", lambda: chosen(NAME, folder, device)


def measured(device: str, size: Size) -> list[Row]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    rows: list[Row] = []
    for name, part in parts_on(device, size):
        made: list[Row] = []
        try:
            spent = seconds(lambda part=part, made=made: made.extend(part()))
        except Exception as error:  # a card is lent for minutes: what else there is to measure is measured
            traceback.print_exc()
            made, spent = [_failed(name, error)], 0.0
        for row in made:
            print(" | ".join(row), flush=True)
        print(f"{name}: {spent:.0f} s", flush=True)
        rows += made
    return rows


def on_a_card() -> list[Row]:
    if not torch.cuda.is_available():
        return [("On a GPU", "not measured", "no CUDA device")]
    if missing := lacking(torch.device("cuda")):
        return [("On a GPU", "not measured", missing)]
    return measured("cuda", Size())


if __name__ == "__main__":
    asked = argparse.ArgumentParser()
    asked.add_argument("--device", default="cuda")
    asked.add_argument("--small", action="store_true")
    given = asked.parse_args()
    measured(given.device, SMALL if given.small else Size())
