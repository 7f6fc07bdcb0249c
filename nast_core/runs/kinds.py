"""What a kind of run is, and how plain values become a recipe of one."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nast_core import runs
from nast_core.errors import what_is_wrong
from nast_core.files.documents import read_yaml
from nast_core.files.gate import as_path, shown
from nast_core.recipe import Recipe, Reporter, RunError, Work


@dataclass(frozen=True)
class Kind:
    """One kind of run, all of it. What shows, carries out or checks kinds goes by the table of them,
    ``work.kinds.KINDS``."""

    recipe: type[Recipe]
    label: str  # as pages say it
    gives: str  # what comes out, as docs say it
    work: Work
    result: Callable[[Any], Any]  # from a finished Run to what came out of it
    share: Callable[[Any, int, int, Reporter], None] | None = (
        None  # of recipes that jobs of an array do ahead, in shares
    )

    @property
    def name(self) -> str:
        return str(self.recipe.model_fields["kind"].default)


def recipe_class(kind: str) -> type[Recipe]:
    """Raises RunError for a kind there is none of."""
    kinds = runs.known_kinds()
    if kind not in kinds:
        raise RunError(
            f"there is no kind of recipe called {shown(kind)!r}{_nearest(kind, kinds)}; kinds: {', '.join(kinds)}"
        )
    return kinds[kind].recipe


def make_recipe(fields: object) -> Recipe:
    """A recipe from plain values. Raises RunError, with the nearest name, for a kind or a field there is none of."""
    if not isinstance(fields, Mapping):
        what = "nothing" if fields is None else type(fields).__name__
        raise RunError(f"a recipe is a list of 'field: value' with a 'kind' among them; got {what}")
    if not isinstance(kind := fields.get("kind"), str):
        raise RunError(
            "the recipe does not say its kind; add a line such as 'kind: trace' (kinds: "
            f"{', '.join(runs.known_kinds())})"
        )
    recipe = recipe_class(kind)
    try:
        instance = recipe.model_validate(dict(fields))
    except ValidationError as error:
        raise RunError(_mistake(recipe, error)) from None
    for name, value in instance:
        if isinstance(value, Path):
            try:
                as_path(value, RunError)
            except RunError as error:
                raise RunError(f"a recipe of kind {kind}: {name}: {error}") from None
    return instance


def _mistake(recipe: type[Recipe], error: ValidationError) -> str:
    kind, first = recipe.model_fields["kind"].default, error.errors()[0]
    if first["type"] != "extra_forbidden":
        return f"a recipe of kind {kind}: {what_is_wrong(error)}"
    *outer, name = map(str, first["loc"])
    fields = _fields(recipe, outer)
    where = f"{kind} recipes" if not outer else f"{shown('.'.join(outer))!r} of {kind} recipes"
    return f"{where} have no field {shown(name)!r}{_nearest(name, fields)}; fields: {', '.join(fields)}"


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the fields of the model that ``path`` leads to through fields that are models themselves."""
    for name in path:
        inner = model.model_fields[name].annotation if name in model.model_fields else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return list(model.model_fields)


def _nearest(name: str, names: Any) -> str:
    near = difflib.get_close_matches(name[:100].lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def read_recipe(path: Path) -> Recipe:
    """The recipe of a YAML file. Raises RunError, naming the file and where in it the mistake is."""
    fields = read_yaml(path, error=RunError, absent="a recipe is a YAML file such as 'kind: trace'")
    try:
        return make_recipe(fields)
    except RunError as error:
        raise RunError(f"{shown(path)}: {error}") from None
