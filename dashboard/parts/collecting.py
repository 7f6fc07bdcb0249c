"""Garbage collection of a server that holds torch: what stays is looked at once, not after every click.

Streamlit collects all garbage after every script run. With torch, transformers and spaCy imported there are over a
million objects to look at, which took 0.4 s of a click's 0.5 and held up every other session meanwhile. What has
survived a slow collection is set aside (gc.freeze); now and then all of it is looked at again, so that nothing leaks
for good.
"""

import gc
import time

_SLOW = 0.02  # seconds of a full collection above which what is left is set aside
_AGAIN = 600.0  # seconds after which everything is looked at again

_begun = _thawed = 0.0


def _watch(phase: str, about: dict[str, int]) -> None:
    global _begun, _thawed
    if about["generation"] < 2:
        return
    now = time.perf_counter()
    if phase == "start":
        _begun = now
        if now - _thawed > _AGAIN:
            _thawed = now
            gc.unfreeze()
    elif now - _begun > _SLOW:
        gc.freeze()


def settle() -> None:
    """Once a process; more do nothing."""
    if _watch not in gc.callbacks:
        gc.callbacks.append(_watch)
