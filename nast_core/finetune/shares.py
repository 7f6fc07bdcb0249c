"""How a fine-tune's update spreads over the text layers (the paper's table 4, method.md section 4b)."""

import math
from collections.abc import Sequence

TOPS = (3, 5)  # layers that the paper sums over
QUOTED = {"uniform": (28.4, 41.7), "NAST": (52.6, 69.3)}  # per cent, of 12 layers; at second hand, not checked


def top_share(shares: Sequence[float], layers: int) -> float:
    """The share of the update, ||dW[l]|| / sum ||dW||, in the ``layers`` that have most of it; NaN where it is
    unknown, or nothing moved."""
    known = [share for share in shares if math.isfinite(share)]
    return sum(sorted(known, reverse=True)[:layers]) if len(known) == len(shares) and any(known) else math.nan


def shares_told(shares: Sequence[float]) -> str:
    """In words, beside what would be alike in every layer and what the paper has; empty where it is unknown."""
    tops = [100 * top_share(shares, count) for count in TOPS]
    if not all(map(math.isfinite, tops)):
        return ""
    alike = [100 * min(count / len(shares), 1) for count in TOPS]
    quoted = "; ".join(f"{arm} {three} and {five} %" for arm, (three, five) in QUOTED.items())
    return (
        f"{tops[0]:.1f} % of the update lies in the three of {len(shares)} layers that moved most, {tops[1]:.1f} % in "
        f"five (alike in every layer: {alike[0]:.1f} and {alike[1]:.1f} %). The paper's table 4, of its 12 layers, "
        f"quoted at second hand: {quoted}."
    )
