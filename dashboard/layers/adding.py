"""Who makes the score: what each head, word and MLP adds to it, for the chosen pair on an image, and for all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.layers import charts, chosen_head, readings
from dashboard.parts import datasets, plots, widgets
from dashboard.parts.pictures import choose_picture, draw_picture, image_vector
from dashboard.parts.text import plain

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

_SHOWN = 14  # heads by name; the others stand together
_ROLES = {"finding first": "finding, first token", "finding further": "finding, further tokens"}


def draw(model: DualEncoder, pair: AlignedPair) -> None:
    """The image beside the scores and the bars, the chosen head, and all pairs."""
    left, right = st.columns([2, 5], gap="medium")
    with left:
        picture = choose_picture(pair.pair.finding)
        draw_picture(picture)
    vector = image_vector(model, picture)
    found = readings.one_apart(model, pair, vector)
    words, one = st.columns([3, 2], gap="medium")
    with one:
        cell = chosen_head.choose(found)
        chosen_head.draw(model, pair, picture, vector, found, cell)
    with right:
        _draw_scores(pair, found)
        _draw_heads(found, cell)
    with words:
        _draw_words(pair, found, cell)
    st.subheader(f"All pairs, each on {datasets.image_with()}")
    _draw_set(model)


def _draw_scores(pair: AlignedPair, found: xr.Dataset) -> None:
    scores = st.columns(4)
    scores[0].metric("S(X), logits", f"{float(found.s_affirmative):.2f}", help=plain(pair.pair.affirmative))
    scores[1].metric("S(no X), logits", f"{float(found.s_negated):.2f}", help=plain(pair.pair.negated))
    scores[2].metric("S(no X) - S(X)", f"{-float(found.d):+.2f}")
    delta = float(np.abs(found.delta).max())
    scores[3].metric("Convergence delta", f"{delta:.0e}", help="What the sum of all parts is off by, in logits.")


def _draw_heads(found: xr.Dataset, chosen: tuple[int, int]) -> None:
    table = by_part(found)
    widgets.figure(
        charts.part_bars(
            table,
            title="What each part adds to S(no X) - S(X)",
            subtitle=f"direct contributions in logits, heads as layer.head, the {_SHOWN} largest; 1 pair, 1 image",
            label="logits",
            chosen=f"{chosen[0]}.{chosen[1]}",
        ),
        key="layers-parts",
        data=table,
        how_to_read=(
            "Red: this part alone makes the denial score higher than the statement; blue: lower. The bars add up to the"
            " difference. What a part does through later layers is in theirs. Click a head to see which words feed it."
        ),
        alt="Bars of the direct contribution of heads, MLPs and the embedding to the change of score",
        on_select=_take_head,
    )


def _take_head() -> None:
    """Callback of a click on a bar: the head to look at."""
    for point in st.session_state["layers-parts"].selection.points[:1]:
        layer, dot, head = str(point["customdata"][0]).partition(".")
        if dot:
            chosen_head.take(int(layer), int(head))


def _draw_words(pair: AlignedPair, found: xr.Dataset, chosen: tuple[int, int]) -> None:
    table = by_word(pair, found, chosen)
    widgets.figure(
        charts.word_bars(
            table,
            title="The same by the word it comes from",
            subtitle=f"all heads, and head {chosen[0]}.{chosen[1]}; the token that a head reads",
        ),
        key="layers-words",
        data=table.drop(columns="label"),
        how_to_read=(
            "Where a head takes what it adds from. Most of a denial should come from the negator, or from tokens that"
            " have read it in an earlier layer."
        ),
        alt="Bars of the direct contribution by source token, of all heads and of the chosen one",
    )


def _draw_set(model: DualEncoder) -> None:
    found = readings.shared(model)
    if found is None:
        return
    said = found.summary
    subtitle = f"means of {said['pairs']} pairs; 95 % interval over pairs"
    parts, roles = st.columns(2, gap="medium")
    with parts:
        table = of_summary(said)
        widgets.figure(
            charts.part_bars(table, title="What each head adds, all pairs", subtitle=subtitle, label="logits"),
            key="layers-all-heads",
            data=table,
            how_to_read=f"As above, on average. {sums_of(said)}.",
            alt="Bars of the mean direct contribution of the largest heads",
        )
    with roles:
        table = pd.DataFrame([{"name": _ROLES.get(row["role"], row["role"]), **row} for row in said["roles"]])
        widgets.figure(
            charts.part_bars(
                table, title="All heads by what the token is that they read", subtitle=subtitle, label="logits"
            ),
            key="layers-all-roles",
            data=table,
            how_to_read="Roles as on Causal tracing; the start token is among those before the negator.",
            alt="Bars of the mean direct contribution of all heads by the role of the source token",
        )
    st.caption(f"The parts are off their sum by {said['largest_delta']:.0e} logits at most.")


def by_part(found: xr.Dataset) -> pd.DataFrame:
    """name, value and no interval, the largest heads first, then all that is left; they add up to the difference."""
    from nast_core.interpret.contributions import of_the_negation

    parts = of_the_negation(found)
    by_head = parts["heads"].sum("position").stack(cell=("layer", "head")).to_series()
    by_head.index = [f"{layer}.{head}" for layer, head in by_head.index]
    rest = {
        "all MLPs": float(parts["mlps"].sum()),
        "embedding": float(parts["embedding"]),
        "norms and biases": float(parts["rest"]),
    }
    return _largest(by_head, rest).assign(low=np.nan, high=np.nan)


def _largest(by_head: pd.Series, rest: dict[str, float]) -> pd.DataFrame:
    order = by_head.abs().sort_values(ascending=False).index
    shown, others = by_head[order[:_SHOWN]], by_head[order[_SHOWN:]]
    values = {**shown, f"{len(others)} other heads": float(others.sum()), **rest}
    return pd.DataFrame({"name": list(values), "value": list(values.values())})


def of_summary(said: dict) -> pd.DataFrame:
    """The largest heads of a run's summary: name, value, low, high, n."""
    heads = sorted(said["heads"], key=lambda row: -abs(row["value"]))[:_SHOWN]
    return pd.DataFrame([{"name": f"{row['layer']}.{row['head']}", **row} for row in heads]).drop(
        columns=["layer", "head"]
    )


def sums_of(said: dict) -> str:
    """All heads, and all else, in words."""
    from nast_core.statistics.rates import Rate

    sums = {"All heads": "all_heads", "all MLPs": "all_mlps", "embedding": "embedding", "norms and biases": "rest"}
    told = [f"{name} {Rate.of(said[key]).interval('+.2f')}" for name, key in sums.items()]
    return f"{', '.join(told)}; together {Rate.of(said['difference']).interval('+.2f', ' logits')}"


def by_word(pair: AlignedPair, found: xr.Dataset, chosen: tuple[int, int]) -> pd.DataFrame:
    """A row a token and series: position, label, token, series, value."""
    from nast_core.interpret.contributions import of_the_negation

    by = of_the_negation(found)["heads"]
    layer, head = chosen
    series = {"all heads": by.sum(("layer", "head")), f"head {layer}.{head}": by.sel(layer=layer, head=head)}
    labels = plots.pair_labels(pair.pieces_affirmative, pair.pieces_negated, pair.negator)
    return pd.DataFrame(
        [
            {
                "position": p,
                "label": labels[p],
                "token": pair.pieces_negated[p],
                "series": name,
                "value": float(values[p]),
            }
            for name, values in series.items()
            for p in pair.positions
        ]
    )
