"""The JSON of the NAST paper's own builder (healthylaife/NAST): one object an item, in one list. Field names: method.md
section 5. ``binary_raw_choice_N`` is the assignment, {"Edema": 0, ...}."""

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.verify import verify_all
from nast_core.benchmark.writer import Draft, Task
from nast_core.data.mimic import with_mimic_files
from nast_core.data.studies import Study
from nast_core.errors import BenchmarkError, what_is_wrong
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, shown
from nast_core.files.writing import write_text
from nast_core.negation.corrections import NONE, Corrections
from nast_core.negation.reading import corrections_used
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_MOST = 1_000 * MB
_LONGEST = 2_000  # characters of an assignment written out
_FORMS = {"negated": "negation_mcq_choice", "affirmative": "affirmative_mcq_choice"}
FIELDS: tuple[str, ...] = (
    "subject_id",
    "study_id",
    "question",
    *(f"{name}_{n}" for name in ("binary_raw_choice", *_FORMS.values()) for n in range(1, 5)),
    "correct_answer",
)


@dataclass(frozen=True)
class Imported:
    items: list[Item]
    doubted: dict[str, str]  # item_id -> the parser's first complaint: what it does not read as the item's own labels


def export_reference(items: Sequence[Item], path: Path) -> None:
    """Writes items as the reference's JSON. ``image`` is added behind its fields: the reference has no such field."""
    write_text(path, reference_json(items))


def reference_json(items: Sequence[Item]) -> str:
    return json.dumps([_entry(item) for item in items], indent=2, ensure_ascii=False)


def _entry(item: Item) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "subject_id": _number(item.patient_id),
        "study_id": _number(item.study_id),
        "question": item.question,
    }
    for n, option in enumerate(item.assignments, start=1):
        entry[f"binary_raw_choice_{n}"] = dict(zip(item.conditions, option, strict=True))
    for form, field in _FORMS.items():
        entry |= {f"{field}_{n}": text for n, text in enumerate(getattr(item, form), start=1)}
    return entry | {"correct_answer": item.answer} | ({"image": item.image} if item.image else {})


def _number(name: str) -> int | str:
    """MIMIC-CXR's ids are numbers in the reference; other tables' are not, and "007" must stay itself."""
    return int(name) if len(name) < 20 and name.isdecimal() and str(int(name)) == name else name


def import_reference(path: Path, corrections: Corrections = NONE, vocabulary: Vocabulary | None = None) -> Imported:
    """Items of a reference JSON, each read by the parser for its cues, a person's ``corrections`` over it.

    Items that the parser does not read as their own labels are kept and listed. Raises BenchmarkError naming the entry
    and the field: not JSON, a field missing, a choice that is no assignment, equal options, a letter other than A to D.
    """
    absent = "give the JSON that the reference builder wrote"
    vocabulary = given(vocabulary)
    entries = read_json(path, most=_MOST, error=BenchmarkError, absent=absent)
    if not isinstance(entries, list) or not entries:
        raise BenchmarkError(f"{path} is no list of items; the reference builder writes [{{...}}, ...]")
    all_items = []
    for number, entry in enumerate(entries, start=1):
        try:
            all_items.append(_read(entry, f"reference-{number}", vocabulary))
        except ValidationError as error:
            raise BenchmarkError(f"{path}, entry {number}: {what_is_wrong(error)}") from None
        except ValueError as error:
            raise BenchmarkError(f"{path}, entry {number}: {error}") from None
    drafts = [(_task(item), Draft(item.negated, item.affirmative)) for item in all_items]
    verdicts = list(verify_all(drafts, corrections, vocabulary))
    items = [
        item.model_copy(
            update={
                "cues": verdict.cues_of(item.answer_index),
                "corrected": corrections_used((*item.negated, *item.affirmative), corrections, vocabulary),
            }
        )
        for item, verdict in zip(all_items, verdicts, strict=True)
    ]
    doubted = {i.item_id: v.complaints[0].said for i, v in zip(items, verdicts, strict=True) if not v.good}
    return Imported(items, doubted)


def _task(item: Item) -> Task:
    return Task(item.item_id, item.conditions, item.assignments, seed=0)


def _read(entry: Any, item_id: str, vocabulary: Vocabulary) -> Item:
    if not isinstance(entry, Mapping):
        raise ValueError(f"is {type(entry).__name__}, not an object with the fields {', '.join(FIELDS[:3])}, ...")
    if missing := [field for field in FIELDS if field not in entry or entry[field] in (None, "")]:
        raise ValueError(f"lacks {', '.join(missing)}")
    choices = [_choice(entry[f"binary_raw_choice_{n}"], f"binary_raw_choice_{n}", vocabulary) for n in range(1, 5)]
    conditions = tuple(choices[0])
    for n, choice in enumerate(choices, start=1):
        if set(choice) != set(conditions):
            raise ValueError(
                f"binary_raw_choice_{n} is about {', '.join(choice)}, the first about {', '.join(conditions)}"
            )
    letter = str(entry["correct_answer"]).strip()
    if letter not in LETTERS:
        raise ValueError(f"correct_answer is {shown(letter)!r}; needed: A, B, C or D")
    return Item.model_validate(
        {
            "item_id": item_id,
            "patient_id": str(entry["subject_id"]),
            "study_id": str(entry["study_id"]),
            "image": str(entry.get("image", "")),
            "question": entry["question"],
            "conditions": conditions,
            "assignments": [[choice[condition] for condition in conditions] for choice in choices],
            "cues": ("", "", ""),
            **{form: [entry[f"{field}_{n}"] for n in range(1, 5)] for form, field in _FORMS.items()},
            "answer": letter,
            "source": "reference",
        }
    )


def _choice(value: Any, field: str, vocabulary: Vocabulary) -> dict[str, int]:
    """An assignment: an object, or the text of one, as tables that passed through CSV have it."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value[:_LONGEST])
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            raise ValueError(f'{field} is {shown(value)!r}; needed: {{"Edema": 0, ...}}') from None
    if not isinstance(value, Mapping) or len(value) != 3:
        raise ValueError(f'{field} is {shown(value)}; needed: three conditions, {{"Edema": 0, ...}}')
    for name, state in value.items():
        if name not in vocabulary:
            near = get_close_matches(str(name)[:100], vocabulary.conditions, n=1)
            raise ValueError(
                f"{field} has the condition {shown(name)!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        if not isinstance(state, int | float) or state not in (0, 1):
            raise ValueError(f"{field} says {name} is {shown(state)}; needed: 1 (present) or 0 (absent)")
    return {str(name): int(state) for name, state in value.items()}


def name_images(items: Sequence[Item], folder: Path) -> list[Item]:
    """Items with the first frontal image of their study, by the MIMIC-CXR metadata table in ``folder``, and its
    split."""
    studies = {item.study_id: Study(item.study_id, item.patient_id, item.image, {}, item.split) for item in items}
    with_files, _ = with_mimic_files(list(studies.values()), {}, folder)
    updates = {study.study_id: {"image": study.image, "split": study.split} for study in with_files}
    return [item.model_copy(update=updates.get(item.study_id, {})) for item in items]
