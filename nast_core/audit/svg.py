"""An audit's charts as inline SVG: data in, text out. Colours are CSS variables, LIGHT or DARK, so that they
follow the page into the dark and onto paper; every chart says in words what it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from nast_core.audit.document import Figure, Grid, Lines, Rates

LIGHT = (
    "--paper:#fff;--text:#1b1f24;--soft:#57606a;--rule:#d8dee4;--ink-1:#0b62a8;--ink-2:#b35900;--ink-3:#6e7781;"
    "--good:#1a7f37;--bad:#b42318;--mixed:#9a6700;--open:#57606a"
)
DARK = (
    "--paper:#0d1117;--text:#e6edf3;--soft:#9da7b1;--rule:#30363d;--ink-1:#58a6ff;--ink-2:#f0883e;--ink-3:#8b949e;"
    "--good:#3fb950;--bad:#ff7b72;--mixed:#d29922;--open:#9da7b1"
)
STYLE = """
h4{font-size:.95rem;margin:.6rem 0 .2rem}figure{margin:1rem 0;break-inside:avoid}figcaption,small{color:var(--soft)}
svg{width:100%;height:auto}svg text{font-size:12px;fill:var(--text)}
.rule{stroke:var(--rule)}.reference{stroke:var(--soft);stroke-dasharray:4 3}.whisker{stroke:var(--ink-1);stroke-width:2}
.mark{fill:var(--ink-1)}.curve{fill:none;stroke-width:2}.band{fill-opacity:.18}.cell{stroke:var(--rule);stroke-width:.5}
"""
_WIDTH = 720
_ROW = 22
_LEFT, _RIGHT, _TOP, _BOTTOM = 290, 145, 8, 30
_INKS = ("var(--ink-1)", "var(--ink-2)", "var(--ink-3)")


class Picture(NamedTuple):
    """A drawn chart. ``told``: what it shows, in words."""

    width: float
    height: float
    marks: Sequence[str]
    told: str

    @property
    def inline(self) -> str:
        """For a page that has STYLE and the colours."""
        return (
            f'<svg viewBox="0 0 {self.width:g} {self.height:g}" role="img" aria-label="{escape(self.told)}">'
            f"{''.join(self.marks)}</svg>"
        )

    def file(self, colours: str) -> str:
        """An image of its own, with its style in it; ``colours``: LIGHT or DARK."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
            f'width="{self.width:g}" height="{self.height:g}" style="{colours};font-family:sans-serif">'
            f"<style>{STYLE}</style>{''.join(self.marks)}</svg>"
        )


def picture(chart: Rates | Lines | Grid) -> Picture:
    return {"rates": _rates, "lines": _lines, "grid": _grid}[chart.kind](chart)  # type: ignore[operator]


def heading(chart: Rates | Lines | Grid) -> str:
    return f"{chart.title} ({chart.unit})" if chart.unit else chart.title


def drawn(chart: Rates | Lines | Grid) -> str:
    """A figure with its heading and how to read it, as HTML."""
    return (
        f"<figure><h4>{escape(heading(chart))}</h4>{picture(chart).inline}"
        f"<figcaption>{escape(chart.reads)}</figcaption></figure>"
    )


def _rates(chart: Rates) -> Picture:
    low, high = _range([row.figure for row in chart.rows], chart.reference, whole=chart.unit in ("share", "AUROC"))
    height = _TOP + _ROW * len(chart.rows) + _BOTTOM

    def x(value: float) -> float:
        return _LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    marks = _ticks(low, high, x, height)
    if chart.reference is not None:
        marks.append(_line(x(chart.reference), _TOP, x(chart.reference), height - _BOTTOM, "reference"))
    for place, row in enumerate(chart.rows):
        y, figure = _TOP + _ROW * (place + 0.5), row.figure
        marks.append(_text(_LEFT - 8, y + 4, row.name, "end"))
        if figure.value is None:
            marks.append(_text(_LEFT + 4, y + 4, "undefined"))
            continue
        if figure.low is not None and figure.high is not None:
            marks.append(_line(x(figure.low), y, x(figure.high), y, "whisker"))
        marks.append(f'<circle cx="{x(figure.value):.1f}" cy="{y:.1f}" r="4" class="mark"/>')
        marks.append(_text(_WIDTH - _RIGHT + 8, y + 4, said(figure, chart.unit)))
    return Picture(
        _WIDTH,
        height,
        marks,
        f"{chart.title}: " + "; ".join(f"{r.name} {said(r.figure, chart.unit)}" for r in chart.rows),
    )


def said(figure: Figure, unit: str = "") -> str:
    """ "0.62 (0.55 to 0.69)", a share as a percentage."""
    rate = figure.rate
    if unit == "share":
        return rate.times(100).interval(".0f", " %")
    return rate.interval(".1f" if unit == "points" else ".2f")


def _lines(chart: Lines) -> Picture:
    figures = [figure for series in chart.series.values() for figure in series]
    low, high = _range(figures, chart.reference, whole=True)
    left, right, height = 48, 130, 240
    first, last = chart.layers[0], chart.layers[-1]

    def x(layer: float) -> float:
        return left + (layer - first) / max(last - first, 1) * (_WIDTH - left - right)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (height - _TOP - _BOTTOM)

    marks = []
    for tick in _steps(low, high):
        marks += [
            _line(left, y(tick), _WIDTH - right, y(tick), "rule"),
            _text(left - 6, y(tick) + 4, f"{tick:g}", "end"),
        ]
    every = max(1, math.ceil(len(chart.layers) / 16))
    marks += [_text(x(layer), height - 10, str(layer), "middle") for layer in chart.layers[::every]]
    if chart.reference is not None:
        marks.append(_line(left, y(chart.reference), _WIDTH - right, y(chart.reference), "reference"))
    for number, (name, series) in enumerate(chart.series.items()):
        ink = _INKS[number % len(_INKS)]
        there = [(layer, one) for layer, one in zip(chart.layers, series, strict=True) if one.value is not None]
        if not there:
            continue
        banded = [(layer, one.low, one.high) for layer, one in there if one.low is not None and one.high is not None]
        if banded:
            edge = [f"{x(layer):.1f},{y(low_end):.1f}" for layer, low_end, _ in banded]
            edge += [f"{x(layer):.1f},{y(high_end):.1f}" for layer, _, high_end in reversed(banded)]
            marks.append(f'<polygon points="{" ".join(edge)}" style="fill:{ink}" class="band"/>')
        points = " ".join(f"{x(layer):.1f},{y(one.value or 0.0):.1f}" for layer, one in there)
        marks.append(f'<polyline points="{points}" style="stroke:{ink}" class="curve"/>')
        marks.append(_text(_WIDTH - right + 8, _TOP + 16 + 20 * number, name, ink=ink))
    told = "; ".join(
        f"{name}: " + ", ".join(f"layer {layer} {said(one)}" for layer, one in zip(chart.layers, series, strict=True))
        for name, series in chart.series.items()
    )
    return Picture(_WIDTH, height, marks, f"{chart.title}. {told}")


def _grid(chart: Grid) -> Picture:
    columns, left, top = len(chart.across), 150, 24
    cell = min(48.0, (_WIDTH - left - 10) / max(columns, 1))
    row = 22
    most = max((abs(value) for line in chart.values for value in line if value is not None), default=1.0) or 1.0
    every = max(1, math.ceil(44 / cell))
    marks = [
        _text(left + cell * (place + 0.5), top - 8, name.rpartition(" ")[2], "middle")
        for place, name in enumerate(chart.across)
        if place % every == 0
    ]
    for down, (name, line) in enumerate(zip(chart.down, chart.values, strict=True)):
        marks.append(_text(left - 8, top + row * down + 15, name, "end"))
        for place, value in enumerate(line):
            shade = 0.0 if value is None else abs(value) / most
            ink = "var(--ink-2)" if value is not None and value < 0 else "var(--ink-1)"
            told = "undefined" if value is None else f"{value:.3f}"
            marks.append(
                f'<rect x="{left + cell * place:.1f}" y="{top + row * down}" width="{cell - 1:.1f}" height="{row - 1}" '
                f'style="fill:{ink};fill-opacity:{shade:.2f}" class="cell"><title>{escape(name)}, '
                f"{escape(chart.across[place])}: {told}</title></rect>"
            )
    across = chart.across[0].rpartition(" ")[0] if chart.across else ""
    marks.append(_text(left - 8, top - 8, across, "end"))
    told = f"{chart.title}: largest {most:.3f}"
    return Picture(_WIDTH, top + row * len(chart.down) + 8, marks, told)


def _range(figures: Sequence[Figure], reference: float | None, *, whole: bool) -> tuple[float, float]:
    ends = [end for one in figures for end in (one.value, one.low, one.high) if end is not None]
    ends += [] if reference is None else [reference]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    if whole:
        low, high = min(low, 0.0), max(high, 1.0)
    spare = 0.0 if whole else 0.06 * (high - low)
    return low - spare, (high + spare) if high > low else low + 1.0


def _steps(low: float, high: float) -> list[float]:
    """Round numbers, four or five of them."""
    rough = (high - low) / 4
    size = 10 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first = math.ceil(low / step)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _ticks(low: float, high: float, x, height: float) -> list[str]:
    marks = []
    for tick in _steps(low, high):
        marks += [
            _line(x(tick), _TOP, x(tick), height - _BOTTOM, "rule"),
            _text(x(tick), height - 10, f"{tick:g}", "middle"),
        ]
    return marks


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", ink: str = "") -> str:
    style = f' style="fill:{ink}"' if ink else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'
