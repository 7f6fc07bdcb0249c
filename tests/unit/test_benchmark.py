"""The demo world's own items: sound, balanced, true of their phantoms;
and items read from files with clear refusals."""

import hashlib
import json
import re
from collections import Counter

import pytest

from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.data.phantom import SPLITS, sample_phantom
from nast_core.errors import BenchmarkError
from nast_core.negation.phrases import JOINS
from nast_core.vocabulary.cues import find_cues
from nast_core.vocabulary.shipped import chest
from tests.words import FRAMES

pytestmark = pytest.mark.slow  # hundreds of items

COUNT = 2000


@pytest.fixture(scope="module")
def items() -> list[Item]:
    return phantom_items(COUNT, seed=0)


def test_the_right_option_and_no_other_is_what_the_phantom_shows(items):
    for item in items:
        labels = sample_phantom(int(item.study_id)).labels
        truth = tuple(labels[condition] for condition in item.conditions)
        assert [option == truth for option in item.assignments] == [letter == item.answer for letter in "ABCD"]
        assert item.image == f"phantom:{item.study_id}"
        assert int(item.study_id) in SPLITS["test"]


def test_every_study_is_eligible_and_few_are_used_twice(items):
    for item in items:
        states = list(sample_phantom(int(item.study_id)).labels.values())
        assert states.count(0) >= 3
        assert states.count(1) >= 2
    assert max(Counter(item.study_id for item in items).values()) <= 2


def test_options_differ_in_assignment_and_in_wording_in_both_forms(items):
    assert len({item.item_id for item in items}) == COUNT
    for item in items:
        assert len(set(item.conditions)) == 3
        for four in (item.assignments, item.negated, item.affirmative):
            assert len(set(four)) == 4


def test_every_letter_is_right_equally_often(items):
    for letter, count in Counter(item.answer for item in items).items():
        assert count / COUNT == pytest.approx(0.25, abs=0.025), letter


def mode_of(options):
    """The assignment that has the majority's state of every condition: where wrong options cluster round the right
    one."""
    return tuple(int(sum(column) > 2) for column in zip(*options, strict=True))


RULES = {
    "most present": lambda option, _: sum(option),
    "most absent": lambda option, _: -sum(option),
    "none present": lambda option, _: sum(option) == 0,
    "one present": lambda option, _: sum(option) == 1,
    "two present": lambda option, _: sum(option) == 2,
    "three present": lambda option, _: sum(option) == 3,
    "first condition present": lambda option, _: option[0],
    "nearest to the majority": lambda option, others: (
        -sum(a != b for a, b in zip(option, mode_of(others), strict=True))
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_on_labels_alone_does_better_than_chance(items, rule):
    right = 0.0
    for item in items:
        marks = [RULES[rule](option, item.assignments) for option in item.assignments]
        best = [place for place in range(4) if marks[place] == max(marks)]
        right += (item.answer_index in best) / len(best)  # a guess among the best
    assert right / COUNT == pytest.approx(0.25, abs=0.028)  # three standard errors of 2,000 items


def test_every_assignment_all_present_and_all_absent_included_is_right_equally_often(items):
    right = Counter(item.assignments[item.answer_index] for item in items)
    assert len(right) == 8
    for assignment, count in right.items():
        assert count / COUNT == pytest.approx(1 / 8, abs=0.03), assignment  # four standard errors


def statements(text: str, frame: str, join: str) -> list[str]:
    text, (before, after) = text.lower(), frame.split("{}")
    fits = text.startswith(before) and text.endswith(after)
    return text[len(before) : len(text) - len(after)].split(join) if fits else []


def read_in(item: Item, frame: str, join: str) -> list[str] | None:
    """The denied statements of an item read in one frame; None unless the forms differ only there, and rightly."""
    wordings: dict[tuple[int, int], set[tuple[str, str]]] = {}
    for option, negated, affirmative in zip(item.assignments, item.negated, item.affirmative, strict=True):
        denied, normal = statements(negated, frame, join), statements(affirmative, frame, join)
        if not len(denied) == len(normal) == 3:
            return None
        for place, (condition, state) in enumerate(zip(item.conditions, option, strict=True)):
            words, cues = chest()[condition], [cue.text for cue in find_cues(denied[place])]
            named = any(noun.text in denied[place] for noun in words.prompt_nouns)
            same = cues == [] and denied[place] == normal[place]
            turned = cues == [item.cues[place]] and normal[place] in words.prompt_equivalents
            if not (named and (same if state else turned)):
                return None
            wordings.setdefault((place, state), set()).add((denied[place], normal[place]))
    one_wording = all(len(found) == 1 for found in wordings.values())
    return (
        [denied for (_, state), found in wordings.items() if not state for denied, _ in found] if one_wording else None
    )


@pytest.fixture(scope="module")
def readings(items) -> list[dict[str, list[str]]]:
    """Per item: frame -> the denied statements, for every frame it can be read in."""
    return [
        {f: read for f in FRAMES for join in JOINS if (read := read_in(item, f, join)) is not None} for item in items
    ]


def test_the_two_forms_differ_only_in_the_negated_phrases_which_say_exactly_the_assignment(items, readings):
    assert [item.negated for item, reading in zip(items, readings, strict=True) if not reading] == []


def test_the_writer_has_at_least_eight_ways_to_deny_and_four_frames(readings):
    nouns = sorted(
        (noun.text for words in chest().entries.values() for noun in words.prompt_nouns), key=len, reverse=True
    )
    denied = {text for reading in readings for read in reading.values() for text in read}
    ways = {re.sub("|".join(nouns), "X", text).replace(" are ", " is ") for text in denied}
    assert len(ways) >= 8
    assert len({max(reading, key=len) for reading in readings}) >= 4  # "{} ." fits some items of any frame


def test_equal_seeds_give_equal_items_and_another_seed_others():
    first, again, other = (phantom_items(40, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [item.study_id for item in first] != [item.study_id for item in other]
    assert not {item.item_id for item in first} & {item.item_id for item in other}


def test_the_items_behind_the_published_figures_of_the_demo_are_what_they_were():
    kept = ("item_id", "patient_id", "study_id", "image", "question", "conditions", "assignments", "cues", "negated")
    text = ""
    for item in phantom_items(200, seed=0):
        record = json.loads(item.model_dump_json())
        text += json.dumps({k: record[k] for k in (*kept, "affirmative", "answer")}, sort_keys=True) + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()  # taken from the code of the commit that published them
    assert digest == "c40809ef5397df1aa88a15948a71fedbc49488cacc87e2378ec6662032c201dd"


def test_items_survive_writing_and_reading_and_no_temporary_file_is_left(items, tmp_path):
    path = tmp_path / "new folder" / "items.jsonl"
    odd = items[0].model_copy(update={"item_id": "ü", "question": "Which\u2028one\x85fits?"})
    write_items([odd, *items[1:5]], path)
    assert read_items(path) == [odd, *items[1:5]]
    assert [file.name for file in path.parent.iterdir()] == ["items.jsonl"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"negated": ["a", "b", "c"]}, "negated.3: Field required"),
        ({"negated": ["a", "b", "c", "d", "e"]}, "negated: "),
        ({"negated": ["a", "b", "c", " "]}, "has an empty option"),
        ({"affirmative": ["a", "b", "c", "a"]}, "has two equal options"),
        ({"answer": "E"}, "answer: Input should be 'A', 'B', 'C' or 'D'"),
        ({"assignments": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 0, 0]]}, "four different assignments"),
        (
            {"assignments": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [2, 0, 0]]},
            "a state other than 1 (present) and 0 (absent)",
        ),
        ({"conditions": ["Edema", "Edema", "Fracture"]}, "names a condition twice"),
        ({"image": None}, "image: Input should be a valid string"),
        ({"extra": 1}, "extra: Extra inputs are not permitted"),
    ],
)
def test_a_line_that_is_no_item_is_refused_with_its_number_and_what_is_wrong(items, tmp_path, change, said):
    path = tmp_path / "items.jsonl"
    bad = json.loads(items[1].model_dump_json()) | change
    path.write_text(f"{items[0].model_dump_json()}\n\n{json.dumps(bad)}\n")
    with pytest.raises(BenchmarkError) as caught:
        read_items(path)
    assert str(caught.value).startswith(f"{path}, line 3: not an item (")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_items_written_before_source_and_split_were_kept_still_load(items, tmp_path):
    record = json.loads(items[0].model_dump_json())
    del record["source"], record["split"]
    (tmp_path / "old.jsonl").write_text(json.dumps(record))
    (old,) = read_items(tmp_path / "old.jsonl")
    assert (old.source, old.split, old.negated) == ("", "", items[0].negated)


def test_a_file_of_items_that_is_none_is_refused(items, tmp_path):
    path = tmp_path / "items.jsonl"
    with pytest.raises(BenchmarkError, match=r"there is no file .*; make one with 'nast benchmark build'"):
        read_items(path)
    for content, said in (
        ("", "has no items"),
        ("{oops", "line 1: not an item \\(not JSON"),
        ("[]", "line 1: not an item"),
    ):
        path.write_text(content)
        with pytest.raises(BenchmarkError, match=said):
            read_items(path)
    path.write_text(f"{items[0].model_dump_json()}\n" * 2)
    with pytest.raises(BenchmarkError, match="line 2: the item_id 'item-0-0' was there before"):
        read_items(path)
