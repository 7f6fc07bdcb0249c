"""How long a piece of work takes, for tests of how time grows with size."""

import gc
import time
from collections.abc import Callable


def seconds(work: Callable[[str], object], text: str) -> float:
    """CPU seconds, the least of two, with no garbage collection in between: one pass over a process that holds torch takes
    half a second, which says nothing of the work."""
    gc.collect()
    gc.disable()
    try:
        return min(_once(work, text) for _ in range(2))
    finally:
        gc.enable()


def _once(work: Callable[[str], object], text: str) -> float:
    start = time.process_time()
    work(text)
    return time.process_time() - start
