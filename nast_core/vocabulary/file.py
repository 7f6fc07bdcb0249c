"""vocabulary.yaml, read through the gate and written whole. What is wrong with one is said in one sentence.

The format is described in docs/reference/files.md.
"""

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from nast_core.errors import VocabularyError, what_is_wrong
from nast_core.files.documents import parse_yaml, what_is_wrong_with
from nast_core.files.gate import MB, read_text, shown
from nast_core.files.writing import write_text
from nast_core.vocabulary.model import Condition, Vocabulary
from nast_core.vocabulary.soundness import too_many

FORMAT = 1
FILE = "vocabulary.yaml"  # in a dataset's folder
MOST = 4 * MB  # of a file: 1,000 conditions with 40 phrases each have about 2


def read_vocabulary(path: Path) -> Vocabulary:
    """Raises VocabularyError, one sentence: no file, no YAML, a later format, or what makes it no vocabulary."""
    absent = "draft one with 'nast vocabulary draft', or give a shipped name"
    return parse_vocabulary(read_text(path, most=MOST, error=VocabularyError, absent=absent), shown(path))


def parse_vocabulary(text: str, called: str = "the vocabulary") -> Vocabulary:
    """The same of a text, as it stands in an editor."""
    try:
        value = parse_yaml(text)
    except ValueError as fault:
        raise VocabularyError(f"{called}{getattr(fault, 'where', '')}: {what_is_wrong_with(fault)}") from None
    if (twice := _twice(text)) is not None:
        name, line = twice
        raise VocabularyError(f"{called}, line {line}: {shown(name)!r} was there before; give each condition once")
    return _vocabulary(value, called)


def _twice(text: str) -> tuple[str, int] | None:
    """A key that stands twice in one mapping, of which a loader would take the later, and its line from 1."""
    ahead = [yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))]
    while ahead:
        node = ahead.pop()
        if isinstance(node, yaml.SequenceNode):
            ahead += node.value
        if isinstance(node, yaml.MappingNode):
            met: set[str] = set()
            for key, inner in node.value:
                if key.value in met:
                    return str(key.value), key.start_mark.line + 1
                met.add(key.value)
                ahead.append(inner)
    return None


def _vocabulary(value: Any, called: str) -> Vocabulary:
    if not isinstance(value, dict):
        raise VocabularyError(f"{called} is no vocabulary; needed: format, name, examination and conditions")
    written = value.get("format")
    if written != FORMAT:
        later = isinstance(written, int) and written > FORMAT
        what = (
            f"is of format {written}, and this version reads format {FORMAT}; install a newer one"
            if later
            else (f"has the format {shown(written)}; needed: format: {FORMAT}")
        )
        raise VocabularyError(f"{called} {what}")
    listed = value.get("conditions")
    if isinstance(listed, dict) and (fault := too_many(len(listed))):  # before each of them is looked at
        raise VocabularyError(f"{called}: {fault}")
    try:
        return Vocabulary.model_validate(value)
    except ValidationError as error:
        raise VocabularyError(f"{called}: {what_is_wrong(error)}") from None


def write_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Whole or not at all; what has its default is left out."""
    write_text(path, vocabulary_text(vocabulary))


def vocabulary_text(vocabulary: Vocabulary) -> str:
    """The file's text. Reading it gives an equal vocabulary, with its reviews."""
    plain = vocabulary.model_dump(by_alias=True, exclude_defaults=True)
    plain["conditions"] = {name: _short(entry) for name, entry in vocabulary.entries.items()}
    return yaml.safe_dump(
        _plain({"format": FORMAT, **plain}), sort_keys=False, allow_unicode=True, default_flow_style=None, width=120
    )


def _short(entry: Condition) -> dict[str, Any]:
    plain = entry.model_dump(exclude_defaults=True)
    if "equivalents" in plain:
        plain["equivalents"] = [one["text"] if set(one) == {"text"} else one for one in plain["equivalents"]]
    return plain


def _plain(value: Any) -> Any:
    """Values that YAML has: lists for tuples and, sorted, for sets; bare lists for words that are phrases alone."""
    if isinstance(value, dict):
        if set(value) == {"phrases"}:
            return _plain(value["phrases"])
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, str | int | bool | date) else str(value)
