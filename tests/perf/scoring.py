"""Scoring 5,000 items: against open_clip's own loop, item by item; against encoding alone; and again from the cache.

The model is an open_clip CLIP of random weights, small so that a bench ends; open_clip pads every text to the context.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file

from nast_core import load_model
from nast_core.benchmark.items import Item
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.benchmark.scoring import distinct_texts
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import open_image
from nast_core.models.encoder import DualEncoder
from nast_core.negation.forms import FORMS
from nast_core.statistics.rates import rate

ITEMS, SHARE, RESAMPLES = 5000, 100, 10_000
CONFIG = {
    "embed_dim": 256,
    "vision_cfg": {"image_size": 112, "layers": 6, "width": 256, "head_width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 256, "heads": 4, "layers": 6},
}


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def write_model(folder: Path) -> Path:
    torch.manual_seed(0)
    weights = {name: value.contiguous() for name, value in open_clip.CLIP(**CONFIG).state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {}}))
    return folder


@torch.inference_mode()
def item_by_item(folder: Path, items: Sequence[Item]) -> float:
    """Seconds of an evaluation loop in open_clip's own words: an image and its eight options at a time."""
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, require_pretrained=True)
    model, tokenizer = model.eval(), open_clip.get_tokenizer(name)

    def choices(asked: Sequence[Item]) -> list[int]:
        found = []
        for item in asked:
            picture = open_image(item.image, size=CONFIG["vision_cfg"]["image_size"]).convert("RGB")
            image = model.encode_image(transform(picture)[None], normalize=True)
            texts = model.encode_text(tokenizer([*item.affirmative, *item.negated]), normalize=True)
            found += (texts @ image[0]).view(len(FORMS), 4).argmax(-1).tolist()
        return found

    choices(items[:4])
    return _seconds(lambda: choices(items))


def encode_once(model: DualEncoder, items: Sequence[Item]) -> None:
    names = list(dict.fromkeys(item.image for item in items))
    model.encode_images(open_image(name, size=model.image_size) for name in names)
    model.encode_texts(distinct_texts(items))


def scoring_against_an_open_clip_loop(count: int = ITEMS, share: int = SHARE) -> list[tuple[str, str, str]]:
    items = phantom_items(count, seed=11)
    with tempfile.TemporaryDirectory() as folder:
        place = write_model(Path(folder))
        loop = item_by_item(place, items[:share]) * count / share
        model, cache = load_model(place, device="cpu"), VectorCache(place / "cache")
        first = _seconds(lambda: run_benchmark(model, items, cache=cache))
        again = _seconds(lambda: run_benchmark(model, items, cache=cache))
    alone = _seconds(lambda: encode_once(model, items))
    rng = np.random.default_rng(0)
    right, patients = rng.integers(2, size=count).astype(float), [str(i) for i in range(count)]
    interval = _seconds(lambda: rate(right, patients, resamples=RESAMPLES))
    texts = f"{len(distinct_texts(items)):,} distinct of {8 * count:,} option texts"
    return [
        (f"Scoring {count:,} items, intervals, slices and tests "
            "included", f"{first:.1f} s", f"a 6-layer CLIP; {texts}"),
        ("Against open_clip's own loop, item by item", f"{loop / first:.1f} times faster", f"loop: {loop:.0f} s, "
            f"measured on {share} items and scaled; bar 3"),
        ("Against encoding distinct texts and images "
            "once", f"{first / alone:.2f} times the time", f"encoding: {alone:.1f} s; bar 1.1"),
        ("The same again, from the cache", f"{first / again:.0f} times faster", f"{again:.2f} s; bar 20"),
        (f"Bootstrap of {count:,} items", f"{interval:.2f} s", f"{RESAMPLES:,} resamples; bar 2 s"),
    ]  # fmt: skip
