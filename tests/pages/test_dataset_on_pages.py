"""Pages that measure, train and browse obey the dataset that is chosen; values are worked out beside them."""

import json
import shutil
from pathlib import Path

import pytest

from nast_core import load_model
from nast_core.benchmark.items import read_items, write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.benchmark.template import TemplateWriter
from nast_core.claims.run import run_evidence
from nast_core.dataset.build import Order, build_dataset
from nast_core.dataset.opened import open_folder
from nast_core.review.judgements import Reviews
from nast_core.runs.store import RunStore
from nast_core.work.executors import cancel, wait_for
from nast_core.work.in_process import run_in_process
from nast_core.work.kinds import TraceRecipe
from tests.datasets import write_dataset, write_table
from tests.finetuning import Notes
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


def test_the_sidebar_says_the_datasets_name_its_size_and_the_split_in_use(dataset_folder):
    at = shown("home", dataset_folder)
    said = texts(at.sidebar.markdown)
    assert "**drawn**" in said
    assert "60 patients, 60 images found; validation split in use" in said
    assert "Pleural Other: nothing is said of them alone" in texts(at.sidebar.caption)  # was never labelled


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
    charts = at.get("plotly_chart")
    assert any("the validation split of drawn; 14 images at most" in chart.proto.spec for chart in charts)


def test_statements_of_test_patients_are_asked_for_even_where_questions_are_of_others(dataset_folder):
    at = shown("benchmark", dataset_folder, **{"benchmark-split": "validation", "tab": "Claims"})
    assert "These are test patients" in texts(at.warning)


def test_where_a_split_has_no_question_the_reason_is_said_and_claims_are_shown(tmp_path):
    few = write_dataset(tmp_path, {"train": 4, "validation": 3, "test": 1})
    link = {"benchmark-split": "validation", "claims-split": "validation"}
    at = shown("benchmark", few, **link)
    assert "drawn has no question about its validation split" in at.info[0].value
    at = shown("benchmark", few, tab="Claims", **link)
    assert not at.info
    assert "50 % is chance" in texts(at.caption)


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> Path:
    """A dataset with too few patients for a question."""
    return write_dataset(tmp_path_factory.mktemp("few"), {"train": 6, "validation": 8, "test": 1})


@pytest.fixture(scope="module")
def unsaid(tmp_path_factory) -> Path:
    """A dataset of whose test images nothing is said: the one report is of its train patient."""
    folder = tmp_path_factory.mktemp("unsaid")
    table = write_table(folder, {"train": 1, "test": 24})
    (folder / "reports.csv").write_text("study_id,text\ns0,There is edema.\n")
    order = Order(str(table), folder / "images", folder / "drawn", items=20, reports=str(folder / "reports.csv"))
    build_dataset(order, TemplateWriter())
    return folder / "drawn"


def test_compare_shows_claims_and_mechanism_where_the_split_has_no_question(few):
    at = shown("compare", few, a="demo", b="demo-tuned", **{"compare-pairs": "12"})
    assert not at.error
    assert [hint.value.split(":")[0] for hint in at.info] == ["drawn has no question about its validation split"]
    assert "the reason stands above" in texts(at.caption)
    drawn = " ".join(chart.proto.spec for chart in at.get("plotly_chart"))
    assert "Claims, AUROC and retrieval" in drawn
    assert "Negator-selective attention" in drawn
    assert "Accuracy of A and B" not in drawn


@pytest.mark.long
def test_compare_shows_auroc_by_labels_where_nothing_is_said_of_the_images(unsaid):
    at = shown("compare", unsaid, a="demo", b="demo-tuned", **{"compare-pairs": "12"})
    at.button(key="compare-leave").click().run()
    assert not at.exception
    assert not at.error
    (spec,) = (c.proto.spec for c in at.get("plotly_chart") if "Claims, AUROC and retrieval" in c.proto.spec)
    assert "zero-shot AUROC" in spec
    assert "ranking" not in spec.split('"layout"')[0]


def test_the_benchmark_shows_auroc_by_labels_where_nothing_is_said_of_the_images(unsaid):
    at = use_test(shown("benchmark", unsaid, tab="Retrieval and alignment"))
    assert not at.error
    assert any("AUROC of the presence prompt" in chart.proto.spec for chart in at.get("plotly_chart"))
    assert "there is nothing to look for" in texts(at.info)
    at = use_test(shown("benchmark", unsaid, tab="Claims"))
    assert "there is nothing to rank" in texts(at.info)


@pytest.mark.parametrize("page", ["tracing", "heads", "attribution"])
def test_a_page_that_looks_at_images_says_why_there_are_none_to_look_at(for_test, page):
    at = shown(page, for_test)
    assert not at.error
    assert "a model is never looked at on a test patient" in at.info[0].value


def test_attention_reads_texts_and_needs_no_image(for_test):
    at = shown("attention", for_test)
    assert not [*at.error, *at.info]
    assert len(at.get("plotly_chart")) == 2


@pytest.fixture(scope="module")
def for_test(tmp_path_factory) -> Path:
    """A dataset of test patients alone."""
    return write_dataset(tmp_path_factory.mktemp("alone"), {"test": 12})


def test_a_fine_tune_learns_from_the_dataset_and_never_from_its_test_patients(dataset_folder):
    at = shown("finetune", dataset_folder)
    assert not at.error
    # of the card's 208 and 82 statements, each with an image
    said = "drawn: 208 statements about 30 train studies, 82 statements about 14 validation studies; 10 validation"
    assert said in texts(at.caption)
    (train,) = (button for button in at.button if button.key == "finetune-train")
    assert train.label.startswith("Train 1 run: about")
    at.number_input(key="finetune-steps").set_value(10).run()
    at.button(key="finetune-train").click().run()
    assert not at.exception
    (run,) = (one for one in RunStore().runs() if one.id.startswith("finetune-"))
    cancel(run)
    recipe = run.recipe
    assert (recipe.dataset, recipe.data, recipe.items, recipe.images) == (str(dataset_folder), None, None, None)
    patients = {example.patient_id for example in open_folder(dataset_folder).training(recipe.seed)}
    assert patients == {f"p{number}" for number in range(44)}  # 30 of train, 14 of validation


def test_layers_are_steered_by_a_trace_on_the_dataset_before_those_on_others(dataset_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    pairs = tmp_path / "pairs.jsonl"
    text = {"affirmative": "There is some edema.", "negated": "There is no edema.", "finding": "Edema"}
    pairs.write_text(json.dumps(text) + "\n")
    for dataset in (str(dataset_folder), "phantoms"):  # the newest is of another
        run_in_process(TraceRecipe(pairs=pairs, dataset=dataset), Notes())
    at = shown("finetune", dataset_folder)
    first, second = at.selectbox(key="finetune-trace").options
    assert ", on drawn (" in first
    assert ", on " not in second


def test_a_dataset_without_train_patients_says_that_nothing_can_be_learnt(tmp_path):
    at = shown("finetune", write_dataset(tmp_path, {"validation": 3, "test": 4}))
    assert "drawn has no image of its train split, and a fine-tune learns from train" in at.info[0].value
    assert "Runs" in [heading.value for heading in at.subheader]


def test_the_datasets_studies_are_found_by_condition_and_shown_with_their_image(dataset_folder):
    at = shown("data", dataset_folder)  # a dataset that is chosen is what the page begins with
    assert "60 of 60 studies of drawn." in texts(at.caption)
    at.selectbox(key="data-condition").set_value("Edema").run()
    at.selectbox(key="data-study-split").set_value("test").run()
    assert "4 of 60 studies of drawn." in texts(at.caption)  # as the card says
    (table,) = (table.value for table in at.dataframe if "present" in table.value.columns)
    assert all("Edema" in said for said in table.present)
    assert set(table.split) == {"test"}
    assert not at.warning
    assert len(at.image) == 1
    at.selectbox(key="data-label").set_value("unknown").run()
    assert at.info[0].value == "No study fits these filters; take one away."
    at.selectbox(key="data-condition").set_value("Pleural Other").run()
    assert "16 of 60 studies of drawn." in texts(at.caption)  # never labelled


def test_the_datasets_questions_statements_and_card_are_shown_and_its_files_are_not_changed(dataset_folder):
    at = shown("data", dataset_folder, **{"data-part": "Questions"})
    assert "30 of 30 items" in texts(at.caption)
    assert "Change the wording" not in [box.label for box in at.expander]
    at.segmented_control(key="data-part").set_value("statements").run()
    assert "of 402 statements in all" in texts(at.caption)  # 208, 82 and 112
    at.segmented_control(key="data-part").set_value("card").run()
    assert not at.exception
    assert "Images stay in" in texts(at.markdown)
    link = {"data-do": "Look through a file", "data-file": str(dataset_folder / "items.jsonl")}
    at = shown("data", dataset_folder, **link)
    assert "kept as it was built" in texts(at.caption)
    assert "Change the wording" not in [box.label for box in at.expander]


@pytest.mark.long
def test_a_dataset_is_built_on_the_data_page_and_chosen_at_a_press(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    table = write_table(tmp_path / "mine", {"train": 6, "validation": 6, "test": 6})
    at = app("data", **{"data-do": "Build a dataset"})
    assert at.info[0].value == "Give the path of the label table, and the folder of its images."
    at.text_input(key="data-table-path").set_value(str(table)).run()
    at.text_input(key="data-images").set_value(str(table.parent / "images")).run()
    at.text_input(key="data-called").set_value("mine, ö").run()
    at.button(key="data-build").click().run()
    assert not at.exception
    (run,) = (one for one in RunStore().runs() if one.id.startswith("dataset-"))
    assert wait_for(run, 120).state == "finished"
    at.run()
    assert f"Built: {tmp_path / 'sets' / 'mine, ö'}. Patients 18; images 18" in texts(at.success)
    at.button(key="data-use").click().run()
    assert not at.exception
    assert at.sidebar.selectbox(key="dataset").value == str(tmp_path / "sets" / "mine, ö")
    assert "18 of 18 studies of mine, ö." in texts(at.caption)


def test_a_build_whose_images_are_not_there_says_which_names_were_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    table, empty = write_table(tmp_path / "mine", {"train": 2}), tmp_path / "empty"
    empty.mkdir()
    link = {"data-do": "Build a dataset", "data-table-path": str(table), "data-images": str(empty)}
    at = app("data", **link)
    at.button(key="data-build").click().run()
    (run,) = (one for one in RunStore().runs() if getattr(one.recipe, "images", None) == empty)
    assert wait_for(run, 120).state == "failed"
    at.run()
    assert "no image of the 2 studies is under" in texts(at.warning)
    assert not (tmp_path / "sets" / "my-dataset").exists()


def test_phantoms_have_no_table_to_look_through_and_say_what_can_be_done():
    at = app("data", **{"data-do": "Look through the dataset"})
    assert not at.exception
    assert "build a dataset from your own labels and images" in at.info[0].value


def test_a_review_opens_on_the_datasets_items_and_a_link_to_a_file_on_the_file(dataset_folder, tmp_path):
    own = shutil.copytree(dataset_folder, tmp_path / "own")
    at = shown("review", own)
    assert "These are test patients" in texts(at.warning)  # 20 of the items are about them
    assert "Type your name" not in texts(at.info)
    at.button(key="review-leave").click().run()
    assert f"30 items. Judgements are saved at once, in {own}/items.review." in texts(at.caption)
    at.text_input(key="review-name").set_value("Ada").run()
    at.button(key="review-correct").click().run()
    assert not at.exception
    assert len(at.image) == 1
    assert "1 of 30 judged" in at.get("progress")[0].proto.text
    assert Reviews(own / "items.jsonl").of("Ada")[0].verdict == "correct"
    open_folder(own)  # which is still as it was built
    write_items(phantom_items(3), tmp_path / "three.jsonl")
    at = shown("review", own, **{"review-items": str(tmp_path / "three.jsonl")})
    assert "3 items." in texts(at.caption)


@pytest.fixture
def spoiled(dataset_folder, tmp_path) -> Path:
    return shutil.copytree(dataset_folder, tmp_path / "spoiled")


PLACES = {"benchmark": {}, "finetune": {}, "review": {}, "data": {"data-do": "Look through the dataset"}}
FILES = {
    "benchmark": {"from": "a file"},
    "finetune": {"train-on": "my files"},
    "review": {"review-from": "a file"},
    "data": {"data-do": "Look through a file"},
}


@pytest.mark.parametrize("page", PLACES)
def test_a_dataset_that_was_edited_by_hand_is_one_sentence_and_files_still_work(page, spoiled):
    with (spoiled / "items.jsonl").open("a") as file:
        file.write("\n")
    at = shown(page, spoiled, **PLACES[page])
    assert [error.value.count("was changed after the dataset was built") for error in at.error] == [1]
    at = shown(page, spoiled, **FILES[page])
    assert not at.error


@pytest.mark.parametrize("page", PLACES)
def test_a_dataset_whose_images_have_moved_is_one_sentence(page, tmp_path):
    folder = write_dataset(tmp_path / "here", {"train": 2, "test": 2})
    (tmp_path / "here" / "images").rename(tmp_path / "here" / "moved")
    at = shown(page, folder, **PLACES[page])
    assert [error.value.count("which is not there; put them back") for error in at.error] == [1]
