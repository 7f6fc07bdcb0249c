"""NAST: where a medical CLIP's text encoder reads negation, and how badly it fails. The engine; no screen.

from nast_core import TraceRecipe, load_model, run
model = load_model("demo")
effects = run(TraceRecipe(model="demo")).result  # an xarray.Dataset
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nast_core.errors import NastError

if TYPE_CHECKING:
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.opening import load_model
    from nast_core.work.executors import open_run, run
    from nast_core.work.kinds import AlignmentRecipe, AttentionRecipe, BenchmarkRecipe, ClaimsRecipe, TraceRecipe

__all__ = [
    "AlignmentRecipe",
    "AttentionRecipe",
    "BenchmarkRecipe",
    "ClaimsRecipe",
    "FinetuneRecipe",
    "NastError",
    "TraceRecipe",
    "load_model",
    "open_run",
    "run",
]

_RECIPES = ("AlignmentRecipe", "AttentionRecipe", "BenchmarkRecipe", "ClaimsRecipe", "TraceRecipe")
_HOME = {  # torch is imported only when a model is asked for: 'nast --help' stays quick
    "FinetuneRecipe": "nast_core.finetune.recipe",
    "load_model": "nast_core.opening",
    "open_run": "nast_core.work.executors",
    "run": "nast_core.work.executors",
    **dict.fromkeys(_RECIPES, "nast_core.work.kinds"),
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nast_core' has no attribute {name!r}")
