"""The vocabularies that come with NAST, by name, and the way from what a user names to a vocabulary."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from nast_core.errors import VocabularyError
from nast_core.files.gate import as_path, shown
from nast_core.vocabulary.file import parse_vocabulary, read_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.names import CHEXPERT, SHIPPED, named


@lru_cache(maxsize=8)
def shipped(name: str) -> Vocabulary:
    text = files("nast_core.vocabulary").joinpath(SHIPPED[name]).read_text("utf-8")
    return parse_vocabulary(text, f"the vocabulary {name}")


def chest() -> Vocabulary:
    """CheXpert's 13 conditions: what is meant where no vocabulary is named."""
    return shipped(CHEXPERT)


def given(vocabulary: Vocabulary | None) -> Vocabulary:
    """The vocabulary, or the 13 where none is given."""
    return chest() if vocabulary is None else vocabulary


def open_vocabulary(spec: str | Path) -> Vocabulary:
    """A shipped name, or the path of a vocabulary file. Raises VocabularyError for what is neither."""
    if named(spec):
        return shipped(str(spec))
    path = as_path(spec, VocabularyError)
    if not path.exists():
        raise VocabularyError(
            f"there is no vocabulary {shown(spec)!r}; give {', '.join(SHIPPED)}, or the path of a vocabulary file"
        )
    return read_vocabulary(path)
