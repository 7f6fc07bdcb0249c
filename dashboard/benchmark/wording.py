"""Tab Wording: which ways of saying "no" are read, and which affirmations are taken for one; on Claims' images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.benchmark import claims
from dashboard.benchmark.slices import View
from dashboard.parts import plots, theme, widgets, wording_charts
from nast_core.claims.way_groups import BOTH, CONTRAST, HELD_OUT, MACRO, MEAN, NEVER, PSEUDO, TAUGHT, WAY_GROUPS

if TYPE_CHECKING:
    from nast_core.work.results import Result

_PATTERNS = {TAUGHT: "", CONTRAST: ".", HELD_OUT: "/", NEVER: "x", PSEUDO: "."}
_STYLES = {
    group: (theme.NEGATED if about.denies else theme.AFFIRMATIVE, _PATTERNS.get(group, ""))
    for group, about in WAY_GROUPS.items()
}


def draw(view: View) -> None:
    asked = claims.choose()
    by_spec = {spec: one for spec, one in claims.results(view, asked).items() if _measured(spec, one)}
    if not by_spec:
        return
    detail = view.detail if view.detail in by_spec else next(iter(by_spec))
    of = claims.said_of(by_spec[detail], asked)
    table = _macro(by_spec[detail])
    if table.empty:
        widgets.hint("No condition has at least 5 images with it and 5 without, so no AUROC is defined.")
        return
    name = view.answers[detail].name
    widgets.figure(
        wording_charts.points(
            [wording_charts.Series(name, table)],
            title=f"How each wording is read: {name}",
            subtitle=f"{of}; {int(table.n.max()):,} images; macro over conditions; 95 % intervals over patients",
        ),
        key="benchmark-wording",
        data=table,
        how_to_read=wording_charts.HOW_TO_READ,
        alt="AUROC of every denial, affirmation and pseudo-negation",
    )
    if len(by_spec) > 1:
        _models(by_spec, of)
    _table(by_spec[detail], view)


def _measured(spec: str, result: Result) -> bool:
    """Runs of an earlier version have no such table."""
    if "wording" not in result.tables:
        widgets.hint(f"{spec} read these claims before wording was measured; delete that run, and it reads them anew.")
    return "wording" in result.tables


def _macro(result: Result) -> pd.DataFrame:
    table = result.tables["wording"]
    return table[(table.condition == MACRO) & table.value.notna()]


def _models(by_spec: dict[str, Result], of: str) -> None:
    """Means of the groups by model: a gain in unseen denials beside what it costs in false denial."""
    means = pd.concat([_macro(one).assign(model=spec) for spec, one in by_spec.items()], ignore_index=True)
    means = means[(means.wording == MEAN) & (means.side == BOTH)]
    bars = means.assign(series=means.group, group=means.model)
    there = {group: style for group, style in _STYLES.items() if group in set(bars.series)}
    widgets.figure(
        plots.rate_bars(
            bars,
            there,
            title="Means by model",
            subtitle=f"{of}; 95 % intervals over patients",
            label="AUROC",
            scale=1,
            chance=0.5,
            whole=True,
        ),
        key="benchmark-wording-models",
        data=bars,
        how_to_read="Held-out and never-taught denials that rise while false denial falls were not read: all that is"
        " new was taken for a denial.",
        alt="Means of the groups of wordings by model",
    )


def _table(result: Result, view: View) -> None:
    table = result.tables["wording"]
    shown = table[table.condition.isin(view.part.condition or [MACRO])]
    with st.expander("As a table"):
        columns = ["group", "wording", "side", "condition", "value", "low", "high", "n"]
        st.dataframe(shown[columns].round(3), hide_index=True)
        st.caption(
            " ".join(f"{group[0].upper()}{group[1:]}: {about.said}." for group, about in WAY_GROUPS.items())
            + " Of a slice's conditions, where one is chosen; its cues and patients do not slice wordings."
        )
