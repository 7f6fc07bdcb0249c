"""How work says how far it is, in one place.

A function of the engine takes ``progress``: a Tick, where whoever calls it knows how much there is to do, and a Far,
where only the work finds out. A run's work has a Reporter (``nast_core.recipe``), whose ``progress`` is a Far with a
label; ``work.shares.ticks`` makes a Tick of it. Whatever is called may raise, to stop the work.
"""

from collections.abc import Callable

Tick = Callable[[int], None]  # so many more are done
Far = Callable[[int, int], None]  # so many are done, of so many
