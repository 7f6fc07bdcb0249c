"""Every command ends with 0, or with 2 and one sentence: each path and number option gets what no command can use."""

import inspect
import os
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from typer.testing import CliRunner

from nast_core.cli import app
from nast_core.commands import common
from nast_core.files import gate

pytestmark = pytest.mark.slow  # every command

ROOT = typer.main.get_command(app)
FOLDERS = {  # options that name a folder, which "." and "/" are
    "images", "tables", "companions", "work", "docs", "answers",
    *(f"{name} out" for name in ("benchmark run", "claims check", "claims run", "compare", "demo build", "demo study",
       "demo wording", "probe", "lens", "contributions", "demo repairs", "repair",
       "demo distil", "demo layers", "audit run")),
}  # fmt: skip
NEW_FOLDERS = {"dataset build out", "export out", "model convert out"}
ELSEWHERE = {"images", "tables", "answers", "reports", "companions"}  # read by other gates, once the work has begun
PATHS = {  # path: what the sentence says of it
    "{folder}/pipe": "pipe",
    "/dev/zero": "/dev/zero",
    ".": "a folder",
    "/": "a folder",
    "": "a folder",
    "a\0b": "null byte",
    "n" * 5000: "5,000 characters",
    "a\udcff": "a\\udcff",  # as a name in Latin-1 arrives
    "~nobody-of-this-name/a.jsonl": "nobody-of-this-name",
    "{folder}/file/a.jsonl": "file/a.jsonl",
}
NUMBERS = ["²", "-1", "nan", "inf", "1e400", "1" + "0" * 30, "9" * 5000, "many", ""]


def leaves(command: Any, name: str = "") -> dict[str, Any]:
    if not hasattr(command, "commands"):
        return {name: command}
    found = {}
    for inner, sub in command.commands.items():
        found |= leaves(sub, f"{name} {inner}".strip())
    return found


COMMANDS = leaves(ROOT)


def options(of: type) -> list[tuple[str, Any]]:
    """(command, parameter) of all parameters that hold such a value."""
    found = []
    for name, command in COMMANDS.items():
        kinds = {key: one.annotation for key, one in inspect.signature(command.callback).parameters.items()}
        for parameter in command.params:
            held = str(kinds.get(parameter.name))
            if of.__name__ in held.replace("pathlib.Path", "Path").replace("pathlib._local.Path", "Path"):
                found.append((name, parameter))
    return found


def words(name: str, parameter: Any, value: str, folder: Path) -> list[str]:
    """The command line with that value, and in the other places that must be filled something that may stand there."""
    good = {
        "out": str(folder / "new" / "out"),
        "items": str(folder / "file"),
        "claims": str(folder / "file"),
        "images": str(folder),
    }
    line, last = name.split(), ["--"]
    for other in COMMANDS[name].params:
        given = value if other.name == parameter.name else good.get(other.name, str(folder / "file"))
        if other is parameter or other.required:
            line, last = ([*line, other.opts[0], given], last) if other.opts[0][0] == "-" else (line, [*last, given])
    return line + last


def said_by(line: list[str]) -> str:
    result = CliRunner().invoke(app, line)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    sentences = [one for one in result.stderr.splitlines() if one.startswith("nast: ")]
    assert len(sentences) == 1 or "Usage:" in result.stderr
    return sentences[0] if sentences else result.stderr


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("no JSON")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bad_for(name: str, parameter: Any) -> dict[str, str]:
    """Those of PATHS that the option cannot take, before its work has begun."""
    own = f"{name} {parameter.name}"
    if parameter.name in ELSEWHERE or own in NEW_FOLDERS:
        return {path: said for path, said in PATHS.items() if path[:1] in "an~" and path}
    if {parameter.name, own} & FOLDERS:
        return {path: said for path, said in PATHS.items() if said != "a folder"}
    return PATHS


@pytest.mark.parametrize(("name", "parameter"), options(Path), ids=lambda one: getattr(one, "name", one))
def test_a_path_that_cannot_be_used_is_one_sentence(folder, name, parameter):
    before = sorted(folder.rglob("*"))
    for path, kind in bad_for(name, parameter).items():
        said = said_by(words(name, parameter, path.format(folder=folder), folder))
        assert kind in said, said
        assert len(said) < 700, said
        assert sorted(folder.rglob("*")) == before  # nothing half-written, no folder made


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, one) for name, one in options(int) + options(float) if one.nargs == 1],
    ids=lambda one: getattr(one, "name", one),
)
def test_a_number_that_cannot_be_used_is_one_sentence(folder, name, parameter):
    for value in NUMBERS:
        said = said_by(words(name, parameter, value, folder))
        assert parameter.opts[0] in said or "no number to work with" in said, (value, said)


def test_prices_are_numbers():
    for pair in (("nan", "1"), ("-1", "1"), ("²", "1")):
        said_by(["benchmark", "build", "--out", "x.jsonl", "--writer", "llm", "--llm-model", "m", "--prices", *pair])


@pytest.mark.parametrize("text", ["a\0b", "a\ud800", "n" * 30_000])
def test_a_text_that_nothing_can_be_called_is_one_sentence(folder, text):
    for line in (
        ["model", "info", text],
        ["model", "download", text],
        ["runs", "show", text],
        ["compare", text, "demo", "--out", "x"],
        ["benchmark", "build", "--labels", text, "--out", "x.jsonl"],
        ["claims", "build", "--source", text, "--out", "x.jsonl"],
        ["claims", "build", "--cues", text, "--out", "x.jsonl"],
        ["dataset", "build", "--labels", "nih", "--images", ".", "--cues", text, "--out", "x"],
        ["export", text, "--out", "x"],
        ["attention", "--model", text, "--out", "x.nc"],
    ):
        assert said_by(line)
    assert sorted(path.name for path in folder.iterdir()) == ["file", "pipe"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/a"), "nast: /a: Permission denied"),
        (OSError(5, "Input/output error"), "nast: Input/output error"),
        (MemoryError(), "not enough memory"),
        (RecursionError("maximum"), "nested too deeply"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "invalid start byte"),
    ],
)
def test_what_the_system_says_is_one_sentence_and_a_bug_of_ours_stays_loud(error, said):
    own = typer.Typer()

    @common.command(own, "fail")
    def fail() -> None:
        raise error

    result = CliRunner().invoke(own, [])
    assert result.exit_code == 2
    assert said in result.stderr

    @common.command(own, "bug")
    def bug() -> None:
        raise KeyError("a bug")

    assert isinstance(CliRunner().invoke(own, ["bug"]).exception, KeyError)


def test_a_command_works_without_a_home_folder(tmp_path, monkeypatch):
    import pwd

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    line = ["benchmark", "build", "--n", "4", "--out", str(tmp_path / "items.jsonl")]
    assert CliRunner().invoke(app, line).exit_code == 0
    assert "Could not determine home" in said_by(["attention", "--pairs", "~/pairs.jsonl", "--out", "x.nc"])
    assert str(gate.as_path("plain")) == "plain"


def test_every_command_is_asked_about_every_path_and_number_it_takes():
    assert len(COMMANDS) >= 25
    assert {name for name, _ in options(Path)} >= set(COMMANDS) - {
        "model info", "model list", "model download", "runs list", "runs show", "runs cancel", "runs resume",
        "runs delete",
        "demo compare",  # of what comes with NAST
        "app",  # serves until it is stopped; tests/integration/test_wheel.py asks it
        "negation read",  # a file or -; its own tests ask it
        "vocabulary check", "vocabulary show",  # a file or a name; tests/unit/test_terms_check.py asks them
    }  # fmt: skip
    assert len(options(int)) > 15
    assert get_args(common.Out)[0] is Path


def test_an_empty_recipe_is_said_to_hold_nothing(folder):
    Path("recipe.yaml").write_text("# later\n")
    assert said_by(["run", "recipe.yaml"]).endswith("with a 'kind' among them; got nothing")
