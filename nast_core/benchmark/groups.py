"""Accuracies of groups of items: by condition, by cue, by seen or unseen cues, by number of negations, by patient."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import wide
from nast_core.negation.forms import FORMS
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.statistics.rates import holm, mcnemar, rates

Groups = dict[str, list[str]]  # a group's name -> ids of its items; an item may be in several
Group = TypeVar("Group", bound=Hashable)


def denied_conditions(item: Item) -> list[str]:
    """The conditions that the right option denies: where wording can matter."""
    return [c for c, state in zip(item.conditions, item.assignments[item.answer_index], strict=True) if not state]


def denying_cues(item: Item) -> list[str]:
    """The cues by which the right option denies, each once."""
    states = item.assignments[item.answer_index]
    return list(dict.fromkeys(cue for cue, state in zip(item.cues, states, strict=True) if not state))


def wording(item: Item) -> str:
    """``unseen`` if a denying cue is held out of training texts, ``seen`` if all may be in them, ``none`` without
    any."""
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
    return _rates(_both_forms(scored), groups, seed)


def group_tests(scored: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Affirmative against negated in every group by the exact McNemar test: group, only_first, only_second, p_value,
    p_holm (corrected over the groups) and n."""
    return _tests(_both_forms(scored), groups)


def _both_forms(scored: pd.DataFrame) -> pd.DataFrame:
    return wide(scored).dropna(subset=list(FORMS))


def _rows(table: pd.DataFrame, groups: Mapping[Group, Sequence[str]]) -> dict[Group, np.ndarray]:
    """Rows of the table that are in each group."""
    place = {name: row for row, name in enumerate(table.index)}
    return {group: np.array([place[i] for i in ids if i in place], int) for group, ids in groups.items()}


def _rates(table: pd.DataFrame, groups: Mapping[Group, Sequence[str]], seed: int) -> pd.DataFrame:
    gap = 100 * (table.affirmative - table.negated)
    columns = {"affirmative": table.affirmative, "negated": table.negated, "gap": gap}
    keys = [(group, form) for group in groups for form in columns]
    values = np.full((len(table), len(keys)), np.nan)
    rows = _rows(table, groups)
    for column, (group, form) in enumerate(keys):
        values[rows[group], column] = columns[form].to_numpy()[rows[group]]
    intervals = rates(values, table.patient_id, seed=seed)
    return pd.DataFrame(
        [
            {"group": group, "form": form, **value._asdict()}
            for (group, form), value in zip(keys, intervals, strict=True)
        ],
        columns=["group", "form", "value", "low", "high", "n"],
    )


def _tests(table: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    affirmative, negated = table.affirmative.to_numpy(), table.negated.to_numpy()
    tests = pd.DataFrame(
        [
            {"group": group, **mcnemar(affirmative[rows], negated[rows])._asdict(), "n": len(rows)}
            for group, rows in _rows(table, groups).items()
        ],
        columns=["group", "only_first", "only_second", "p_value", "n"],
    )
    tests.insert(4, "p_holm", holm(tests.p_value))
    return tests


def by_patient(scored: pd.DataFrame) -> pd.DataFrame:
    """patient_id, affirmative, negated, gap (points), n: one patient is one draw, so there is no interval."""
    table = _both_forms(scored)
    means = table.groupby("patient_id")[list(FORMS)].mean()
    means["gap"] = 100 * (means.affirmative - means.negated)
    return means.assign(n=table.groupby("patient_id").size()).reset_index()


def every_grouping(scored: pd.DataFrame, items: Sequence[Item], *, seed: int = 0) -> dict[str, dict[str, dict]]:
    """Grouping -> group -> acc_affirmative, acc_negated, gap_points, each {value, low, high, n}, and the paired
    test."""
    table = _both_forms(scored)
    groups = {(by, name): ids for by, of in GROUPINGS.items() for name, ids in grouped(items, of).items()}
    names = {"affirmative": "acc_affirmative", "negated": "acc_negated", "gap": "gap_points"}
    by_grouping: dict[str, dict[str, dict]] = {by: {} for by in GROUPINGS}
    for row in _rates(table, groups, seed).to_dict("records"):  # one draw of patients for all
        by, name = row["group"]
        value = {field: row[field] for field in ("value", "low", "high", "n")}
        by_grouping[by].setdefault(name, {})[names[row["form"]]] = value
    for by in GROUPINGS:
        own = {name: ids for (of, name), ids in groups.items() if of == by}
        for row in _tests(table, own).to_dict("records"):
            test = {field: row[field] for field in ("only_first", "only_second", "p_value", "p_holm")}
            by_grouping[by][row["group"]]["mcnemar"] = test
    return by_grouping
