"""Attribution: which words, and which regions of the X-ray, make the score; and what the negation changes of it."""

import streamlit as st

from dashboard.attribution import attributions, regions, words
from dashboard.parts import fields, keeper, pairs

st.title("Attribution")
model = keeper.model()
chosen = pairs.choose_set(model)
if fields.fresh("pair"):  # start where the texts differ most in score
    widest = attributions.widest(model, chosen)
    fields.start(pair=chosen[widest].pair.negated)
pair = pairs.choose_one(model, chosen)

st.subheader("Which words make the score")
picture = words.draw(model, pair)

st.subheader("Which regions make the score")
regions.draw(model, pair, picture)
