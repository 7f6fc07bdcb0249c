"""What every command shares: options, the one-line error, progress, and loading."""

import functools
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from tqdm import tqdm

from nast_core.claims.manner import Contrasts as How
from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError, NastError
from nast_core.files.gate import as_path, faults, kind_of, reason_of, shown
from nast_core.models.precision import stored
from nast_core.progress import Tick
from nast_core.recipe import MOST_WORKERS
from nast_core.vocabulary.names import SHIPPED

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run

Model = Annotated[
    str,
    typer.Option(
        help="demo, demo-tuned, demo-language, run:ID, a folder, a name of 'nast model list', a hub id, or "
        "open_clip:ARCH/PRETRAINED."
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="Of the weights: float32, bfloat16, float16 or float64.")]
EncodingPrecision = Annotated[
    str,
    typer.Option(
        help="float32; bf16, to compute in it with weights in float32; auto, the faster of both here, tried for a "
        "second; or of the weights: bfloat16, float16 or float64."
    ),
]
Cache = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache", help="Keep and take vectors of images and texts, in ~/.cache/nast or NAST_CACHE."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=MOST_WORKERS,
        help="Processes that read images ahead; without: one a core. 0: none, as on macOS always.",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        help="The llm's endpoint, as http://localhost:8000/v1; without: NAST_LLM_URL, OPENAI_BASE_URL or OpenAI's own."
    ),
]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Questions to the endpoint at a time.")]
Answers = Annotated[
    Path | None, typer.Option(help="Folder that keeps the llm's prompts and answers; default: beside --out.")
]
Out = Annotated[Path, typer.Option(help="Where the result goes; its folder is made.")]
Pairs = Annotated[Path | None, typer.Option(help="pairs.jsonl; without it, the dataset's.")]
PerPair = Annotated[int, typer.Option(min=1, max=1000, help="Images of the dataset that a pair is averaged over.")]
WithFinding = Annotated[
    bool,
    typer.Option("--with-finding/--without-finding", help="Images that have the pair's finding, or that lack it."),
]
OneImage = Annotated[
    Path | None, typer.Option(help="One image for every pair; else each pair's own, or images of the dataset.")
]
Words = Annotated[
    str | None,
    typer.Option(
        "--vocabulary", help=f"{', '.join(SHIPPED)}, or a vocabulary file; without: CheXpert's 13 conditions."
    ),
]
Dataset = Annotated[
    str, typer.Option(help="phantoms, or a folder of 'nast dataset build'; what is left out here comes from it.")
]
Cues = Annotated[
    str, typer.Option(help="That training lines deny by: own, eight, all (but the held-out ones), or CUE,CUE.")
]
Contrasts = Annotated[
    How, typer.Option(help="'on the left, not on the right': on, off, or reworded as 'on the left only'.")
]
HardAffirmatives = Annotated[
    float,
    typer.Option(min=0, max=1, help="Share of affirmations in frames that a cue has too, as 'evidence of'."),
]
PseudoNegations = Annotated[
    int, typer.Option(min=0, max=1000, help="Different affirmations with a word of negation, as 'no change in'.")
]
_TEXT = 20_000  # characters of anything typed


def command(group: typer.Typer, name: str, *, untouched: str = "") -> Callable:
    """Registers a command whose NastErrors, and what the system says of files and memory, are one line and exit code 2.

    What is typed is looked at here, once for all commands: paths become such as a file can have, ~ the home folder.
    ``untouched``: an argument of names that are only compared, so that whatever lies on the disk can be named.
    """

    def register(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args: Any, **options: Any) -> Any:
            try:
                return function(
                    *args, **{key: value if key == untouched else _typed(value) for key, value in options.items()}
                )
            except NastError as error:
                code = refused(error)
            except BrokenPipeError:  # the reader of the output has gone, as 'head' does
                raise
            except (OSError, MemoryError, RecursionError, UnicodeError) as error:
                code = refused(_what_the_system_says(error))
            raise typer.Exit(code)

        return group.command(name)(run)

    return register


def refused(message: object) -> int:
    """Says in one line what stands against what was asked; the exit code of that."""
    typer.echo(f"nast: {message}".encode("utf-8", "backslashreplace").decode(), err=True)
    return 2


def _typed(value: Any) -> Any:
    if isinstance(value, Path):
        return as_path(value)
    for one in value if isinstance(value, list | tuple) else [value]:
        if isinstance(one, str):
            _writable(one)
        if isinstance(one, float) and not math.isfinite(one):
            raise DataError(f"{one} is no number to work with; give a finite one")
    return value


def _writable(text: str) -> None:
    if "\0" in text or len(text) > _TEXT:
        raise DataError(f"{shown(text)} cannot be used; give a text of at most {_TEXT:,} characters, without a NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DataError(f"{shown(text)} holds bytes that are no UTF-8; give it in UTF-8") from None


def _what_the_system_says(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "there is not enough memory for this; give less at once"
    if isinstance(error, RecursionError):
        return "what was given is nested too deeply to be read"
    where = f"{shown(error.filename)}: " if isinstance(error, OSError) and error.filename else ""
    return f"{where}{reason_of(error)}; check the path, and whether it may be read and written"


def tell_doubts(doubts: dict[str, str]) -> None:
    """Says of how many images it is doubtful that they show what they should, and of one why."""
    from nast_core.encoding.images import in_doubt

    if line := in_doubt(doubts):
        typer.echo(line, err=True)


def need_files(*paths: Path | None, hint: str = "") -> None:
    """Raises DataError for a path that is no file this user may read; None is passed over.

    To be called before anything heavy is imported: a mistyped name is then answered at once. ``hint``: how to come by
    the file.
    """
    for path in paths:
        if path is None:
            continue
        with faults(path, DataError, absent=hint or "check its name"):
            status = os.stat(path)
        if (kind := kind_of(status)) is not None:
            raise DataError(f"{shown(path)} is {kind}; give a file")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path} may not be read by this user; change its permissions (chmod u+r)")


def need_folder(path: Path | None) -> None:
    """As ``need_files``, for a folder."""
    if path is not None and not os.path.isdir(path):
        raise DataError(f"there is no folder {path}; check its name")


def need_out(*paths: Path | None, folder: bool = False) -> None:
    """As ``need_files``, for where results go: files, or one folder of several files. Leaves nothing behind."""
    from nast_core.files.writing import need_folder_writable, need_writable

    for path in paths:
        if path is not None:
            (need_folder_writable if folder else need_writable)(path)


def need_dataset(spec: str) -> None:
    """As ``need_files``, for a dataset."""
    if spec != PHANTOMS:
        from nast_core.dataset.opened import open_dataset

        open_dataset(spec)


@contextmanager
def progress(label: str, total: int | None, unit: str = "it") -> Iterator[Tick]:
    """A bar on a terminal, a plain line when done elsewhere. ``total``: None where nobody knows it beforehand."""
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        bar.update(count)

    with tqdm(total=total, desc=label, unit=unit, unit_scale=unit == "B", disable=not sys.stderr.isatty()) as bar:
        yield tick
    if not sys.stderr.isatty():
        typer.echo(f"{label}: {done if total is None else total:,} {'bytes ' if unit == 'B' else ''}done", err=True)


def need_model(spec: str) -> None:
    """As ``need_files``, for a model: raises ModelError for a spec that names none."""
    from nast_core.errors import ModelError
    from nast_core.models import specs
    from nast_core.recipe import run_of

    as_path(spec, ModelError)  # what no file can be called is no hub id either
    if (repaired := specs.repaired(spec)) is not None:
        from nast_core.opening import repair_of

        repair_of(spec)
        need_model(repaired.base)
    elif run_of(spec) is None:
        specs.find(spec)


def load(spec: str, device: str, precision: str):
    from nast_core.models.put_off import collection_paused, quiet_libraries

    need_model(spec)
    with collection_paused():
        from nast_core.opening import load_model

        quiet_libraries()
        return load_model(spec, device=device, dtype=precision)


def aligned_pairs(path: Path | None, model, dataset: str = PHANTOMS):
    from nast_core.work.pairs import aligned_pairs

    return aligned_pairs(path, model, _OnStderr(), dataset)


def carried_out(kind: str, **fields: Any) -> "tuple[Run, DualEncoder]":
    """The finished run of a recipe, and its model: found, or carried out in this process, as 'nast run' would find it.

    ``fields``: the recipe's; None for one that is left to the recipe. What the work says goes to stderr.
    """
    from nast_core.runs.kinds import make_recipe
    from nast_core.runs.status import now
    from nast_core.work.in_process import run_in_process

    options = {name: value for name, value in fields.items() if value is not None}
    recipe, start = make_recipe({"kind": kind} | options), now()
    model = load(recipe.model, recipe.device, stored(recipe.precision))
    with reporter() as report:
        run = run_in_process(recipe, report, model=model)
    if (ended := run.status.ended) is not None and ended < start:
        typer.echo(f"found: {run.id}; to compute it anew, delete it: nast runs delete {run.id}", err=True)
    return run, model


@contextmanager
def reporter() -> Iterator["_OnStderr"]:
    """What work says, on stderr, while the block runs."""
    said = _OnStderr()
    try:
        yield said
    finally:
        said.close()


class _OnStderr:
    """What work says, on stderr: a bar a label on a terminal, a plain line when it is done elsewhere."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def progress(self, done: int, total: int, label: str = "") -> None:
        if self._bar is None or self._bar.desc != label:
            self.close()
            self._bar = tqdm(desc=label, disable=not sys.stderr.isatty())
            self._bar.desc = label  # which a disabled bar does not keep
        self._bar.total, self._bar.n = total, done
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            if not sys.stderr.isatty():
                typer.echo(f"{self._bar.desc}: {self._bar.n:,} done", err=True)
        self._bar = None

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None:
        typer.echo(line.encode("utf-8", "backslashreplace").decode(), err=True)


def copy_file(source: Path, out: Path) -> None:
    """A run's file as a file of its own, whole or not at all."""
    from nast_core.files.writing import whole

    with whole(out) as temporary:
        shutil.copyfile(source, temporary)


def copy_results(run: "Run", out: Path, optional: Sequence[str] = ()) -> None:
    """A run's results as files of a folder, together or not at all. ``optional``: files that some results have; one of
    an earlier result goes."""
    from nast_core.files.writing import whole_folder

    summary = "summary.json"  # speaks for the others: last
    tables = sorted(path.name for path in run.folder.glob("*.parquet"))
    with whole_folder(out, [*optional, *tables, summary]) as temporary:
        for name in [*optional, *tables, summary]:
            if (run.folder / name).exists():
                shutil.copyfile(run.folder / name, temporary / name)
