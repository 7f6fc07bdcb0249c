"""Every page as Streamlit's own test harness runs it, on the real demo CLIP."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.parts import correcting
from dashboard.parts.marks import marked
from dashboard.parts.text import plain
from dashboard.tracing import traces
from nast_core.benchmark.phantoms import phantom_items
from nast_core.negation.reading import findings
from tests.pages.links import by_link, correct, opened

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["home", "attention", "tracing", "heads", "attribution", "benchmark", "repair", "finetune", "models"]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """On a busy machine a page would offer to trace, and not wait for it."""
    monkeypatch.setattr(traces, "SOON", 3600)


def app(page: str = "home", **params: str) -> AppTest:
    return opened(by_link(page, **params))


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


@pytest.mark.parametrize("page", [*PAGES, "audit", "compare", "data", "review"])
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


@pytest.fixture
def readings(monkeypatch, tmp_path):
    """Where what is corrected in a test is kept."""
    monkeypatch.setenv("NAST_DATA", str(tmp_path))
    return correcting.kept_in()


def option_a(at: AppTest) -> list[str]:
    """The first option on Home, affirmatively and with negations, as it is marked."""
    return [m.value for m in at.markdown if m.value.startswith("**A**")]


def test_a_reading_is_corrected_on_home_for_that_statement_alone_and_taken_back(readings):
    at = app()
    before = option_a(at)
    items = phantom_items(60, seed=1, split="validation")
    text = next(item.affirmative[0] for item in items if before[0].endswith(marked(item.affirmative[0])))
    finding = findings(text)[0]
    correct(at, "affirmative-A", text, **{finding["condition"]: "uncertain"})
    assert not at.exception
    assert "(uncertain)" in option_a(at)[0]
    assert option_a(at)[1] == before[1]
    assert f"{finding['condition']} uncertain; the parser reads {finding['state']}" in texts(at.caption)
    correct(at, "affirmative-A", text, undo=True)
    assert option_a(at) == before
    assert "corrected by you" not in texts(at.caption)
    assert readings.read_text() == ""


def test_a_typed_pair_on_attention_is_corrected_also_by_a_finding_the_parser_does_not_see(readings):
    at = app("attention", **{"pair-source": "typed", "affirmative": "some edema .", "negated": "no edema ."})
    correct(at, "Negated", "no edema .", Edema="present", add="Fracture")
    assert not at.exception
    assert "no :blue[edema] :small[:gray[(present)]] . :blue[Fracture] :small[:gray[(present)]]" in texts(at.markdown)
    assert readings.read_text().splitlines() == [
        f'{{"text":"no edema .","condition":"{condition}","state":"present"}}' for condition in ("Edema", "Fracture")
    ]
    at.session_state[correcting.key_of("Negated", "no edema .", correcting.kept().corrections.of("no edema ."))] = True
    at.run()
    assert f"Of this text: 2 of 2 corrections, kept in {plain(readings)}." in texts(at.caption)
    (line,) = (code.value for code in at.code if code.value.startswith("{"))
    assert json.loads(line)["findings"][0] == {
        "condition": "Edema", "state": "present", "cue": None, "corrected": True,
    }  # fmt: skip


def test_corrections_that_cannot_be_read_are_said_and_the_parser_alone_is_shown(readings):
    readings.write_text("{broken\n")
    at = app("attention", **{"pair-source": "typed", "affirmative": "some edema .", "negated": "no edema ."})
    assert not at.exception
    assert "Corrections are not used: " in texts(at.caption)
    assert "line 1: not a correction" in texts(at.caption)
    assert "(absent)" in texts(at.markdown)


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


@pytest.mark.long
def test_heads_switched_off_show_their_effect_on_the_benchmark_with_its_test(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = app("heads", **{"head-method": "Estimate", "ablation-n": "300"})
    assert not at.exception
    at.multiselect(key="off").set_value(["1.7", "1.2"]).run()
    assert not at.exception
    assert "McNemar" in texts(at.caption)
