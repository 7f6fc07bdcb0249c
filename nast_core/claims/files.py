"""claims.jsonl: one example a line, written whole, and refused where a line is not one."""

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from nast_core.claims.claim import Example
from nast_core.errors import DataError, what_is_wrong
from nast_core.writing import whole


def read_claims(path: Path) -> list[Example]:
    """Examples of a JSONL file. Raises DataError with the line and what is wrong with it, for a patient in two splits,
    and for a file without examples."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # JSON strings may hold what splitlines() takes for an end
    except FileNotFoundError:
        raise DataError(f"there is no file {path}; make one with 'nast claims build'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as UTF-8 text: {error}") from None
    examples: list[Example] = []
    splits: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            example = Example.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError) as error:
            raise DataError(f"{path}, line {number}: not a claim ({what_is_wrong(error)})") from None
        split, first = splits.setdefault(example.patient_id, (example.split, number))
        if split != example.split:
            raise DataError(
                f"{path}, line {number}: the patient {example.patient_id!r} is in split {example.split!r} here and in "
                f"{split!r} on line {first}; give all of a patient's lines one split"
            )
        examples.append(example)
    if not examples:
        raise DataError(f"{path} has no claims; make some with 'nast claims build'")
    return examples


def write_claims(examples: Sequence[Example], path: Path) -> None:
    """One example a line, written whole or not at all."""
    with whole(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(example.model_dump_json(exclude_none=True) + "\n" for example in examples)
