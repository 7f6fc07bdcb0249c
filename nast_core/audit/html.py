"""audit.html: one file that is read without a network, in the dark, and on A4 paper."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from nast_core.audit.document import Audit, Figure, Part, Sentence
from nast_core.audit.names import named
from nast_core.audit.svg import DARK, LIGHT, STYLE, drawn, said

_STYLE = (
    f":root{{{LIGHT};color-scheme:light dark}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{DARK}}}}}"
    + STYLE
    + """
body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--paper);max-width:780px;margin:2rem auto;
padding:0 1rem}h1{font-size:1.6rem}h2{font-size:1.25rem;margin-top:2.2rem}h3{font-size:1.1rem;margin-top:2rem}
a{color:var(--ink-1)}.soft{color:var(--soft)}
ol.verdict>li{margin:.5rem 0;padding-left:.6rem;border-left:4px solid var(--open)}
ol.verdict>li.good{border-color:var(--good)}ol.verdict>li.bad{border-color:var(--bad)}
ol.verdict>li.mixed{border-color:var(--mixed)}
table{border-collapse:collapse;font-size:13px;width:100%}td,th{padding:3px 8px;border-bottom:1px solid var(--rule);
text-align:left;vertical-align:top;overflow-wrap:anywhere}td:first-child{overflow-wrap:normal}td.number{text-align:right;white-space:nowrap}
@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none;font-size:11pt}h2,h3,h4{break-after:avoid}
tr,li{break-inside:avoid}}
"""
)
NOTE = "Research use only; not a medical device."


def html(audit: Audit) -> str:
    """The whole page. Whatever names of models, datasets and cues hold is escaped: it is text."""
    title = escape(f"Does {audit.model.name} read “no”?")
    body = [
        f"<h1>{title}</h1>",
        f"<p>{escape(heading(audit))}. Made {escape(audit.created)}. {NOTE}</p>",
        "<h2>Verdict</h2>",
        _verdict(audit),
        "<h2>What it rests on</h2>",
        *(_part(name, part) for name, part in audit.parts.items()),
        "<h2>What was audited</h2>",
        _rows(_about(audit)),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width,initial-scale=1"><title>{title}</title><style>{_STYLE}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def heading(audit: Audit) -> str:
    """What was audited on what, a sentence without its full stop."""
    how = "A quick audit" if audit.quick else "An audit"
    return f"{how} on {audit.dataset.name}, {audit.split} split, at most {audit.n:,} questions and studies"


def _verdict(audit: Audit) -> str:
    if not audit.verdict:
        return "<p>None of the parts that were asked for says anything of itself.</p>"
    return f'<ol class="verdict">{"".join(map(_sentence, audit.verdict))}</ol>'


def _sentence(one: Sentence) -> str:
    rest = f'<small>({rests_on(one)}; <a href="#{one.part}">chart</a>)</small>'
    return f'<li class="{one.tone}">{escape(one.text)} {rest}</li>'


def rests_on(one: Sentence) -> str:
    """n and seed of a sentence, in words."""
    said = [f"n = {one.n:,}"] if one.n is not None else []
    said += [f"seed {one.seed}"] if one.seed is not None else []
    return ", ".join(said) or "no figure of its own"


def _part(name: str, part: Part) -> str:
    body = [f'<section id="{escape(name)}"><h3>{escape(part.title)}</h3>']
    if part.reason:
        lead = "Left out: " if part.state == "left out" else "Not all of it could be done: "
        body.append(f"<p>{lead}{escape(part.reason)}.</p>")
    body += [drawn(chart) for chart in part.charts]
    if part.figures:
        body.append(f"<details open><summary>Figures</summary>{_figures(part.figures)}</details>")
    if part.facts:
        body.append(_rows(part.facts))
    if part.runs:
        told = "; ".join(f"{run.kind} {run.key[:12]}" for run in part.runs)
        body.append(f'<p class="soft">Runs, found again by their keys: {escape(told)}.</p>')
    return "".join([*body, "</section>"])


def _figures(figures: Mapping[str, Figure]) -> str:
    rows = [
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(about.title)}</td>"
        f'<td class="number">{escape(said(figure, about.unit))}</td><td class="number">{figure.n:,}</td></tr>'
        for name, figure in figures.items()
        if (about := named(name))
    ]
    head = "<tr><th>figure</th><th>what it is</th><th>value (95 % interval)</th><th>n</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _rows(rows: Mapping[str, str]) -> str:
    cells = (f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _about(audit: Audit) -> dict[str, str]:
    return {
        "model": f"{audit.model.name}, given as {audit.model.spec}",
        "fingerprint of the model": audit.model.fingerprint,
        **{name.replace("_", " "): value for name, value in audit.model.about.items()},
        "dataset": f"{audit.dataset.name}, given as {audit.dataset.spec}",
        "fingerprint of the dataset": audit.dataset.fingerprint,
        "code": f"NAST {audit.code.version}, {audit.code.revision or 'installed'}",
        "seed": str(audit.seed),
        "schema": f"{audit.schema_}, digest {audit.digest}",
    }
