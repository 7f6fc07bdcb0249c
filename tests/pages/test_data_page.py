"""The Data page: a newcomer's first look, a build, looking through files, editing, and files that are none."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data.preview import first_items
from dashboard.parts.marks import marked
from nast_core.benchmark.dataset import build_dataset
from nast_core.benchmark.drafts import TurnedDown, write_drafts
from nast_core.benchmark.items import read_items
from nast_core.benchmark.reference import export_reference
from nast_core.benchmark.writers import writer_named
from nast_core.claims.dataset import build_claims
from nast_core.negation.corrections import keep
from nast_core.runs.store import RunStore
from nast_core.vocabulary.shipped import chest
from nast_core.work.executors import wait_for
from nast_core.work.kinds import BuildItemsRecipe
from tests.llm_server import running_llm
from tests.pages.links import correct
from tests.words import CHEXPERT_CONDITIONS

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "data.py")


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("built") / "items.jsonl"
    build_dataset("phantom", path, writer_named("template", "phantom"), count=24)
    return path.read_bytes()


@pytest.fixture
def items(built, tmp_path) -> Path:
    path = tmp_path / "sets" / "mine.items.jsonl"
    path.parent.mkdir()
    path.write_bytes(built)
    return path


def page(**params: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=120)
    for name, value in params.items():
        at.query_params[name.replace("_", "-")] = value
    return at.run()


def look(path: Path, **params: str) -> AppTest:
    return page(data_do="Look through a file", data_file=str(path), **params)


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


def button(at: AppTest, key: str):
    return next(b for b in at.button if b.key == key)


def test_without_anything_given_phantom_items_are_shown_at_once():
    at = page()
    assert not at.exception
    assert not at.error
    assert "The first 3 of the 500 items" in texts(at.caption)
    assert texts(at.markdown).count("right]") == 6  # three items, two forms
    assert not button(at, "data-build").disabled


def test_the_preview_is_what_the_build_makes(tmp_path):
    recipe = BuildItemsRecipe(n=30, seed=4, split="validation", out=tmp_path / "items.jsonl")
    build_dataset("phantom", recipe.out, writer_named("template", "phantom"), count=30, seed=4, split="validation")
    assert first_items(recipe, 5) == read_items(recipe.out)[:5]


def test_a_build_runs_on_its_own_and_its_items_are_opened_by_a_button(tmp_path):
    at = page(data_n="20", data_folder=str(tmp_path / "mine"))
    button(at, "data-build").click().run()
    assert not at.exception
    (run,) = RunStore().runs()
    assert wait_for(run, 90).state == "finished", run.log
    at.run()
    assert "Built: " in at.success[0].value
    assert button(at, "data-build").disabled  # until one says that the file may be replaced
    next(b for b in at.button if b.label == "Look through it").click().run()
    assert "20 of 20 items" in texts(at.caption)


def test_a_source_that_needs_a_path_asks_for_it():
    at = page(data_labels="MIMIC-CXR labels, by path")
    assert "path of the label table" in at.info[0].value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no file"),
        ("study_id,patient_id,Edema\n1,1,1\n", "lacks the columns 'Enlarged Cardiomediastinum'"),
        (f"study_id,patient_id,{','.join(CHEXPERT_CONDITIONS)}\n1,1,7{',1' * 12}\n", "line 2: "),
    ],
)
def test_a_label_table_that_is_none_is_one_sentence_and_cannot_be_built(tmp_path, content, said):
    table = tmp_path / "labels.csv"
    if content:
        table.write_text(content)
    at = page(data_labels="A CSV of your own", **{"data-table-path": str(table)})
    assert not at.exception
    assert said in at.error[0].value
    assert not [b for b in at.button if b.key == "data-build"]


def test_labels_outside_the_vocabulary_are_told_before_the_build_as_text_and_not_as_markdown(tmp_path):
    pairs = ["Edema|Mass", "Pneumothorax|Cardiomegaly", "Mass|Cardiomegaly", "Edema|Pneumothorax", "Pneumonia|Edema"]
    rows = [f"{n}.png,{pairs[n % 5]}|**Pleural effusion**,p{n},PA" for n in range(40)]
    (tmp_path / "nih.csv").write_text("Image Index,Finding Labels,Patient ID,View Position\n" + "\n".join(rows))
    at = page(data_labels="A CSV of your own", **{"data-table-path": str(tmp_path / "nih.csv")})
    assert not at.exception
    assert "'**Pleural effusion**' (40 rows; may be Pleural Effusion)" in texts(at.text)


def test_the_llm_writer_shows_what_is_sent_and_never_asks_for_a_key():
    at = page(
        **{
            "data-writer": "language model, at an endpoint",
            "data-llm-model": "m",
            "data-llm-url": "http://localhost:1/v1",
        }
    )
    assert not at.exception
    assert "You write options" in at.code[0].value
    assert '"conditions"' in at.code[1].value
    assert not [box for box in at.text_input if "key" in box.label.lower()]


def test_the_endpoint_is_asked_for_one_item_and_its_answer_is_kept_for_the_build(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_LLM_KEY", "secret")
    llm = {"data-writer": "language model, at an endpoint", "data-llm-model": "m"}
    with running_llm(lambda question, before: "good" if before else "lying") as server:
        at = page(data_folder=str(tmp_path), **llm, **{"data-llm-url": server.url})
        next(b for b in at.button if b.label == "Ask it now").click().run()
        assert not at.exception
        assert "Draft 1 turned down, " in at.warning[0].value
        assert texts(at.markdown).count("right]") == 2
        asked = len(server.requests)
        next(b for b in at.button if b.label == "Ask it now").click().run()
        assert len(server.requests) == asked == 2
    at.run()
    next(b for b in at.button if b.label == "Ask it now").click().run()  # kept, so that no server is needed
    assert not at.error


@pytest.mark.parametrize(
    ("address", "button_says"),
    [
        ("http://127.0.0.1:8000/v1", "Write 500 items with \\[m\\](x) at 127.0.0.1:8000, without a key"),
        ("https://hub.org/v1", "Write 500 items with \\[m\\](x) at hub.org, with NAST_LLM_KEY"),
    ],
)
def test_the_button_says_where_questions_go_and_whether_a_key_goes_along(address, button_says, monkeypatch):
    monkeypatch.setenv("NAST_LLM_KEY", "secret")
    monkeypatch.setenv("NAST_LLM_URL", "https://hub.org/v1")
    at = page(**{"data-writer": "language model, at an endpoint", "data-llm-model": "[m](x)", "data-llm-url": address})
    assert button(at, "data-build").label == button_says


def test_claims_are_shown_before_they_are_built():
    at = page(data_do="Build claims")
    assert not at.exception
    assert {"true statement", "contradiction", "kind"} <= set(at.dataframe[0].value.columns)


def test_a_newcomer_without_a_file_is_offered_the_demo_items():
    at = page(data_do="Look through a file")
    assert "Type the path" in at.info[0].value
    button(at, "data-demo").click().run()
    assert not at.exception
    assert "24 of 24 items" in texts(at.caption)


def test_filters_are_taken_from_the_link_and_none_that_fits_is_said(items):
    some = read_items(items)[0]
    at = look(items, data_text=some.negated[0].upper())
    assert at.selectbox(key="data-item").options == [some.item_id]
    at.text_input(key="data-text").set_value("no such words").run()
    assert "No item fits" in at.info[0].value


@pytest.mark.parametrize("view", ["Balance", "Card", "Export", "Guessing", "Rejected drafts"])
def test_every_view_of_items_opens(items, view):
    at = look(items, data_view=view)
    assert not at.exception
    assert not at.error


def test_rejected_drafts_are_shown_with_what_was_wrong(items):
    one = read_items(items)[0]
    draft = TurnedDown(
        item_id="item-0-9", conditions=one.conditions, assignments=one.assignments, attempt=4, given_up=True,
        reason="wrong state", said=("option A: Edema should be absent, but it says present",),
        negated=one.negated, affirmative=one.affirmative,
    )  # fmt: skip
    write_drafts([draft], items)
    at = look(items, data_view="Rejected drafts")
    assert "Tasks given up after their last draft: 1" in texts(at.caption)
    assert "Edema should be absent" in texts(at.markdown)


def field(at: AppTest, place: str):
    return next(box for box in at.text_input if (box.key or "").startswith("data-word-") and f"-{place}-" in box.key)


def test_words_are_refused_saved_and_taken_back(items):
    at = look(items)
    before = read_items(items)[0]
    sentence = f"Impression: {before.negated[0]}"
    field(at, "negated-A").set_value(sentence).run()
    assert "the forms also differ in 'impression'" in texts(at.error)
    assert button(at, "data-save").disabled
    field(at, "affirmative-A").set_value(f"Impression: {before.affirmative[0]}").run()
    assert not at.error
    button(at, "data-save").click().run()
    assert read_items(items)[0].negated[0] == sentence
    button(at, "data-undo").click().run()
    assert read_items(items)[0] == before
    assert button(at, "data-undo").disabled


def test_words_refused_for_a_wrong_reading_are_saved_once_it_is_corrected_and_the_item_says_so(items):
    at, before = look(items), read_items(items)[0]
    (place,) = (n for n, states in enumerate(before.assignments) if states == (1, 1, 1))
    letter, (first, second, third) = "ABCD"[place], before.conditions
    noun = chest()[first].prompt_nouns[0].text, chest()[second].prompt_nouns[0].text
    text = f"{noun[0]}; {noun[1]}; a chest like a boot."  # the parser knows no finding by these words
    for form in ("negated", "affirmative"):
        field(at, f"{form}-{letter}").set_value(text)
    at.run()
    assert f"{third} is not mentioned" in texts(at.error)
    correct(at, f"edit-negated-{place}", text, add=third)
    assert not at.error
    assert "The parser, with your corrections, reads every option as exactly its labels" in at.success[0].value
    button(at, "data-save").click().run()
    assert not at.exception
    saved = read_items(items)[0]
    assert saved.negated[place] == saved.affirmative[place] == text
    assert [c.model_dump() for c in saved.corrected] == [{"text": text, "condition": third, "state": "present"}]
    assert f"read by a person: {third} present" in texts(at.markdown)
    correct(at, f"negated-{letter}", text, undo=True)  # the parser's reading counts again, and refuses the saved words
    assert f"{third} is not mentioned" in texts(at.error)
    button(at, "data-undo").click().run()
    assert read_items(items)[0] == before
    assert not at.error


def test_the_file_of_corrections_is_not_offered_as_a_data_set(items):
    keep(items.parent / "readings.jsonl", "No edema.", {"Edema": "present"})
    at = page(data_do="Look through a file")
    assert at.button_group(key="data-here").options == [items.name]


def test_a_claim_whose_source_sentence_is_read_otherwise_is_left_out_of_the_export(tmp_path):
    path = tmp_path / "claims.jsonl"
    examples = build_claims("phantom", path, split="test", n=12).built.examples
    at = look(path, data_claim="2")
    rows = [(example, other) for example in examples for other in example.contradictions]
    example = rows[1][0]
    assert f":gray[True statement]&nbsp;&nbsp;{marked(example.text)}" in texts(at.markdown)
    correct(at, "claim-True statement", example.text, **{example.claim.finding: "uncertain"})
    assert not at.exception
    assert f"You read {example.claim.finding} as uncertain" in at.warning[0].value
    alike = sum(e.text == example.text for e in examples)
    at = look(path, data_view="Export")
    assert f"The {len(examples) - alike} statements" in texts(at.caption)
    at.toggle(key="data-claims-sound").set_value(False).run()
    assert f"The {len(examples)} statements" in texts(at.caption)


def test_claims_of_a_file_are_told_from_items_and_filtered(tmp_path):
    path = tmp_path / "claims.jsonl"
    made = build_claims("phantom", path, split="test", n=12)
    at = look(path)
    assert not at.exception
    assert len(at.dataframe[0].value) == sum(len(e.contradictions) for e in made.built.examples)
    at = look(path, data_kinds="severity")
    assert set(at.dataframe[0].value.kind) == {"severity"}
    for view in ("Balance", "Guessing", "Card", "Export"):
        assert not look(path, data_view=view).exception


def test_the_reference_json_is_looked_at_and_saved_as_items(items, tmp_path):
    reference = tmp_path / "reference.json"
    export_reference(read_items(items), reference)
    at = look(reference)
    assert not at.exception
    assert "24 of 24 items" in texts(at.caption)
    option = read_items(items)[0].negated[0]
    correct(at, "negated-A", option, add="Fracture")
    assert at.expander[0].label.startswith("1 of 24 items the parser does not read as their own labels")
    next(b for b in at.button if b.label == "Save as items").click().run()
    saved = read_items(tmp_path / "reference.items.jsonl")
    assert len(saved) == 24
    assert [item.item_id for item in saved if item.corrected] == ["reference-1"]
    next(b for b in at.button if b.label.startswith("Open ")).click().run()
    assert at.text_input(key="data-file").value.endswith("reference.items.jsonl")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"negated": ["a", "b", "c"]}, "negated"),
        ({"negated": ["a", "a", "b", "c"]}, "two equal options"),
        ({"answer": "E"}, "answer"),
    ],
)
def test_a_file_that_holds_no_items_is_refused_in_one_sentence(tmp_path, items, change, said):
    line = json.loads(items.read_text().splitlines()[0]) | change
    path = tmp_path / "broken.jsonl"
    path.write_text(json.dumps(line) + "\n")
    at = look(path)
    assert not at.exception
    assert "line 1" in at.error[0].value
    assert said in at.error[0].value


def test_a_folder_that_cannot_be_written_is_said_by_the_build(tmp_path):
    (tmp_path / "mine").write_text("a file in the folder's place")
    at = page(data_n="5", data_folder=str(tmp_path / "mine"))
    button(at, "data-build").click().run()
    assert "nothing can be written to" in at.error[0].value
    assert not RunStore().runs()
