"""What the work of a kind needs of the process it is in: its share of the pairs or items, the model, and whether it
writes."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from nast_core.models.precision import stored
from nast_core.progress import Tick
from nast_core.recipe import Recipe, Reporter

if TYPE_CHECKING:
    from nast_core.models import DualEncoder

Share = TypeVar("Share")
Found = TypeVar("Found")


def alone() -> bool:
    """Whether the work is done by this process only: then Accelerate, which takes a second to import, is not asked."""
    return os.environ.get("WORLD_SIZE", "1") == "1"


def sharded(items: Sequence[Share], compute: Callable[[Sequence[Share]], Sequence[Found]]) -> list[Found]:
    """``compute`` of every item, in order, in every process; each process computes a consecutive share.

    ``compute`` may give fewer results than items, one table for all of its share, say; it is not called for none.
    """
    if alone():
        return list(compute(items)) if items else []
    from accelerate import PartialState
    from accelerate.utils import gather_object

    with PartialState().split_between_processes(list(items)) as mine:
        results = list(compute(mine)) if mine else []
    return gather_object(results)


def is_main() -> bool:
    """Whether this process is the one that writes."""
    if alone():
        return True
    from accelerate import PartialState

    return PartialState().is_main_process


def load(recipe: Recipe) -> "DualEncoder":
    """The recipe's model, in what its weights are to be."""
    return load_as(recipe, recipe.model)


def load_as(recipe: Recipe, spec: str) -> "DualEncoder":
    """Another model, as the recipe's own is loaded."""
    from nast_core.opening import load_model

    return load_model(spec, device=recipe.device, dtype=stored(recipe.precision))


def ticks(report: Reporter, total: int, label: str) -> Tick:
    """Counts up to ``total``, which is this process's own share."""
    done = 0

    def tick(count: int) -> None:
        nonlocal done
        done += count
        report.progress(done, total, label)

    return tick
