"""Conditions on an audit's figures, for people's own CI: ``gap_points.low > 10 or denials.high < 0.5``.

FIGURE.FIELD OP NUMBER, joined by ``and`` and ``or`` (``and`` binds closer); fields value, low, high, n; operators
< <= > >= == !=. Nothing else is understood, and nothing is evaluated. A comparison with what is undefined does not
hold.
"""

import difflib
import operator
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nast_core.audit.document import Figure
from nast_core.audit.names import FIGURES, may_be
from nast_core.errors import AuditError
from nast_core.files.gate import shown

FIELDS = ("value", "low", "high", "n")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_COMPARISON = re.compile(
    r"\s*(?P<figure>[\w.@()=:-]+)\.(?P<field>\w+)\s*(?P<operator><=|>=|==|!=|<|>)"
    r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
)
_LONGEST = 2000
_FORM = "FIGURE.FIELD OP NUMBER, as in gap_points.low > 10, joined by and or or"


class Comparison(NamedTuple):
    figure: str
    field: str
    operator: str
    number: float

    def holds(self, figures: Mapping[str, Figure]) -> bool:
        found = getattr(figures[self.figure], self.field)
        return found is not None and _OPERATORS[self.operator](found, self.number)

    def said(self, figures: Mapping[str, Figure]) -> str:
        found = getattr(figures[self.figure], self.field)
        value = "undefined" if found is None else f"{found:g}"
        return f"{self.figure}.{self.field} is {value}, and {self.operator} {self.number:g} was asked for"


class Condition(NamedTuple):
    """Any of ``either``, of each of which all must hold."""

    text: str
    either: tuple[tuple[Comparison, ...], ...]

    @property
    def comparisons(self) -> list[Comparison]:
        return [one for every in self.either for one in every]

    def broken_by(self, figures: Mapping[str, Figure]) -> str:
        """Why it holds, a sentence; empty where it does not. Raises AuditError for a figure that is not there."""
        for one in self.comparisons:
            need_figure(one.figure, figures)
        for every in self.either:
            if all(one.holds(figures) for one in every):
                return f"{self.text}: {'; '.join(one.said(figures) for one in every)}"
        return ""


def read_condition(text: str) -> Condition:
    """Raises AuditError, with what was not understood, for anything but such a condition."""
    if len(text) > _LONGEST:
        raise AuditError(f"a condition has at most {_LONGEST:,} characters, got {len(text):,}")
    either = []
    for every in re.split(r"\bor\b", text):
        parts = []
        for part in re.split(r"\band\b", every):
            found = _COMPARISON.fullmatch(part)
            if found is None:
                raise AuditError(f"{shown(part.strip())!r} is no comparison; write {_FORM}")
            if found["field"] not in FIELDS:
                raise AuditError(
                    f"{shown(found['field'])!r} is no field of a figure; fields: {', '.join(FIELDS)}; write {_FORM}"
                )
            parts.append(Comparison(found["figure"], found["field"], found["operator"], float(found["number"])))
        either.append(tuple(parts))
    return Condition(text.strip(), tuple(either))


def need_figure(name: str, figures: Mapping[str, object]) -> None:
    """Raises AuditError, with the nearest name, for a figure that is not there."""
    if name not in figures:
        raise AuditError(f"the audit has no figure {shown(name)!r}{_nearest(name, figures)}")


def need_known(name: str) -> None:
    """Raises AuditError, with the nearest name, for a figure that no audit has."""
    if not may_be(name):
        need_figure(name, dict.fromkeys(FIGURES))


def _nearest(name: str, figures: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name[:100], list(figures), n=1, cutoff=0.4)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(sorted(figures)[:12])} and others"
