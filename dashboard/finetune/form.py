"""What the fine-tune page asks for: training files, layers, settings. Functions draw their part, return the choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import streamlit as st

from dashboard.finetune import charts, distil, prepare
from dashboard.parts import asking, datasets, fields, jobs, manners, widgets
from dashboard.parts.text import plain
from dashboard.tracing import traces
from nast_core.finetune.arms import ARMS
from nast_core.interpret.summaries import offered

if TYPE_CHECKING:
    import pandas as pd
    from streamlit.delta_generator import DeltaGenerator

    from nast_core.finetune.arms import Arm
    from nast_core.finetune.presets import Method
    from nast_core.models import DualEncoder

_TARGETS = {"both": "attention and MLP", "attention": "attention", "mlp": "MLP"}
_SCALES = {"learning_rate": "the learning rate", "gradient": "the gradient (Adam undoes it)"}
_PRECISIONS = {"float32": "float32", "auto": "the faster, tried", "bf16": "bf16"}  # the recipe's default first
_FILES = (
    ("Claims file", "claims", "claims.jsonl of 'nast claims build', with train and validation lines."),
    ("Folder of images", "train-images", "Where the claims' images are; drawn ones need none."),
    (
        "Validation questions (optional)",
        "train-items",
        "items.jsonl of 'nast benchmark build': adds accuracies and gap.",
    ),
)
_LOSSES = (  # field of the recipe, label, help
    ("caption_weight", "Weight of captions", None),
    (
        "same_image_weight",
        "Weight of contradictions",
        "Of two statements that contradict each other, the one an image bears out scores higher on it.",
    ),
    (
        "across_image_weight",
        "Weight across images",
        (
            "A statement scores higher on images where it holds than where it does not: what makes a denial read, not"
            " muted."
        ),
    ),
)


_LEARNT = {"statements": "statements about images", "text": "text alone"}


class Layers(NamedTuple):
    arms: list[Arm]
    choices: dict[str, Any]  # fields of the recipe
    trace: str | None


def train(model: DualEncoder) -> None:
    """The whole form: what to train on, which layers, how, and the button that starts it."""
    st.subheader("1. What to learn from")
    by, on = st.columns(2)  # side by side, so that the first picture is in view
    if fields.one_of(by, "Learn from", _LEARNT, key="finetune-by") != next(iter(_LEARNT)):
        distil.offer(model)
        return
    files = data(on)
    st.subheader("2. Which layers learn how fast")
    schedule = layers(model)
    st.subheader("3. How")
    chosen, seeds = settings()

    wanted = prepare.recipes(schedule.arms, seeds, files._asdict() | chosen | schedule.choices, schedule.trace)
    count, time = len(wanted), prepare.time_of(wanted, model)
    if st.button(
        f"Train {count} run{'s' * (count != 1)}: {time} in all, one after another on a device",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not wanted,
        key="finetune-train",
    ):
        jobs.start(wanted, model.fingerprint)


def data(place: DeltaGenerator) -> prepare.Files:
    """The chosen dataset's statements, or the user's own files; for none the page says what to do, and ends."""
    if fields.one_of(place, "Training data", ["the dataset", "my files"], key="train-on") == "the dataset":
        return _drawn() if datasets.drawn() else _of_dataset()
    paths = [asking.field(st, label, key=key, help=told) for label, key, told in _FILES]
    if not paths[0]:
        widgets.empty(
            "Give a claims file; 'nast claims build --source FILE --out claims.jsonl' makes one from reports."
        )
    claims, images, items = (widgets.path(p) if p else None for p in paths)
    assert claims is not None
    return prepare.Files(claims, items, images)


def _drawn() -> prepare.Files:
    """How many patients to draw, which, and how what is true of them is said."""
    left, right = st.columns(2)
    studies = left.select_slider("Training patients", [500, 1000, 2000, 4000], 1000, key="train-n", bind="query-params")
    seed = right.number_input("Seed of the data", 0, 10_000, 0, key="train-seed", bind="query-params")
    manner = manners.chosen(key="finetune-said-", start="own")
    return prepare.drawn_files(prepare.data_folder(), studies, int(seed), manner)


def _of_dataset() -> prepare.Files:
    """All statements about its train and validation patients; where either are missing, the page says so and ends."""
    dataset = datasets.chosen()
    if missing := [split for split in prepare.LEARNT_FROM if split not in dataset.splits]:
        widgets.empty(
            f"{dataset.name} has no image of its {' and '.join(missing)} split, and a fine-tune learns from train and"
            " is chosen by validation patients. Build it with shares for both, or give files."
        )
    with widgets.lacking():
        counts = prepare.statements(dataset, dataset.fingerprint)
    said = ", ".join(f"{n:,} statements about {studies:,} {split} studies" for split, (n, studies) in counts.items())
    watched = len(dataset.watched())
    st.caption(
        f"{plain(dataset.name)}: {said}; {watched:,} validation questions to watch."
        + ("" if watched else " Without them, accuracies and the gap are not shown while it learns.")
        + " Test patients are not among them."
    )
    return prepare.Files(dataset=dataset.spec)


def layers(model: DualEncoder) -> Layers:
    """Arms, and the trace with its summary that gives their layer weights, drawn beside the effect."""
    kept = prepare.traces(model)
    chosen = st.pills(
        "Arms, on the same batches and seeds",
        list(ARMS),
        selection_mode="multi",
        key="finetune-arms",
        format_func=lambda arm: f"{arm}: {ARMS[arm].text}",
        default=["uniform", "nast"] if kept else ["uniform"],
    )
    arms = cast("list[Arm]", chosen)
    if not kept:
        st.info(
            "No trace of this model is kept yet. Open **Causal tracing**, which makes one, and come back; without one "
            "only the uniform and frozen arms can be trained.",
            icon=":material/timeline:",
        )
        return Layers(arms, {}, None)
    one, two, three = st.columns([3, 3, 2])
    names = {choice.id: choice.label for choice in kept}
    trace = one.selectbox(
        "Effect from",
        list(names),
        format_func=names.__getitem__,
        key="finetune-trace",
        help="Traces of this very model.",
    )
    traced = prepare.trace_of(model, trace)
    summary = traces.choose_summary(
        two,
        list(offered(traced)),
        "finetune-summary",
        help=(
            "The summary decides the schedule: the spread over tokens and the effect at the negator can give opposite "
            "ones."
        ),
    )
    average = traces.choose_average(three, "finetune-average")
    choices = {"summary": summary, "average": average, **_schedule(), **_paper("paper" in arms)}
    _draw_weights(prepare.weights(traced, choices, arms), arms)
    return Layers(arms, choices, trace)


def _schedule() -> dict[str, float]:
    """How an effect becomes weights."""
    low, sharp, _ = st.columns([2, 2, 3])
    floor = low.slider(
        "Least share of a layer", 0.05, 1.0, 0.1, 0.05, key="finetune-floor", help="1: every layer alike."
    )
    temperature = sharp.slider(
        "Sharpness", 0.0, 3.0, 1.0, 0.25, key="finetune-temperature", help="Exponent on the effect."
    )
    return {"floor": floor, "temperature": temperature}


def _paper(chosen: bool) -> dict[str, float]:
    """What the paper leaves open of its rule; the recipe's own where its arm is not chosen."""
    if not chosen:
        return {name: prepare.default(name) for name in ("exponent", "balance")}
    power, balance, told = st.columns([2, 2, 3])
    told.caption(
        "The arm *paper* takes the paper's whole recipe, as known from notes about it: LoRA, the gradient scaled, a"
        " fixed rate, single denials told apart and the true claim among claims. Adam undoes such a scaling but for a"
        " layer whose weight is 0."
    )
    return {
        "exponent": power.slider("Paper: exponent", 0.0, 3.0, 1.0, 0.25, key="finetune-exponent"),
        "balance": balance.slider("Paper: weight of denials", 0.0, 1.0, 0.5, 0.05, key="finetune-balance"),
    }


def _draw_weights(table: pd.DataFrame, arms: list[Arm]) -> None:
    widgets.figure(
        charts.weight_bars(
            table,
            arms,
            title="Layer weights beside the effect they come from",
            subtitle="mean weight 1, so that arms take equal steps in all",
        ),
        key="finetune-weights",
        data=table,
        how_to_read=(
            "Hatched: the effect of each layer, over its mean. Beside it: what each arm multiplies the layer's "
            "learning rate by."
        ),
        alt="Bars of the effect and of the arms' weights by layer",
    )


def settings() -> tuple[dict[str, Any], int]:
    """How to train, as fields of the recipe, and how many seeds."""
    first, second, third, fourth = st.columns(4)
    method = first.segmented_control(
        "Method",
        list(prepare.METHODS),
        default="lora",
        required=True,
        key="finetune-method",
        format_func=lambda m: prepare.METHODS[m],
    )
    steps = int(second.number_input("Steps", 10, 100_000, prepare.default("steps"), 50, key="finetune-steps"))
    start, key = prepare.start_of("learning_rate", method), f"finetune-rate-{method}"
    rate = third.number_input("Learning rate", 1e-6, 1.0, start, step=start / 10, format="%.1e", key=key)
    seeds = int(fourth.number_input("Seeds", 1, 10, 1, key="finetune-seeds", help="Runs of each arm, for intervals."))
    with st.expander("More settings"):
        more = _adapter(method) | _batches() | _losses(method)
    every = max(steps // 8, 1)
    chosen = {
        "method": method,
        "steps": steps,
        "learning_rate": rate,
        "validate_every": every,
        "checkpoint_every": every,
    }
    return chosen | more, seeds


def _adapter(method: str) -> dict[str, Any]:
    whole, default = method == "full", prepare.default
    a, b, c = st.columns(3)
    rank = a.number_input(
        "LoRA rank", 1, 256, default("rank"), key="finetune-rank", disabled=whole, help="Alpha is twice the rank."
    )
    targets = b.selectbox(
        "LoRA adapts", list(_TARGETS), key="finetune-targets", disabled=whole, format_func=_TARGETS.__getitem__
    )
    dropout = c.number_input("LoRA dropout", 0.0, 0.9, default("dropout"), 0.05, key="finetune-dropout", disabled=whole)
    return {"rank": int(rank), "alpha": 2.0 * int(rank), "targets": targets, "dropout": dropout}


def _batches() -> dict[str, Any]:
    a, b, c, d = st.columns(4)
    batch = a.number_input("Studies a step", 2, 4096, prepare.default("batch_size"), key="finetune-batch")
    align = _weight(b, "Weight of staying aligned", "alignment_weight", "Keeps affirmative captions where they were.")
    scale = c.selectbox("Layer weight scales", list(_SCALES), key="finetune-scale", format_func=_SCALES.__getitem__)
    precision = d.selectbox(
        "Precision",
        list(_PRECISIONS),
        key="finetune-precision",
        format_func=_PRECISIONS.__getitem__,
        help="bf16 rounds what goes into matrix products to three digits; weights stay in float32.",
    )
    return {"batch_size": int(batch), "alignment_weight": align, "scale": scale, "precision": precision}


def _losses(method: Method) -> dict[str, Any]:
    columns = st.columns(5)
    weights: dict[str, Any] = {
        name: _weight(place, label, name, told) for place, (name, label, told) in zip(columns[:3], _LOSSES, strict=True)
    }
    alone = columns[3].number_input(
        "Share of steps on single statements",
        0.0,
        1.0,
        prepare.start_of("statements_first", method),
        0.05,
        key=f"finetune-alone-{method}",
        help=(
            "Reading a denial comes before reading it among other statements; captions and contradictions join after "
            "these."
        ),
    )
    patience = columns[4].number_input(
        "Stop after validations without gain",
        0,
        100,
        0,
        key="finetune-patience",
        help="0: all steps. Counted from when captions join, by the validation loss.",
    )
    return weights | {"statements_first": alone, "patience": int(patience) or None}


def _weight(place: DeltaGenerator, label: str, field: str, told: str | None) -> float:
    """The weight of one part of the loss; it starts where the recipe does."""
    return place.number_input(label, 0.0, 100.0, prepare.default(field), key=f"finetune-{field}", help=told)
