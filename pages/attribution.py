"""Attribution: which words, and which regions of the X-ray, make the score; and what the negation changes of it."""

import streamlit as st

from dashboard.attribution import attributions, charts
from dashboard.parts import keeper, pairs, widgets
from dashboard.parts.pictures import choose_picture, draw
from dashboard.parts.text import plain

st.title("Attribution")
model = keeper.model()
chosen = pairs.choose_set(model)
if "pair" not in {*st.session_state, *st.query_params}:  # start where the texts differ most in score
    st.session_state["pair"] = chosen[
        attributions.widest(model, model.fingerprint, chosen, pairs.set_key(chosen))
    ].pair.negated
pair = pairs.choose_one(model, chosen)

st.subheader("Which words make the score")
left, right = st.columns([2, 5], gap="medium")
with left:
    picture = choose_picture(pair.pair.finding)
    draw(picture)
with right:
    words = attributions.tokens(model, pair, picture)
    if words is not None:
        one = words.isel(pair=0)
        affirmative, negated = float(one.s_affirmative), float(one.s_negated)
        off = attributions.worst_share(words)
        figures = st.columns([3, 3, 3, 4])
        figures[0].metric("S(affirmative)", f"{affirmative:.2f}", help=plain(pair.pair.affirmative))
        figures[1].metric("S(negated)", f"{negated:.2f}", help=plain(pair.pair.negated))
        figures[2].metric("d = S(a) - S(n)", f"{affirmative - negated:.2f}")
        figures[3].metric(
            "Convergence delta",
            attributions.percent(off),
            help=(
                "How far the token attributions are from adding up to the change of score: share of that change, the"
                " worse of the two texts."
            ),
        )
        table = attributions.token_table(words)
        widgets.figure(
            charts.token_strip(
                table,
                pair.negator,
                title="Token attributions of both texts, on one scale",
                subtitle=f"integrated gradients in logits, {int(one.n_steps.max())} steps; 1 pair, 1 image",
            ),
            key="attribution-tokens",
            data=table,
            how_to_read=(
                "Red raises the score, blue lowers it, against a text that says nothing: the end token in every word's"
                " place. A column adds up to the change of score, the last to d. The negator, and the word in its"
                " place, is underlined; start and end tokens stand in the baseline too, so theirs is 0."
            ),
            alt="Attributions of each token of the affirmative and the negated text, and their difference",
        )
        with st.expander("Do the attributions add up?", icon=":material/functions:", expanded=off > 0.01):
            numbers = {
                name: st.column_config.NumberColumn(format="%.3f") for name in ("baseline", "sum of tokens", "S")
            }
            st.dataframe(attributions.completeness_table(words), hide_index=True, column_config=numbers)
            st.caption(
                "In logits: S = S of the baseline + sum of tokens - delta. Steps are doubled until delta is below 1 %"
                " of the change, up to 512."
            )

st.subheader("Which regions make the score")
how, detail, glass = st.columns([10, 6, 5], vertical_alignment="bottom", gap="medium")
method = how.segmented_control(
    "Method",
    list(attributions.METHODS),
    format_func=attributions.METHODS.__getitem__,
    default="occlusion",
    required=True,
    key="attribution-method",
    bind="query-params",
    help=(
        "Occlusion covers a window with grey. Integrated gradients share the score out to pixels. Grad-CAM weighs the"
        " last feature map, where the image tower is convolutional."
    ),
)
opacity = glass.slider("Opacity of the overlay, %", 0, 100, 80, 5, key="opacity", bind="query-params")
wide, square = None, 1
if method == "occlusion":
    sides, usual = attributions.window_choices(model)
    wide = detail.segmented_control(
        "Covered window, patches", sides, default=usual, required=True, key="occlude", bind="query-params"
    )
elif method == "integrated_gradients":
    each = detail.segmented_control(
        "A value for each",
        ["square", "pixel"],
        default="square",
        required=True,
        key="ig-detail",
        bind="query-params",
    )
    square = attributions.squares(model) if each == "square" else 1
found = attributions.regions(model, pair, picture, method, wide)
if found is not None:
    shown = attributions.maps(found, square)
    widgets.figure(
        charts.overlay(
            picture.image,
            shown,
            (float(found.s_affirmative[0]), float(found.s_negated[0])),
            opacity / 100,
            smooth=method == "grad_cam",
            title=f"What raises and what lowers each score: {attributions.METHODS[method]}",
            subtitle=attributions.settings(found, square),
        ),
        key="attribution-image",
        data=shown.table(),
        how_to_read=attributions.HOW_TO_READ[method]
        + " One scale for all three. Right: what the negation changes; a model that "
        "passes over the negator has the same map twice, and nothing on the right."
        + (" Dotted: the part of the image that the model sees." if shown.cropped else ""),
        alt="The X-ray with the attributions of the affirmative score, of the negated score, and of their difference",
    )
