"""audit.json: what an audit found, in a schema with a number, sealed so that an edited one is seen.

Figures are {value, low, high, n}: 95 % intervals, None where a figure has none or is undefined. The same audit again
gives the same file but for ``created``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nast_core.errors import AuditError, what_is_wrong
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, shown
from nast_core.statistics.rates import Rate

SCHEMA = "nast-audit/1"
FILE = "audit.json"
REMEDY = "make one with 'nast audit MODEL --out DIR'"
_MOST = 32 * MB
State = Literal["done", "left out"]
Tone = Literal["good", "bad", "mixed", "open"]  # open: cannot be told


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Plain):
    """A value with its 95 % interval, in the figure's own unit, and the number of cases."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)

    @classmethod
    def of(cls, rate: Mapping[str, Any] | Rate) -> Figure:
        """From {value, low, high, n} as summaries have it, further keys left aside; NaN becomes None."""
        given = rate._asdict() if isinstance(rate, Rate) else rate
        ends = {name: _number(given[name]) for name in ("value", "low", "high")}
        return cls(**ends, n=int(given["n"]))

    @property
    def rate(self) -> Rate:
        return Rate.of(self.model_dump())


def _number(value: Any) -> float | None:
    return None if value is None or value != value else float(value)


class Row(_Plain):
    """One mark of a chart of rates."""

    name: str
    figure: Figure
    series: str = ""


class Rates(_Plain):
    """Values with intervals, one under the other."""

    kind: Literal["rates"] = "rates"
    title: str
    unit: str
    rows: tuple[Row, ...]
    reference: float | None = None  # where a line stands
    reads: str  # how to read it


class Lines(_Plain):
    """Values with intervals over layers."""

    kind: Literal["lines"] = "lines"
    title: str
    unit: str
    layers: tuple[int, ...]
    series: dict[str, tuple[Figure, ...]]
    reference: float | None = None
    reads: str


class Grid(_Plain):
    """A map, row by row; None where nothing is defined."""

    kind: Literal["grid"] = "grid"
    title: str
    unit: str
    across: tuple[str, ...]
    down: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    reads: str


class Asked(_Plain):
    """A run that a part rests on: its recipe, and the key under which it is found again."""

    kind: str
    key: str
    recipe: dict[str, Any]


class Part(_Plain):
    """One part: its figures, or why it has none."""

    title: str
    state: State
    reason: str = ""
    seed: int | None = None
    runs: tuple[Asked, ...] = ()
    figures: dict[str, Figure] = {}
    facts: dict[str, str] = {}
    charts: tuple[Rates | Lines | Grid, ...] = ()


class Sentence(_Plain):
    """One sentence of the verdict, with what it rests on."""

    rule: str
    tone: Tone
    text: str
    part: str  # whose charts show it
    figures: tuple[str, ...] = ()
    n: int | None = None
    seed: int | None = None


class Of(_Plain):
    """A model or a dataset, by what tells it from another."""

    name: str
    spec: str
    fingerprint: str
    about: dict[str, str] = {}


class Code(_Plain):
    version: str
    revision: str | None


class Audit(_Plain):
    """All of audit.json."""

    schema_: Literal["nast-audit/1"] = Field(default="nast-audit/1", alias="schema")
    created: str
    model: Of
    dataset: Of
    code: Code
    quick: bool
    split: str
    n: int
    seed: int
    verdict: tuple[Sentence, ...] = Field(max_length=8)
    parts: dict[str, Part]
    digest: str = ""

    @property
    def figures(self) -> dict[str, Figure]:
        """Of all parts, by name: no two parts have one of the same name."""
        return {name: figure for part in self.parts.values() for name, figure in part.figures.items()}

    def sealed(self) -> Self:
        return self.model_copy(update={"digest": self._digest()})

    def _digest(self) -> str:
        content = self.model_dump(mode="json", by_alias=True, exclude={"created", "digest"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def intact(self) -> bool:
        return self.digest == self._digest()

    def plain(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)


def read_audit(path: Path) -> Audit:
    """Raises AuditError, one sentence, for a file that is no audit, of another schema, or edited by hand."""
    value = read_json(path, most=_MOST, error=AuditError, absent=REMEDY)
    schema = value.get("schema") if isinstance(value, dict) else None
    if not isinstance(schema, str):
        raise AuditError(f"{shown(path)} is no audit; give an audit.json that 'nast audit' wrote")
    if schema != SCHEMA:
        raise AuditError(
            f"{shown(path)} has schema {shown(schema)}, and this version of NAST reads {SCHEMA}; make the audit anew"
        )
    try:
        audit = Audit.model_validate(value)
    except ValidationError as error:
        raise AuditError(f"{shown(path)} is no audit as 'nast audit' writes it ({what_is_wrong(error)})") from None
    if not audit.intact:
        raise AuditError(f"{shown(path)} was changed after it was written; make the audit anew with 'nast audit'")
    return audit
