"""The one place where results are kept, for all sessions: by what they depend on, and no more of them than fit.

``@copied()`` gives every caller a copy of its own; ``@shared()`` gives all the same object, for what is large and what
nobody changes. Arguments whose names begin with "_" do not decide: what they are has to be said by another, such as a
model's fingerprint or a file's stamp. What was not asked for longest goes first.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, NamedTuple, ParamSpec, TypeVar, cast

import streamlit as st

from dashboard.parts import memory

P = ParamSpec("P")
R = TypeVar("R")
_SHARE = 4  # of the free memory, one part of so many
_MOST = 2 * 10**9  # bytes, however much is free


class _Kept(NamedTuple):
    value: Any
    size: int  # bytes


class Store:
    """Values by name, below so many bytes as ``room`` says when told how many it holds; the newest in any case."""

    def __init__(self, room: Callable[[int], int]):
        self._room, self._kept, self._lock = room, OrderedDict[Hashable, _Kept](), threading.Lock()

    def find(self, name: Hashable) -> Any:
        """None where there is none."""
        with self._lock:
            if name not in self._kept:
                return None
            self._kept.move_to_end(name)
            return self._kept[name].value

    def keep(self, name: Hashable, value: Any, size: int) -> None:
        with self._lock:
            self._kept[name] = _Kept(value, size)
            self._kept.move_to_end(name)
            room, held = self._room(self.size), self.size
            while held > room and len(self._kept) > 1:
                held -= self._kept.popitem(last=False)[1].size

    def forget(self, name: Hashable) -> None:
        with self._lock:
            self._kept.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    @property
    def size(self) -> int:
        return sum(one.size for one in self._kept.values())

    @property
    def names(self) -> list[Hashable]:
        """The one asked for longest ago first."""
        return list(self._kept)


STORE = Store(lambda held: min((memory.free() + held) // _SHARE, _MOST))


def find(*name: Hashable) -> Any:
    """A result that its maker put here by hand, or None."""
    return STORE.find(name)


def keep(value: R, *name: Hashable) -> R:
    """Puts a result here by hand: one that was made with a bar and a button to cancel, say."""
    STORE.keep(name, value, _size(value))
    return value


def forget(*name: Hashable) -> None:
    STORE.forget(name)


def copied(spinner: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keeps what a function gives, and gives copies. ``spinner``: what a page says while it works."""
    return functools.partial(_remembering, spinner=spinner, copies=True)


def shared(spinner: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keeps what a function gives, and gives that very object to all."""
    return functools.partial(_remembering, spinner=spinner, copies=False)


def _remembering(work: Callable[P, R], *, spinner: str | None, copies: bool) -> Callable[P, R]:
    signature = inspect.signature(work)
    own = f"{work.__module__}.{work.__qualname__}"

    @functools.wraps(work)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        decide = ((key, _name_of(value)) for key, value in bound.arguments.items() if not key.startswith("_"))
        name = (own, *decide)
        held = STORE.find(name)
        if held is None:
            with st.spinner(spinner) if spinner else nullcontext():
                held = _packed(work(*args, **kwargs), copies)
                # before the spinner ends: a click meanwhile ends the page there
                STORE.keep(name, held, len(held) if copies else _size(held))
        return cast(R, pickle.loads(held) if copies else held[0])

    return remembered


def _packed(value: Any, copies: bool) -> Any:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL) if copies else (value,)  # so that None can be kept too


def _name_of(value: Any) -> Hashable:
    """Equal for equal values: the value itself, or a hash of what it holds where that may change."""
    try:
        hash(value)
    except TypeError:
        return digest(value)
    return type(value), value


def digest(*values: Any) -> str:
    """A name for values too large to be one themselves, or that may change."""
    return hashlib.sha256(pickle.dumps(values, pickle.HIGHEST_PROTOCOL)).hexdigest()


class _Counter(io.RawIOBase):
    """A file that keeps nothing but its size."""

    size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        count = memoryview(data).nbytes
        self.size += count
        return count


def _size(value: Any) -> int:
    """Bytes of a value: what it would take as a file."""
    counter = _Counter()
    pickle.Pickler(counter, pickle.HIGHEST_PROTOCOL).dump(value)
    return counter.size
