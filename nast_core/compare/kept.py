"""Finished comparisons on disk, so that one opened again, by a link or after a restart, is read instead of computed."""

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

from nast_core.compare.tables import Comparison
from nast_core.errors import DataError
from nast_core.files.documents import read_json
from nast_core.files.parquet import read_parquet, write_parquet
from nast_core.files.revision import code_revision
from nast_core.files.writing import vectors_folder, whole_folder, write_json

_MOST = 64  # the ones used last; about half a megabyte each
_NAME = re.compile("[0-9a-f]{32}")


def kept_folder(*of: object) -> Path | None:
    """Where the comparison of these things belongs; another version of this code has other folders.

    Beside the vectors it was made from. None where no vectors are kept, and for changed code, whose versions have no
    name.
    """
    cache, revision = vectors_folder(), code_revision()
    if cache is None or (revision or "").endswith("-dirty"):
        return None
    about = [revision or version("nast-dashboard"), version("torch"), *map(str, of)]
    return cache / "comparisons" / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def read_kept(folder: Path) -> Comparison | None:
    """None where there is none, or none that can be read: it is computed again then."""
    try:
        about = read_json(folder / "about.json")
        tables = {name: read_parquet(folder / f"{name}.parquet") for name in _tables()}
    except (OSError, DataError):
        return None
    with suppress(OSError):  # one that came with NAST may lie where nothing can be written
        os.utime(folder)
    return Comparison(about=about, **tables)


def keep(comparison: Comparison, folder: Path) -> None:
    """Written whole or not at all; a disk that is full or closed costs nothing but the time to compute it again."""
    try:
        write_kept(comparison, folder)
        others = [path for path in folder.parent.iterdir() if _NAME.fullmatch(path.name) and not path.is_symlink()]
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-_MOST]:
            forget(old)
    except (OSError, DataError):
        return


def write_kept(comparison: Comparison, folder: Path) -> None:
    """Whole or not at all. Raises DataError where it cannot be written."""
    with whole_folder(folder, [*(f"{name}.parquet" for name in comparison.tables), "about.json"]) as temporary:
        for name, table in comparison.tables.items():
            write_parquet(temporary / f"{name}.parquet", table)
        write_json(temporary / "about.json", comparison.about)


def forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _tables() -> list[str]:
    return [field.name for field in fields(Comparison) if field.name != "about"]
