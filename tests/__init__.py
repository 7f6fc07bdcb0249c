"""Tests, by room; ``shapes`` is found here by name (``--jaxtyping-packages``, by ``make shapes``)."""

from tests import shapes

__all__ = ["shapes"]
