"""Compare: did the mechanism move, or only the score, and what was lost?"""

import streamlit as st

from dashboard.compare import asked_for, comparisons, inside, item_changes, mechanism, one_head, scores, take_along
from dashboard.parts import painting

st.title("Compare")
asked = asked_for.choose()
view = comparisons.view(asked)
scores.headline(view)
painting.let_out()

st.subheader("The score")
scores.accuracy(view)

st.subheader("What was learnt, and what was lost")
scores.claims(view)
scores.wording(view)

st.subheader("The mechanism")
mechanism.draw(view)

st.subheader("One head, token by token")
one_head.draw(view)

st.subheader("What moved inside")
inside.draw(view)

st.subheader("The items fixed, and the items broken")
item_changes.draw(view)

st.subheader("Take it along")
take_along.draw(view)
