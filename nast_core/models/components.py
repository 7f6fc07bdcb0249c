"""What of a block can be read or written. Without torch, so that recipes can name it."""

from typing import Literal

Component = Literal["block", "attention", "mlp", "head"]
"""What a block computes that can be read or written: its output, its attention's output, its MLP's output, and the
heads' outputs side by side before the output projection."""
