"""Sets of choices of a fine-tune under one name, and what each objective asks for unasked.

A recipe's own fields stand above its preset's, and those above its objective's and its method's. The paper's rule is
known from reading notes alone (method.md section 4b), so what they do not give, such as the rate, is this project's.
"""

from typing import Any, Literal

Method = Literal["lora", "full"]
Objective = Literal["claims", "paper", "distil"]
Preset = Literal["paper"]

START: dict[Method, dict[str, float]] = {  # a method's own defaults: whole layers learn sooner, and from smaller steps
    "lora": {"learning_rate": 3e-3, "statements_first": 0.5},
    "full": {"learning_rate": 1.5e-3, "statements_first": 0.2},
}
PRESETS: dict[Preset, dict[str, Any]] = {
    # NAST sec. 4 as read at second hand: min-max weights on the gradients of LoRA, AdamW at a fixed rate, two losses
    "paper": {
        "arm": "paper",
        "summary": "std",
        "scale": "gradient",
        "method": "lora",
        "objective": "paper",
        "optimizer": "adamw",
        "decay": "none",
        "warmup": 0.0,
    },
}


DISTIL: dict[Method, dict[str, Any]] = {  # what objective distil asks for unasked: texts alone, so steps are cheap
    "full": {"learning_rate": 3e-4, "steps": 400, "batch_size": 64, "validate_every": 200, "precision": "auto"},
    "lora": {"learning_rate": 3e-3, "steps": 400, "batch_size": 64, "validate_every": 200, "precision": "auto"},
}


def beneath(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with what their preset, objective and method start from, where they say nothing themselves."""
    fields = _of(PRESETS, fields.get("preset")) | fields
    if fields.get("objective") == "distil":
        fields = {
            "method": "full",
            "teacher": "rewrite",
            "texts": "both" if fields.get("reports") else "grammar",
        } | fields
        return _of(DISTIL, fields.get("method")) | fields
    return _of(START, fields.get("method")) | fields


def _of(table: Any, name: Any) -> dict[str, Any]:
    return table.get(name, {}) if isinstance(name, str) else {}  # another type is refused by its field
