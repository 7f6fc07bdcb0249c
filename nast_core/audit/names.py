"""Every figure of an audit: what it is called, in what unit, and which way is better. Files, charts, verdict and
conditions go by this table.

Some are of a family, by a name in the middle: ``cue.NAME``, ``cte.LAYER``, ``repair.METHOD.FIGURE``,
``finetune.RUN.FIGURE``.
"""

import re
from typing import Literal, NamedTuple

from nast_core.claims.way_groups import AFFIRMED, CONTRAST, FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT

TITLES = {  # part -> what it is called, in order of cost
    "model": "The model as loaded",
    "benchmark": "Questions",
    "denials": "Denials, cue by cue",
    "claims": "Claims, zero-shot and retrieval",
    "attention": "Attention to the negator",
    "trace": "Causal tracing",
    "probe": "Polarity probe",
    "repairs": "Repairs without training",
    "finetunes": "Fine-tunes on disk",
}
Better = Literal["higher", "lower", ""]


class Named(NamedTuple):
    title: str
    unit: str  # "points", "share" (0 to 1), "AUROC", "" (a number)
    better: Better = "higher"


FIGURES = {
    "checks": Named("self-test, checks that hold", "share"),
    "acc_affirmative": Named("affirmative questions answered rightly", "share"),
    "acc_negated": Named("negated questions answered rightly", "share"),
    "gap_points": Named("gap, affirmative less negated", "points", "lower"),
    "blind_affirmative": Named("without the image, affirmative", "share", ""),
    "blind_negated": Named("without the image, negated", "share", ""),
    "acc_negated_seen": Named("negated, taught cues", "share"),
    "acc_negated_unseen": Named("negated, held-out cues", "share"),
    "gap_points_seen": Named("gap, taught cues", "points", "lower"),
    "gap_points_unseen": Named("gap, held-out cues", "points", "lower"),
    "affirmation_bias": Named("wrong answers that affirm what is absent", "share", "lower"),
    "denials": Named("denials by “no”", "AUROC"),
    "denials_seen": Named("denials by seen cues", "AUROC"),
    "denials_unseen": Named("denials by unseen cues", "AUROC"),
    "denials_taught": Named("denials by cues of its training texts", "AUROC"),
    "denials_held_out": Named("denials by cues held out of training", "AUROC"),
    "denials_never_taught": Named("denials by the grammar's other cues", "AUROC"),
    "denials_in_contrasts": Named("denials by cues that there only set apart", "AUROC"),
    "affirmed_taught": Named("affirmations in frames of its training texts", "AUROC"),
    "false_denial": Named("affirmations in new frames", "AUROC"),
    "pseudo_negation": Named("pseudo-negations", "AUROC"),
    "claims_polarity": Named("claims ranked rightly, polarity", "share"),
    "claims_location": Named("claims ranked rightly, location", "share"),
    "claims_severity": Named("claims ranked rightly, severity", "share"),
    "zero_shot": Named("zero-shot, presence against absence", "AUROC"),
    "retrieval_R@1": Named("retrieval, image the first", "share"),
    "retrieval_R@5": Named("retrieval, image among the first 5", "share"),
    "retrieval_R@10": Named("retrieval, image among the first 10", "share"),
    "retrieval_mAP": Named("retrieval, mean average precision", "share"),
    "nsa": Named("negator-selective attention, the largest head's", "share", ""),
    "probe_findings": Named("polarity probe at the last layer, new findings", "share"),
    "probe_cues": Named("polarity probe at the last layer, new cues", "share"),
    "probe_control": Named("the same from shuffled labels", "share", ""),
}
OF_REPAIRS = {
    name: FIGURES[name]
    for name in (
        "gap_points",
        "acc_affirmative",
        "acc_negated",
        "blind_affirmative",
        "blind_negated",
        "denials",
        "denials_seen",
        "denials_unseen",
        "zero_shot",
        "retrieval_R@5",
        "retrieval_mAP",
    )
} | {
    "hidden": Named("denials less “X” (hidden)", "AUROC"),
    "gained_affirmative": Named("gained in affirmative questions", "points"),
    "gained_negated": Named("gained in negated questions", "points"),
    "gained_gap": Named("change of the gap", "points", "lower"),
}
OF_FINETUNES = {
    name: FIGURES[name]
    for name in ("gap_points", "acc_affirmative", "acc_negated", "acc_negated_seen", "acc_negated_unseen")
} | {"false_denial": FIGURES["false_denial"], "denial_held_out": FIGURES["denials_held_out"]}
_FAMILIES = {"repair": OF_REPAIRS, "finetune": OF_FINETUNES}
WORDING = {  # group of wordings -> figure
    TAUGHT: "denials_taught",
    CONTRAST: "denials_in_contrasts",
    HELD_OUT: "denials_held_out",
    NEVER: "denials_never_taught",
    FALSE_DENIAL: "false_denial",
    AFFIRMED: "affirmed_taught",
    PSEUDO: "pseudo_negation",
}


def cue_figure(cue: str) -> str:
    """The name of the figure of a cue, as an expression can hold it."""
    return f"cue.{re.sub(r'[^a-z0-9]+', '_', cue.lower()).strip('_')}"


def may_be(figure: str) -> bool:
    """Whether an audit may have a figure of this name."""
    family, _, rest = figure.partition(".")
    if family in _FAMILIES:
        return rest.rpartition(".")[2] in _FAMILIES[family]
    return figure in FIGURES or (family in ("cue", "cte") and bool(rest))


def named(figure: str) -> Named:
    """Of any figure's name, those of families too."""
    family, _, rest = figure.partition(".")
    if family == "cue":
        return Named(f"denials by “{rest.replace('_', ' ')}”", "AUROC")
    if family == "cte":
        return Named(f"causal tracing effect at the negator, layer {rest}", "", "")
    if family in _FAMILIES:
        who, _, what = rest.rpartition(".")
        known = _FAMILIES[family][what]
        return known._replace(title=f"{known.title} ({family} {who})")
    return FIGURES[figure]
