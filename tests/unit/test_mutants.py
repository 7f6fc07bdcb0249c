"""The list of faults that ``make mutants`` tries: each can still be tried."""

from pathlib import Path

import pytest

from tests import mutants
from tests.mutants import MUTANTS, ROOT, Mutant, NoMutant, place

SOURCES = {path: path.read_text("utf-8") for path in (ROOT / "nast_core").rglob("*.py")}


def test_there_are_at_least_40_and_each_stands_once_in_the_engine_with_tests_that_are_there():
    assert len(MUTANTS) >= 40
    for mutant in MUTANTS:
        assert place(mutant, SOURCES).is_file()
        assert mutant.text != mutant.fault
        assert (ROOT / mutant.selection[0]).is_file()


@pytest.mark.parametrize(
    ("text", "said"), [("a line that has gone", "is not in nast_core"), ("twice", "stands in a.py, b.py")]
)
def test_a_line_that_has_gone_or_stands_twice_is_said_in_one_sentence(text, said):
    with pytest.raises(NoMutant, match=rf"'{text}' {said}; write in tests/mutants.py what the line is now") as caught:
        place(Mutant(text, "", "auroc"), {Path("a.py"): "twice", Path("b.py"): "x = twice"})
    assert "\n" not in str(caught.value)


def test_a_stale_line_ends_the_command_before_anything_is_tried(monkeypatch, capsys):
    monkeypatch.setattr(mutants, "MUTANTS", (Mutant("a line that has gone", "x", "auroc"),))
    assert mutants.main([]) == 2
    assert capsys.readouterr().err.startswith("mutants: 'a line that has gone' is not in nast_core")


def test_words_that_no_mutant_has_run_no_test_at_all(capsys):
    assert mutants.main(["no such word"]) == 2
    assert capsys.readouterr().err == "mutants: none has 'no such word' in its line, fault or tests\n"
