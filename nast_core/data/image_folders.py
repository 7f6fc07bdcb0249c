"""Where a user's folder keeps the images that a table names. Source: ours."""

import os
import re
import threading
import time
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nast_core.errors import ImageError
from nast_core.files.folders import is_file, walked
from nast_core.files.gate import shown

SUFFIXES = (".jpg", ".png", ".dcm", ".jpeg", ".dicom", ".tif", ".tiff", ".bmp", ".gif", ".webp")  # the likeliest first
_ENDING = re.compile(r"\.[^\W\d]\w{0,9}$")  # as names of other files have; 1.2.840.113619 has none
_MOST = 3_000_000  # files of a folder that are looked at: ten times MIMIC-CXR
_MOST_FOLDERS = 4  # folders whose names are kept
_TELLING = 5  # digits with which a name is one patient's or one image's alone
_MOST_NAMES = 5


@dataclass
class _Index:
    """The files of a folder by their names without suffix, and what tells that a folder in it has changed."""

    by_key: dict[str, list[str]] = field(default_factory=dict)  # paths under the folder
    stamps: dict[str, int] = field(default_factory=dict)  # folder -> time of its last change, ns
    files: int = 0
    first: list[str] = field(default_factory=list)
    made: int = field(default_factory=time.time_ns)

    def fresh(self) -> bool:
        """A folder that changed within a second before it was read may have changed again within the clock's tick."""
        try:
            return all(
                stamp < self.made - 10**9 and os.stat(folder).st_mtime_ns == stamp
                for folder, stamp in self.stamps.items()
            )
        except OSError:
            return False


_indexes: dict[str, _Index] = {}
_lock = threading.Lock()


def _own_lock() -> None:
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # whoever holds it while a process is forked is not there to give it back
    os.register_at_fork(after_in_child=_own_lock)


def locate_images(names: Iterable[str], folder: Path) -> dict[str, str]:
    """Name in the table -> path under ``folder``, of the images that are there.

    Datasets are unpacked at different depths ("CheXpert-v1.0-small/train/...", "train/...") and in other formats, so
    folders may be missing or further ones there, and suffixes may differ or be missing; case and the way Unicode writes
    accents do not matter. Raises ImageError for the root of the file system. Of several files of a name the one is
    meant whose folders agree most. A file is not taken for an image whose folder names another patient or study
    ("patient2/study1/view1.jpg" where only patient1 is there), nor for two images: of two it is that whose name agrees
    with it further.
    """
    index, root = _index_of(folder), _parts(os.path.abspath(folder))
    paths: dict[str, str] = {}
    names_of: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        wanted = [*_parts(name)[:-1], key] if (key := _key(name)) else []
        path = _best(wanted, index.by_key.get(key, ()), root, _suffix(name))
        if path is not None:
            paths[name] = path
            names_of.setdefault(path, []).append(name)
    for path, claimed in names_of.items():
        there = [*root, *_parts(path)[:-1], _key(path)]
        alike = {name: _alike([*_parts(name)[:-1], _key(name)], there) for name in claimed}
        nearest = {name for name in claimed if alike[name] == max(alike.values())}
        if len({(*_parts(name)[:-1], _key(name)) for name in nearest}) > 1:
            nearest = set()
        for name in set(claimed) - nearest:
            del paths[name]
    return paths


def images_in(folder: Path) -> list[str]:
    """Paths under ``folder``, in order, of the files whose names end as images' do, or, as many DICOM files', in
    nothing.

    Raises ImageError where there is none, and for the root of the file system.
    """
    index = _index_of(folder)
    paths = sorted(path for several in index.by_key.values() for path in several)
    if not (images := [path for path in paths if _suffix(path) or not _ENDING.search(path)]):
        raise ImageError(f"there is no image in {shown(folder)}: {_contents(index)}; give PNG, JPEG or DICOM files")
    return images


def why_missing(name: str, folder: Path) -> str:
    """What was looked for in vain, and what is there instead; half a sentence."""
    index, key = _index_of(folder), _key(name)
    if not key:
        return f"the table names no image; {_contents(index)}"
    stem = name.replace("\\", "/").rsplit("/", 1)[-1].removesuffix(_suffix(name))
    tried = (
        f"looked for {shown(name)!r}, and in every folder for {shown(stem)!r} ending in {', '.join(SUFFIXES)} or "
        "nothing"
    )
    if several := index.by_key.get(key):
        return f"{tried}; files of that name are at {_listed(several)}, which may belong to other images"
    return f"{tried}; {_contents(index)}"


def _contents(index: _Index) -> str:
    if not index.files:
        return "the folder holds no file"
    return f"the folder holds {index.files:,} file{'s' * (index.files > 1)}, as {_listed(index.first)}"


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(shown(path) for path in paths[:_MOST_NAMES]) + (" and others" if len(paths) > _MOST_NAMES else "")


def _best(wanted: list[str], paths: Sequence[str], root: list[str], suffix: str) -> str | None:
    """Of files with the wanted name, the one whose folders agree most with it; None where none or several do."""
    best: list[str] = []
    most = 0
    for path in paths:
        there = [*root, *_parts(path)[:-1], wanted[-1]]
        alike = _alike(wanted, there)
        if alike >= most and _same_image(wanted, there, alike):
            best = [*best, path] if alike == most else [path]
            most = alike
    if len({_parts(path)[:-1] != _parts(best[0])[:-1] for path in best}) > 1:
        return None
    return min(best, key=lambda path: _rank(path, suffix), default=None)


def _alike(wanted: list[str], there: list[str]) -> int:
    """How many parts agree, from the end."""
    count = 0
    for one, other in zip(reversed(wanted), reversed(there), strict=False):
        if one != other:
            break
        count += 1
    return count


def _same_image(wanted: list[str], there: list[str], alike: int) -> bool:
    if alike in (len(wanted), len(there)):
        return True
    if any(sum(map(str.isdigit, part)) >= _TELLING for part in wanted[-alike:]):
        return True
    numbers = [re.findall(r"\d+", parts[-alike - 1]) for parts in (wanted, there)]
    return not (numbers[0] and numbers[1] and numbers[0] != numbers[1])


def _rank(path: str, suffix: str) -> tuple[bool, int, str]:
    own = _suffix(path).lower()
    return own != suffix.lower(), SUFFIXES.index(own) if own in SUFFIXES else len(SUFFIXES), path


def _parts(name: str) -> list[str]:
    parts = name.replace("\\", "/").split("/")
    return [unicodedata.normalize("NFC", part).casefold() for part in parts if part not in ("", ".")]


def _suffix(name: str) -> str:
    """The ending that says a format; "" for what only looks like one: 1.2.840.113619 has none."""
    return next((name[-len(suffix) :] for suffix in SUFFIXES if name.lower().endswith(suffix)), "")


def _key(name: str) -> str:
    parts = _parts(name)
    return parts[-1].removesuffix(_suffix(parts[-1])) if parts else ""


def _index_of(folder: Path) -> _Index:
    place = os.path.abspath(folder)
    if os.path.dirname(place) == place:
        raise ImageError(
            f"{place} is the whole machine, which nobody wants searched; give the folder that holds the images"
        )
    with _lock:
        index = _indexes.get(place)
        if index is None or not index.fresh():
            index = _read(place)
            _indexes.pop(place, None)
            for old in list(_indexes)[: max(0, len(_indexes) - _MOST_FOLDERS + 1)]:
                del _indexes[old]
            _indexes[place] = index
    return index


def _read(root: str) -> _Index:
    """Every regular file, links followed."""
    index = _Index()
    for entry in walked(Path(root), stamps=index.stamps):
        if not is_file(entry):
            continue
        path = entry.path[len(root) :].lstrip("/")
        index.by_key.setdefault(_key(entry.name), []).append(path)
        index.files += 1
        if index.files <= _MOST_NAMES + 1:
            index.first.append(path)
        if index.files >= _MOST:
            break
    return index
