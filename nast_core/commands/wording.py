"""How wording is read, as lines of a terminal: a line a group, and under it each of its cues or frames."""

from collections.abc import Iterator, Mapping
from typing import Any


def wording_lines(summary: Mapping[str, Any], width: int) -> Iterator[str]:
    """Of a summary's ``wording``; none where it was measured before there was any. ``width``: of the names."""
    from nast_core.claims.way_groups import WAY_GROUPS
    from nast_core.statistics.rates import Rate

    wording = summary.get("wording") or {"groups": {}}
    for group, figure in wording["groups"].items():
        yield f"{f'{group} ({WAY_GROUPS[group].said})':<{width}} {Rate.of(figure)}"
        own = [(name, one["value"]) for name, one in wording["wordings"].items() if one["group"] == group]
        known = sorted((pair for pair in own if pair[1] is not None), key=lambda pair: -pair[1])
        yield f"  {', '.join(f'{name} {value:.2f}' for name, value in known)}"
