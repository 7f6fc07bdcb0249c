"""What makes two runs the same: the recipe, the model's weights and the bytes of the data, each as a hash."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError
from nast_core.files.documents import parse_json, read_json
from nast_core.files.gate import MB, as_path, faults, read_text, regular
from nast_core.files.stamps import stamp
from nast_core.files.writing import whole
from nast_core.recipe import Recipe, run_of, with_references
from nast_core.runs.store import MEMORY, Identity, Run, RunStore, settled

_BY_NAME = "the recipe names it"
_MOST = 4 * MB  # of a run's environment.json
_LINES = 4_000 * MB  # of a file of items, pairs or claims, as read_jsonl
_LARGEST = 10**15  # bytes of any file


def identity(recipe: Recipe, root: Path, model_fingerprint: str | None = None) -> Identity:
    """The identity of a recipe on this machine's files. ``root`` is the folder of the runs it may refer to.

    ``model_fingerprint`` is that of the loaded model in float32, for callers who have it; else the model is loaded,
    once. Raises ModelError or DataError where the model or a file is not there.
    """
    recipe = settled(recipe)
    model = (model_fingerprint or fingerprint_of(recipe.model, root)) if recipe.needs_model else ""
    with _remembered(root) as known:
        data = dict(_data(recipe, root, known))
        if (dataset := getattr(recipe, "dataset", PHANTOMS)) != PHANTOMS:
            data |= _of_dataset(recipe, dataset, known)
    data |= {field: fingerprint_of(spec, root) for field in recipe.models if (spec := getattr(recipe, field))}
    hashed = {"model", "dataset", *recipe.files, *recipe.models, recipe.image_folder or ""}
    fields = recipe.model_dump(mode="json", exclude=hashed | recipe.how)
    text = with_references(json.dumps(fields, sort_keys=True), lambda run: key_of(root / run))
    whole_text = json.dumps([text, model, sorted(data.items()), recipe.version])
    return Identity(hashlib.sha256(whole_text.encode()).hexdigest(), model, data)


def find_run(recipe: Recipe, store: RunStore | None = None, model_fingerprint: str | None = None) -> Run | None:
    """The newest finished run of the same recipe, model and data, or None. Raises as ``identity`` does."""
    store = store or RunStore()
    return store.finished(identity(recipe, store.root, model_fingerprint).key)


def key_of(folder: Path) -> str:
    """The key of a run. Raises DataError for a folder that is none."""
    try:
        return str(read_json(folder / "environment.json", most=_MOST)["key"])
    except (DataError, KeyError, TypeError):
        raise DataError(
            f"the recipe refers to run:{folder.name}, and there is no such run in {folder.parent}"
        ) from None


def fingerprint_of(spec: str, root: Path) -> str:
    """Fingerprint of a model's weights in float32: loaded once, and known from then on while its files stay the
    same."""
    from nast_core.opening import load_model, stamp_of

    with _remembered(root) as known:
        return known(
            f"model {spec}", stamp_of(spec, root), lambda: load_model(spec, device="cpu", runs=root).fingerprint
        )


_STAMPS = TypeAdapter(dict[str, tuple[str, str]])
Known = Callable[[str, str, Callable[[], str]], str]


@contextmanager
def _remembered(root: Path) -> Iterator[Known]:
    """``known(name, stamp, compute)``: the hash computed when the files behind the name last had this stamp, or a new
    one."""
    path = root / MEMORY
    try:
        stamps = _STAMPS.validate_python(read_json(path))
        before = json.dumps(stamps)
    except (DataError, ValidationError):
        stamps, before = {}, ""

    def recall(name: str, stamped: str, compute: Callable[[], str]) -> str:
        if name not in stamps or stamps[name][0] != stamped:
            stamps[name] = (stamped, compute())
        return stamps[name][1]

    yield recall
    if (after := json.dumps(stamps)) != before:
        with suppress(DataError), whole(path) as temporary:  # a folder that cannot be written only costs time
            temporary.write_text(after, "utf-8")


def _data(recipe: Recipe, root: Path, known: Known) -> Iterator[tuple[str, str]]:
    from nast_core.vocabulary.beside import copies, vocabulary_of
    from nast_core.vocabulary.shipped import open_vocabulary

    folder = getattr(recipe, recipe.image_folder) if recipe.image_folder else None
    for field in recipe.files:
        if (value := getattr(recipe, field)) is None:
            continue
        path = Path(value)
        if field == "vocabulary":
            words = open_vocabulary(path)
            yield field, words.fingerprint
            yield "reviewed mappings", " ".join(words.approved)  # which items say of themselves
            continue
        if run := run_of(path):
            yield field, key_of(root / run)
            continue
        yield field, _hash(path, known, folder=field in recipe.folders)
        if any(map(os.path.isfile, copies(path))):
            yield f"vocabulary of {field}", vocabulary_of(path).fingerprint
        paths = [(folder or path.parent) / name for name in _image_names(path)]
        if images := [image for image in paths if image.is_file()]:  # an image that is missing, the work will name
            yield f"images of {field}", _together(images, known)
    if files := recipe.image_files():
        yield "images", stamp(*files)


def _of_dataset(recipe: Recipe, dataset: str, known: Known) -> dict[str, str]:
    """The dataset's fingerprint, and the images that are named by those of its files that the recipe leaves out."""
    from nast_core.dataset.manifest import CLAIMS, ITEMS
    from nast_core.dataset.opened import open_folder

    opened = open_folder(as_path(dataset, DataError))
    data = {"dataset": opened.fingerprint}
    for field, name in (("items", ITEMS), ("claims", CLAIMS), ("data", CLAIMS)):
        if field in recipe.files and getattr(recipe, field) is None:
            paths = [opened.manifest.images / image for image in _image_names(opened.folder / name)]
            if images := [path for path in paths if path.is_file()]:
                data[f"images of {field}"] = _together(images, known)
    return data


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


def _hash(path: Path, known: Known, *, folder: bool = False) -> str:
    """sha256 of a file, or of all files of a ``folder`` and their names."""

    def compute() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    with faults(path, DataError, absent=_BY_NAME):
        if folder and path.is_dir():
            return _together(_files_of(path), known)
        regular(path, most=_LARGEST, absent=_BY_NAME)
        return known(str(path.resolve()), stamp(path), compute)


def _files_of(folder: Path) -> list[Path]:
    if folder.resolve() == Path(folder.anchor):
        raise DataError(f"{folder} is the whole disk; give the folder of the files that the recipe is about")
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _together(files: list[Path], known: Known) -> str:
    return hashlib.sha256("".join(f"{file.name} {_hash(file, known)}\n" for file in files).encode()).hexdigest()
