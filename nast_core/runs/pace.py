"""How long a run will still take, by its own pace: from when its work was warm, over what it has done since."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nast_core.recipe import Recipe
from nast_core.runs.status import Status, now


@dataclass
class Pace:
    """The seconds that one unit of progress takes, under one label: each new label begins anew.

    The first unit is left out, as it pays for what is set up once.
    """

    clock: Callable[[], float] = time.monotonic
    seconds: float | None = None  # a unit; None until it is known
    _at: tuple[str, int] | None = None  # label and units done, as last told
    _warm: tuple[int, float] | None = None  # units done, and the time, once the first were through

    def tell(self, done: int, label: str) -> bool:
        """Whether anything moved."""
        before, self._at = self._at, (label, done)
        if before == self._at:
            return False
        if before is None or before[0] != label or done < before[1]:
            self.seconds = self._warm = None
        elif self._warm is None:
            self._warm = done, self.clock()
        else:
            self.seconds = (self.clock() - self._warm[1]) / (done - self._warm[0])
        return True


def seconds_left(status: Status, recipe: Recipe, at: datetime | None = None) -> float | None:
    """Until the work of a run is done, ``at`` a moment; None where that cannot be told (yet)."""
    if status.state != "running" or status.pace is None or status.moved is None:
        return None
    if recipe.long_part not in (None, status.label) or status.done < recipe.even_after:
        return None
    since = ((at or now()) - status.moved).total_seconds()
    return max(status.pace * (status.total - status.done) - since, 0.0)


def time_left(status: Status, recipe: Recipe) -> str:
    """``about 3 minutes left``, or nothing where that cannot be told."""
    seconds = seconds_left(status, recipe)
    if seconds is None:
        return ""
    return f"{duration(seconds, at_most=recipe.may_end_early)} left"


def duration(seconds: float, *, at_most: bool = False) -> str:
    """How long something will take, in words."""
    about = "at most about" if at_most else "about"
    if seconds < 90:
        return f"{about} {max(round(seconds, -1), 10):.0f} seconds"
    return f"{about} {seconds / 60:.0f} minutes" if seconds < 5400 else f"{about} {seconds / 3600:.1f} hours"
