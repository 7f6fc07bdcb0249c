"""The folder of runs: made whole, found again by what was asked, and never broken by one bad folder."""

import errno
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout
from pydantic import ValidationError

from nast_core.errors import DataError, what_is_wrong
from nast_core.files.documents import parse_json
from nast_core.files.gate import MB, as_path, printable, read_tail, read_text, shown
from nast_core.files.places import OWN_NAMES
from nast_core.files.writing import write_json
from nast_core.models.specs import unrepaired
from nast_core.recipe import Recipe, RunError, references, run_of
from nast_core.runs import known_kinds
from nast_core.runs.folders import may_be_a_run, remove, time_of
from nast_core.runs.kinds import make_recipe
from nast_core.runs.status import Status, checked
from nast_core.vocabulary.names import named

_MOST = 4 * MB  # of a run's JSON files
_LOG = MB  # of a log, its end
_METRICS = 16 * MB  # as above; some 30,000 steps
_LONGEST = 400  # characters of what is wrong with a folder
_STEPS = 10**12
_STALE = 3600  # seconds after which what was being made or deleted belongs to nobody any more
LOCK = ".submit.lock"
MEMORY = ".fingerprints.json"  # of files that were hashed before
_PATIENCE = 120  # seconds to wait while somebody else submits


class Identity(NamedTuple):
    """The hashes that a run is found again by."""

    key: str
    model: str  # fingerprint of the weights
    data: dict[str, str]  # by field of the recipe: hashes of files, and fingerprints of further models


@dataclass(frozen=True)
class Run:
    """One run's folder. Nothing is kept: every look reads what the folder says now, so that all who look agree."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def recipe(self) -> Recipe:
        """Raises RunError where recipe.json is missing, damaged or of a kind there is none of."""
        return self._read("recipe.json", make_recipe)

    @property
    def environment(self) -> dict[str, Any]:
        """Key, fingerprints of model and data, versions and machine. Raises RunError as ``recipe`` does."""
        return self._read("environment.json", _environment)

    @property
    def written_status(self) -> Status:
        """What status.json says, whether or not its process is still there."""
        return self._read("status.json", Status.model_validate)

    @property
    def status(self) -> Status:
        """How the run stands, checked against its process. Raises RunError where status.json is missing or damaged."""
        return checked(self.written_status, self.folder / "status.json", self.id)

    def read(self) -> "Row":
        """All of it as it stands. Raises RunError where any part cannot be read, or it was deleted."""
        if printable(self.id) != self.id:
            raise self.unread("its name holds what cannot be shown")
        return Row(self, self.recipe, self.status, self.environment)

    @property
    def result(self) -> Any:
        """What came out, as the run's kind gives it (``nast_core.work.kinds``): an xarray.Dataset of attention or a
        trace; the summary and tables of a benchmark, claims or alignment; the spec and figures of a fine-tune; what was
        built.

        Raises RunError where the run has not finished, or its files cannot be read.
        """
        if (state := self.status.state) != "finished":
            raise RunError(f"run {self.id} is {state}; its result is there once it has finished")
        return known_kinds()[self.recipe.kind].result(self)

    @property
    def log(self) -> str:
        """Its end, where it is long."""
        try:
            return read_tail(self.folder / "log.txt", most=_LOG).decode("utf-8", errors="replace")
        except DataError:
            return ""

    def metrics(self) -> list[dict[str, float]]:
        """A row a step, in order: what the work said last for it. A line still being written is left out."""
        rows: dict[int, dict[str, float]] = {}
        try:
            text = read_tail(self.folder / "metrics.jsonl", most=_METRICS).decode("utf-8", errors="replace")
        except DataError:
            return []
        for line in text.splitlines():
            try:
                values = parse_json(line)
                step = int(values["step"])
                numbers = {
                    name: value for name, value in values.items() if value is None or isinstance(value, int | float)
                }
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
            if 0 <= step < _STEPS:
                rows.setdefault(step, {}).update(numbers)
        return [rows[step] for step in sorted(rows)]

    def set_recipe(self, recipe: Recipe) -> None:
        self._write("recipe.json", recipe.model_dump(mode="json"))

    def set_environment(self, environment: dict[str, Any]) -> None:
        self._write("environment.json", environment)

    def set_status(self, status: Status) -> None:
        """For the one process that the run belongs to; see ``execute``. Raises RunError where the run was deleted."""
        self._write("status.json", status.model_dump(mode="json"))

    def _write(self, name: str, value: object) -> None:
        if not self.folder.is_dir():  # a file that is written whole makes its folder, and a deleted run would be back
            raise RunError(f"run {self.id} was deleted")
        write_json(self.folder / name, value)

    def _read(self, name: str, make: Any) -> Any:
        path = self.folder / name
        try:
            os.lstat(path)
        except FileNotFoundError:
            if not os.path.lexists(self.folder):
                raise RunError(f"run {self.id} was deleted") from None
            there = os.path.isdir(self.folder)
            raise self.unread(f"{name} is missing" if there else "it leads nowhere") from None
        except OSError:
            pass  # the reader says it
        try:
            text = read_text(path, most=_MOST)
        except DataError as error:
            raise self.unread(str(error)) from None
        try:
            return make(parse_json(text))
        except (json.JSONDecodeError, ValidationError) as error:
            reason = f"{name} is damaged ({what_is_wrong(error)})"
        except RunError as error:
            reason = f"{name}: {error}"
        except (ValueError, TypeError) as error:
            reason = f"{name} is damaged ({error})"
        raise self.unread(reason) from None

    def unread(self, reason: str) -> RunError:
        """What is wrong with the folder, and what to do."""
        name, text = printable(self.id), printable(reason)
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        return RunError(f"run {name}: {text}; put it right, or delete the run: nast runs delete {name}")


def _environment(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("key"), str):
        raise ValueError("it has no key")
    return value


class Row(NamedTuple):
    """A run in the table of runs, as it stood when the table was read: it may have been deleted since."""

    run: Run
    recipe: Recipe
    status: Status
    environment: dict[str, Any]


class Table(NamedTuple):
    rows: list[Row]  # newest first
    broken: dict[str, str]  # id -> in one sentence, what is wrong with its folder


class RunStore:
    """All runs of one folder: ``root``, or $NAST_RUNS, or ./runs."""

    def __init__(self, root: Path | None = None):
        try:
            self.root = as_path(root or os.environ.get("NAST_RUNS") or "runs", RunError).absolute()
        except FileNotFoundError:
            raise RunError(
                "the current folder is gone; go to another, or set NAST_RUNS to the folder of runs"
            ) from None

    def create(self, recipe: Recipe, identity: Identity) -> Run:
        """A new queued run, written whole: other processes see all of it or nothing, and where it fails nothing stays.

        ``identity``: what ``work.identity`` gives for the recipe. Raises RunError where the folder cannot be written.
        """
        recipe = settled(recipe)
        status = Status()
        temporary = self.root / f".new-{secrets.token_hex(8)}"
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            self._sweep()
            try:
                temporary.mkdir()
                write_json(temporary / "recipe.json", recipe.model_dump(mode="json"))
                write_json(temporary / "environment.json", identity._asdict())
                write_json(temporary / "status.json", status.model_dump(mode="json"))
                return Run(
                    self._take_name(temporary, f"{recipe.kind}-{status.created:%Y%m%d-%H%M%S}-{identity.key[:8]}")
                )
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise

    def _take_name(self, temporary: Path, name: str) -> Path:
        """Renames to ``name``, or with a number behind it where there is one already."""
        for number in range(1, 1000):
            target = self.root / (name if number == 1 else f"{name}-{number}")
            try:
                return temporary.rename(target)
            except OSError:
                if not target.exists():
                    raise
        raise RunError(f"there are 999 runs called {name} in {self.root}; delete some")

    def _sweep(self) -> None:
        """Removes what killed processes left of runs that they were making or deleting."""
        for entry in list(os.scandir(self.root)):
            if entry.name.startswith((".new-", ".deleted-")):
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_ctime > _STALE:
                        remove(Path(entry.path))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """What keeps this folder from being written, as one sentence in RunError."""
        try:
            yield
        except (OSError, DataError, NotImplementedError) as error:
            cause = error if isinstance(error, OSError) else error.__cause__
            reason = getattr(cause, "strerror", None) or str(error)
            full = getattr(cause, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            advice = (
                "make room on its disk, or set NAST_RUNS to a folder on another"
                if full
                else "set NAST_RUNS to a folder that can be written"
            )
            raise RunError(f"runs cannot be kept in {self.root} ({reason}); {advice}") from None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Two who submit, resume or cancel at once, in whatever processes, do so one after the other."""
        lock = FileLock(self.root / LOCK)
        with self.writing():
            self.root.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=_PATIENCE)
            except Timeout:
                message = f"another program has held {lock.lock_file} for {_PATIENCE} seconds; end it, and try again"
                raise RunError(message) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def made_for_a_run(self) -> Iterator[None]:
        """Of a folder of runs that was not there before what is refused inside, nothing stays."""
        missing = [folder for folder in (self.root, *self.root.parents) if not os.path.lexists(folder)]
        try:
            yield
        except BaseException:
            if missing and os.path.isdir(self.root) and not self.runs():
                with suppress(OSError, Timeout), FileLock(self.root / LOCK, timeout=0):  # nobody else submits
                    for left in (LOCK, MEMORY):
                        (self.root / left).unlink(missing_ok=True)
                    for folder in missing:
                        folder.rmdir()
            raise

    def finished(self, key: str) -> Run | None:
        """The newest finished run of that key, or None."""
        return next((row.run for row in self.alike(key) if row.status.state == "finished"), None)

    def alike(self, key: str) -> Iterator[Row]:
        """Runs of that key whose folders are sound, newest first."""
        for run in self.runs():
            if f"-{key[:8]}" in run.id:
                try:
                    if run.environment["key"] == key:
                        yield run.read()
                except RunError:
                    continue

    def runs(self) -> list[Run]:
        """Every run's folder, sound or not, newest first."""
        try:
            names = [entry.name for entry in os.scandir(self.root) if may_be_a_run(entry)]
        except OSError:
            return []
        return [Run(self.root / name) for name in sorted(names, key=time_of, reverse=True)]

    def table(self) -> Table:
        """All runs as they stand; a folder that cannot be read is a sentence and breaks nothing."""
        rows, broken = [], {}
        for run in self.runs():
            try:
                rows.append(run.read())
            except RunError as error:
                if os.path.lexists(run.folder):  # else it was deleted while the table was read
                    broken[run.id] = str(error)
        return Table(rows, broken)

    def open(self, name: str) -> Run:
        """The run of an id, or of its unmistakable beginning. Raises RunError for any other name."""
        ids = [run.id for run in self.runs()]
        fitting = [name] if name in ids else [one for one in ids if one.startswith(name) and name]
        if len(fitting) == 1:
            return Run(self.root / fitting[0])
        if fitting:
            raise RunError(f"{shown(name)!r} fits {len(fitting)} runs: {', '.join(fitting[:5])}; say more of the id")
        raise RunError(f"there is no run {shown(name)!r} in {self.root}; 'nast runs list' shows those there are")

    def users(self, run: Run) -> list[str]:
        """Ids of the other runs whose recipes refer to this one."""
        ids = []
        for other in self.runs():
            try:
                text = read_text(other.folder / "recipe.json", most=_MOST)
            except DataError:
                continue
            if run.id in references(text) and other.id != run.id:
                ids.append(other.id)
        return ids

    def delete(self, name: str) -> None:
        """Removes a run. Raises RunError where it is at work, where other runs refer to it, or where it cannot be
        removed."""
        run = self.open(name)
        if users := self.users(run):
            raise RunError(f"run {run.id} is needed by {', '.join(users)}; delete those first")
        try:
            active = run.status.active
        except RunError:
            active = False  # a damaged folder may go
        if active:
            raise RunError(f"run {run.id} is at work; cancel it first: nast runs cancel {run.id}")
        self.discard(run)

    def discard(self, run: Run) -> None:
        """Removes a run's folder, whatever it holds. Raises RunError where that cannot be."""
        going = self.root / f".deleted-{secrets.token_hex(8)}"
        try:
            run.folder.rename(going)
            remove(going)
        except OSError as error:
            folder = going if os.path.lexists(going) else run.folder
            raise RunError(
                f"{printable(str(folder))} cannot be deleted ({error.strerror or error}); delete it by hand"
            ) from None


def settled(recipe: Recipe) -> Recipe:
    """The recipe with absolute paths: a run must mean the same from any working folder."""
    paths = {field: getattr(recipe, field) for field in (*recipe.files, *filter(None, [recipe.image_folder]))}
    fields: dict[str, Any] = {
        field: type(path)(as_path(path, RunError).absolute())
        for field, path in paths.items()
        if path is not None and not run_of(path) and not (field == "vocabulary" and named(path))
    }
    for field in ("model", *recipe.models):
        spec = getattr(recipe, field)
        base, repairs = ("", "") if spec is None else unrepaired(spec)
        if base and base not in OWN_NAMES and os.path.isdir(folder := os.path.expanduser(base)):
            fields[field] = os.path.abspath(folder) + repairs
    return recipe.model_copy(update=fields)
