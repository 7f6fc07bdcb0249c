"""Medical CLIPs behind one interface: DualEncoder and its TextTower."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nast_core.models.encoder import Card, DualEncoder, LoadReport
    from nast_core.models.tower import Block, TextTower, Tokens

__all__ = ["Block", "Card", "DualEncoder", "LoadReport", "TextTower", "Tokens"]

_HOME = {  # torch is imported only when one of these is asked for: 'nast model list' stays quick
    **dict.fromkeys(("Card", "DualEncoder", "LoadReport"), "nast_core.models.encoder"),
    **dict.fromkeys(("Block", "TextTower", "Tokens"), "nast_core.models.tower"),
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'nast_core.models' has no attribute {name!r}")
