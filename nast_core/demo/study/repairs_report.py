"""repairs.md from repairs.json: tables, the controls that each method passes, and what that says in plain words."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nast_core.negation.forms import FORMS
from nast_core.repair.evaluate import UNREPAIRED
from nast_core.statistics.seeds import rate_of

_COLUMNS = (  # figure, heading, factor, format
    ("acc_affirmative", "affirmative, %", 100, ".1f"),
    ("acc_negated", "negated, %", 100, ".1f"),
    ("gap_points", "gap, points", 1, ".1f"),
    ("acc_negated_seen", "negated, seen cues, %", 100, ".1f"),
    ("acc_negated_unseen", "negated, unseen cues, %", 100, ".1f"),
    ("denials_seen", "AUROC of denials, seen cues", 1, ".3f"),
    ("denials_unseen", "AUROC of denials, unseen cues", 1, ".3f"),
)
_COSTS = (
    ("blind_affirmative", "blind, affirmative, %", 100, ".1f"),
    ("blind_negated", "blind, negated, %", 100, ".1f"),
    ("hidden", "AUROC of “no X” less “X”", 1, ".3f"),
    ("collapse", "cosine between denials", 1, ".2f"),
    ("zero_shot", "zero-shot AUROC", 1, ".3f"),
    ("retrieval_R@5", "recall at 5, %", 100, ".1f"),
    ("touched", "texts touched, %", 100, ".1f"),
)
BARS = {  # what a gain has to pass to count as reading
    "gap": "gap at most 4.2 points",
    "negated": "negated accuracy at least 90 %",
    "denials": "AUROC of denials at least 0.95 with cues that no training text has",
    "blind": "blind accuracies within 3 points of chance",
    "count": "negated accuracy falls by at most 10 points from one negation to three",
    "affirmative": "affirmative accuracy the same in every draw",
}
_MOST_FALL = 0.10


def markdown(outcome: Mapping[str, Any]) -> str:
    """The whole report; a model that is not there is said to be missing."""
    lines = [
        "# Repairs without training",
        "",
        f"Made by `nast demo repairs` ({outcome['seeds']} draws of {outcome['n']:,} questions and as many studies of "
        "test phantoms; a strength is chosen",
        "once, on 300 questions and studies of validation, and kept for every draw; mean over draws, with the mean "
        "ends of their 95 % intervals",
        f"over patients: draws ask other questions of the same phantoms; code {outcome['revision']}).",
        "Every figure, and every draw's, is in the JSON beside this file. What each method does: "
        "[guide](guide/repair.md); what the figures are: [measures](measures.md).",
        "",
        "All of it is as good as the parser: these texts are written with cues that it knows. Of 150 sentences drawn "
        "from reports it found every denial at",
        "first reading, of sentences written to stress negation 76 to 98 % ([how well negation is read](negation.md)).",
        "",
    ]
    for spec, found in outcome["models"].items():
        lines += [f"## {spec}", "", *_of_model(spec, found, outcome["seeds"]), ""]
    return "\n".join(lines)


def controls(reading: Mapping[str, Any]) -> dict[str, bool]:
    """Bar -> whether a reading of ``readings`` passes it."""

    def mean(name: str) -> float:
        return reading["figures"].get(name, {}).get("mean", math.nan)

    counts = reading["by_negations"]
    fall = counts["1"] - counts["3"] if {"1", "3"} <= counts.keys() else math.nan
    return {
        "gap": mean("gap_points") <= 4.2,
        "negated": mean("acc_negated") >= 0.9,
        "denials": mean("denials_unseen") >= 0.95,
        "blind": all(abs(mean(f"blind_{form}") - 0.25) <= 0.03 for form in FORMS),
        "count": fall <= _MOST_FALL,
        "affirmative": reading.get("affirmative_kept", True),
    }


def _of_model(spec: str, found: Mapping[str, Any], seeds: int) -> Iterator[str]:
    if "absent" in found:
        yield f"Not measured: {found['absent']}."
        return
    if not (readings := found["readings"]):
        return
    if short := [name for name, one in readings.items() if name != UNREPAIRED and _draws(one) < seeds]:
        said = ", ".join(f"{readings[name]['repair']} ({_draws(readings[name])})" for name in short)
        yield from (f"Fewer draws so far, {seeds} wanted: {said}.", "")
    yield from (f"- {sentence}" for sentence in conclusion(spec, readings))
    yield from ("", *_table(readings, _COLUMNS), "", *_table(readings, _COSTS), "")
    yield from _controls(readings)
    yield from (
        "",
        "Negated accuracy (%) by the number of negations in the true statement; where a strength was chosen, AUROC of "
        "denials at most comes to",
        "the ceiling AUROC(X) by taking X away alone, and crosses 0.5 at this strength:",
        "",
        *_shape(readings),
    )
    for method, reason in found["lacking"].items():
        yield from ("", f"{method}: not measured: {reason}.")


def _draws(reading: Mapping[str, Any]) -> int:
    return max(len(figure["values"]) for figure in reading["figures"].values())


def conclusion(spec: str, readings: Mapping[str, Any]) -> Iterator[str]:
    """What came of it, in sentences."""
    repaired = {name: reading for name, reading in readings.items() if name != UNREPAIRED}
    passed = {name: controls(reading) for name, reading in repaired.items()}
    base = readings[UNREPAIRED]["figures"]
    yield (
        f"As it is, {spec} answers {100 * base['acc_negated']['mean']:.1f} % of the questions said with negations, and "
        f"{100 * base['acc_affirmative']['mean']:.1f} % of the same said affirmatively."
    )
    whole = [repaired[name]["repair"] for name, bars in passed.items() if all(bars.values())]
    yield (
        f"Every control is passed by {' and '.join(whole)}: the gain is reading, as far as these controls can tell."
        if whole
        else "No repair passes every control."
    )
    for name, bars in passed.items():
        gain = repaired[name]["figures"]["acc_negated"]["mean"] - base["acc_negated"]["mean"]
        if failed := [BARS[bar] for bar, held in bars.items() if not held]:
            yield f"{repaired[name]['repair']}: {100 * gain:+.1f} points negated, but fails: {'; '.join(failed)}."


def _table(readings: Mapping[str, Any], columns: tuple) -> Iterator[str]:
    yield "| repair | " + " | ".join(heading for _, heading, _, _ in columns) + " |"
    yield "| --- |" + " ---: |" * len(columns)
    for name, reading in readings.items():
        cells = [_cell(reading["figures"].get(figure), factor, spec) for figure, _, factor, spec in columns]
        yield f"| {reading.get('repair', name)} | " + " | ".join(cells) + " |"


def _cell(estimate: Mapping[str, Any] | None, factor: float, spec: str) -> str:
    if estimate is None or math.isnan(estimate["mean"]):
        return "none"
    rate = rate_of(dict(estimate)).times(factor)
    return f"{rate.value:{spec}}" if rate.low == rate.high else rate.interval(spec)


def _controls(readings: Mapping[str, Any]) -> Iterator[str]:
    yield "| repair | " + " | ".join(BARS.values()) + " |"
    yield "| --- |" + " --- |" * len(BARS)
    for name, reading in readings.items():
        passed = controls(reading)
        cells = ["yes" if passed[bar] else "**no**" for bar in BARS]
        yield f"| {reading.get('repair', name)} | " + " | ".join(cells) + " |"


def _shape(readings: Mapping[str, Any]) -> Iterator[str]:
    counts = sorted({count for reading in readings.values() for count in reading["by_negations"]})
    yield "| repair | " + " | ".join(f"{count} negations" for count in counts) + " | ceiling | crosses 0.5 at |"
    yield "| --- |" + " ---: |" * (len(counts) + 2)
    for name, reading in readings.items():
        cells = [f"{100 * reading['by_negations'].get(count, math.nan):.1f}" for count in counts]
        for part, spec in (("ceiling", ".3f"), ("crossing", ".2f")):
            value = reading.get(part)
            cells.append("none" if value is None or math.isnan(value) else f"{value:{spec}}")
        yield f"| {reading.get('repair', name)} | " + " | ".join(cells) + " |"
