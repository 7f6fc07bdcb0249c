"""The pickle in a torch file, looked through before torch reads it: its own reader runs no code, but can be kept busy.

torch allows calls that make gigabytes of a number, and hashes keys, which takes 2^n steps for tuples of tuples n deep.
"""

import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import IO

_MAKERS = {
    "builtins bytearray",
    "__builtin__ bytearray",
    "_codecs encode",
    "torch Tensor",
}  # of any size, from a few bytes
_PARTS = 100_000  # of a tuple, counted through the tuples in it
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_LEGACY = 5  # pickles that stand one after another in a file of torch's before 1.6


class Unfit(pickle.UnpicklingError):
    """What is wrong with a pickle, as half a sentence."""


def check_pickles(path: Path) -> None:
    """Raises Unfit for calls that no weights need and for keys without end; other faults are for the reader to name."""
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            for _ in range(_LEGACY):
                _check(file)
            return
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                if member.filename.endswith("data.pkl"):
                    with archive.open(member) as handle:
                        _check(handle)


def _check(file: IO[bytes]) -> None:
    """Goes through one pickle with the number of parts of every tuple in the place of the tuple, 1 for all else."""
    stack: list[int] = []
    marks: list[int] = []
    memo: dict[object, int] = {}
    for code, argument, _ in pickletools.genops(file):
        if code.name == "GLOBAL" and argument in _MAKERS:
            raise Unfit(f"it asks for {str(argument).replace(' ', '.')}")
        if code.name == "MARK":
            marks.append(len(stack))
        elif code.name in _TUPLES or code.name == "TUPLE":
            start = marks.pop() if code.name == "TUPLE" else len(stack) - _TUPLES[code.name]
            stack[start:] = [1 + sum(stack[start:])]
            if stack[start] > _PARTS:
                raise Unfit("it holds a tuple of too many parts")
        elif code.name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif code.name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[argument])
        else:
            _step(code, stack, marks)


def _step(code: pickletools.OpcodeInfo, stack: list[int], marks: list[int]) -> None:
    popped = code.stack_before
    if pickletools.markobject in popped:
        del stack[marks.pop() :]
        popped = popped[: popped.index(pickletools.markobject)]
    if popped:
        del stack[-len(popped) :]
    stack.extend(1 for _ in code.stack_after)
