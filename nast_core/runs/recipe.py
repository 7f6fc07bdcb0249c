"""What every recipe has in common, and what a recipe's work may say while it runs."""

from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Recipe(BaseModel):
    """What to compute, in full: equal recipes on equal models and data give equal results. Kinds subclass this."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    model: str = "demo"  # as load_model takes it
    device: str = "auto"
    precision: str = "float32"
    seed: int = 0


class Cancelled(Exception):
    """Raised out of a Reporter's calls when somebody has asked the run to stop."""


class Reporter(Protocol):
    """How work says how far it is. Every call raises Cancelled once the run was cancelled."""

    def progress(self, done: int, total: int, label: str = "") -> None: ...

    def metrics(self, step: int, **values: float) -> None: ...


class Work(Protocol):
    """The work of one kind: reads the recipe, writes results into the folder, returns the headline figures."""

    def __call__(self, recipe: Recipe, folder: Path, report: Reporter) -> dict[str, float]: ...
