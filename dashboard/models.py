"""Tables of the Models page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from nast_core.models import DualEncoder


def anatomy(model: DualEncoder) -> pd.DataFrame:
    """What the loaded model is made of."""
    rows = {
        "Family": model.card.family,
        "Licence": model.card.licence,
        **model.report.rows,
        "Parameters": f"{model.parameters:,}",
        "Logit scale": f"{model.logit_scale:.2f}" if model.logit_scale else "none: scores are cosines",
        "Logit bias": f"{model.logit_bias:.2f}",
        "Fingerprint": model.fingerprint[:16],
        "Keys not used": ", ".join(model.report.unused_keys) or "none",
    }
    return pd.DataFrame(rows.items(), columns=["what", "value"])


def token_table(model: DualEncoder, sentence: str) -> pd.DataFrame:
    """Each token of a sentence: its characters, id and role. Raises TextError for one that cannot be encoded."""
    from nast_core.negation.cues import find_cues

    tokens = model.text.tokenize([sentence])
    cues = find_cues(tokens.texts[0])
    rows = []
    for position, (start, end) in enumerate(tokens.offsets[0]):
        parts = []
        if any(start < cue.end and end > cue.start for cue in cues) and end > start:
            parts.append("negator")
        if position == int(tokens.pooled[0]):
            parts.append("pooled")
        if not bool(tokens.mask[0, position]):
            parts.append("padding")
        elif end == start:
            parts.append("special")
        name = tokens.piece(0, position) or ("<pad>" if "padding" in parts else "<start>" if position == 0 else "<end>")
        rows.append((position, name, int(tokens.ids[0, position]), ", ".join(parts)))
    return pd.DataFrame(rows, columns=["position", "token", "id", "role"])


def similarity(model: DualEncoder, texts: list[str]) -> pd.DataFrame:
    """Cosines between texts, [text, text]. Raises TextError for a text that cannot be encoded."""
    vectors = model.encode_texts(texts)
    return pd.DataFrame((vectors @ vectors.T).numpy().round(3), index=texts, columns=texts)


def zoo_table() -> pd.DataFrame:
    """Known models: what they are, whether they are on this machine, and how to get the others."""
    from nast_core.models.zoo import how_to_get, on_this_machine, zoo

    rows = []
    for card in zoo():
        here = on_this_machine(card)
        rows.append(
            {
                "model": card.name,
                "type": card.slug,
                "here": "yes" if here else "no",
                "family": card.family,
                "text tower": card.text,
                "context": card.context,
                "image px": card.image_size,
                "licence": card.licence + (" (gated)" if card.gated else ""),
                "trained on": card.trained_on,
                "paper": card.paper,
                "how to get it": f"on this machine, in {here}" if here else how_to_get(card),
            }
        )
    return pd.DataFrame(rows)


def known_names() -> list[str]:
    from nast_core.models.zoo import zoo

    return [card.name for card in zoo()]


def where_from(name: str) -> str:
    """Where a known model is, or which files to put where."""
    from nast_core.models.zoo import find_card, how_to_get, on_this_machine

    card = find_card(name)
    assert card is not None  # names come from known_names
    here = on_this_machine(card)
    return f"On this machine, in {here}; type {card.slug}. {card.note}" if here else f"{how_to_get(card)} {card.note}"


def fetch_model(name: str, progress: Callable[[int, int], None]) -> Path:
    """Downloads a known model; its folder. Raises ModelError where the hub cannot be reached or refuses."""
    from nast_core.models.zoo import download, find_card

    card = find_card(name)
    assert card is not None  # names come from known_names
    return download(card, progress)
