"""What the guide and the README tell a reader to type is run here: Python as it stands, commands as far as they are
read."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml
from typer.main import get_command

from nast_core.cli import app
from nast_core.vocabulary.file import parse_vocabulary
from nast_core.work.kinds import KINDS, recipe_class

pytestmark = pytest.mark.slow  # the guide, as a reader types it

ROOT = Path(__file__).resolve().parents[2]
GUIDE = sorted((ROOT / "docs" / "guide").glob("*.md"))
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """(line number, text) of the fenced blocks of a language."""
    text = page.read_text("utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: block.start()].count("\n") + 2, block[1]) for block in found]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", [p for p in (ROOT / "README.md", *GUIDE) if blocks(p, "python")], ids=named)
@pytest.mark.long
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    names: dict[str, object] = {"__name__": "__main__"}
    for line, text in blocks(page, "python"):
        exec(compile("\n" * (line - 1) + text, str(page), "exec"), names)  # a fault names the page's own line


def commands(page: Path) -> list[tuple[int, list[str]]]:
    """(line number, words) of every 'nast ...' in the page's bash blocks; what a heredoc feeds is no command."""
    found = []
    for first, text in blocks(page, "bash"):
        text = re.sub(r"<<'?(\w+)'?\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
        for number, line in enumerate(text.replace("\\\n", " ").splitlines()):
            if line.startswith("nast "):
                found.append((first + number, shlex.split(line, comments=True)[1:]))
    return found


def parsed(words: list[str]) -> typer.Context:
    """Words as the command itself reads them: unknown commands and options, and missing ones, raise."""
    command, context = get_command(app), None
    while True:
        context = command.make_context(words[0] if words else "nast", words, parent=context)
        if not hasattr(command, "commands"):
            return context
        rest = [*context._protected_args, *context.args]
        _, command, words = command.resolve_command(context, rest)


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=named)
def test_every_command_of_a_page_exists_with_its_options(page):
    for line, words in commands(page):
        try:
            parsed(words)
        except Exception as error:
            pytest.fail(f"{named(page)}, line {line}: nast {' '.join(words)}: {getattr(error, 'message', error)}")


@pytest.mark.parametrize(
    "words", [["trance", "--out", "f.nc"], ["trace", "--models", "demo", "--out", "f.nc"], ["trace"]]
)
def test_a_command_that_is_none_would_be_found(words):
    with pytest.raises(Exception, match=r"(?i)no such|missing"):
        parsed(words)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "yaml") and page.parent.name != "extending"], ids=named
)
def test_every_recipe_of_a_page_is_one(page):
    for _, text in blocks(page, "yaml"):
        fields = yaml.safe_load(text)
        if "conditions" in fields:
            parse_vocabulary(text)
        elif "jobs" in fields:  # a GitHub workflow
            assert all(job["steps"] for job in fields["jobs"].values())
        else:
            recipe_class(fields["kind"]).model_validate(fields)


def test_the_readmes_figures_are_those_of_the_pages_it_sends_to():
    sources = ("demo.md", "finetuning.md", "repairs.md", "distil.md")
    pages = "".join((ROOT / "docs" / name).read_text("utf-8") for name in sources)
    figures = re.findall(r"-?[\d.]+ \([\d.]+ to [\d.]+\)", (ROOT / "README.md").read_text("utf-8"))
    assert len(figures) >= 16
    assert [figure for figure in figures if figure not in pages] == []


def test_the_reference_has_every_command_and_every_field_of_every_kind():
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    written = hooks.on_page_markdown("# Title\n\n<!-- generated: commands -->\n")
    group = get_command(app)
    for name, command in group.commands.items():
        for inner in getattr(command, "commands", {"": None}):
            assert f"# `{f'nast {name} {inner}'.strip()}`\n" in written
    assert "- `--component <block|attention|mlp|head>`: What is swapped in.  [default: block]" in written
    common, *kinds = hooks.recipes().split("\n## `kind: ")
    assert [kind.split("`")[0] for kind in kinds] == list(KINDS)
    for kind, text in zip(KINDS, kinds, strict=True):
        for field in recipe_class(kind).model_fields:
            assert field == "kind" or f"| `{field}` | " in text + common, f"{kind}: {field}"
    assert ("| `arm` | uniform, nast, inverse, random, frozen, paper | `uniform` |") in kinds[
        list(KINDS).index("finetune")
    ]
