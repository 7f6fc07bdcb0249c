"""What charts are built of, and those that several pages draw: data in, plotly figure out. No Streamlit, no engine."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.parts import theme
from dashboard.parts.text import chart

DOTTED = {"dash": "dot", "color": theme.FAINT}
_MARGIN = {"l": 10, "r": 10, "t": 66, "b": 10}
_LEGEND = {"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0}
_TITLE = {"font": {"size": 15}, "x": 0, "xanchor": "left", "yanchor": "top"}
_ABOVE = 8  # px between a figure's upper edge and its title


def finish(figure: go.Figure, title: str, subtitle: str, height: int) -> go.Figure:
    """Title, subtitle, height and margins; no legend, unless there is one already."""
    figure.update_layout(
        title={
            **_TITLE,
            "y": 1 - _ABOVE / height,
            "text": chart(title),
            "subtitle": {"text": chart(subtitle), "font": {"size": 12}},
        },
        height=height,
        margin=_MARGIN,
        dragmode=False,
        showlegend=bool(figure.layout.showlegend),
    )
    return figure


def legend_below(figure: go.Figure, *, shown: bool = True, **layout: Any) -> go.Figure:
    """A legend in a row below everything; ``layout``: more of the figure's layout."""
    return figure.update_layout(showlegend=shown, legend=_LEGEND, **layout)


def below_titles(figure: go.Figure, room: int = 88) -> go.Figure:
    """Room, in px, for what stands between the subtitle and the panels: their own titles."""
    return figure.update_layout(margin_t=room)


def below_subtitle(figure: go.Figure) -> go.Figure:
    """Room for a line's label between the subtitle and the bars."""
    return figure.update_layout(margin_t=86, height=figure.layout.height + 20)


def interval(value: Any, low: Any, high: Any, *, scale: float = 1, **style: Any) -> dict[str, Any]:
    """Error bars from the ends of an interval, thin and grey; values are drawn times ``scale``."""
    ends = {"array": scale * (high - value), "arrayminus": scale * (value - low)}
    return {"type": "data", "symmetric": False, **ends, "thickness": 1.2, "color": theme.FAINT} | style


def intervals(table: pd.DataFrame, *, scale: float = 1, **style: Any) -> dict[str, Any]:
    """Error bars of a table with value, low and high."""
    return interval(table.value, table.low, table.high, scale=scale, **style)


def colour_bar(text: str) -> dict[str, Any]:
    """The scale beside a map, named."""
    return {"title": {"text": text, "side": "right"}, "thickness": 12}


def signed_scale(values: Any, *, least: float = 1e-6) -> dict[str, Any]:
    """Ends and colours of a map of signed values, centred at 0."""
    limit = max(float(np.nanmax(np.abs(values))), least)
    return {"zmin": -limit, "zmax": limit, "colorscale": theme.SIGNED}


def written(values: np.ndarray, *, when: bool) -> dict[str, Any]:
    """Each value in its cell, to two places, where there is room for it."""
    return {
        "text": np.where(np.isnan(values), "", np.char.mod("%.2f", values)),
        "texttemplate": "%{text}" if when else None,
        "textfont": {"size": 11},
        "xgap": 1,
        "ygap": 1,
    }


def clickable_cells(
    rows: Sequence[int], columns: Sequence[int], size: float, named: str, *also: Any, **more: Any
) -> go.Scatter:
    """Unseen squares over a heatmap's cells: Streamlit reports clicks on points, never on heatmap cells.

    A click gives [row, column, *also]; ``named``: hover text of %{customdata[0]} and [1].
    """
    grid = [(row, column) for row in rows for column in columns]
    return go.Scatter(
        x=[column for _, column in grid],
        y=[row for row, _ in grid],
        customdata=[[row, column, *also] for row, column in grid],
        mode="markers",
        marker={"symbol": "square", "size": size, "opacity": 0},
        hovertemplate=f"{named}<extra></extra>",
        showlegend=False,
        **more,
    )


def layer_title(layers: Sequence[int]) -> str:
    """What the layer axis is called; where there is a layer 0, what it is."""
    return "layer (0 = embedding)" if 0 in layers else "layer"


def chance_line(figure: go.Figure, at: float, *, horizontal: bool) -> None:
    """A dotted line across bars, named."""
    line = {"line": DOTTED, "annotation_text": "chance", "annotation_font_size": 11}
    if horizontal:
        figure.add_vline(x=at, annotation_position="top", **line)
    else:
        figure.add_hline(y=at, annotation_position="right", **line)


Style = tuple[str, str, str, str]  # name, colour, dash, mark


def lines(figure: go.Figure, table: pd.DataFrame, by: str, styles: Mapping[str, Style], *, hover: str, **place) -> None:
    """A line and its band for each series of ``by``; ``table`` also has layer, value, low, high, n."""
    for series, (name, colour, dash, symbol) in styles.items():
        part = table[(table[by] == series) & table.value.notna()]
        if part.empty:
            continue
        if part.low.notna().any():
            figure.add_scatter(
                x=[*part.layer, *part.layer[::-1]],
                y=[*part.high, *part.low[::-1]],
                fill="toself",
                fillcolor=colour,
                opacity=0.18,
                mode="none",
                hoverinfo="skip",
                showlegend=False,
                **place,
            )
        figure.add_scatter(
            x=part.layer,
            y=part.value,
            name=name,
            legendgroup=name,
            showlegend=place.get("col", 1) == 1,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.5},
            marker={"symbol": symbol, "size": 8, "color": colour},
            customdata=part.n,
            hovertemplate=hover.format(chart(name)),
            **place,
        )


def token_labels(pieces: Sequence[str], negator: Sequence[int]) -> list[str]:
    """Tick texts; the negator is underlined as well as coloured. Numbered, since a word may stand twice."""
    shown = [
        f'<b><u><span style="color:{theme.NEGATED}">{escape(p)}</span></u></b>' if i in negator else escape(p)
        for i, p in enumerate(pieces)
    ]
    return [f"{text}<span style='font-size:1px'> {i}</span>" for i, text in enumerate(shown)]


def pair_labels(affirmative: Sequence[str], negated: Sequence[str], negator: Sequence[int]) -> list[str]:
    """Tick texts of both texts of an aligned pair at once: where they differ, the one stands before the other."""
    own = token_labels(negated, negator)
    blue = '<span style="color:{}">{}</span> → '
    return [
        blue.format(theme.AFFIRMATIVE, escape(a)) + label if a != n else label
        for a, n, label in zip(affirmative, negated, own, strict=True)
    ]


SHARE = "share of attention"


class Panel(NamedTuple):
    """One head's attention on one text."""

    name: str
    values: np.ndarray  # [query, key]
    labels: Sequence[str]


def attention_panels(
    panels: Sequence[Panel],
    difference: Panel | None,
    *,
    title: str,
    subtitle: str,
    height: int,
    hover: str = "",
    label: str = SHARE,
) -> go.Figure:
    """Attention side by side on one scale, their difference on another; ``hover``: before each hover text."""
    shown = [*panels, *([difference] if difference else [])]
    figure = make_subplots(cols=len(shown), subplot_titles=[one.name for one in shown], horizontal_spacing=0.04)
    for at, one in enumerate(shown, start=1):
        figure.add_heatmap(
            z=one.values,
            x=list(one.labels),
            y=list(one.labels),
            xgap=1,
            ygap=1,
            coloraxis="coloraxis2" if one is difference else "coloraxis",
            hovertemplate=hover.format(one.name) + "%{y} looks at %{x}: %{z:.3f}<extra></extra>",
            row=1,
            col=at,
        )
        figure.update_xaxes(title_text="key (looked at)", tickangle=-45, showgrid=False, row=1, col=at)
        own = {} if at == 1 or difference is None else {"showticklabels": False}
        figure.update_yaxes(autorange="reversed", showgrid=False, row=1, col=at, **own)
    figure.update_yaxes(title_text="query (looks)", row=1, col=1)
    top = max(float(one.values.max()) for one in panels)
    limit = max(float(np.abs(difference.values).max()) if difference else 0.0, 1e-6)
    figure.update_layout(
        coloraxis=_below(label, theme.MAGNITUDE, 0, top, x=0.3, len=0.5),
        coloraxis2=_below("difference", theme.SIGNED, -limit, limit, x=0.88, len=0.24),
    )
    return finish(figure, title, subtitle, height)


def _below(text: str, colours: str, low: float, high: float, **place: float) -> dict[str, Any]:
    """A colour axis whose bar lies below the panels."""
    bar = {"orientation": "h", "thickness": 10, "y": -0.42, "yanchor": "top", "nticks": 5, "tickangle": 0}
    bar |= place | {"title": {"text": text, "side": "bottom"}}
    return {"colorscale": colours, "cmin": low, "cmax": high, "colorbar": bar}


def rate_bars(
    table: pd.DataFrame,
    styles: Mapping[str, tuple[str, str]],
    *,
    title: str,
    subtitle: str,
    label: str,
    scale: float = 100,
    chance: float | None = None,
    horizontal: bool = False,
    whole: bool = False,
) -> go.Figure:
    """Grouped bars with intervals, n in the hover text; ``table`` has group, series, value, low, high, n.

    ``styles``: series -> colour, pattern. Values, and ``chance``, are drawn times ``scale``. ``whole``: the axis ends
    at 1, however small the values.
    """
    figure = go.Figure()
    across, along = ("y", "x") if horizontal else ("x", "y")
    number = ".1f} %" if scale == 100 else ".3~g}"
    for series, (colour, pattern) in styles.items():
        part = table[table.series == series]
        figure.add_bar(
            **{across: part.group.map(chart), along: scale * part.value},
            **{f"error_{along}": intervals(part, scale=scale)},
            name=chart(series),
            marker_color=colour,
            marker_pattern_shape=pattern,
            orientation="h" if horizontal else "v",
            customdata=part.n,
            hovertemplate=f"%{{{across}}}, {chart(series)}: %{{{along}:{number}, n = %{{customdata:,}}<extra></extra>",
        )
    if chance is not None:
        chance_line(figure, scale * chance, horizontal=horizontal)
    reaches = whole or table.value.max() > 0.5
    top = {"title_text": label, "range": [0, max(1.02 * scale, 1.02)] if reaches else None}
    figure.update_xaxes(**top) if horizontal else figure.update_yaxes(**top)
    if horizontal:
        figure.update_yaxes(autorange="reversed")
    legend_below(figure, barmode="group")
    count = table.group.nunique() * max(1, len(styles))
    finish(figure, title, subtitle, 170 + 24 * count if horizontal else 380)
    return below_subtitle(figure) if horizontal else figure.update_layout(margin_r=56 if chance is not None else 10)


def accuracy_bars(table: pd.DataFrame, *, title: str, subtitle: str, horizontal: bool = False) -> go.Figure:
    """Accuracy by group and form, in per cent, n in brackets, with the chance line; ``table`` as by ``by_group``."""
    forms = table[table.form.isin(theme.FORMS)]
    named = [f"{group} ({n})" for group, n in zip(forms.group, forms.n, strict=True)]
    return rate_bars(
        forms.assign(group=named, series=forms.form),
        theme.FORMS,
        title=title,
        subtitle=subtitle,
        label="accuracy (%)",
        chance=0.25,
        horizontal=horizontal,
        whole=True,
    )
