"""The figures that are told of a repair, wherever they are shown: what each is called, and in which unit."""

from collections.abc import Mapping
from typing import Any

FIGURES = {  # name in the summary -> as it is called, and by what it is multiplied
    "gap_points": ("gap, points", 1),
    "acc_affirmative": ("affirmative, %", 100),
    "acc_negated": ("negated, %", 100),
    "acc_negated_seen": ("negated, seen cues, %", 100),
    "acc_negated_unseen": ("negated, unseen cues, %", 100),
    "blind_affirmative": ("blind, affirmative, %", 100),
    "blind_negated": ("blind, negated, %", 100),
    "denials_seen": ("AUROC of denials, seen cues", 1),
    "denials_unseen": ("AUROC of denials, unseen cues", 1),
    "hidden": ("the same less “X” (hidden)", 1),
    "zero_shot": ("zero-shot AUROC", 1),
    "retrieval_R@5": ("retrieval, recall at 5, %", 100),
    "retrieval_mAP": ("retrieval, mAP, %", 100),
    "collapse": ("cosine between denials", 1),
    "touched": ("texts touched, %", 100),
    "unwritten": ("denied findings without words, %", 100),
    "ms_a_text": ("milliseconds a text", 1),
}


def told(figures: Mapping[str, Any], name: str) -> str | None:
    """A figure with its interval, where it has one, in the unit of FIGURES; None where it was not measured."""
    from nast_core.statistics.rates import Rate

    if (value := figures.get(name)) is None:
        return None
    _, scale = FIGURES[name]
    spec = ".1f" if scale == 100 or name == "gap_points" else ".3f"
    if isinstance(value, dict):
        return Rate.of(value).times(scale).interval(spec)
    return f"{value * scale:{spec}}"
