"""How long a piece of work takes, for tests of how time grows with size."""

import gc
import time
from collections.abc import Callable


def seconds(work: Callable[[str], object], text: str) -> float:
    """CPU seconds of the first time, since what is read may be kept, and without garbage collection: one pass over a
    process that holds torch takes half a second, which says nothing of the work."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        work(text)
        return time.process_time() - start
    finally:
        gc.enable()
