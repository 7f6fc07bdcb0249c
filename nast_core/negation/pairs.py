"""Polarity pairs: an affirmative and a negated text that differ only at the negator (method.md section 1)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from nast_core.errors import DataError, PairError, TextError
from nast_core.files.gate import shown
from nast_core.files.jsonl import read_jsonl
from nast_core.negation.phrases import DENIALS, sentence_case
from nast_core.vocabulary.cues import Cue, find_cues
from nast_core.vocabulary.model import Noun, Vocabulary
from nast_core.vocabulary.shipped import given

if TYPE_CHECKING:  # template pairs are listed without torch
    from nast_core.models.tower import TextTower, Tokens

ROLES = ("before", "negator", "finding first", "finding further", "punctuation", "end", "pooled", "padding")
"""Role of a token in a pair: what stands before the negator (start token included), the negator itself, the first
token after it, further words, punctuation, the end-of-text token; the pooled token, where that is another than the end
(BERT's first, SigLIP's and CoCa's last); and padding, which only towers with a fixed length have."""


class PolarityPair(BaseModel):
    """One line of pairs.jsonl."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    affirmative: str
    negated: str
    finding: str = ""
    image: str | None = None  # path, relative to the file of pairs


@dataclass(frozen=True)
class AlignedPair:
    """A pair under one model's tokenizer: equal token counts, and where the negator is."""

    pair: PolarityPair
    cue: Cue  # in the negated text
    negator: tuple[int, ...]  # token positions of the cue
    differing: tuple[int, ...]  # positions where the token ids differ; within the negator
    pooled: int  # the position whose last state becomes the embedding
    roles: tuple[str, ...]  # one per position
    pieces_affirmative: tuple[str, ...]
    pieces_negated: tuple[str, ...]

    @property
    def length(self) -> int:
        return len(self.roles)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions that are words, special tokens or pooled: all but padding."""
        return tuple(p for p, role in enumerate(self.roles) if role != "padding")


@dataclass(frozen=True)
class Alignment:
    """Pairs that a model can compare token by token, and those it cannot, each with the reason."""

    aligned: tuple[AlignedPair, ...]
    refused: tuple[tuple[PolarityPair, str], ...]


def align(pair: PolarityPair, tower: "TextTower") -> AlignedPair:
    """Raises PairError: texts equal, no negator, token counts differ, a difference outside the negator, or both
    texts negated there. Raises TextError for an empty text and one over the context."""
    tower.check_texts([pair.affirmative, pair.negated])
    if pair.affirmative.lower().split() == pair.negated.lower().split():
        raise PairError(f"the two texts are equal: {shown(pair.negated)!r}; the second must deny what the first states")
    if not find_cues(pair.negated):
        raise PairError(
            f"the negated text has no negator: {shown(pair.negated)!r}; use a cue such as 'no', 'without' or 'absent'"
        )
    affirmative, negated = tower.tokenize([pair.affirmative]), tower.tokenize([pair.negated])
    pieces_a, pieces_n = pieces_of(affirmative), pieces_of(negated)
    count_a, count_n = int(affirmative.mask.sum()), int(negated.mask.sum())
    if count_a != count_n:
        raise PairError(
            "the two texts must have equally many tokens to be compared position by position; got "
            f"{count_a} for {shown(pair.affirmative)!r} ({shown(' '.join(pieces_a[:count_a]))}) and {count_n} for "
            f"{shown(pair.negated)!r} ({shown(' '.join(pieces_n[:count_n]))}): keep the frame and swap one word, as "
            "in 'severe' and 'no'"
        )
    differing = [p for p in range(len(pieces_n)) if affirmative.ids[0, p] != negated.ids[0, p]]
    place = _cue_at(negated, differing)
    if place is None:
        raise PairError(
            f"the negator of {shown(pair.negated)!r} stands in the affirmative text too; the two must differ at the "
            "negator"
        )
    cue, span = place
    outside = [p for p in differing if p not in span]
    if outside:
        raise PairError(
            f"the texts differ outside the negator {cue.text!r}: {pieces_a[outside[0]]!r} against "
            f"{pieces_n[outside[0]]!r}; a pair may differ only at the negator"
        )
    if (also := _cue_at(affirmative, differing)) is not None:
        raise PairError(
            f"the affirmative text is negated too, by {also[0].text!r}: {shown(pair.affirmative)!r}; the first text "
            "must state what the second denies"
        )
    pooled, roles = int(negated.pooled[0]), _roles(negated, pieces_n, span)
    return AlignedPair(pair, cue, span, tuple(differing), pooled, roles, pieces_a, pieces_n)


def align_all(pairs: Iterable[PolarityPair], tower: "TextTower") -> Alignment:
    """Every pair is either aligned or listed with why not: none is dropped in silence."""
    aligned, refused = [], []
    for pair in pairs:
        try:
            aligned.append(align(pair, tower))
        except (PairError, TextError) as error:
            refused.append((pair, str(error)))
    return Alignment(tuple(aligned), tuple(refused))


def pieces_of(tokens: "Tokens") -> tuple[str, ...]:
    """The tokens of a batch's first text as people read them; special ones and padding by name."""
    special = [p for p, span in enumerate(tokens.offsets[0]) if span == (0, 0) and p and bool(tokens.mask[0, p])]

    def name(position: int) -> str:
        if not bool(tokens.mask[0, position]):
            return "<pad>"
        if piece := tokens.piece(0, position):
            return piece
        return "<start>" if position == 0 else "<class>" if position in special[1:] else "<end>"  # CoCa's comes last

    return tuple(name(p) for p in range(tokens.ids.shape[1]))


def _cue_at(tokens: "Tokens", positions: Sequence[int]) -> tuple[Cue, tuple[int, ...]] | None:
    """The first cue of a text that covers one of ``positions``, and every token position it covers."""
    for cue in find_cues(tokens.texts[0]):
        span = tuple(
            p for p, (start, end) in enumerate(tokens.offsets[0]) if start < cue.end and end > cue.start and end > start
        )
        if set(span) & set(positions):
            return cue, span
    return None


def _roles(negated: "Tokens", pieces: Sequence[str], span: tuple[int, ...]) -> tuple[str, ...]:
    roles, seen_finding, pooled = [], False, int(negated.pooled[0])
    for position, piece in enumerate(pieces):
        real = bool(negated.mask[0, position])
        if position in span:
            roles.append("negator")
        elif "end" not in roles and real and position > span[0] and negated.offsets[0][position] == (0, 0):
            roles.append("end")
        elif position == pooled:
            roles.append("pooled")
        elif not real:
            roles.append("padding")
        elif position < span[0]:
            roles.append("before")
        elif not any(c.isalnum() for c in piece):
            roles.append("punctuation")
        else:
            roles.append("finding further" if seen_finding else "finding first")
            seen_finding = True
    return tuple(roles)


_FRAMES: tuple[tuple[str, str], ...] = (
    ("there {is} {definite} {noun}.", "there {is} no {noun}."),
    ("the {image} shows {definite} {noun}.", "the {image} shows no {noun}."),
    ("{examination} with {noun}.", "{examination} without {noun}."),
    ("{noun} {is} present.", "{noun} {is} absent."),
    ("there is some evidence of {noun}.", "there is no evidence of {noun}."),
    ("positive for {noun}.", "negative for {noun}."),
)


def template_pairs(conditions: Sequence[str] | None = None, vocabulary: Vocabulary | None = None) -> list[PolarityPair]:
    """Pairs in six frames for every noun of every condition, or of all; whether they align is up to the tokenizer."""
    vocabulary, pairs = given(vocabulary), []
    about = {"image": vocabulary.examination.image, "examination": vocabulary.examination.name}
    for condition in vocabulary.conditions if conditions is None else conditions:
        entry = vocabulary[condition]
        for noun in entry.prompt_nouns:
            if noun.text in entry.prompts.not_in_pairs:
                continue
            fill = _filled(noun) | about
            pairs += [
                PolarityPair(
                    affirmative=sentence_case(a.format(**fill)),
                    negated=sentence_case(n.format(**fill)),
                    finding=condition,
                )
                for a, n in _FRAMES
            ]
    return pairs


_AFFIRMED = {  # a denial's template -> as many words without its cue: a text's length is not to give it away
    "no {noun}": "{definite} {noun}",
    "there {is} no {noun}": "there {is} {definite} {noun}",
    "without {noun}": "with {noun}",
    "no evidence of {noun}": "some evidence of {noun}",
    "no sign of {noun}": "some sign of {noun}",
    "absence of {noun}": "presence of {noun}",
    "{noun} {is} absent": "{noun} {is} present",
    "{noun} {is} not seen": "{noun} {is} now seen",
    "free of {noun}": "full of {noun}",
    "negative for {noun}": "positive for {noun}",
}


def denial_pairs(conditions: Sequence[str] | None = None, vocabulary: Vocabulary | None = None) -> list[PolarityPair]:
    """Every denial of the grammar beside the same statement affirmed, for every noun of every condition, or of all:
    more cues than the frames of pairs that have to align."""
    vocabulary = given(vocabulary)
    return [
        PolarityPair(
            affirmative=sentence_case(f"{_AFFIRMED[denial.template]}.".format(**fill)),
            negated=sentence_case(f"{denial.template}.".format(**fill)),
            finding=condition,
        )
        for condition in (vocabulary.conditions if conditions is None else conditions)
        for fill in map(_filled, vocabulary[condition].prompt_nouns)
        for denial in DENIALS
    ]


def _filled(noun: Noun) -> dict[str, str]:
    definite = "some" if not noun.article else "a" if noun.text[0] not in "aeiou" else "an"
    return {"noun": noun.text, "is": noun.verb, "definite": definite}


def read_pairs(path: Path) -> list[PolarityPair]:
    """Pairs of a JSONL file. Raises DataError with the line number of the first line that is not a pair."""
    lines = read_jsonl(
        path,
        PolarityPair.model_validate,
        DataError,
        one="a pair",
        many="pairs",
        absent="give a JSONL file of pairs",
        empty="write one JSON object a line with 'affirmative' and 'negated'",
        needed='{"affirmative": "...", "negated": "...", "finding": "...", "image": optional path}',
    )
    return [pair for _, pair in lines]
