"""The one place where loaded models are kept, for all sessions: as many as fit, none whose files have changed."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import streamlit as st

from dashboard.parts import memo, memory
from dashboard.parts.widgets import advice

if TYPE_CHECKING:
    from nast_core.interpret.selftest import Check
    from nast_core.models import DualEncoder

DEMO = "demo"
START = os.environ.get("NAST_MODEL") or DEMO  # what is loaded first; 'nast app --model' says it
_SHARE = 2  # of the free memory, one part of so many


class _Kept(NamedTuple):
    model: DualEncoder
    stamp: str
    size: int  # bytes


class Keeper:
    """Models by spec. What was not asked for longest goes first, and at once; one that a page at work holds stays.

    ``room``: bytes that there are for models, told how many those held take.
    """

    def __init__(self, room: Callable[[int], int]):
        self._room, self._kept = room, OrderedDict[str, _Kept]()
        self._lock, self._loading = threading.Lock(), threading.Lock()

    def get(self, spec: str) -> DualEncoder:
        """The model as its files are now. Raises NastError where it does not load."""
        from nast_core.models.put_off import collection_paused

        with collection_paused():
            from nast_core.opening import load_model, repair_of, repaired, stamp_of

        if (model := self._find(spec, stamp_of(spec))) is not None:
            return model
        if (repair := repair_of(spec)) is not None:  # whose base is kept once, repaired or not
            return self._keep(spec, repaired(repair, self.get(repair.base)), stamp_of(spec), 0)
        with self._loading:  # two first visitors would load it twice
            stamp = stamp_of(spec)
            if (model := self._find(spec, stamp)) is not None:
                return model
            self._make_room()  # there may be less than when the last one came
            with st.spinner("Loading the model"):
                model = load_model(spec)
                self._keep(spec, model, stamp, _size(model))  # before the spinner ends: a click ends the page there
            self._make_room()
            return model

    def _keep(self, spec: str, model: DualEncoder, stamp: str, size: int) -> DualEncoder:
        with self._lock:
            self._kept[spec] = _Kept(model, stamp, size)
        return model

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    def _find(self, spec: str, stamp: str) -> DualEncoder | None:
        with self._lock:
            kept = self._kept.get(spec)
            if kept is None or kept.stamp != stamp:
                self._kept.pop(spec, None)
                return None
            self._kept.move_to_end(spec)
            return kept.model

    def _make_room(self) -> None:
        """Lets go of models, the one asked for last excepted, until the others fit."""
        with self._lock:
            for spec in list(self._kept)[:-1]:
                held = sum(kept.size for kept in self._kept.values())
                if held <= self._room(held):
                    break
                kept = self._kept.pop(spec)
                still = weakref.ref(kept.model)
                stamp, size = kept.stamp, kept.size
                del kept
                if (model := still()) is not None:  # a page holds it: letting go frees nothing, and loads it twice
                    self._kept[spec] = _Kept(model, stamp, size)
                    self._kept.move_to_end(spec, last=False)
                    del model


def _size(model: DualEncoder) -> int:
    return sum(p.numel() * p.element_size() for p in model.module.parameters())


def _room(held: int) -> int:
    return (memory.free_where_models_are() + held) // _SHARE


KEEPER = Keeper(_room)


def spec() -> str:
    return (st.session_state.get("model") or START).strip()


def load(spec: str) -> DualEncoder:
    """A model, kept for all sessions. Raises NastError where it does not load."""
    return KEEPER.get(spec)


def model() -> DualEncoder:
    """The chosen model; on a folder that does not load, its reason in one sentence, and the page ends."""
    with advice():
        return load(spec())


def model_if_loaded() -> DualEncoder | None:
    """The chosen model, or None where it does not load; the page has said why."""
    from nast_core.errors import NastError

    try:
        return load(spec())
    except NastError:
        return None


def checks() -> tuple[Check, ...]:
    """The self-test of the chosen model."""
    with advice():
        chosen = model()
        return _checks(chosen, chosen.fingerprint)


@memo.copied("Testing the model")
def _checks(_model: DualEncoder, fingerprint: str) -> tuple[Check, ...]:
    from nast_core.interpret.selftest import self_test

    return self_test(_model)
