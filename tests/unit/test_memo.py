"""What the app keeps of its results: by what they depend on, bounded in bytes, and nobody's changes reach another."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard.parts import memo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def store(monkeypatch) -> memo.Store:
    monkeypatch.setattr(memo, "STORE", memo.Store(lambda held: 100))
    return memo.STORE


@pytest.fixture
def endless(monkeypatch) -> memo.Store:
    monkeypatch.setattr(memo, "STORE", memo.Store(lambda held: 10**12))
    return memo.STORE


def test_what_was_not_asked_for_longest_goes_first_and_the_rest_stays_below_the_bytes_there_are(store):
    for name, size in (("a", 40), ("b", 40)):
        store.keep(name, name.upper(), size)
    assert store.find("a") == "A"
    store.keep("c", "C", 40)  # 120 of 100
    assert store.names == ["a", "c"]
    assert store.size == 80
    store.keep("a", "new", 10)
    assert store.size == 50


def test_the_newest_stays_however_large_or_it_would_be_computed_at_every_click(store):
    store.keep("small", 1, 10)
    store.keep("large", 2, 1000)
    assert store.names == ["large"]


def test_the_room_is_asked_with_what_is_held():
    told = []
    store = memo.Store(lambda held: told.append(held) or 100)
    store.keep("a", 1, 30)
    store.keep("b", 1, 50)
    assert told == [30, 80]


def test_a_result_is_computed_once_for_what_it_depends_on_and_arguments_with_an_underscore_do_not_count(endless):
    calls = []

    @memo.copied()
    def double(_model: object, fingerprint: str, value: float, more: int = 1) -> float:
        calls.append(value)
        return value * 2

    assert [double(object(), "f", 2.0), double(object(), "f", value=2.0, more=1), double(object(), "g", 2.0)] == [
        4.0
    ] * 3
    assert double(object(), "f", 2.0, more=2) == 4.0
    assert calls == [2.0] * 3


def test_nothing_is_kept_of_work_that_failed_and_none_is_a_result_too(endless):
    calls = []

    @memo.shared()
    def fails_first(value: int) -> None:
        calls.append(value)
        if len(calls) == 1:
            raise ValueError(value)

    with pytest.raises(ValueError, match="3"):
        fails_first(3)
    assert fails_first(3) is None
    assert fails_first(3) is None
    assert calls == [3, 3]


def test_a_copy_can_be_changed_and_the_next_caller_sees_nothing_of_it(endless):
    @memo.copied()
    def table() -> pd.DataFrame:
        return pd.DataFrame({"x": [1, 2]})

    mine = table()
    mine["y"] = 3
    assert list(table().columns) == ["x"]


def test_what_is_shared_is_the_same_object_for_all(endless):
    @memo.shared()
    def table() -> np.ndarray:
        return np.zeros(1000)

    assert table() is table()
    assert 8000 <= endless.size < 8400


def test_arguments_that_may_change_are_named_by_what_they_hold(endless):
    @memo.copied()
    def total(values: np.ndarray, also: list[int]) -> float:
        return float(values.sum()) + sum(also)

    values = np.array([1.0, 2.0])
    assert total(values, [1]) == 4
    values[0] = 5
    assert total(values, [1]) == 8
    assert total(values, [2]) == 9


def test_one_and_true_are_different_names(endless):
    @memo.copied()
    def text(value: object) -> str:
        return repr(value)

    assert [text(1), text(True), text(1.0)] == ["1", "True", "1.0"]


def test_a_result_kept_by_hand_is_found_and_forgotten_by_its_name(endless):
    assert memo.find("a", 1) is None
    assert memo.keep([1], "a", 1) == [1]
    assert memo.find("a", 1) == [1]
    memo.forget("a", 1)
    assert memo.find("a", 1) is None


def test_a_container_with_less_than_the_machine_says_how_much_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(memo.memory, "_CONTAINER", tmp_path)
    machine = memo.memory.free()
    assert machine > 1000
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("400\n")
    assert memo.memory.free() == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert memo.memory.free() > 1000


def test_the_screen_keeps_its_results_in_one_place():
    screen = [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    # what links may open is no result
    assert {path.name for path in screen if "st.cache_" in path.read_text("utf-8")} == {"asking.py"}
