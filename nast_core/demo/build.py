"""Building the demo CLIP from nothing: phantoms, two towers, figures, model card. Source: ours."""

import json
import os
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import CLIPImageProcessor, PreTrainedModel, PreTrainedTokenizerBase

from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.prompts import denial_prompt, presence_prompt, prompt_scores
from nast_core.data.phantom import CONDITIONS, SPLITS, phantoms
from nast_core.demo.captions import corpus, taught_cues
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.demo.towers import (
    GRID,
    PIXEL_MEAN,
    PIXEL_STD,
    SIZE,
    Plan,
    image_states,
    new_clip,
    train_text_tower,
    warm_up_image_tower,
)
from nast_core.demo.visibility import supervised_auroc
from nast_core.demo.world import load_world
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named, phantom_name
from nast_core.files.writing import whole_folder, write_text, writing
from nast_core.models import DualEncoder
from nast_core.models.model_files import fingerprint
from nast_core.models.registry import load_model
from nast_core.statistics.auroc import auroc
from nast_core.statistics.rates import Rate

TESTED = 50_000  # the test phantoms that are measured on begin here


def build(out: Path, *, seed: int = 0, work: Path = Path("build/demo"), plan: Plan | None = None) -> dict:
    """Writes the demo CLIP of ``seed`` to ``out`` and returns its figures on the test split.

    Resumable: drawn phantoms and both towers' checkpoints stay in ``work``, and a second call goes on there.
    """
    plan, began, cpu = plan or Plan(), time.perf_counter(), cpu_seconds()
    folder = work / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    resumed = (folder / "image-tower.pt").exists()
    first, second = (start_of(slot, plan.image_phantoms) for slot in (10 * seed, 10 * seed + 5))
    tokenizer = fit_tokenizer(corpus(4000))
    clip = new_clip(tokenizer, seed)
    drawing: dict[str, Any] = {"size": SIZE, "cache": work / "phantoms", "workers": torch.get_num_threads()}
    world = load_world("train", first, plan.image_phantoms, grid=GRID, **drawing)
    warm_up_image_tower(clip, world, plan, seed, folder)
    # fresh phantoms: the image tower knows the first ones too well for its states of them to be typical
    world = load_world("train", second, plan.text_phantoms, grid=0, **drawing)
    train_text_tower(clip, tokenizer, image_states(clip, world.pixels, label="Image states"), world, plan, seed, folder)
    draft = folder / "demo-clip"
    with writing(draft):
        write_model(draft, clip, tokenizer, name="demo CLIP", licence="MIT", cues=taught_cues(plan.negated_share))
    figures = measure(load_model(draft, device="cpu"), items=plan.test_items, people=plan.test_phantoms)
    figures["supervised_auroc"] = supervised_auroc(draft, folder / "image-tower.pt", people=plan.test_phantoms)
    figures["build"] = {
        "seed": seed,
        "wall_minutes": None if resumed else round((time.perf_counter() - began) / 60, 1),
        "cpu_minutes": None if resumed else round((cpu_seconds() - cpu) / 60, 1),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "plan": asdict(plan),
    }
    write_text(draft / "figures.json", json.dumps(figures, indent=2))
    write_text(draft / "README.md", _card(figures))
    publish(draft, out)
    return figures


def start_of(slot: int, count: int) -> int:
    """Where in the train split a world of ``count`` phantoms begins; slots of the first seeds do not overlap."""
    return slot * count % (len(SPLITS["train"]) - count)


def cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def write_model(
    folder: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    name: str,
    licence: str,
    cues: Sequence[str],
) -> None:
    """A built CLIP as a folder that loads: weights, tokenizer, image processor, and what is on record of it.

    ``cues``: of negation, that its captions have.
    """
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": SIZE},
        crop_size={"height": SIZE, "width": SIZE},
        image_mean=[PIXEL_MEAN] * 3,
        image_std=[PIXEL_STD] * 3,
    ).save_pretrained(folder)
    record = {
        "name": name,
        "licence": licence,
        "conditions": list(CONDITIONS),
        "cues": list(cues),
        "fingerprint": fingerprint(model),
    }
    write_text(folder / "nast.json", json.dumps(record, indent=2))


def publish(draft: Path, out: Path) -> None:
    """Puts the finished folder in place; what was there stays until the new one is whole. Without its config it is no
    model: that comes last."""
    names = sorted((path.name for path in draft.iterdir()), key=lambda name: (name == "config.json", name))
    with whole_folder(out, names) as incoming:
        shutil.copytree(draft, incoming, dirs_exist_ok=True)


def measure(
    model: DualEncoder,
    *,
    items: int = Plan.test_items,
    people: int = Plan.test_phantoms,
    cache: VectorCache | None = None,
) -> dict:
    """Figures on test phantoms, which no training saw: paired MCQs and zero-shot AUROC. ``cache``: of vectors."""
    questions = phantom_items(items, seed=0)
    summary = run_benchmark(model, questions, cache=cache).summary
    summary.pop("provenance")
    tested = list(phantoms("test", people, start=TESTED))
    vectors, _ = encode_named(model, [phantom_name(p) for p in tested], cache=cache)
    images = torch.stack([vectors[phantom_name(p)] for p in tested])
    truth = np.array([[p.labels[c] for c in CONDITIONS] for p in tested])
    present = _aurocs(prompt_scores(model, images, [presence_prompt(c) for c in CONDITIONS]), truth)
    denied = _aurocs(prompt_scores(model, images, [denial_prompt(c) for c in CONDITIONS]), 1 - truth)
    return {
        "mcq": summary,
        "zero_shot_auroc": present,
        "negated_prompt_auroc": denied,
        "phantoms": people,
    }


def _aurocs(score: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """By condition, and "macro": their mean."""
    areas = {c: auroc(truth[:, i], score[:, i]) for i, c in enumerate(CONDITIONS)}
    return areas | {"macro": float(np.mean(list(areas.values())))}


def duration(record: dict) -> str:
    if record["cpu_minutes"] is None:
        return "over several sittings, not timed"
    return f"in {record['wall_minutes']} minutes, {record['cpu_minutes']} CPU-minutes"


def _card(figures: dict) -> str:
    mcq = figures["mcq"]

    def line(key: str, scale: float = 100, unit: str = " %") -> str:
        rate = Rate.of(mcq[key]).times(scale)
        return f"{rate.interval('.1f', unit)}, n = {rate.n}"

    return f"""---
license: mit
library_name: transformers
tags: [clip, chest-x-ray, synthetic, negation]
---
# Demo CLIP of NAST Dashboard

A small CLIP trained on drawn chest radiographs (phantoms) and template captions. It misreads negation for the reason
report-trained medical CLIPs do: an absent finding is nearly always said affirmatively in its captions.
**Phantoms are drawings, not patients. Research use only; not a medical device.**

- Text tower: 12 layers x 8 heads x width 128, causal, end-of-text pooling. Image tower: ViT, 4 x 6 x 192, patch 14, 112 px.
- Data: {figures["build"]["plan"]["image_phantoms"]:,} phantoms for the image tower, {figures["build"]["plan"]["text_phantoms"]:,}
  others for the text tower; {figures["build"]["plan"]["negated_share"]:.0%} of the absent findings said with "no" or "without".
- Made by `nast demo build --seed {figures["build"]["seed"]}` {duration(figures["build"])} ({figures["build"]["machine"]}).

Test phantoms, never trained on; 95 % intervals by bootstrap over patients:

| figure | value |
| --- | --- |
| MCQ accuracy, affirmative | {line("acc_affirmative")} |
| MCQ accuracy, negated | {line("acc_negated")} |
| gap, percentage points | {line("gap_points", 1, "")} |
| blind, affirmative | {line("blind_affirmative")} |
| blind, negated | {line("blind_negated")} |
| supervised AUROC of the image tower, least visible condition | {min(figures["supervised_auroc"].values()):.3f}, n = {figures["phantoms"]} |
| zero-shot AUROC, macro | {figures["zero_shot_auroc"]["macro"]:.3f}, n = {figures["phantoms"]} |
| AUROC of "there is no X" for absence, macro | {figures["negated_prompt_auroc"]["macro"]:.3f}, n = {figures["phantoms"]} |
"""  # noqa: E501
