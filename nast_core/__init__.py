"""NAST: where a medical CLIP's text encoder reads negation, and how badly it fails. The engine; no screen.

from nast_core import TraceRecipe, load_model, run
model = load_model("demo")
effects = run(TraceRecipe(model="demo")).result  # an xarray.Dataset
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nast_core import runs
from nast_core.errors import NastError

if TYPE_CHECKING:
    from nast_core.opening import load_model
    from nast_core.runs.kinds import Kind
    from nast_core.work.executors import open_run, run
    from nast_core.work.kinds import (
        AlignmentRecipe,
        AttentionRecipe,
        BenchmarkRecipe,
        ClaimsRecipe,
        ContributionsRecipe,
        FinetuneRecipe,
        LensRecipe,
        ProbeRecipe,
        TraceRecipe,
    )

__all__ = [
    "AlignmentRecipe",
    "AttentionRecipe",
    "BenchmarkRecipe",
    "ClaimsRecipe",
    "ContributionsRecipe",
    "EncodeRecipe",
    "FinetuneRecipe",
    "LensRecipe",
    "NastError",
    "ProbeRecipe",
    "TraceRecipe",
    "load_model",
    "open_run",
    "run",
]


def _kinds() -> "Mapping[str, Kind]":
    from nast_core.work.kinds import KINDS

    return KINDS


runs.read_kinds_from(_kinds)


def __getattr__(name: str) -> Any:
    """What is named above, imported when it is asked for: 'nast --help' stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'nast_core' has no attribute {name!r}")
    if name == "load_model":
        from nast_core import opening

        return opening.load_model
    if name in ("open_run", "run"):
        from nast_core.work import executors

        return getattr(executors, name)
    from nast_core.work import kinds

    return getattr(kinds, name)
