"""Attribution: which words, and which regions of the X-ray, make the score; and what the negation changes of it."""

import numpy as np
import streamlit as st

from dashboard import attribution, attribution_charts, pairs, state, widgets
from dashboard.pictures import caption, choose_picture

st.title("Attribution")
model = state.model()
chosen = pairs.choose_set(model)
if "pair" not in {*st.session_state, *st.query_params}:  # start where the texts differ most in score
    st.session_state["pair"] = chosen[
        attribution.widest(model, model.fingerprint, chosen, pairs.set_key(chosen))
    ].pair.negated
pair = pairs.choose_one(model, chosen)

st.subheader("Which words make the score")
left, right = st.columns([2, 5], gap="medium")
with left:
    picture = choose_picture(pair.pair.finding)
    st.image(picture.image, caption=caption(picture), width="stretch")
    for warning in picture.warnings:
        st.caption(f":material/info: {warning}")
with right:
    words = attribution.tokens(model, pair, picture)
    if words is not None:
        one = words.isel(pair=0)
        affirmative, negated = float(one.s_affirmative), float(one.s_negated)
        off = attribution.worst_share(words)
        figures = st.columns(4)
        figures[0].metric("S(affirmative), logits", f"{affirmative:.2f}", help=pair.pair.affirmative)
        figures[1].metric("S(negated), logits", f"{negated:.2f}", help=pair.pair.negated)
        figures[2].metric("d = S(aff.) - S(neg.), logits", f"{affirmative - negated:.2f}")
        figures[3].metric(
            "Convergence delta, % of change",
            "undefined" if np.isnan(off) else f"{100 * off:.1g}",
            help="How far the token attributions are from adding up to the change of score, the worse of the two texts.",
        )
        table = attribution.token_table(words)
        widgets.figure(
            attribution_charts.token_strip(
                table, pair.negator, title="Token attributions of both texts, on one scale",
                subtitle=f"integrated gradients, {int(one.n_steps.max())} steps; 1 pair, 1 image",
            ),
            key="attribution-tokens",
            data=table,
            how_to_read="Red raises the score, blue lowers it, against a text that says nothing: the end token in every "
            "word's place. A row adds up to the change of score, the bottom row to d. The negator, and the word in its "
            "place, is underlined; start and end tokens stand in the baseline too, so theirs is 0.",
            alt="Attributions of each token of the affirmative and the negated text, and their difference",
        )  # fmt: skip
        with st.expander("Do the attributions add up?", icon=":material/functions:", expanded=off > 0.01):
            numbers = {
                name: st.column_config.NumberColumn(format="%.3f")
                for name in ("S of the baseline", "sum of tokens", "S of the text")
            }
            st.dataframe(attribution.completeness_table(words), hide_index=True, column_config=numbers)
            st.caption(
                "S of the text = S of the baseline + sum of tokens - delta. Steps are doubled until delta is below 1 % of the "
                "change, up to 512."
            )

st.subheader("Which regions make the score")
how, detail, glass = st.columns([3, 3, 2], vertical_alignment="bottom", gap="medium")
method = how.segmented_control(
    "Method", list(attribution.METHODS), format_func=attribution.METHODS.__getitem__, default="occlusion", required=True,
    key="attribution-method", bind="query-params",
    help="Occlusion covers a window with grey. Integrated gradients share the score out to pixels. Grad-CAM weighs the last "
    "feature map, where the image tower is convolutional.",
)  # fmt: skip
opacity = glass.slider("Opacity of the overlay, %", 0, 100, 80, 5, key="opacity", bind="query-params")
if method == "occlusion":
    wide = detail.segmented_control(
        "Covered window, patches", [1, 2, 3, 4], default=2, required=True, key="occlude", bind="query-params"
    )
elif method == "integrated_gradients":
    fine = detail.segmented_control(
        "Shown", ["summed over squares", "each pixel"], default="summed over squares", required=True, key="ig-detail",
        bind="query-params",
    )  # fmt: skip
with widgets.advice():
    windows = attribution.windows(model, wide if method == "occlusion" else None)
found = attribution.regions(model, pair, picture, method, windows)
if found is None:
    st.stop()
squares = windows.stride if method == "integrated_gradients" and fine == "summed over squares" else 1
shown = attribution.maps(found, squares)
widgets.figure(
    attribution_charts.overlay(
        picture.image, shown, (float(found.s_affirmative[0]), float(found.s_negated[0])), opacity / 100,
        smooth=method == "grad_cam", title=f"What raises and what lowers each score: {attribution.METHODS[method]}",
        subtitle=attribution.settings(found, windows, squares),
    ),
    key="attribution-image",
    data=shown.table(),
    how_to_read=attribution.HOW_TO_READ[method] + " One scale for all three. Right: what the negation changes; a model that "
    "passes over the negator has the same map twice, and nothing on the right.",
    alt="The X-ray with the attributions of the affirmative score, of the negated score, and of their difference",
)  # fmt: skip
