"""What the Fine-tune page offers before anything is trained."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nast_core.claims.examples import read_claims
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.runs.store import RunStore
from nast_core.work.executors import cancel
from tests.finetuning import write_phantom_claims

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "finetune.py")


@pytest.mark.long
def test_settings_start_at_the_recipes_own_for_lora_and_lower_for_whole_layers(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.query_params["train-on"] = "my files"
    at.query_params["claims"] = str(write_phantom_claims(tmp_path / "claims.jsonl"))
    at.run()
    assert not at.exception
    own = {name: field.default for name, field in FinetuneRecipe.model_fields.items()}
    assert at.number_input(key="finetune-rate-lora").value == own["learning_rate"]
    assert at.number_input(key="finetune-alone-lora").value == own["statements_first"]
    assert own["alpha"] == 2 * own["rank"]  # as the page says of them
    assert at.selectbox(key="finetune-precision").value == own["precision"]
    at.segmented_control(key="finetune-method").set_value("full").run()
    assert not at.exception
    assert at.number_input(key="finetune-rate-full").value < own["learning_rate"]
    assert at.number_input(key="finetune-alone-full").value < own["statements_first"]


def test_an_address_of_before_there_were_datasets_opens_the_same_training_data(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    monkeypatch.setattr("dashboard.finetune.prepare.time_of", lambda runs, model: "a while")
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.query_params["train-on"] = "phantom world"
    at.query_params["train-n"] = "500"
    at.run()
    assert not at.exception
    assert at.select_slider(key="train-n").value == 500
    assert (tmp_path / ".data" / "phantom-own-cues-500-0.claims.jsonl").is_file()


def test_the_cues_that_are_chosen_are_those_of_the_statements(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    monkeypatch.setattr("dashboard.finetune.prepare.time_of", lambda runs, model: "a while")
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.query_params |= {"train-n": "500", "finetune-said-cues": "one by one", "finetune-said-contrasts": "off"}
    at.run()
    assert not at.exception
    assert at.info[0].value == "Choose the cues that statements deny by."
    at.multiselect(key="finetune-said-cue").set_value(["without", "ruled out"]).run()
    assert not at.exception
    (path,) = (tmp_path / ".data").glob("*.claims.jsonl")
    assert "own-cues" not in path.name
    train = [example for example in read_claims(path) if example.split == "train"]
    assert {one.cue for e in train for one in (e, *e.contradictions)} == {None, "without", "ruled out"}


def test_what_is_running_stays_in_sight_while_a_setting_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.query_params["train-on"] = "my files"
    at.run()
    assert not at.exception
    said = [info.value for info in at.info]
    assert said[0].startswith("Give a claims file")
    assert said[1].startswith("No run yet")


@pytest.mark.long
def test_a_repair_is_distilled_by_one_button(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.query_params["finetune-by"] = "text alone"
    at.run()
    assert not at.exception
    at.button(key="finetune-distil").click().run()
    assert not at.exception
    (run,) = RunStore().runs()
    asked = run.recipe
    assert isinstance(asked, FinetuneRecipe)
    defaults = FinetuneRecipe(objective="distil")
    assert asked.model_dump(exclude={"device"}) == defaults.model_dump(exclude={"device"})
    assert run.status.active
    cancel(run)
    at.run()
    assert not at.exception
