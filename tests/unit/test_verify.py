"""Options read back: what passes, and what is turned down for which reason. And the template writer under that eye."""

from itertools import combinations

import numpy as np
import pytest

from nast_core.benchmark.design import ASSIGNMENTS
from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.template import draft, listed
from nast_core.benchmark.verify import REASONS, verify, verify_all
from nast_core.benchmark.writer import Draft, Task
from nast_core.negation.parser import parse
from nast_core.vocabulary.cues import find_cues
from nast_core.vocabulary.shipped import chest
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow  # hundreds of drafts

TASK = Task(
    "item-0-0",
    ("Cardiomegaly", "Edema", "Pleural Effusion"),
    ((1, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 0)),
    seed=0,
)
GOOD = Draft(
    negated=(
        "Cardiomegaly without edema or effusion.",
        "Pulmonary edema, but no cardiomegaly or effusion.",
        "There is cardiomegaly, with edema and a small pleural effusion.",
        "Neither cardiomegaly nor edema is seen; effusion is absent.",
    ),
    affirmative=(
        "Cardiomegaly with crisp vascular markings and sharp costophrenic angles.",
        "Pulmonary edema, but normal heart size and sharp costophrenic angles.",
        "There is cardiomegaly, with edema and a small pleural effusion.",
        "Normal heart size and crisp vascular markings; sharp costophrenic angles.",
    ),
)


def changed(place: int, *, negated: str | None = None, affirmative: str | None = None) -> Draft:
    forms = [list(GOOD.negated), list(GOOD.affirmative)]
    for form, text in zip(forms, (negated, affirmative), strict=True):
        if text is not None:
            form[place] = text
    return Draft(tuple(forms[0]), tuple(forms[1]))


def test_a_draft_that_says_exactly_its_task_passes_and_its_cues_are_found():
    verdict = verify(TASK, GOOD)
    assert verdict.complaints == ()
    assert verdict.cues == (
        (None, "without", "without"),
        ("no", None, "no"),
        (None, None, None),
        ("neither", "nor", "absent"),
    )
    assert verdict.cues_of(0) == ("no", "without", "without")  # cardiomegaly is present there, and denied in option B
    assert verdict.cues_of(3) == ("neither", "nor", "absent")


@pytest.mark.parametrize(
    ("place", "change", "reason"),
    [
        (0, {"negated": "Cardiomegaly with edema, without effusion."}, "wrong state"),
        (0, {"negated": "Cardiomegaly without edema; effusion cannot be excluded."}, "wrong state"),
        (2, {"negated": "There is cardiomegaly, with edema and no pleural effusion."}, "wrong state"),
        (0, {"negated": "Cardiomegaly without edema."}, "not said"),
        (0, {"negated": "Cardiomegaly without edema, effusion, or pneumothorax."}, "more than asked"),
        (0, {"negated": "Cardiomegaly without edema or effusion. No acute process."}, "more than asked"),
        (0, {"negated": "Cardiomegaly without edema, sharp costophrenic angles."}, "absence without a negation"),
        (0, {"affirmative": "Cardiomegaly without edema, sharp costophrenic angles."}, "negation left"),
        (0, {"affirmative": "Cardiomegaly with effusion-free, edema-free lungs."}, "negation left"),
        (0, {"affirmative": "Cardiomegaly with edema and sharp costophrenic angles."}, "not affirmed"),
        (0, {"affirmative": "Cardiomegaly with crisp vascular markings."}, "not affirmed"),
        (0, {"affirmative": "Normal heart size with crisp vascular markings and sharp costophrenic "
            "angles."}, "not said"),
        (0, {"affirmative": "An enlarged heart with crisp vascular markings and sharp costophrenic "
            "angles."}, "present changed"),
        (0, {"affirmative": "Severe cardiomegaly with crisp vascular markings and sharp costophrenic "
            "angles."}, "changed elsewhere"),
        (3, {"negated": GOOD.negated[2]}, "equal options"),
    ],
)  # fmt: skip
def test_a_draft_is_turned_down_for_what_is_wrong_with_it(place, change, reason):
    verdict = verify(TASK, changed(place, **change))
    assert reason in {complaint.reason for complaint in verdict.complaints}
    assert {complaint.reason for complaint in verdict.complaints} <= set(REASONS)
    assert any(complaint.said.startswith(f"option {'ABCD'[place]}: ") for complaint in verdict.complaints) or (
        reason == "equal options"
    )


@pytest.mark.parametrize("text", ["", "Keine Herzvergrößerung.", "<html><body>502 Bad Gateway</body></html>"])
def test_texts_in_no_language_the_parser_knows_are_turned_down(text):
    assert not verify(TASK, changed(0, negated=text)).good
    assert not verify(TASK, changed(0, affirmative=text)).good


def tasks(count: int) -> list[Task]:
    rng = np.random.default_rng(5)
    found: list[Task] = []
    while len(found) < count:
        three = tuple(str(name) for name in rng.permutation(CHEXPERT_CONDITIONS)[:3])
        if not {frozenset(pair) for pair in combinations(three, 2)} & chest().related:
            options = tuple(ASSIGNMENTS[i] for i in rng.permutation(8)[:4])
            found.append(Task(f"k{len(found)}", three, options, seed=len(found)))
    return found


@pytest.fixture(scope="module")
def drafts() -> list[tuple[Task, Draft]]:
    return [(task, draft(task)) for task in tasks(200)]


def test_the_template_writer_is_read_as_it_was_asked_but_for_a_few_drafts(drafts):
    bad = [verdict.complaints for verdict in verify_all(drafts) if not verdict.good]
    assert len(bad) <= 0.03 * len(drafts), bad[:3]


def test_a_drafts_options_swapped_are_always_noticed(drafts):
    """The parser has to see every state: each pair of options differs in one condition at least."""
    for task, one in drafts[:50]:
        swapped = Draft((one.negated[1], one.negated[0], *one.negated[2:]), one.affirmative)
        assert not verify(task, swapped).good
        swapped = Draft(one.negated, (*one.affirmative[:2], one.affirmative[3], one.affirmative[2]))
        assert not verify(task, swapped).good


def test_equal_tasks_are_worded_equally_and_another_attempt_otherwise():
    first = tasks(1)[0]
    assert draft(first) == draft(first)
    assert len({draft(Task(first.key, first.conditions, first.assignments, 0, attempt)) for attempt in range(4)}) == 4


def test_every_condition_has_names_and_normals_that_the_parser_reads_as_that_condition():
    words = grammar()
    assert set(words.nouns) == set(words.normals) == set(CHEXPERT_CONDITIONS)
    for condition in CHEXPERT_CONDITIONS:
        assert len(words.nouns[condition]) >= 4
        assert len(words.normals[condition]) >= 5
        for noun in words.nouns[condition]:
            assert [(m.conditions, m.state) for m in parse(noun.phrase)] == [((condition,), "present")], noun
        for normal in words.normals[condition]:
            assert find_cues(normal.text) == []
            assert [(m.conditions, m.state) for m in parse(normal.text)] == [((condition,), "normal")], normal


def test_a_normal_is_left_for_every_company_a_condition_may_be_asked_in():
    words = grammar()
    for three in combinations(CHEXPERT_CONDITIONS, 3):
        for condition in three:
            assert any(not normal.not_with & set(three) for normal in words.normals[condition]), three


def test_every_absence_holds_the_cue_it_is_listed_under_and_its_affirmative_side_none():
    words = grammar()
    for absence in (*words.clauses_of_absence, *words.behind):
        fill = {"N": "edema", "P": "fracture", "A": "clear lungs", "is": "is", "has": "has"}
        assert absence.cue in {cue.text for cue in find_cues(absence.denied.format(**fill))}, absence
        assert find_cues(absence.normal.format(**fill)) == [], absence
    cues = {absence.cue for absence in (*words.clauses_of_absence, *words.behind)}
    assert len(cues) >= 20


def test_what_resolves_was_there_before_so_only_passing_findings_resolve():
    for one in tasks(400):
        for text in draft(one).negated:
            if "resolved" in text or "no longer" in text:
                assert not {"Cardiomegaly", "Fracture", "Support Devices"} & {
                    m.condition for m in parse(text) if m.cue in ("resolved", "no longer")
                }


def test_lists_are_joined_as_in_print():
    assert listed(["a"], "or") == "a"
    assert listed(["a", "b"], "or") == "a or b"
    assert listed(["a", "b", "c"], "nor") == "a, b, nor c"
