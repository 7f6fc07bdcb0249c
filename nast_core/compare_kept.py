"""Finished comparisons on disk, so that one opened again, by a link or after a restart, is read instead of computed."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from nast_core.comparison import Comparison
from nast_core.data.vectors import default_cache
from nast_core.errors import DataError
from nast_core.files.revision import code_revision
from nast_core.files.writing import write_json

_KEPT = 64  # the ones used last; about half a megabyte each


def kept_folder(*of: object) -> Path | None:
    """Where the comparison of these things belongs; another version of this code has other folders.

    Beside the vectors it was made from. None where no vectors are kept, and for changed code, whose versions have no name.
    """
    cache, revision = default_cache(), code_revision()
    if cache is None or (revision or "").endswith("-dirty"):
        return None
    about = [revision or version("nast-dashboard"), version("torch"), *map(str, of)]
    return cache.folder / "comparisons" / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:32]


def read_kept(folder: Path) -> Comparison | None:
    """None where there is none, or none that can be read: it is computed again then."""
    try:
        about = json.loads((folder / "about.json").read_text("utf-8"))
        tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in _tables()}
        os.utime(folder)
        return Comparison(about=about, **tables)
    except (OSError, ValueError):
        return None


def keep(found: Comparison, folder: Path) -> None:
    """Written whole or not at all; a disk that is full or closed costs nothing but the time to compute it again."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
            whole = Path(temporary) / "whole"
            whole.mkdir()
            for name, table in found.tables.items():
                table.to_parquet(whole / f"{name}.parquet")
            write_json(whole / "about.json", found.about)
            forget(folder)
            whole.rename(folder)
        others = [path for path in folder.parent.iterdir() if not path.name.startswith(".")]
        for old in sorted(others, key=lambda path: path.stat().st_mtime)[:-_KEPT]:
            forget(old)
    except (OSError, DataError):
        return


def forget(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _tables() -> list[str]:
    return [field.name for field in fields(Comparison) if field.name != "about"]
