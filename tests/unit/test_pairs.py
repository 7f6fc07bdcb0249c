"""Cues, phrases, polarity pairs and their alignment: what is found, what is refused, and in which words."""

import json
import re

import pytest

from nast_core.errors import DataError, PairError, TextError
from nast_core.negation.pairs import PolarityPair, align, align_all, read_pairs, template_pairs
from nast_core.negation.phrases import DENIALS, HELD_OUT_CUES
from nast_core.vocabulary.cues import CUES, find_cues
from nast_core.vocabulary.shipped import chest
from tests.words import CHEXPERT_CONDITIONS, FRAMES

NEGATING_WORDS = {
    "no",
    "not",
    "nor",
    "none",
    "never",
    "neither",
    "without",
    "absent",
    "absence",
    "free",
    "negative",
    "lack",
    "lacks",
    "denies",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("there is no edema .", [("no", 9, 11)]),
        ("No evidence of edema, not seen before", [("no evidence of", 0, 14), ("not seen", 22, 30)]),
        ("edema is  NOT\tSEEN", [("not seen", 10, 18)]),
        ("without effusion or pneumothorax", [("without", 0, 7)]),
        ("nodule noted on the now normal lung", []),
        ("a no-contrast scan of node no2", []),
        ("", []),
    ],
)
def test_cues_are_found_whole_longest_first_and_never_inside_a_word(text, expected):
    assert [(cue.text, cue.start, cue.end) for cue in find_cues(text)] == expected


@pytest.mark.parametrize("cue", CUES)
def test_every_listed_cue_is_found_as_itself(cue):
    assert [found.text for found in find_cues(f"Heart size {cue.upper()} edema.")] == [cue]


def test_there_are_words_for_all_13_conditions():
    assert len(CHEXPERT_CONDITIONS) == 13
    assert set(chest().conditions) == set(CHEXPERT_CONDITIONS)
    assert all(words.prompt_nouns and words.prompt_equivalents for words in chest().entries.values())


def test_no_affirmative_phrase_negates():
    said = [
        text
        for words in chest().entries.values()
        for text in (*words.prompt_equivalents, *words.grades.words, *(noun.phrase for noun in words.prompt_nouns))
    ]
    assert [text for text in [*said, *FRAMES] if find_cues(text) or NEGATING_WORDS & set(text.split())] == []


def test_every_denial_holds_exactly_the_cue_it_is_listed_under():
    for denial in DENIALS:
        assert [cue.text for cue in find_cues(denial.template.format(noun="edema", **{"is": "is"}))] == [denial.cue]
    assert {denial.cue for denial in DENIALS} > HELD_OUT_CUES


def test_template_pairs_cover_every_condition_in_six_frames_and_only_the_second_text_negates():
    pairs = template_pairs()
    for condition in CHEXPERT_CONDITIONS:
        nouns = sorted((noun.text for noun in chest()[condition].prompt_nouns), key=len, reverse=True)
        frames = {re.sub("|".join(nouns), "X", pair.negated.lower()) for pair in pairs if pair.finding == condition}
        assert len({frame.replace(" are ", " is ") for frame in frames}) == 6, condition
    for pair in pairs:
        assert find_cues(pair.affirmative) == []
        assert len(find_cues(pair.negated)) == 1


def test_template_pairs_align_under_the_models_own_tokenizer_or_are_reported(model64):
    pairs = template_pairs()
    found = align_all(pairs, model64.text)
    assert len(found.aligned) + len(found.refused) == len(pairs)
    assert {pair.pair.finding for pair in found.aligned} == set(CHEXPERT_CONDITIONS)
    assert all("equally many tokens" in reason for _, reason in found.refused)
    for pair in found.aligned:
        affirmative = model64.text.tokenize([pair.pair.affirmative]).ids[0].tolist()
        negated = model64.text.tokenize([pair.pair.negated]).ids[0].tolist()
        assert [p for p, (a, n) in enumerate(zip(affirmative, negated, strict=True)) if a != n] == list(pair.differing)
        assert set(pair.differing) <= set(pair.negator)


def pieces(*words: str) -> tuple[str, ...]:
    return ("<start>", *words, "<end>")


@pytest.mark.parametrize(
    ("affirmative", "negated", "cue", "negator", "differing", "roles"),
    [
        (
            "there is severe pneumonia .",
            "there is no pneumonia .",
            "no", ["no"], ["no"],
            "before before before negator finding_first punctuation end",
        ),
        (
            "some evidence of rib fracture , large",
            "no evidence of rib fracture , large",
            "no evidence of", ["no", "evidence", "of"], ["no"],
            "before negator negator negator finding_first finding_further punctuation finding_further end",
        ),
        (
            "view . pneumonia is present",
            "view . pneumonia is absent",
            "absent", ["absent"], ["absent"],
            "before before before before before negator end",
        ),
        (
            "no fracture ; mild pneumonia .",
            "no fracture ; no pneumonia .",
            "no", ["no"], ["no"],
            "before before before before negator finding_first punctuation end",
        ),
    ],
)  # fmt: skip
def test_negator_and_roles_by_hand(model64, affirmative, negated, cue, negator, differing, roles):
    words = {word for text in (affirmative, negated) for word in text.split()}
    assert all(
        model64.text.tokenize([word]).ids.shape[1] == 3 for word in words
    )  # one token a word, so roles are by word
    pair = align(PolarityPair(affirmative=affirmative, negated=negated), model64.text)
    assert pair.pieces_negated == pieces(*negated.split())
    assert pair.pieces_affirmative == pieces(*affirmative.split())
    assert pair.cue.text == cue
    assert [pair.pieces_negated[p] for p in pair.negator] == negator
    assert [pair.pieces_negated[p] for p in pair.differing] == differing
    assert [role.replace(" ", "_") for role in pair.roles] == roles.split()
    assert pair.length == len(negated.split()) + 2


def test_the_negator_is_found_through_offsets_behind_upper_case_accents_spaces_and_brackets(model64):
    text = "Café  日本:  there is ({}) edema"
    pair = align(PolarityPair(affirmative=text.format("a"), negated=text.format("NO")), model64.text)
    assert [pair.pieces_negated[p].lower() for p in pair.negator] == ["no"]
    assert "<end>" not in pair.pieces_negated[:-1]  # a token that is part of a character shows that character
    assert pair.roles.count("negator") == 1


def test_a_negator_of_two_words_against_two_words_differs_at_both(model64):
    pair = align(PolarityPair(affirmative="positive with edema", negated="negative for edema"), model64.text)
    assert [pair.pieces_negated[p] for p in pair.differing] == ["negative", "for"]
    assert pair.negator == pair.differing


@pytest.mark.parametrize(
    ("affirmative", "negated", "said"),
    [
        ("no edema .", "no edema .", "the two texts are equal: 'no edema .'"),
        ("No  edema .", " no edema .", "the two texts are equal"),
        ("mild edema .", "severe edema .", "the negated text has no negator: 'severe edema .'; use a cue such as 'no'"),
        ("no edema .", "severe edema .", "the negated text has no negator"),
        ("mild pneumonia .", "no fracture .", "the texts differ outside the negator 'no': "),
        (
            "no mild edema .",
            "no severe edema .",
            "the negator of 'no severe edema .' stands in the affirmative text too",
        ),
        ("without edema .", "no edema .", "the affirmative text is negated too, by 'without': 'without edema .'"),
    ],
)
def test_a_pair_that_is_none_is_refused_with_the_reason(model64, affirmative, negated, said):
    pair = PolarityPair(affirmative=affirmative, negated=negated)
    with pytest.raises(PairError) as caught:
        align(pair, model64.text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert align_all([pair], model64.text).refused == ((pair, str(caught.value)),)


def test_a_difference_outside_the_negator_is_shown_by_both_words(model64):
    with pytest.raises(PairError, match=r"'pneumonia' against 'fracture'; a pair may differ only at the negator"):
        align(PolarityPair(affirmative="mild pneumonia .", negated="no fracture ."), model64.text)


def test_unequal_token_counts_are_refused_with_both_counts_and_both_tokenisations(model64):
    with pytest.raises(PairError) as caught:
        align(PolarityPair(affirmative="there is pneumonia .", negated="there is no pneumonia ."), model64.text)
    message = str(caught.value)
    assert "got 6 for 'there is pneumonia .' (<start> there is pneumonia . <end>)" in message
    assert "and 7 for 'there is no pneumonia .' (<start> there is no pneumonia . <end>)" in message


@pytest.mark.parametrize(("affirmative", "negated"), [("", "no edema"), ("edema", "  "), ("", "")])
def test_an_empty_text_is_refused_as_empty(model64, affirmative, negated):
    pair = PolarityPair(affirmative=affirmative, negated=negated)
    with pytest.raises(TextError, match="the text is empty"):
        align(pair, model64.text)
    assert "the text is empty" in align_all([pair], model64.text).refused[0][1]


def test_a_text_over_the_context_is_refused_with_both_lengths(model64):
    many, limit = "edema " * 90, model64.text.context_length
    with pytest.raises(TextError, match=f"and the model reads at most {limit}"):
        align(PolarityPair(affirmative=f"mild {many}", negated=f"no {many}"), model64.text)


def test_pairs_are_read_from_a_file_line_by_line(tmp_path):
    path = tmp_path / "pairs.jsonl"
    first = {"affirmative": "mild œdema\u2028.", "negated": "no œdema\u2028.", "finding": "Edema", "image": "a.png"}
    second = {"affirmative": "a", "negated": "no"}
    text = f"{json.dumps(first, ensure_ascii=False)}\n\n  \n{json.dumps(second)}\r\n"
    path.write_text(text, "utf-8-sig")  # with the mark that Windows editors put first
    assert read_pairs(path) == [PolarityPair(**first), PolarityPair(**second)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"affirmative": "a", "negated"', "not JSON: Expecting ':' delimiter at character 31"),
        ('{"affirmative": "a"}', "negated: Field required"),
        ('{"affirmative": "a", "negated": 3}', "negated: Input should be a valid string"),
        ('{"affirmative": "a", "negated": "no a", "findin": "x"}', "findin: Extra inputs are not permitted"),
        ('["a", "no a"]', "Input should be a valid dictionary"),
    ],
)
def test_a_line_that_is_no_pair_is_refused_with_its_number_and_what_is_wrong(tmp_path, line, said):
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"affirmative": "a", "negated": "no"}\n\n' + line + "\n")
    with pytest.raises(DataError) as caught:
        read_pairs(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 3: not a pair ({said}")
    assert '{"affirmative": "...", "negated": "..."' in message
    assert "\n" not in message


def test_a_file_of_pairs_that_is_missing_empty_or_not_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        read_pairs(tmp_path / "nowhere.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="has no pairs; write one JSON object a line"):
        read_pairs(tmp_path / "empty.jsonl")
    (tmp_path / "picture.jsonl").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="cannot be read as UTF-8 text"):
        read_pairs(tmp_path / "picture.jsonl")


@pytest.mark.parametrize("sides", [("{}", "{}"), ("{}edema", "{}some edema")])
def test_what_is_said_of_a_pair_is_short_however_long_its_texts_are(tiny, sides):
    long = "a " * 50_000
    pair = PolarityPair(affirmative=sides[0].format(long), negated=sides[1].format(long))
    ((_, reason),) = align_all([pair], tiny.text).refused
    assert len(reason) < 1000


def test_no_message_is_longer_than_a_page():
    assert len(str(PairError("x" * 100_000))) < 4100
    assert str(PairError("x" * 100_000)).endswith("… (100,000 characters)")
