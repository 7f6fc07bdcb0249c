"""What makes two runs the same: the recipe, the model's weights and the bytes of the data, each as a hash."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError

from nast_core.errors import DataError
from nast_core.files.documents import parse_json, read_json
from nast_core.files.gate import MB, faults, read_text, regular
from nast_core.files.writing import whole
from nast_core.runs.recipe import Recipe

_ELSEWHERE = {"model", "device", "num_processes", "executor"}  # said by a hash, or of no matter to the figures
_NAMED = "the recipe names it"
_MOST = 4 * MB  # of a run's environment.json
_LINES = 4_000 * MB  # of a file of items, pairs or claims, as read_jsonl
_LARGEST = 10**15  # bytes of any file
_RUN = re.compile(r'"run:([\w.-]+)"')  # in a recipe's JSON: a text that is nothing else


class Identity(NamedTuple):
    """The hashes that a run is found again by."""

    key: str
    model: str  # fingerprint of the weights
    data: dict[str, str]  # by field of the recipe: hashes of files, and fingerprints of further models


def identity(recipe: Recipe, root: Path, model_fingerprint: str | None = None) -> Identity:
    """The identity of a recipe on this machine's files. ``root`` is the folder of the runs it may refer to.

    ``model_fingerprint`` is that of the loaded model in float32, for callers who have it; else the model is loaded, once.
    Raises ModelError or DataError where the model or a file is not there.
    """
    model = (model_fingerprint or fingerprint_of(recipe.model, root)) if recipe.needs_model else ""
    with _remembered(root) as known:
        data = dict(_data(recipe, root, known))
    data |= {field: fingerprint_of(spec, root) for field in recipe.models if (spec := getattr(recipe, field))}
    hashed = {*_ELSEWHERE, *recipe.files, *recipe.models, recipe.image_folder or ""}
    said = recipe.model_dump(mode="json", exclude=hashed)
    text = _RUN.sub(lambda found: f'"run:{key_of(root / found[1])}"', json.dumps(said, sort_keys=True))
    whole_text = json.dumps([text, model, sorted(data.items()), recipe.version])
    return Identity(hashlib.sha256(whole_text.encode()).hexdigest(), model, data)


def key_of(folder: Path) -> str:
    """The key of a run. Raises DataError for a folder that is none."""
    try:
        return str(read_json(folder / "environment.json", most=_MOST)["key"])
    except (DataError, KeyError, TypeError):
        raise DataError(
            f"the recipe refers to run:{folder.name}, and there is no such run in {folder.parent}"
        ) from None


def references(text: str) -> set[str]:
    """Ids of the runs that a recipe's text refers to."""
    return set(_RUN.findall(text))


def fingerprint_of(spec: str, root: Path) -> str:
    """Fingerprint of a model's weights in float32: loaded once, and known from then on while its files stay the same."""
    from nast_core.models.registry import load_model
    from nast_core.models.specs import find
    from nast_core.runs.models import load_run_model

    def load() -> str:
        return (load_run_model(run, device="cpu", root=root) if run else load_model(spec, device="cpu")).fingerprint

    run = run_of(spec)
    folder = root / run / "adapter" if run else find(spec).folder
    if folder is None or not folder.is_dir():
        return load()
    with _remembered(root) as known:
        return known(f"model {folder.resolve()}", sorted(path for path in folder.rglob("*") if path.is_file()), load)


MEMORY = ".fingerprints.json"  # in the folder of runs
_HELD = TypeAdapter(dict[str, tuple[str, str]])
Known = Callable[[str, list[Path], Callable[[], str]], str]


@contextmanager
def _remembered(root: Path) -> Iterator[Known]:
    """``known(name, files, compute)``: the hash computed when these files last had these sizes and times, or a new one."""
    path = root / MEMORY
    try:
        held = _HELD.validate_python(read_json(path))
        before = json.dumps(held)
    except (DataError, ValidationError):
        held, before = {}, ""

    def known(name: str, files: list[Path], compute: Callable[[], str]) -> str:
        about = [(file.name, (stat := file.stat()).st_size, stat.st_mtime_ns) for file in files]
        stamp = hashlib.sha256(repr(about).encode()).hexdigest()
        if name not in held or held[name][0] != stamp:
            held[name] = (stamp, compute())
        return held[name][1]

    yield known
    if (after := json.dumps(held)) != before:
        with suppress(DataError), whole(path) as temporary:  # a folder that cannot be written only costs time
            temporary.write_text(after, "utf-8")


def _data(recipe: Recipe, root: Path, known: Known) -> Iterator[tuple[str, str]]:
    folder = getattr(recipe, recipe.image_folder) if recipe.image_folder else None
    for field in recipe.files:
        if (value := getattr(recipe, field)) is None:
            continue
        path = Path(value)
        if run := run_of(path):
            yield field, key_of(root / run)
            continue
        yield field, _hash(path, known)
        named = [(folder or path.parent) / name for name in _image_names(path)]
        if images := [image for image in named if image.is_file()]:  # an image that is missing, the work will name
            yield f"images of {field}", _together(images, known)


def run_of(value: object) -> str | None:
    """The id in ``run:ID``; None for anything else."""
    return str(value).removeprefix("run:") if str(value).startswith("run:") else None


def _image_names(path: Path) -> list[str]:
    """The images that the lines of a JSONL file name, each once; phantoms are drawn and have no file."""
    if path.suffix not in (".jsonl", ".json"):
        return []
    names = []
    try:
        text = read_text(path, most=_LINES)
    except DataError:  # as with a line that is wrong, the file's own reader says so
        return []
    for line in text.split("\n"):
        with suppress(ValueError, AttributeError):
            names.append(parse_json(line).get("image"))
    return [name for name in dict.fromkeys(names) if isinstance(name, str) and not name.startswith("phantom:")]


def _hash(path: Path, known: Known) -> str:
    """sha256 of a file, or of all files of a folder and their names."""

    def compute() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with faults(path, DataError, absent=_NAMED):
        if path.is_dir():
            return _together(_files_of(path), known)
        regular(path, most=_LARGEST, absent=_NAMED)
        return known(str(path.resolve()), [path], compute)


def _files_of(folder: Path) -> list[Path]:
    if folder.resolve() == Path(folder.anchor):
        raise DataError(f"{folder} is the whole disk; give the folder of the files that the recipe is about")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _together(files: list[Path], known: Known) -> str:
    return hashlib.sha256("".join(f"{file.name} {_hash(file, known)}\n" for file in files).encode()).hexdigest()
