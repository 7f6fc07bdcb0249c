"""Medical CLIPs behind one interface: DualEncoder and its TextTower."""

from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.registry import load_model
from nast_core.models.tower import Block, TextTower, Tokens

__all__ = ["Block", "Card", "DualEncoder", "LoadReport", "TextTower", "Tokens", "load_model"]
