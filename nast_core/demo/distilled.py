"""What distilling a repair into the weights brings a demo model: before and after, on test phantoms (issue of repairs).

Questions by seen and held-out cues, and by every construction of the grammar; denials cue by cue with false denial
beside them; thirty denials that no text has; zero-shot AUROC and retrieval.
"""

import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.grammar import Normal, demo_grammar
from nast_core.benchmark.phantoms import phantom_studies
from nast_core.benchmark.scoring import score_items, summarise
from nast_core.benchmark.template import TemplateWriter, Words
from nast_core.claims.prompts import Prompt, prompt_scores
from nast_core.claims.wording_figures import wording_figures
from nast_core.demo.study.measures import measure_test
from nast_core.demo.study.plan import Plan
from nast_core.demo.study.world import World
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_json, write_text
from nast_core.finetune.features import image_features
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.teaching import teaching
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import HELD_OUT_CUES, sentence_case
from nast_core.opening import load_finetuned, load_model
from nast_core.recipe import Reporter
from nast_core.statistics.auroc import aurocs
from nast_core.statistics.seeds import over_seeds, rate_of
from nast_core.vocabulary.shipped import chest
from nast_core.work.finetune import finetune

SIZES = Plan(test_items=600, unseen_items=300, test_studies=300)
GRAMMAR_ITEMS = 300
_UNTOUCHED = 70_000  # as in study/world.py
LABELS = {  # figure -> (what it is called, factor, digits)
    "acc_affirmative": ("accuracy, affirmative (%)", 100, 1),
    "acc_negated": ("accuracy, negated, five seen cues (%)", 100, 1),
    "acc_negated_unseen": ("accuracy, negated, four held-out cues (%)", 100, 1),
    "gap_points": ("gap, seen cues (points)", 1, 1),
    "gap_points_unseen": ("gap, held-out cues (points)", 1, 1),
    "gap_points_grammar": ("gap, every cue of the grammar (points)", 1, 1),
    "acc_negated_grammar": ("accuracy, negated, every cue of the grammar (%)", 100, 1),
    "blind_negated": ("blind accuracy, negated (%; chance 25)", 100, 1),
    "taught": ("AUROC of denials, cues taught", 1, 3),
    "held_out": ("AUROC of denials, cues kept out of the texts", 1, 3),
    "never": ("AUROC of 30 denials in no text, mean", 1, 3),
    "false_denial": ("AUROC of affirmations in new frames", 1, 3),
    "pseudo": ("AUROC of pseudo-negations in no text", 1, 3),
    "zero_shot": ("zero-shot AUROC, macro", 1, 3),
    "retrieval_map": ("retrieval, mAP (%)", 100, 1),
    "retrieval_5": ("retrieval, recall at 5 (%)", 100, 1),
}


def never_taught(
    model: DualEncoder, images: torch.Tensor, presence: np.ndarray, conditions: Sequence[str]
) -> dict[str, float]:
    """Template of ``teaching.never`` -> AUROC for the absence of a condition, mean over conditions. ``images``: unit
    vectors; ``presence``: 1, 0, NaN unknown [image condition]."""
    words = chest()
    templates = teaching(words.examination).never
    prompts = [
        Prompt((sentence_case(f"{Words((words[name].prompt_nouns[0],), (Normal(''),)).fill(template, [0])}."),))
        for template in templates
        for name in conditions
    ]
    absence = np.tile(1 - presence, (1, len(templates)))
    values = aurocs(absence, prompt_scores(model, images, prompts)).reshape(len(templates), len(conditions))
    return dict(zip(templates, np.nanmean(values, axis=1).tolist(), strict=True))


def figures(world: World, model: DualEncoder, taught: frozenset[str]) -> dict[str, Any]:
    """LABELS of one model, and ``denials``: each of the thirty. ``taught``: the cues that a fine-tune's texts have."""
    tested = {name: rate["value"] for name, rate in measure_test(world, model, model.encode_texts).items()}
    studies = phantom_studies(GRAMMAR_ITEMS, start=_UNTOUCHED)
    items = build_items(studies, GRAMMAR_ITEMS, TemplateWriter(demo_grammar())).items
    vectors, _ = image_features(world.base(), [item.image for item in items], None)
    of_grammar = summarise(score_items(model, items, vectors))
    claims = world.test_claims
    everything = torch.stack([world.test_images[name] for name in claims.images.image])
    presence, patients = claims.presence_of(claims.conditions), claims.images.patient_id.tolist()
    asked = (everything, presence, patients, claims.conditions)
    groups = wording_figures(model, *asked, taught=taught, resamples=2).summary()["groups"]
    denials = never_taught(model, everything, presence, claims.conditions)
    named = {"taught": "taught", "held_out": "held out", "false_denial": "false denial", "pseudo": "pseudo-negation"}
    return {
        **{name: tested[name] for name in LABELS if name in tested},
        **{f"{name}_grammar": of_grammar[name]["value"] for name in ("gap_points", "acc_negated")},
        **{name: groups[group]["value"] for name, group in named.items() if group in groups},
        "never": float(np.mean(list(denials.values()))),
        "denials": denials,
    }


def distil(
    model: str, out: Path, report: Reporter, *, seeds: int, held_out: bool, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Trains with each seed and measures before and after; what is finished in ``out`` is kept. ``held_out``: with four
    cues kept out of the texts. ``fields``: further ones of the recipe."""
    world = World(out / "world", SIZES, model)
    (out / "world").mkdir(parents=True, exist_ok=True)
    without = tuple(sorted(HELD_OUT_CUES)) if held_out else ()
    asked = {"objective": "distil", "model": model, "tracker": "none", "without_cues": without, **fields}
    after, seconds, taught = [], [], frozenset[str]()
    for seed in range(seeds):
        folder = out / f"seed-{seed}"
        began = time.perf_counter()
        finetune(FinetuneRecipe.model_validate(asked | {"seed": seed}), folder, report)
        seconds.append(time.perf_counter() - began)
        tuned = load_finetuned(folder, device="cpu")
        taught = tuned.card.taught or taught
        after.append(figures(world, tuned, taught))
    before = figures(world, load_model(model, device="cpu"), taught)
    return {
        "model": model,
        "teacher": str(FinetuneRecipe.model_validate(asked).teacher),
        "method": str(FinetuneRecipe.model_validate(asked).method),
        "held_out": list(without),
        "seconds": seconds,
        "before": before,
        "after": after,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "revision": code_revision(10),
    }


def markdown(found: Mapping[str, Any]) -> str:
    """One table: before, after (mean over seeds, with its interval where there are several), and the thirty denials."""
    runs = found["after"]
    rows = []
    for name, (label, scale, digits) in LABELS.items():
        if name in found["before"] and all(name in run for run in runs):
            mean = rate_of(over_seeds([run[name] for run in runs])).times(scale)
            rows.append(f"| {label} | {scale * found['before'][name]:.{digits}f} | {mean.interval(f'.{digits}f')} |")
    denials = [
        f"| {template} | {value:.3f} | {np.mean([run['denials'][template] for run in runs]):.3f} |"
        for template, value in found["before"]["denials"].items()
    ]
    out = f", {', '.join(found['held_out'])} kept out of the texts" if found["held_out"] else ""
    minutes = np.mean(found["seconds"]) / 60
    return "\n".join(
        [
            f"## {found['model']}, {found['method']}, teacher {found['teacher']}{out}",
            "",
            f"{len(runs)} seed{'s' * (len(runs) != 1)}, {minutes:.1f} minutes each ({found['machine']}; "
            f"revision {found['revision']}).",
            "",
            "| test phantoms | before | after |",
            "| --- | ---: | ---: |",
            *rows,
            "",
            "| denials in no text, AUROC | before | after |",
            "| --- | ---: | ---: |",
            *denials,
            "",
        ]
    )


def write(found: Mapping[str, Any], out: Path) -> None:
    write_json(out / "distil.json", dict(found))
    write_text(out / "distil.md", markdown(found))
