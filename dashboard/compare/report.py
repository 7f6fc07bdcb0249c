"""One self-contained HTML file of a comparison: figures, tables and versions; it needs no network to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import plotly.graph_objects as go

from dashboard.parts import widgets

if TYPE_CHECKING:
    import pandas as pd

    from nast_core.compare.tables import Comparison

_SHOWN = (
    "changes",
    "accuracy",
    "claims",
    "wording",
    "shift_means",
    "parameters",
    "layers",
    "heads",
    "items",
)  # the texts' own shifts are long
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.7rem}h2{font-size:1.2rem;margin-top:2.2rem}p.read{color:#555;margin:.2rem 0 1.2rem}
table{border-collapse:collapse;font-size:13px}th,td{padding:3px 9px;border-bottom:1px solid #ddd;text-align:right}
details{margin:.6rem 0}summary{cursor:pointer}div.wide{overflow-x:auto}
"""


class Section(NamedTuple):
    """A figure of the page, as the report shows it."""

    figure: go.Figure
    how_to_read: str


class Sections(list[Section]):
    """The figures of a page, in order, as they are drawn."""

    def draw(self, figure: go.Figure, *, key: str, data: pd.DataFrame, how_to_read: str, alt: str) -> None:
        widgets.figure(figure, key=key, data=data, how_to_read=how_to_read, alt=alt)
        self.append(Section(figure, how_to_read))


def html(
    comparison: Comparison,
    specs: Mapping[str, str],
    sections: Sequence[Section],
    headline: Sequence[tuple[str, str, str]],
    recipes: Mapping[str, str],
    link: str,
) -> str:
    """The report. Texts of models, items and pairs are escaped: they are the user's, and may hold anything."""
    body = [
        f"<h1>{escape(specs['A'])} and {escape(specs['B'])} compared</h1>",
        (
            f"<p>Every change is B - A, on the same {comparison.about['items']:,} items and"
            f" {comparison.about['pairs']:,} pairs. Research use only; not a medical device.</p>"
        ),
        "<table>",
        *(
            f"<tr><td>{escape(name)}</td><td><b>{escape(value)}</b></td><td>{escape(detail)}</td></tr>"
            for name, value, detail in headline
        ),
        "</table>",
    ]
    for number, section in enumerate(sections):
        figure = go.Figure(section.figure).update_layout(template="plotly_white")
        body += [
            figure.to_html(full_html=False, include_plotlyjs="inline" if number == 0 else False),
            f'<p class="read">{escape(section.how_to_read)}</p>',
        ]
    body.append("<h2>Tables</h2>")
    tables = comparison.tables
    body += [_table(name, tables[name]) for name in _SHOWN if len(tables[name])]
    body += ["<h2>Models and versions</h2>", _versions(comparison, specs)]
    body += [f"<p>Recipe of {escape(model)}</p><pre>{escape(text)}</pre>" for model, text in recipes.items()]
    body.append(f"<p>The same view: <code>{escape(link)}</code></p>")
    title = escape(f"NAST: {specs['A']} and {specs['B']}")
    return (
        '<!doctype html><html lang="en"><head><meta'
        f' charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>"
    )


def _table(name: str, table: pd.DataFrame) -> str:
    shown = table.to_html(index=False, border=0, escape=True, na_rep="", float_format=lambda value: f"{value:.4g}")
    heading = escape(name.replace("_", " "))
    return (
        f"<details{' open' if len(table) <= 12 else ''}><summary>{heading}, {len(table):,} rows</summary><div"
        f" class='wide'>{shown}</div></details>"
    )


def _versions(comparison: Comparison, specs: Mapping[str, str]) -> str:
    rows = [
        f"<tr><td>{escape(field.replace('_', ' '))}</td>"
        + "".join(f"<td>{escape(str(comparison.about[model][field]))}</td>" for model in ("a", "b"))
        + "</tr>"
        for field in comparison.about["a"]
    ]
    typed = "".join(f"<td>{escape(specs[model])}</td>" for model in ("A", "B"))
    return f"<table><tr><th></th><th>A</th><th>B</th></tr><tr><td>given as</td>{typed}</tr>{''.join(rows)}</table>"
