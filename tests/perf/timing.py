"""Timing that shrugs off a busy machine: the best of a few runs."""

import time
from collections.abc import Callable


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least seconds of ``repeats`` runs, after one run that warms caches."""
    work()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)
