"""What a text affirms and what it denies, each as a text of its own: what every repair stands on. Source: ours.

The parser says which findings are denied, and by what. A text is cut where a new statement may begin; a stretch that
speaks of denied findings alone goes, of any other only the denial. A text in which nothing is denied, such as a
hedge, a double negation or "no change in X", is left exactly as it is.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from nast_core.negation.parser import Mention, parse
from nast_core.negation.phrases import sentence_case
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_BREAK = re.compile(
    r"[.;:,!?]+(?=\s|$)|\b(?:but|although|though|while|whereas|however|and|or|nor|yet)\b", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_STRENGTH = (":", ".", ";", ",")  # which of two separators stays where what stood between them goes; a word is weakest
_LINKS = frozenset(
    re.findall(
        r"\w+",
        "a an the is are was were has have had been be there with in of on to for any evidence sign signs indication "
        "shows show seen noted present identified demonstrates reveals it",
    )
)  # words that say nothing once what they link is gone
_FRAME = _LINKS | frozenset(
    re.findall(
        r"\w+",
        "findings finding impression conclusion report reads read says exam examination study image film view lateral "
        "frontal technique comparison indication history",
    )
)  # words of a text that says nothing of a patient yet


@dataclass(frozen=True)
class Denied:
    """One finding that a text denies. Spans are characters, [start, end)."""

    conditions: tuple[str, ...]
    phrase: str  # its words in the text
    start: int
    end: int
    cue: str
    cue_start: int
    cue_end: int
    equivalent: str = ""  # its absence said affirmatively; empty: the vocabulary has nothing for it

    @property
    def concept(self) -> str:
        """The finding as a text: N of method.md section 8."""
        return sentence_case(f"{self.phrase}.")

    @property
    def hull(self) -> tuple[int, int]:
        return min(self.start, self.cue_start), max(self.end, self.cue_end)


@dataclass(frozen=True)
class Split:
    """A text, taken apart. Without a denial ``affirmative`` and ``rewritten`` are the text itself."""

    text: str
    denied: tuple[Denied, ...]
    affirmative: str  # A: what is said beside the denials; where that is nothing, a neutral text
    neutral: bool  # whether it is the neutral text
    rewritten: str  # each denied phrase as its affirmative equivalent; one that has none stays

    @property
    def concepts(self) -> tuple[str, ...]:
        """N_1..k, each once, in reading order."""
        return tuple(dict.fromkeys(one.concept for one in self.denied))

    @property
    def unwritten(self) -> tuple[Denied, ...]:
        """Those whose words the rewritten text still has."""
        stuck = {(one.cue_start, one.cue_end) for one in self.denied if not one.equivalent}
        return tuple(one for one in self.denied if (one.cue_start, one.cue_end) in stuck)


@dataclass(frozen=True)
class _Piece:
    start: int  # characters of the text, [start, end), without the separator behind it
    end: int
    separator: str


def neutral_text(vocabulary: Vocabulary | None = None) -> str:
    """What stands for A where a text affirms nothing: "A chest radiograph."."""
    name = given(vocabulary).examination.name
    return f"{'An' if name[0].lower() in 'aeiou' else 'A'} {name}."


@lru_cache(maxsize=20_000)  # a set of questions says the same in every strength that is tried
def split(text: str, vocabulary: Vocabulary | None = None) -> Split:
    """A text taken apart, by the words of a vocabulary; without one, of CheXpert's 13."""
    words = given(vocabulary)
    mentions = parse(text, words)
    denials = [mention for mention in mentions if mention.state == "absent" and mention.cue]
    if not denials:
        return Split(text, (), text, False, text)
    kept = [mention for mention in mentions if mention not in denials]
    present = frozenset(c for mention in kept if mention.state in ("present", "uncertain") for c in mention.conditions)
    denied = tuple(_denied(text, mention, present, words) for mention in denials)
    pieces = _pieces(text)
    left = _without(text, pieces, denied, kept)
    bare = not kept and not _says_something(left, words)
    affirmative = neutral_text(words) if bare else left
    return Split(text, denied, affirmative, bare, _rewritten(text, pieces, denied, kept))


def _denied(text: str, mention: Mention, present: frozenset[str], vocabulary: Vocabulary) -> Denied:
    phrase = " ".join(text[mention.start : mention.end].split())
    said = [_equivalent(condition, present, vocabulary) for condition in mention.conditions]
    equivalent = " and ".join(dict.fromkeys(said)) if all(said) else ""
    cue = str(mention.cue)
    return Denied(
        mention.conditions, phrase, mention.start, mention.end, cue, mention.cue_start, mention.cue_end, equivalent
    )


def _equivalent(condition: str, present: frozenset[str], vocabulary: Vocabulary) -> str:
    """The first that contradicts nothing that the text affirms, and that denies the condition everywhere."""
    entry = vocabulary[condition]
    clashing = {one.text for one in entry.equivalents if one.not_with & present} | entry.prompts.in_part
    every = (*entry.prompt_equivalents, *(one.text for one in entry.equivalents))
    return next((text for text in every if text not in clashing), "")


def _pieces(text: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    start = 0
    for found in _BREAK.finditer(text):
        if pieces and not text[start : found.start()].strip():  # ", but": one separator
            last = pieces.pop()
            pieces.append(_Piece(last.start, last.end, f"{last.separator} {found.group()}"))
        else:
            pieces.append(_Piece(start, found.start(), found.group()))
        start = found.end()
    return [*pieces, _Piece(start, len(text), "")]


def _meets(piece: _Piece, span: tuple[int, int]) -> bool:
    return span[0] < piece.end and piece.start < span[1]


def _cuts(text: str, piece: _Piece, denied: Sequence[Denied], kept: Sequence[Mention]) -> list[tuple[int, int]]:
    """Stretches of a piece that go with these denials; the piece itself where nothing else is said in it."""
    concerned = [one for one in denied if _meets(piece, one.hull)]
    others = [(one.start, one.end) for one in kept if _meets(piece, (one.start, one.end))]
    if not concerned:
        return []
    if not others:
        return [(piece.start, piece.end)]
    spans: list[tuple[int, int]] = []
    for one in concerned:
        within = [one.hull]
        if any(start < one.hull[1] and one.hull[0] < end for start, end in others):
            within = [(one.start, one.end), (one.cue_start, one.cue_end)]
        for start, end in within:
            if start < piece.end and piece.start < end:
                spans.append(_widened(text, max(start, piece.start), min(end, piece.end), piece))
    return _joined(spans)


def _widened(text: str, start: int, end: int, piece: _Piece) -> tuple[int, int]:
    """With the linking words beside it: of "an effusion with no edema", "with no edema"."""
    before = list(_WORD.finditer(text, piece.start, start))
    while before and before[-1].group().lower() in _LINKS:
        start = before.pop().start()
    for word in _WORD.finditer(text, end, piece.end):
        if word.group().lower() not in _LINKS:
            break
        end = word.end()
    return start, end


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _without(text: str, pieces: Sequence[_Piece], denied: Sequence[Denied], kept: Sequence[Mention]) -> str:
    """A text without its denials."""
    return _assembled(
        text, [(_left(text, piece, _cuts(text, piece, denied, kept)), piece.separator) for piece in pieces]
    )


def _left(text: str, piece: _Piece, cuts: Sequence[tuple[int, int]], instead: str = "") -> str:
    """What is left of a piece, ``instead`` in the place of the first cut."""
    said, at = "", piece.start
    for number, (start, end) in enumerate(cuts):
        said += text[at:start] + (_put(said + text[at:start], instead) if number == 0 and instead else "")
        at = end
    return said + text[at : piece.end]


def _put(before: str, instead: str) -> str:
    """An equivalent behind what is said before it: on its own, or as one more statement."""
    return f"{'' if before.endswith(' ') or not before else ' '}{instead}" if not before.strip() else f", {instead}"


def _assembled(text: str, parts: Sequence[tuple[str, str]]) -> str:
    """Pieces put together again; of the separators around one that has gone the stronger stays."""
    kept: list[list[str]] = []
    for said, separator in parts:
        if said.strip():
            kept.append([said, separator])
        elif kept:
            kept[-1][1] = min(kept[-1][1], separator, key=_weakness)
    while kept and kept[-1][1].startswith(":"):  # a heading, under which nothing is left
        kept.pop()
    if not kept:
        return ""
    if kept[-1][1] not in (".", "!", "?"):
        kept[-1][1] = "." if text.rstrip().endswith(".") else ""
    whole = " ".join("".join(said.rstrip() + _before(separator) for said, separator in kept).split())
    whole = re.sub(r"\s+([.,;:])", r"\1", re.sub(r",\s*,", ",", whole))
    return sentence_case(whole) if text.lstrip()[:1].isupper() else whole


def _before(separator: str) -> str:
    return f" {separator} " if separator[:1].isalpha() else separator + " "


def _weakness(separator: str) -> int:
    return next((place for place, sign in enumerate(_STRENGTH) if separator.startswith(sign)), len(_STRENGTH))


def _says_something(left: str, vocabulary: Vocabulary) -> bool:
    about = vocabulary.examination
    of_frame = " ".join((about.name, about.image, about.region, *about.headings, *about.views)).lower()
    empty = _FRAME | frozenset(_words(of_frame))
    return any(word not in empty for word in _words(left))


def _words(text: str) -> Iterator[str]:
    return (word.group().lower() for word in _WORD.finditer(text))


def _rewritten(text: str, pieces: Sequence[_Piece], denied: Sequence[Denied], kept: Sequence[Mention]) -> str:
    """Each denial as its equivalent. What shares a cue with a finding that has none stays with it."""
    stuck = {(one.cue_start, one.cue_end) for one in denied if not one.equivalent}
    going = [one for one in denied if (one.cue_start, one.cue_end) not in stuck]
    if not going:
        return text
    parts, said = [], set[str]()
    staying = [one for one in denied if one not in going]
    held = [*kept, *(_mention(one) for one in staying)]
    for piece in pieces:
        here = [one.equivalent for one in going if piece.start <= one.start < piece.end and one.equivalent not in said]
        cuts = _cuts(text, piece, going, held)
        said |= set(here)
        instead = " and ".join(dict.fromkeys(here))
        joint = "and" if cuts and piece.separator.lower() in ("or", "nor") else piece.separator
        parts.append((_left(text, piece, cuts, instead), joint))
    return _assembled(text, parts)


def _mention(one: Denied) -> Mention:
    start, end = one.hull
    return Mention(one.conditions, "absent", start, end)
