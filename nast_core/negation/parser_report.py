"""How good the parser is: precision and recall by state on sentences labelled by hand, by source. Source: ours.

Two forms of gold. A table: group<tab>sentence<tab>labels, where labels are "Edema: absent (no); Fracture: present",
every mention in reading order; states present, absent, uncertain and normal; lines that begin with # are left out. JSON
lines: {"text", "labels": "Edema=absent;Fracture=present", "implied": the same form, labels that count neither way}.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from nast_core.errors import DataError
from nast_core.files.gate import MB, read_text, shown
from nast_core.files.jsonl import read_jsonl
from nast_core.negation.parser import parse
from nast_core.negation.reading import told
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_STATES = ("present", "absent", "uncertain", "normal")
TOLD = ("present", "absent", "uncertain")
_MENTIONED = "mentioned"  # of JSON lines: spoken of without a claim


class Label(NamedTuple):
    condition: str
    state: str
    cue: str = ""


@dataclass(frozen=True)
class Sentence:
    half: str  # develop, held, or the kind of a sentence
    text: str
    labels: tuple[Label, ...]
    implied: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Score:
    """Precision: share of what the parser says that is so; recall: share of what is so that it says."""

    found: int  # said by the parser
    right: int  # of them, so by hand
    labelled: int  # so by hand
    recalled: int  # of them, said by the parser

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else float("nan")

    @property
    def recall(self) -> float:
        return self.recalled / self.labelled if self.labelled else float("nan")


@dataclass(frozen=True)
class Report:
    """The parser on the sentences of one source; a finding of a sentence counts once, normal counts as absent."""

    sentences: int
    right: int  # sentences in which every finding is found and every state right
    reversals: int  # present for absent, or absent for present
    states: dict[str, Score]
    cues: dict[str, Score]  # of denied mentions: precision by the parser's cue, recall by the hand's
    wrong: tuple[str, ...]  # the sentences that are not right

    def plain(self) -> dict:
        """As JSON holds it; an undefined rate is null."""

        def row(score: Score) -> dict:
            rates = {"precision": score.precision, "recall": score.recall}
            return asdict(score) | {name: None if rate != rate else round(rate, 4) for name, rate in rates.items()}

        return {
            "sentences": self.sentences,
            "right": self.right,
            "reversals": self.reversals,
            "states": {state: row(score) for state, score in self.states.items()},
            "cues": {cue: row(score) for cue, score in self.cues.items()},
            "wrong": list(self.wrong),
        }


def read_sentences(path: Path, vocabulary: Vocabulary | None = None) -> list[Sentence]:
    """A table of labelled sentences. Raises DataError naming the line: no such file, not UTF-8, a label that is
    none."""
    text = read_text(path, most=100 * MB, absent="the labelled sentences are tests/parser/sentences.tsv")
    sentences, known = [], given(vocabulary)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        half, _, rest = line.partition("\t")
        sentence, tab, labels = rest.partition("\t")
        try:
            if not tab:
                raise ValueError("needed: half, sentence and labels between tabs")
            sentences.append(Sentence(half, sentence, tuple(_label(one, known) for one in labels.split("; ") if one)))
        except ValueError as error:
            raise DataError(f"{path}, line {number}: {error}") from None
    return sentences


def read_gold(path: Path, vocabulary: Vocabulary | None = None) -> list[Sentence]:
    """JSON lines of labelled sentences, or a table where the name ends in .tsv. Raises DataError naming the line."""
    if path.suffix.lower() == ".tsv":
        return read_sentences(path, vocabulary)
    lines = read_jsonl(
        path,
        lambda value: _gold(value, given(vocabulary)),
        DataError,
        one="a labelled sentence",
        many="labelled sentences",
        absent="check the path",
        empty="give one JSON object a line",
        needed='{"text": "No edema.", "labels": "Edema=absent", "implied": ""}',
    )
    return [sentence for _, sentence in lines]


def _gold(value: object, known: Vocabulary) -> Sentence:
    if (
        not isinstance(value, dict)
        or not isinstance(value.get("text"), str)
        or not isinstance(value.get("labels"), str)
    ):
        raise ValueError("text and labels are needed, both strings")
    implied = value.get("implied") or ""
    if not isinstance(implied, str):
        raise ValueError("implied has to be a string")
    return Sentence("gold", value["text"], tuple(_equated(value["labels"], known)), tuple(_equated(implied, known)))


def _equated(text: str, known: Vocabulary) -> Iterator[Label]:
    for part in filter(None, map(str.strip, text.split(";"))):
        condition, _, state = part.partition("=")
        if condition not in known or state not in (*_STATES, _MENTIONED):
            raise ValueError(f"{shown(part)!r} is no label; needed: Condition=present, absent, uncertain or mentioned")
        yield Label(condition, state)


def _label(text: str, known: Vocabulary) -> Label:
    condition, _, rest = text.partition(": ")
    state, _, cue = rest.partition(" (")
    if condition not in known or state not in _STATES:
        raise ValueError(f"{shown(text)!r} is no label; needed: Condition: {', '.join(_STATES[:3])} or {_STATES[3]}")
    return Label(condition, state, cue.removesuffix(")"))


def report(sentences: Sequence[Sentence], vocabulary: Vocabulary | None = None) -> Report:
    """The parser's findings against the labels."""
    ours = [
        [Label(c, told(m), m.cue or "") for m in parse(s.text, vocabulary) for c in m.conditions] for s in sentences
    ]
    by_hand = [[_as_absent(label) for label in s.labels if label.state != _MENTIONED] for s in sentences]
    ours_bare, so = [_bare(labels) for labels in ours], [_bare(labels) for labels in by_hand]
    implied = [_bare(map(_as_absent, s.implied)) for s in sentences]
    wrong = tuple(
        s.text
        for s, mine, theirs, open_ in zip(sentences, ours_bare, so, implied, strict=True)
        if mine - open_ != theirs - open_
    )
    cues = {label.cue for labels in (*by_hand, *ours) for label in labels if label.state == "absent" and label.cue}
    return Report(
        sentences=len(sentences),
        right=len(sentences) - len(wrong),
        reversals=sum(map(_reversals, ours_bare, so, implied)),
        states={state: _score(ours_bare, so, implied, state) for state in TOLD},
        cues={cue: _cue_score(ours, by_hand, cue) for cue in sorted(cues)},
        wrong=wrong,
    )


def _as_absent(label: Label) -> Label:
    return label._replace(state="absent") if label.state == "normal" else label


def _bare(labels: Iterable[Label]) -> frozenset[tuple[str, str]]:
    return frozenset((label.condition, label.state) for label in labels)


def _score(ours: Sequence[frozenset], so: Sequence[frozenset], implied: Sequence[frozenset], state: str) -> Score:
    found = right = labelled = 0
    for mine, theirs, neutral in zip(ours, so, implied, strict=True):
        a, b = ({pair for pair in pairs if pair[1] == state} for pairs in (mine, theirs))
        found, right, labelled = found + len((a - neutral) | (a & b)), right + len(a & b), labelled + len(b)
    return Score(found, right, labelled, right)


def _reversals(ours: frozenset, so: frozenset, implied: frozenset) -> int:
    opposite = {"present": "absent", "absent": "present"}
    count = 0
    for condition, state in ours:
        known = {other for name, other in so | implied if name == condition}
        count += state in opposite and opposite[state] in known and not {state, "uncertain"} & known
    return count


def _cue_score(parsed: Sequence[list[Label]], by_hand: Sequence[list[Label]], cue: str) -> Score:
    """Of denied mentions: precision of those the parser gives the cue, recall of those the hand gives it."""
    found = right = labelled = recalled = 0
    for mine, theirs in zip(parsed, by_hand, strict=True):
        a, b = _denied(mine, cue), _denied(theirs, cue)
        found, right = found + a.total(), right + (a & _denied(theirs)).total()
        labelled, recalled = labelled + b.total(), recalled + (b & _denied(mine)).total()
    return Score(found, right, labelled, recalled)


def _denied(labels: Sequence[Label], cue: str | None = None) -> Counter[str]:
    return Counter(x.condition for x in labels if x.state == "absent" and cue in (None, x.cue))


def table(reports: dict[str, Report]) -> list[str]:
    """The figures as a Markdown table, a source a line."""
    lines = [
        "| gold | sentences | wholly right | reversals | present: precision, recall (%) | absent: precision, recall "
        "(%) | uncertain: precision, recall (%) |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, result in reports.items():
        rates = " | ".join(f"{_percent(s.precision)}, {_percent(s.recall)}" for s in result.states.values())
        lines.append(f"| {name} | {result.sentences:,} | {result.right:,} | {result.reversals} | {rates} |")
    return lines


def _percent(rate: float) -> str:
    return "-" if rate != rate else f"{100 * rate:.1f}"
