"""The chart of the heads page: data in, plotly figure out."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from dashboard.parts import plots, theme


def head_scatter(table: pd.DataFrame, chosen: Sequence[str], *, title: str, subtitle: str) -> go.Figure:
    """Heads by how much they look at the negator and how much they carry; ``table`` has name, layer, nsa, cte."""
    named = set(chosen) | set(table.reindex(table.cte.abs().sort_values(ascending=False).index).head(6)["name"])
    named |= set(table.sort_values("nsa", ascending=False).head(4)["name"])
    figure = go.Figure(
        go.Scatter(
            x=table.nsa,
            y=table.cte,
            mode="markers+text",
            customdata=table[["name"]],
            text=[name if name in named else "" for name in table["name"]],
            textposition="top center",
            textfont={"size": 11},
            marker=_markers(table, set(chosen)),
            hovertemplate="%{customdata[0]}: NSA %{x:.3f}, CTE %{y:.3f}<extra></extra>",
        )
    )
    line = {"line": plots.DOTTED | {"width": 1}}
    figure.add_hline(y=0, **line)
    figure.add_vline(x=0, **line)
    figure.update_xaxes(title_text="NSA: looks at the negator", zeroline=False)
    figure.update_yaxes(title_text="CTE: carries the negation", zeroline=False)
    return plots.finish(figure, title, subtitle, 460)


def _markers(table: pd.DataFrame, chosen: set[str]) -> dict:
    """Layers by colour; what is chosen has another shape and a frame."""
    taken = [name in chosen for name in table["name"]]
    return {
        "size": 11,
        "color": table.layer,
        "colorscale": theme.MAGNITUDE,
        "colorbar": plots.colour_bar("layer"),
        "symbol": ["star-diamond" if one else "circle" for one in taken],
        "line": {"width": [2.5 if one else 0.5 for one in taken], "color": theme.FRAME},
    }
