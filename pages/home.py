"""Home: what this is, and one live case in which the wording decides."""

import pandas as pd
import streamlit as st

from dashboard.parts import clicks, keeper
from dashboard.parts.cases import ask_items, draw_options, read_image_table
from dashboard.parts.items import phantom_items
from dashboard.parts.marks import HOW
from dashboard.parts.pictures import image_vector, phantom_picture, phantom_title, uploads
from dashboard.parts.text import plain

st.title("Does the model read “no”?")
st.markdown(
    "Medical CLIP models often answer correctly when an absent finding is said affirmatively (“fully expanded lungs”)"
    " and wrongly when the same is said with a negation (“no pneumothorax”). This dashboard shows where a CLIP's text"
    " encoder reads the negator, how much each layer carries, and how many points the model loses. It opens on a demo"
    " world of drawn radiographs, **which are drawings, not patients**; load your own CLIP folder and images in the"
    " sidebar."
)
model = keeper.model()

CASES = 60
items = phantom_items(CASES, 1, "validation")
scored = ask_items(model, items, "home")
answers = scored.pivot(index="item_id", columns="form", values="correct")
disagree = [i for i, item in enumerate(items) if answers.affirmative[item.item_id] > answers.negated[item.item_id]]

st.subheader("One X-ray, the same four statements, said two ways")
switch, number, button = st.columns([5, 1, 1], vertical_alignment="bottom")
only = switch.toggle(
    f"Only cases lost by the negation ({len(disagree)} of {CASES})", value=True, key="lost", bind="query-params"
)
order = disagree if only and disagree else list(range(CASES))
if st.session_state.get("case", 1) > len(order):
    st.session_state["case"] = 1
case = number.number_input("Case", 1, len(order), key="case", bind="query-params")
button.button("Another case", on_click=clicks.next_case, args=(len(order),), width="stretch", type="primary")

marks = st.toggle(
    "Mark what the parser reads in the statements", value=True, key="marks", bind="query-params", help=HOW
)
item = items[order[case - 1]]
picture, affirmative, negated = st.columns([4, 5, 5], gap="medium")
seed = int(item.image.split(":")[1])
picture.image(
    phantom_picture(seed).image, caption=f"Phantom {seed}: {phantom_title(seed)}", width="stretch"
)
for column, form in ((affirmative, "affirmative"), (negated, "negated")):
    with column:
        draw_options(item, scored[(scored.item_id == item.item_id) & (scored.form == form)].iloc[0], marks=marks)
right = int(answers.affirmative.sum()), int(answers.negated.sum())
st.caption(
    f"On these {CASES} cases (validation phantoms, item seed 1) the model is right {right[0]} times affirmatively and "
    f"{right[1]} times with negations; the Benchmark page measures this on thousands, with intervals. Scores are "
    "image-text logits; the answer is the highest."
)

if pictures := uploads():
    st.subheader("Your images, read both ways")
    st.caption(
        "Per condition, three statements scored on your image, in logits (any image gets scores: whether it is a chest"
        " X-ray is not checked). A model that reads “no” puts “no X” on the side of the affirmative equivalent, not on"
        " the side of “X”."
    )
    for shown in pictures:
        left, right_side = st.columns([2, 5], gap="medium")
        left.image(shown.image, caption=plain(shown.title), width="stretch")
        table: pd.DataFrame = read_image_table(model, image_vector(model, shown))
        numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in table.select_dtypes("number")}
        right_side.dataframe(table, hide_index=True, width="stretch", height="content", column_config=numbers)
else:
    st.caption("Drop a PNG, JPEG or DICOM into the sidebar to see the model read your own image both ways.")
