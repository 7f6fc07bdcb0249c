"""Tab Retrieval and alignment: does the model still find images, and does "no X" score the absence of X?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.benchmark import claims
from dashboard.benchmark.slices import View
from dashboard.parts import fields, memo, plots, theme, widgets
from nast_core.claims.way_groups import BOTH, FALSE_DENIAL, MEAN
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from nast_core.claims.retrieval import Retrieval
    from nast_core.work.results import Result

_DIRECTIONS = {"images_for_statement": "images for a statement", "statements_for_image": "statements for an image"}
_PRESENT, _DENIED, _UNSEEN = '"X" for its presence', '"there is no X" for its absence', "unseen cues for its absence"
_FRAMES = "frames never trained on, for its presence"
_PROMPTS = {
    _PRESENT: (theme.AFFIRMATIVE, ""),
    _DENIED: (theme.NEGATED, "/"),
    _UNSEEN: (theme.NEGATED, "x"),
    _FRAMES: (theme.AFFIRMATIVE, "x"),
}


def draw(view: View) -> None:
    asked = claims.choose()
    by_spec = claims.results(view, asked)
    detail = view.detail if view.detail in by_spec else next(iter(by_spec))
    of = claims.said_of(by_spec[detail], asked)
    _prompts(view, by_spec, detail, of)
    st.subheader("Retrieval")
    if not len(by_spec[detail].tables["retrieval"]):
        widgets.hint(f"No statement is made about {of}, so there is nothing to look for.")
        return
    name = f"{view.answers[detail].name}, {of}"
    _retrieval(view, by_spec[detail], (*view.key_of(detail), asked.key, str(asked.folder)), name)


def _prompts(view: View, by_spec: dict[str, Result], detail: str, of: str) -> None:
    table = pd.concat([_areas(one).assign(model=spec) for spec, one in by_spec.items()], ignore_index=True)
    own = table[table.model == detail]
    if view.part.condition:
        own = own[own.group.isin(view.part.condition)]  # the mean is over all conditions
    if own.empty:
        widgets.hint("No condition of this slice has at least 5 images with it and 5 without, so no AUROC is defined.")
        return
    widgets.figure(
        plots.rate_bars(
            own,
            _PROMPTS,
            title=f"AUROC of the presence prompt and of negated prompts: {view.answers[detail].name}",
            subtitle=f"{of}; {int(own.n.max()):,} images at most; 95 % intervals over patients",
            label="AUROC",
            scale=1,
            chance=0.5,
            horizontal=True,
        ),
        key="benchmark-auroc",
        data=own,
        how_to_read=(
            "Blue: the model sees X. Orange: its score of a text that denies X, for the absence of X: above 0.5 the cue"
            " is read, at 0.5 it is ignored, near 0 the text is read as X. A high accuracy with 0.5 here means that X"
            " was only muted. Crossed: wording that no training text has, denied and affirmed; see Wording."
        ),
        alt="AUROC by condition and prompt",
    )
    if len(by_spec) > 1:
        macro = table[table.group == "macro"].assign(group=lambda t: t.model)
        widgets.figure(
            plots.rate_bars(
                macro,
                _PROMPTS,
                title="Mean over conditions, by model",
                subtitle=f"{of}; {int(macro.n.max()):,} images; 95 % intervals over patients",
                label="AUROC",
                scale=1,
                chance=0.5,
            ),
            key="benchmark-auroc-models",
            data=macro,
            how_to_read="Alignment is kept where blue stays up; negation is read where orange rises above 0.5 with it.",
            alt="Macro AUROC by model and prompt",
        )
    if view.part.cue or view.part.wording or view.part.patient or view.part.negations:
        st.caption("AUROCs obey the slice's conditions; its cues and patients slice the retrieval below.")


def _areas(result: Result) -> pd.DataFrame:
    """group (condition or macro), series (prompt), value, low, high, n."""
    denied = result.summary["negated_prompt_auroc"]
    asked = {
        _PRESENT: result.summary["alignment"]["zero_shot_auroc"],
        _DENIED: denied.get("there is no", {}),
    }
    if "wording" in result.tables:  # unseen denials are not shown without what a false one would cost
        wording = result.tables["wording"]
        frames = wording[(wording.group == FALSE_DENIAL) & (wording.wording == MEAN) & (wording.side == BOTH)]
        asked[_UNSEEN] = denied.get("unseen cues", {})
        asked[_FRAMES] = frames.set_index("condition")[["value", "low", "high", "n"]].to_dict("index")
    rows = [{"group": c, "series": series, **value} for series, by in asked.items() for c, value in by.items()]
    table = pd.DataFrame(rows, columns=["group", "series", "value", "low", "high", "n"])
    table = table.astype(dict.fromkeys(("value", "low", "high"), float))  # None: undefined
    return table.sort_values("group", key=lambda names: names == "macro", kind="stable")


def _retrieval(view: View, result: Result, key: tuple[str, ...], name: str) -> None:
    direction = fields.one_of(st, "Look for", _DIRECTIONS, key="direction")
    figures = _summary(claims.sliced_retrieval(result, view.part), key)[direction]
    table = pd.DataFrame(
        [
            {"group": measure, "series": form, **figures[form][measure]}
            for form in FORMS
            for measure in ("R@1", "R@5", "R@10", "mAP", "chance")
        ]
    )
    table = table[table.n > 0]
    if table.empty:
        widgets.hint("No query is in this slice; take one of its conditions away.")
        return
    counts = ", ".join(f"{form} n = {n:,}" for form, n in table.groupby("series").n.max().items())
    widgets.figure(
        plots.rate_bars(
            table,
            theme.FORMS,
            title=f"Retrieval: {_DIRECTIONS[direction]}",
            subtitle=f"{name}; queries: {counts}; 95 % intervals over patients",
            label="R@k, and mean average precision (%)",
        ),
        key="benchmark-retrieval",
        data=table,
        how_to_read=(
            "R@k: a right one is among the first k. Every image that a statement holds for is right. Chance: R@1 of"
            " scores that know nothing. Negated statements hold for many images, so compare each with its own chance."
        ),
        alt="Retrieval of affirmative and negated queries",
    )


@memo.copied()
def _summary(_found: Retrieval, key: tuple) -> dict:
    from nast_core.claims.retrieval import summarise_retrieval

    return summarise_retrieval(_found)
