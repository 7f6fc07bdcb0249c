"""Words changed by hand, and drafts that a build turned down: nothing is saved that the parser does not read as its
labels."""

import pytest

from nast_core.benchmark.builder import ATTEMPTS, build_items
from nast_core.benchmark.drafts import TurnedDown, drafts_path, read_drafts, write_drafts
from nast_core.benchmark.edit import edits_path, last_edit, reword, save_wording, undo_edit
from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.benchmark.template import draft
from nast_core.benchmark.writer import Draft, Unwritten
from nast_core.data.studies import Study
from nast_core.errors import BenchmarkError, DataError

ITEM = Item(
    item_id="one", patient_id="p", study_id="s", image="phantom:1", question="Which?",
    conditions=("Edema", "Fracture", "Pneumothorax"), assignments=((0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)),
    cues=("no", "no", "no"),
    negated=(
        "Fracture, pneumothorax, and no edema.", "Edema, pneumothorax, and no fracture.",
        "Edema, fracture, and no pneumothorax.", "Edema, fracture, and pneumothorax.",
    ),
    affirmative=(
        "Fracture, pneumothorax, and normal pulmonary vasculature.", "Edema, pneumothorax, and intact ribs.",
        "Edema, fracture, and fully expanded lungs.", "Edema, fracture, and pneumothorax.",
    ),
    answer="A",
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "items.jsonl"
    write_items([ITEM, ITEM.model_copy(update={"item_id": "two"})], file)
    return file


def negated(place: int, text: str) -> Draft:
    texts = [text if n == place else old for n, old in enumerate(ITEM.negated)]
    return Draft(tuple(texts), ITEM.affirmative)


def test_the_items_own_words_pass():
    assert reword(ITEM, Draft(ITEM.negated, ITEM.affirmative)).item == ITEM


def test_words_that_state_the_same_are_saved_with_the_cue_found_in_them(path):
    new = save_wording(path, ITEM, negated(0, "Fracture and pneumothorax without edema."))
    first, second = read_items(path)
    assert first == new
    assert first.negated[0] == "Fracture and pneumothorax without edema."
    assert first.cues[0] == "without"
    assert second.negated == ITEM.negated


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Fracture, pneumothorax, and edema.", "Edema should be absent"),
        ("Fracture, pneumothorax, and no cardiomegaly.", "Cardiomegaly, which is not asked"),
        ("Fracture and pneumothorax.", "Edema is not mentioned"),
        ("Edema, pneumothorax, and no fracture.", "two equal options"),
        ("", "empty option"),
    ],
)
def test_words_that_the_parser_refuses_are_not_saved(path, text, said):
    before = path.read_bytes()
    with pytest.raises(BenchmarkError, match=f"not saved: .*{said}"):
        save_wording(path, ITEM, negated(0, text))
    assert path.read_bytes() == before
    assert not edits_path(path).exists()


def test_edits_are_taken_back_one_by_one_also_by_a_later_session(path):
    one = save_wording(path, ITEM, negated(0, "Fracture and pneumothorax without edema."))
    words = Draft(("Fracture and pneumothorax, free of edema.", *one.negated[1:]), one.affirmative)
    two = save_wording(path, one, words)
    assert undo_edit(path, last_edit(path, two)) == one
    assert undo_edit(path, last_edit(path, read_items(path)[0])) == ITEM
    assert last_edit(path, ITEM) is None
    assert read_items(path)[0] == ITEM


def test_words_that_were_reached_twice_go_back_to_what_they_were_last_before(path):
    without = negated(0, "Fracture and pneumothorax without edema.")
    undo_edit(path, last_edit(path, save_wording(path, ITEM, without)))
    free = save_wording(path, ITEM, negated(0, "Fracture and pneumothorax, free of edema."))
    assert undo_edit(path, last_edit(path, save_wording(path, free, without))) == free


def test_an_item_changed_elsewhere_is_not_overwritten(path):
    save_wording(path, ITEM, negated(0, "Fracture and pneumothorax without edema."))
    with pytest.raises(BenchmarkError, match=r"'one' of .* was changed elsewhere meanwhile"):
        save_wording(path, ITEM, negated(1, "Edema and pneumothorax without fracture."))


def test_a_folder_that_cannot_be_written_is_one_sentence_and_the_items_stay(path):
    edits_path(path).mkdir()
    before = path.read_bytes()
    with pytest.raises(DataError, match="cannot be written"):
        save_wording(path, ITEM, negated(0, "Fracture and pneumothorax without edema."))
    assert path.read_bytes() == before


STUDIES = [
    Study(f"s{n}", f"p{n}", "", {"Edema": n % 2, "Fracture": n // 2 % 2, "Pneumothorax": n // 4 % 2,
                                 "Cardiomegaly": 1, "Lung Lesion": 1, "Pneumonia": 0, "Pleural Other": 0,
                                 "Support Devices": 0})
    for n in range(64)
]  # fmt: skip


class Careless:
    """Lies once on item-0-1, always on item-0-2, and says nothing at first on item-0-3."""

    name = "careless"

    def write(self, tasks):
        for task in tasks:
            good = draft(task)
            swapped = Draft((good.negated[1], good.negated[0], *good.negated[2:]), good.affirmative)
            number = task.key.rpartition("-")[2]
            if number == "2" or (number == "1" and task.attempt == 0):
                yield task, swapped
            elif number == "3" and task.attempt == 0:
                yield task, Unwritten("answer: empty")
            else:
                yield task, good

    def notes(self):
        return {}


def test_every_draft_turned_down_is_kept_with_its_reason(tmp_path):
    built = build_items(STUDIES, 6, Careless(), seed=0)
    path = tmp_path / "items.jsonl"
    assert write_drafts(built.turned_down, path) == drafts_path(path) == tmp_path / "items.rejected.jsonl"
    kept = read_drafts(path)
    assert sorted((d.item_id, d.attempt) for d in kept) == [
        ("item-0-1", 1), *(("item-0-2", attempt) for attempt in range(1, ATTEMPTS + 1)), ("item-0-3", 1),
    ]  # fmt: skip
    by_id: dict[str, TurnedDown] = {d.item_id: d for d in kept}  # the last of each
    assert by_id["item-0-2"].given_up
    assert not by_id["item-0-1"].given_up
    assert "should be" in by_id["item-0-1"].said[0]
    assert by_id["item-0-3"].negated is None
    assert by_id["item-0-3"].reason == "answer: empty"


def test_a_build_that_turned_nothing_down_leaves_no_list_of_an_earlier_one(tmp_path):
    drafts_path(tmp_path / "items.jsonl").write_text("of an earlier build")
    assert write_drafts([], tmp_path / "items.jsonl") is None
    assert read_drafts(tmp_path / "items.jsonl") == []
