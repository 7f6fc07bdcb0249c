"""The kinds of recipe, and the file a recipe is written in. Heavy modules are imported when work begins."""

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from nast_core.errors import what_is_wrong
from nast_core.files.documents import read_yaml
from nast_core.files.gate import as_path, shown
from nast_core.runs.recipe import MOST, Recipe, RunError, Work


class AttentionRecipe(Recipe):
    """Negator-selective attention of a file of pairs: attention.nc."""

    files: ClassVar = ("pairs",)

    kind: Literal["attention"] = "attention"
    pairs: Path | None = None  # without: the template pairs of the conditions the model knows


class TraceRecipe(Recipe):
    """Causal tracing effect of a file of pairs: trace.nc, and for exact ones vectors.h5 to score other images with."""

    files: ClassVar = ("pairs", "image", "images")

    kind: Literal["trace"] = "trace"
    pairs: Path | None = None  # without: the template pairs of the conditions the model knows
    image: Path | None = None  # one image for every pair; without: each pair's own, or a phantom with its finding
    images: Path | None = None  # a folder: the effect averaged over all of its images, for every pair
    component: Literal["block", "attention", "mlp", "head"] = "block"
    positions: Literal["each", "negator", "all"] = "each"  # for heads: all
    window: int = Field(default=1, ge=1, le=1000)
    method: Literal["exact", "attribution"] = "exact"

    @model_validator(mode="before")
    @classmethod
    def _heads_at_all_positions(cls, fields: Any) -> Any:
        if isinstance(fields, Mapping) and fields.get("component") == "head":
            return {"positions": "all"} | dict(fields)
        return fields

    @model_validator(mode="after")
    def _one_source_of_images(self) -> Self:
        if self.image and self.images:
            raise ValueError("image and images are both given; give one image, or a folder to average over")
        return self


class BenchmarkRecipe(Recipe):
    """Paired multiple-choice questions: summary.json and items.parquet."""

    files: ClassVar = ("items",)
    image_folder: ClassVar = "images"

    kind: Literal["benchmark"] = "benchmark"
    items: Path | None = None  # without: n items of the phantom world's split
    images: Path | None = None  # the folder of the items' images
    n: int = Field(default=2000, ge=1, le=MOST)
    split: Literal["validation", "test"] = "test"


class ClaimsRecipe(Recipe):
    """Claim ranking, negated prompts, retrieval and alignment on claims: summary.json and tables."""

    files: ClassVar = ("claims",)
    image_folder: ClassVar = "images"

    kind: Literal["claims"] = "claims"
    claims: Path
    images: Path | None = None  # the folder of the claims' images
    split: Literal["train", "validation", "test"] | None = None  # without: test, or all of a file that has no test line


class AlignmentRecipe(Recipe):
    """What a model knows apart from negation, alone or against the model it was tuned from: summary.json and a table."""

    files: ClassVar = ("claims",)
    models: ClassVar = ("base",)
    image_folder: ClassVar = "images"

    kind: Literal["alignment"] = "alignment"
    claims: Path
    images: Path | None = None  # the folder of the claims' images
    split: Literal["train", "validation", "test"] | None = None  # without: test, or all of a file that has no test line
    base: str | None = None  # the model before


class _BuildRecipe(Recipe):
    """What builds of data have in common: no model, the CPU, and a file that is the result."""

    needs_model: ClassVar = False

    out: Path  # the file to write; what goes with it lies beside it
    device: str = "cpu"
    split: Literal["train", "validation", "test"] | None = None  # of patients

    @field_validator("out")
    @classmethod
    def _from_any_folder(cls, value: Path) -> Path:
        return as_path(value, RunError).absolute()


class BuildItemsRecipe(_BuildRecipe):
    """Multiple-choice items from labels, as 'nast benchmark build': items, card and rejected drafts at ``out``."""

    files: ClassVar = ("table",)

    kind: Literal["build-items"] = "build-items"
    labels: str = "phantom"  # phantom, chexpert, nih, padchest, mimic, or table for a CSV of one's own
    table: Path | None = None  # the file of labels; without: what comes with torchxrayvision
    n: int = Field(default=2000, ge=1, le=MOST)
    writer: Literal["template", "llm"] = "template"
    images: Path | None = None
    images_only: bool = False
    balance: bool = False
    base_url: str | None = None  # of an OpenAI-compatible endpoint; without: the environment's, else OpenAI's own
    llm_model: str | None = None
    jobs: int = Field(default=8, ge=1, le=64)  # questions to the endpoint at a time
    prices: tuple[float, float] | None = None  # per million tokens of prompts, and of answers

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.writer == "llm" and not self.llm_model:
            raise ValueError("the llm writer needs a model; give llm_model")
        if self.labels in ("mimic", "table") and self.table is None:
            raise ValueError(f"labels from {shown(self.labels)!r} are a file; give it as table")
        return self

    @property
    def labels_spec(self) -> str:
        """As labelled_studies takes it."""
        if self.table is None:
            return self.labels
        return str(self.table) if self.labels == "table" else f"{self.labels}:{self.table}"


class BuildClaimsRecipe(_BuildRecipe):
    """Claims and their contradictions from a source, as 'nast claims build': claims and card at ``out``."""

    files: ClassVar = ("reports",)

    kind: Literal["build-claims"] = "build-claims"
    source: Literal["phantom", "openi", "padchest", "reports"] = "phantom"
    reports: Path | None = (
        None  # MIMIC-CXR's folder, Open-i's XML, PadChest's table or a CSV; without: the source's own
    )
    n: int | None = Field(default=None, ge=1, le=MOST)  # at most that many studies
    balanced: bool = True

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.source == "reports") != (self.reports is not None):
            raise ValueError("reports of one's own are a path; give source: reports, and the path as reports")
        return self

    @property
    def source_spec(self) -> str:
        """As read_source takes it."""
        return str(self.reports) if self.reports else self.source


class Kind(NamedTuple):
    recipe: str  # module:class
    work: str  # module:function
    result: str  # module:function, what Run.result gives


KINDS: dict[str, Kind] = {
    "attention": Kind(
        "nast_core.runs.kinds:AttentionRecipe",
        "nast_core.runs.interpreting:attention",
        "nast_core.runs.results:attention",
    ),
    "trace": Kind(
        "nast_core.runs.kinds:TraceRecipe", "nast_core.runs.interpreting:trace", "nast_core.runs.results:trace"
    ),
    "benchmark": Kind(
        "nast_core.runs.kinds:BenchmarkRecipe",
        "nast_core.runs.benchmarking:benchmark",
        "nast_core.runs.results:measured",
    ),
    "claims": Kind(
        "nast_core.runs.kinds:ClaimsRecipe", "nast_core.runs.benchmarking:claims", "nast_core.runs.results:measured"
    ),
    "alignment": Kind(
        "nast_core.runs.kinds:AlignmentRecipe",
        "nast_core.runs.benchmarking:alignment",
        "nast_core.runs.results:measured",
    ),
    "build-items": Kind(
        "nast_core.runs.kinds:BuildItemsRecipe", "nast_core.runs.building:items", "nast_core.runs.results:built_items"
    ),
    "build-claims": Kind(
        "nast_core.runs.kinds:BuildClaimsRecipe",
        "nast_core.runs.building:claims",
        "nast_core.runs.results:built_claims",
    ),
    "finetune": Kind(
        "nast_core.finetune.recipe:FinetuneRecipe", "nast_core.finetune.work:finetune", "nast_core.runs.results:tuned"
    ),
}


def work_of(kind: str) -> Work:
    return _named(KINDS[kind].work)


def result_of(kind: str) -> Callable[[Any], Any]:
    """From a finished run of that kind to what came out of it."""
    return _named(KINDS[kind].result)


def recipe_class(kind: str) -> type[Recipe]:
    """Raises RunError for a kind there is none of."""
    if kind not in KINDS:
        raise RunError(
            f"there is no kind of recipe called {shown(kind)!r}{_nearest(kind, KINDS)}; kinds: {', '.join(KINDS)}"
        )
    return _named(KINDS[kind].recipe)


def _named(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(module), name)


def make_recipe(fields: object) -> Recipe:
    """A recipe from plain values. Raises RunError, with the nearest name, for a kind or a field there is none of."""
    if not isinstance(fields, Mapping):
        got = "nothing" if fields is None else type(fields).__name__
        raise RunError(f"a recipe is a list of 'field: value' with a 'kind' among them; got {got}")
    if not isinstance(kind := fields.get("kind"), str):
        raise RunError(
            f"the recipe does not say its kind; add a line such as 'kind: trace' (kinds: {', '.join(KINDS)})"
        )
    recipe = recipe_class(kind)
    try:
        made = recipe.model_validate(dict(fields))
    except ValidationError as error:
        raise RunError(_mistake(recipe, error)) from None
    for name, value in made:
        if isinstance(value, Path):
            try:
                as_path(value, RunError)
            except RunError as error:
                raise RunError(f"a recipe of kind {kind}: {name}: {error}") from None
    return made


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


def _nearest(name: str, known: Any) -> str:
    near = difflib.get_close_matches(name[:100].lower(), list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def read_recipe(path: Path) -> Recipe:
    """The recipe of a YAML file. Raises RunError, naming the file and where in it the mistake is."""
    fields = read_yaml(path, error=RunError, absent="a recipe is a YAML file such as 'kind: trace'")
    try:
        return make_recipe(fields)
    except RunError as error:
        raise RunError(f"{shown(path)}: {error}") from None
