"""Models in the app's memory: at most three, and what falls out is freed at once, without the garbage collector."""

import ast
import gc
import shutil
import weakref

import pytest
import torch

import nast_core.opening
from dashboard.parts import state
from tests.pages.links import ROOT, by_link

KEPT = 3  # the sidebar's, and two to compare


def modules(model) -> list[torch.nn.Module]:
    """The networks that hold a model's weights."""
    return [
        value for part in (model, model.text) for value in vars(part).values() if isinstance(value, torch.nn.Module)
    ]


@pytest.fixture
def loaded(monkeypatch):
    """Weak references to the networks of every model that the app loads, in order."""
    real, seen = nast_core.opening.load_model, []

    def load(spec, **settings):
        model = real(spec, **settings)
        assert modules(model)
        seen.append([weakref.ref(module) for module in modules(model)])
        return model

    monkeypatch.setattr(nast_core.opening, "load_model", load)
    state._load.clear()
    yield seen
    state._load.clear()


@pytest.fixture
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive(seen) -> int:
    return sum(any(reference() is not None for reference in references) for references in seen)


@pytest.mark.parametrize("family", ["Hugging Face CLIP", "open_clip"])
def test_models_loaded_in_turn_are_freed_as_they_fall_out(folders, family, tmp_path, loaded, no_collector):
    at = by_link("models")
    for number in range(5):
        copy = tmp_path / str(number)
        shutil.copytree(folders[family], copy)
        at.text_input(key="model").set_value(str(copy)).run()
        assert not at.exception
        assert not at.error
        assert alive(loaded) <= KEPT, number
    assert len(loaded) == 6
    assert alive(loaded[:3]) == 0


def test_no_page_keeps_a_model_in_variables_that_its_own_functions_keep():
    """A page's functions and its variables hold one another: such a cycle lives until the collector comes by."""
    for path in (ROOT / "pages").glob("*.py"):
        body = ast.parse(path.read_text("utf-8")).body
        functions = [node for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.FunctionDef | ast.Lambda)]
        loads = [
            node for node in body
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("state.model(", "state.load(", "compare.load("))
        ]  # fmt: skip
        assert not (functions and loads), path.name


def test_a_compared_model_is_kept_once_and_freed_too(folders, tmp_path, loaded, no_collector):
    from dashboard.compare import comparisons

    for number in range(4):
        copy = tmp_path / str(number)
        shutil.copytree(folders["Hugging Face CLIP"], copy)
        two = comparisons.load("demo", str(copy))
        assert two.a is comparisons.load(str(copy), "demo").b
        del two
        assert alive(loaded) <= KEPT
    assert len(loaded) == 5
