"""What it would mean: where a text would lie if it stopped after a layer, and the phrases that lie nearest there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.layers import charts, readings
from dashboard.parts import fields, theme, widgets
from nast_core.models.description import no_lens
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from dashboard.layers.readings import OneLens
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import PolarityPair
    from nast_core.work.lens import Looked

_WAYS = {"jacobian": "Jacobian", "plain": "Plain"}


def draw(model: DualEncoder, pair: PolarityPair) -> None:
    """Of the chosen pair and of all, and the table of phrases; why not, where the model's layers have no such place."""
    if why := no_lens(model):
        widgets.hint(f"This model's layers have no would-be embedding: {why}.")
        return
    above, way_at, form_at = st.container(), *st.columns(2)
    with above:
        found = readings.looked(model)
    one = readings.one_lens(model, pair, found)
    ways = {name: label for name, label in _WAYS.items() if name in one.nearest}
    way = fields.one_of(
        way_at,
        "Form of the lens",
        ways,
        key="lens-way",
        help="Plain: a layer's state is read as if it were the last. Jacobian: first carried to the last layer by the"
        " mean derivative, since the layers of a CLIP do not share one space. It is there once the lens is made.",
    )
    form = fields.one_of(form_at, "Sentence", [*reversed(FORMS)], key="lens-form")
    _draw_lines(one, found, way if way in ways else next(iter(ways)), form)
    _draw_story(one, pair, way if way in ways else next(iter(ways)), form)


def _draw_lines(one: OneLens, found: Looked | None, way: str, form: str) -> None:
    panels = {"this pair": of_pair(one, way, form)}
    if found:
        panels[f"mean of {found.summary['pairs']} pairs"] = of_set(found, way, form)
    table = pd.concat([part.assign(of=name) for name, part in panels.items()], ignore_index=True)
    widgets.figure(
        charts.lens_lines(
            panels,
            title=f"What the {form} text would mean if it stopped there",
            subtitle=f"{_WAYS[way]} lens"
            + (f", mean over {found.summary['texts_of_the_jacobian']} texts" if found and way == "jacobian" else "")
            + ("; bands: 95 % interval over pairs" if found else ""),
        ),
        key="layers-lens",
        data=table,
        how_to_read=(
            "Each layer's would-be embedding beside the finished ones of X, of no X, and of what says no X without a"
            " negation. A denial that is understood leaves X and ends near its equivalent; one that is read as X rises"
            " with X; where the statement lies as near, the line says nothing of the negation. At the last layer it is"
            " the embedding itself: cosine 1."
        ),
        alt="Lines of the cosine by layer to the affirmative text, the negated text and the affirmative equivalent",
    )
    if found:
        st.caption(moved_words(found, way))


def _draw_story(one: OneLens, pair: PolarityPair, way: str, form: str) -> None:
    table = story(one, way, form)
    st.markdown("##### The nearest phrases, layer by layer")
    equals = _kinds(pair, one.equivalent)
    shown = table.style.map(lambda text: equals.get(text.rpartition(" ")[0], ""), subset=list(table.columns[1:]))
    st.dataframe(shown, hide_index=True, height=38 + 35 * len(table), key="layers-story")
    st.caption(
        f"Of {len(one.phrases)} phrases of the vocabulary, the ten that lie nearest, each with its cosine. Read down:"
        " where does the finding appear, and where its denial? Marked, where they are among them: the pair's own"
        " texts and the equivalent."
    )


def _kinds(pair: PolarityPair, equivalent: str) -> dict[str, str]:
    """Phrase -> how it is marked."""
    colours = {pair.affirmative: theme.AFFIRMATIVE, pair.negated: theme.NEGATED, equivalent: "#A64D79"}
    return {text: f"background-color:{colour};color:#ffffff" for text, colour in colours.items() if text}


def of_pair(one: OneLens, way: str, form: str) -> pd.DataFrame:
    """layer, target, value, and an interval that one pair has not."""
    table = one.cosine.sel(way=way, form=form).to_dataframe(name="value").reset_index()
    return table[["layer", "target", "value"]].assign(low=float("nan"), high=float("nan"), n=1)


def of_set(found: Looked, way: str, form: str) -> pd.DataFrame:
    """layer, target, value, low, high, n: means over pairs."""
    from nast_core.statistics.rates import rates

    cosine = found.pairs.cosine.sel(way=way, form=form)
    pairs = [str(i) for i in range(cosine.sizes["pair"])]
    rows = []
    for target in cosine.target.values:
        means = rates(cosine.sel(target=target).transpose("pair", "layer").values, pairs)
        rows += [
            {"layer": int(layer), "target": str(target), **mean._asdict()}
            for layer, mean in zip(cosine.layer.values, means, strict=True)
        ]
    return pd.DataFrame(rows)


def moved_words(found: Looked, way: str) -> str:
    """Whether it is the negation that the lines show: a statement may lie as near to the equivalent as its denial."""
    from nast_core.interpret.lens import moved

    *before, last = moved(found.pairs, way)
    if not last.n:
        return "The vocabulary says none of these denials affirmatively, so what the negation moves cannot be told."
    most = max(range(len(before)), key=lambda layer: abs(before[layer].value))
    return (
        "Of this the negation itself, denial less statement, moves a text from X towards its equivalent by at most "
        f"{before[most].interval('+.3f')} before the last layer (layer {most}), and by {last.interval('+.3f')} in it."
    )


def story(one: OneLens, way: str, form: str) -> pd.DataFrame:
    """A row a layer: the nearest phrases, the nearest first, each with its cosine behind it."""
    at = FORMS.index(form)
    index, cosine = one.nearest[way][at], one.near[way][at]
    columns = {
        f"{rank + 1}": [f"{one.phrases[i]} {c:.2f}" for i, c in zip(index[:, rank], cosine[:, rank], strict=True)]
        for rank in range(index.shape[1])
    }
    return pd.DataFrame({"layer": range(len(index)), **columns})
