"""How good the parser is: precision and recall, per cue, on sentences labelled by hand. Source: ours.

A file of sentences: half<tab>sentence<tab>labels, where labels are "Edema: absent (no); Fracture: present", every
mention in reading order; states present, absent, uncertain and normal; lines that begin with # are left out.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import spacy
from negspacy.negation import Negex
from negspacy.termsets import termset

from nast_core.errors import DataError
from nast_core.negation.lexicon import find_namings
from nast_core.negation.parser import parse
from nast_core.negation.phrases import CHEXPERT_CONDITIONS

_STATES = ("present", "absent", "uncertain", "normal")


class Label(NamedTuple):
    condition: str
    state: str
    cue: str = ""


@dataclass(frozen=True)
class Sentence:
    half: str  # develop or held
    text: str
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Score:
    """Of denied mentions. Precision: share of those the parser calls absent that are; recall: share of those that are."""

    found: int  # mentions the parser calls absent
    right: int  # of them, absent by hand
    labelled: int  # mentions absent by hand
    recalled: int  # of them, called absent by the parser

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        return self.recalled / self.labelled if self.labelled else float("nan")


@dataclass(frozen=True)
class Report:
    """The parser on some sentences, and negspacy's own cues on the same, as the measure of what ours add."""

    sentences: int
    right: int  # sentences with every mention found and every state right
    mentions: int
    overall: Score
    negspacy: Score  # its en_clinical termset, its own scopes, on the same findings
    cues: dict[str, Score]  # precision by the parser's cue, recall by the hand's

    def plain(self) -> dict:
        """As JSON holds it; an undefined rate is null."""

        def row(score: Score) -> dict:
            rates = {"precision": score.precision, "recall": score.recall}
            return asdict(score) | {name: None if rate != rate else round(rate, 4) for name, rate in rates.items()}

        return {
            "sentences": self.sentences,
            "right": self.right,
            "mentions": self.mentions,
            "overall": row(self.overall),
            "negspacy_en_clinical": row(self.negspacy),
            "cues": {cue: row(score) for cue, score in self.cues.items()},
        }


def read_sentences(path: Path) -> list[Sentence]:
    """Raises DataError naming the line: no such file, not UTF-8, a label that is none."""
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; the labelled sentences are tests/parser/sentences.tsv") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text: {error}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        half, _, rest = line.partition("\t")
        text, tab, labels = rest.partition("\t")
        try:
            if not tab:
                raise ValueError("needed: half, sentence and labels between tabs")
            found.append(Sentence(half, text, tuple(map(_label, filter(None, labels.split("; "))))))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None
    return found


def _label(text: str) -> Label:
    condition, _, rest = text.partition(": ")
    state, _, cue = rest.partition(" (")
    if condition not in CHEXPERT_CONDITIONS or state not in _STATES:
        raise ValueError(f"{text!r} is no label; needed: Condition: {', '.join(_STATES[:3])} or {_STATES[3]}")
    return Label(condition, state, cue.removesuffix(")"))


def report(sentences: Sequence[Sentence]) -> Report:
    ours = [_ours(sentence.text) for sentence in sentences]
    theirs = _negspacy()
    plain = [theirs(sentence.text) for sentence in sentences]
    by_hand = [list(sentence.labels) for sentence in sentences]
    cues = {label.cue for labels in (*by_hand, *ours) for label in labels if label.state == "absent"}
    return Report(
        sentences=len(sentences),
        right=sum(_bare(a) == _bare(b) for a, b in zip(ours, by_hand, strict=True)),
        mentions=sum(map(len, by_hand)),
        overall=_score(ours, by_hand),
        negspacy=_score(plain, by_hand),
        cues={cue: _score(ours, by_hand, cue) for cue in sorted(cues)},
    )


def _ours(text: str) -> list[Label]:
    return [Label(mention.condition, mention.state, mention.cue or "") for mention in parse(text)]


def _negspacy() -> Callable[[str], list[Label]]:
    """negspacy as it comes: sentences by spaCy's sentencizer, on the findings of our lexicon."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    negex = Negex(nlp, "plain", termset("en_clinical").get_patterns(), extension_name="plain", span_keys=["sc"])

    def read(text: str) -> list[Label]:
        doc, found = nlp(text), [naming for naming in find_namings(text) if not naming.normal]
        spans = [
            doc.char_span(naming.start, naming.end, naming.conditions[0], alignment_mode="expand") for naming in found
        ]
        doc.spans["sc"] = [span for span in spans if span is not None]
        negex(doc)
        return [Label(span.label_, "absent" if span._.plain else "present") for span in doc.spans["sc"]]

    return read


def _bare(labels: Sequence[Label]) -> Counter[tuple[str, str]]:
    return Counter((label.condition, label.state) for label in labels)


def _score(parsed: Sequence[list[Label]], by_hand: Sequence[list[Label]], cue: str | None = None) -> Score:
    """Over all mentions, or for one cue: precision of those the parser gives it, recall of those the hand gives it."""
    found = right = labelled = recalled = 0
    for mine, theirs in zip(parsed, by_hand, strict=True):
        said, true = _denied(mine), _denied(theirs)
        a, b = _denied(mine, cue), _denied(theirs, cue)
        found, right = found + a.total(), right + (a & true).total()
        labelled, recalled = labelled + b.total(), recalled + (b & said).total()
    return Score(found, right, labelled, recalled)


def _denied(labels: Sequence[Label], cue: str | None = None) -> Counter[str]:
    return Counter(x.condition for x in labels if x.state == "absent" and cue in (None, x.cue))
