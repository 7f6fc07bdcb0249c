"""A vocabulary's file changed by a page or a command: whole, one at a time, with a copy of what it was. Ours."""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from nast_core.errors import VocabularyError
from nast_core.files.gate import read_text, shown
from nast_core.files.held import held
from nast_core.files.writing import write_text
from nast_core.vocabulary.file import MOST, parse_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import SHIPPED, shipped
from nast_core.vocabulary.splicing import spliced

_REMEDY = "copy the vocabulary to a folder that you may write"


class Opened(NamedTuple):
    """A vocabulary as its file has it."""

    path: Path
    text: str
    vocabulary: Vocabulary


def open_file(path: Path) -> Opened:
    """Raises VocabularyError where there is none, or it is none."""
    text = read_text(path, most=MOST, error=VocabularyError, absent="give the path of a vocabulary file")
    return Opened(path, text, parse_vocabulary(text, shown(path)))


def open_shipped(name: str) -> Opened:
    """One that comes with NAST, which is never changed in its place."""
    text = files("nast_core.vocabulary").joinpath(SHIPPED[name]).read_text("utf-8")
    return Opened(Path(SHIPPED[name]), text, shipped(name))


def copy_path(path: Path) -> Path:
    """vocabulary.yaml -> vocabulary.before.yaml: the file as it was before the last change."""
    return path.with_suffix(".before.yaml")


def save(before: Opened, vocabulary: Vocabulary) -> None:
    """Puts a changed vocabulary in the place of what was opened, which goes to the copy. Its comments stay.

    Raises VocabularyError where the file was changed meanwhile, DataError where it cannot be written; both are then as
    they were.
    """
    with held(before.path, _REMEDY):
        if open_file(before.path).text != before.text:
            raise VocabularyError(
                f"{shown(before.path)} was changed elsewhere meanwhile; open it again and repeat the edit"
            )
        write_text(copy_path(before.path), before.text)
        write_text(before.path, spliced(before.text, vocabulary))


def undo(path: Path) -> None:
    """Puts the copy in the file's place, and the file in the copy's: done twice, nothing has changed."""
    copy = copy_path(path)
    with held(path, _REMEDY):
        now = read_text(path, most=MOST, error=VocabularyError)
        former = open_file(copy).text
        write_text(path, former)
        write_text(copy, now)
