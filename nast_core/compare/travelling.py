"""The comparisons that come with NAST, of ``demo`` and ``demo-tuned``: found by what they were made from.

That is the files of both models and the questions, statements and pairs themselves, hashed: a comparison of another
model or of other questions has another name, and none is found. Neither torch nor a model is loaded for it. A
fingerprint of merged weights would not do: their last digits differ between processors, and files do not.

To write and hash all that is asked is half of what a fresh page's headline takes. So the hashes lie beside the
comparisons, and hold for as long as the code and the tables that write questions, statements and pairs are, byte for
byte, those they were made with; else they are made again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import get_args

import numpy

from nast_core.compare.kept import read_kept
from nast_core.compare.tables import Comparison
from nast_core.data.studies import PHANTOMS, HeldOut, Split
from nast_core.errors import DataError
from nast_core.files.documents import read_json
from nast_core.files.folders import walked
from nast_core.files.gate import MB, read_bytes
from nast_core.files.places import EMBEDDED, TUNED_FOLDER
from nast_core.files.writing import write_json
from nast_core.opening import files_of, stamp_of

FOLDER = TUNED_FOLDER / "compared"
QUESTIONS, PAIRS = 500, 48  # what the page begins with
STUDIES = 200  # that claims are made about
_LARGEST = 100 * MB  # of a file in the assets
ASKED = FOLDER / "asked.json"
_FOLDERS = ("benchmark", "claims", "negation", "vocabulary")  # of nast_core, with the files: what writes what is asked
_FILES = ("data/phantom.py", "data/studies.py", "dataset/phantom_world.py")
_CODE = (".py", ".yaml")
_SAYS = (".md", "figures.json")  # ends of files that say what a model is and do not make it


def read_travelling(
    a: str, b: str, questions: int, split: Split, pairs: int, dataset: str = PHANTOMS
) -> Comparison | None:
    """The comparison of two specs that came with NAST; None where none did."""
    if not {a, b} <= EMBEDDED.keys() or dataset != PHANTOMS or not FOLDER.is_dir():
        return None
    return read_kept(FOLDER / name_of(a, b, questions, split, pairs))


def name_of(a: str, b: str, questions: int, split: Split, pairs: int) -> str:
    """Of the folder of a comparison."""
    return _joined(*(content_of(spec) for spec in (a, b)), asked_of(questions, split, pairs))


def content_of(spec: str) -> str:
    """A hash of the files that a model is made of, with those of its base;
    read once for as long as they stay the same."""
    return _content(spec, stamp_of(spec))


@lru_cache(maxsize=8)
def _content(spec: str, stamped: str) -> str:
    about = hashlib.sha256()
    for folder in files_of(spec):
        for path in sorted(Path(entry.path) for entry in walked(folder) if not entry.name.endswith(_SAYS)):
            content = hashlib.sha256(read_bytes(path, most=_LARGEST)).hexdigest()
            about.update(f"{path.relative_to(folder)} {content}\n".encode())
    return about.hexdigest()


@lru_cache(maxsize=8)
def asked_of(questions: int, split: Split, pairs: int) -> str:
    """A hash of what is asked: every question, statement and pair, word for word."""
    return _noted().get(_key(questions, split, pairs)) or hash_of_asked(questions, split, pairs)


def hash_of_asked(questions: int, split: Split, pairs: int) -> str:
    """The same, by writing all of it."""
    return _joined(*_asked(questions, split), str(pairs))


def _noted() -> Mapping[str, str]:
    """What is asked -> its hash, as noted by the code that is here; empty where none was."""
    try:
        noted = read_json(ASKED)
    except DataError:
        return {}
    return noted["asked"] if noted["written_by"] == written_by() else {}


def note_asked() -> None:
    """Notes the hashes of what the page begins with, on either held-out split."""
    asked = {_key(QUESTIONS, split, PAIRS): hash_of_asked(QUESTIONS, split, PAIRS) for split in get_args(HeldOut)}
    write_json(ASKED, {"written_by": written_by(), "asked": asked})


def _key(questions: int, split: Split, pairs: int) -> str:
    return f"{questions} questions, {split}, {pairs} pairs"


def written_by() -> str:
    """A hash of the code and the tables that write questions, statements and pairs, and of numpy's feature release."""
    package = Path(__file__).parents[1]
    files = [Path(entry.path) for folder in _FOLDERS for entry in walked(package / folder, _CODE)]
    about = hashlib.sha256(numpy.__version__.rpartition(".")[0].encode())  # whose random streams may change with one
    for path in sorted([*files, *(package / name for name in _FILES)]):
        content = hashlib.sha256(read_bytes(path, most=MB)).hexdigest()
        about.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
    return about.hexdigest()


def _asked(questions: int, split: Split) -> Iterator[str]:
    from nast_core.dataset.opened import open_dataset

    world = open_dataset(PHANTOMS)
    for part in (world.items(split, questions), world.statements([split], STUDIES), world.pairs()):
        yield _joined(*(line.model_dump_json() for line in part))


def _joined(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
