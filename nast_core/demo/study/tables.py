"""results.md from results.json: tables, and what they say in plain words."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from nast_core.demo.study.measures import LABELS, PERCENT
from nast_core.statistics.rates import Rate
from nast_core.statistics.seeds import rate_of

_MAIN = ("acc_affirmative", "acc_negated", "gap_points", "negated_prompts_seen", "zero_shot", "retrieval_map")
_UNSEEN = ("acc_affirmative_unseen", "acc_negated_unseen", "gap_points_unseen", "negated_prompts_unseen")
_FURTHER = (
    "blind_negated",
    "claims_polarity",
    "claims_location",
    "claims_severity",
    "negated_prompts",
    "retrieval_5",
)
_BAR = {
    "gap": "gap at most 4.2 points, from above 20",
    "negated": "negated accuracy up by at least 20 points",
    "negated_prompts": "AUROC of denials at least 0.8",
    "zero_shot": "zero-shot AUROC down by at most 1 point",
    "retrieval": "retrieval mAP down by at most 1 point",
}


def markdown(results: dict[str, Any], more: Sequence[str] = ()) -> str:
    """The whole report, with ``more`` lines before the tuning. What is not done yet is said to be missing."""
    plan = results["plan"]
    lines = [
        *_heading(results),
        "## What came of it",
        "",
        *(f"- {sentence}" for sentence in conclusion(results)),
        "",
        "## Arms, cues that training texts have",
        "",
        *_arms(results, _MAIN),
        "",
        "## Cues that no training text has",
        "",
        "“absent”, “free of”, “not seen” and “negative for” are kept out of every training text. Accuracy above 25 %",
        "and an AUROC above 0.5 would mean that reading a negation carried over to new wording. This is of the demo "
        "CLIP, whose text",
        "tower learnt from template captions alone: to it these are words without a meaning, and what it does with "
        "them says nothing of",
        "a tower that knows language. False denial (docs/measures.md) was not measured here; a rise would count only "
        "beside it.",
        "",
        *_arms(results, _UNSEEN),
        "",
        "## Further figures",
        "",
        *_arms(results, _FURTHER),
        "",
        "## Tests between arms",
        "",
        "Differences in points, paired over seeds; p of the paired t-test, and after Holm's correction within a "
        "figure. Each arm has",
        "the rate that was best for it, so arms may differ in their rate as well as in their layer weights.",
        "",
        *_tests(results),
        "",
        "## Layer weights, and how far each layer moved",
        "",
        "A weight multiplies the layer's learning rate; their mean is 1. Moved: norm of the change over the norm of "
        "the layer's",
        "weights, in thousandths, mean over seeds. Random: as drawn with seed 0. An effect below 0 counts as none.",
        "",
        *_layers(results),
        "",
        *more,
        "## Tuning on validation",
        "",
        f"AUROC of denials with trained cues on validation after {plan['tuning_steps']} steps with seed 0, by "
        "learning rate; the largest",
        "is taken.",
        "",
        *_trials(results),
        "",
    ]
    return "\n".join(lines)


def _heading(results: dict[str, Any]) -> list[str]:
    """What the study is, how much of it is done, and on what."""
    plan, whole = results["plan"], results["done"] == results["of"]
    return [
        "# The study: which text layers should learn how fast?",
        "",
        "Made by `nast demo study`; every figure is in results.json beside this file. The demo CLIP's text layers "
        "are fine-tuned",
        "whole on drawn radiographs, each at the rate that an arm gives it, all arms on the same batches and seeds; "
        "layer weights",
        "have mean 1. Test phantoms were not used in training or tuning. Earlier recipes were measured on the same "
        "ones; what was",
        "changed since was chosen on validation phantoms (docs/decisions/0006).",
        "",
        f"**{'All' if whole else 'Partial: '}{'' if whole else results['done']}{' ' if whole else ' of '}"
        f"{results['of']} cells{' done' if whole else ' done so far; go on with the same command'}.** "
        f"{plan['steps']} steps of {plan['batch_size']} "
        f"studies on {plan['train_studies']:,} training phantoms. Test: {plan['test_items']:,} questions with seen "
        "cues, "
        f"{plan['unseen_items']:,} with unseen ones, {plan['test_studies']} studies with their claims. "
        f"{results['machine']}; {results['minutes']:.0f} minutes, cell by cell; tables by revision "
        f"{results['revision']}.",
        "",
        "Each arm: mean over seeds, with the 95 % t-interval over seeds in brackets where there is more than one. "
        "Base, which is",
        "the frozen arm: 95 % interval by bootstrap over patients. Rates are learning rates, chosen on validation.",
        "",
    ]


def conclusion(results: dict[str, Any]) -> list[str]:
    """Plain sentences, each from the figures alone."""
    sentences = []
    passed = [name for name, parts in results["bar"].items() if all(parts.values())]
    if results["bar"]:
        sentences.append(
            f"The bar is met by {_listed(passed)}."
            if passed
            else "No arm meets the whole bar: " + _missed(results["bar"])
        )
    for figure, rows in results["tests"].items():
        if rows:
            sentences.append(_verdict(figure, rows))
    if (base := results["base"]) and results["arms"]:
        name, best = max(results["arms"].items(), key=lambda arm: arm[1]["test"]["acc_negated_unseen"]["mean"])
        sentences.append(
            "Unseen cues, on this tower: negated accuracy goes from "
            f"{100 * base['acc_negated_unseen']['value']:.1f} % to "
            f"{100 * best['test']['acc_negated_unseen']['mean']:.1f} % at best ({name}), AUROC of denials from "
            f"{base['negated_prompts_unseen']['value']:.2f} to {best['test']['negated_prompts_unseen']['mean']:.2f}."
        )
    return sentences or ["Nothing to say yet."]


def _missed(bars: dict[str, dict[str, bool]]) -> str:
    counts = {part: sum(parts[part] for parts in bars.values()) for part in _BAR}
    return "; ".join(f"{text}: {counts[part]} of {len(bars)} arms" for part, text in _BAR.items()) + "."


def _verdict(figure: str, rows: Sequence[dict[str, Any]]) -> str:
    """How nast fared against the others on one figure."""
    label = LABELS.get(figure, figure).partition(" (")[0]
    sure = [row for row in rows if row["p_holm"] < 0.05]
    better = [row for row in sure if (row["mean"] < 0) == figure.startswith("gap")]
    means = [row["mean"] for row in rows]
    if all(math.isnan(row["low"]) for row in rows):
        return f"{label}: one seed so far, so nothing can be told apart."
    others = _listed(list(dict.fromkeys(row["second"].partition(" ")[0] for row in rows)))
    return (
        f"{label}: of {len(rows)} comparisons of nast with {others}, nast is better in {len(better)} and worse "
        f"in {len(sure) - len(better)} (p below 0.05 after Holm); the differences run from {min(means):+.1f} to "
        f"{max(means):+.1f} points."
    )


def _arms(results: dict[str, Any], figures: Sequence[str]) -> list[str]:
    rows: list[list[str]] = []
    if results["base"]:
        rows.append(["base (frozen)", "", "", *(_rate(name, Rate.of(results["base"][name])) for name in figures)])
    for arm, own in results["arms"].items():
        cells = (_rate(name, rate_of(own["test"][name])) for name in figures)
        rows.append([arm, f"{own['rate']:g}", str(len(own["seeds"])), *cells])
    return _table(["arm", "rate", "seeds", *(LABELS[name] for name in figures)], rows)


def _rate(name: str, rate: Rate) -> str:
    scale, digits = (100, 1) if name in PERCENT else (1, 1) if name.startswith("gap") else (1, 3)
    return rate.times(scale).interval(f".{digits}f")


def _tests(results: dict[str, Any]) -> list[str]:
    rows = [
        [
            LABELS[figure],
            row["first"],
            row["second"],
            rate_of(row).interval("+.2f"),
            str(row["n"]),
            _p(row["p"]),
            _p(row["p_holm"]),
        ]
        for figure, tests in results["tests"].items()
        for row in tests
    ]
    return _table(["figure", "arm", "against", "difference", "seeds", "p", "p, Holm"], rows)


def _p(value: float) -> str:
    return "none" if math.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _layers(results: dict[str, Any]) -> list[str]:
    rows: list[list[str]] = []
    for arm, weights in results["weights"].items():
        rows.append([arm, "weight", *(f"{weight:.2f}" for weight in weights)])
        if arm in results["arms"]:
            rows.append([arm, "moved", *(f"{1000 * change:.1f}" for change in results["arms"][arm]["changes"])])
    return _table(["arm", "", *(str(layer) for layer in range(1, len(rows[0]) - 1))] if rows else [], rows)


def _trials(results: dict[str, Any]) -> list[str]:
    tried = {rate for aurocs in results["trials"].values() for rate in aurocs}
    rates = sorted({*tried, *(f"{rate:g}" for rate in results["plan"]["rates"])}, key=float)
    rows = [
        [arm, *(f"{aurocs[rate]:.3f}" if rate in aurocs else "" for rate in rates)]
        for arm, aurocs in results["trials"].items()
        if aurocs
    ]
    return _table(["arm", *rates], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return (
        ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1), *body] if body else ["Not done yet."]
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
