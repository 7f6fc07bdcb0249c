"""What one head looks at, token by token, in both texts of a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.attention import charts
from dashboard.parts import correcting, fields, keeper, plots, repairing, widgets
from dashboard.parts.head_attention import patterns
from dashboard.parts.marks import HOW, marked

if TYPE_CHECKING:
    from dashboard.attention.all_heads import AllHeads
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair


SHOWN = {"share": "Attention", "weighted": "Value-weighted attention"}
LABELS = {"share": plots.SHARE, "weighted": "attention x length of value"}
_ROWS = {
    "share": "rows sum to 1",
    "weighted": "bright: looked at, and much taken from it; dark where a look brings nothing",
}


def choose(heads: AllHeads) -> tuple[int, int]:
    """Layer and head to look at; at first the one that looks at the negator most."""
    if fields.fresh("layer", "head"):
        layer, head = heads.strongest
        fields.start(layer=layer, head=head)
    pick_layer, pick_head, _ = st.columns([1, 1, 4])
    layers, numbers = heads.mean["layer"].values.tolist(), heads.mean["head"].values.tolist()
    layer = pick_layer.selectbox("Layer", layers, key="layer", bind="query-params")
    return layer, pick_head.selectbox("Head", numbers, key="head", bind="query-params")


def draw(model: DualEncoder, pair: AlignedPair, cell: tuple[int, int]) -> None:
    """Both texts as the parser reads them, and the head's attention on each and its difference."""
    texts = pair.pair
    for form, sentence in (("Affirmative", texts.affirmative), ("Negated", texts.negated)):
        st.markdown(f":gray[{form}]&nbsp;&nbsp;{marked(sentence)}", help=HOW if form == "Negated" else None)
        correcting.control(sentence, form)
    _repaired(model, pair)
    layer, head = cell
    shown = fields.one_of(
        st,
        "Show",
        SHOWN,
        key="attention-of",
        help="Value-weighted: times the length of what the head writes of that token. A head may look long at a token"
        " and take nothing from it, as at a sentence's start.",
    )
    weighted = shown == "weighted"
    both = patterns(model, model.fingerprint, (texts.negated, texts.affirmative), weighted)
    negated, affirmative = (pattern[layer - 1, head - 1] for pattern in both)
    widgets.figure(
        charts.attention_patterns(
            negated,
            affirmative,
            [plots.token_labels(pieces, pair.negator) for pieces in (pair.pieces_negated, pair.pieces_affirmative)],
            title=f"Layer {layer}, head {head}: {'value-weighted ' if weighted else ''}attention of each token",
            subtitle="1 pair",
            label=LABELS[shown],
        ),
        key="attention-pattern",
        data=_cells(pair, negated, affirmative),
        how_to_read=(
            f"Each row is a token that looks, each column a token looked at; {_ROWS[shown]}. The negator, and the "
            "word in its place, is underlined. Left and middle share one scale; right is their difference."
        ),
        alt=f"Attention of layer {layer} head {head} for the negated and the affirmative text",
    )


def _repaired(model: DualEncoder, pair: AlignedPair) -> None:
    """Where it is asked for: what a repair splits the negated text into, and how near it then lies to the affirmative
    one. The attention below is the model's own: a repair reads its texts, and leaves its heads."""
    spec = repairing.choose()
    if spec is not None or repairing.is_repaired(keeper.spec()):
        repairing.draw_split(repairing.split(pair.pair.negated))
    if spec is None:
        return
    texts = [pair.pair.affirmative, pair.pair.negated]
    with widgets.advice():
        near = {"as it is": nearness(model, texts), "repaired": nearness(keeper.load(spec), texts)}
    told = ", ".join(f"{name} {value:.2f}" for name, value in near.items() if value is not None)
    st.caption(
        f"Cosine of the negated text with the affirmative one: {told}."
        + ("" if near["repaired"] is not None else " Repaired so, a text is several vectors, and has no such cosine.")
        + " Attention is the model's own either way."
    )


def nearness(model: DualEncoder, texts: list[str]) -> float | None:
    """Cosine of two texts; None of a model in which a text is not one vector."""
    from nast_core.repair.repaired import Repaired

    if isinstance(model, Repaired) and model.repair.method.blocks > 1:
        return None
    first, second = model.encode_texts(texts).double()
    return float(first @ second / (first.norm() * second.norm()))


def _cells(pair: AlignedPair, negated: np.ndarray, affirmative: np.ndarray) -> pd.DataFrame:
    """The data behind the panels, a row a cell; both [query, key]."""
    query, key = (axis.ravel() for axis in np.indices((pair.length, pair.length)))
    pieces = np.array(pair.pieces_negated, dtype=object)
    return pd.DataFrame(
        {
            "query": pieces[query],
            "key": pieces[key],
            "query_position": query,
            "key_position": key,
            "negated": negated[query, key],
            "affirmative": affirmative[query, key],
        }
    )
