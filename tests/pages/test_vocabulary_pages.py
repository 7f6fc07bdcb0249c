"""The vocabulary on pages: browsed, edited and tried under Data; its mappings judged and recorded under Review."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.template import TemplateWriter
from nast_core.dataset.build import Order, build_dataset
from nast_core.dataset.opened import open_folder
from nast_core.review.judgements import Reviews, reading_order, review_folder
from nast_core.review.mappings import mappings_of
from nast_core.vocabulary.changing import copy_path
from nast_core.vocabulary.file import read_vocabulary
from nast_core.vocabulary.shipped import chest
from tests.pages.test_pages import app
from tests.unit.test_vocabulary_dataset import mapped, table_of

PAGES = Path(__file__).resolve().parents[2] / "pages"
TEXT = """\
format: 1
name: ward
examination: head CT
conditions:
  Subdural:
    nouns: [[a, subdural hematoma, is]]
    equivalents: [a normal subdural space, {text: a clear convexity, not_with: [Edema]}]
    grades: [thin, moderate, thick]
    sided: true
  Edema:
    nouns: [["", brain edema, is]]
    equivalents: [normal brain parenchyma]
"""


def one(condition: str) -> str:
    return f"format: 1\nname: one\nexamination: film\nconditions: {{{condition}}}\n"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAST_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def path(home) -> Path:
    file = home / "ward.vocabulary.yaml"
    file.write_text(TEXT)
    return file


def page(name: str, **params: str) -> AppTest:
    at = AppTest.from_file(str(PAGES / f"{name}.py"), default_timeout=60)
    for key, value in params.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception
    return at


def data(path: Path | str, part: str, **params: str) -> AppTest:
    link = {"data-do": "The vocabulary", "data-vocabulary": str(path), "data-vocabulary-part": part}
    return page("data", **link, **params)


def review(path: Path | str, view: str = "Judge", reviewer: str = "") -> AppTest:
    at = page("review", **{"review-of": "Mappings", "review-vocabulary": str(path), "review-view": view})
    if reviewer:
        at.text_input(key="review-name").set_value(reviewer).run()
    return at


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def word(at: AppTest, field: str):
    """The field of the condition that is edited."""
    return next(one for one in [*at.text_input, *at.multiselect] if (one.key or "").startswith(f"data-word-{field}-"))


def judge_all(path: Path, reviewer: str, *verdicts: str) -> None:
    for mapping, verdict in zip(mappings_of(read_vocabulary(path)), verdicts, strict=True):
        Reviews(path).judge(mapping, reviewer, verdict)


# --- browsing and trying ---------------------------------------------------------------------------------------------


def test_the_13_are_browsed_with_their_words_and_how_they_stand_to_others(home):
    at = data("chexpert", "Browse", **{"data-vocabulary-condition": "Pneumonia"})
    shown = texts(at.markdown)
    assert f"0 of {chest().reviewed[1]} mappings" in texts(at.caption)
    assert "**Nouns**" in shown
    assert "**Implies**: Consolidation, Lung Opacity" in shown
    assert [frame.value.shape[0] for frame in at.dataframe] == [len(chest()["Pneumonia"].equivalents), 13]


def test_reviews_stand_beside_each_equivalent(path):
    path.write_text(
        TEXT.replace(
            "[normal brain parenchyma]",
            "[{text: normal brain parenchyma, reviewed: [{by: AB, on: 2026-01-02, verdict: right}]}]",
        )
    )
    at = data(path, "Browse", **{"data-vocabulary-condition": "Edema"})
    assert at.dataframe[0].value.to_dict("records") == [
        {"equivalent": "normal brain parenchyma", "not with": "", "reviews": "right (AB, 2026-01-02)"}
    ]
    assert "1 of 3 mappings" in texts(at.caption)


def test_a_sentence_of_ones_own_is_read_by_the_vocabulary_that_is_looked_at(path):
    at = data(path, "Try a sentence")
    at.text_input(key="data-vocabulary-sentence").set_value(
        "A thin subdural hematoma on the left, no brain edema."
    ).run()
    assert not at.exception
    mentions, claims = (frame.value for frame in at.dataframe)
    assert mentions[["condition", "polarity"]].values.tolist() == [["Subdural", "present"], ["Edema", "absent"]]
    assert claims.values.tolist()[0][:3] == ["Subdural", "present", "left"]
    at.text_input(key="data-vocabulary-sentence").set_value("No pneumothorax.").run()
    assert "No condition is read in it" in texts(at.info)


def test_what_cannot_be_read_is_one_sentence(home):
    (home / "bad.yaml").write_text("format: 7\n")
    assert "is of format 7, and this version reads format 1" in data(home / "bad.yaml", "Browse").error[0].value
    assert "there is no file" in data(home / "none.yaml", "Browse").error[0].value


# --- editing ---------------------------------------------------------------------------------------------------------


def test_one_that_comes_with_nast_is_copied_before_it_is_changed(home):
    at = press(data("chexpert", "Edit"), "data-copy")
    assert word(at, "nouns").value.startswith("a widened mediastinum; mediastinal widening")
    assert read_vocabulary(home / "chexpert.vocabulary.yaml") == chest()


def test_a_change_is_checked_as_it_is_typed_and_saved_only_where_it_passes(path):
    at = data(path, "Edit", **{"data-vocabulary-condition": "Edema"})
    assert at.button(key="data-vocabulary-save").disabled  # nothing was changed
    word(at, "equivalent-0").set_value("no edema").run()
    assert "'Edema' has the equivalent 'no edema', which negates" in at.error[0].value
    assert at.button(key="data-vocabulary-save").disabled
    word(at, "equivalent-0").set_value("a subdural hematoma").run()
    assert "names Subdural, too" in texts(at.error)
    assert at.button(key="data-vocabulary-save").disabled
    word(at, "equivalent-0").set_value("a normal brain").run()
    word(at, "nouns").set_value("brain edema; a swollen brain").run()
    assert not at.error
    press(at, "data-vocabulary-save")
    new = read_vocabulary(path)
    assert [noun.phrase for noun in new["Edema"].nouns] == ["brain edema", "a swollen brain"]
    assert [one.text for one in new["Edema"].equivalents] == ["a normal brain"]
    assert new["Subdural"] == read_vocabulary(copy_path(path))["Subdural"]
    press(at, "data-vocabulary-undo")
    assert path.read_text() == TEXT


def test_another_condition_is_added_and_removed(path):
    at = data(path, "Edit", **{"data-vocabulary-condition": "a new condition"})
    at.text_input(key="data-vocabulary-name").set_value("Midline shift").run()
    assert "'Midline shift' has no noun" in at.error[0].value
    word(at, "nouns").set_value("a midline shift").run()
    press(at, "data-vocabulary-save")
    assert read_vocabulary(path).conditions == ("Subdural", "Edema", "Midline shift")
    assert at.selectbox(key="data-vocabulary-condition").value == "Midline shift"
    press(at, "data-vocabulary-remove")
    assert read_vocabulary(path).conditions == ("Subdural", "Edema")


def test_a_change_made_elsewhere_meanwhile_stays(path):
    at = data(path, "Edit", **{"data-vocabulary-condition": "Edema"})
    word(at, "nouns").set_value("brain swelling").run()
    path.write_text(TEXT.replace("head CT", "brain CT"))
    press(at, "data-vocabulary-save")
    new = read_vocabulary(path)
    assert (new["Edema"].nouns[0].text, new.examination.name) == ("brain swelling", "brain CT")


# --- building --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_items_are_built_in_the_words_of_the_vocabulary_that_is_chosen(path, home):
    more = "\n".join(f"  Sign {n}: {{nouns: [sign {n}], equivalents: [a tidy region {n}]}}" for n in "abc")
    path.write_text(f"{TEXT}{more}\n")
    rows = [f"p{n},s{n}," + ",".join("1" if n % 5 in (c, (c + 1) % 5) else "0" for c in range(5)) for n in range(20)]
    (home / "labels.csv").write_text("\n".join(["patient_id,study_id,Subdural,Edema,Sign a,Sign b,Sign c", *rows]))
    link = {"data-do": "Build items", "data-labels": "A CSV of your own", "data-table-path": str(home / "labels.csv")}
    at = page("data", **link, **{"data-vocabulary": str(path), "data-n": "3"})
    assert not at.error
    said = texts(at.markdown)
    assert re.search(r"tidy region|brain parenchyma|subdural space|convexity", said)
    assert "chest" not in said
    at = page("data", **link, **{"data-vocabulary": str(home / "none.yaml")})
    assert "there is no file" in at.error[0].value


def test_a_link_that_names_no_condition_opens_on_the_first(path):
    assert "**Nouns**: a subdural hematoma" in texts(
        data(path, "Browse", **{"data-vocabulary-condition": "Nil"}).markdown
    )


# --- review ----------------------------------------------------------------------------------------------------------


def test_mappings_of_one_that_comes_with_nast_are_judged_on_a_copy(home):
    at = press(review("chexpert"), "review-copy")
    assert f"{chest().reviewed[1]} mappings" in texts(at.caption)
    assert "Type your name" in texts(at.info)


def test_a_mapping_is_judged_right_wrong_unsure_or_in_better_words(path):
    at = review(path, reviewer="Ada Byron")
    order = [one.item_id for one in reading_order(mappings_of(read_vocabulary(path)), "Ada Byron")]
    assert "does not label this condition" in texts(at.caption)
    press(at, "review-correct")
    wording = next(box for box in at.text_input if (box.key or "").startswith("review-wording-"))
    assert at.button(key="review-better").disabled
    wording.set_value("no blood").run()
    assert "negates" in at.error[0].value
    assert at.button(key="review-correct").disabled
    next(box for box in at.text_input if (box.key or "").startswith("review-wording-")).set_value("a usual look").run()
    press(at, "review-better")
    press(at, "review-unclear")
    assert "All mappings are judged" in at.success[0].value
    kept = [(line.item_id, line.verdict, line.wording) for line in Reviews(path).of("Ada Byron")]
    assert kept == [(order[0], "correct", ""), (order[1], "wrong", "a usual look"), (order[2], "unclear", "")]


def test_who_still_judges_does_not_see_the_others_words(path):
    judge_all(path, "Bob", "wrong", "wrong", "correct")
    at = press(review(path, reviewer="Ada"), "review-correct")
    for view in ("Agreement", "Conflicts", "Outcome"):
        at.segmented_control(key="review-view").set_value(view).run()
        assert "2 mappings left to judge" in at.info[0].value
        assert not at.dataframe


def test_agreement_conflict_and_outcome_lead_into_the_vocabulary_and_back(path):
    judge_all(path, "Ada Byron", "correct", "wrong", "correct")
    judge_all(path, "Bob", "correct", "correct", "correct")
    at = review(path, "Agreement")
    # 6 verdicts, 5 and 1; observed disagreement 2, expected (36 - 26)/5 = 2: alpha 0
    assert next(metric for metric in at.metric if "alpha" in metric.label).value == "0.00"
    assert "bootstrap over conditions" in texts(at.caption)
    at = review(path, "Conflicts")
    at.text_input(key="review-adjudicator").set_value("Cai Dee").run()
    next(box for box in at.text_input if (box.key or "").startswith("review-wording-")).set_value(
        "a bare convexity"
    ).run()
    press(at, "review-settle-better")
    at = review(path, "Outcome")
    assert at.dataframe[0].value.values.tolist() == [["Subdural = a clear convexity", "a bare convexity"]]
    press(at, "review-record")
    done = read_vocabulary(path)
    said = [[(one.by, one.verdict) for one in equivalent.reviewed] for equivalent in done["Subdural"].equivalents]
    assert said == [[("AB", "right"), ("Bob", "right")], [("CD", "wrong")]]
    assert "2 of 3 mappings are reviewed and right" in texts(at.caption)
    assert at.button(key="review-record").disabled
    at.toggle(key="review-reword").set_value(True).run()
    press(at, "review-record")
    assert [one.text for one in read_vocabulary(path)["Subdural"].equivalents] == [
        "a normal subdural space",
        "a bare convexity",
    ]
    assert review_folder(path).is_dir()
    press(at, "review-undo-record")
    assert read_vocabulary(path).reviewed == (2, 3)


@pytest.mark.slow
def test_mappings_are_shown_beside_images_that_have_and_lack_the_condition(home, dataset_folder):
    link = {"review-of": "Mappings", "review-vocabulary": str(home / "13.yaml"), "dataset": str(dataset_folder)}
    (home / "13.yaml").write_text(one("Cardiomegaly: {nouns: [cardiomegaly], equivalents: [normal heart size]}"))
    at = app("review", **link)
    at.text_input(key="review-name").set_value("Ada").run()
    assert not at.exception
    assert "Images of drawn that have it, by their labels" in texts(at.caption)
    assert "Images of drawn that lack it, by their labels" in texts(at.caption)
    assert len(at.get("image")) == 6


def test_a_condition_that_is_not_drawn_has_no_example(home):
    """Phantoms know no lung opacity as such: any would be shown as having it, and as lacking it."""
    (home / "v.yaml").write_text(one("Lung Opacity: {nouns: [opacity], equivalents: [clear lungs]}"))
    at = review(home / "v.yaml", reviewer="Ada")
    assert "does not label this condition" in texts(at.caption)
    assert not at.get("image")


def test_pages_end_in_one_sentence_where_there_is_nothing_to_review(home):
    (home / "v.yaml").write_text(one("Edema: {nouns: [edema]}"))
    assert "has no equivalent to review" in texts(review(home / "v.yaml").info)


@pytest.mark.slow
def test_a_datasets_own_vocabulary_takes_reviews_in_its_place_and_words_on_a_copy_alone(home):
    table, images = str(table_of(home / "mine")), home / "mine" / "images"
    order = Order(table, images, home / "made", items=5, vocabulary=mapped())
    build_dataset(order, TemplateWriter(grammar(mapped())))
    words = home / "made" / "vocabulary.yaml"
    at = app("review", **{"review-of": "Mappings", "dataset": str(home / "made")})
    assert at.selectbox(key="review-vocabulary").value == str(words)
    at.text_input(key="review-name").set_value("Ada").run()
    assert "Images of made that have it, by their labels" in texts(at.caption)
    assert len(at.get("image")) > 3
    for name in ("Ada", "Bob"):
        judge_all(words, name, *["correct"] * 4)
    at = app("review", **{"review-of": "Mappings", "dataset": str(home / "made"), "review-view": "Outcome"})
    assert at.toggle(key="review-reword").disabled
    press(at, "review-record")
    assert open_folder(home / "made").vocabulary.reviewed == (4, 4)
    at = app("data", **{"data-do": "The vocabulary", "data-vocabulary-part": "Edit", "dataset": str(home / "made")})
    assert "is the dataset's, which keeps the words that it was built with" in texts(at.info)
    press(at, "data-copy")
    assert read_vocabulary(home / "mine.vocabulary.yaml") == mapped()
    assert at.selectbox(key="data-vocabulary").value == str(home / "mine.vocabulary.yaml")
