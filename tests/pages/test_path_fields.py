"""Every field of every page that takes a path or a model's name: what no file can be is one sentence, at once."""

import ast
import os
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.parts.asking import KINDS
from tests.pages.links import ROOT, asks, by_link, opened

FIELDS = [  # page, what leads to the field, the field
    ("benchmark", {"from": "a file"}, "items"),
    ("benchmark", {"n": "200", "tab": "Claims", "claims-from": "a file"}, "claims-file"),
    ("data", {"data-do": "Look through a file"}, "data-file"),
    ("data", {"data-labels": "A CSV of your own"}, "data-table-path"),
    ("data", {"data-do": "Build claims", "data-source": "Reports by path (MIMIC-CXR, CSV)"}, "data-reports"),
    ("data", {"data-labels": "CheXpert labels"}, "data-images"),
    ("data", {}, "data-folder"),
    ("data", {}, "data-name"),
    ("review", {}, "review-items"),
    ("review", {}, "review-images"),
    ("finetune", {"train-on": "my files"}, "claims"),
    ("finetune", {"train-on": "my files"}, "train-images"),
    ("finetune", {"train-on": "my files"}, "train-items"),
    ("finetune", {"finetune-by": "text alone", "finetune-texts": "these and reports"}, "distil-reports"),
    ("models", {}, "other"),
]


def text_fields(path: Path) -> set[str]:
    """Keys of a module's text fields that a link can fill, and that are not ``asking.field``."""
    found = set()
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "text_input":
            settings = {word.arg: word.value for word in call.keywords}
            if "bind" in settings:
                found.add(
                    settings["key"].value if isinstance(settings["key"], ast.Constant) else ast.dump(settings["key"])
                )
    return found


def test_no_other_field_that_a_link_can_fill_names_anything_to_be_opened():
    modules = [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    free = {key for path in modules if path.name != "asking.py" for key in text_fields(path)}
    said = {"affirmative", "negated", "said", "denied", "equivalent", "sentence", "repair-text"}  # texts for the model
    sought = {"data-text", "slice-name"}  # filters and names
    assert free <= said | sought | {"data-llm-model", "Name(id='key', ctx=Load())"}


def test_every_field_that_can_open_something_is_known_to_the_asking():
    asked = set()
    for path in [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in (
                "asking.field",
                "asking.one_of",
                "vocabularies.choose",
            ):
                key = next(word.value for word in call.keywords if word.arg == "key")
                asked.add(key.value if isinstance(key, ast.Constant) else None)
    of_sources = {"items", "images", "claims-file", "claims-images"}  # given to parts/sources.py, which asks
    assert asked - {None} | of_sources | {"claims", "train-images", "train-items", "with"} == set(KINDS)


def test_no_page_ends_in_a_way_that_takes_its_sidebar_away():
    for path in [*(ROOT / "dashboard").rglob("*.py"), *(ROOT / "pages").glob("*.py")]:
        calls = [
            ast.unparse(call.func)
            for call in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(call, ast.Call)
        ]
        assert "st.stop" not in calls, path


@pytest.fixture
def odd(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    return [".", "/", "a\0b", "x" * 5000, str(pipe), "/dev/zero", "~nobody-of-this-name/x"]


@pytest.mark.parametrize(("page", "params", "field"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_path_that_no_file_can_have_is_one_sentence(page, params, field, odd):
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=60)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    for value in odd:
        at.text_input(key=field).set_value(value).run()
        assert not at.exception, (value, at.exception)
        assert len(at.error) <= 1, (value, [error.value for error in at.error])
        if KINDS.get(field) == "file" and field not in (
            "claims",
            "train-items",
        ):  # those are read when Train is pressed
            assert [error.value for error in at.error] or at.info, value
        assert all(len(error.value) < 700 for error in at.error), value


def test_a_model_that_no_folder_can_be_is_one_sentence(odd):
    at = by_link()
    for value in odd:
        at.text_input(key="model").set_value(value).run()
        assert not at.exception
        assert len(at.error) == 1, value
        assert len(at.error[0].value) < 700
    assert "not a medical device" in " ".join(caption.value for caption in at.sidebar.caption)


@pytest.mark.parametrize("field", ["a", "b"])
def test_a_second_model_that_no_folder_can_be_is_one_sentence(field, odd):
    for value in odd:
        at = opened(by_link("compare", **{field: value}))
        assert not at.exception
        assert len(at.error) == 1, value
        assert len(at.error[0].value) < 700


def test_a_dataset_that_no_folder_can_be_is_one_sentence(odd):
    for value in odd:
        at = opened(by_link("home", dataset=value))
        assert not at.exception
        assert len(at.error) == 1, value
        assert len(at.error[0].value) < 700
    assert "none: the dataset cannot be used" in " ".join(caption.value for caption in at.sidebar.caption)


@pytest.mark.parametrize(
    "address", ["http://[", "http://a\tb.example/v1", "javascript:alert(1)", "[m](http://x.example)"]
)
def test_an_address_that_no_endpoint_has_is_asked_for_as_text_and_said_to_be_none(address):
    at = by_link("home", **{"data-llm-url": address})
    assert asks(at)
    assert not at.exception
    assert any("is no address of an endpoint" in one.value for one in at.markdown)


def test_the_host_that_is_asked_about_is_the_one_that_is_sent_to():
    at = by_link("home", **{"data-llm-url": "http://api.openai.com\\@evil.example:8000/v1"})
    assert any("Host: **evil.example:8000**" in one.value for one in at.markdown)
