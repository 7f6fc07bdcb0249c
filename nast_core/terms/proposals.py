"""Affirmative equivalents that a language model proposes, for people to review. Source: ours.

What is sent: our instructions, what is examined, the names of the conditions, and the nouns of the one that is asked
for. Nothing of a table's rows, a study, an image or a report. What an answer proposes is taken only where the checks
have nothing grave against it.
"""

import json
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from nast_core.benchmark.llm_asking import Asking
from nast_core.benchmark.llm_endpoint import Message, Unanswered
from nast_core.benchmark.llm_reply import read_as
from nast_core.benchmark.writer import Unwritten
from nast_core.data.label_words import plain
from nast_core.progress import Tick
from nast_core.terms.check import check
from nast_core.vocabulary.model import Vocabulary

_INSTRUCTIONS = """\
You help to write a vocabulary for {examination} reports, in English, in the plain style of radiology reports.
You are given a condition, its nouns, and the other conditions of the vocabulary.
Propose up to {most} affirmative equivalents of its absence: short phrases, without a verb, that say what is seen
instead, and that are true exactly where the condition is absent ("no cardiomegaly" becomes "normal heart size"). They
hold no negation of any kind (no, not, without, absent, free of, clear of, negative for, non-, un-), do not name the
condition, and say nothing of side, place, size, certainty or time. "not_with" lists those of the other conditions,
exactly as they are spelt, whose presence would make the phrase false, or leave it open. Where there is no such phrase,
the list is empty. Answer with JSON alone: {{"equivalents": [{{"text": "...", "not_with": ["..."]}}]}}"""
_MOST = 4


class _Proposed(BaseModel):
    text: Annotated[str, Field(min_length=1, max_length=120)]
    not_with: Annotated[list[str], Field(max_length=1000)] = []


class _Answer(BaseModel):
    equivalents: Annotated[list[_Proposed], Field(max_length=50)]


@dataclass
class Proposals:
    """The vocabulary with what was proposed and taken, and what was not, by reason."""

    vocabulary: Vocabulary
    taken: Counter[str] = field(default_factory=Counter)  # condition -> equivalents
    refused: list[str] = field(default_factory=list)  # a sentence each
    unanswered: Counter[str] = field(default_factory=Counter)  # reason -> conditions


def propose(vocabulary: Vocabulary, asking: Asking, progress: Tick | None = None) -> Proposals:
    """Equivalents for the conditions that have none. Raises BenchmarkError as ``Asking.each`` does."""
    result = Proposals(vocabulary)
    names = [name for name in vocabulary.conditions if not vocabulary[name].equivalents]
    with closing(asking.each((name, prompt(name, vocabulary)) for name in names)) as replies:
        for name, reply in zip(names, replies, strict=True):
            answer = reply if isinstance(reply, Unanswered) else read_as(reply, _Answer)
            if isinstance(answer, Unanswered | Unwritten):
                result.unanswered[answer.reason] += 1
            else:
                for one in answer.equivalents[:_MOST]:
                    _add(name, one, result)
            if progress:
                progress(1)
    _leave_out_what_fails(result)
    return result


def prompt(name: str, vocabulary: Vocabulary) -> list[Message]:
    question = {
        "condition": name,
        "nouns": [noun.text for noun in vocabulary[name].nouns],
        "others": [other for other in vocabulary.conditions if other != name],
    }
    told = _INSTRUCTIONS.format(examination=vocabulary.examination.name, most=_MOST)
    return [{"role": "system", "content": told}, {"role": "user", "content": json.dumps(question)}]


def _add(name: str, one: _Proposed, result: Proposals) -> None:
    """Takes an equivalent, where the vocabulary is still one with it."""
    spelt = {plain(other): other for other in result.vocabulary.conditions if other != name}
    not_with = sorted({spelt[plain(other)] for other in one.not_with if plain(other) in spelt})
    had = [equivalent.model_dump() for equivalent in result.vocabulary[name].equivalents]
    text = " ".join(one.text.split()).rstrip(".")
    try:
        result.vocabulary = result.vocabulary.with_condition(
            name, equivalents=[*had, {"text": text, "not_with": not_with}]
        )
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        result.refused.append(f"{name}: {text[:80]!r} is not taken: {' '.join(why.split())[:200]}")
    else:
        result.taken[name] += 1


def _leave_out_what_fails(result: Proposals) -> None:
    """Equivalents against which the checks have something grave go again."""
    for remark in check(result.vocabulary):
        if not (remark.grave and result.taken[remark.condition]):
            continue
        equivalents = result.vocabulary[remark.condition].equivalents
        kept = [one.model_dump() for one in equivalents if one.text != remark.phrase]
        if len(kept) < len(equivalents):
            result.vocabulary = result.vocabulary.with_condition(remark.condition, equivalents=kept)
            result.taken[remark.condition] -= 1
            result.refused.append(f"{remark.condition}: {remark.said}")
