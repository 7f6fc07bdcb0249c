"""The builder: every item true to its labels, nothing to guess from, and writers that lie, fail or give up."""

from collections import Counter
from itertools import combinations, islice

import numpy as np
import pytest

from nast_core.benchmark.builder import ATTEMPTS, Built, build_items
from nast_core.benchmark.dataset import build_dataset
from nast_core.benchmark.design import draw_plans
from nast_core.benchmark.guesser import guesses
from nast_core.benchmark.template import TemplateWriter, draft
from nast_core.benchmark.writer import Draft, Unwritten
from nast_core.data.studies import Study
from nast_core.errors import BenchmarkError
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.vocabulary.shipped import chest
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # thousands of items

PREVALENCE = np.linspace(0.1, 0.8, len(CHEXPERT_CONDITIONS))
COUNT = 300


def study(number: int, states: dict[str, int]) -> Study:
    return Study(f"s{number}", f"p{number // 2}", f"{number}.png", states)


def table(size: int, seed: int = 0) -> list[Study]:
    """Studies, two to a patient, in which a third of the labels is missing and conditions differ in prevalence."""
    rng = np.random.default_rng(seed)
    return [
        study(
            number,
            {
                name: int(rng.random() < share)
                for name, share in zip(CHEXPERT_CONDITIONS, PREVALENCE, strict=True)
                if rng.random() < 0.66
            },
        )
        for number in range(size)
    ]


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    return table(3000)


@pytest.fixture(scope="module")
def built(studies) -> Built:
    return build_items(studies, COUNT, TemplateWriter(), seed=0, source="table")


def test_the_right_option_and_no_other_is_what_the_study_is_labelled(studies, built):
    labels = {one.study_id: one.labels for one in studies}
    assert len(built.items) == COUNT
    for item in built.items:
        truth = tuple(labels[item.study_id].get(condition) for condition in item.conditions)
        assert [option == truth for option in item.assignments] == [letter == item.answer for letter in "ABCD"]


def test_items_keep_where_their_study_came_from(studies, built):
    known = {one.study_id: one for one in studies}
    for item in built.items:
        assert (item.patient_id, item.image) == (known[item.study_id].patient_id, known[item.study_id].image)
        assert item.source == "table"


def test_conditions_of_which_one_implies_the_other_are_never_asked_together(built):
    asked = {frozenset(pair) for item in built.items for pair in combinations(item.conditions, 2)}
    assert not asked & chest().related
    assert len(asked) > 60  # of 78 - 7


@pytest.mark.parametrize("balance", [False, True])
def test_a_patient_answers_for_a_condition_in_one_question_only(balance):
    plans = islice(draw_plans(table(400), np.random.default_rng(0), balance=balance), 400)
    questions = {(plan.study.study_id, plan.study.patient_id, frozenset(plan.conditions)) for plan in plans}
    asked = Counter((patient, condition) for _, patient, conditions in questions for condition in conditions)
    assert set(asked.values()) == {1}
    assert max(Counter(patient for _, patient, _ in questions).values()) > 1  # for other conditions, again


def test_equal_seeds_give_equal_items_and_another_seed_others(studies):
    first, again, other = (build_items(studies, 30, TemplateWriter(), seed=seed).items for seed in (1, 1, 2))
    assert first == again
    assert [item.negated for item in first] != [item.negated for item in other]


def test_a_small_table_is_asked_the_same_questions_again_in_other_words():
    few = build_items(table(60), 200, TemplateWriter(), seed=0).items
    questions = Counter((item.study_id, frozenset(item.conditions)) for item in few)
    assert len(questions) < 100
    assert max(questions.values()) <= -(-200 // len(questions)) + 1  # evenly
    assert len({item.negated for item in few}) == 200


@pytest.mark.long
def test_no_reader_of_the_options_alone_does_better_than_chance(studies):
    plenty = table(6000, seed=1)
    found = guesses(build_items(plenty, 600, TemplateWriter(), seed=3).items)
    assert set(found) == {"affirmative", "negated", "labels"}
    for name, rate in found.items():
        assert rate.value == pytest.approx(0.25, abs=0.054), name  # three standard errors of 600 items


def test_a_guesser_finds_what_a_careless_builder_gives_away(built):
    """The right option made the longest, or its assignment the commonest: both must show."""
    longer = []
    for item in built.items:
        texts = list(item.negated)
        texts[item.answer_index] += " Clinical correlation is advised."
        longer.append(item.model_copy(update={"negated": tuple(texts)}))
    assert guesses(longer)["negated"].low > 0.9
    first = [
        item.model_copy(update={"answer": "ABCD"[int(np.argmax(np.sum(item.assignments, 1)))]}) for item in built.items
    ]
    assert guesses(first)["labels"].low > 0.5


def test_balanced_items_ask_every_condition_state_and_number_of_negations_equally_often():
    plenty = [study(n * 2, {c: int(s) for c, s in zip(CHEXPERT_CONDITIONS, states, strict=True)})
              for n, states in enumerate(np.random.default_rng(0).random((4000, 13)) < 0.4)]  # fmt: skip
    plans = list(islice(draw_plans(plenty, np.random.default_rng(0), balance=True), 1300))
    asked = Counter(condition for plan in plans for condition in plan.conditions)
    assert max(asked.values()) - min(asked.values()) <= 0.1 * 300
    for plan in plans:
        assert [sum(states) for states in zip(*plan.assignments, strict=True)] == [2, 2, 2]
    negations = Counter(plan.assignments[plan.answer].count(0) for plan in plans)
    for number in range(4):
        assert negations[number] / 1300 == pytest.approx(0.25, abs=0.05), number


def test_the_writer_denies_in_at_least_twenty_ways_and_with_cues_that_training_never_saw(built):
    cues = Counter(cue for item in built.items for cue in item.cues if cue)
    assert len(cues) >= 20
    assert set(cues) >= HELD_OUT_CUES


class Scripted:
    """A writer whose first answers are spoilt; from then on the template's."""

    name = "scripted"

    def __init__(self, spoil, times: int):
        self.spoil, self.times, self.seen = spoil, times, Counter()
        self.complaints: list[tuple[str, ...]] = []

    def write(self, tasks):
        for task in reversed(tasks):  # any order will do
            self.seen[task.key] += 1
            if task.attempt:
                self.complaints.append(task.complaints)
            good = draft(task)
            yield task, good if self.seen[task.key] > self.times else self.spoil(task, good)

    def notes(self):
        return {}


def lie(task, good: Draft) -> Draft:
    return Draft((good.negated[1], good.negated[0], *good.negated[2:]), good.affirmative)


def test_a_lying_draft_is_written_again_and_the_writer_is_told_why(studies):
    writer = Scripted(lie, times=1)
    made = build_items(studies, 20, writer, seed=0)
    assert len(made.items) == made.asked == 20
    assert made.rewritten["wrong state"] == 20
    assert not made.rejected
    assert all("should be" in " ".join(said) for said in writer.complaints)


def test_a_task_that_fails_every_attempt_is_rejected_counted_and_replaced(studies):
    class Sometimes(Scripted):
        def write(self, tasks):
            for task in tasks:
                failing = int(task.key.split("-")[-1]) % 5 == 0
                yield task, Unwritten("endpoint: not JSON") if failing else draft(task)

    made = build_items(studies, 20, Sometimes(None, 0), seed=0)
    assert len(made.items) == 20
    assert made.rejected == {"endpoint: not JSON": made.asked - 20}
    assert made.rewritten["endpoint: not JSON"] == (ATTEMPTS - 1) * made.rejected.total()
    assert not {item.item_id for item in made.items} & {f"item-0-{n}" for n in range(0, 40, 5)}


def test_a_writer_that_always_lies_is_given_up_with_the_reason_and_an_example(studies):
    writer = Scripted(lie, times=99)
    with pytest.raises(BenchmarkError, match=r"scripted writer .* 40 of 40 tasks .*'wrong state' \(such as: option"):
        build_items(studies, 500, writer, seed=0)
    assert writer.seen.total() == 40 * ATTEMPTS  # not 500: a paid endpoint is not asked on and on


def test_progress_counts_items_up_to_the_number_asked_for(studies):
    told: list[int] = []
    build_items(studies, 50, Scripted(lie, times=1), seed=0, progress=told.append)
    assert sum(told) == 50


def test_too_few_eligible_studies_are_refused_with_the_count_and_the_rule():
    good = {"Edema": 1, "Fracture": 1, "Pneumonia": 0, "Cardiomegaly": 0, "Lung Lesion": 0}
    one_present, two_absent = good | {"Fracture": 0}, {k: good[k] for k in list(good)[:4]}
    few = [study(i, good) for i in range(9)] + [study(20, one_present), study(21, two_absent)]
    with pytest.raises(BenchmarkError, match=r"9 of 11 studies are eligible \(at least 2 present and 3 absent"):
        build_items(few, 5, TemplateWriter())


def test_labels_that_cannot_fill_the_design_are_refused():
    good = {"Edema": 1, "Fracture": 1, "Pneumonia": 0, "Cardiomegaly": 0, "Lung Lesion": 0}
    with pytest.raises(BenchmarkError, match="no three conditions have the studies that the design asks for"):
        build_items([study(i, good) for i in range(10)], 5, TemplateWriter())


def test_the_card_of_a_table_names_labels_outside_the_vocabulary(tmp_path):
    pairs = ["Edema|Mass", "Pneumothorax|Cardiomegaly", "Mass|Cardiomegaly", "Edema|Pneumothorax", "Pneumonia|Edema"]
    lines = [f"{n}.png,{pairs[n % 5]}|{'Pleural effusions' if n else 'Foo'},p{n},PA" for n in range(40)]
    (tmp_path / "nih.csv").write_text("Image Index,Finding Labels,Patient ID,View Position\n" + "\n".join(lines))
    made = build_dataset(str(tmp_path / "nih.csv"), tmp_path / "items.jsonl", TemplateWriter(), count=4)
    card = made.card.read_text()
    assert "| labels outside the table's vocabulary | 40 |" in card
    assert "'Pleural effusions' (39 rows; may be Pleural Effusion), 'Foo' (1 rows; may be any condition)" in card
    assert not {"p0"} & {item.patient_id for item in made.built.items}  # of its study nothing is known to be absent
