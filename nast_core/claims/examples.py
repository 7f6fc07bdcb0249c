"""claims.jsonl: one example a line, written whole, and refused where a line is not one."""

from collections.abc import Sequence
from pathlib import Path

from nast_core.claims.claim import Example
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.files.jsonl import read_jsonl
from nast_core.files.writing import whole
from nast_core.vocabulary.beside import vocabulary_of
from nast_core.vocabulary.model import Vocabulary


def read_claims(path: Path, vocabulary: Vocabulary | None = None) -> list[Example]:
    """Examples of a JSONL file. Raises DataError with the line and what is wrong with it (a finding that is not of the
    vocabulary, too: given, or the one beside the file), for a patient in two splits, and for a file without
    examples."""
    vocabulary = vocabulary or vocabulary_of(path)
    remedy = "with 'nast claims build'"
    lines = read_jsonl(
        path,
        lambda value: Example.model_validate(value, context={"vocabulary": vocabulary}),
        DataError,
        one="a claim",
        many="claims",
        absent=f"make one {remedy}",
        empty=f"make some {remedy}",
    )
    examples: list[Example] = []
    splits: dict[str, tuple[str, int]] = {}
    for number, example in lines:
        split, first = splits.setdefault(example.patient_id, (example.split, number))
        if split != example.split:
            raise DataError(
                f"{path}, line {number}: the patient {shown(example.patient_id)!r} is in split "
                f"{shown(example.split)!r} here and in {shown(split)!r} on line {first}; give all of a patient's "
                "lines one split"
            )
        examples.append(example)
    return examples


def write_claims(examples: Sequence[Example], path: Path) -> None:
    """One example a line, written whole or not at all."""
    with whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(example.model_dump_json(exclude_none=True) + "\n" for example in examples)
