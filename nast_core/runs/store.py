"""The folder of runs: made whole, found again by what was asked, and never broken by one bad folder."""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from nast_core.errors import what_is_wrong
from nast_core.files.writing import write_json
from nast_core.runs.key import Identity, identity, references, run_of
from nast_core.runs.kinds import make_recipe
from nast_core.runs.recipe import Recipe, RunError
from nast_core.runs.status import Status, checked


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
        """Key, fingerprints of model and data, versions and machine."""
        return self._read("environment.json", dict)

    @property
    def written_status(self) -> Status:
        """What status.json says, whether or not its process is still there."""
        return self._read("status.json", Status.model_validate)

    @property
    def status(self) -> Status:
        """How the run stands, checked against its process. Raises RunError where status.json is missing or damaged."""
        return checked(self.written_status, self.folder / "status.json", self.id)

    @property
    def log(self) -> str:
        try:
            return (self.folder / "log.txt").read_text("utf-8", errors="replace")
        except OSError:
            return ""

    def metrics(self) -> list[dict[str, float]]:
        """A row a step, in order: what the work said last for it. A line still being written is left out."""
        rows: dict[int, dict[str, float]] = {}
        try:
            lines = (self.folder / "metrics.jsonl").read_text("utf-8", errors="replace").splitlines()
        except OSError:
            return []
        for line in lines:
            try:
                said = json.loads(line)
                rows.setdefault(int(said["step"]), {}).update(said)
            except (ValueError, KeyError, TypeError):
                continue
        return [rows[step] for step in sorted(rows)]

    def set_recipe(self, recipe: Recipe) -> None:
        write_json(self.folder / "recipe.json", recipe.model_dump(mode="json"))

    def set_status(self, status: Status) -> None:
        """For the one process that the run belongs to; see ``execute``."""
        write_json(self.folder / "status.json", status.model_dump(mode="json"))

    def _read(self, name: str, make: Any) -> Any:
        path = self.folder / name
        try:
            return make(json.loads(path.read_text("utf-8")))
        except FileNotFoundError:
            reason = f"{name} is missing"
        except (OSError, UnicodeDecodeError) as error:
            reason = f"{name} cannot be read ({error})"
        except (json.JSONDecodeError, ValidationError) as error:
            reason = f"{name} is damaged ({what_is_wrong(error)})"
        except RunError as error:
            reason = f"{name}: {error}"
        except (ValueError, TypeError):
            reason = f"{name} does not hold named values"
        raise RunError(
            f"run {self.id}: {reason}; put it right, or delete the run: nast runs delete {self.id}"
        ) from None


class Row(NamedTuple):
    """A run in the table of runs."""

    run: Run
    recipe: Recipe
    status: Status


class Table(NamedTuple):
    rows: list[Row]  # newest first
    broken: dict[str, str]  # id -> in one sentence, what is wrong with its folder


class RunStore:
    """All runs of one folder: ``root``, or $NAST_RUNS, or ./runs."""

    def __init__(self, root: Path | None = None):
        self.root = Path(root or os.environ.get("NAST_RUNS") or "runs").expanduser().absolute()

    def create(self, recipe: Recipe, found: Identity | None = None) -> Run:
        """A new queued run, written whole: other processes see all of it or nothing.

        ``found`` is what ``identity`` gave for the recipe. Raises ModelError or DataError where its model or a file is
        not there, RunError where the folder cannot be written.
        """
        recipe = settled(recipe)
        found = found or identity(recipe, self.root)
        status = Status()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        except OSError as error:
            raise RunError(
                f"runs cannot be kept in {self.root} ({error.strerror}); set NAST_RUNS to a folder"
            ) from None
        temporary.chmod(0o755)
        write_json(temporary / "recipe.json", recipe.model_dump(mode="json"))
        write_json(temporary / "environment.json", found._asdict())
        write_json(temporary / "status.json", status.model_dump(mode="json"))
        return Run(self._take_name(temporary, f"{recipe.kind}-{status.created:%Y%m%d-%H%M%S}-{found.key[:8]}"))

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

    def find(self, recipe: Recipe, model_fingerprint: str | None = None) -> Run | None:
        """The newest finished run of the same recipe, model and data, or None."""
        key = identity(settled(recipe), self.root, model_fingerprint).key
        return next((run for run in self.alike(key) if run.status.state == "finished"), None)

    def alike(self, key: str) -> Iterator[Run]:
        """Runs of that key whose folders are sound, newest first."""
        for run in self.runs():
            if f"-{key[:8]}" in run.id:
                try:
                    if run.environment.get("key") == key and run.status and run.recipe:
                        yield run
                except RunError:
                    continue

    def runs(self) -> list[Run]:
        """Every run's folder, sound or not, newest first."""
        try:
            entries = [entry for entry in os.scandir(self.root) if not entry.name.startswith(".") and entry.is_dir()]
        except OSError:
            return []
        return [Run(Path(entry.path)) for entry in sorted(entries, key=lambda entry: _time(entry.name), reverse=True)]

    def table(self) -> Table:
        """All runs as they stand; a folder that cannot be read is a sentence and breaks nothing."""
        rows, broken = [], {}
        for run in self.runs():
            try:
                rows.append(Row(run, run.recipe, run.status))
            except RunError as error:
                broken[run.id] = str(error)
        return Table(rows, broken)

    def open(self, name: str) -> Run:
        """The run of an id, or of its unmistakable beginning. Raises RunError for any other name."""
        ids = [run.id for run in self.runs()]
        fitting = [name] if name in ids else [found for found in ids if found.startswith(name) and name]
        if len(fitting) == 1:
            return Run(self.root / fitting[0])
        if fitting:
            raise RunError(f"{name!r} fits {len(fitting)} runs: {', '.join(fitting[:5])}; say more of the id")
        raise RunError(f"there is no run {name!r} in {self.root}; 'nast runs list' shows those there are")

    def users(self, run: Run) -> list[str]:
        """Ids of the other runs whose recipes refer to this one."""
        found = []
        for other in self.runs():
            try:
                text = (other.folder / "recipe.json").read_text("utf-8", errors="replace")
            except OSError:
                continue
            if run.id in references(text) and other.id != run.id:
                found.append(other.id)
        return found

    def delete(self, name: str) -> None:
        """Removes a run. Raises RunError where it is at work, or where other runs refer to it."""
        run = self.open(name)
        if users := self.users(run):
            raise RunError(f"run {run.id} is needed by {', '.join(users)}; delete those first")
        try:
            active = run.status.active
        except RunError:
            active = False  # a damaged folder may go
        if active:
            raise RunError(f"run {run.id} is at work; cancel it first: nast runs cancel {run.id}")
        going = self.root / f".deleted-{run.id}"
        shutil.rmtree(going, ignore_errors=True)
        run.folder.rename(going)
        shutil.rmtree(going)


def settled(recipe: Recipe) -> Recipe:
    """The recipe with absolute paths: a run must mean the same from any working folder."""
    paths = {field: getattr(recipe, field) for field in (*recipe.files, *filter(None, [recipe.image_folder]))}
    changed: dict[str, Any] = {
        field: type(path)(Path(path).expanduser().absolute())
        for field, path in paths.items()
        if path is not None and not run_of(path)
    }
    for field in ("model", *recipe.models):
        spec = getattr(recipe, field)
        if spec not in (None, "demo") and (folder := Path(spec).expanduser()).is_dir():
            changed[field] = str(folder.absolute())
    return recipe.model_copy(update=changed)


_TIME = re.compile(r"-(\d{8}-\d{6})-")


def _time(name: str) -> tuple[str, str]:
    found = _TIME.search(name)
    return (found[1] if found else "", name)
