"""Mappings under review: a condition, its denied sentence and an affirmative equivalent, and what becomes of them in
the vocabulary (NAST sec. 3: two radiologists reviewed each mapping).
"""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.errors import VocabularyError, what_is_wrong
from nast_core.negation.parser import parse
from nast_core.negation.phrases import sentence_case
from nast_core.review.judgements import Judgement, Verdict
from nast_core.review.outcome import Outcome
from nast_core.vocabulary.model import Equivalent, Review, Vocabulary

WORDS: dict[Verdict, str] = {
    "correct": "right",
    "wrong": "wrong",
    "unclear": "unsure",
}  # as a vocabulary's file says it
_LONGEST = 40  # characters of who reviewed, in the file


class PhraseMapping(BaseModel):
    """One equivalent of a vocabulary, as it is judged: does it say what the denial says?"""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str
    denied: str  # a sentence: "There is no pneumothorax."
    equivalent: str
    not_with: tuple[str, ...] = ()  # conditions beside which it is never said

    @property
    def item_id(self) -> str:
        return f"{self.condition} = {self.equivalent}"

    @property
    def patient_id(self) -> str:
        """What is resampled: the words of one condition stand or fall together."""
        return self.condition


def mappings_of(vocabulary: Vocabulary) -> list[PhraseMapping]:
    """Every equivalent of every condition, in the file's order."""
    return [
        PhraseMapping(
            condition=name,
            denied=sentence_case(f"there {entry.nouns[0].verb} no {entry.nouns[0].text}."),
            equivalent=equivalent.text,
            not_with=tuple(sorted(equivalent.not_with)),
        )
        for name, entry in vocabulary.entries.items()
        for equivalent in entry.equivalents
    ]


def check_wording(vocabulary: Vocabulary, mapping: PhraseMapping, wording: str) -> str:
    """The better wording as it would stand in the file. Raises VocabularyError for one that could not: it negates, is
    there already, or says that a condition is present."""
    try:
        text = Equivalent(text=wording).text
    except ValidationError as error:
        raise VocabularyError(f"this wording cannot be an equivalent: {what_is_wrong(error)}") from None
    if text.casefold() in {one.text.casefold() for one in vocabulary[mapping.condition].equivalents}:
        raise VocabularyError(f"{text!r} is an equivalent of {mapping.condition!r} already; judge it where it comes")
    _with_equivalents(vocabulary, {mapping.condition: (Equivalent(text=text),)})  # which says that it negates
    said = next((one for one in parse(text, vocabulary) if one.state != "normal"), None)
    if said is not None:
        raise VocabularyError(
            f"{text!r} is read as {said.condition}: {said.state}; say what is there where it is absent"
        )
    return text


def recorded(vocabulary: Vocabulary, standing: Outcome[PhraseMapping]) -> Vocabulary:
    """The vocabulary with what the review came to beside each equivalent: who, when, and right, wrong or unsure.

    Of a conflict that was settled, the word of who settled it; of what all agree on, everybody's. What is open stays as
    it was. Words and fingerprint stay the same.
    """
    names = _initials(standing)
    changed: dict[str, list[Equivalent]] = {}
    by_id = {mapping.item_id: mapping for mapping in standing.items}
    for name, entry in vocabulary.entries.items():
        for equivalent in entry.equivalents:
            mapping = by_id.get(f"{name} = {equivalent.text}")
            said = _final(standing, mapping) if mapping else ()
            reviews = tuple(
                Review(by=names[one.reviewer], on=one.time.date(), verdict=WORDS[one.verdict])  # type: ignore[arg-type]
                for one in said
                if one.verdict is not None
            )
            update = {"reviewed": reviews} if reviews else {}
            changed.setdefault(name, []).append(equivalent.model_copy(update=update))
    return _with_equivalents(vocabulary, changed)


def reworded(vocabulary: Vocabulary, standing: Outcome[PhraseMapping]) -> Vocabulary:
    """The vocabulary without what the review found wrong, and with the better wordings that were given, unreviewed.

    A condition may be left without an equivalent: no paired item asks for it then.
    """
    by_id = {mapping.item_id: mapping for mapping in standing.items}
    changed: dict[str, list[Equivalent]] = {}
    for name, entry in vocabulary.entries.items():
        there = {equivalent.text.casefold() for equivalent in entry.equivalents}
        kept = changed.setdefault(name, [])
        for equivalent in entry.equivalents:
            mapping = by_id.get(f"{name} = {equivalent.text}")
            if mapping is None or not _found_wrong(standing, mapping):
                kept.append(equivalent)
                continue
            for wording in proposed(standing, mapping):
                if wording.casefold() not in there:
                    there.add(wording.casefold())
                    kept.append(Equivalent(text=wording, not_with=equivalent.not_with))
    return _with_equivalents(vocabulary, changed)


def proposed(standing: Outcome[PhraseMapping], mapping: PhraseMapping) -> list[str]:
    """Better wordings that were given for a mapping, each once: who settled it alone, else everybody's."""
    settled = standing.settled.get(mapping.item_id)
    lines = [settled] if settled and settled.wording else standing.on(mapping.item_id).values()
    return list(dict.fromkeys(line.wording for line in lines if line.wording))


def _found_wrong(standing: Outcome[PhraseMapping], mapping: PhraseMapping) -> bool:
    return standing.states[mapping.item_id] == "not accepted" and any(
        one.verdict == "wrong" for one in _final(standing, mapping)
    )


def _final(standing: Outcome[PhraseMapping], mapping: PhraseMapping) -> Sequence[Judgement]:
    """The judgements that decide; none while it is open."""
    if mapping.item_id in standing.settled:
        return (standing.settled[mapping.item_id],)
    decided = standing.states[mapping.item_id] in ("accepted", "not accepted")
    return tuple(standing.on(mapping.item_id).values()) if decided else ()


def _with_equivalents(vocabulary: Vocabulary, changed: Any) -> Vocabulary:
    plain = vocabulary.model_dump(by_alias=True)
    for name, equivalents in changed.items():
        plain["conditions"][name]["equivalents"] = [one.model_dump() for one in equivalents]
    try:
        return Vocabulary.model_validate(plain)
    except ValidationError as error:
        raise VocabularyError(f"{vocabulary.name}: {what_is_wrong(error)}") from None


def _initials(standing: Outcome[PhraseMapping]) -> dict[str, str]:
    """Reviewer -> initials; the whole name where it is one word, or where two have the same initials."""
    names = {line.reviewer for by_item in standing.judged.values() for line in by_item.values()}
    names |= {line.reviewer for line in standing.settled.values()}
    short = {name: _short(name) for name in names}
    met = list(short.values())
    return {name: one if met.count(one) == 1 else _whole(name) for name, one in short.items()}


def _words(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", name) or ["reviewer"]


def _short(name: str) -> str:
    words = _words(name)
    return _whole(name) if len(words) == 1 else "".join(word[0] for word in words).upper()[:_LONGEST]


def _whole(name: str) -> str:
    return " ".join(_words(name))[:_LONGEST].strip()
