"""NAST: where a medical CLIP's text encoder reads negation, and how badly it fails. The engine; no screen.

from nast_core import load_model
model = load_model("demo")
"""

from typing import TYPE_CHECKING

from nast_core.errors import NastError

if TYPE_CHECKING:
    from nast_core.models import load_model

__all__ = ["NastError", "load_model"]


def __getattr__(name: str):
    if name == "load_model":  # torch is imported only when a model is asked for: 'nast --help' stays quick
        from nast_core.models import load_model

        return load_model
    raise AttributeError(f"module 'nast_core' has no attribute {name!r}")
