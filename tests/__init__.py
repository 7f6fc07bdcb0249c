"""Tests, by room; ``shapes`` is found here by name (``--jaxtyping-packages`` in pyproject.toml)."""

from tests import shapes

__all__ = ["shapes"]
