"""A vocabulary is a file: what is read by it, what is refused, and that the 13 from theirs are what they were."""

import ast
import hashlib
import json
import time
from pathlib import Path

import numpy as np
import pytest

from nast_core.benchmark.builder import build_items
from nast_core.benchmark.grammar import askable, grammar, never_asked
from nast_core.benchmark.llm import prompt
from nast_core.benchmark.phantoms import phantom_items, phantom_studies
from nast_core.benchmark.verify import verify
from nast_core.benchmark.writer import Draft, Task
from nast_core.benchmark.writers import writer_named
from nast_core.claims import phantom
from nast_core.claims.build import build_examples
from nast_core.claims.extract import extract
from nast_core.claims.prompts import denial_prompt, denial_prompts_by_cue, presence_prompt
from nast_core.data.studies import Study
from nast_core.errors import VocabularyError
from nast_core.negation.lexicon import both_numbers, denying_cues
from nast_core.negation.literals import required
from nast_core.negation.pairs import template_pairs
from nast_core.negation.parser import parse
from nast_core.negation.reading import findings
from nast_core.vocabulary.file import parse_vocabulary, read_vocabulary, vocabulary_text, write_vocabulary
from nast_core.vocabulary.mixing import one_of
from nast_core.vocabulary.model import Examination, Vocabulary
from nast_core.vocabulary.patterns import what_runs_away
from nast_core.vocabulary.shipped import chest, open_vocabulary

pytestmark = pytest.mark.slow  # items and claims are built
ROOT = Path(__file__).resolve().parents[2]
HEAD = "format: 1\nname: mine\nexamination: head CT\nconditions:\n"


def words(conditions: str, more: str = "") -> Vocabulary:
    """Of lines such as "Glomp: {nouns: [[a, glomp, is]]}"."""
    lines = "".join(f"  {line.strip()}\n" for line in conditions.strip().splitlines())
    return parse_vocabulary(HEAD + lines + more)


NONSENSE = words(
    """Glomp: {nouns: [[a, glomp, is]], equivalents: [an even zaffle, smooth zaffle edges], names: [glompic change]}
    Wuzzle: {nouns: [["", wuzzle, is]], equivalents: [a dry zaffle], sided: true}
    Frob: {nouns: [["", frobs, are]], equivalents: [a straight zaffle], other: [kitchen frobs]}"""
).model_copy(update={"examination": Examination(name="head CT", image="scan", region="head")})


def said(text: str, vocabulary: Vocabulary) -> list[tuple[str, str, str | None]]:
    return [(one["condition"], one["state"], one["cue"]) for one in findings(text, vocabulary=vocabulary)]


# --- the 13 ----------------------------------------------------------------------------------------------------------

GOLDEN = {  # as commit d73e6819 had it, which read the 13 from constants and tables of its own
    "sentences": "ba116d4b8154d97b",
    "claims of sentences": "e5ddd578b565d529",
    "pairs": "0bd9a664d03e429c",
    "prompts": "16ebed0260cc5478",
    "phantoms' items": "3cec535306a50574",
    "items": "7faf139ec0dc4222",
    "prompts to a language model": "aa8049caf8fcfe42",
    "claims": "e25fb19d9350a24f",
}


def test_the_13_from_their_file_give_what_they_gave_before_there_was_one():
    tables = [(ROOT / f"tests/parser/{name}.tsv").read_text("utf-8") for name in ("openi", "kinds")]
    lines = [line for table in tables for line in table.splitlines()]
    pairs = template_pairs()
    conditions = list(dict.fromkeys(pair.finding for pair in pairs))
    options = ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1))
    tasks = [Task(f"k{n}", tuple(conditions[n : n + 3]), options, n) for n in range(11)]
    items = build_items(phantom_studies(60), 60, writer_named("template", "nih"), seed=5).items
    claims = build_examples(phantom.phantom_studies(60, seed=2), seed=2).examples
    made = {
        "sentences": [[list(mention) for mention in parse(line)] for line in lines],
        "claims of sentences": [[claim.model_dump() for claim in extract(line).claims] for line in lines],
        "pairs": [pair.model_dump() for pair in pairs],
        "prompts": [[presence_prompt(c), denial_prompt(c), denial_prompts_by_cue(c)] for c in conditions],
        "phantoms' items": [item.model_dump(mode="json") for item in phantom_items(60, seed=3)],
        "items": [item.model_dump(mode="json") for item in items],
        "prompts to a language model": [prompt(task) for task in tasks],
        "claims": [example.model_dump(mode="json", exclude_none=True) for example in claims],
    }
    hashes = {name: hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16] for name, value in made.items()}
    assert hashes == GOLDEN


def test_no_code_but_the_phantoms_names_a_condition():
    own = {"nast_core/data/phantom.py", "nast_core/data/drawing.py", "nast_core/demo/captions.py"}
    named = {}
    for folder in ("nast_core", "dashboard", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            texts = {
                node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)
            }
            if found := texts & set(chest().conditions):
                named[str(path.relative_to(ROOT))] = found
    assert {path: found for path, found in named.items() if path not in own} == {}
    assert named.keys() == own


def test_the_13_imply_as_chexperts_hierarchy_does():
    opacities = ("Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis")
    assert chest().related == {
        frozenset(("Enlarged Cardiomediastinum", "Cardiomegaly")),
        frozenset(("Consolidation", "Pneumonia")),
        *(frozenset(("Lung Opacity", one)) for one in opacities),
    }


# --- the file --------------------------------------------------------------------------------------------------------


def test_a_vocabulary_that_is_written_is_read_again_whole(tmp_path):
    for vocabulary in (chest(), NONSENSE):
        write_vocabulary(tmp_path / "v.yaml", vocabulary)
        again = read_vocabulary(tmp_path / "v.yaml")
        assert again.model_dump() == vocabulary.model_dump()
        assert again.fingerprint == vocabulary.fingerprint
        assert open_vocabulary(tmp_path / "v.yaml") == vocabulary


def test_reviews_and_names_change_no_result_and_so_no_fingerprint_words_do():
    review = {"by": "AB", "on": "2026-11-30", "verdict": "right"}
    reviewed = NONSENSE.with_condition("Wuzzle", equivalents=[{"text": "a dry zaffle", "reviewed": [review]}])
    assert (reviewed.reviewed, NONSENSE.reviewed) == ((1, 4), (0, 4))
    assert reviewed == NONSENSE
    assert "verdict: right" in vocabulary_text(reviewed)
    assert parse_vocabulary(vocabulary_text(reviewed)).reviewed == (1, 4)
    assert parse_vocabulary(vocabulary_text(NONSENSE).replace("name: mine", "name: yours")) == NONSENSE
    assert NONSENSE.with_condition("Wuzzle", equivalents=["a damp zaffle"]) != NONSENSE
    assert NONSENSE.with_condition("Wuzzle", implies=["Glomp"]) != NONSENSE


def test_a_copy_with_other_words_has_a_fingerprint_of_its_own():
    assert chest().fingerprint
    assert chest().model_copy(update={"examination": NONSENSE.examination}).fingerprint != chest().fingerprint


def test_a_bare_on_in_yaml_is_a_date_all_the_same():
    read = words(
        "Glomp: {nouns: [glomp], equivalents: [{text: flat, reviewed: [{by: AB, on: 2026-11-30, verdict: wrong}]}]}"
    )
    assert (read["Glomp"].equivalents[0].reviewed[0].on.year, read.reviewed) == (2026, (0, 1))


@pytest.mark.parametrize(
    ("conditions", "sentence"),
    [
        ("A: {nouns: [glomp]}\nB: {nouns: [glomp]}", "the noun 'glomp' names two conditions, 'A' and 'B'"),
        ("A: {nouns: [glomp]}\nB: {nouns: [b], names: [Glomp]}", "the noun 'Glomp' names two conditions"),
        ("A: {nouns: [glomp], equivalents: [no glomp]}", "the equivalent 'no glomp', which negates ('no')"),
        ("A: {nouns: [glomp], equivalents: [a glomp-free head]}", "negates ('glomp-free')"),
        ("A: {nouns: [a], implies: [B]}\nB: {nouns: [b], implies: [C]}\nC: {nouns: [c], implies: [A]}",
         "A implies B implies C implies A: a circle"),
        ("A: {nouns: [a], implies: [A]}", "A implies A: a circle"),
        ("A: {nouns: [a], implies: [B], excludes: [B]}\nB: {nouns: [b]}", "'A' both implies and excludes 'B'"),
        ("A: {nouns: []}", "'A' has no noun; give at least one"),
        ("A: {nouns: [glomp], implies: [Glompo]}\nGlomp: {nouns: [b]}", "names 'Glompo', which is no condition of "
            "it; did you mean 'Glomp'?"),
        ("A: {nouns: [glomp], names: {patterns: ['(a+)+b']}}", "the pattern '(a+)+b' repeats a group without end"),
        ("A: {nouns: [glomp], names: {patterns: ['(']}}", "is no regular expression"),
        ("A: {nouns: ['no']}", "the noun 'no', which is a negation"),
        ("A: {nouns: ['{noun}']}", "has to begin and end with a letter or a digit"),
        ("A: {nouns: ['glomp {x} y']}", "holds a sign that no phrase may hold"),
        ("A: {nouns: [glomp]}\na: {nouns: [b]}", "two conditions are called 'A' and 'a'"),
        ("patient: {nouns: [glomp]}", "'patient' is the name of another column"),
        ("A: {nons: [glomp]}", "conditions.A.nons: Extra inputs are not permitted"),
        ("'A|B': {nouns: [glomp]}", "holds a sign that no phrase may hold"),
        (f"{'A' * 200}: {{nouns: [glomp]}}", "needed: a phrase of 1 to 120 characters"),
    ],
)  # fmt: skip
def test_what_makes_no_vocabulary_is_said_in_one_sentence(conditions, sentence):
    with pytest.raises(VocabularyError) as refused:
        words(conditions)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith("the vocabulary: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no vocabulary; needed: format, name, examination and conditions"),
        ("[1]", "is no vocabulary"),
        ("a: b: c", "line 1: not YAML: mapping values"),
        ("name: mine", "has the format None; needed: format: 1"),
        (HEAD.replace("1", "2", 1) + "  A: {nouns: [a]}", "is of format 2, and this version reads format 1"),
        ("format: 1", "name: Field required"),
        (HEAD + "  A: {nouns: [a]}\n  A: {nouns: [b]}", "line 6: 'A' was there before; give each condition once"),
        (HEAD + "  A:\n    nouns: [a]\n    nouns: [b]", "line 7: 'nouns' was there before"),
        (HEAD + "  ? [a, b]\n  : {nouns: [a]}", "unhashable"),
        (HEAD + "  A: {nouns: [a]}\ncolumns: {score: B}", "the column 'score' names 'B', which is no condition of it"),
    ],
)
def test_what_is_no_vocabulary_file_is_said_in_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "v.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(VocabularyError) as refused:
        read_vocabulary(path)
    assert sentence in str(refused.value)
    assert str(path) in str(refused.value)


def test_ten_thousand_conditions_are_too_many_and_a_thousand_in_a_row_are_not():
    with pytest.raises(VocabularyError, match="10,000 conditions, and at most 1,000 are taken"):
        words("\n".join(f"A{n}: {{nouns: [glomp{n}]}}" for n in range(10_000)))
    lines = [f"A{n}: {{nouns: [glomp{n}], implies: [{f'A{n - 1}' if n else ''}]}}" for n in range(1000)]
    assert len(words("\n".join(lines)).implied["A999"]) == 999


def test_a_name_that_is_neither_shipped_nor_a_file_is_told_what_there_is():
    with pytest.raises(VocabularyError, match="there is no vocabulary 'chexport'; give chexpert"):
        open_vocabulary("chexport")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a+)+b", "repeats a group without end"), (r"(\w+ )*x", "repeats a group without end"),
        (r"\w+\w+x", "two repeats without end beside one another"), (r"\w+ ?\w+x", "two repeats without end"),
        (r"x(\w+a){0,3}", "ends in a repeat without end"), (r"x((\w+ ){0,4}y){0,4}", "repeats groups 16 times"),
        (r"(ab?){1,100}", "repeats groups 100 times"), (r"x*", "matches an empty text"), (r"x.*y", "takes any sign"),
        (r"[^a]+b", "takes any sign"), (r"(?P<a>x)(?P=a)", "uses groupref"), ("x" * 1001, "has 1,001 characters"),
    ],
)  # fmt: skip
def test_a_pattern_that_could_run_away_is_refused(pattern, why):
    assert why in (what_runs_away(pattern) or "")


def test_patterns_that_are_taken_are_fast_on_the_worst_text_there_is():
    patterns = (r"(\w+ ){0,3}glomp", r"\w+(ing|ed) \w+s", r"((big|small) ){0,3}glomps?", r"( \w+){0,3}? glomp")
    assert [what_runs_away(pattern) for pattern in patterns] == [None] * 4
    listed = ", ".join(f"'{pattern}'" for pattern in patterns)
    vocabulary = words(f"A: {{nouns: [glomp], names: {{patterns: [{listed}]}}}}")
    began = time.process_time()
    for text in ("a" * 20_000, "a " * 10_000, "glom " * 5_000 + "glomp", "ing " * 5_000, "biging " * 4_000):
        parse(text, vocabulary)
    assert time.process_time() - began < 5


# --- reading ---------------------------------------------------------------------------------------------------------


def test_sentences_are_read_by_the_words_of_a_vocabulary():
    assert said("No glomp; there are frobs.", NONSENSE) == [("Glomp", "absent", "no"), ("Frob", "present", None)]
    assert said("Two glomps, probably wuzzle.", NONSENSE) == [
        ("Glomp", "present", None),
        ("Wuzzle", "uncertain", "probably"),
    ]
    assert said("A dry zaffle with smooth zaffle edges.", NONSENSE) == [
        ("Wuzzle", "absent", None),
        ("Glomp", "absent", None),
    ]
    assert said("No glompic changes, kitchen frobs.", NONSENSE) == [("Glomp", "absent", "no")]
    assert said("No edema.", NONSENSE) == []


def test_two_vocabularies_are_read_by_side_by_side():
    for _ in range(2):
        assert said("No glomp, no edema.", NONSENSE) == [("Glomp", "absent", "no")]
        assert said("No glomp, no edema.", chest()) == [("Edema", "absent", "no")]


def test_the_longest_name_is_meant_and_a_hyphen_is_as_good_as_a_space():
    vocabulary = words("A: {nouns: [glomp]}\nB: {nouns: [glomp of the zaffle]}\nC: {nouns: [well-known wuzzle]}")
    assert said("Glomp of the zaffle.", vocabulary) == [("B", "present", None)]
    assert said("Well known wuzzle, a WELL-KNOWN wuzzle.", vocabulary) == [("C", "present", None)] * 2
    assert said("A glomp-like thing, preglomp, un-glomp.", vocabulary) == []


def test_a_name_that_holds_a_negation_is_no_denial():
    vocabulary = words(
        """Nonunion: {nouns: [[a, nonunion, is], [a, non-specific shadow, is]], equivalents: [a united bone]}
        Agenesis: {nouns: [[an, absent corpus callosum, is]], equivalents: [a complete corpus callosum]}
        Other: {nouns: [glomp], equivalents: [an even zaffle]}"""
    )
    assert said("There is a nonunion and a non-specific shadow.", vocabulary) == [("Nonunion", "present", None)] * 2
    assert said("No nonunion.", vocabulary) == [("Nonunion", "absent", "no")]
    assert said("An absent corpus callosum is seen.", vocabulary) == [("Agenesis", "present", None)]
    assert said("No absent corpus callosum.", vocabulary) == [("Agenesis", "absent", "no")]
    assert [cue.text for cue in denying_cues("No absent corpus callosum.", vocabulary)] == ["no"]
    conditions = ("Nonunion", "Agenesis", "Other")
    options = ((1, 1, 0), (0, 1, 1), (1, 0, 0), (0, 0, 1))
    names = ("a nonunion", "an absent corpus callosum", "glomp")
    normal = ("a united bone", "a complete corpus callosum", "an even zaffle")
    texts = [
        tuple("; ".join(names[i] if state else gone[i] for i, state in enumerate(option)) + "." for option in options)
        for gone in (tuple(f"no {name.split(' ', 1)[-1]}" for name in names), normal)
    ]
    task = Task("k", conditions, options, 0)
    assert verify(task, Draft(texts[0], texts[1]), vocabulary=vocabulary).complaints == ()  # type: ignore[arg-type]


def test_letters_beyond_ascii_are_read_however_they_are_composed():
    vocabulary = words(
        "Hirnödem: {nouns: [Hirno\u0308dem], equivalents: [schlanke Hirnfurchen]}\n血腫: {nouns: [硬膜下血腫]}"
    )
    assert vocabulary.conditions == ("Hirnödem", "血腫")
    assert said("No Hirnödem.", vocabulary) == [("Hirnödem", "absent", "no")]
    assert said("HIRNÖDEM; no 硬膜下血腫.", vocabulary) == [("Hirnödem", "present", None), ("血腫", "absent", "no")]


def test_words_of_a_vocabulary_are_no_misspellings_of_others():
    vocabulary = words("A: {nouns: [pneumathorax]}")
    assert said("No pneumathorax.", vocabulary) == [("A", "absent", "no")]
    assert said("No pneumathorax.", chest()) == [("Pneumothorax", "absent", "no")]


@pytest.mark.parametrize(
    ("noun", "forms"),
    [("lung nodule", ("lung nodule", "lung nodules")), ("metastasis", ("metastasis", "metastases")),
     ("opacity", ("opacity", "opacities")), ("mass", ("mass", "masses")), ("frobs", ("frobs",)),
     ("thorax", ("thorax", "thoraxes")), ("airway", ("airway", "airways")), ("血腫", ("血腫",))],
)  # fmt: skip
def test_nouns_are_read_in_both_numbers(noun, forms):
    assert both_numbers(noun) == forms


def test_a_pattern_is_tried_only_where_a_word_of_it_stands():
    assert required(r"((lung|pulmonary) ){0,3}opacit(y|ies)") == {"opacit"}
    assert required(r"(edema|effusions?) of the (left|right)") == {"dema", "ffusion"}  # the e is both's
    assert required(r"x (the )?(left|right)") == {"left", "right"}
    assert required(r"(\w+ )?(a|b)") is None
    for entry in chest().entries.values():
        for pattern in entry.names.patterns:
            assert required(pattern), pattern  # none has to be tried on every sentence


# --- writing ---------------------------------------------------------------------------------------------------------


def test_prompts_pairs_and_instructions_are_in_the_vocabularys_words():
    assert presence_prompt("Glomp", NONSENSE).towards == ("There is a glomp.",)
    assert presence_prompt("Glomp", NONSENSE).away == ("An even zaffle.", "Smooth zaffle edges.")
    assert denial_prompt("Frob", NONSENSE).towards == ("There are no frobs.",)
    negated = [pair.negated for pair in template_pairs(["Glomp"], NONSENSE)]
    assert negated[1:3] == ["The scan shows no glomp.", "Head CT without glomp."]
    task = Task("k", ("Glomp", "Wuzzle", "Frob"), ((0, 0, 1), (0, 1, 0), (1, 0, 0), (1, 1, 1)), 0)
    system, user = (message["content"] for message in prompt(task, NONSENSE))
    assert "questions on head CTs" in system
    assert '("no glomp" becomes "an even zaffle")' in system
    assert not any(condition.lower() in system.lower() for condition in chest().conditions)
    assert set(json.loads(user)["normal"]) == {"Glomp", "Wuzzle", "Frob"}


def test_a_condition_without_an_equivalent_is_never_asked_for_and_that_is_said():
    vocabulary = words(
        "A: {nouns: [a glomp]}\nB: {nouns: [b], equivalents: [flat]}\nC: {nouns: [c], equivalents: [even]}"
    )
    assert never_asked(vocabulary) == "No affirmative equivalent of their absence: A. No question asks for these."
    assert never_asked(chest()) == ""
    assert not askable(["A", "B", "C"], grammar(vocabulary))
    assert askable(["B", "C"], grammar(vocabulary))
    rather = vocabulary.with_condition("B", equivalents=[{"text": "flat", "not_with": ["C"]}])
    assert not askable(["B", "C"], grammar(rather))


def test_questions_about_two_hundred_conditions_are_drawn_soon():
    names = [f"Glomp {n}" for n in range(200)]
    many = words(
        "\n".join(
            f"{name}: {{nouns: [{name.lower()}], equivalents: [even zaffle {n}]}}" for n, name in enumerate(names)
        )
    )
    rng = np.random.default_rng(0)
    studies = [
        Study(f"s{n}", f"p{n}", "", dict(zip(names, row, strict=True)))
        for n, row in enumerate(rng.integers(2, size=(300, 200)).tolist())
    ]
    began = time.process_time()
    built = build_items(studies, 100, writer_named("template", "own", many), vocabulary=many, balance=True)
    assert time.process_time() - began < 20
    assert len({condition for item in built.items for condition in item.conditions}) > 100
    assert built.rejected.total() == 0


def test_every_construction_speaks_of_the_examination():
    own = grammar(NONSENSE)
    templates = [text for one in (*own.clauses_of_absence, *own.behind) for text in (one.denied, one.normal, one.one)]
    assert not [text for text in (*templates, *own.present, *own.sentences) if "{image}" in text or "chest" in text]
    assert "the head is free of {N}" in templates
    assert "head CT: {}." in own.sentences


def test_what_speaks_of_two_vocabularies_is_not_compared():
    assert one_of({"the items": NONSENSE, "the claims": NONSENSE}) == NONSENSE
    other = words("Glomp: {nouns: [glomp]}\nEdema: {nouns: [edema]}")
    with pytest.raises(
        VocabularyError, match=r"the items and the claims speak of two .*: they share 1 conditions \(Glomp\)"
    ):
        one_of({"the items": NONSENSE, "the claims": other})
    with pytest.raises(VocabularyError, match="they share none"):
        one_of({"the dataset": chest(), "the items": NONSENSE})
