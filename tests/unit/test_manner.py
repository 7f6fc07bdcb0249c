"""How statements are said: sets of cues, contrasts in other words, hard affirmatives, and that nothing else changes."""

import hashlib
import itertools
import re
from collections import Counter

import pytest

from nast_core.benchmark.grammar import grammar
from nast_core.claims.build import build_examples
from nast_core.claims.claim import Claim
from nast_core.claims.cue_sets import (
    ALL,
    EIGHT,
    OWN,
    cue_set,
    draw_cues,
    manner_of,
    read_cues,
    sides,
    taught_by,
    teachable,
    untaught,
)
from nast_core.claims.extract import extract
from nast_core.claims.manner import Manner
from nast_core.claims.phantom import SPOKEN, phantom_studies
from nast_core.claims.ways import ways
from nast_core.errors import DataError
from nast_core.finetune.data import texts_of, training_data
from nast_core.finetune.teaching import fixed_words, teaching
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.vocabulary.shipped import chest
from nast_core.work.building import SaidRecipe

pytestmark = pytest.mark.slow  # some hundred phantoms

MANNERS = {
    "own": SPOKEN,
    "one": manner_of("without", contrasts="off"),
    "eight": manner_of(EIGHT, contrasts="reworded", hard=0.3),
    "behind": manner_of("not present, excluded", contrasts="off"),
    "both sides": manner_of(EIGHT, contrasts="off", hard=0.2, unmoved=16),
    "all": manner_of(ALL),
    "drawn": manner_of(draw_cues(4, seed=3), contrasts="off"),
}


@pytest.fixture(scope="module")
def people():
    return [*phantom_studies(120, split="train", seed=1), *phantom_studies(40, split="validation", seed=1)]


def digest(examples) -> str:
    return hashlib.sha256("\n".join(e.model_dump_json() for e in examples).encode()).hexdigest()


def test_unasked_statements_are_byte_for_byte_what_they_were():
    """Digests of the code before there were manners."""
    studies = phantom_studies(60, seed=2)
    assert digest(build_examples(studies, seed=2).examples).startswith("b1a9ee39bbfc5d65")
    assert digest(build_examples(studies, seed=2, manner=SPOKEN).examples).startswith("d5c687c61d89ac14")
    assert manner_of(ALL) == Manner()
    assert manner_of(OWN) == SPOKEN


@pytest.mark.parametrize("name", MANNERS)
def test_no_training_text_holds_a_cue_that_is_not_taught(people, name):
    """Asked of every statement, contradiction and caption, by the parser and by a plain search."""
    manner = MANNERS[name]
    examples = build_examples(people, manner=manner).examples
    train = [example for example in examples if example.split == "train"]
    said = [text for example in train for text in texts_of(example)]
    captions = [
        one.text
        for study in training_data(examples, most_validation=20).train
        for caption in study.captions
        for one in (caption.true, caption.false)
        if one
    ]
    assert len(said) > 500
    assert len(captions) > 300
    assert untaught([*said, *captions], manner) == {}
    cues = {one.cue for example in train for one in (example, *example.contradictions) if one.cue}
    assert cues <= taught_by(manner)
    assert not HELD_OUT_CUES & taught_by(manner)
    watched = [e.cue for e in examples if e.split == "validation" and e.cue]
    assert set(watched) & HELD_OUT_CUES  # so that what was not taught is measured


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("No evidence of an effusion.", set()),
        ("No effusion.", {"no"}),
        ("Edema is absent.", {"absent"}),
        ("Edema; the heart is free of it, absent, not seen.", {"free of", "absent", "not seen"}),
        ("Edema is not seen.", {"not seen"}),
        ("No interval change in edema.", {"no"}),
        ("Edema is not present.", set()),
        ("Edema is excluded; there is not any.", {"excluded", "not"}),
        ("Edema is not there.", set()),  # of no group that is measured
        ("A nodule in a noteworthy place.", set()),
    ],
)
def test_the_plain_search_takes_whole_words_and_what_is_taught_covers_its_parts(text, found):
    manner = manner_of("no evidence of, not present", contrasts="off")
    assert set(untaught([text], manner)) == found


def test_sets_are_of_the_grammars_cues_and_none_holds_one_that_is_held_out():
    assert len(cue_set(OWN)) == 5
    assert len(cue_set(EIGHT)) == 8
    assert cue_set(OWN) < cue_set(EIGHT) < cue_set(ALL)
    assert len(cue_set(ALL)) == len(teachable()) == 28
    assert {sides()[cue] for cue in cue_set(OWN)} == {"before"}
    assert Counter(sides()[cue] for cue in cue_set(EIGHT)) == {"before": 5, "behind": 3}


def test_random_sets_grow_and_are_of_the_kind_that_is_asked_for():
    sets = [draw_cues(count, seed=2) for count in (1, 2, 4, 8, 16)]
    assert [len(one) for one in sets] == [1, 2, 4, 8, 16]
    assert all(small < large for small, large in itertools.pairwise(sets))
    assert Counter(sides()[cue] for cue in sets[3]) == {"before": 4, "behind": 4}
    assert {sides()[cue] for cue in draw_cues(8, seed=2, where="before")} == {"before"}
    assert draw_cues(8, seed=2) == sets[3] != draw_cues(8, seed=3)
    with pytest.raises(DataError, match="no before set of 18 cues; there are 17 before and 11 behind"):
        draw_cues(18, seed=0, where="before")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("absent", "'absent' is kept out of every training text"),
        ("no, witout", "no statement denies by 'witout', did you mean 'without'; give own, eight, all, or of these"),
        ("eigth", "did you mean 'eight'"),
        (" , ", "no cue is given; give own"),
        ("", "no cue is given"),
        ("x" * 5000, "no statement denies by 'xxx"),
    ],
)
def test_cues_that_cannot_be_taught_are_one_sentence(asked, said):
    with pytest.raises(DataError) as caught:
        read_cues(asked)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 900


def test_a_recipe_says_the_same_and_its_fields_are_those_of_the_command():
    recipe = SaidRecipe(cues="eight", contrasts="off", hard_affirmatives=0.25, pseudo_negations=4)
    assert recipe.manner == manner_of(EIGHT, contrasts="off", hard=0.25, unmoved=4)
    assert SaidRecipe().manner == Manner()
    with pytest.raises(ValueError, match="there are 16 pseudo-negations to be taught, got 17; give 0 to 16"):
        SaidRecipe(pseudo_negations=17)
    with pytest.raises(ValueError, match="pseudo-negations are said with 'no' and 'without', and not both"):
        SaidRecipe(cues="no, not present", pseudo_negations=1)
    with pytest.raises(ValueError, match="no statement denies by 'nope'"):
        SaidRecipe(cues="nope")


def test_contrasts_are_said_without_a_denial_or_not_at_all(people):
    def placed(manner):
        return [
            (example, other)
            for example in build_examples(people, manner=manner, balanced=False).examples
            for other in example.contradictions
            if other.kind != "polarity"
        ]

    off, reworded = (placed(manner_of(OWN, contrasts=how)) for how in ("off", "reworded"))
    assert not [e.text for e, _ in off if re.search(r"\bonly\b|\balone\b|, not |but not|rather than", e.text)]
    only = [(e, other) for e, other in reworded if re.search(r"\bonly\b|\balone\b", e.text + other.text)]
    assert len(only) > 50
    for example, other in only:
        assert example.cue is other.cue is None
        assert re.search(r"\bonly\b|\balone\b", example.text), example.text  # in both: no word tells which is true
        assert re.search(r"\bonly\b|\balone\b", other.text), other.text
        assert example.claim.only
    assert {other.kind for _, other in only} == {"location", "severity"}


def test_a_reader_of_reports_takes_every_frame_of_presence_for_presence():
    """Hard affirmatives, and those with a word of negation; about a finding with its side."""
    effusion = Claim(finding="Pleural Effusion", polarity="present")
    for template in (*grammar().hard, *grammar().unmoved):
        text = template.format(N="pleural effusion", P="a pleural effusion", **{"is": "is"})
        read = [claim.meaning for claim in extract(f"{text}.").claims]
        assert read == [effusion], text


def test_hard_affirmatives_and_pseudo_negations_are_said_in_their_share(people):
    manner = manner_of(OWN, contrasts="off", hard=0.4, unmoved=4)
    told = [
        one.text.lower()
        for example in build_examples(people, manner=manner, balanced=False).examples
        for one in (example, *example.contradictions)
        if one.claim and one.claim.polarity == "present" and one.cue is None
    ]

    def share(frames: tuple[str, ...]) -> float:
        patterns = [re.compile(_pattern(frame)) for frame in frames]
        return sum(any(p.search(text) for p in patterns) for text in told) / len(told)

    assert share(grammar().unmoved[:4]) == pytest.approx(0.25, abs=0.05)
    assert share(grammar().unmoved[4:]) == 0
    assert share(grammar().hard) == pytest.approx(0.4 * 0.75, abs=0.06)


BETWEEN = r"\b.*\b"


def _pattern(template: str) -> str:
    pieces = [re.escape(part) for piece in re.split(r"\{\w+\}", template) if (part := piece.strip())]
    return rf"\b{BETWEEN.join(pieces)}\b"


def test_what_false_denial_is_asked_by_is_in_no_frame_that_is_taught(people):
    """By their templates, and by a plain search through texts that hold all taught frames."""
    words = grammar()
    asked = [one.said for one in (*words.affirming, *words.pseudo)]
    assert not {*asked} & {*words.hard, *words.unmoved}
    manner = manner_of(ALL, hard=0.5, unmoved=16)
    texts = [
        text.lower()
        for example in build_examples(people, manner=manner, balanced=False).examples
        if example.split == "train"
        for text in texts_of(example)
    ]
    for prompt in (prompt for way, prompt in ways("Pleural Effusion").items() if not way.denies):
        (said,) = prompt.towards
        fixed = [part.strip(" .") for part in said.lower().split("pleural effusion")]
        assert any(fixed), said
        held = [text for text in texts if all(re.search(rf"\b{re.escape(part)}\b", text) for part in fixed if part)]
        assert not held, (said, held[:3])
    for template in teaching(chest().examination).never:  # the denials that every cell is asked by
        for parts in fixed_words(template):
            assert not [text for text in texts if all(part in text for part in parts)], template


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"hard": 1.5}, "number from 0 to 1"), ({"unmoved": -1}, "0 or more"), ({"contrasts": "loud"}, "on, off, rew")],
)
def test_a_manner_out_of_range_is_refused(fields, said):
    with pytest.raises(DataError, match=said):
        Manner(**fields)
