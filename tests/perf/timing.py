"""Timing that shrugs off a busy machine: the best of a few runs."""

import time
from collections.abc import Callable

import torch


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least seconds of ``repeats`` runs, after one run that warms caches."""
    work()
    return min(seconds(work) for _ in range(repeats))


def in_turns(*works: Callable[[], object], repeats: int = 4) -> list[float]:
    """As ``best``, of several works, each in its turn, so that a machine busy for a while disturbs all alike."""
    for work in works:
        work()
    times = [[seconds(work) for work in works] for _ in range(repeats)]
    return [min(each) for each in zip(*times, strict=True)]


def seconds(work: Callable[[], object]) -> float:
    """Of one run; of a card, until it is done."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
