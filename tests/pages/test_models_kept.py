"""Models in the app's memory: as many as fit, and what falls out is freed at once, without the garbage collector."""

import ast
import gc
import os
import shutil
import weakref

import pytest
import torch
from safetensors.torch import load_file, save_file

import nast_core.opening
from dashboard.parts import keeper
from dashboard.parts.keeper import Keeper
from tests.pages.links import ROOT, by_link

KEPT = 3  # as many as there is room for here


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
    monkeypatch.setattr(keeper, "_size", lambda model: 1)
    monkeypatch.setattr(keeper, "KEEPER", Keeper(lambda held: KEPT))
    return seen


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
            if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("keeper.model(", "keeper.load(",
                "comparisons.load("))
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


def test_a_model_that_a_page_holds_stays_and_is_not_loaded_twice(folders, tmp_path, loaded, no_collector):
    specs = [str(shutil.copytree(folders["Hugging Face CLIP"], tmp_path / str(number))) for number in range(KEPT + 2)]
    held = keeper.load(specs[0])
    for spec in specs[1:]:
        keeper.load(spec)
    assert alive(loaded) == KEPT
    assert keeper.load(specs[0]) is held
    assert len(loaded) == KEPT + 2
    del held
    keeper.load(specs[1])  # was let go
    assert len(loaded) == KEPT + 3


def test_when_memory_is_short_only_the_model_asked_for_last_is_kept(
    folders, tmp_path, loaded, monkeypatch, no_collector
):
    monkeypatch.undo()
    free = [10**12]
    monkeypatch.setattr(keeper.memory, "free_where_models_are", lambda: free[0])
    own = Keeper(keeper._room)
    specs = [str(shutil.copytree(folders["Hugging Face CLIP"], tmp_path / str(number))) for number in range(3)]
    models = [weakref.ref(own.get(spec).module) for spec in specs]
    assert all(model() is not None for model in models)
    free[0] = 0  # half of what the models take is then all there is for them
    assert own.get("demo") is own.get("demo")
    assert [model() for model in models] == [None] * 3


def test_a_model_that_is_replaced_in_its_folder_is_loaded_anew(folders, tmp_path, loaded):
    folder = shutil.copytree(folders["Hugging Face CLIP"], tmp_path / "model")
    before = keeper.load(str(folder)).fingerprint
    file = folder / "model.safetensors"
    about, weights = file.stat(), load_file(file)
    save_file({name: value * 1.25 for name, value in weights.items()}, file, {"format": "pt"})
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))  # as large, and as old, as before
    assert file.stat().st_size == about.st_size
    assert keeper.load(str(folder)).fingerprint != before
    assert len(loaded) == 2
