"""Drafts that a build turned down, kept beside its items with the reason: items.rejected.jsonl. Source: ours."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from nast_core.errors import BenchmarkError
from nast_core.files.jsonl import read_jsonl
from nast_core.files.writing import write_text

Four = tuple[str, str, str, str]


class TurnedDown(BaseModel):
    """One draft that does not state exactly its task. Its task was asked again, or given up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: str  # of the task: of an item too, where a later draft was good
    conditions: tuple[str, str, str]
    assignments: tuple[tuple[int, int, int], ...]  # per option: 1 present, 0 absent, in the order of conditions
    attempt: int  # 1 for the first draft
    given_up: bool  # the task's last draft: no item came of it
    reason: str  # as the builder counts it
    said: tuple[str, ...]  # every complaint, a sentence each
    negated: Four | None = None  # None: the writer gave no draft
    affirmative: Four | None = None


def drafts_path(items: Path) -> Path:
    """items.jsonl -> items.rejected.jsonl."""
    return items.with_suffix(".rejected.jsonl")


def write_drafts(drafts: Sequence[TurnedDown], items: Path) -> Path | None:
    """Writes the drafts beside their items. Where there are none, a file of an earlier build goes, and the path is
    None."""
    path = drafts_path(items)
    if not drafts:
        path.unlink(missing_ok=True)
        return None
    write_text(path, "".join(draft.model_dump_json() + "\n" for draft in drafts))
    return path


def read_drafts(items: Path) -> list[TurnedDown]:
    """The drafts turned down on the way to these items; none where no file says so."""
    path = drafts_path(items)
    if not path.is_file():
        return []
    lines = read_jsonl(
        path,
        TurnedDown.model_validate,
        BenchmarkError,
        one="a rejected draft",
        many="rejected drafts",
        absent="build the items again",
        empty="delete the file",
    )
    return [draft for _, draft in lines]
