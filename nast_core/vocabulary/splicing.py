"""A vocabulary's text with only the parts written anew that have changed: comments, and how the rest is laid out, stay.

Source: ours.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from nast_core.errors import VocabularyError
from nast_core.files.documents import parse_yaml
from nast_core.vocabulary.file import parse_vocabulary, vocabulary_text
from nast_core.vocabulary.model import Vocabulary

_CONDITIONS = "conditions"
_NOTE = re.compile(r"^\s*#\s?(?P<said>.*)$")


class _Piece(NamedTuple):
    """An entry of a mapping, and the comments above it; the last piece may be comments alone."""

    above: list[str]
    lines: list[str]

    @property
    def key(self) -> str:
        return self.lines[0].split(":")[0].strip() if self.lines else ""


def spliced(text: str, after: Vocabulary) -> str:
    """``text`` changed into that of ``after``; where its layout does not allow it, that of ``after`` written anew.

    Raises VocabularyError where ``text`` is no vocabulary.
    """
    before = parse_vocabulary(text)
    whole = vocabulary_text(after)
    result = _spliced(text, whole, before)
    try:
        same = vocabulary_text(parse_vocabulary(result)) == whole
    except VocabularyError:
        same = False
    return result if same else whole


def notes(text: str, vocabulary: Vocabulary) -> dict[str, list[str]]:
    """Comments above each condition, and under "" those at the end of the text: what a draft has found."""
    found: dict[str, list[str]] = {}
    for piece in _pieces(text.splitlines(), 0):
        if piece.key == _CONDITIONS:
            entries = _pieces(piece.lines[1:], 2)
            found |= {name: _said(one.above) for name, one in zip(vocabulary.conditions, entries, strict=False)}
        if not piece.lines:
            found[""] = _said(piece.above)
    return found


def _spliced(text: str, whole: str, before: Vocabulary) -> str:
    was, now = parse_yaml(vocabulary_text(before)), parse_yaml(whole)
    new = {piece.key: piece.lines for piece in _pieces(whole.splitlines(), 0) if piece.lines}
    lines: list[str] = []
    met = set()
    for piece in _pieces(text.splitlines(), 0):
        if not piece.lines:  # what comes last
            lines += [line for key in new if key not in met for line in new[key]]
        met.add(piece.key)
        lines += piece.above
        if piece.key == _CONDITIONS:
            lines += [
                piece.lines[0],
                *_entries(piece.lines[1:], new[_CONDITIONS][1:], was[_CONDITIONS], now[_CONDITIONS]),
            ]
        elif piece.key in new:
            lines += piece.lines if was.get(piece.key) == now[piece.key] else new[piece.key]
    return "\n".join(lines) + "\n"


def _entries(lines: list[str], new: list[str], was: dict[str, object], now: dict[str, object]) -> Iterator[str]:
    """Lines of the conditions, of which those that have changed are taken from ``new``."""
    fresh = {name: piece.lines for name, piece in zip(now, _pieces(new, 2), strict=False)}
    *pieces, last = _pieces(lines, 2)
    for name, piece in zip(was, pieces, strict=False):
        if name in now:
            yield from piece.above
            yield from piece.lines if was[name] == now[name] else fresh[name]
    for name in now:
        if name not in was:
            yield from fresh[name]
    yield from last.above


def _pieces(lines: list[str], indent: int) -> list[_Piece]:
    """The entries at that indent, in order, and as the last piece the comments behind them."""
    start = re.compile(rf"^ {{{indent}}}[^\s#-]")
    pieces = [_Piece([], [])]
    for line in lines:
        if start.match(line):
            pieces.append(_Piece(_comments_behind(pieces[-1].lines), [line]))
        else:
            pieces[-1].lines.append(line)
    last = _Piece(_comments_behind(pieces[-1].lines), [])
    return [piece for piece in pieces if piece.lines] + [last]


def _comments_behind(lines: list[str]) -> list[str]:
    """Takes the comments and empty lines at the end of some lines away, and gives them."""
    count = len(lines)
    while count and (not lines[count - 1].strip() or _NOTE.match(lines[count - 1])):
        count -= 1
    behind = lines[count:]
    del lines[count:]
    return behind


def _said(lines: list[str]) -> list[str]:
    return [match["said"] for line in lines if (match := _NOTE.match(line)) and match["said"].strip()]
