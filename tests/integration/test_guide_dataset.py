"""docs/guide/dataset.md, command by command, on stand-ins: drawn files with a table for NIH, the demo for
BiomedCLIP."""

import os
import re
import shutil

import pytest
import yaml
from typer.testing import CliRunner

from nast_core.cli import app
from tests.datasets import write_table
from tests.unit.test_docs import ROOT, blocks, commands

pytestmark = pytest.mark.long  # a fine-tune and a comparison among them

PAGE = ROOT / "docs" / "guide" / "dataset.md"
ELSEWHERE = ("my-set", "chexpert-set", "mimic-set")  # other tables; the builder's own tests read them


def test_every_command_of_the_guide_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    write_table(tmp_path)
    (tmp_path / "nih").mkdir()
    shutil.move(tmp_path / "images", tmp_path / "nih" / "images")
    (recipe,) = [yaml.safe_load(text) for _, text in blocks(PAGE, "yaml")]
    quick = {"steps": 20, "validate_every": 10, "validation_studies": 10, "compared_images": 24, "tracker": "none"}
    (tmp_path / "tune.yaml").write_text(yaml.safe_dump(recipe | {"model": "demo"} | quick), "utf-8")
    tuned, done = "run:ID", []
    for _, words in commands(PAGE):
        if words[:2] == ["model", "download"] or any(word in ELSEWHERE for word in words):
            continue
        swapped = {"biomedclip": "demo", "nih": "labels.csv", "run:ID": tuned}
        result = CliRunner().invoke(app, [swapped.get(word, word) for word in words])
        assert result.exit_code == 0, (words, result.output)
        if words[0] == "finetune":
            tuned = "run:" + re.findall(r"finetune-[\w-]+", result.output)[0]
        done.append(words[0])
    assert {"dataset", "trace", "benchmark", "claims", "finetune", "compare", "encode"} <= set(done)
    assert {"cte.nc", "before", "before-claims", "compared", "vectors.npz"} <= set(os.listdir(tmp_path))
