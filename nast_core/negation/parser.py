"""What a text says of each condition: present, absent, uncertain, or normal. It did not write the texts it checks.

Findings are named by the words of a vocabulary (lexicon.py, organs.py); scope.py decides what denies or doubts them,
within the clauses of clauses.py. A text is read sentence by sentence, in time that grows with its length alone. Source:
ours.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from nast_core.negation import scope
from nast_core.negation.lexicon import lexicon
from nast_core.negation.sentence import State
from nast_core.negation.spelling import spelt
from nast_core.negation.words import plain, tokens
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_SPACES = re.compile(r"\s+")
_END = re.compile(
    r"(?<=[.!])(?<!\bvs\.)(?<!\bdr\.)(?<!\bmr\.)(?=\s|[a-z(\[\"'])(?!\s*\))|(?<=\?)(?!\s*(?:no|none|not|yes|absent|present|negative|positive)\b)(?=\s)"
)


class Mention(NamedTuple):
    """One naming of a condition in a text. Spans are characters, [start, end)."""

    conditions: tuple[str, ...]  # one, but for phrases that stand for several ("well aerated lungs", "nodular opacity")
    state: State
    start: int
    end: int
    cue: str | None = None  # what denies or doubts it, lower case, and where that stands
    cue_start: int = -1
    cue_end: int = -1

    @property
    def condition(self) -> str:
        return self.conditions[0]


def parse(text: str, vocabulary: Vocabulary | None = None) -> list[Mention]:
    """Every mention of a condition of the vocabulary, in reading order; without one, of CheXpert's 13."""
    vocabulary = given(vocabulary)
    flat = _SPACES.sub(" ", text)
    mentions, start = [], 0
    low = plain(flat)
    for end in [*(m.start() for m in _END.finditer(low)), len(low)]:
        mentions += [_shifted(mention, start) for mention in _read(low[start:end], vocabulary)]
        start = end
    return mentions if flat == text else _moved(mentions, _places(text))


def parse_all(texts: Iterable[str], vocabulary: Vocabulary | None = None) -> Iterator[list[Mention]]:
    """Mentions of each text, in order; texts are read as they come, so any number of them fits in memory.

    Line breaks and runs of spaces read as one space: reports are wrapped anywhere.
    """
    return (parse(text, vocabulary) for text in texts)


@lru_cache(maxsize=20_000)  # reports repeat their normal sentences word for word
def _read_short(sentence: str, vocabulary: Vocabulary) -> tuple[Mention, ...]:
    return tuple(_spelt(sentence, vocabulary))


def _read(sentence: str, vocabulary: Vocabulary) -> Iterable[Mention]:
    return _read_short(sentence, vocabulary) if len(sentence) < 500 else _spelt(sentence, vocabulary)


def _spelt(sentence: str, vocabulary: Vocabulary) -> Iterable[Mention]:
    correct, places = spelt(sentence, lexicon(vocabulary).words)
    mentions = _mentions(correct, vocabulary)
    return mentions if places is None else _moved(list(mentions), places)


def _mentions(sentence: str, vocabulary: Vocabulary) -> Iterator[Mention]:
    namings = [naming for naming in lexicon(vocabulary).namings(sentence) if naming.kind != "other"]
    if not namings:
        return
    words = tokens(sentence)
    for naming, (state, cue) in zip(namings, scope.read(sentence, words, namings), strict=True):
        if naming.kind in ("risen", "gone") and state != "present":
            continue
        where = (cue.text, cue.start, cue.end) if cue is not None else (None, -1, -1)
        yield Mention(naming.conditions, state, naming.start, naming.end, *where)


def _shifted(mention: Mention, by: int) -> Mention:
    cue = (mention.cue_start + by, mention.cue_end + by) if mention.cue else (-1, -1)
    return mention._replace(start=mention.start + by, end=mention.end + by, cue_start=cue[0], cue_end=cue[1])


def _places(text: str) -> list[int]:
    """Of each character of the text with single spaces, where it stands in the text as it was written."""
    places: list[int] = []
    end = 0
    for run in _SPACES.finditer(text):
        places += [*range(end, run.start()), run.start()]
        end = run.end()
    return [*places, *range(end, len(text) + 1)]


def _moved(mentions: list[Mention], places: list[int]) -> list[Mention]:
    """Mentions of a text that was mended, in the places of the text as it was written."""

    def span(start: int, stop: int) -> tuple[int, int]:
        return (places[start], places[stop - 1] + 1) if stop > 0 else (start, stop)

    result = []
    for mention in mentions:
        (a, b), (c, d) = span(mention.start, mention.end), span(mention.cue_start, mention.cue_end)
        result.append(mention._replace(start=a, end=b, cue_start=c, cue_end=d))
    return result
