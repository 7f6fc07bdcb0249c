"""Every page as Streamlit's own test harness runs it, on the real demo CLIP."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.links import by_link, opened

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["home", "attention", "tracing", "heads", "attribution", "benchmark", "finetune", "models"]


def app(page: str = "home", **params: str) -> AppTest:
    return opened(by_link(page, **params))


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


@pytest.mark.parametrize("page", [*PAGES, "compare", "data", "review"])
def test_page_opens_without_exception_or_error(page):
    at = app(page)
    assert not at.exception
    assert not at.error


@pytest.mark.parametrize("page", PAGES)
def test_page_shows_one_sentence_for_a_model_folder_that_is_not_there(page):
    at = app(page, model="/no/such/folder")
    assert not at.exception
    assert len(at.error) == 1
    assert "there is no folder /no/such/folder" in at.error[0].value


def test_home_shows_a_case_in_both_forms_with_a_choice_each():
    at = app()
    assert texts(at.markdown).count("chosen]") == 2
    assert texts(at.markdown).count("true]") == 2


def test_another_case_is_shown_by_the_button():
    at = app()
    before = at.number_input(key="case").value
    at.button[0].click().run()
    assert at.number_input(key="case").value == before + 1
    assert not at.exception


def test_layer_and_head_of_a_link_are_taken_over():
    at = app("attention", layer="3", head="5")
    assert at.selectbox(key="layer").value == 3
    assert at.selectbox(key="head").value == 5


def test_a_typed_pair_that_does_not_align_says_why_and_shows_both_tokenisations():
    at = app("tracing", **{"pair-source": "typed", "affirmative": "there is edema .", "negated": "there is no edema ."})
    assert not at.exception
    assert "equally many tokens" in at.error[0].value


@pytest.mark.parametrize(
    ("affirmative", "negated", "expected"),
    [
        ("there is no edema .", "there is no edema .", "the two texts are equal"),
        ("there is some edema .", "there is severe edema .", "no negator"),
        ("", "no edema", "the text is empty"),
        ("some " * 80, "no " * 80, "at most 64"),
    ],
)
def test_a_bad_typed_pair_is_one_sentence(affirmative, negated, expected):
    at = app("tracing", **{"pair-source": "typed"})
    at.text_input(key="affirmative").set_value(affirmative)
    at.text_input(key="negated").set_value(negated)
    at.run()
    assert not at.exception
    assert expected in at.error[0].value


def test_benchmark_reports_the_gap_with_interval_and_test():
    at = app("benchmark", n="200")
    assert [metric.label for metric in at.metric][:3] == [
        "Accuracy, affirmative",
        "Accuracy, negated",
        "Gap, percentage points",
    ]
    affirmative, negated, gap = (float(metric.value.split()[0]) for metric in at.metric[:3])
    assert gap == pytest.approx(affirmative - negated, abs=0.11)
    assert "McNemar" in texts(at.caption)


def test_benchmark_says_what_is_wrong_with_an_items_file(tmp_path):
    broken = tmp_path / "items.jsonl"
    broken.write_text("{not json\n")
    at = app("benchmark", **{"from": "a file", "items": str(broken)})
    assert not at.exception
    assert "line 1" in at.error[0].value


def test_choices_survive_a_change_of_page():
    at = app("attention")
    at.selectbox(key="layer").set_value(2).run()
    at.switch_page(str(ROOT / "pages" / "tracing.py")).run()
    at.switch_page(str(ROOT / "pages" / "attention.py")).run()
    assert at.selectbox(key="layer").value == 2


def test_a_download_that_cannot_reach_the_hub_says_which_files_to_put_where():
    at = app("models")  # HF_HUB_OFFLINE=1 in the tests
    at.selectbox(key="fetch").set_value("PubMedCLIP")
    next(button for button in at.button if button.label == "Download").click().run()
    assert not at.exception
    assert "could not be fetched" in at.error[0].value
    assert "preprocessor_config.json" in at.error[0].value


def test_a_sentence_is_shown_token_by_token_with_its_negator_and_pooled_token():
    at = app("models", sentence="No edema.")
    tokens = next(table.value for table in at.dataframe if "role" in table.value.columns)
    assert tokens.token.tolist() == ["<start>", "No", "edema", ".", "<end>"]
    assert tokens.role.tolist() == ["special", "negator", "word", "punctuation", "special"]
    assert tokens.pooled.tolist() == [False, False, False, False, True]


def test_a_traced_set_is_kept_as_a_run_and_found_again(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = app("tracing")
    assert not at.exception
    (run,) = tmp_path.glob("trace-*")
    assert (run / "trace.nc").exists()
    assert not app("tracing").exception
    assert len(list(tmp_path.glob("trace-*"))) == 1


def test_an_estimate_is_marked_with_its_correlation_to_exact_tracing(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = app("tracing", component="MLP output", method="Estimate")
    assert not at.exception
    assert "Estimate to first order; correlation with exact on 16 pairs: Pearson" in texts(at.markdown)


def test_averaging_over_images_and_another_image_change_the_scores(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = app("tracing", findings="Edema")
    one = at.metric[0].value
    at.toggle(key="average-images").set_value(True).run()
    assert not at.exception
    assert at.metric[0].value != one


def test_heads_switched_off_show_their_effect_on_the_benchmark_with_its_test(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = app("heads", **{"head-method": "Estimate", "ablation-n": "300"})
    assert not at.exception
    at.multiselect(key="off").set_value(["1.7", "1.2"]).run()
    assert not at.exception
    assert "McNemar" in texts(at.caption)
