"""What an audit will take here, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.work.audit import AuditRecipe


def told(recipe: AuditRecipe, model: DualEncoder) -> list[str]:
    return []
