"""The pair that the page is about, and what is drawn of it: tabs, only the open one of which computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.layers import adding, flow, knowing, meaning, patched, readings
from dashboard.parts import pairs, strips, widgets
from nast_core.models.description import no_contributions
from nast_core.models.tower import PreNormBlock

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair, PolarityPair


class Asked:
    """A pair, which need not align; where it does, ``aligned``, and where not, ``why``."""

    def __init__(self, model: DualEncoder, pair: PolarityPair):
        from nast_core.errors import PairError, TextError

        self.model, self.pair = model, pair
        self.aligned, self.why = None, ""
        try:
            self.aligned = pairs.align_pair(model, model.fingerprint, pair)
        except (PairError, TextError) as error:
            self.why = str(error)


def choose(model: DualEncoder) -> Asked:
    """One pair of the dataset, or two typed texts, as a strip where they align."""
    asked = Asked(model, pairs.choose_texts(readings.every_pair(model)))
    if asked.aligned:
        strips.draw(asked.aligned)
    return asked


def _apart(draw: Callable[[DualEncoder, AlignedPair], None]) -> Callable[[Asked], None]:
    """A tab that takes scores apart, token by token; where that cannot be done, it says why."""

    def drawn(asked: Asked) -> None:
        if why := no_contributions(asked.model):
            widgets.hint(f"The score of this model is no sum of what its parts add: {why}.")
        elif asked.aligned is None:
            widgets.hint(f"These two texts cannot be compared token by token: {asked.why}.")
        else:
            if not isinstance(asked.model.text.blocks[0], PreNormBlock):
                st.caption(
                    ":material/info: This tower norms after every block: the parts still add up, but what an early"
                    " layer adds is scaled by every norm behind it, so that its share looks smaller than what later"
                    " layers made of it."
                )
            draw(asked.model, asked.aligned)

    return drawn


TABS: dict[str, Callable[[Asked], None]] = {
    "Is it known": lambda asked: knowing.draw(asked.model),
    "What it would mean": lambda asked: meaning.draw(asked.model, asked.pair),
    "Who makes the score": _apart(adding.draw),
    "Flow": _apart(flow.draw),
    "Patch lens": lambda asked: patched.draw(asked.model, asked.pair),
}
