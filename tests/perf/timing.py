"""Timing that shrugs off a busy machine: the best of a few runs."""

import time
from collections.abc import Callable

import torch


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least seconds of ``repeats`` runs, after one run that warms caches."""
    work()
    return min(seconds(work) for _ in range(repeats))


def seconds(work: Callable[[], object]) -> float:
    """Of one run; of a card, until it is done."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
