"""The texts that a repair is distilled by: both sides in them, what figures are made of kept out, and refusals."""

from pathlib import Path

import numpy as np
import pytest

from nast_core.benchmark.grammar import grammar
from nast_core.errors import DataError
from nast_core.finetune.teaching import Lessons, apart, fixed_words, grammar_texts, lessons, sentences_of, teaching
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.parser import parse
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.repair.splitting import split
from nast_core.vocabulary.model import Condition, Vocabulary
from nast_core.vocabulary.shipped import chest

pytestmark = pytest.mark.slow  # a thousand texts are parsed

CHEST = chest()


def made(**fields) -> Lessons:
    return lessons(CHEST, **{"texts": "grammar", "reports": None, "most": 300} | fields)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return grammar_texts(CHEST, 1200, np.random.default_rng(0))


def said(template: str, condition: str) -> str:
    noun = CHEST[condition].nouns[0]
    has = "have" if noun.verb == "are" else "has"
    return template.format(N=noun.text, P=noun.phrase, **{"is": noun.verb, "has": has}) + "."


MASS = Condition(nouns=[("a", "mass", "is")])


def vocabulary(**conditions: Condition) -> Vocabulary:
    return Vocabulary(name="bare", examination=CHEST.examination, conditions=conditions)


def test_texts_are_distinct_and_equal_seeds_write_equal_ones(texts):
    assert len(set(texts)) == len(texts) == 1200
    assert grammar_texts(CHEST, 50, np.random.default_rng(3)) == grammar_texts(CHEST, 50, np.random.default_rng(3))


def test_texts_have_both_sides_and_every_cue_of_the_grammar(texts):
    found = [{mention.state for mention in parse(text)} for text in texts]
    shares = {state: np.mean([state in states for states in found]) for state in ("absent", "present", "uncertain")}
    assert 0.5 < shares["absent"] < 0.8
    assert shares["present"] > 0.3
    assert shares["uncertain"] > 0.05
    cues = {cue.text for text in texts for cue in denying_cues(text)}
    words = grammar(CHEST)
    assert {absence.cue for absence in (*words.clauses_of_absence, *words.behind)} <= cues


@pytest.mark.parametrize("kind", ["affirming", "pseudo", "hedges"])
def test_what_only_looks_like_a_denial_is_read_as_none_and_so_keeps_its_vector(kind):
    for template in teaching(CHEST.examination).kinds[kind]:
        for condition in CHEST.conditions:
            text = said(template, condition)
            states = {mention.state for mention in parse(text)}
            assert states, text
            assert "absent" not in states, text
            assert not split(text).denied, text


def test_what_denies_in_other_words_than_the_grammars_is_read_as_a_denial_and_so_is_moved():
    for template in teaching(CHEST.examination).kinds["denied"]:
        for condition in CHEST.conditions:
            text = said(template, condition)
            assert split(text).denied, text


def test_texts_name_up_to_three_findings_present_absent_and_normal_ones_among_them(texts):
    named = [{mention.condition for mention in parse(text)} for text in texts]
    assert {1, 2, 3} <= {len(conditions) for conditions in named}
    assert any(" are present" in text or text.lower().startswith("there are ") for text in texts)  # several at once
    several = [text for text in texts if len([one for one in parse(text) if one.state == "absent"]) == 3]
    assert len(several) > 20


def test_thirty_denials_and_the_frames_of_the_figures_stand_in_no_text(texts):
    kept_out = apart(CHEST)
    assert len(set(kept_out["never"])) == 30
    low = [text.lower() for text in texts]
    for template in (template for templates in kept_out.values() for template in templates):
        for words in fixed_words(template):  # by plain search
            assert not [text for text in low if all(word in text for word in words)], template
    by_parser = {cue.text for template in kept_out["never"] for cue in denying_cues(said(template, "Edema"))}
    words = grammar(CHEST)
    of_grammar = {absence.cue for absence in (*words.clauses_of_absence, *words.behind)}
    taught = {cue.text for text in texts for cue in denying_cues(text)}
    foreign = by_parser - of_grammar - {"nor"}
    assert {"never", "nothing to suggest", "argues against", "denies", "no suggestion of"} <= foreign
    assert not foreign & taught


def test_a_template_is_told_by_its_own_words_of_one_thing_and_of_several():
    assert fixed_words("{N} {has} not been seen") == [(" has not been seen",), (" have not been seen",)]
    assert fixed_words("no {N} whatsoever") == [("no ", " whatsoever")]


def test_cues_that_are_kept_out_deny_in_no_text():
    without = made(without_cues=HELD_OUT_CUES)
    assert without.train
    assert not HELD_OUT_CUES & without.cues
    assert not [t for t in without.train for cue in denying_cues(t) if cue.text in HELD_OUT_CUES]
    with pytest.raises(DataError, match="no text denies by 'not sen'; did you mean 'not seen'"):
        made(without_cues=("not sen",))


def test_what_is_watched_is_not_learnt_and_lessons_say_how_much_denies():
    found = made()
    assert len(found.validation) == 162  # a fifth of 300 + 512
    assert not set(found.train) & set(found.validation)
    assert found.denying == sum(bool(split(text).denied) for text in found.train)
    assert found.source == "812 texts of the grammar"
    short = made(fits=lambda text: len(text) < 60)
    assert short.unread + len(short.train) + len(short.validation) == 812
    assert max(map(len, short.train)) < 60


def test_sentences_of_a_file_one_a_line_or_of_reports_stand_beside_the_grammars(tmp_path):
    (tmp_path / "some.txt").write_text("There is no edema.\n\nThe  heart is large.\nThere is no edema.\n")
    rng = np.random.default_rng(0)
    assert sentences_of(tmp_path / "some.txt", 10, rng) == ["There is no edema.", "The heart is large."]
    rows = "study_id,text\n1,FINDINGS: No effusion. The lungs are clear.\n2,FINDINGS: No effusion.\n"
    (tmp_path / "reports.csv").write_text(rows)
    read = sentences_of(tmp_path / "reports.csv", 10, rng)
    assert [text.rstrip(".") for text in read] == ["No effusion", "The lungs are clear"]
    both = made(texts="both", reports=tmp_path / "some.txt", most=20)
    assert {"There is no edema.", "The heart is large."} & {*both.train, *both.validation}
    assert both.source == f"532 texts of the grammar, 2 sentences of {tmp_path / 'some.txt'}"


def test_what_gives_nothing_to_teach_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "none.txt").write_text("\n \n")
    (tmp_path / "plain.txt").write_text("The heart is large.\nThere is an effusion.\n" * 5)
    with pytest.raises(DataError, match=r"none\.txt has no sentence; give a file with one a line"):
        made(texts="reports", reports=tmp_path / "none.txt")
    with pytest.raises(DataError, match="of the 1 sentences to learn from none denies a finding that the parser knows"):
        made(texts="reports", reports=tmp_path / "plain.txt")
    with pytest.raises(DataError):
        made(texts="reports", reports=tmp_path / "absent.txt")


def test_rewrite_is_no_teacher_where_the_vocabulary_has_no_equivalents():
    bare = vocabulary(Edema=Condition(nouns=[("", "edema", "is")]), Mass=MASS)
    asked = {"texts": "grammar", "reports": None, "most": 50}
    with pytest.raises(DataError, match=r"rewrite has no affirmative equivalent for any of the .* take teacher region"):
        lessons(bare, **asked, teacher="rewrite")
    assert lessons(bare, **asked, teacher="region").denying


def test_rewrite_leaves_out_what_it_would_teach_to_stay(tmp_path):
    (tmp_path / "some.txt").write_text("There is no edema.\nThere is no mass.\nThere is a mass.\n")
    edema = Condition(nouns=[("", "edema", "is")], equivalents=["dry lungs"])
    words = vocabulary(Edema=edema, Mass=MASS)
    found = lessons(words, texts="reports", reports=Path(tmp_path / "some.txt"), teacher="rewrite")
    assert {*found.train, *found.validation} == {"There is no edema.", "There is a mass."}
    assert found.source.endswith("less 1 whose denials have no affirmative equivalent")
