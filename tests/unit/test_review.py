"""Judging items: what is kept, what counts, how far reviewers agree, what is accepted.
Values are worked out by hand."""

import csv
import io
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.errors import BenchmarkError, DataError
from nast_core.review.agreement import agreement, alpha_of, coincidences, kappa_of
from nast_core.review.judgements import Reviews, current, file_name, item_hash, reading_order, review_folder
from nast_core.review.outcome import judgements_csv, outcome, write_accepted


def item(number: int, patient: str | None = None) -> Item:
    states = ((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1))
    return Item(
        item_id=f"item-{number}", patient_id=patient or f"p{number}", study_id=f"s{number}", image=f"phantom:{number}",
        question="Which?", conditions=("Edema", "Fracture", "Pneumonia"), assignments=states, cues=("no", "no", ""),
        negated=tuple(f"negated {number} {n}" for n in range(4)),
        affirmative=tuple(f"affirmative {number} {n}" for n in range(4)), answer="A",
    )  # fmt: skip


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "items.jsonl"
    write_items([item(n) for n in range(6)], file)
    return file


def judge_all(path: Path, reviewer: str, letters: str) -> None:
    """One verdict an item: c, w, u, or - for none."""
    words = {"c": "correct", "w": "wrong", "u": "unclear"}
    for one, letter in zip(read_items(path), letters, strict=True):
        if letter != "-":
            Reviews(path).judge(one, reviewer, words[letter])


def verdicts(**said: str) -> dict[str, dict[str, str]]:
    words = {"0": "correct", "1": "wrong", "2": "unclear"}
    return {
        who: {f"item-{n}": words[value] for n, value in enumerate(row.replace(" ", "")) if value != "."}
        for who, row in said.items()
    }


# --- agreement -------------------------------------------------------------------------------------------------------


def test_alpha_of_krippendorffs_binary_example_is_0_095():
    """Krippendorff 2011, section A: two observers, ten units."""
    said = verdicts(meg="0 1 0 0 0 0 0 0 1 0", owen="1 1 1 0 0 1 0 0 0 0")
    found = agreement(said, [item(n) for n in range(10)])
    assert found.alpha.value == pytest.approx(0.095, abs=0.0005)
    assert found.alpha.n == 10


def test_alpha_of_krippendorffs_example_with_missing_values_is_0_743():
    """Krippendorff 2011, section C: four observers, twelve units, five values, nominal."""
    rows = ("12332141 2...", "12332241 25.3", ".333234 2251.", "12332441 251.")
    observers = [row.replace(" ", "") for row in rows]
    units = [[row[unit] for row in observers if row[unit] != "."] for unit in range(12)]
    assert sum(len(unit) for unit in units) == 41
    table = sum(coincidences(unit, "12345") for unit in units)
    assert table.sum() == 40  # the unit with one value is left out
    assert float(alpha_of(table)) == pytest.approx(0.743, abs=0.0005)


def test_alpha_and_kappa_of_a_table_worked_out_by_hand():
    """8 items: both correct 4, both wrong 2, correct/wrong 1, wrong/unclear 1.
    kappa: observed 6/8; by chance (5*4 + 3*3 + 0*1)/64 = 29/64; (48 - 29)/(64 - 29) = 19/35.
    alpha: 16 values, 9 correct, 6 wrong, 1 unclear; observed 4 of 16, expected (256 - 118)/15 = 9.2; 1 - 4/9.2."""
    found = agreement(verdicts(a="0000 11 0 1", b="0000 11 1 2"), [item(n) for n in range(8)])
    pair = found.pairs["a", "b"]
    assert pair.kappa.value == pytest.approx(19 / 35)
    assert pair.same.value == 6 / 8
    assert found.alpha.value == pytest.approx(1 - 4 / 9.2)
    assert pair.table.tolist() == [[4, 1, 0], [0, 2, 1], [0, 0, 0]]


def test_kappa_of_resampled_tables_is_the_kappa_of_scikit_learn():
    rng = np.random.default_rng(0)
    first = rng.integers(3, size=60)
    second = np.where(rng.random(60) < 0.5, first, 0)  # so that the two differ in how often they say what
    table = np.zeros((3, 3))
    np.add.at(table, (first, second), 1)
    assert float(kappa_of(table)) == pytest.approx(cohen_kappa_score(first, second))


def test_agreement_that_cannot_be_told_is_nan_and_not_one():
    one = agreement(verdicts(a="0000", b="0000"), [item(n) for n in range(4)])
    assert math.isnan(one.alpha.value)
    assert math.isnan(one.pairs["a", "b"].kappa.value)
    assert one.pairs["a", "b"].same.value == 1
    apart = agreement(verdicts(a="01..", b="..10"), [item(n) for n in range(4)])
    assert math.isnan(apart.alpha.value)
    assert (apart.alpha.n, apart.pairs["a", "b"].kappa.n) == (0, 0)


def test_intervals_hold_the_value_and_are_wider_where_items_share_patients():
    rng = np.random.default_rng(1)
    truth = rng.integers(2, size=200)
    noisy = np.where(rng.random(200) < 0.2, 1 - truth, truth)
    said = verdicts(a="".join(map(str, truth)), b="".join(map(str, noisy)))
    alone = agreement(said, [item(n) for n in range(200)])
    order = {n: place for place, n in enumerate(np.argsort(truth != noisy))}  # patients wholly right, or wholly wrong
    shared = agreement(said, [item(n, f"p{order[n] // 20}") for n in range(200)])
    for value in (alone.alpha, alone.pairs["a", "b"].kappa):
        assert value.low < value.value < value.high
    widths = [found.alpha.high - found.alpha.low for found in (alone, shared)]
    assert widths[1] > 1.5 * widths[0]


# --- judgements ------------------------------------------------------------------------------------------------------


def test_a_judgement_is_on_disk_at_once_and_the_last_one_counts(path):
    one, reviews = read_items(path)[0], Reviews(path)
    reviews.judge(one, "Ada Byron", "wrong", "  side is off ")
    assert Reviews(path).of("ada byron")[0].comment == "side is off"
    reviews.judge(one, "Ada Byron", "correct")
    assert current(Reviews(path).of("Ada Byron"), [one])["item-0"].verdict == "correct"
    reviews.judge(one, "Ada Byron", None)
    assert current(Reviews(path).of("Ada Byron"), [one]) == {}
    assert len((review_folder(path) / "ada-byron.jsonl").read_text().splitlines()) == 3  # nothing is ever rewritten


def test_a_judgement_of_an_item_that_changed_since_no_longer_counts(path):
    judge_all(path, "Ada", "cccccc")
    items = read_items(path)
    items[2] = items[2].model_copy(update={"negated": ("other", *items[2].negated[1:])})
    assert set(current(Reviews(path).of("Ada"), items)) == {f"item-{n}" for n in (0, 1, 3, 4, 5)}


@pytest.mark.parametrize("field", ["image", "question", "affirmative", "answer"])
def test_the_hash_tells_every_part_that_is_judged(field):
    other = {"image": "phantom:9", "question": "What?", "affirmative": ("a", "b", "c", "d"), "answer": "B"}[field]
    assert item_hash(item(0)) != item_hash(item(0).model_copy(update={field: other}))
    assert item_hash(item(0)) == item_hash(item(0).model_copy(update={"cues": ("", "", ""), "split": "test"}))


def test_half_a_line_that_a_crash_left_loses_nothing_else(path):
    judge_all(path, "Ada", "cw----")
    file = review_folder(path) / "ada.jsonl"
    with file.open("a") as out:
        out.write('{"item_id": "item-2", "verd')
    assert len(Reviews(path).of("Ada")) == 2
    Reviews(path).judge(read_items(path)[3], "Ada", "unclear")
    assert [line.item_id for line in Reviews(path).of("Ada")] == ["item-0", "item-1", "item-3"]


def test_reviewers_read_in_orders_of_their_own_that_new_items_do_not_change():
    items = [item(n) for n in range(40)]
    ada, bob = (reading_order(items, name) for name in ("Ada", "Bob"))
    assert ada != bob
    assert ada == reading_order(list(reversed(items)), "ada ")
    assert [one for one in reading_order([*items, item(99)], "Ada") if one.item_id != "item-99"] == ada


def test_names_that_differ_only_in_signs_are_refused_and_case_is_one_reviewer(path):
    judge_all(path, "A. Byron", "c-----")
    assert len(Reviews(path).of("a.  byron")) == 1
    with pytest.raises(DataError, match=r"a reviewer 'A\. Byron' already, and 'A-Byron' differs from it only in signs"):
        Reviews(path).of("A-Byron")


@pytest.mark.parametrize("name", ["", " .. ", "../", "adjudication", "Adjudication!", "x" * 99])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(DataError, match="name"):
        file_name(name)


def test_a_name_cannot_leave_the_folder():
    assert file_name("../../etc/passwd") == "etc-passwd"


def test_judgements_that_cannot_be_kept_say_so_in_one_sentence(path):
    review_folder(path).write_text("a file in the folder's place")
    with pytest.raises(DataError, match=r"judgements cannot be kept in .*items\.review \("):
        Reviews(path).judge(read_items(path)[0], "Ada", "correct")


def test_a_damaged_line_is_named(path):
    judge_all(path, "Ada", "c-----")
    with (review_folder(path) / "ada.jsonl").open("a") as out:
        out.write('{"item_id": 3}\n')
    with pytest.raises(DataError, match=r"ada\.jsonl, line 2: not a judgement"):
        Reviews(path).of("Ada")


# --- outcome ---------------------------------------------------------------------------------------------------------


def states(path: Path, **options) -> list[str]:
    return list(outcome(read_items(path), Reviews(path), **options).states.values())


def test_items_are_accepted_by_two_or_settled_by_an_adjudicator(path):
    judge_all(path, "Ada", "ccwcw-")
    judge_all(path, "Bob", "c-wwc-")
    assert states(path) == [
        "accepted", "too few judgements", "not accepted", "conflict", "conflict", "too few judgements",
    ]  # fmt: skip
    items = read_items(path)
    Reviews(path).adjudicate(items[3], "Cai", "correct", "seen on the image")
    Reviews(path).adjudicate(items[4], "Cai", "wrong")
    assert states(path)[3:5] == ["accepted", "not accepted"]
    assert states(path, least=1)[1] == "accepted"


def test_a_conflict_is_not_settled_by_one_of_its_reviewers(path):
    judge_all(path, "Ada", "c-----")
    with pytest.raises(DataError, match="'ADA' has judged these items"):
        Reviews(path).adjudicate(read_items(path)[0], "ADA", "correct")


def test_accepted_items_are_written_as_an_items_file_and_none_is_an_error(path, tmp_path):
    with pytest.raises(BenchmarkError, match=r"no item of .* is accepted yet: it takes 2 reviewers"):
        write_accepted(path, tmp_path / "accepted.jsonl")
    judge_all(path, "Ada", "cwcccc")
    judge_all(path, "Bob", "cwc---")
    write_accepted(path, tmp_path / "accepted.jsonl")
    assert [one.item_id for one in read_items(tmp_path / "accepted.jsonl")] == ["item-0", "item-2"]
    with pytest.raises(BenchmarkError, match="give another file"):
        write_accepted(path, path)
    assert len(read_items(path)) == 6


def test_all_judgements_as_csv_say_which_of_them_count(path):
    judge_all(path, "Ada", "c-----")
    judge_all(path, "Ada", "wc----")
    judge_all(path, "Bob", "c-----")
    Reviews(path).adjudicate(read_items(path)[0], "Cai", "unclear", 'a "quoted", comment')
    rows = list(csv.DictReader(io.StringIO(judgements_csv(read_items(path), Reviews(path)))))
    said = [(row["reviewer"], row["role"], row["item_id"], row["verdict"], row["counts"]) for row in rows]
    assert said == [
        ("Ada", "reviewer", "item-0", "correct", "False"),
        ("Ada", "reviewer", "item-0", "wrong", "True"),
        ("Ada", "reviewer", "item-1", "correct", "True"),
        ("Bob", "reviewer", "item-0", "correct", "True"),
        ("Cai", "adjudicator", "item-0", "unclear", "True"),
    ]
    assert rows[-1]["comment"] == 'a "quoted", comment'


def test_a_reviewers_name_without_end_is_refused_in_a_sentence_that_has_one():
    with pytest.raises(DataError, match="is no reviewer's name") as caught:
        file_name("x" * 100_000)
    assert len(str(caught.value)) < 700
