"""What the fine-tune page asks for: training files, layers, settings. Each function draws its part and returns what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import streamlit as st

from dashboard.finetune import charts, prepare
from dashboard.parts import asking, widgets
from dashboard.tracing import traces as tracing
from nast_core.finetune.arms import ARMS
from nast_core.interpret.summaries import offered

if TYPE_CHECKING:
    from nast_core.finetune.arms import Arm
    from nast_core.models import DualEncoder

_TARGETS = {"both": "attention and MLP", "attention": "attention", "mlp": "MLP"}
_SCALES = {"learning_rate": "the learning rate", "gradient": "the gradient (Adam undoes it)"}
_FILES = (
    ("Claims file", "claims", "claims.jsonl of 'nast claims build', with train and validation lines."),
    ("Folder of images", "train-images", "Where the claims' images are; phantoms need none."),
    (
        "Validation questions (optional)",
        "train-items",
        "items.jsonl of 'nast benchmark build': adds accuracies and gap.",
    ),
)


class Layers(NamedTuple):
    arms: list[Arm]
    choices: dict[str, Any]  # fields of the recipe
    trace: str | None


def data() -> prepare.Files:
    """Phantoms or the user's own files; without a claims file the page says what to do, and ends."""
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
        seed = right.number_input("Seed of the data", 0, 10_000, 0, key="train-seed", bind="query-params")
        return prepare.phantom_files(prepare.data_folder(), studies, int(seed))
    paths = [asking.field(st, label, key=key, help=told) for label, key, told in _FILES]
    if not paths[0]:
        widgets.empty(
            "Give a claims file; 'nast claims build --source FILE --out claims.jsonl' makes one from reports."
        )
    claims, images, items = (widgets.path(p) if p else None for p in paths)
    assert claims is not None
    return prepare.Files(claims, items, images)


def layers(model: DualEncoder) -> Layers:
    """Arms, and the trace with its summary that gives their layer weights, drawn beside the effect."""
    traces = prepare.traces(model)
    chosen = st.pills(
        "Arms, on the same batches and seeds",
        list(ARMS),
        selection_mode="multi",
        key="arms",
        format_func=lambda arm: f"{arm}: {ARMS[arm].text}",
        default=["uniform", "nast"] if traces else ["uniform"],
    )
    arms = cast("list[Arm]", chosen)
    if not traces:
        st.info(
            "No trace of this model is kept yet. Open **Causal tracing**, which makes one, and come back; without one"
            " only the uniform and frozen arms can be trained.",
            icon=":material/timeline:",
        )
        return Layers(arms, {}, None)
    one, two, three = st.columns([3, 3, 2])
    names = {choice.id: choice.label for choice in traces}
    trace = one.selectbox(
        "Effect from", list(names), format_func=lambda run: names[run], key="steer", help="Traces of this very model."
    )
    traced = prepare.trace_of(model, trace)
    summary = tracing.choose_summary(
        two,
        list(offered(traced)),
        "train-summary",
        help=(
            "The summary decides the schedule: the spread over tokens and the effect at the negator can give opposite"
            " ones."
        ),
    )
    average = tracing.choose_average(three, "train-average")
    low, sharp, _ = st.columns([2, 2, 3])
    floor = low.slider("Least share of a layer", 0.05, 1.0, 0.1, 0.05, key="floor", help="1: every layer alike.")
    temperature = sharp.slider("Sharpness", 0.0, 3.0, 1.0, 0.25, key="temperature", help="Exponent on the effect.")
    choices = {"summary": summary, "average": average, "floor": floor, "temperature": temperature}
    table = prepare.weights(traced, choices, 0)
    widgets.figure(
        charts.weight_bars(
            table,
            arms,
            title="Layer weights beside the effect they come from",
            subtitle="mean weight 1, so that arms take equal steps in all",
        ),
        key="layer-weights",
        data=table,
        how_to_read=(
            "Hatched: the effect of each layer, over its mean. Beside it: what each arm multiplies the layer's learning"
            " rate by."
        ),
        alt="Bars of the effect and of the arms' weights by layer",
    )
    return Layers(arms, choices, trace)


def settings() -> tuple[dict[str, Any], int]:
    """How to train, as fields of the recipe, and how many seeds."""
    default, start_of = prepare.default, prepare.start_of
    first, second, third, fourth = st.columns(4)
    method = first.segmented_control(
        "Method",
        list(prepare.METHODS),
        default="lora",
        required=True,
        key="train-method",
        format_func=lambda m: prepare.METHODS[m],
    )
    steps = int(second.number_input("Steps", 10, 100_000, default("steps"), 50, key="steps"))
    start = start_of("learning_rate", method)
    rate = third.number_input("Learning rate", 1e-6, 1.0, start, step=start / 10, format="%.1e", key=f"rate-{method}")
    seeds = int(fourth.number_input("Seeds", 1, 10, 1, key="seeds", help="Runs of each arm, for intervals."))
    with st.expander("More settings"):
        more = _adapter(method) | _weights(method)
    every = max(steps // 8, 1)
    fields = {
        "method": method,
        "steps": steps,
        "learning_rate": rate,
        "validate_every": every,
        "checkpoint_every": every,
    }
    return fields | more, seeds


def _adapter(method: str) -> dict[str, Any]:
    whole = method == "full"
    a, b, c = st.columns(3)
    rank = int(
        a.number_input(
            "LoRA rank", 1, 256, prepare.default("rank"), key="rank", disabled=whole, help="Alpha is twice the rank."
        )
    )
    targets = b.selectbox(
        "LoRA adapts", list(_TARGETS), key="targets", disabled=whole, format_func=lambda t: _TARGETS[t]
    )
    dropout = c.number_input("LoRA dropout", 0.0, 0.9, prepare.default("dropout"), 0.05, key="dropout", disabled=whole)
    return {"rank": rank, "alpha": 2.0 * rank, "targets": targets, "dropout": dropout}


def _weights(method: Any) -> dict[str, Any]:
    default = prepare.default
    a, b, c = st.columns(3)
    batch = a.number_input("Studies a step", 2, 4096, default("batch_size"), key="batch")
    align = b.number_input(
        "Weight of staying aligned",
        0.0,
        100.0,
        default("alignment_weight"),
        key="beta",
        help="Keeps affirmative captions where they were.",
    )
    scale = c.selectbox("Layer weight scales", list(_SCALES), key="scale", format_func=lambda s: _SCALES[s])
    e, f, g, h, last = st.columns(5)
    caption = e.number_input("Weight of captions", 0.0, 100.0, default("caption_weight"), key="w-caption")
    same = f.number_input(
        "Weight of contradictions",
        0.0,
        100.0,
        default("same_image_weight"),
        key="w-same",
        help="Of two statements that contradict each other, the one an image bears out scores higher on it.",
    )
    across = g.number_input(
        "Weight across images",
        0.0,
        100.0,
        default("across_image_weight"),
        key="w-across",
        help=(
            "A statement scores higher on images where it holds than where it does not: what makes a denial read, not"
            " muted."
        ),
    )
    alone = h.number_input(
        "Share of steps on single statements",
        0.0,
        1.0,
        prepare.start_of("statements_first", method),
        0.05,
        key=f"alone-{method}",
        help=(
            "Reading a denial comes before reading it among other statements; captions and contradictions join after"
            " these."
        ),
    )
    patience = last.number_input(
        "Stop after validations without gain",
        0,
        100,
        0,
        key="patience",
        help="0: all steps. Counted from when captions join, by the validation loss.",
    )
    return {
        "batch_size": int(batch),
        "alignment_weight": align,
        "scale": scale,
        "caption_weight": caption,
        "same_image_weight": same,
        "across_image_weight": across,
        "statements_first": alone,
        "patience": int(patience) or None,
    }
