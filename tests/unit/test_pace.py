"""How long a run at work will still take, worked out by hand from when its work was warm."""

from datetime import timedelta

import pytest

from nast_core.finetune.recipe import TRAINING
from nast_core.runs.pace import Pace, duration, seconds_left, time_left
from nast_core.runs.status import Status, now
from nast_core.work.kinds import TraceRecipe
from tests.finetuning import recipe


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def paced(*said: tuple[float, int, str]) -> Pace:
    """A pace that was told, at so many seconds, how much was done of what."""
    clock = Clock()
    pace = Pace(clock)
    for at, done, label in said:
        clock.time = at
        pace.tell(done, label)
    return pace


def test_the_first_unit_is_cold_and_does_not_count():
    # 60 s for the first, then 4 in 8 s
    assert paced((0, 0, "pairs"), (60, 1, "pairs"), (62, 2, "pairs"), (68, 5, "pairs")).seconds == 2.0


def test_there_is_no_pace_before_a_warm_unit():
    assert paced((0, 0, "pairs"), (60, 1, "pairs")).seconds is None


def test_being_told_the_same_again_changes_nothing():
    assert paced((0, 0, "pairs"), (60, 1, "pairs"), (62, 2, "pairs"), (99, 2, "pairs")).seconds == 2.0


def test_other_work_has_another_pace():
    assert (
        paced((0, 0, "images"), (1, 1, "images"), (2, 2, "images"), (3, 0, "texts"), (50, 1, "texts")).seconds is None
    )


def test_a_run_that_goes_on_counts_what_it_does_itself():
    # steps 200 to 202, of which the first is cold
    assert paced((0, 200, TRAINING), (30, 201, TRAINING), (35, 202, TRAINING)).seconds == 5.0


def running(done: int, total: int, label: str = "pairs", **fields) -> Status:
    return Status(
        **{"state": "running", "pace": 2.0, "moved": now(), "done": done, "total": total, "label": label} | fields
    )


def test_what_is_left_takes_as_long_a_unit_and_what_passed_since_the_last_one_is_taken_off():
    status = running(40, 100)
    assert seconds_left(status, TraceRecipe(), status.moved) == 120.0
    assert seconds_left(status, TraceRecipe(), status.moved + timedelta(seconds=1.5)) == 118.5
    assert seconds_left(status, TraceRecipe(), status.moved + timedelta(hours=1)) == 0.0
    assert time_left(status, TraceRecipe()) == "about 2 minutes left"


@pytest.mark.parametrize("unknown", [{"pace": None}, {"state": "queued"}, {"state": "finished"}, {"moved": None}])
def test_nothing_is_told_of_a_run_that_is_not_at_work_or_has_no_pace_yet(unknown):
    assert time_left(running(40, 100, **unknown), TraceRecipe()) == ""


def test_a_fine_tune_is_told_by_its_steps_once_a_validation_was_among_them(tmp_path):
    asked = recipe(tmp_path / "claims.jsonl", steps=100, validate_every=20)
    assert time_left(running(40, 100, "Encoding images"), asked) == ""
    assert time_left(running(19, 100, TRAINING), asked) == ""
    assert time_left(running(70, 100, TRAINING), asked) == "about 60 seconds left"


def test_a_fine_tune_that_may_be_stopped_early_takes_at_most_so_long(tmp_path):
    asked = recipe(tmp_path / "claims.jsonl", steps=100, validate_every=20, patience=2)
    assert time_left(running(70, 100, TRAINING), asked) == "at most about 60 seconds left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about 10 seconds"),
        (44, "about 40 seconds"),
        (89, "about 90 seconds"),
        (91, "about 2 minutes"),
        (7200, "about 2.0 hours"),
    ],
)
def test_a_duration_in_words(seconds, words):
    assert duration(seconds) == words
