"""Fine-tune: each text layer learns in proportion to its causal tracing effect, and arms to compare with."""

import streamlit as st

from dashboard import board, finetune, finetune_charts, jobs, state, tracing, widgets

st.title("Fine-tune")
st.caption(
    "Negation-aware selective training: the text encoder learns from true statements and their contradictions, each layer "
    "as fast as its causal tracing effect says. Images pass through the frozen image tower once. Training and watching use "
    "the train and validation splits; the test split is for the benchmark."
)
model = state.model()


def ask() -> None:
    """What to train, and the button that does it."""
    st.subheader("1. What to learn from")
    source = st.segmented_control(
        "Training data",
        ["phantom world", "my files"],
        default="phantom world",
        required=True,
        key="train-on",
        bind="query-params",
    )
    if source == "phantom world":
        left, right = st.columns(2)
        studies = left.select_slider(
            "Training phantoms", [500, 1000, 2000, 4000], 1000, key="train-n", bind="query-params"
        )
        data_seed = right.number_input("Seed of the data", 0, 10_000, 0, key="train-seed", bind="query-params")
        files = finetune.phantom_files(finetune.data_folder(), studies, int(data_seed))
    else:
        paths = [
            st.text_input(label, key=key, bind="query-params", help=said)
            for label, key, said in (
                ("Claims file", "claims", "claims.jsonl of 'nast claims build', with train and validation lines."),
                ("Folder of images", "train-images", "Where the claims' images are; phantoms need none."),
                (
                    "Validation questions (optional)",
                    "train-items",
                    "items.jsonl of 'nast benchmark build': adds accuracies and gap.",
                ),
            )
        ]
        if not paths[0]:
            widgets.empty(
                "Give a claims file; 'nast claims build --source FILE --out claims.jsonl' makes one from reports."
            )
        data, images, items = (widgets.path(p) if p else None for p in paths)
        files = finetune.Files(data, items, images)

    st.subheader("2. Which layers learn how fast")
    found = finetune.traces(model)
    arms = st.pills(
        "Arms, on the same batches and seeds", list(finetune.ARMS), selection_mode="multi", key="arms", format_func=finetune.ARMS.get,
        default=["uniform", "nast"] if found else ["uniform"],
    )  # fmt: skip
    trace, choices, table = None, {}, None
    if not found:
        st.info(
            "No trace of this model is kept yet. Open **Causal tracing**, which makes one, and come back; without one only the "
            "uniform and frozen arms can be trained.", icon=":material/timeline:",
        )  # fmt: skip
    else:
        one, two, three = st.columns([3, 3, 2])
        names = {choice.id: choice.label for choice in found}
        trace = one.selectbox(
            "Effect from", list(names), format_func=names.get, key="steer", help="Traces of this very model."
        )
        choices["summary"] = two.selectbox(
            "Layer summary", list(tracing.SUMMARIES), format_func=tracing.SUMMARIES.get, key="train-summary",
            help="The summary decides the schedule: the spread over tokens and the effect at the negator can give opposite ones.",
        )  # fmt: skip
        choices["average"] = three.selectbox(
            "Average", list(tracing.AVERAGES), format_func=tracing.AVERAGES.get, key="train-average"
        )
        low, sharp, _ = st.columns([2, 2, 3])
        choices["floor"] = low.slider(
            "Least share of a layer", 0.05, 1.0, 0.1, 0.05, key="floor", help="1: every layer alike."
        )
        choices["temperature"] = sharp.slider(
            "Sharpness", 0.0, 3.0, 1.0, 0.25, key="temperature", help="Exponent on the effect."
        )
        table = finetune.weights(model, trace, choices, 0)
        widgets.figure(
            finetune_charts.weight_bars(
                table, arms, title="Layer weights beside the effect they come from", subtitle="mean weight 1, so that arms take equal steps in all"
            ),
            key="layer-weights",
            data=table,
            how_to_read="Hatched: the effect of each layer, over its mean. Beside it: what each arm multiplies the layer's learning "
            "rate by.",
            alt="Bars of the effect and of the arms' weights by layer",
        )  # fmt: skip

    st.subheader("3. How")
    first, second, third, fourth = st.columns(4)
    method = first.segmented_control("Method", ["lora", "full"], default="lora", required=True, key="train-method",
                                     format_func={"lora": "LoRA", "full": "full text tower"}.get)  # fmt: skip
    steps = second.number_input("Steps", 10, 100_000, finetune.default("steps"), 50, key="steps")
    rate = third.number_input(
        "Learning rate",
        1e-6,
        1.0,
        finetune.start_of("learning_rate", method),
        step=finetune.start_of("learning_rate", method) / 10,
        format="%.1e",
        key=f"rate-{method}",
    )
    seeds = fourth.number_input("Seeds", 1, 10, 1, key="seeds", help="Runs of each arm, for intervals.")
    with st.expander("More settings"):
        whole = method == "full"
        a, b, c = st.columns(3)
        rank = a.number_input(
            "LoRA rank", 1, 256, finetune.default("rank"), key="rank", disabled=whole, help="Alpha is twice the rank."
        )
        targets = b.selectbox("LoRA adapts", ["both", "attention", "mlp"], key="targets", disabled=whole,
                              format_func={"both": "attention and MLP", "attention": "attention", "mlp": "MLP"}.get)  # fmt: skip
        dropout = c.number_input(
            "LoRA dropout", 0.0, 0.9, finetune.default("dropout"), 0.05, key="dropout", disabled=whole
        )
        a, b, c = st.columns(3)
        batch = a.number_input("Studies a step", 2, 4096, finetune.default("batch_size"), key="batch")
        align = b.number_input(
            "Weight of staying aligned",
            0.0,
            100.0,
            finetune.default("alignment_weight"),
            key="beta",
            help="Keeps affirmative captions where they were.",
        )
        scale = c.selectbox("Layer weight scales", ["learning_rate", "gradient"], key="scale",
                            format_func={"learning_rate": "the learning rate", "gradient": "the gradient (Adam undoes it)"}.get)  # fmt: skip
        e, f, g, h, last = st.columns(5)
        caption = e.number_input("Weight of captions", 0.0, 100.0, finetune.default("caption_weight"), key="w-caption")
        same = f.number_input(
            "Weight of contradictions",
            0.0,
            100.0,
            finetune.default("same_image_weight"),
            key="w-same",
            help="Of two statements that contradict each other, the one an image bears out scores higher on it.",
        )
        across = g.number_input(
            "Weight across images",
            0.0,
            100.0,
            finetune.default("across_image_weight"),
            key="w-across",
            help="A statement scores higher on images where it holds than where it does not: what makes a denial read, not muted.",
        )
        alone = h.number_input(
            "Share of steps on single statements", 0.0, 1.0, finetune.start_of("statements_first", method), 0.05, key=f"alone-{method}",
            help="Reading a denial comes before reading it among other statements; captions and contradictions join after these.",
        )  # fmt: skip
        patience = last.number_input(
            "Stop after validations without gain",
            0,
            100,
            0,
            key="patience",
            help="0: all steps. Counted from when captions join, by the validation loss.",
        )

    seconds = steps * finetune.seconds_a_step(model, model.fingerprint, int(batch))
    runs = finetune.recipes(
        arms, int(seeds),
        {
            "data": files.data, "items": files.items, "images": files.images, "method": method, "steps": int(steps),
            "learning_rate": rate, "batch_size": int(batch), "rank": int(rank), "alpha": 2.0 * rank, "targets": targets, "dropout": dropout, "alignment_weight": align, "scale": scale,
            "caption_weight": caption, "same_image_weight": same, "across_image_weight": across,
            "statements_first": alone, "patience": int(patience) or None, "validate_every": max(int(steps) // 8, 1), "checkpoint_every": max(int(steps) // 8, 1),
            **choices,
        },
        trace,
    )  # fmt: skip
    if st.button(
        f"Train {len(runs)} run{'s' * (len(runs) != 1)}: {jobs.duration(seconds * len(runs))} in all, one after another on a device",
        type="primary", icon=":material/play_arrow:", disabled=not runs,
    ):  # fmt: skip
        jobs.start(runs, model.fingerprint)


try:
    ask()
finally:  # a setting that cannot be ends the asking; what is running stays in sight
    st.subheader("Runs")
    board.show("finetune")
