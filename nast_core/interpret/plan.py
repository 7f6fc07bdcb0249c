"""What tracing is asked to write, and where. No torch: recipes and pages name plans before a model is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from nast_core.models.components import Component

if TYPE_CHECKING:
    from nast_core.models.tower import TextTower

Method = Literal["exact", "attribution"]  # every swap is run; or all of them estimated from one gradient
Positions = Literal["each", "negator", "all"]
SHUFFLINGS = 100  # of a probe's labels: with few texts a single one falls anywhere between a quarter and three quarters
LENS_TEXTS = 200  # that the lens's Jacobian is a mean over


class PatchPlan(BaseModel):
    """Which of the negated text's values replace the affirmative text's, and which of them together."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    component: Component = "block"
    positions: Positions = "each"  # one at a time, the negator's tokens together, or every position together
    window: int = Field(default=1, ge=1)  # layers written together, from a row's own layer on

    @property
    def first_layer(self) -> int:
        """Block states begin with the embedding output, layer 0; other components with block 1."""
        return 0 if self.component == "block" else 1

    def layers(self, tower: TextTower) -> int:
        return tower.n_layers + 1 - self.first_layer

    def heads(self, tower: TextTower) -> int:
        return tower.n_heads if self.component == "head" else 1
