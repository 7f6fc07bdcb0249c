"""Repair: a model that reads denials better without being trained, what that gains, and what it costs."""

import streamlit as st

from dashboard.parts import keeper, repairing, widgets
from dashboard.repair import asked_for, offering, one_item, outcome, side_by_side, strengths

st.title("Repair")
st.caption(
    "A repair changes how texts with a denial are read and nothing else: no weight is trained, and texts without a"
    " denial keep the very vectors they had. It hangs on a parser of English, so new wording works at once where the"
    " parser knows it. Each repair is a run, whose model every page takes; train or repair is answered in one table."
)
keeper.model()  # where it does not load, its sentence
with widgets.advice():
    own = repairing.base_of(keeper.spec())
    model = keeper.load(own)
asked_for.said_of(own)
asked = asked_for.choose(own, model.fingerprint)
found = outcome.gathered(asked, model.fingerprint)
offering.draw(model, found)
if found.done:
    side_by_side.draw(found, asked)
    strengths.draw(found, asked)
one_item.draw(model, found, asked)
