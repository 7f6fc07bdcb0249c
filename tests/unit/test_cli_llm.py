"""``nast benchmark build --writer llm`` against a small local server."""

from typer.testing import CliRunner

from nast_core.benchmark.items import read_items
from nast_core.cli import app
from tests.llm_server import running_llm


def build(folder, *options):
    words = ["benchmark", "build", "--writer", "llm", "--n", "6", "--out", folder / "items.jsonl", *options]
    return CliRunner().invoke(app, [str(word) for word in words])


def test_items_are_worded_by_a_model_at_an_endpoint_and_its_answers_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_LLM_KEY", "secret")
    with running_llm() as server:
        done = build(tmp_path, "--base-url", server.url, "--llm-model", "test", "--prices", "1", "2")
    assert done.exit_code == 0, done.output
    assert len(read_items(tmp_path / "items.jsonl")) == 6
    assert (tmp_path / "items.answers" / "answers.jsonl").exists()
    assert "secret" not in (tmp_path / "items.answers" / "answers.jsonl").read_text()


def test_a_model_must_be_named(tmp_path, monkeypatch):
    monkeypatch.delenv("NAST_LLM_MODEL", raising=False)
    done = build(tmp_path)
    assert done.exit_code == 2
    assert "give --llm-model" in done.output
