"""An item's wording changed by hand: read back by the parser first, saved whole, and taken back again. Source: ours."""

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.benchmark.verify import Verdict, verify
from nast_core.benchmark.writer import Draft, Task
from nast_core.errors import BenchmarkError, what_is_wrong
from nast_core.files.gate import shown
from nast_core.files.held import held
from nast_core.files.jsonl import append_line, read_jsonl
from nast_core.negation.corrections import NONE, Corrections
from nast_core.negation.reading import corrections_used
from nast_core.vocabulary.model import Vocabulary

_REMEDY = "copy the items to another folder"


class Edit(BaseModel):
    """A line of items.edits.jsonl: an item before and after a change."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: datetime
    before: Item
    after: Item


class Reworded(NamedTuple):
    item: Item | None  # the item in its new words, with the cues found in them; None where they cannot be saved
    verdict: Verdict
    refusal: str = ""  # what makes it no item, apart from the verdict: an empty option, two equal ones


def edits_path(items: Path) -> Path:
    """items.jsonl -> items.edits.jsonl."""
    return items.with_suffix(".edits.jsonl")


def reword(item: Item, draft: Draft, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> Reworded:
    """What the parser says of an item in other words, a person's ``corrections`` over it; the item names those it rests
    on.

    Only words that state exactly the item's assignments make one.
    """
    task = Task(item.item_id, item.conditions, item.assignments, seed=0)
    verdict = verify(task, draft, corrections, vocabulary)
    fields = {
        "negated": draft.negated,
        "affirmative": draft.affirmative,
        "cues": verdict.cues_of(item.answer_index),
        "corrected": corrections_used((*draft.negated, *draft.affirmative), corrections, vocabulary),
    }
    try:
        new = Item.model_validate(item.model_dump() | fields)
    except ValidationError as error:
        return Reworded(None, verdict, f"the item {what_is_wrong(error)}")
    return Reworded(new if verdict.good else None, verdict)


def save_wording(
    path: Path, before: Item, draft: Draft, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None
) -> Item:
    """Writes an item's new words to its file, and the change to items.edits.jsonl; gives the item as it is now.

    Raises BenchmarkError for words that the parser refuses, and where the file no longer holds ``before``; DataError
    where the folder cannot be written. The file is then as it was.
    """
    new = reword(before, draft, corrections, vocabulary)
    if new.item is None:
        reason = new.refusal or new.verdict.complaints[0].said
        raise BenchmarkError(f"these words are not saved: {reason}; put that right first")
    with held(path, _REMEDY):
        items = _replaced(path, before, new.item)
        edit = Edit(time=datetime.now(UTC), before=before, after=new.item)
        append_line(edits_path(path), edit.model_dump_json())
        write_items(items, path)
    return new.item


def last_edit(path: Path, item: Item) -> Edit | None:
    """The latest change that gave ``item`` its present words; None where they are as they were built."""
    if not edits_path(path).is_file():
        return None
    edits = read_jsonl(
        edits_path(path),
        Edit.model_validate,
        BenchmarkError,
        one="an edit",
        many="edits",
        absent="there is nothing to take back",
        empty="",
        log=True,
    )
    return next((edit for _, edit in reversed(list(edits)) if edit.after == item), None)


def undo_edit(path: Path, edit: Edit) -> Item:
    """Puts an item's former words back; earlier changes of it can be taken back next. Raises as save_wording does."""
    with held(path, _REMEDY):
        write_items(_replaced(path, edit.after, edit.before), path)
    return edit.before


def _replaced(path: Path, old: Item, new: Item) -> list[Item]:
    items = read_items(path)
    if old not in items:
        raise BenchmarkError(
            f"the item {shown(old.item_id)!r} of {path} was changed elsewhere meanwhile; open the file again and "
            "repeat the edit"
        )
    return [new if item == old else item for item in items]
