"""The Benchmark page as Streamlit's own test harness runs it: models, slices and tabs, on the real demo CLIP."""

import pytest
from PIL import Image

from nast_core import load_model
from nast_core.benchmark.groups import denied_conditions, denying_cues
from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.runs.kinds import make_recipe
from nast_core.runs.store import RunStore
from nast_core.work.identity import find_run
from tests.pages.test_pages import app, texts


def shown(**params: str):
    at = app("benchmark", n="200", **params)
    assert not at.exception
    return at


def labels(at) -> list[str]:
    return [metric.label for metric in at.metric]


@pytest.mark.long
def test_a_model_that_does_not_load_is_its_sentence_and_the_others_are_shown():
    at = shown(**{"with": "/no/such/folder"})
    assert len(at.error) == 1
    assert "/no/such/folder" in at.error[0].value
    assert labels(at)[:2] == ["Accuracy, affirmative", "Accuracy, negated"]


@pytest.mark.long
def test_an_address_of_before_there_were_datasets_opens_the_same_questions():
    at = shown(**{"from": "phantoms", "seed": "3", "tab": "Items", "show": "all"})
    assert not at.error
    assert at.selectbox(key="item").options == [item.item_id for item in phantom_items(200, seed=3, split="test")]
    at = shown(tab="Claims", **{"claims-from": "phantoms", "claims-n": "100"})
    assert not at.error
    assert "50 % is chance" in texts(at.caption)


def test_two_models_stand_side_by_side_with_corrected_tests(folders):
    at = shown(**{"with": str(folders["Hugging Face CLIP"])})
    assert not at.error
    tests = next(table.value for table in at.dataframe if "only_a" in table.value.columns)
    assert tests.form.tolist() == ["affirmative", "negated", "gap"]
    assert (tests.a == "demo").all()
    assert at.segmented_control(key="detail").options == ["demo", str(folders["Hugging Face CLIP"])]


def test_a_slice_of_the_link_is_obeyed_and_shown_with_its_n():
    at = shown(**{"slice-negations": "3", "slice-name": "all absent"})
    items = phantom_items(200, seed=0, split="test")
    n = sum(item.negations == 3 for item in items)
    assert f"all absent: negations=3 · n = {n} of 200 items" in texts(at.markdown)
    assert f"n = {n}" in at.caption[1].value


def test_a_saved_slice_comes_back_after_clearing():
    at = shown(**{"slice-condition": "Edema", "slice-name": "water"})
    next(button for button in at.button if button.label == "Save").click().run()
    next(button for button in at.button if button.label == "Clear").click().run()
    assert at.multiselect(key="slice-condition").value == []
    at.selectbox(key="benchmark-slice-restore").set_value("water").run()
    assert not at.exception
    assert at.multiselect(key="slice-condition").value == ["Edema"]
    kept = [i for i in phantom_items(200, seed=0, split="test") if "Edema" in denied_conditions(i)]
    assert f"n = {len(kept)} of 200" in texts(at.markdown)


def test_a_slice_without_items_says_what_to_do():
    items = phantom_items(200, seed=0, split="test")
    cue = denying_cues(items[0])[0] if denying_cues(items[0]) else "no"
    at = shown(**{"slice-cue": cue, "slice-negations": "0"})
    assert "No item is in this slice" in at.info[0].value


@pytest.mark.parametrize(
    ("tab", "expected"),
    [
        ("Distance and bias", "Hamming|conditions wrong|1, 2 or 3 of its conditions"),
        ("Claims", "50 % is chance"),
        ("Wording", "counts only where false denial stays near 1"),
        ("Retrieval and alignment", "near 0 the text is read as X"),
        ("Items", "lost by the negation"),
    ],
)
def test_every_tab_opens_from_its_link(tab, expected):
    at = shown(tab=tab, **{"claims-n": "100"})
    assert not at.error
    assert any(part in texts(at.caption) for part in expected.split("|"))


def test_an_item_opens_from_its_link():
    items = phantom_items(200, seed=0, split="test")
    at = shown(tab="Items", show="all", item=items[7].item_id)
    assert at.selectbox(key="item").value == items[7].item_id
    assert items[7].negated[0] in texts(at.markdown)


def test_images_that_cannot_be_read_are_unscored_and_listed(tmp_path):
    items = phantom_items(6, seed=1)
    Image.new("L", (60, 60), 90).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    names = ["good.png", "bad.png", "lost.png", *[item.image for item in items[3:]]]
    write_items(
        [item.model_copy(update={"image": n}) for item, n in zip(items, names, strict=True)], tmp_path / "i.jsonl"
    )
    at = shown(**{"from": "a file", "items": str(tmp_path / "i.jsonl"), "images": str(tmp_path), "tab": "Questions"})
    assert "Unscored items: 2" in texts(at.caption)
    at = shown(**{"from": "a file", "items": str(tmp_path / "i.jsonl"), "images": str(tmp_path), "tab": "Items"})
    listed = next(table.value for table in at.dataframe if "reason" in table.value.columns)
    assert listed.image.tolist() == ["bad.png", "lost.png"]
    doubtful = next(table.value for table in at.dataframe if "warning" in table.value.columns)
    assert doubtful.values.tolist() == [
        [items[0].item_id, "It shows almost one value, so nothing can be told from it."]
    ]
    at = shown(**{"from": "a file", "items": str(tmp_path / "i.jsonl"), "images": str(tmp_path), "tab": "Items",
                  "show": "all", "item": items[0].item_id})  # fmt: skip
    assert "It shows almost one value" in texts(at.warning)


def test_a_slow_model_is_offered_as_a_run_that_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    monkeypatch.setattr("dashboard.benchmark.choices.SOON", 0.0)
    at = shown(seed="17")
    (button,) = (button for button in at.button if button.label.startswith("Ask "))
    assert "about" in button.label
    assert not at.metric


@pytest.mark.long
def test_claims_are_a_run_that_the_command_finds_and_a_slow_model_is_offered_as_one(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    shown(tab="Claims", **{"claims-n": "100", "claims-seed": "23"})
    (run,) = (run for run in RunStore().runs() if run.recipe.kind == "claims")
    recipe = make_recipe({"kind": "claims", "n": 100, "seed": 23, "split": "test"})  # as 'nast claims run' makes it
    assert find_run(recipe, model_fingerprint=load_model("demo").fingerprint).id == run.id
    monkeypatch.setattr("dashboard.benchmark.choices.SOON", 0.0)
    at = shown(tab="Claims", seed="0", **{"claims-n": "100", "claims-seed": "17"})
    (button,) = (button for button in at.button if button.label.startswith("Let "))
    assert "read the claims: about" in button.label
