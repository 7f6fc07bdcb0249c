"""Accuracies of groups of items: by condition, by cue, by seen or unseen cues, by number of negations, by patient."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import FORMS, wide
from nast_core.benchmark.statistics import holm, mcnemar, rates
from nast_core.negation.phrases import HELD_OUT_CUES

Groups = dict[str, list[str]]  # a group's name -> ids of its items; an item may be in several


def denied_conditions(item: Item) -> list[str]:
    """The conditions that the right option denies: where wording can matter."""
    return [c for c, state in zip(item.conditions, item.assignments[item.answer_index], strict=True) if not state]


def denying_cues(item: Item) -> list[str]:
    """The cues by which the right option denies, each once."""
    states = item.assignments[item.answer_index]
    return list(dict.fromkeys(cue for cue, state in zip(item.cues, states, strict=True) if not state))


def wording(item: Item) -> str:
    """``unseen`` if a denying cue is held out of training texts, ``seen`` if all may be in them, ``none`` without any."""
    cues = denying_cues(item)
    return ("unseen" if HELD_OUT_CUES.intersection(cues) else "seen") if cues else "none"


GROUPINGS: dict[str, Callable[[Item], Sequence[str]]] = {
    "condition": denied_conditions,
    "cue": denying_cues,
    "wording": lambda item: [wording(item)],
    "negations": lambda item: [str(item.negations)],
}


def grouped(items: Sequence[Item], of: Callable[[Item], Sequence[str]]) -> Groups:
    """Items by what ``of`` says of each, in the order of the names."""
    groups: Groups = {}
    for item in items:
        for name in of(item):
            groups.setdefault(name, []).append(item.item_id)
    return dict(sorted(groups.items()))


def by_group(scored: pd.DataFrame, groups: Mapping[str, Sequence[str]], *, seed: int = 0) -> pd.DataFrame:
    """group, form, value, low, high, n, a row per group and form, and "gap" in percentage points.

    Over the items scored in both forms, patients drawn alike for all groups.
    """
    table, masks = _masks(scored, groups)
    gap = 100 * (table.affirmative - table.negated)
    columns = {"affirmative": table.affirmative, "negated": table.negated, "gap": gap}
    keys = [(group, form) for group in groups for form in columns]
    if not keys:
        return pd.DataFrame(columns=["group", "form", "value", "low", "high", "n"])
    values = np.stack([np.where(masks[group], columns[form], np.nan) for group, form in keys], axis=1)
    found = rates(values, table.patient_id, seed=seed)
    return pd.DataFrame(
        [{"group": group, "form": form, **value._asdict()} for (group, form), value in zip(keys, found, strict=True)]
    )


def group_tests(scored: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Affirmative against negated in every group by the exact McNemar test: group, only_first, only_second, p_value,
    p_holm (corrected over the groups) and n."""
    table, masks = _masks(scored, groups)
    rows = []
    for group, mask in masks.items():
        test = mcnemar(table.affirmative[mask], table.negated[mask])
        rows.append({"group": group, **test._asdict(), "n": int(mask.sum())})
    found = pd.DataFrame(rows, columns=["group", "only_first", "only_second", "p_value", "n"])
    found.insert(4, "p_holm", holm(found.p_value))
    return found


def _masks(scored: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    table = wide(scored).dropna(subset=list(FORMS))
    return table, {group: table.index.isin(list(ids)) for group, ids in groups.items()}


def by_patient(scored: pd.DataFrame) -> pd.DataFrame:
    """patient_id, affirmative, negated, gap (points), n: one patient is one draw, so there is no interval."""
    table = wide(scored).dropna(subset=list(FORMS))
    found = table.groupby("patient_id")[list(FORMS)].mean()
    found["gap"] = 100 * (found.affirmative - found.negated)
    return found.assign(n=table.groupby("patient_id").size()).reset_index()


def every_grouping(scored: pd.DataFrame, items: Sequence[Item], *, seed: int = 0) -> dict[str, dict[str, dict]]:
    """Grouping -> group -> acc_affirmative, acc_negated, gap_points, each {value, low, high, n}, and the paired test."""
    return {name: _plain(scored, grouped(items, of), seed) for name, of in GROUPINGS.items()}


def _plain(scored: pd.DataFrame, groups: Groups, seed: int) -> dict[str, dict]:
    names = {"affirmative": "acc_affirmative", "negated": "acc_negated", "gap": "gap_points"}
    found: dict[str, dict] = {group: {} for group in groups}
    for row in by_group(scored, groups, seed=seed).to_dict("records"):
        found[row["group"]][names[row["form"]]] = {name: row[name] for name in ("value", "low", "high", "n")}
    for row in group_tests(scored, groups).to_dict("records"):
        found[row["group"]]["mcnemar"] = {
            name: row[name] for name in ("only_first", "only_second", "p_value", "p_holm")
        }
    return found
