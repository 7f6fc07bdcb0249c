"""What became of each item or mapping under review: accepted, not accepted, in conflict, or judged by too few.

Source: ours.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal

from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.errors import BenchmarkError
from nast_core.review.judgements import C, Case, Judgement, Reviews, Verdict, current

State = Literal["accepted", "not accepted", "conflict", "too few judgements"]
STATES: tuple[State, ...] = ("accepted", "not accepted", "conflict", "too few judgements")
LEAST = 2  # reviewers an item needs: the paper had two
_COLUMNS = ("item_id", "role", "reviewer", "verdict", "counts", "comment", "time", "item_hash")


@dataclass(frozen=True)
class Outcome(Generic[C]):
    """One read of a review: what everybody says now, and what follows from it."""

    items: list[C]
    judged: Mapping[str, Mapping[str, Judgement]]  # reviewer -> item id -> the judgement that counts
    settled: Mapping[str, Judgement]  # item id -> the adjudicator's
    states: Mapping[str, State]  # by item id, in the items' order

    @property
    def verdicts(self) -> dict[str, dict[str, Verdict]]:
        """Reviewer -> item id -> verdict, as agreement takes it."""
        return {
            reviewer: {name: judgement.verdict for name, judgement in by_item.items() if judgement.verdict is not None}
            for reviewer, by_item in self.judged.items()
        }

    def on(self, item_id: str) -> dict[str, Judgement]:
        """Who says what of one item."""
        return {reviewer: by_item[item_id] for reviewer, by_item in self.judged.items() if item_id in by_item}

    def having(self, state: State) -> list[C]:
        return [item for item in self.items if self.states[item.item_id] == state]


def outcome(items: list[C], reviews: Reviews, *, least: int = LEAST) -> Outcome[C]:
    """How the items of a file stand in its review.

    Accepted: judged correct by all of at least ``least`` reviewers, or by the adjudicator. A conflict: reviewers differ
    and nobody has settled it. Judgements of an item that has changed since do not count.
    """
    judgements = {reviewer: current(reviews.of(reviewer), items) for reviewer in reviews.reviewers()}
    settled = current(reviews.adjudications(), items)
    states: dict[str, State] = {}
    for item in items:
        verdicts = [j[item.item_id].verdict for j in judgements.values() if item.item_id in j]
        if item.item_id in settled:
            states[item.item_id] = "accepted" if settled[item.item_id].verdict == "correct" else "not accepted"
        elif len(set(verdicts)) > 1:
            states[item.item_id] = "conflict"
        elif len(verdicts) < least:
            states[item.item_id] = "too few judgements"
        else:
            states[item.item_id] = "accepted" if verdicts[0] == "correct" else "not accepted"
    return Outcome(items, judgements, settled, states)


def write_accepted(path: Path, out: Path, *, least: int = LEAST) -> list[Item]:
    """Writes the accepted items to ``out``. Raises BenchmarkError where there are none, or ``out`` is the items' own
    file."""
    if out.absolute() == path.absolute():
        raise BenchmarkError(f"{out} holds the items under review; give another file for the accepted ones")
    result = outcome(read_items(path), Reviews(path), least=least)
    accepted = result.having("accepted")
    if not accepted:
        conflicts = len(result.having("conflict"))
        raise BenchmarkError(
            f"no item of {path} is accepted yet: it takes {least} reviewers who judge it correct, or an adjudicator; "
            f"{conflicts} are in conflict"
        )
    write_items(accepted, out)
    return accepted


def judgements_csv(items: Sequence[Case], reviews: Reviews) -> str:
    """Every line of every reviewer and adjudicator as CSV, oldest first. ``counts``: not replaced, nor taken back, nor
    of an item that has changed since."""
    files = [("reviewer", reviews.of(name)) for name in reviews.reviewers()]
    rows = []
    for role, lines in (*files, ("adjudicator", reviews.adjudications())):
        counting = {id(judgement) for judgement in current(lines, items).values()}
        rows += [(role, line, id(line) in counting) for line in lines]
    return _csv(sorted(rows, key=lambda row: row[1].time))


def _csv(rows: Sequence[tuple[str, Judgement, bool]]) -> str:
    text = io.StringIO()
    worded = ("wording",) if any(line.wording for _, line, _ in rows) else ()
    table = csv.DictWriter(text, (*_COLUMNS, *worded), lineterminator="\n")
    table.writeheader()
    for role, line, counts in rows:
        row = line.model_dump(mode="json") | {"role": role, "counts": counts, "verdict": line.verdict or "taken back"}
        table.writerow(row)
    return text.getvalue()
