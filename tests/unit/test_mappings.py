"""Mappings under review: what is judged, what goes into the vocabulary, and what is said to be reviewed."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.dataset import build_dataset
from nast_core.benchmark.edit import reword
from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.items import read_items, write_items
from nast_core.benchmark.sources import labelled_studies
from nast_core.benchmark.template import TemplateWriter
from nast_core.benchmark.writer import Draft
from nast_core.claims.card import share_reviewed
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.cli import app
from nast_core.errors import DataError, VocabularyError
from nast_core.review.agreement import agreement
from nast_core.review.judgements import Judgement, Reviews, item_hash, review_folder
from nast_core.review.mappings import check_wording, mappings_of, proposed, recorded, reworded
from nast_core.review.outcome import outcome
from nast_core.vocabulary.changing import copy_path, open_file, save, undo
from nast_core.vocabulary.file import parse_vocabulary, read_vocabulary
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.reviewed import Share, all_reviewed, mapping_used
from nast_core.vocabulary.shipped import chest

TEXT = """\
format: 1
name: head
examination: head CT
conditions:
  Subdural:
    nouns: [[a, subdural hematoma, is], [a, subdural hemorrhage, is]]
    equivalents: [a normal subdural space, {text: a clear convexity, not_with: [Epidural]}]
  Epidural:
    nouns: [[an, epidural hematoma, is]]
    equivalents: [a normal epidural space]
  Vessels:
    nouns: [["", dense vessels, are]]
"""
SUBDURAL, CONVEXITY = "Subdural = a normal subdural space", "Subdural = a clear convexity"
EPIDURAL = "Epidural = a normal epidural space"


@pytest.fixture
def path(tmp_path) -> Path:
    file = tmp_path / "vocabulary.yaml"
    file.write_text(TEXT)
    return file


def judge(path: Path, reviewer: str, letters: str, **wordings: str) -> None:
    """One verdict a mapping: c, w, u, or - for none; ``wordings``: by the place of the mapping, as w1."""
    words = {"c": "correct", "w": "wrong", "u": "unclear"}
    for n, (one, letter) in enumerate(zip(mappings_of(read_vocabulary(path)), letters, strict=True)):
        if letter != "-":
            Reviews(path).judge(one, reviewer, words[letter], wording=wordings.get(f"w{n}", ""))


def standing(path: Path, **options):
    return outcome(mappings_of(read_vocabulary(path)), Reviews(path), **options)


def reviews(vocabulary, condition: str, place: int = 0) -> list[tuple[str, str]]:
    return [(one.by, one.verdict) for one in vocabulary[condition].equivalents[place].reviewed]


def nast(*arguments: object):
    return CliRunner().invoke(app, ["review", *map(str, arguments)])


# --- what is judged --------------------------------------------------------------------------------------------------


def test_a_mapping_is_a_denied_sentence_and_its_equivalent(path):
    first, second, third = mappings_of(read_vocabulary(path))
    assert (first.condition, first.denied, first.equivalent) == (
        "Subdural", "There is no subdural hematoma.", "a normal subdural space",
    )  # fmt: skip
    assert second.not_with == ("Epidural",)
    assert [one.item_id for one in (first, second, third)] == [SUBDURAL, CONVEXITY, EPIDURAL]
    assert len(mappings_of(chest())) == sum(len(entry.equivalents) for entry in chest().entries.values()) > 60


@pytest.mark.parametrize(
    ("old", "new", "again"),
    [
        ("a normal epidural space", "a normal epidural compartment", {SUBDURAL, CONVEXITY}),
        ("[[an, epidural hematoma, is]]", "[[an, epidural bleed, is]]", {SUBDURAL, CONVEXITY}),
        ("not_with: [Epidural]", "not_with: [Vessels]", {SUBDURAL, EPIDURAL}),
        ("name: head", "name: brain", {SUBDURAL, CONVEXITY, EPIDURAL}),
    ],
)
def test_a_judgement_counts_while_its_words_are_the_same(path, old, new, again):
    judge(path, "Ada", "ccc")
    path.write_text(TEXT.replace(old, new))
    assert set(standing(path).judged["Ada"]) == again


def test_hashes_and_lines_of_items_are_as_they_were_before_mappings():
    from nast_core.benchmark.items import Item

    item = Item(
        item_id="i", patient_id="p", study_id="s", image="phantom:1", question="Which?", conditions=("A", "B", "C"),
        assignments=((0, 0, 1), (1, 0, 1), (0, 1, 1), (1, 1, 1)), cues=("no", "no", ""), negated=("a", "b", "c", "d"),
        affirmative=("e", "f", "g", "h"), answer="A",
    )  # fmt: skip
    assert item_hash(item) == "10cdb0f8cc3225fb"
    line = Judgement(item_id="i", item_hash="h", reviewer="Ada", verdict="wrong", time=datetime(2026, 1, 2, tzinfo=UTC))
    assert "wording" not in line.model_dump_json()


def test_agreement_resamples_conditions():
    """Four mappings of one condition, one of another: resampling single mappings would give every share in fifths."""
    vocabulary = parse_vocabulary(
        TEXT.replace("[a normal subdural space, {text", "[a b1, a b2, a b3, {text").replace(
            "not_with: [Epidural]", "not_with: []"
        )
    )
    mappings = mappings_of(vocabulary)
    first = {one.item_id: "correct" for one in mappings}
    second = {one.item_id: "correct" if one.condition == "Subdural" else "wrong" for one in mappings}
    pair = agreement({"a": first, "b": second}, mappings).pairs["a", "b"]
    assert (pair.same.value, pair.same.low, pair.same.high, pair.same.n) == (4 / 5, 0, 1, 5)


# --- better wordings -------------------------------------------------------------------------------------------------


def test_a_better_wording_is_kept_with_the_judgement_and_in_the_table(path):
    judge(path, "Ada", "w--", w0="  a subdural  space of normal width ")
    assert proposed(standing(path), mappings_of(read_vocabulary(path))[0]) == ["a subdural space of normal width"]
    result = nast("agreement", "--vocabulary", path, "--out", path.parent / "all.csv")
    assert result.exit_code == 0
    assert "a subdural space of normal width" in (path.parent / "all.csv").read_text()


@pytest.mark.parametrize(
    ("wording", "said"),
    [
        ("no blood", "negates"),
        ("a Clear convexity", "an equivalent of 'Subdural' already"),
        ("an epidural hematoma", "is read as Epidural: present"),
        ("a [space]", "cannot be an equivalent"),
        ("", "cannot be an equivalent"),
    ],
)
def test_a_wording_that_could_not_stand_in_the_file_is_one_sentence(path, wording, said):
    vocabulary = read_vocabulary(path)
    with pytest.raises(VocabularyError, match=said) as caught:
        check_wording(vocabulary, mappings_of(vocabulary)[0], wording)
    assert "\n" not in str(caught.value)


def test_a_wording_that_could_is_given_as_it_would_stand(path):
    vocabulary = read_vocabulary(path)
    assert check_wording(vocabulary, mappings_of(vocabulary)[0], " a subdural  space of normal width") == (
        "a subdural space of normal width"
    )


# --- what goes into the vocabulary -----------------------------------------------------------------------------------


def test_what_all_agree_on_is_recorded_with_initials_date_and_verdict(path):
    judge(path, "Ada Byron", "cuc")
    judge(path, "Bob", "cuw")
    done = recorded(read_vocabulary(path), standing(path))
    assert reviews(done, "Subdural") == [("AB", "right"), ("Bob", "right")]
    assert reviews(done, "Subdural", 1) == [("AB", "unsure"), ("Bob", "unsure")]
    assert reviews(done, "Epidural") == []  # a conflict
    assert done["Subdural"].equivalents[0].reviewed[0].on == datetime.now(UTC).date()
    assert done.fingerprint == read_vocabulary(path).fingerprint
    assert done.reviewed == (1, 3)


def test_of_a_conflict_the_word_of_who_settled_it_counts(path):
    judge(path, "Ada", "ccc")
    judge(path, "Bob", "wwc")
    mappings = mappings_of(read_vocabulary(path))
    Reviews(path).adjudicate(mappings[0], "Cai Dee", "correct")
    done = recorded(read_vocabulary(path), standing(path))
    assert reviews(done, "Subdural") == [("CD", "right")]
    assert reviews(done, "Subdural", 1) == []
    assert done.reviewed == (2, 3)


def test_two_with_the_same_initials_are_written_out(path):
    judge(path, "Ada Byron", "c--")
    judge(path, "Anna Bell", "c--")
    done = recorded(read_vocabulary(path), standing(path))
    assert reviews(done, "Subdural") == [("Ada Byron", "right"), ("Anna Bell", "right")]


def test_what_is_wrong_goes_and_its_better_wording_comes_unreviewed(path):
    judge(path, "Ada", "wwc", w1="a convexity without it")
    judge(path, "Bob", "wcc", w0="a subdural space of normal width")
    mappings = mappings_of(read_vocabulary(path))
    Reviews(path).adjudicate(mappings[1], "Cai", "wrong", wording="an unremarkable convexity")
    done = reworded(read_vocabulary(path), standing(path))
    assert [(one.text, sorted(one.not_with), one.reviewed) for one in done["Subdural"].equivalents] == [
        ("a subdural space of normal width", [], ()),
        ("an unremarkable convexity", ["Epidural"], ()),
    ]
    assert [one.text for one in done["Epidural"].equivalents] == ["a normal epidural space"]


def test_a_condition_may_lose_its_only_equivalent(path):
    judge(path, "Ada", "ccw")
    judge(path, "Bob", "ccw")
    assert reworded(read_vocabulary(path), standing(path))["Epidural"].equivalents == ()


def test_a_changed_file_is_written_whole_with_a_copy_and_put_back(path):
    judge(path, "Ada", "ccc")
    opened = open_file(path)
    save(opened, recorded(opened.vocabulary, standing(path, least=1)))
    assert read_vocabulary(path).reviewed == (3, 3)
    assert copy_path(path).read_text() == TEXT
    undo(path)
    assert path.read_text() == TEXT
    assert read_vocabulary(copy_path(path)).reviewed == (3, 3)


def test_a_file_that_was_changed_meanwhile_is_not_written_over(path):
    opened = open_file(path)
    path.write_text(TEXT.replace("name: head", "name: brain"))
    with pytest.raises(VocabularyError, match="was changed elsewhere meanwhile; open it again"):
        save(opened, opened.vocabulary)
    assert read_vocabulary(path).name == "brain"
    with pytest.raises(VocabularyError, match=r"there is no file .*before\.yaml"):
        undo(path)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command_tells_agreement_records_the_outcome_and_takes_it_back(path):
    judge(path, "Ada", "ccw")
    judge(path, "Bob", "ccw")
    said = nast("agreement", "--vocabulary", path)
    assert said.exit_code == 0
    assert "Ada: 3 of 3 mappings judged" in said.output
    assert re.search(r"kappa, Ada and Bob +1\.000", said.output)
    said = nast("record", "--vocabulary", path, "--reword")
    assert said.exit_code == 0
    assert "2 of 2 mappings are reviewed and right" in said.output
    assert read_vocabulary(path).reviewed == (2, 2)
    assert nast("undo", "--vocabulary", path).exit_code == 0
    assert path.read_text() == TEXT
    assert nast("record", "--vocabulary", path, "--out", path.parent / "other.yaml").exit_code == 0
    assert path.read_text() == TEXT
    assert read_vocabulary(path.parent / "other.yaml").reviewed == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["agreement"], "give what was reviewed"),
        (["agreement", "--vocabulary", "PATH", "--items", "PATH"], "give what was reviewed"),
        (["agreement", "--vocabulary", "PATH"], "nobody has judged"),
        (["record", "--vocabulary", "PATH"], "nobody has judged"),
        (["record", "--vocabulary", "none.yaml"], "there is no file"),
        (["undo", "--vocabulary", "PATH"], "there is no file"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_2(path, arguments, said):
    result = nast(*[path if one == "PATH" else one for one in arguments])
    assert result.exit_code == 2
    assert said in result.output
    assert path.read_text() == TEXT


def test_a_third_who_has_judged_settles_nothing(path):
    judge(path, "Ada", "c--")
    with pytest.raises(DataError, match="has judged"):
        Reviews(path).adjudicate(mappings_of(read_vocabulary(path))[0], "ada", "correct")
    assert review_folder(path).name == "vocabulary.review"


# --- what is said to be reviewed -------------------------------------------------------------------------------------


@pytest.fixture
def approved():
    return parse_vocabulary(
        TEXT.replace(
            "[a normal subdural space,",
            "[{text: a normal subdural space, reviewed: [{by: A, on: 2026-01-02, verdict: right}]}, a normal subdural,",
        )
    )


@pytest.mark.parametrize(
    ("text", "used"),
    [
        ("Findings: normal subdural space.", True),
        ("There is a Normal  Subdural Space, and more.", True),
        ("A clear convexity.", False),
        ("A clear convexity and a normal subdural space.", False),
        ("A normal subdural spaces.", False),  # another word; the shorter equivalent stands in it
        ("Nothing of the kind.", None),
    ],
)
def test_a_text_is_of_reviewed_words_or_not(approved, text, used):
    assert mapping_used(text, "Subdural", approved) is used


def test_all_are_reviewed_only_where_each_absence_is(approved):
    assert all_reviewed([("A normal subdural space.", ["Subdural"]), ("A bleed.", [])], approved)
    assert not all_reviewed([("A normal subdural space, a normal epidural space.", ["Subdural", "Epidural"])], approved)
    assert not all_reviewed([("A normal subdural space.", ["Vessels"])], approved)
    assert not all_reviewed([("", [])], chest())  # nobody has reviewed any of them
    assert (str(Share(2, 8)), str(Share(0, 0))) == ("2 of 8 (25%)", "0 of 0")


# --- what items and cards say ----------------------------------------------------------------------------------------


def all_found_right(*but: str) -> Vocabulary:
    """The 13, every mapping of which was found right, except those of some conditions."""
    plain = chest().model_dump(by_alias=True)
    for name, entry in plain["conditions"].items():
        for equivalent in entry["equivalents"]:
            if name not in but:
                equivalent["reviewed"] = [{"by": "AB", "on": "2026-01-02", "verdict": "right"}]
    return Vocabulary.model_validate(plain)


def built(vocabulary: Vocabulary):
    table = labelled_studies("phantom", 30)
    return build_items(table.studies, 30, TemplateWriter(grammar(vocabulary)), vocabulary=vocabulary)


@pytest.mark.slow
def test_items_say_whether_all_their_mappings_were_found_right(tmp_path):
    items = built(all_found_right("Cardiomegaly")).items
    for item in items:
        denied = {
            name
            for states in item.assignments
            for name, state in zip(item.conditions, states, strict=True)
            if not state
        }
        assert item.mappings_reviewed == ("Cardiomegaly" not in denied), item
    assert {item.mappings_reviewed for item in items} == {True, False}
    write_items(items, tmp_path / "items.jsonl")
    assert read_items(tmp_path / "items.jsonl") == items


@pytest.mark.slow
def test_items_of_words_that_nobody_reviewed_are_written_as_before():
    items = built(chest()).items
    assert not any("mappings_reviewed" in item.model_dump_json() for item in items)
    again = built(all_found_right()).items
    assert [item.model_copy(update={"mappings_reviewed": False}) for item in again] == items


@pytest.mark.slow
def test_the_card_of_items_prints_the_share(tmp_path):
    items = tmp_path / "items.jsonl"
    words = all_found_right()
    build_dataset("phantom", items, TemplateWriter(grammar(words)), count=5, vocabulary=words)
    said = items.with_suffix(".card.md").read_text("utf-8")
    every = words.reviewed[1]
    assert f"found right {every} of {every} (100%) of the vocabulary's mappings" in said
    assert "; 5 of 5 (100%) of the items use no others." in said
    assert read_vocabulary(items.with_suffix(".vocabulary.yaml")).reviewed == (every, every)  # reviews go along


def test_of_statements_those_that_say_an_absence_affirmatively_are_counted():
    def example(text: str, cue: str | None, other: str) -> Example:
        claim, there = (Claim(finding="Cardiomegaly", polarity=polarity) for polarity in ("absent", "present"))
        return Example(
            study_id="s", patient_id="p", claim=claim, text=text, cue=cue,
            contradictions=(Contradiction(text=other, kind="polarity", claim=there),),
        )  # fmt: skip

    examples = [
        example("Normal heart size.", None, "Cardiomegaly."),
        example("No cardiomegaly.", "no", "Cardiomegaly."),
    ]
    examples.append(example("A slim heart.", None, "Cardiomegaly."))  # words that the vocabulary does not have
    assert share_reviewed(examples, all_found_right()) == (1, 2)
    assert share_reviewed(examples, chest()) == (0, 2)


@pytest.mark.slow
def test_other_words_of_an_item_are_looked_up_anew():
    words = all_found_right("Cardiomegaly")
    item = next(one for one in built(words).items if not one.mappings_reviewed)
    same = reword(item, Draft(item.negated, item.affirmative), vocabulary=all_found_right()).item
    assert same is not None
    assert same.mappings_reviewed
