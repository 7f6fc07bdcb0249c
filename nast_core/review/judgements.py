"""Judgements of items or mappings: one file a reviewer in items.review/, a line a judgement, only ever added to.

Source: ours.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field

from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.files.jsonl import append_line, read_jsonl

Verdict = Literal["correct", "wrong", "unclear"]
VERDICTS: tuple[Verdict, ...] = ("correct", "wrong", "unclear")
ADJUDICATION = "adjudication"  # the file of the verdicts on conflicts; no reviewer's name
_OF_ITEMS = ("image", "question", "conditions", "assignments", "negated", "affirmative", "answer")
_OF_MAPPINGS = ("condition", "denied", "equivalent", "not_with")
_JUDGED = {*_OF_ITEMS, *_OF_MAPPINGS}


class Case(Protocol):
    """What is judged: an Item of a benchmark, or a PhraseMapping of a vocabulary (mappings.py)."""

    @property
    def item_id(self) -> str: ...

    @property
    def patient_id(self) -> str:
        """Cases of one are not independent, and are resampled together."""

    def model_dump(self, *, mode: Literal["json"], include: set[str]) -> dict[str, Any]: ...


C = TypeVar("C", bound=Case)


class Judgement(BaseModel):
    """A line of a reviewer's file. The last line on an item counts, while the item reads as it did then."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str
    item_hash: str  # of what was judged: see item_hash
    reviewer: str
    verdict: Verdict | None  # None takes the judgement back
    comment: str = ""
    wording: str = Field(default="", exclude_if=lambda wording: not wording)  # of a mapping: what would be better
    time: datetime


def item_hash(item: Case) -> str:
    """Changes with the image, the labels, the answer or any wording, and so with what a judgement was about."""
    text = json.dumps(item.model_dump(mode="json", include=_JUDGED), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def review_folder(items: Path) -> Path:
    """items.jsonl -> items.review; vocabulary.yaml -> vocabulary.review."""
    return items.with_suffix(".review")


def file_name(reviewer: str) -> str:
    """The name of a reviewer's file: letters and digits, in lower case. Raises DataError for a name that has none, or
    is the adjudication's."""
    plain = unicodedata.normalize("NFKC", reviewer).casefold()
    name = "-".join(re.findall(r"\w+", plain))
    if not name or len(name) > 80:
        raise DataError(f"{shown(repr(reviewer))} is no reviewer's name; give one of 1 to 80 letters or digits")
    if name == ADJUDICATION:
        raise DataError(f"{shown(reviewer)!r} is what the verdicts on conflicts are kept under; give another name")
    return name


class Reviews:
    """The judgements of one file of items or mappings. Raises DataError where they cannot be read or written, and never
    loses one."""

    def __init__(self, items: Path):
        self.folder = review_folder(items)

    def reviewers(self) -> list[str]:
        """Names, as they were first given, in the order of their files."""
        names = []
        for file in self._files():
            if file.stem != ADJUDICATION and (lines := self._lines(file)):
                names.append(lines[0].reviewer)
        return names

    def judge(self, item: Case, reviewer: str, verdict: Verdict | None, comment: str = "", wording: str = "") -> None:
        """Adds a judgement; it is on the disk when this returns. ``verdict`` None takes the former one back."""
        self._add(self._file_of(reviewer), item, reviewer, verdict, comment, wording)

    def adjudicate(
        self, item: Case, adjudicator: str, verdict: Verdict | None, comment: str = "", wording: str = ""
    ) -> None:
        """Adds the verdict that settles a conflict. Raises DataError for an adjudicator who is a reviewer of these
        items."""
        if file_name(adjudicator) in {file_name(name) for name in self.reviewers()}:
            raise DataError(
                f"{shown(adjudicator)!r} has judged these items; a conflict is settled by somebody who has not"
            )
        self._add(self.folder / f"{ADJUDICATION}.jsonl", item, adjudicator, verdict, comment, wording)

    def of(self, reviewer: str) -> list[Judgement]:
        """Every line of a reviewer, in order. Raises DataError for a name that differs from another's only in signs."""
        return self._lines(self._file_of(reviewer))

    def adjudications(self) -> list[Judgement]:
        return self._lines(self.folder / f"{ADJUDICATION}.jsonl")

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def _file_of(self, reviewer: str) -> Path:
        file = self.folder / f"{file_name(reviewer)}.jsonl"
        lines = self._lines(file)
        if lines and _same(lines[0].reviewer) != _same(reviewer):
            raise DataError(
                f"there is a reviewer {shown(lines[0].reviewer)!r} already, and {shown(reviewer)!r} differs from it "
                "only in signs; give a name that tells the two apart"
            )
        return file

    def _lines(self, file: Path) -> list[Judgement]:
        if not file.is_file():
            return []
        lines = read_jsonl(
            file,
            Judgement.model_validate,
            DataError,
            one="a judgement",
            many="judgements",
            absent="",
            empty="",
            log=True,
        )
        return [judgement for _, judgement in lines]

    def _add(self, file: Path, item: Case, reviewer: str, verdict: Verdict | None, comment: str, wording: str) -> None:
        line = Judgement(
            item_id=item.item_id,
            item_hash=item_hash(item),
            reviewer=" ".join(reviewer.split()),
            verdict=verdict,
            comment=comment.strip(),
            wording=" ".join(wording.split()),
            time=datetime.now(UTC),
        )
        with self._lock():
            append_line(file, line.model_dump_json())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        try:
            self.folder.mkdir(exist_ok=True)
            with FileLock(self.folder / ".lock"):
                yield
        except OSError as error:
            raise DataError(
                f"judgements cannot be kept in {self.folder} ({error.strerror or error}); copy the items to a folder "
                "that you may write"
            ) from error


def _same(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def current(judgements: Sequence[Judgement], items: Sequence[Case]) -> dict[str, Judgement]:
    """Judgement by item id: each one's last, without those taken back and those of an item that has changed since."""
    last = {judgement.item_id: judgement for judgement in judgements}
    by_id = {item.item_id: item for item in items}
    return {
        name: judgement
        for name, judgement in last.items()
        if judgement.verdict is not None and name in by_id and item_hash(by_id[name]) == judgement.item_hash
    }


def outdated(judgements: Sequence[Judgement], items: Sequence[Case]) -> int:
    """Number of items that were judged and have changed since."""
    counting = current(judgements, items)
    there = {item.item_id for item in items}
    last = {judgement.item_id: judgement for judgement in judgements}
    return sum(j.verdict is not None and name in there and name not in counting for name, j in last.items())


def reading_order(items: Sequence[C], reviewer: str, seed: int = 0) -> list[C]:
    """The items in an order of the reviewer's own, so that no two tire at the same ones;
    new items change no other's turn."""
    name = file_name(reviewer)
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{name}/{item.item_id}".encode()).digest())
