"""The parser on sentences labelled by hand (tests/parser), on whole kinds of them, and on the rules of scope one by
one."""

import re
from hashlib import sha1
from pathlib import Path

import pytest

from nast_core.claims.openi import read_reports
from nast_core.errors import DataError
from nast_core.negation.lexicon import find_namings
from nast_core.negation.parser import parse, parse_all
from nast_core.negation.parser_report import Label, Sentence, read_gold, read_sentences, report
from nast_core.negation.phrases import DENIALS
from nast_core.negation.spelling import spelt
from nast_core.vocabulary.cues import CUES, cue_table, find_cues
from tests.timing import seconds

SENTENCES = Path(__file__).parents[1] / "parser" / "sentences.tsv"


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    return read_sentences(SENTENCES)


def test_there_are_at_least_300_sentences_half_of_them_held_back(sentences):
    assert len({sentence.text for sentence in sentences}) == len(sentences) >= 300
    held = [sentence for sentence in sentences if sentence.half == "held"]
    assert len(held) == pytest.approx(len(sentences) / 2, abs=1)
    cues = {label.cue for sentence in sentences for label in sentence.labels if label.state == "absent"}
    assert len(cues) >= 40


@pytest.mark.parametrize("half", ["develop", "held"])
def test_every_sentence_labelled_by_hand_is_read_as_it_is_labelled(sentences, half):
    found = report([sentence for sentence in sentences if sentence.half == half])
    assert found.wrong == ()
    assert found.reversals == 0
    assert found.states["absent"].labelled >= 150


def test_scores_are_counted_by_state_and_cue_and_what_is_turned_round_is_a_reversal():
    found = report(
        [
            Sentence("held", "No edema; cardiomegaly is "
                "absent.", (Label("Edema", "absent", "no"), Label("Cardiomegaly", "absent", "absent"))),
            # labelled so to be counted as turned round
            Sentence("held", "No fracture.", (Label("Fracture", "present"),)),
            Sentence("held", "Effusion here.", (Label("Pleural Effusion", "absent", "no"),)),
            # implied: counts neither way
            Sentence("held", "Small effusion.", (), (Label("Pleural Effusion", "present"),)),
        ]
    )  # fmt: skip
    absent, present = found.states["absent"], found.states["present"]
    assert (absent.found, absent.right, absent.labelled, absent.recalled) == (3, 2, 3, 2)
    assert (present.found, present.right, present.labelled) == (1, 0, 1)
    assert (found.cues["no"].precision, found.cues["no"].recall) == (0.5, 0.5)
    assert (found.cues["absent"].precision, found.cues["absent"].recall) == (1, 1)
    assert (found.right, found.sentences, found.reversals) == (2, 4, 2)
    assert found.wrong == ("No fracture.", "Effusion here.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No effusion, edema, or fracture.", {"Pleural Effusion": "absent", "Edema": "absent", "Fracture": "absent"}),
        ("No effusion, but edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion, mild edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion and edema is seen.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("No effusion and edema are seen.", {"Pleural Effusion": "absent", "Edema": "absent"}),
        ("No effusion with edema.", {"Pleural Effusion": "absent", "Edema": "present"}),
        ("Effusion and edema are absent.", {"Pleural Effusion": "absent", "Edema": "absent"}),
        ("Effusion is seen and edema is absent.", {"Pleural Effusion": "present", "Edema": "absent"}),
        ("Edema is absent; effusion is seen.", {"Edema": "absent", "Pleural Effusion": "present"}),
        ("Effusion without edema.", {"Pleural Effusion": "present", "Edema": "absent"}),
        ("No change in effusion.", {"Pleural Effusion": "present"}),
        ("The effusion is not absent.", {"Pleural Effusion": "present"}),
        ("Effusion is not excluded.", {"Pleural Effusion": "uncertain"}),
        ("Edema is no longer seen.", {"Edema": "absent"}),
        ("The heart is not enlarged.", {"Cardiomegaly": "absent"}),
        ("Clear lungs.", {"Lung Opacity": "normal"}),
        ("Lungs free of opacity.", {"Lung Opacity": "absent"}),
        ("Nothing of note.", {}),
        ("", {}),
    ],
)
def test_a_cue_reaches_as_far_as_its_clause(text, expected):
    assert {mention.condition: mention.state for mention in parse(text)} == expected


def test_a_mention_says_where_it_stands_and_what_denies_it():
    text = "Impression: NO  Evidence of a Pneumothorax."
    (mention,) = parse(text)
    assert text[mention.start : mention.end] == "Pneumothorax"
    assert text[mention.cue_start : mention.cue_end] == "NO  Evidence of"


def test_texts_are_read_in_order_whatever_comes_between():
    read = list(parse_all(["No edema.", "", "A fracture.", "x" * 5000]))
    assert [[(m.condition, m.state) for m in mentions] for mentions in read] == [
        [("Edema", "absent")], [], [("Fracture", "present")], []
    ]  # fmt: skip


def test_of_overlapping_names_the_longest_is_taken():
    namings = find_namings("a collapsed lung and lobar collapse; airspace consolidation")
    assert [naming.conditions for naming in namings] == [("Pneumothorax",), ("Atelectasis",), ("Consolidation",)]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("No  pneumothroax.", "pneumothroax"),
        ("No evidance of\npnuemonia, small effussion.", "pnuemonia"),
        ("Mild cardiomegally is stable.", "cardiomegally"),
    ],
)
def test_a_finding_misspelt_by_a_letter_is_found_where_it_was_written(text, named):
    mention = parse(text)[0]
    assert text[mention.start : mention.end] == named
    assert mention.state == ("present" if "Mild" in text else "absent")


@pytest.mark.parametrize(
    "word", ["pneumonic", "fractured", "opacify", "pleura", "evidenced", "infiltrated", "effusive"]
)
def test_another_form_of_a_word_is_no_misspelling(word):
    assert spelt(f"a {word} thing") == (f"a {word} thing", None)


def test_cues_are_listed_once_and_hold_those_of_the_demo_world():
    table = cue_table()
    for cues in (table.before, table.after):
        assert len(set(cues)) == len(cues)
    assert {denial.cue for denial in DENIALS} <= set(CUES)
    assert [cue.text for cue in find_cues("it isn't seen")] == ["n't"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("held\tNo edema.", "line 1: needed: half, sentence and labels"),
        ("# x\nheld\tNo edema.\tEdema: gone", "line 2: 'Edema: gone' is no label"),
        ("held\tNo edema.\tOedema: absent (no)", "'Oedema: absent (no)' is no label"),
    ],
)
def test_a_bad_file_of_sentences_is_refused_with_its_line(tmp_path, content, said):
    (tmp_path / "s.tsv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_sentences(tmp_path / "s.tsv")
    assert said in str(caught.value)
    with pytest.raises(DataError, match="there is no file"):
        read_sentences(tmp_path / "none.tsv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"text": "No edema.", "labels": "Edema=gone"}', "'Edema=gone' is no label"),
        ('{"text": "No edema."}', "text and labels are needed"),
        ("[]", "text and labels are needed"),
        ("{", "not JSON"),
        ("", "has no labelled sentences"),
    ],
)
def test_bad_gold_is_refused_with_its_line(tmp_path, content, said):
    (tmp_path / "gold.jsonl").write_text(content)
    with pytest.raises(DataError, match=said):
        read_gold(tmp_path / "gold.jsonl")


def test_gold_in_json_lines_knows_what_is_implied_and_what_is_only_mentioned(tmp_path):
    (tmp_path / "gold.jsonl").write_text(
        '{"text": "Clear lungs.", "labels": "Lung Opacity=absent", "implied": "Edema=absent"}\n'
        '{"text": "Heart size is stable.", "labels": "Cardiomegaly=mentioned"}\n'
    )
    found = report(read_gold(tmp_path / "gold.jsonl"))
    assert (found.right, found.states["absent"].labelled, found.states["absent"].found) == (2, 1, 1)


KINDS = [
    (s.half, s.text, s.labels)
    for name in ("kinds.tsv", "fresh.tsv", "fresh2.tsv")
    for s in read_sentences(SENTENCES.with_name(name))
]


@pytest.mark.parametrize(("kind", "text", "labels"), KINDS)
def test_a_sentence_of_a_kind_is_read_as_a_reader_reads_it(kind, text, labels):
    said = sorted((condition, mention.state) for mention in parse(text) for condition in mention.conditions)
    assert said == sorted((label.condition, label.state) for label in labels)


def natural_sentences() -> list[Sentence]:
    """The sentences of tests/parser/openi.tsv, whose text comes with torchxrayvision."""
    split = re.compile(r"(?<=[.!?])\s+|\n+")
    texts = {" ".join(part.split()) for report in read_reports()[0] for part in split.split(report.text)}
    by_sum = {sha1(text.encode()).hexdigest(): text for text in texts}
    found = []
    for line in SENTENCES.with_name("openi.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            key, *columns = line.split("\t")
            labels = [
                tuple(Label(*label.split("=")) for label in column.split(";") if label and "=mentioned" not in label)
                for column in [*columns, "", ""][:2]
            ]
            found.append(Sentence("held", by_sum[key], *labels))
    return found


@pytest.mark.slow
def test_natural_sentences_labelled_before_they_were_read_are_read_within_the_bars_and_none_is_turned_round():
    found = report(natural_sentences())
    absent, present = found.states["absent"], found.states["present"]
    assert (found.sentences, found.reversals) == (150, 0)
    assert min(absent.labelled, present.labelled) >= 40
    assert min(absent.precision + 0.02, absent.recall + 0.04) >= 1
    assert min(present.precision + 0.05, present.recall + 0.12) >= 1


NAMES = {
    "pleural effusion": "Pleural Effusion",
    "pneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "lung nodule": "Lung Lesion",
    "pulmonary edema": "Edema",
    "endotracheal tube": "Support Devices",
}


def states(text: str) -> dict[str, str]:
    return {mention.condition: mention.state for mention in parse(text)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("adjective", ["", "relevant ", "radiographically meaningful ", "tangible "])
@pytest.mark.parametrize(
    "change", ["change in", "increase in", "decrease of", "progression of", "regression of", "evolution of"]
)
def test_a_denied_change_leaves_the_finding_there_whatever_the_adjective(name, adjective, change):
    for text in (f"No {adjective}{change} the {name}.", f"There has been no interval {adjective}{change} the {name}."):
        assert states(text) == {NAMES[name]: "present"}, text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "attribute",
    ["displacement", "cavitation", "loculation", "septation", "angulation", "opacification?", "leakage", "tortuosity"],
)
def test_a_denied_attribute_leaves_the_finding_there_whatever_it_is(name, attribute):
    attribute = attribute.rstrip("?") if attribute != "opacification?" else "encasement"
    assert states(f"No {attribute} of the {name}.") == {NAMES[name]: "present"}
    assert states(f"Without obvious {attribute} of the left {name}.") == {NAMES[name]: "present"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "word", ["displaced", "enlarging", "septated", "the cause of the symptoms", "tethered", "under tension"]
)
def test_a_denied_quality_leaves_the_finding_there(name, word):
    assert states(f"The {name} is not {word}.") == {NAMES[name]: "present"}
    assert states(f"The {name} is no longer {word}.") == {NAMES[name]: "present"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "word", ["seen", "identified", "evident", "demonstrated", "apparent", "recognizable", "discernible"]
)
def test_a_finding_that_is_not_perceived_is_absent_but_for_an_earlier_film_or_a_part_of_it(name, word):
    assert states(f"A {name} is not {word}.") == {NAMES[name]: "absent"}
    assert states(f"A {name} is no longer {word}.") == {NAMES[name]: "absent"}
    assert states(f"A {name} not {word} on the prior radiograph.") == {NAMES[name]: "present"}
    assert states(f"A {name}, which was not {word} previously.") == {NAMES[name]: "present"}
    assert states(f"The tip of the {name} is not {word}.") == {NAMES[name]: "present"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("adverb", ["", "entirely ", "confidently ", "reliably ", "with certainty "])
def test_what_cannot_be_excluded_is_uncertain_however_it_is_put(name, adverb):
    for text in (
        f"A {name} cannot be {adverb}excluded.",
        f"A {name} can not {adverb}be ruled out.",
        f"{name.capitalize()} is not {adverb}excluded.",
        f"Rotation does not {adverb}allow exclusion of a {name}.",
        f"A {name} is neither proven nor excluded.",
    ):
        assert states(text) == {NAMES[name]: "uncertain"}, text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("partly", ["almost", "nearly", "partially", "mostly", "largely", "almost completely"])
def test_what_has_gone_in_part_is_there_and_what_has_gone_is_not(name, partly):
    assert states(f"The {name} has {partly} disappeared.") == {NAMES[name]: "present"}
    assert states(f"The {name} has disappeared.") == {NAMES[name]: "absent"}
    assert states(f"The {name} has not disappeared.") == {NAMES[name]: "present"}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("answer", "state"), [("no", "absent"), ("None", "absent"), ("negative", "absent"), ("yes", "present")]
)
@pytest.mark.parametrize("mark", [":", " -", " –", " ="])
def test_a_form_is_answered(name, answer, state, mark):
    assert states(f"{name.capitalize()}{mark} {answer}.") == {NAMES[name]: state}
    other = "Fracture: present; "
    assert states(f"{other}{name}{mark} {answer}") == {"Fracture": "present", NAMES[name]: state}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("fragment", "state"),
    [("only a {}", "present"), ("just {}", "present"), ("stable {}", "present"), ("{} in place", "present"),
     ("the {} is smaller", "present"), ("{} at the left "
         "base", "uncertain"), ("or {}", "absent"), ("definite {}", "absent")],
)  # fmt: skip
def test_what_follows_a_comma_behind_a_denial_is_told_by_its_words(name, fragment, state):
    assert states(f"No fracture, {fragment.format(name)}.") == {"Fracture": "absent", NAMES[name]: state}


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    ["no edema ", "edema or ", "no change in the effusion, ", "(", "pulmonary ", "not ", "is a ", "no edema, but "],
)
def test_time_grows_with_the_length_of_a_line_alone(unit):
    parse(unit)  # tables are read at the first
    short, long = (seconds(parse, unit * (length // len(unit))) for length in (10_000, 40_000))
    assert long < 12 * max(short, 0.01)  # 4 times as long; squared would be 16
