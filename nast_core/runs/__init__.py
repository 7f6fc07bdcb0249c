"""A recipe becomes a run: a folder that says what was asked, how it went, and what came out (design.md).

The record reads runs of every kind and knows none of them: the package tells it once where the table of kinds is, and
the table is looked at when the first run is.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nast_core.runs.kinds import Kind

_tables: list[Callable[[], Mapping[str, "Kind"]]] = []


def read_kinds_from(table: Callable[[], Mapping[str, "Kind"]]) -> None:
    """``table`` gives every kind of run there is, by its name."""
    _tables[:] = [table]


def known_kinds() -> Mapping[str, "Kind"]:
    return _tables[0]()
