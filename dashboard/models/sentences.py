"""How a loaded model reads: a sentence token by token, and three sentences by how near they lie."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dashboard.parts.theme import AFFIRMATIVE, NEGATED

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.vocabulary.model import Vocabulary

_STYLES = {  # role -> style of its chip; a negator is underlined as well as coloured
    "negator": f"background:{NEGATED};border-color:{NEGATED};color:#fff;text-decoration:underline;font-weight:600",
    "special": "opacity:.65;font-style:italic",
    "padding": "opacity:.4;border-style:dashed",
}
_CHIP = (
    "display:inline-block;text-align:center;margin:0 4px 10px 0;padding:3px 8px;border:1px solid"
    " rgba(127,127,127,.5);border-radius:6px"
)


def read(model: DualEncoder, sentence: str) -> pd.DataFrame:
    """Each token of a sentence: position, characters, id, role, pooled. Raises TextError where it cannot be encoded.

    Roles: negator, word, punctuation, special (start, end, class), padding.
    """
    from nast_core.vocabulary.cues import find_cues

    tokens = model.text.tokenize([sentence])
    cues, rows, ended = find_cues(tokens.texts[0]), [], False
    for position, (start, end) in enumerate(tokens.offsets[0]):
        piece, real = tokens.piece(0, position), bool(tokens.mask[0, position])
        if not real:
            name, role = "<pad>", "padding"
        elif end == start:
            name, role = "<start>" if position == 0 else "<class>" if ended else "<end>", "special"
            ended = ended or position > 0
        else:
            negated = any(start < cue.end and end > cue.start for cue in cues)
            name, role = piece, "negator" if negated else "word" if any(map(str.isalnum, piece)) else "punctuation"
        rows.append((position, name, int(tokens.ids[0, position]), role, position == int(tokens.pooled[0])))
    return pd.DataFrame(rows, columns=["position", "token", "id", "role", "pooled"])


def pooled_in_words(model: DualEncoder, tokens: pd.DataFrame) -> str:
    """Which token's last state becomes the embedding."""
    if not model.text.pools_one_position:
        return f"No single token is pooled: the embedding is the {model.text.pooling}."
    (row,) = tokens[tokens.pooled].itertuples()
    return f"Pooled: position {row.position}, {row.token}. {model.text.pooling[0].upper()}{model.text.pooling[1:]}."


def chips(model: DualEncoder, tokens: pd.DataFrame) -> str:
    """The sentence as a row of labelled boxes, HTML; a run of padding is one box."""
    shown, hidden, single = [], 0, model.text.pools_one_position
    plain = set(tokens.index[(tokens.role == "padding") & ~tokens.pooled])
    for row in tokens.itertuples():
        if row.role == "padding" and not row.pooled and row.Index + 1 in plain:
            hidden += 1
            continue
        name = f"{row.token} ×{hidden + 1}" if hidden else row.token
        ring = f";box-shadow:0 0 0 2px {AFFIRMATIVE}" if row.pooled and single else ""
        label = f"{row.position} · {row.id}" + (" · pooled" if row.pooled and single else "")
        shown.append(
            f'<span style="{_CHIP};{_STYLES.get(row.role, "")}{ring}">{escape(name)}'
            f'<br><span style="font-size:11px;opacity:.7;text-decoration:none">{label}</span></span>'
        )
        hidden = 0
    return f'<div style="line-height:1.3">{"".join(shown)}</div>'


def similarity(
    model: DualEncoder, affirmative: str, negation: str, equivalent: str, *, vocabulary: Vocabulary | None = None
) -> pd.DataFrame:
    """Cosines of the three pairs of texts, and what unlike sentences have in this model: pair, cosine, n.

    Raises TextError for a text that cannot be encoded.
    """
    from nast_core.negation.pairs import template_pairs
    from nast_core.vocabulary.shipped import given

    vocabulary = given(vocabulary)
    own = [condition for condition in model.card.conditions if condition in vocabulary]
    pairs_known = template_pairs(own or None, vocabulary)
    others = {pair.finding: pair.affirmative for pair in reversed(pairs_known)}  # the first of each finding
    vectors = model.encode_texts([affirmative, negation, equivalent, *others.values()]).numpy()
    present, denied, same, rest = vectors[0], vectors[1], vectors[2], vectors[3:]
    pairs = (rest @ rest.T)[np.triu_indices(len(rest), 1)]
    rows = [
        ("negation and what it denies", float(denied @ present), 1),
        ("negation and its equivalent", float(denied @ same), 1),
        ("what it denies and the equivalent", float(present @ same), 1),
        ("sentences on different findings", float(pairs.mean()), len(pairs)),
    ]
    return pd.DataFrame(rows, columns=["pair", "cosine", "n"])


def verdict(table: pd.DataFrame) -> str:
    """What the cosines say, in one sentence."""
    denies, equivalent = (float(value) for value in table.cosine[:2])
    if equivalent > denies:
        return (
            f"The negation lies nearer to its equivalent ({equivalent:.2f}) than to what it denies ({denies:.2f}), as"
            " it should."
        )
    return (
        f"The negation lies nearer to what it denies ({denies:.2f}) than to its equivalent ({equivalent:.2f}): the"
        " model keeps the finding and loses the negation."
    )
