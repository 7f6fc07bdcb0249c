"""What is drawn is let out once, before torch is imported, and nobody waits afterwards."""

import sys
import time

import pytest

from dashboard.parts import painting


@pytest.fixture
def slept(monkeypatch):
    moments: list[float] = []
    monkeypatch.setattr(time, "sleep", moments.append)
    return moments


def test_where_torch_is_yet_to_come_what_is_drawn_has_a_moment(slept, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    painting.let_out()
    assert slept == [painting.MOMENT]


def test_where_torch_is_there_nobody_waits(slept, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", sys)
    painting.let_out()
    assert slept == []
