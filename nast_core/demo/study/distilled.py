"""What distilling a repair into the weights brings a demo model: before and after, on test phantoms.

Questions by seen and held-out cues, and by every construction of the grammar; denials cue by cue with false denial
beside them; thirty denials that no text has; zero-shot AUROC and retrieval.
"""

import platform
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.grammar import Grammar, Normal, demo_grammar
from nast_core.benchmark.phantoms import phantom_studies
from nast_core.benchmark.scoring import score_items, summarise
from nast_core.benchmark.template import TemplateWriter, Words
from nast_core.claims.prompts import Prompt, prompt_scores
from nast_core.claims.wording_figures import wording_figures
from nast_core.demo.study.measures import encoded, measure_test
from nast_core.demo.study.plan import Plan
from nast_core.demo.study.world import World
from nast_core.files.documents import read_json
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_json, write_text
from nast_core.finetune.evaluation import Encode
from nast_core.finetune.features import image_features
from nast_core.finetune.presets import Method
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.teaching import teaching
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import HELD_OUT_CUES, sentence_case
from nast_core.opening import load_finetuned, load_model
from nast_core.recipe import Reporter
from nast_core.statistics.auroc import auroc_columns
from nast_core.statistics.seeds import over_seeds, rate_of
from nast_core.vocabulary.shipped import chest
from nast_core.work.finetune import finetune

SIZES = Plan(
    test_items=600, unseen_items=300, test_studies=300
)  # and as many questions of the whole grammar as studies
_UNTOUCHED = 70_000  # as in world.py
_ASKED = ("gap_points", "acc_negated")  # of questions in the grammar's constructions
LABELS = {  # figure -> (what it is called, factor, digits)
    "acc_affirmative": ("accuracy, affirmative (%)", 100, 1),
    "acc_negated": ("accuracy, negated, five seen cues (%)", 100, 1),
    "acc_negated_unseen": ("accuracy, negated, four held-out cues (%)", 100, 1),
    "gap_points": ("gap, seen cues (points)", 1, 1),
    "gap_points_unseen": ("gap, held-out cues (points)", 1, 1),
    "gap_points_own": ("gap, every cue taught, in the grammar's constructions (points)", 1, 1),
    "acc_negated_own": ("accuracy, negated, every cue taught, in the grammar's constructions (%)", 100, 1),
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


def never_prompts(conditions: Sequence[str]) -> dict[tuple[str, str], Prompt]:
    """(Template of ``teaching.never``, condition) -> the condition's first noun denied so."""
    words = chest()
    return {
        (template, name): Prompt(
            (sentence_case(f"{Words((words[name].prompt_nouns[0],), (Normal(''),)).fill(template, [0])}."),)
        )
        for template in teaching(words.examination).never
        for name in conditions
    }


def never_taught(
    model: DualEncoder, images: torch.Tensor, presence: np.ndarray, conditions: Sequence[str], encode: Encode
) -> dict[str, float]:
    """Template of ``teaching.never`` -> AUROC for the absence of a condition, mean over conditions. ``images``: unit
    vectors; ``presence``: 1, 0, NaN unknown [image condition]; ``encode``: the model's, as for measure_test."""
    prompts = never_prompts(conditions)
    templates = list(dict.fromkeys(template for template, _ in prompts))
    texts = encoded(encode, [text for prompt in prompts.values() for text in prompt.towards])
    absence = np.tile(1 - presence, (1, len(templates)))
    scores = prompt_scores(model, images, list(prompts.values()), texts)
    values = auroc_columns(absence, scores).reshape(len(templates), len(conditions))
    return dict(zip(templates, np.nanmean(values, axis=1).tolist(), strict=True))


def figures(world: World, model: DualEncoder, taught: frozenset[str]) -> dict[str, Any]:
    """LABELS of one model, and ``denials``: each of the thirty. ``taught``: the cues that a fine-tune's texts have."""
    tested = {name: rate["value"] for name, rate in measure_test(world, model, model.encode_texts).items()}
    every = demo_grammar()
    of_grammar = {"grammar": _of_grammar(world, model, every), "own": _of_grammar(world, model, denying(every, taught))}
    claims = world.test_claims
    everything = torch.stack([world.test_images[name] for name in claims.images.image])
    presence, patients = claims.presence_of(claims.conditions), claims.images.patient_id.tolist()
    asked = (everything, presence, patients, claims.conditions)
    groups = wording_figures(model, *asked, taught=taught, resamples=2).summary()["groups"]
    denials = never_taught(model, everything, presence, claims.conditions, model.encode_texts)
    named = {"taught": "taught", "held_out": "held out", "false_denial": "false denial", "pseudo": "pseudo-negation"}
    return {
        **{name: tested[name] for name in LABELS if name in tested},
        **{f"{name}_{words}": found[name]["value"] for words, found in of_grammar.items() for name in _ASKED},
        **{name: groups[group]["value"] for name, group in named.items() if group in groups},
        "never": float(np.mean(list(denials.values()))),
        "denials": denials,
    }


def denying(words: Grammar, cues: frozenset[str]) -> Grammar:
    """The grammar with no other denials than by ``cues``."""
    before, behind = (
        tuple(one for one in among if one.cue in cues) for among in (words.clauses_of_absence, words.behind)
    )
    return replace(words, clauses_of_absence=before, behind=behind)


def _of_grammar(world: World, model: DualEncoder, words: Grammar) -> dict[str, Any]:
    """The figures of questions about as many studies, said so."""
    count = world.plan.test_studies
    items = build_items(phantom_studies(count, start=_UNTOUCHED), count, TemplateWriter(words)).items
    vectors, _ = image_features(world.base(), [item.image for item in items], None)
    return summarise(score_items(model, items, vectors))


@dataclass(frozen=True)
class Variant:
    """One way to distil, measured as a whole."""

    model: str = "demo"
    teacher: str = "rewrite"
    method: Method = "full"
    texts: str = "grammar"
    held_out: bool = False  # four cues kept out of the texts, so that reading them is measured as new
    fields: dict[str, Any] = field(default_factory=dict)  # further ones of the recipe

    @property
    def name(self) -> str:
        said = [self.model, self.teacher, self.method, self.texts, *(["held-out"] if self.held_out else [])]
        return re.sub(r"[^\w.=-]+", "-", " ".join(said)).strip("-")

    def recipe(self, seed: int) -> FinetuneRecipe:
        without = tuple(sorted(HELD_OUT_CUES)) if self.held_out else ()
        asked = {"objective": "distil", "model": self.model, "teacher": self.teacher, "method": self.method}
        more = {"texts": self.texts, "without_cues": without, "seed": seed, "tracker": "none", "device": "cpu"}
        return FinetuneRecipe.model_validate(asked | more | self.fields)


def distil(variant: Variant, out: Path, report: Reporter, *, seeds: int = 1, sizes: Plan = SIZES) -> dict[str, Any]:
    """Trains with each seed, measures before and after, and leaves NAME.json in ``out``. What is finished there is
    kept, and what was begun goes on."""
    (out / "world").mkdir(parents=True, exist_ok=True)
    world = World(out / "world", sizes, variant.model)
    cells: list[dict[str, Any]] = []
    taught = frozenset[str]()
    for seed in range(seeds):
        folder = out / variant.name / f"seed-{seed}"
        if not (folder / "cell.json").exists():
            began = time.perf_counter(), time.process_time()
            finetune(variant.recipe(seed), folder, report)
            seconds = {"wall": time.perf_counter() - began[0], "processor": time.process_time() - began[1]}
            tuned = load_finetuned(folder, device="cpu")
            taught = tuned.card.taught or taught
            write_json(
                folder / "cell.json", figures(world, tuned, taught) | {"seconds": seconds, "cues": sorted(taught)}
            )
        cells.append(read_json(folder / "cell.json"))
    before = figures(world, load_model(variant.model, device="cpu"), frozenset(cells[0]["cues"]))
    found = {
        "variant": {"model": variant.model, "teacher": variant.teacher, "method": variant.method},
        "texts": variant.texts,
        "held_out": list(variant.recipe(0).without_cues),
        "before": before,
        "after": cells,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "revision": code_revision(10),
    }
    write_json(out / f"{variant.name}.json", found)
    return found


def markdown(found: Mapping[str, Any]) -> list[str]:
    """A table, before and after (mean over seeds, its interval where there are several), and the thirty denials."""
    cells, variant = found["after"], found["variant"]
    rows = []
    for name, (label, scale, digits) in LABELS.items():
        if name in found["before"] and all(name in cell for cell in cells):
            mean = rate_of(over_seeds([cell[name] for cell in cells])).times(scale)
            rows.append(f"| {label} | {scale * found['before'][name]:.{digits}f} | {mean.interval(f'.{digits}f')} |")
    denials = [
        f"| {template} | {value:.3f} | {np.mean([cell['denials'][template] for cell in cells]):.3f} |"
        for template, value in found["before"]["denials"].items()
    ]
    out = f"; {', '.join(found['held_out'])} kept out of them" if found["held_out"] else ""
    wall, processor = (np.mean([cell["seconds"][kind] for cell in cells]) / 60 for kind in ("wall", "processor"))
    return [
        f"## {variant['model']}, teacher {variant['teacher']}, {variant['method']}",
        "",
        f"Texts: {found['texts']}{out}. {len(cells)} seed{'s' * (len(cells) != 1)}, {wall:.1f} minutes each, "
        f"{processor:.1f} of the processor ({found['machine']}; revision {found['revision']}).",
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


def write_report(out: Path, docs: Path) -> Path:
    """distil.md, of every variant that lies measured in ``out``."""
    found = [read_json(path) for path in sorted(out.glob("*.json"))]
    lines = [
        "# What distilling a repair brings",
        "",
        "Made by `nast demo distil`: the repaired model teaches its own text tower, by text alone (see the guide).",
        "Test phantoms were in no training and no choice. “After” is the mean over seeds (0 and on). No wording that",
        "is asked for as new stands in a text, but whoever wrote the texts knew it.",
        "",
    ]
    write_text(docs / "distil.md", "\n".join([*lines, *(line for one in found for line in markdown(one))]))
    return docs / "distil.md"
