"""Slices: which items of a file are looked at. A slice is a line of text, so that it fits in a link."""

from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.benchmark.groups import denied_conditions, denying_cues, wording
from nast_core.benchmark.items import Item
from nast_core.errors import BenchmarkError, what_is_wrong
from nast_core.files.gate import shown


class Slice(BaseModel):
    """The items that meet every part; an empty part is met by all. Within a part, one of its values is enough.

    As text: ``cue=absent,free of; negations=2,3``, which ``read`` reads back.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: tuple[str, ...] = ()  # denied in the right option
    cue: tuple[str, ...] = ()  # denying in the right option
    wording: tuple[Literal["seen", "unseen", "none"], ...] = ()
    negations: tuple[Literal[0, 1, 2, 3], ...] = ()  # in the right option
    patient: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str) -> Self:
        """Raises BenchmarkError for a part there is none of, or a value it cannot have."""
        parts: dict[str, Any] = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, _, values = part.partition("=")
            parts[name.strip()] = [value.strip() for value in values.split(",") if value.strip()]
        if "negations" in parts:
            parts["negations"] = [int(v) if v.isdecimal() else v for v in parts["negations"]]
        try:
            return cls.model_validate(parts)
        except ValidationError as error:
            raise BenchmarkError(
                f"{shown(text)!r} is no slice of items ({what_is_wrong(error)}); parts are "
                f"{', '.join(cls.model_fields)}, written as 'cue=absent,not seen; negations=2'"
            ) from None

    def __str__(self) -> str:
        return "; ".join(f"{name}={','.join(map(str, values))}" for name, values in self if values)

    def keeps(self, item: Item) -> bool:
        properties: dict[str, Sequence[object]] = {
            "condition": denied_conditions(item),
            "cue": denying_cues(item),
            "wording": [wording(item)],
            "negations": [item.negations],
            "patient": [item.patient_id],
        }
        return all(not values or set(values) & set(properties[name]) for name, values in self)

    def of(self, items: Sequence[Item]) -> list[Item]:
        return [item for item in items if self.keeps(item)]
