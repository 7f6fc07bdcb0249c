"""The app's garbage: what stays is set aside, and what is dropped later is found all the same.
In a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import gc, weakref
from dashboard.parts import collecting

class Node:
    pass

collecting.settle()
collecting.settle()
assert gc.callbacks.count(collecting._watch) == 1
one = Node()
one.itself = one
dropped = weakref.ref(one)
gc.disable()  # one that comes of itself, half way, would set the first half aside
many = [[number] for number in range(1_000_000)]  # as a loaded torch: enough to make a full collection slow
gc.collect()
assert gc.get_freeze_count() > 1_000_000, gc.get_freeze_count()
del one
gc.collect()
assert dropped() is not None  # set aside
collecting._AGAIN = 0.0
gc.collect()
assert dropped() is None
assert gc.get_freeze_count() > 1_000_000  # and set aside again
"""


def test_what_stays_is_set_aside_and_what_is_dropped_is_found_when_all_is_looked_at_again():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
