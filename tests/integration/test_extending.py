"""docs/extending, followed once: the blocks of its pages, put where they say, in a copy of the project."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
# files; a page of a kind is two more
MOST = {"layer_summary": 1, "arm": 2, "label_source": 2, "kind_of_run": 2, "repair": 2}


class Step(NamedTuple):
    file: str
    place: str  # in `TABLE`, above `NAME`, or empty: the whole file, or its end
    code: str


def steps(page: str) -> list[Step]:
    """What a page says to do: a numbered line names the file, and the words before a block the place in it."""
    text = (ROOT / "docs" / "extending" / f"{page}.md").read_text("utf-8")
    found, file = [], ""
    for said, code in re.findall(r"((?:^(?!```)[^\n]*\n)*)^```(?:python|yaml)\n(.*?)^```$", text, re.M | re.S):
        if named := re.findall(r"^\*\*\d\. `([\w/]+\.\w+)`\*\*", said, re.M):
            file = named[-1]
        last = said.strip().split("\n\n")[-1]
        place = re.search(r"\b(in|above) `(\w+)`", last, re.I)
        found.append(Step(file, f"{place[1].lower()} {place[2]}" if place else "", code))
    return found


def put(root: Path, step: Step) -> None:
    path = root / step.file
    word, _, name = step.place.partition(" ")
    before = path.read_text("utf-8") if path.exists() else ""
    if not word:
        path.write_text(before + step.code, "utf-8")
        return
    path.write_text(into(before, name, step.code) if word == "in" else above(before, name, step.code), "utf-8")


def assigned(source: str, name: str) -> ast.stmt:
    for node in ast.parse(source).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if name in [getattr(target, "id", None) for target in targets]:
            return node
    raise AssertionError(f"there is no {name}")


def above(source: str, name: str, code: str) -> str:
    lines = source.splitlines(keepends=True)
    at = assigned(source, name).lineno - 1
    return "".join([*lines[:at], code, "\n\n" if "def " in code else "\n", *lines[at:]])


def into(source: str, name: str, code: str) -> str:
    """The code as one more entry at the end of a table: a dict, what a dict is made of, or a Literal."""
    value = assigned(source, name).value
    if isinstance(value, ast.DictComp):
        value = value.generators[0].iter
    if isinstance(value, ast.Subscript):
        value = value.slice
    lines = source.splitlines(keepends=True)
    end = sum(map(len, lines[: value.end_lineno - 1])) + len(
        lines[value.end_lineno - 1].encode()[: value.end_col_offset].decode()
    )
    if source[end - 1] in ")}":  # a Literal's own bracket lies outside of it
        end -= 1
    kept = source[:end].rstrip()
    return kept + ("" if kept.endswith(",") else ",") + "\n" + code + source[end:]


@pytest.fixture(scope="module")
def extended(tmp_path_factory, folders) -> tuple[Path, dict]:
    """A copy of the project with every page's steps done, and what one process found in it."""
    root = tmp_path_factory.mktemp("project")
    for package in ("nast_core", "dashboard"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "assets").symlink_to(ROOT / "assets")
    for page in MOST:
        for step in steps(page):
            put(root, step)
    (root / "vindr.csv").write_text(
        "image_id,rad_id,Cardiomegaly,Pneumothorax,Pleural effusion,Consolidation,Infiltration,Aortic enlargement\n"
        "a,R1,1,0,1,0,0,0\nb,R1,0,0,0,0,1,1\n"
    )
    (root / "pairs.jsonl").write_text('{"affirmative": "there is some edema.", "negated": "there is no edema."}\n')
    (root / "try.py").write_text(TRY)
    env = os.environ | {"PYTHONPATH": str(root), "NAST_RUNS": str(root / "runs")}
    words = [sys.executable, "-P", str(root / "try.py"), str(root), str(folders["Hugging Face CLIP"])]
    done = subprocess.run(words, env=env, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return root, json.loads(done.stdout.splitlines()[-1])


TRY = """
import json, sys
from pathlib import Path
import numpy as np, xarray as xr
root, model = Path(sys.argv[1]), sys.argv[2]
import nast_core
assert Path(nast_core.__file__).is_relative_to(root)
found = {}

from nast_core.interpret.summaries import layer_summary, offered
cte = xr.DataArray([[[9.0, 0.1, 0.2, 0.6]]], dims=("pair", "layer", "position"))
role = xr.DataArray([["before", "negator", "after", "pooled"]], dims=("pair", "position"))
traced = xr.Dataset({"cte": cte, "role": role, "d": ("pair", [1.0])})
found["median"] = float(layer_summary(traced, "median")[0, 0])
found["offered"] = list(offered(traced))

from dashboard.parts import theme
from nast_core.finetune.arms import ARMS, arm_weights
from nast_core.finetune.recipe import FinetuneRecipe
found["rising"] = arm_weights("rising", np.array([2.0, 0.5, 0.5])).tolist()
found["arm"] = FinetuneRecipe(data="claims.jsonl", arm="rising", summary="median").arm
found["colours"] = set(theme.ARMS) == set(ARMS) and len({c for c, _ in theme.ARMS.values()}) == len(ARMS)

from nast_core.data.label_names import label_names
from nast_core.data.labels import read_labels
from nast_core.work.kinds import KINDS, make_recipe
named, told = (read_labels(spec) for spec in (f"vindr:{root / 'vindr.csv'}", str(root / "vindr.csv")))
found["labels"] = [named.source, told.source, "vindr" in label_names(), named.counts["studies"]]
from nast_core.data.label_layouts import LAYOUTS
from nast_core.vocabulary.shipped import chest
CHEXPERT_CONDITIONS = chest().conditions
import pandas as pd
block = LAYOUTS["vindr"].block(pd.read_csv(root / "vindr.csv", dtype=str))
at = [CHEXPERT_CONDITIONS.index(name) for name in ("Cardiomegaly", "Pneumothorax", "Consolidation")]
found["states"] = block.states[:, at].tolist()
recipe = make_recipe({"kind": "build-items", "labels": "vindr", "table": str(root / "vindr.csv"), "out": "i.jsonl"})
found["spec"] = recipe.labels_spec == f"vindr:{root / 'vindr.csv'}"

from typer.testing import CliRunner
from nast_core.cli import app
from nast_core.runs.reporter import Silent
from nast_core.runs.store import RunStore
from nast_core.work.in_process import run_in_process
recipe = make_recipe({"kind": "lengths", "model": model, "pairs": str(root / "pairs.jsonl"), "device": "cpu"})
run = run_in_process(recipe, Silent())
found["figures"] = run.status.figures
found["tokens"] = run.result["tokens"]
(root / "lengths.yaml").write_text(f"kind: lengths\\nmodel: {model}\\npairs: {root / 'pairs.jsonl'}\\n")
said = CliRunner().invoke(app, ["run", str(root / "lengths.yaml")])
found["again"] = said.exit_code == 0 and run.id in said.output and len(RunStore().runs()) == 1
import torch
from nast_core.opening import load_model
mixed, own = (load_model(f"{model}{behind}", device="cpu") for behind in ("+mix(0.3)", ""))
texts = ["There is no edema.", "There is edema.", "A chest radiograph."]
(a, plain, neutral), (b, same, _) = own.encode_texts(texts), mixed.encode_texts(texts)
found["mix"] = [torch.equal(plain, same), float(b @ torch.nn.functional.normalize(0.7 * a + 0.3 * neutral, dim=0))]
found["help"] = "vindr" in CliRunner().invoke(app, ["benchmark", "build", "--help"], terminal_width=300).output
print(json.dumps(found))
"""


@pytest.mark.parametrize("page", MOST)
def test_what_a_page_adds_takes_few_files(page):
    done = steps(page)
    assert 0 < len({step.file for step in done}) <= MOST[page]
    assert all(step.file and step.code for step in done)


@pytest.mark.slow
def test_a_layer_summary_is_offered_computed_and_a_recipes(extended):
    _, found = extended
    assert found["median"] == pytest.approx(0.2)  # of 0.1, 0.2 and 0.6: what lies before the negator is left out
    assert found["offered"] == ["std", "max", "mean_abs", "negator", "negator_out", "median"]


@pytest.mark.slow
def test_an_arm_has_weights_a_recipe_and_a_colour(extended):
    _, found = extended
    assert found["rising"] == pytest.approx([0.5, 1.0, 1.5])
    assert found["arm"] == "rising"
    assert found["colours"]


@pytest.mark.slow
def test_a_source_of_labels_is_read_by_name_and_by_its_columns(extended):
    _, found = extended
    assert found["labels"] == ["vindr", "vindr", True, 2]
    assert found["states"] == [[1, 0, 0], [0, 0, -2]]  # an infiltration may be a consolidation: left open
    assert found["spec"]
    assert found["help"]


@pytest.mark.slow
def test_a_repair_is_a_model_by_its_spec(extended):
    _, found = extended
    assert found["mix"] == [True, pytest.approx(1.0)]


@pytest.mark.slow
def test_a_kind_is_carried_out_and_found_again_by_its_recipe(extended):
    _, found = extended
    (tokens,) = found["tokens"]
    assert found["figures"] == {"pairs": 1.0, "mean_tokens": tokens}
    assert found["again"]
