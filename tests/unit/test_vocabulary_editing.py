"""A condition of a vocabulary edited as fields: what is read back, what stays, and what is refused in one sentence."""

import pytest

from nast_core.errors import VocabularyError
from nast_core.vocabulary.editing import Wording, edited, fields_of, noun_of, parted, without
from nast_core.vocabulary.file import parse_vocabulary, vocabulary_text
from nast_core.vocabulary.shipped import chest, shipped
from nast_core.vocabulary.splicing import notes, spliced

pytestmark = pytest.mark.slow

HEAD = parse_vocabulary(
    """\
format: 1
name: head
examination: head CT
conditions:
  Subdural:
    nouns: [[a, subdural hematoma, is], ["", subdural collections, are]]
    equivalents:
      - {text: a normal subdural space, reviewed: [{by: AB, on: 2026-01-02, verdict: right}]}
      - {text: a clear convexity, not_with: [Epidural]}
    grades: [thin, moderate, thick]
    sided: true
    excludes: [Fracture]
  Epidural:
    nouns: [[an, epidural hematoma, is]]
    names: {phrases: [extradural blood], patterns: ['EDH']}
  Fracture:
    nouns: [[a, skull fracture, is]]
columns: {SDH: Subdural, EDH: Epidural}
"""
)


@pytest.mark.parametrize("vocabulary", [HEAD, chest()], ids=["head", "chest"])
def test_fields_that_nobody_changed_give_the_same_vocabulary(vocabulary):
    for name in vocabulary.conditions[:4]:
        assert vocabulary_text(edited(vocabulary, name, fields_of(vocabulary, name))) == vocabulary_text(vocabulary)


def test_a_condition_is_shown_as_phrases_with_articles_and_plural_verbs():
    fields = fields_of(HEAD, "Subdural")
    assert fields.nouns == "a subdural hematoma; subdural collections (are)"
    assert fields.equivalents == (Wording("a normal subdural space"), Wording("a clear convexity", ("Epidural",)))
    assert (fields.grades, fields.sided, fields.excludes) == ("thin; moderate; thick", True, ("Fracture",))
    assert (fields.columns, fields_of(HEAD, "Epidural").names) == ("SDH", "extradural blood")


@pytest.mark.parametrize(
    ("text", "noun"),
    [
        ("a lung opacity", ("a", "lung opacity", "is")),
        ("An effusion", ("an", "effusion", "is")),
        ("lung opacities (are)", ("", "lung opacities", "are")),
        ("anteroposterior line", ("", "anteroposterior line", "is")),
        ("the a", ("the", "a", "is")),
        ("", ("", "", "is")),
    ],
)
def test_a_noun_is_read_from_how_it_is_written(text, noun):
    assert noun_of(text) == noun


def test_semicolons_part_phrases_and_doubles_go():
    assert parted(" a  b;; c ; a b;") == ["a b", "c"]


def test_changed_fields_change_that_condition_and_its_columns_alone():
    fields = fields_of(HEAD, "Epidural")._replace(
        nouns="an epidural hematoma; an epidural bleed", equivalents=(Wording("a normal epidural space"), Wording(" ")),
        names="extradural blood; extradural hematoma", zones=("upper",), columns="EDH; extradural",
    )  # fmt: skip
    new = edited(HEAD, "Epidural", fields)
    assert [noun.phrase for noun in new["Epidural"].nouns] == ["an epidural hematoma", "an epidural bleed"]
    assert [one.text for one in new["Epidural"].equivalents] == ["a normal epidural space"]
    assert new["Epidural"].names.phrases == ("extradural blood", "extradural hematoma")
    assert new["Epidural"].names.patterns == ("EDH",)  # what the fields do not show stays
    assert new.columns == {"SDH": "Subdural", "EDH": "Epidural", "extradural": "Epidural"}
    assert new["Subdural"] == HEAD["Subdural"]


def test_reviews_stay_with_the_words_they_were_given_for():
    fields = fields_of(HEAD, "Subdural")
    same = edited(HEAD, "Subdural", fields._replace(equivalents=tuple(reversed(fields.equivalents))))
    assert [bool(one.reviewed) for one in same["Subdural"].equivalents] == [False, True]
    other = edited(HEAD, "Subdural", fields._replace(equivalents=(Wording("a normal subdural compartment"),)))
    assert other.reviewed == (0, 1)


def test_another_condition_comes_last_and_one_that_nothing_names_may_go():
    new = edited(HEAD, "Shift", fields_of(HEAD, "Fracture")._replace(nouns="a midline shift"))
    assert new.conditions == ("Subdural", "Epidural", "Fracture", "Shift")
    assert without(new, "Shift") == HEAD
    assert without(without(HEAD, "Subdural"), "Epidural").columns == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nouns": ""}, "'Epidural' has no noun"),
        ({"nouns": "a skull fracture"}, "names two conditions, 'Epidural' and 'Fracture'"),
        ({"equivalents": (Wording("no bleed"),)}, "which negates .'no'."),
        ({"equivalents": (Wording("a clear space", ("Nowhere",)),)}, "names 'Nowhere', which is no condition"),
        ({"implies": ("Epidural",)}, "circle"),
        ({"grades": "mild; severe"}, "grades"),
        ({"names": "[x]"}, "needed|begin and end"),
        ({"columns": "SDH"}, "the column 'SDH' is that of 'Subdural'"),
        ({"nouns": "x" * 500}, "1 to 120 characters"),
    ],
)
def test_what_makes_it_no_vocabulary_is_one_sentence(change, said):
    with pytest.raises(VocabularyError, match=said) as caught:
        edited(HEAD, "Epidural", fields_of(HEAD, "Epidural")._replace(**change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("Fracture", "names 'Fracture'"), ("Epidural", "names 'Epidural'")])
def test_a_condition_that_others_name_does_not_go(name, said):
    with pytest.raises(VocabularyError, match=said):
        without(HEAD, name)


def test_a_name_that_cannot_be_one_is_refused():
    with pytest.raises(VocabularyError, match="image"):
        edited(HEAD, "image", fields_of(HEAD, "Fracture")._replace(nouns="an image"))
    with pytest.raises(VocabularyError, match="two conditions are called"):
        edited(HEAD, "FRACTURE", fields_of(HEAD, "Fracture")._replace(nouns="a break"))


# --- the text --------------------------------------------------------------------------------------------------------

COMMENTED = """\
# drafted from 3 columns
format: 1
name:   head   # laid out by hand
examination: head CT
conditions:
  # 12 reports say "SDH"
  Subdural:
    nouns: [[a, subdural hematoma, is]]
    equivalents:
      - a normal subdural space  # to be reviewed
  # 3 reports say "EDH"
  # and 1 "extradural"
  Epidural:
    nouns: [[an, epidural hematoma, is]]

columns: {SDH: Subdural}
# Named by no condition here:
#   midline shift: 212
"""


def test_only_what_has_changed_is_written_anew():
    before = parse_vocabulary(COMMENTED)
    new = edited(before, "Subdural", fields_of(before, "Subdural")._replace(nouns="a subdural bleed"))
    block = COMMENTED[COMMENTED.index("    nouns: [[a, subdural") : COMMENTED.index("  # 3 reports")]
    changed = "    nouns:\n    - [a, subdural bleed, is]\n    equivalents: [a normal subdural space]\n"
    assert spliced(COMMENTED, new) == COMMENTED.replace(block, changed)
    new = edited(before, "Epidural", fields_of(before, "Epidural")._replace(columns="EDH"))
    assert spliced(COMMENTED, new) == COMMENTED.replace("{SDH: Subdural}", "{SDH: Subdural, EDH: Epidural}")


def test_a_condition_comes_behind_the_others_and_goes_with_its_comments():
    before = parse_vocabulary(COMMENTED)
    more = edited(before, "Shift", fields_of(before, "Epidural")._replace(nouns="a midline shift"))
    block = "  Shift:\n    nouns:\n    - [a, midline shift, is]\n"
    assert spliced(COMMENTED, more) == COMMENTED.replace(
        "hematoma, is]]\n\ncolumns", f"hematoma, is]]\n{block}\ncolumns"
    )
    fewer = spliced(COMMENTED, without(before, "Epidural"))
    assert "EDH" not in fewer
    assert "midline shift: 212" in fewer


@pytest.mark.parametrize("name", ["chexpert", "vindr", "head-ct"])
def test_comments_of_shipped_vocabularies_outlast_a_change(name):
    from importlib.resources import files

    from nast_core.vocabulary.names import SHIPPED

    text = files("nast_core.vocabulary").joinpath(SHIPPED[name]).read_text("utf-8")
    vocabulary = shipped(name)
    assert spliced(text, vocabulary) == text
    last = vocabulary.conditions[-1]
    new = spliced(
        text, edited(vocabulary, last, fields_of(vocabulary, last)._replace(sided=not vocabulary[last].sided))
    )
    assert new.splitlines()[:20] == text.splitlines()[:20]
    assert parse_vocabulary(new)[last].sided != vocabulary[last].sided


@pytest.mark.parametrize(
    "text",
    [
        "{format: 1, name: a, examination: film, conditions: {Edema: {nouns: [edema]}}}\n",
        "format: 1\nname: a\nexamination: film\nconditions: {Edema: {nouns: [edema]}}\n",
        "conditions:\n    Edema:\n        nouns: [edema]\nformat: 1\nname: a\nexamination: film\n",
        "format: 1\nname: a\nsource: |\n  # no comment\nexamination: film\nconditions:\n  Edema: {nouns: [edema]}\n",
    ],
)  # fmt: skip
def test_however_a_text_is_laid_out_the_change_is_in_it(text):
    before = parse_vocabulary(text)
    after = edited(before, "Edema", fields_of(before, "Edema")._replace(nouns="swelling"))
    assert vocabulary_text(parse_vocabulary(spliced(text, after))) == vocabulary_text(after)


def test_comments_above_a_condition_and_at_the_end_are_told():
    found = notes(COMMENTED, parse_vocabulary(COMMENTED))
    assert found == {
        "Subdural": ['12 reports say "SDH"'], "Epidural": ['3 reports say "EDH"', 'and 1 "extradural"'],
        "": ["Named by no condition here:", "  midline shift: 212"],
    }  # fmt: skip
