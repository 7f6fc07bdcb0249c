"""The three pictures of the page, drawn as SVG from the results: means over seeds, with their intervals."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from nast_core.demo.wording.results import finite

_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _LOW = 640, 320, 60, 170, 16, 46
_COLOURS = {"held out": "#0072b2", "never taught": "#d55e00", "false denial": "#009e73"}
_SHAPES = {"held out": "circle", "never taught": "square", "false denial": "diamond"}
Row = dict[str, Any]


class Point(NamedTuple):
    x: float  # in [0, 1]
    mean: float  # in [0, 1]
    low: float
    high: float
    series: str  # of _COLOURS
    said: str  # what a pointer is told


def number_and_kind(results: Row) -> str:
    """AUROCs of what was not taught, and false denial, against the number of cues taught."""
    names = ("mixed-1", "mixed-2", "mixed-4", "mixed-8", "mixed-16", "before-8")
    ticks = ("1", "2", "4", "8", "16", "8, all before")
    return _chart(_by_cell(results, names), ticks, "cues taught", "AUROC (1 is right, 0.5 ignored, 0 turned round)")


def both_sides(results: Row) -> str:
    """The same by breadth on both sides."""
    names = ("eight", "eight-pseudo-4", "eight-pseudo-16", "all", "all-pseudo-4", "all-pseudo-16")
    ticks = ("8 / 0", "8 / 4", "8 / 16", "28 / 0", "28 / 4", "28 / 16")
    return _chart(_by_cell(results, names), ticks, "denials taught / pseudo-negations taught", "AUROC")


def price(results: Row) -> str:
    """Every cell: denials held out against false denial, the one never without the other."""
    points = []
    for name, cell in results["cells"].items():
        held, false = cell["test"]["held_out"], cell["test"]["false_denial"]
        if cell["model"] == results["plan"]["model"] and finite(held["mean"]) and finite(false["mean"]):
            points.append(Point(false["mean"], held["mean"], held["low"], held["high"], "held out", name))
    ticks = ("0", "0.25", "0.5", "0.75", "1")
    return _chart(
        points, ticks, "false denial: affirmations in new frames (1 is right)", "held-out denials", named=True
    )


PICTURES: dict[str, Callable[[Row], str]] = {"number": number_and_kind, "price": price, "breadth": both_sides}


def _by_cell(results: Row, names: Sequence[str]) -> list[Point]:
    points = []
    for place, name in enumerate(names):
        if cell := results["cells"].get(name):
            for series, figure in zip(_COLOURS, ("held_out", "never", "false_denial"), strict=True):
                one = cell["test"][figure]
                if finite(one["mean"]):
                    x = place / (len(names) - 1)
                    points.append(Point(x, one["mean"], one["low"], one["high"], series, f"{name}, {series}"))
    return points


def _chart(points: Sequence[Point], ticks: Sequence[str], below: str, beside: str, *, named: bool = False) -> str:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" font-family="sans-serif" '
        'font-size="12" fill="currentColor" role="img">',
        f"<title>{beside} by {below}</title>",
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y, dash = _y(share), ' stroke-dasharray="4 3"' if share == 0.5 else ""
        lines += [
            f'<line x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#999" stroke-opacity="0.5"'
            f"{dash}/>",
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:g}</text>',
        ]
    for place, tick in enumerate(ticks):
        lines.append(
            f'<text x="{_x(place / (len(ticks) - 1)):.1f}" y="{_HIGH - _LOW + 16}" text-anchor="middle">{tick}</text>'
        )
    lines.append(f'<text x="{_x(0.5):.1f}" y="{_HIGH - 10}" text-anchor="middle">{below}</text>')
    lines.append(f'<text transform="translate(14 {_y(0.5):.1f}) rotate(-90)" text-anchor="middle">{beside}</text>')
    for point in points:
        lines += _drawn(point, named)
    if not points:
        lines.append(f'<text x="{_x(0.5):.1f}" y="{_y(0.5) - 8:.1f}" text-anchor="middle">Not measured yet.</text>')
    elif not named:
        lines += _legend()
    return "\n".join([*lines, "</svg>", ""])


def _drawn(point: Point, named: bool) -> list[str]:
    shift = 0 if named else 7 * (list(_COLOURS).index(point.series) - 1)  # so that intervals stand side by side
    x, y, colour = _x(point.x) + shift, _y(point.mean), _COLOURS[point.series]
    lines = []
    if finite(point.low) and finite(point.high):
        ends = (_y(min(1.0, point.high)), _y(max(0.0, point.low)))
        lines.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}" stroke="{colour}"/>')
    lines.append(_mark(_SHAPES[point.series], x, y, colour, f"{point.said}: {point.mean:.3f}"))
    if named:
        lines.append(f'<text x="{x + 7:.1f}" y="{y + 4:.1f}" font-size="10">{point.said}</text>')
    return lines


def _legend() -> list[str]:
    lines = []
    for place, (series, colour) in enumerate(_COLOURS.items()):
        x, y = _WIDE - _RIGHT + 20, _TOP + 14 + 20 * place
        lines += [_mark(_SHAPES[series], x, y - 4, colour, series), f'<text x="{x + 12}" y="{y}">{series}</text>']
    return lines


def _mark(shape: str, x: float, y: float, colour: str, said: str) -> str:
    title = f"<title>{said}</title>"
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}">{title}</circle>'
    turn = f' transform="rotate(45 {x:.1f} {y:.1f})"' if shape == "diamond" else ""
    return f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"{turn}>{title}</rect>'


def _x(share: float) -> float:
    return _LEFT + 20 + share * (_WIDE - _RIGHT - _LEFT - 40)


def _y(share: float) -> float:
    return _HIGH - _LOW - share * (_HIGH - _LOW - _TOP)
