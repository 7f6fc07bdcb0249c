"""One head on one text, in A and in B."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.compare import charts, comparisons
from dashboard.parts import fields, plots, strips, widgets
from dashboard.parts.head_attention import patterns
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    from nast_core.compare.two_models import SharedPairs
    from nast_core.negation.pairs import AlignedPair


class Place(NamedTuple):
    """Where to look."""

    layer: int
    head: int
    pair: dict[str, AlignedPair]  # A and B: the same texts, as each model has them in tokens
    form: str


def draw(view: comparisons.View) -> None:
    """The fields, and the head's attention on the text in both models."""
    two = comparisons.load(view.asked.a, view.asked.b)
    comparisons.confirm(view.comparison, view.asked, two)
    if view.lacks("pairs", again=True):
        return
    with widgets.advice():
        pairs = comparisons.shared(two, view.asked)
    place = _choose(view, pairs)
    strips.draw(place.pair["A"])
    text = getattr(place.pair["A"].pair, place.form)
    at = place.layer - 1, place.head - 1
    a, b = (patterns(model, model.fingerprint, (text,))[0][at] for model in two)
    labels = {
        model: plots.token_labels(getattr(pair, f"pieces_{place.form}"), pair.negator)
        for model, pair in place.pair.items()
    }
    view.sections.draw(
        charts.two_patterns(
            a,
            b,
            labels,
            title=f"Layer {place.layer}, head {place.head}: attention of each token",
            subtitle=f"1 text: {text}",
        ),
        key="compare-pattern",
        data=_cells(place, a, b),
        how_to_read=(
            "Each row is a token that looks, each column a token looked at. The negator, or the word in its place, "
            "is underlined."
        ),
        alt="Attention of one head on one text in A and in B",
    )


def _choose(view: comparisons.View, pairs: SharedPairs) -> Place:
    """At first the head that changed most, or where that cannot be said, B's strongest."""
    heads = view.comparison.heads
    heads = heads.assign(size=heads.change.abs().fillna(heads.b.abs())).dropna(subset=["a", "b"])
    if fields.fresh("compare-layer", "compare-head"):
        top = heads.loc[heads["size"].idxmax()]
        fields.start(**{"compare-layer": int(top["layer"]), "compare-head": int(top["head"])})
    pick_layer, pick_head, pick_pair, pick_form = st.columns([1, 1, 4, 2])
    layers, numbers = sorted(heads.layer.unique().tolist()), sorted(heads["head"].unique().tolist())
    layer = pick_layer.selectbox("Layer", layers, key="compare-layer", bind="query-params")
    head = pick_head.selectbox("Head", numbers, key="compare-head", bind="query-params")
    texts = [one.pair.negated for one in pairs.a]
    text = pick_pair.selectbox("Pair, by its negated text", texts, key="compare-pair", bind="query-params")
    form = fields.one_of(pick_form, "Text", list(reversed(FORMS)), key="text-form")
    at = texts.index(text)
    return Place(layer, head, {"A": pairs.a[at], "B": pairs.b[at]}, form)


def _cells(place: Place, a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    """The data behind the two patterns [query, key], a row a cell."""
    parts = []
    for model, values in (("A", a), ("B", b)):
        query, key = (axis.ravel() for axis in np.indices(values.shape))
        pieces = np.array(getattr(place.pair[model], f"pieces_{place.form}"), dtype=object)
        cells = {"query": pieces[query], "key": pieces[key], "query_position": query, "key_position": key}
        parts.append(pd.DataFrame({**cells, "attention": values.ravel(), "model": model}))
    return pd.concat(parts, ignore_index=True)
