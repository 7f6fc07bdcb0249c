"""The texts that a repair is distilled by: denials and what only looks like one, in many frames. Source: ours.

A tower that is shown denials alone reads "has not changed" as one, so the grammar's texts have both sides: denials by
every cue, affirmations, what is normal said affirmatively, words of negation that deny nothing, and hedges, cues and
frames crossed. Reports may stand beside them or in their place.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np

from nast_core.benchmark.grammar import Absence, Grammar, Normal, grammar
from nast_core.benchmark.template import Words
from nast_core.claims.sources import read_texts
from nast_core.errors import DataError
from nast_core.files.documents import packaged
from nast_core.files.gate import MB, as_path, read_text, shown
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.phrases import frames, sentence_case
from nast_core.repair.splitting import split
from nast_core.terms.phrases import sentences
from nast_core.vocabulary.model import Examination, Noun, Vocabulary

MOST = 20_000  # distinct texts of one source; a step draws from them
READ = 2  # times that a text is learnt from, about: the teacher reads each once, which costs a third of learning it
VALIDATION = 512  # texts that the student is watched on, in no step
OPENI = "openi"
_LINES = 64 * MB  # of a file of sentences
_STREAM = 5
_FINDINGS = (0.35, 0.3, 0.35)  # shares of texts that name one, two and three, in as many statements or fewer
_KINDS = {"denied": 0.43, "affirming": 0.2, "normal": 0.11, "pseudo": 0.2, "hedges": 0.06}  # shares of statements
_BEHIND = 0.4  # of denials of several, and of what is normal: said behind the first, which is present
_OTHERWISE = 0.3  # of denials of one finding: in words of teaching.yaml and not by a cue of the grammar
_TRIES = 20  # draws for one text that is new, before there are held to be no more


@dataclass(frozen=True)
class Teaching:
    """teaching.yaml: templates of statements by kind, and the denials that no text has."""

    kinds: dict[str, tuple[str, ...]]
    never: tuple[str, ...]


@lru_cache(maxsize=16)
def teaching(about: Examination) -> Teaching:
    """In the words of an examination."""
    raw: dict[str, list[str]] = packaged("nast_core.finetune", "teaching.yaml")
    said = {
        kind: tuple(text.replace("{image}", about.image).replace("{region}", about.region) for text in texts)
        for kind, texts in raw.items()
    }
    return Teaching(said, said.pop("never"))


@dataclass(frozen=True)
class Lessons:
    """Distinct texts to learn from and to be watched on, and the cues that the former deny by."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    cues: frozenset[str]
    denying: int  # of the training texts
    unread: int  # texts longer than the model's context
    source: str  # as the model card says it


def lessons(
    vocabulary: Vocabulary,
    *,
    texts: str,
    reports: Path | None,
    without_cues: Iterable[str] = (),
    most: int = MOST,
    seed: int = 0,
    fits: Callable[[str], bool] = lambda text: True,
    teacher: str = "",
) -> Lessons:
    """``texts``: grammar, reports or both; ``reports``: as ``sentences_of`` takes them. ``most``: of one source.

    ``without_cues`` deny in no text. Of the ``teacher`` rewrite no text is kept whose denials have no affirmative
    equivalent: it would be taught to stay. Raises DataError where there is no sentence, or none that denies a finding
    of the vocabulary, and for a cue that no text would have.
    """
    kept_out, rng = _checked(without_cues, vocabulary), np.random.default_rng([seed, _STREAM])
    found: list[str] = []
    told: list[str] = []
    if texts in ("grammar", "both"):
        found += grammar_texts(vocabulary, most + VALIDATION, rng, kept_out)
        told.append(f"{len(found):,} texts of the grammar")
    if texts in ("reports", "both"):
        read = sentences_of(reports, most + VALIDATION, rng)
        told.append(f"{len(read):,} sentences of {reports or 'Open-i'}")
        found += [text for text in read if not kept_out & {cue.text for cue in denying_cues(text, vocabulary)}]
    distinct = list(dict.fromkeys(found))
    readable = [text for text in distinct if fits(text)]
    if teacher == "rewrite":
        readable, left = _with_equivalents(readable, vocabulary)
        told += [f"less {left:,} whose denials have no affirmative equivalent"] if left else []
    order = rng.permutation(len(readable))
    watched = min(VALIDATION, max(1, len(readable) // 5))
    train = tuple(readable[i] for i in order[watched:])
    denials = [{one.cue for one in split(text, vocabulary).denied} for text in train]
    if not any(denials):
        raise DataError(
            f"of the {len(train):,} sentences to learn from none denies a finding that the parser knows of a "
            f"{vocabulary.examination.name}, so there is nothing to teach; give reports in English, or texts: both"
        )
    return Lessons(
        train,
        tuple(readable[i] for i in order[:watched]),
        frozenset().union(*denials),
        sum(map(bool, denials)),
        len(distinct) - len([text for text in distinct if fits(text)]),
        ", ".join(told),
    )


def _checked(without_cues: Iterable[str], vocabulary: Vocabulary) -> frozenset[str]:
    kept_out, known = frozenset(without_cues), {absence.cue for absence in _absences(grammar(vocabulary))}
    if unknown := sorted(kept_out - known):
        near = get_close_matches(unknown[0], known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(f"no text denies by {shown(unknown[0])!r}{meant}; denied by: {', '.join(sorted(known))}")
    return kept_out


def _with_equivalents(texts: list[str], vocabulary: Vocabulary) -> tuple[list[str], int]:
    """Those whose every denial can be said affirmatively, and how many cannot."""
    taught = [text for text in texts if not split(text, vocabulary).unwritten]
    left = len(texts) - len(taught)
    if left and not any(split(text, vocabulary).denied for text in taught):
        raise DataError(
            f"rewrite has no affirmative equivalent for any of the {left:,} texts with a denial; give the vocabulary "
            "equivalents, or take teacher region, which needs none"
        )
    return taught, left


def sentences_of(reports: Path | None, most: int, rng: np.random.Generator) -> list[str]:
    """Distinct sentences of a text file with one a line, or of reports as 'nast claims build' reads them; without a
    path, Open-i's. Of more than ``most``, those that ``rng`` draws. Raises DataError where there is none."""
    if reports is not None and reports.suffix.lower() == ".txt" and as_path(reports).is_file():
        lines: Iterable[str] = read_text(as_path(reports), most=_LINES, error=DataError).splitlines()
    else:
        lines = (line for _, report in read_texts(str(reports or OPENI)) for line in sentences(report))
    distinct = list(islice(dict.fromkeys(text for line in lines if (text := " ".join(line.split()))), 50 * most))
    if not distinct:
        raise DataError(f"{shown(str(reports or OPENI))} has no sentence; give a file with one a line, or reports")
    return [distinct[i] for i in sorted(rng.permutation(len(distinct))[:most])]


def grammar_texts(
    vocabulary: Vocabulary, count: int, rng: np.random.Generator, without_cues: frozenset[str] = frozenset()
) -> list[str]:
    """At most ``count`` distinct texts; fewer where the vocabulary has no more."""
    writer = _Writer(vocabulary, rng, without_cues)
    made: dict[str, None] = {}
    while len(made) < count:
        new = next((text for text in (writer.text() for _ in range(_TRIES)) if text and text not in made), None)
        if new is None:
            break
        made[new] = None
    return list(made)


def apart(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Templates that no text of the grammar has, by what they are for: never (denials), affirming and pseudo."""
    words = grammar(vocabulary)
    return {
        "never": teaching(vocabulary.examination).never,
        "affirming": tuple(one.said for one in words.affirming),
        "pseudo": tuple(one.said for one in words.pseudo),
    }


def _absences(words: Grammar) -> tuple[Absence, ...]:
    return (*words.clauses_of_absence, *words.behind)


class _Writer:
    """Draws texts of statements about different conditions."""

    def __init__(self, vocabulary: Vocabulary, rng: np.random.Generator, without_cues: frozenset[str]):
        self._words, self._rng, self._vocabulary = grammar(vocabulary), rng, vocabulary
        self._without = without_cues
        self._taught = teaching(vocabulary.examination)
        self._conditions = [name for name, entry in vocabulary.entries.items() if entry.nouns]
        self._nouns = {name: self._of(name, "nouns", "prompt_nouns") for name in self._conditions}
        self._frames = tuple(dict.fromkeys((*self._words.sentences, *frames(vocabulary))))
        between = (clause.replace("{p}", "").replace("{n}", "") for clause in self._words.clauses)
        self._joins = tuple(dict.fromkeys((*self._words.joins, *between)))
        self._phrases = [words for said in chain(*apart(vocabulary).values()) for words in fixed_words(said)]

    def _of(self, name: str, *fields: str) -> tuple[Noun, ...]:
        return tuple(dict.fromkeys(noun for field in fields for noun in getattr(self._vocabulary[name], field)))

    def text(self) -> str:
        """One text; empty where what was drawn would hold what is kept out."""
        most = 1 + int(self._rng.choice(len(_FINDINGS), p=_FINDINGS))
        names = [self._conditions[i] for i in self._rng.permutation(len(self._conditions))[:most]]
        said = []
        while names:
            several = names[: int(self._rng.integers(1, len(names) + 1))]
            kind = self._rng.choice(list(_KINDS), p=list(_KINDS.values()))
            said.append(self._statement(kind, several))
            names = names[len(several) :]
        text = sentence_case(self._pick(self._frames).format(self._pick(self._joins).join(said)))
        low = text.lower()
        if not said or not all(said) or any(all(part in low for part in phrase) for phrase in self._phrases):
            return ""
        return "" if self._without & {cue.text for cue in denying_cues(text, self._vocabulary)} else text

    def _statement(self, kind: str, names: Sequence[str]) -> str:
        """About the conditions; of what is neither denied, affirmed nor normal about the first alone."""
        if kind in ("denied", "normal"):
            return self._absence(names, denied=kind == "denied")
        templates = self._taught.kinds[kind]
        if kind == "affirming":
            return self._fill(self._pick((*templates, *self._words.present)), names)
        return self._fill(self._pick(templates), names[:1])

    def _absence(self, names: Sequence[str], *, denied: bool) -> str:
        """What is absent, denied or as what is normal; of several, sometimes behind the first, which is present."""
        behind = len(names) > 1 and self._rng.random() < _BEHIND
        absent = tuple(names[1:] if behind else names)
        among = self._words.behind if behind else self._words.clauses_of_absence
        fitting = [one for one in among if one.fits(absent) and one.cue not in self._without]
        normals = [self._normals(name) for name in absent]
        if not fitting or not (denied or all(normals)):
            return ""
        if denied and len(absent) == 1 and not behind and self._rng.random() < _OTHERWISE:
            return self._fill(self._pick(self._taught.kinds["denied"]), absent)
        cue = self._pick(list(dict.fromkeys(one.cue for one in fitting)))
        absence = self._pick([one for one in fitting if one.cue == cue])
        present = self._fill("{P}", names[:1]) if behind else ""
        if denied:
            template = absence.one if len(absent) == 1 else absence.denied
            return self._fill(template.replace("{P}", present) if behind else template, absent, join=absence.join)
        template = absence.normal if behind else self._pick(self._taught.kinds["normal"])
        return self._fill(template.replace("{P}", present), absent, [self._pick(some) for some in normals])

    def _normals(self, name: str) -> tuple[Normal, ...]:
        entry = self._vocabulary[name]
        texts = dict.fromkeys((*(one.text for one in entry.equivalents), *entry.prompt_equivalents))
        return tuple(Normal(text) for text in texts if text not in entry.prompts.in_part)

    def _fill(self, template: str, names: Sequence[str], normals: Sequence[Normal] = (), join: str = "and") -> str:
        nouns = tuple(self._pick(self._nouns[name]) for name in names)
        return Words(nouns, tuple(normals) or (Normal(""),) * len(nouns)).fill(template, range(len(nouns)), join)

    def _pick(self, choices: Sequence[Any]) -> Any:
        return choices[int(self._rng.integers(len(choices)))]


def fixed_words(template: str) -> list[tuple[str, ...]]:
    """The words of a template around its places, in lower case, of one thing and of several: a text that says it has
    all of either."""
    parts = template.replace("{N}", "|").replace("{P}", "|").lower()
    numbers = {parts.format(**{"is": verb, "has": has}) for verb, has in (("is", "has"), ("are", "have"))}
    return [tuple(part for part in said.split("|") if part.strip()) for said in sorted(numbers)]
