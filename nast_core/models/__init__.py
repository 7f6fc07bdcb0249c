"""Medical CLIPs behind one interface: DualEncoder and its TextTower."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nast_core.models.encoder import Card, DualEncoder, LoadReport
    from nast_core.models.tower import Block, TextTower, Tokens

__all__ = ["Block", "Card", "DualEncoder", "LoadReport", "TextTower", "Tokens"]


def __getattr__(name: str) -> Any:
    """What is named above. torch is imported only when one of these is asked for: 'nast model list' stays quick."""
    if name not in __all__:
        raise AttributeError(f"module 'nast_core.models' has no attribute {name!r}")
    if name in ("Block", "TextTower", "Tokens"):
        from nast_core.models import tower

        return getattr(tower, name)
    from nast_core.models import encoder

    return getattr(encoder, name)
