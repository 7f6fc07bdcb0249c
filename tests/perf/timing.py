"""Timing that shrugs off a busy machine: the best of a few runs."""

import time
from collections.abc import Callable

import torch


def best(work: Callable[[], object], repeats: int = 3) -> float:
    """Least seconds of ``repeats`` runs, after one run that warms caches."""
    work()
    return min(seconds(work) for _ in range(repeats))


def in_turns(*works: Callable[[], object], repeats: int = 2) -> list[float]:
    """As ``best``, of several works, each in its turn. On a CPU, seconds of the processor: others use the machine
    too."""
    clock = time.perf_counter if torch.cuda.is_available() else time.process_time
    least = [float("inf")] * len(works)
    for turn in range(repeats + 1):
        for number, work in enumerate(works):
            began = clock()
            seconds(work)
            if turn:  # the first warms caches
                least[number] = min(least[number], clock() - began)
    return least


def seconds(work: Callable[[], object]) -> float:
    """Of one run; of a card, until it is done."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began
