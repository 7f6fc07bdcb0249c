"""The chart of the models page: data in, plotly figure out."""

import pandas as pd
import plotly.graph_objects as go

from dashboard.parts import plots, theme


def similarity_bars(table: pd.DataFrame) -> go.Figure:
    """Cosines as bars; sentences on different findings are the dotted line to measure them by."""
    shown, unlike = table[:3], float(table.cosine.iloc[3])
    figure = go.Figure(
        go.Bar(
            x=shown.cosine,
            y=shown.pair,
            orientation="h",
            marker={"color": [theme.NEGATED, theme.AFFIRMATIVE, theme.BASE]},
            text=shown.cosine.map("{:.3f}".format),
            textposition="auto",
            insidetextanchor="end",
            hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        )
    )
    figure.add_vline(x=unlike, line=plots.DOTTED)
    figure.add_annotation(
        x=unlike,
        y=1,
        yref="paper",
        yanchor="bottom",
        xanchor="right" if unlike > 0.5 else "left",
        showarrow=False,
        text=f"different findings: {unlike:.2f} (n = {int(table.n.iloc[3])} pairs)",
    )
    figure.update_xaxes(title_text="cosine", range=[min(0.0, float(table.cosine.min()) - 0.1), 1.08])
    figure.update_yaxes(autorange="reversed", showgrid=False)
    margin = {"l": 10, "r": 10, "t": 30, "b": 10}
    return figure.update_layout(height=240, margin=margin, dragmode=False, showlegend=False)
