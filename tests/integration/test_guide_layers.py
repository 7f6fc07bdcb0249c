"""docs/guide/layers.md, command by command, on the demo CLIP: what it prints there stands in the page."""

import pytest
from typer.testing import CliRunner

from nast_core.cli import app
from tests.unit.test_docs import ROOT, blocks, commands

pytestmark = pytest.mark.long  # a probe, a lens, and every pair taken apart

PAGE = ROOT / "docs" / "guide" / "layers.md"


def test_every_command_of_the_guide_does_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    said = ""
    for _, words in commands(PAGE):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
        said += result.output
    lines = {line.rstrip() for line in said.splitlines()}
    shown = [line.rstrip() for _, text in blocks(PAGE, "text") for line in text.splitlines() if line != "..."]
    sentences = [line for line in shown if line.endswith(".")]  # figures differ from machine to machine
    assert len(sentences) >= 1
    assert set(sentences) <= lines
    for folder, file in (("probed", "probe.nc"), ("looked", "lens.nc"), ("apart", "contributions.nc")):
        assert (tmp_path / folder / file).is_file()
        assert (tmp_path / folder / "summary.json").is_file()
