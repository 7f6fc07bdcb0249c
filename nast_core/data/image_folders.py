"""Where a user's folder keeps the images that a label table names. Source: ours."""

import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

_SUFFIXES = (".jpg", ".png", ".dcm")


def locate_images(names: Iterable[str], folder: Path) -> dict[str, str]:
    """Name in the table -> path under ``folder``, of the images that are there.

    Datasets are unpacked at different depths ("CheXpert-v1.0-small/train/...", "train/...") and formats, so leading
    folders may be missing and suffixes differ. What is not found so is looked for by file name in all of ``folder``,
    where that name is unique (NIH spreads its images over images_001/images to images_012/images).
    """
    found, lost, depth = {}, [], 0
    for name in dict.fromkeys(names):
        paths = _candidates(name)
        order = [*paths[depth : depth + 1], *paths]  # what fitted the last image fits most
        for path in order:
            if path and (folder / path).is_file():
                found[name], depth = path, paths.index(path)
                break
        else:
            lost.append(name)
    if lost:
        by_file = _files_by_name(folder)
        for name in lost:
            here = {path for file in _candidates(PurePosixPath(name).name) for path in by_file.get(file, ())}
            if len(here) == 1:
                found[name] = here.pop()
    return found


def _candidates(name: str) -> list[str]:
    parts = PurePosixPath(name).parts
    tails = [PurePosixPath(*parts[start:]) for start in range(len(parts))] if name else []
    return [str(tail.with_suffix(suffix)) for suffix in dict.fromkeys((tails[0].suffix, *_SUFFIXES) if tails else ()) for tail in tails]  # fmt: skip


def _files_by_name(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for base, _, files in os.walk(folder):
        for file in files:
            found.setdefault(file, []).append(str(PurePosixPath(Path(base, file).relative_to(folder))))
    return found
