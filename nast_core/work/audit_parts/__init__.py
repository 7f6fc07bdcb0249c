"""The parts of an audit: each asks recipes that commands and pages ask too, and takes its figures from their results.

PARTS is the table of them, in order of cost. To add one, write a function that gives its recipes, one that makes a
Part of their results, name both here, and its figures in ``audit/names.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from nast_core.audit.document import Part
from nast_core.work.audit_parts.inside import (
    ask_attention,
    ask_probe,
    ask_trace,
    attention_part,
    probe_part,
    trace_part,
)
from nast_core.work.audit_parts.mending import ask_repairs, finetunes_part, repairs_part
from nast_core.work.audit_parts.questions import (
    ask_benchmark,
    ask_claims,
    benchmark_part,
    claims_part,
    denials_part,
    model_part,
)
from nast_core.work.audit_parts.shared import Results

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.recipe import Recipe
    from nast_core.work.audit import AuditRecipe


class PartOf(NamedTuple):
    """One part: what it asks for, and what it makes of the answers."""

    recipes: Callable[[AuditRecipe], list[Recipe]]
    part: Callable[[AuditRecipe, DualEncoder, Results], Part]


PARTS: dict[str, PartOf] = {
    "model": PartOf(lambda recipe: [], model_part),
    "benchmark": PartOf(ask_benchmark, benchmark_part),
    "denials": PartOf(ask_claims, denials_part),
    "claims": PartOf(ask_claims, claims_part),
    "attention": PartOf(ask_attention, attention_part),
    "trace": PartOf(ask_trace, trace_part),
    "probe": PartOf(ask_probe, probe_part),
    "repairs": PartOf(ask_repairs, repairs_part),
    "finetunes": PartOf(lambda recipe: [], finetunes_part),
}
