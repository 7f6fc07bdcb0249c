"""What a text says of each condition: present, absent, uncertain, or normal. It did not write the texts it checks.

spaCy's blank English tokenizer, the lexicon's namings, clauses.py for the scope, and negspacy's NegEx (Chapman et al.
2001) with the cues of cues.yaml, run twice: for denial and for hedging. No model is downloaded. Source: ours.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

import spacy
from negspacy.negation import Negex
from spacy.language import Language
from spacy.tokens import Doc, Span

from nast_core.negation.clauses import clause_starts
from nast_core.negation.cues import cue_table
from nast_core.negation.lexicon import find_namings

_SPACES = re.compile(r"\s+")
State = Literal["present", "absent", "uncertain", "normal"]


class Mention(NamedTuple):
    """One naming of a condition in a text. Spans are characters, [start, end)."""

    conditions: tuple[str, ...]  # one, but for normal phrases that stand for several ("well aerated lungs")
    state: State
    start: int
    end: int
    cue: str | None = None  # what denies it, lower case, and where that stands
    cue_start: int = -1
    cue_end: int = -1

    @property
    def condition(self) -> str:
        return self.conditions[0]


class _Reader:
    def __init__(self) -> None:
        self.nlp = spacy.blank("en")
        table = cue_table()
        hedges = [*table.hedge_before, *table.hedge_after]
        self.denial = _negex(self.nlp, "denied", table.before, table.after, [*table.pseudo, *hedges])
        self.hedging = _negex(self.nlp, "hedged", table.hedge_before, table.hedge_after, [])

    def read(self, doc: Doc) -> list[Mention]:
        namings = [
            (naming, span)
            for naming in find_namings(doc.text)
            if (span := doc.char_span(naming.start, naming.end, alignment_mode="expand")) is not None
        ]
        if not namings:
            return []
        starts = set(clause_starts(doc, [(span.start, span.end, naming.normal) for naming, span in namings]))
        for token in doc:
            token.is_sent_start = token.i in starts
        doc.spans["sc"] = [span for _, span in namings]
        self.denial(doc)
        self.hedging(doc)
        matches = self.denial.process_negations(doc)[:2]
        bounds = self.denial.termination_boundaries(doc, [])
        return [_mention(naming, span, matches, bounds) for naming, span in namings]


def _negex(nlp: Language, extension: str, before, after, pseudo) -> Negex:
    termset = {
        "pseudo_negations": list(pseudo),
        "preceding_negations": list(before),
        "following_negations": list(after),
        "termination": [],  # clauses.py ends scopes
    }
    return Negex(nlp, extension, termset, extension_name=extension, span_keys=["sc"])


def _mention(naming, span: Span, matches, bounds) -> Mention:
    state: State = "normal" if naming.normal else "present"
    cue = None
    if span._.denied:
        state, cue = "absent", _nearest_cue(span, matches, bounds)
    elif span._.hedged:
        state = "uncertain"
    if naming.normal and state == "absent":
        state = "uncertain"  # "not clear lungs": which of its conditions is there is not said
    where = (cue.text.lower(), cue.start_char, cue.end_char) if cue is not None else (None, -1, -1)
    return Mention(naming.conditions, state, span.start_char, span.end_char, *where)


def _nearest_cue(span: Span, matches, bounds) -> Span:
    """The cue that denies a span: the nearest of its clause, the longest of those that start together."""
    low, high = next((a, b) for a, b in bounds if a <= span.start < b)
    before = [
        (span.start - start, start - end, start, end) for _, start, end in matches[0] if low <= start < span.start
    ]
    after = [
        (end - span.end, start - end, start, end) for _, start, end in matches[1] if span.end < end and start < high
    ]
    *_, start, end = min([*before, *after])
    return span.doc[start:end]


@lru_cache(maxsize=1)
def _reader() -> _Reader:
    return _Reader()


def parse(text: str) -> list[Mention]:
    """Every mention of the 13 CheXpert conditions, in reading order."""
    return next(parse_all([text]))


def parse_all(texts: Iterable[str]) -> Iterator[list[Mention]]:
    """Mentions of each text, in order; texts are read as they come, so any number of them fits in memory.

    Line breaks and runs of spaces read as one space: reports are wrapped anywhere.
    """
    reader = _reader()
    pairs = ((_SPACES.sub(" ", text), text) for text in texts)
    for doc, text in reader.nlp.pipe(pairs, as_tuples=True):
        mentions = reader.read(doc)
        yield mentions if doc.text == text else [_moved(mention, text) for mention in mentions]


def _moved(mention: Mention, text: str) -> Mention:
    """A mention of the text with single spaces, in the places of the text as it was written."""
    places, end = [], 0
    for run in _SPACES.finditer(text):
        places += [*range(end, run.start()), run.start()]
        end = run.end()
    places += range(end, len(text) + 1)

    def span(start: int, stop: int) -> tuple[int, int]:
        return (places[start], places[stop - 1] + 1) if stop > 0 else (start, stop)

    (a, b), (c, d) = span(mention.start, mention.end), span(mention.cue_start, mention.cue_end)
    return mention._replace(start=a, end=b, cue_start=c, cue_end=d)
