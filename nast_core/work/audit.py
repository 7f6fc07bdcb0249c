"""Kind ``audit``: does this model read "no", where does it go wrong, and what should be done? Parts, and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from nast_core.audit.document import FILE, Asked, Audit, Code, Of, Part, read_audit
from nast_core.audit.names import TITLES
from nast_core.data.studies import HeldOut
from nast_core.errors import AuditError, DatasetError, NastError
from nast_core.files.gate import shown
from nast_core.recipe import MOST, MOST_WORKERS, Cancelled, OfDataset, Recipe, Reporter
from nast_core.repair.methods import METHODS, TRIED
from nast_core.runs.kinds import Kind
from nast_core.work.audit_parts import PARTS
from nast_core.work.shares import load

if TYPE_CHECKING:
    from nast_core.dataset.interface import Dataset
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run, RunStore

QUICK, WHOLE = 200, 500  # questions, and studies, where their number is not given
FILES = (FILE, "audit.html", "card.md")
QUICK_REPAIRS = ("rewrite", "region", "subtract")  # one of each way: words, vectors, scores
DRAWN = "the images are drawings, which say little about a model of real radiographs"


class AuditRecipe(OfDataset):
    """Everything that is asked of a model, part by part, and one verdict: audit.json, audit.html and card.md."""

    how: ClassVar = Recipe.how | {"workers"}

    kind: Literal["audit"] = "audit"
    quick: bool = False  # a sample of 200, and three repairs: wider intervals
    parts: tuple[str, ...] = tuple(PARTS)  # which, of those there are
    n: int | None = Field(default=None, ge=1, le=MOST)  # questions, and studies, at most; without: 500, quick 200
    split: HeldOut = "test"
    finetunes: tuple[str, ...] = Field(default=(), max_length=1000)  # run:ID of fine-tunes whose records are read
    repairs: tuple[str, ...] | None = None  # which methods; without: all, quick three of them
    workers: int | None = Field(default=None, ge=0, le=MOST_WORKERS)  # processes that read images ahead

    @model_validator(mode="after")
    def _such_parts(self) -> Self:
        if unknown := [name for name in self.parts if name not in PARTS]:
            raise ValueError(f"there is no part {shown(unknown[0])!r}; parts: {', '.join(PARTS)}")
        if not self.parts:
            raise ValueError(f"an audit needs a part; parts: {', '.join(PARTS)}")
        if unknown := [name for name in self.methods if name.partition("(")[0] not in METHODS]:
            raise ValueError(f"there is no repair {shown(unknown[0])!r}; repairs: {', '.join(METHODS)}")
        if self.num_processes > 1:
            raise ValueError("an audit runs in one process; leave num_processes out")
        return self

    @property
    def count(self) -> int:
        return self.n or (QUICK if self.quick else WHOLE)

    @property
    def methods(self) -> tuple[str, ...]:
        return self.repairs or (QUICK_REPAIRS if self.quick else TRIED)

    @property
    def in_order(self) -> list[str]:
        """Its parts, each once, in the table's order."""
        return [name for name in PARTS if name in self.parts]


class Audited(NamedTuple):
    """What a finished audit made."""

    audit: Audit
    folder: Path  # of FILES


def audit(recipe: AuditRecipe, folder: Path, report: Reporter, model: DualEncoder | None = None) -> dict[str, float]:
    """audit.json, audit.html and card.md. Figures: those of the document that are plain numbers.

    Each part's recipes are runs of the same folder, found or carried out; a part that raises a NastError is a line with
    its reason. Raises AuditError where no part could be done.
    """
    from nast_core.dataset.opened import open_dataset
    from nast_core.models.remembering import remembering
    from nast_core.runs.store import RunStore

    encoder, store = remembering(model or load(recipe)), RunStore(folder.parent)  # parts ask for the same texts
    dataset = open_dataset(recipe.dataset)
    _has_split(recipe, dataset)
    parts = {}
    for number, name in enumerate(recipe.in_order):
        heading = f"part {number + 1} of {len(recipe.in_order)}, {TITLES[name]}"
        report.progress(number, len(recipe.in_order), heading)
        parts[name] = _part(name, recipe, encoder, store, _OfPart(report, heading))
        if parts[name].reason:
            report.say(f"{TITLES[name]}: {parts[name].reason}")
    if all(part.state == "left out" for part in parts.values()):
        raise AuditError(f"no part of the audit could be done; first: {next(iter(parts.values())).reason}")
    document = assembled(recipe, encoder, dataset, parts)
    write_files(document, folder)
    return {name: figure.value for name, figure in document.figures.items() if figure.value is not None}


def _has_split(recipe: AuditRecipe, dataset: Dataset) -> None:
    if recipe.split not in dataset.splits:
        there = ", ".join(dataset.splits) or "none"
        raise DatasetError(
            f"{shown(dataset.name)} has no image of the {recipe.split} split, its splits: {there}; "
            "choose another split, or build the dataset anew with patients in it"
        )


def _part(name: str, recipe: AuditRecipe, model: DualEncoder, store: RunStore, report: _OfPart) -> Part:
    """Of a part some of whose recipes cannot be done, the others' figures, with the reason."""
    from nast_core.work.in_process import run_in_process

    one, runs, reasons = PARTS[name], [], []
    for asked in one.recipes(recipe):
        try:
            runs.append(run_in_process(asked, report, model=model, store=store))
        except (NastError, MemoryError) as error:
            if report.cancelled:
                raise Cancelled from None
            reasons.append(_reason(asked, error))
    asked_for = tuple(
        Asked(kind=run.recipe.kind, key=run.environment["key"], recipe=_plain(run.recipe)) for run in runs
    )
    if reasons and not runs:
        return Part(title=TITLES[name], state="left out", reason=reasons[0])
    try:
        part = one.part(recipe, model, [run.result for run in runs])
    except NastError as error:
        return Part(title=TITLES[name], state="left out", reason=str(error))
    return part.model_copy(update={"runs": asked_for, "reason": "; ".join(reasons)})


def _reason(asked: Recipe, error: BaseException) -> str:
    said = "there is not enough memory for it; give less at once" if isinstance(error, MemoryError) else str(error)
    method = getattr(asked, "method", None) if asked.kind == "repair" else None
    return f"{method}: {said}" if method else said


def _plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude=set(recipe.how))


class _OfPart:
    """What a part's work says, under the part's heading."""

    def __init__(self, report: Reporter, heading: str):
        self._report, self._heading, self.cancelled = report, heading, False

    def progress(self, done: int, total: int, label: str = "") -> None:
        try:
            self._report.progress(done, total, f"{self._heading}: {label}" if label else self._heading)
        except Cancelled:
            self.cancelled = True
            raise

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None:
        self._report.say(line)


def assembled(recipe: AuditRecipe, model: DualEncoder, dataset: Dataset, parts: dict[str, Part]) -> Audit:
    """The document of finished parts, sealed."""
    from importlib.metadata import version

    from nast_core.audit.verdict import Found, verdict
    from nast_core.files.revision import code_revision
    from nast_core.models.provenance import provenance

    about = provenance(model, "audit")
    created = about.pop("created")
    patients = [int(part.facts["patients"]) for part in parts.values() if "patients" in part.facts]
    lacks = [*dataset.lacks(), *_cannot_tell(recipe, model, dataset, parts)]
    return Audit(
        created=created,
        model=Of(
            name=model.card.name,
            spec=recipe.model,
            fingerprint=model.fingerprint,
            about={name: about[name] for name in ("model_source", "precision", "versions")}
            | {"licence": model.card.licence},
        ),
        dataset=Of(name=dataset.name, spec=dataset.spec, fingerprint=dataset.fingerprint),
        code=Code(version=version("nast-dashboard"), revision=code_revision()),
        quick=recipe.quick,
        split=recipe.split,
        n=recipe.count,
        seed=recipe.seed,
        verdict=verdict(Found(parts, max(patients, default=None), lacks)),
        parts=parts,
    ).sealed()


def only_drawings(recipe: AuditRecipe, dataset: Dataset) -> bool:
    """Whether a model that does not come with NAST is looked at through drawings alone."""
    from nast_core.models.specs import OURS, unrepaired
    from nast_core.recipe import run_of

    return dataset.drawn and unrepaired(recipe.model)[0] not in OURS and run_of(recipe.model) is None


def _cannot_tell(recipe: AuditRecipe, model: DualEncoder, dataset: Dataset, parts: dict[str, Part]) -> list[str]:
    said = [DRAWN] if only_drawings(recipe, dataset) else []
    claims = parts.get("claims")
    if claims is not None and claims.state == "done":
        missing = [kind for kind in ("location", "severity") if f"claims_{kind}" not in claims.figures]
        said += [f"no statement names a {kind}" for kind in missing]
    if "denials" in parts and (cues := parts["denials"].facts.get("cues not asked")):
        said.append(f"cues of its training texts that the parser does not know: {cues}")
    return said


def write_files(document: Audit, folder: Path) -> None:
    """FILES, together or not at all."""
    from nast_core.audit.card import card
    from nast_core.audit.html import html
    from nast_core.files.writing import whole_folder, write_json, write_text

    names = FILES[::-1]  # audit.json speaks for the others: last
    with whole_folder(folder, names) as temporary:
        write_text(temporary / "card.md", card(document))
        write_text(temporary / "audit.html", html(document))
        write_json(temporary / FILE, document.plain())


def result(run: Run) -> Audited:
    return Audited(read_audit(run.folder / FILE), run.folder)


AUDIT = Kind(AuditRecipe, "Audit", "every part's figures, a verdict, and a page and a card to hand on", audit, result)
