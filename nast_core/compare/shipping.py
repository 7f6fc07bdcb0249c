"""Makes the comparisons that come with NAST, and writes what they found into the card of ``demo-tuned``.
Source: ours."""

import shutil
from collections.abc import Iterator
from typing import get_args

import pandas as pd

from nast_core.compare import travelling
from nast_core.compare.composing import Parts, Told, compare_on, pairs_of
from nast_core.compare.kept import write_kept
from nast_core.compare.tables import Comparison, moved_layers, summary_files
from nast_core.compare.travelling import FOLDER, PAIRS, QUESTIONS, STUDIES
from nast_core.data.studies import PHANTOMS, HeldOut
from nast_core.dataset.opened import open_dataset
from nast_core.files.gate import MB, read_text
from nast_core.files.places import DEMO, DEMO_TUNED, TUNED_FOLDER
from nast_core.files.writing import write_text
from nast_core.opening import load_model
from nast_core.statistics.rates import Rate

CARD = TUNED_FOLDER / "adapter" / "README.md"
_HEADING = "## On test phantoms"


def make(told: Told | None = None) -> dict[HeldOut, Comparison]:
    """Compares ``demo`` with ``demo-tuned`` on either held-out split, in place of the comparisons that were there."""
    a, b = load_model(DEMO, device="cpu"), load_model(DEMO_TUNED, device="cpu")
    world = open_dataset(PHANTOMS)
    pairs = pairs_of(a, b, world, PAIRS)
    moved = moved_layers(summary_files({"A": DEMO, "B": DEMO_TUNED}))
    made: dict[HeldOut, Comparison] = {}
    for split in get_args(HeldOut):
        parts = Parts(pairs, world.items(split, QUESTIONS), world.evidence(split, STUDIES))
        made[split] = compare_on(a, b, parts, parameters=moved, told=told)
        made[split].about["came_with"] = "NAST"
    shutil.rmtree(FOLDER, ignore_errors=True)
    for split, found in made.items():
        write_kept(found, FOLDER / travelling.name_of(DEMO, DEMO_TUNED, QUESTIONS, split, PAIRS))
    travelling.note_asked()
    before, _, _ = read_text(CARD, most=MB).partition(f"\n{_HEADING}")
    write_text(CARD, f"{before.rstrip()}\n\n" + "\n".join(measured(made["test"])))
    return made


def measured(found: Comparison) -> list[str]:
    """The card's lines about the test split, from the tables of its comparison."""
    return [
        _HEADING,
        "",
        f"{QUESTIONS:,} questions with every cue, also those that training keeps out (“absent”, “free of”, “not "
        "seen”, “negative for”),",
        f"and {found.about['statements']:,} statements about {found.about['studies']:,} phantoms, none of which "
        "training or the choice between the two used;",
        "the two come from a study (docs/finetuning.md) on test phantoms of its own, of which a few may be among "
        "these;",
        "95 % intervals by bootstrap over patients. Phantoms are drawings, not patients.",
        "",
        "| figure | demo | demo-tuned | change | n |",
        "| --- | ---: | ---: | ---: | ---: |",
        *_rows(found),
        "",
    ]


def _rows(found: Comparison) -> Iterator[str]:
    accuracy = {(row.group, row.form): Rate(row.value, row.low, row.high, row.n) for row in found.accuracy.itertuples()}
    for row in found.changes.itertuples():
        change = Rate(row.change, row.low, row.high, row.n)
        if row.form == "gap":
            ends = f"{row.a:.1f} | {row.b:.1f}"
        else:
            ends = " | ".join(accuracy[model, row.form].times(100).interval(".1f") for model in "AB")
        name = "gap (points)" if row.form == "gap" else f"MCQ accuracy, {row.form} (%)"
        yield f"| {name} | {ends} | {change.interval('+.1f')} | {row.n:,} |"
    wording = found.wording_means().assign(measure=lambda table: "AUROC of wording, " + table.group)
    for row in pd.concat([found.claims, wording]).itertuples():
        a, b = Rate(row.a, row.a_low, row.a_high, row.n), Rate(row.b, row.b_low, row.b_high, row.n)
        change = Rate(row.change, row.low, row.high, row.n)
        yield f"| {row.measure} | {a.interval('.3f')} | {b.interval('.3f')} | {change.interval('+.3f')} | {row.n:,} |"
