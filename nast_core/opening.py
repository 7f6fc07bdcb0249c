"""Any spec to a loaded model: the one roof over model folders, runs, adapters and repairs.

A spec is what ``nast_core.models.registry`` opens, or ``run:ID``, a fine-tune's base with what it learnt, or
``demo-tuned``, the fine-tune of the demo that comes with NAST; ``+METHOD(strength)`` behind any of them is the same
model repaired, and so is the ``run:ID`` of a repair. torch is imported when a model is loaded: what only asks
about specs stays quick.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nast_core.errors import ModelError, NastError, RepairError
from nast_core.files.gate import shown
from nast_core.files.places import DEMO_TUNED, TUNED_FOLDER
from nast_core.files.stamps import stamp
from nast_core.finetune.record import ADAPTER, RECORD, Record, read_record, refuse_another
from nast_core.models import configs, put_off, specs
from nast_core.recipe import RunError, run_name, run_of
from nast_core.repair.record import RECORD as REPAIR_RECORD
from nast_core.repair.record import RepairRecord
from nast_core.repair.record import read_record as read_repair_record
from nast_core.repair.spec import Repair, read_repair, reader_files, words_of
from nast_core.runs.store import Run, RunStore

if TYPE_CHECKING:
    from nast_core.models.encoder import DualEncoder

_MOST = 16  # fine-tunes of fine-tunes
_opening: ContextVar[tuple[Path, ...]] = ContextVar("opening", default=())  # adapters whose base is being looked for


def load_model(
    spec: str | Path = "demo", *, device: str = "auto", dtype: str = "float32", runs: Path | None = None
) -> "DualEncoder":
    """A model from ``demo``, ``demo-tuned``, a folder in a known family's own layout, a zoo card's name, a hub id that
    is on this machine, ``open_clip:ARCH/PRETRAINED``, or ``run:ID``, looked for in the folder ``runs``; with
    ``+METHOD(strength)`` behind it, repaired.

    Raises ModelError, with what to do, where the folder, its weights or its family are not as needed; RunError where
    there is no such run.
    """
    if (repair := repair_of(str(spec), runs)) is not None:
        return _load_repaired(str(spec), repair, device=device, dtype=dtype, runs=runs)
    if (run := finetune_of(str(spec), runs)) is not None:
        tuned = load_finetuned(run.folder, device=device, dtype=dtype)
        if spec == DEMO_TUNED:
            tuned.card = replace(tuned.card, source=DEMO_TUNED)  # wherever NAST is installed
        return tuned
    from nast_core.models import registry

    return registry.load_model(spec, device=device, dtype=dtype)


class RepairOf(NamedTuple):
    """What a spec with a repair, or a run that chose one, says."""

    base: str  # as load_model takes it
    repair: Repair
    record: RepairRecord | None = None  # of a run, which says what its base was
    folder: Path = Path()  # the run's


def repair_of(spec: str, runs: Path | None = None) -> RepairOf | None:
    """The repair that a spec ends in, or that the run chose which it names; None for any other spec.

    Raises RepairError, with the nearest name, for a method or a number there is none of, RunError where there is no
    such run.
    """
    if (found := specs.repaired(spec)) is not None:
        try:
            return RepairOf(found.base, read_repair(found.method, found.arguments))
        except RepairError as error:
            folder = f"; there is no folder {shown(spec)} either" if not found.arguments else ""
            raise RepairError(f"{error}{folder}") from None
    if (run_id := run_of(spec)) is None:
        return None
    try:
        run = RunStore(runs).open(run_id)
        if run.recipe.kind != "repair":
            return None
    except RunError:  # the reader of fine-tunes says what is wrong with it
        return None
    record = read_repair_record(_finished(run, "a repaired model").folder)
    return RepairOf(record.base, record.of(run.folder), record, run.folder)


def _load_repaired(spec: str, found: RepairOf, *, device: str, dtype: str, runs: Path | None) -> "DualEncoder":
    if specs.unrepaired(spec)[1].count("+") > _MOST:
        raise RepairError(f"{shown(spec)} has more than {_MOST} repairs; give one")
    return repaired(found, load_model(found.base, device=device, dtype=dtype, runs=runs))


def repaired(found: RepairOf, base: "DualEncoder") -> "DualEncoder":
    """A loaded model with the repair over it that a spec says. Raises RepairError where it cannot be so repaired."""
    wide = str(base.dtype) in ("torch.float32", "torch.float64")  # a fingerprint is of wide weights
    if found.record is not None and wide:
        found.record.refuse_another(found.folder, base.card.name, base.fingerprint)
    from nast_core.repair.repaired import repair_model

    return repair_model(base, found.repair)


def base_of(spec: str, runs: Path | None = None) -> str:
    """A spec without its repairs. Raises as ``repair_of``."""
    while (repair := repair_of(spec, runs)) is not None:
        spec = repair.base
    return spec


def finetune_of(spec: str, runs: Path | None = None) -> Run | None:
    """The finished fine-tune that a spec names, repaired or not: ``run:ID`` of the folder ``runs``, or the one that
    comes with NAST.

    None for any other spec. Raises as ``finished_finetune``, and ModelError where the fine-tune is not in the assets.
    """
    spec = base_of(spec, runs)
    if (run := run_of(spec)) is not None:
        return finished_finetune(run, runs)
    return Run(specs.embedded(spec)) if spec == DEMO_TUNED else None


def stamp_of(spec: str, runs: Path | None = None) -> str:
    """Changes when a file of a spec's model does, or when the spec comes to name another: what was loaded before is
    stale then.

    A run's are those of its adapter and of all that it stands on. Never raises: what is wrong with it, loading says.
    """
    return stamp(*files_of(spec, runs))


def files_of(spec: str, runs: Path | None = None, depth: int = _MOST) -> Iterator[Path]:
    """Folders and files that a spec's model is made of, its own first, then those of what it stands on.
    Never raises."""
    try:
        if (repair := repair_of(spec, runs)) is not None:
            if repair.record is not None:
                yield repair.folder / REPAIR_RECORD
            yield from repair_files(repair.repair)
            yield from files_of(repair.base, runs, depth)
            return
        run = run_of(spec)
        if run is not None or spec == DEMO_TUNED:
            folder = TUNED_FOLDER if run is None else RunStore(runs).root / run
            yield folder / ADAPTER
            if depth:
                base = read_record(folder / ADAPTER).base
                yield from files_of(base, folder.parent, depth - 1)
        elif (there := specs.find(spec).folder) is not None:
            yield there.resolve()
        else:
            from nast_core.models.open_clip_spec import sources  # imports open_clip, which takes seconds

            yield from sources(spec)
    except NastError:
        yield Path(spec)


def repair_files(repair: Repair) -> Iterator[Path]:
    """What a repair reads beside its model: the parser's rules, and the vocabulary, where it is a file."""
    yield from reader_files(repair)
    if (words := words_of(repair)) is not None:
        yield words


def finished_finetune(run_id: str, root: Path | None = None) -> Run:
    """Raises RunError where there is no such run, ModelError for one of another kind or one that has not finished."""
    run = RunStore(root).open(run_id)
    if (kind := run.recipe.kind) != "finetune":
        raise ModelError(f"{run_name(run.id)} is a run of kind {kind}, which has no model; give a fine-tune's")
    return _finished(run, "a fine-tune's model")


def _finished(run: Run, what: str) -> Run:
    if (state := run.status.state) != "finished":
        raise ModelError(f"{run_name(run.id)} is {state}, and {what} is there once it has finished")
    return run


def load_finetuned(
    folder: Path, *, device: str = "auto", dtype: str = "float32", base: str | None = None
) -> "DualEncoder":
    """The tuned model of an adapter folder, or of a finished run's folder: its base with the adapter merged in.

    ``base``: where the base is now, if it has moved. Raises ModelError where the base is not the one that was trained.
    """
    apply_adapter = put_off.quickly(_adapters)
    from nast_core.models.registry import DTYPES

    folder = folder / ADAPTER if (folder / ADAPTER).is_dir() else folder
    record = read_record(folder)
    wide = "float64" if dtype == "float64" else "float32"  # a fingerprint is of these; narrow weights are merged wide
    with _not_its_own_base(folder):
        spec = base or record.base
        _check_stated(spec, folder, record)
        encoder = load_model(spec, device=device, dtype=wide, runs=folder.resolve().parents[1])
    apply_adapter(encoder, folder, record)
    if dtype != wide:
        encoder.module.to(DTYPES[dtype])
        encoder.dtype = DTYPES[dtype]
    return encoder


def _adapters() -> Callable[["DualEncoder", Path, Record], object]:
    from nast_core.finetune.adapter import apply_adapter  # PEFT comes along: not for every model

    return apply_adapter


@contextmanager
def _not_its_own_base(folder: Path) -> Iterator[None]:
    """Raises ModelError where an adapter's base leads back to it, or through more of them than anyone makes."""
    chain, here = _opening.get(), folder.resolve()
    if here in chain or len(chain) >= _MOST:
        reason = "is, by way of its base, its own base" if here in chain else f"stands on more than {_MOST} fine-tunes"
        raise ModelError(
            f"the adapter in {folder} {reason}, so it leads to no model; give another run, or its base again"
        )
    token = _opening.set((*chain, here))
    try:
        yield
    finally:
        _opening.reset(token)


def _check_stated(spec: str, folder: Path, record: Record) -> None:
    """Raises ModelError where the base's own card already says that it is another model than was trained."""
    if run_of(spec) is not None or spec.startswith(specs.OPEN_CLIP):
        return
    card = (specs.find(spec).folder or Path()) / RECORD
    fingerprint = configs.read_json(card).get("fingerprint") if card.exists() else None
    if isinstance(fingerprint, str) and fingerprint:
        refuse_another(folder, record, specs.find(spec).name or spec, fingerprint)
