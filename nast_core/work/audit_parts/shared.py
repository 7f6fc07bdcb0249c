"""What parts of an audit make their recipes and charts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nast_core.audit.document import Figure, Rates, Row
from nast_core.audit.names import named

if TYPE_CHECKING:
    from nast_core.work.audit import AuditRecipe


Results = Sequence[Any]  # of the part's recipes, those that could be done, in their order


def common(recipe: AuditRecipe) -> dict[str, Any]:
    names = ("model", "dataset", "seed", "device", "precision")
    return {name: getattr(recipe, name) for name in names}


def sampled(recipe: AuditRecipe) -> dict[str, Any]:
    return common(recipe) | {"n": recipe.count, "split": recipe.split, "workers": recipe.workers}


def figures_of(given: Mapping[str, Mapping[str, Any] | None]) -> dict[str, Figure]:
    return {name: Figure.of(value) for name, value in given.items() if value is not None}


def bars(title: str, figures: Mapping[str, Figure], reads: str, reference: float | None = None) -> Rates:
    rows = tuple(Row(name=named(name).title, figure=figure) for name, figure in figures.items())
    units = {named(name).unit for name in figures}
    return Rates(title=title, unit=units.pop() if len(units) == 1 else "", rows=rows, reference=reference, reads=reads)


def cells(values: Any) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(None if cell != cell else round(float(cell), 6) for cell in row) for row in values)
