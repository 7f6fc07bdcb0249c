"""Pages that measure, train and browse obey the dataset that is chosen; values are worked out beside them."""

import shutil
from pathlib import Path

import pytest

from nast_core import load_model
from nast_core.benchmark.items import read_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.run import run_evidence
from nast_core.dataset.opened import open_folder
from nast_core.runs.store import RunStore
from tests.pages.test_pages import app, texts

pytestmark = pytest.mark.slow


def shown(page: str, dataset: Path, **params: str):
    at = app(page, dataset=str(dataset), **params)
    assert not at.exception
    return at


def use_test(at):
    at.button(key="benchmark-leave").click().run()
    assert not at.exception
    return at


def test_test_patients_are_asked_for_once_and_the_run_says_whose_figures_they_are(dataset_folder):
    at = shown("benchmark", dataset_folder)
    assert not at.metric
    assert "These are test patients" in texts(at.warning)
    use_test(at)
    items = [item for item in read_items(dataset_folder / "items.jsonl") if item.split == "test"]
    expected = run_benchmark(load_model("demo"), items, dataset_folder.parent / "images").summary
    assert at.metric[0].value == f"{100 * expected['acc_affirmative']['value']:.1f} %"
    assert at.metric[1].value == f"{100 * expected['acc_negated']['value']:.1f} %"
    assert "n = 20" in at.caption[2].value
    assert "Of the test split of drawn: the same question" in texts(at.caption)
    (run,) = RunStore().runs()
    assert (run.recipe.dataset, run.recipe.split, run.recipe.n) == (str(dataset_folder), "test", 20)
    at.segmented_control(key="benchmark-split").set_value("validation").run()
    at.segmented_control(key="benchmark-split").set_value("test").run()
    assert len(at.metric) == 4
    assert not at.warning


def test_validation_patients_are_not_asked_for(dataset_folder):
    at = shown("benchmark", dataset_folder, **{"benchmark-split": "validation"})
    assert not at.warning
    assert "n = 10" in texts(at.caption)
    assert "Of the validation split of drawn" in texts(at.caption)


def test_claims_and_their_auroc_are_of_the_datasets_own_labels(dataset_folder):
    link = {"benchmark-split": "validation", "claims-split": "validation", "tab": "Retrieval and alignment"}
    at = shown("benchmark", dataset_folder, **link)
    assert not at.error
    sample = open_folder(dataset_folder).evidence("validation", 1000)
    assert sample.presence_of(["Cardiomegaly"])[:, 0].sum() == 7  # of its 14 images, as the card says
    result = run_evidence(load_model("demo"), sample, dataset_folder.parent / "images")
    assert "Cardiomegaly" in result.summary["alignment"]["zero_shot_auroc"]
    assert "Edema" in result.summary["alignment"]["zero_shot_auroc"]
    assert "Fracture" not in result.summary["alignment"]["zero_shot_auroc"]  # two images have it
    charts = [figure for figure in at.get("plotly_chart")]
    assert any("the validation split of drawn; 14 images at most" in chart.proto.spec for chart in charts)


def test_statements_of_test_patients_are_asked_for_even_where_questions_are_of_others(dataset_folder):
    at = shown("benchmark", dataset_folder, **{"benchmark-split": "validation", "tab": "Claims"})
    assert "These are test patients" in texts(at.warning)


def test_where_a_split_has_no_question_the_reason_is_said_and_claims_are_shown(tmp_path):
    from tests.datasets import write_dataset

    few = write_dataset(tmp_path, {"train": 4, "validation": 3, "test": 1})
    link = {"benchmark-split": "validation", "claims-split": "validation"}
    at = shown("benchmark", few, **link)
    assert "drawn has no question about its validation split" in at.info[0].value
    at = shown("benchmark", few, tab="Claims", **link)
    assert not at.info
    assert "50 % is chance" in texts(at.caption)


@pytest.fixture
def spoiled(dataset_folder, tmp_path) -> Path:
    return shutil.copytree(dataset_folder, tmp_path / "spoiled")


@pytest.mark.parametrize("page", ["benchmark", "finetune", "review", "data"])
def test_a_dataset_that_was_edited_is_one_sentence_and_files_still_work(page, spoiled):
    with (spoiled / "items.jsonl").open("a") as file:
        file.write("\n")
    at = shown(page, spoiled, **({"data-do": "Look through the dataset"} if page == "data" else {}))
    assert [error.value for error in at.error if "was changed after the dataset was built" in error.value]
    assert len(at.error) == 1
