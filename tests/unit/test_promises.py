"""docs/promises.md: every promise names a test, and the test is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "promises.md"
TABLES = ("What is refused", "What survives", "What leaves the machine")


def rows(title: str) -> list[tuple[str, str]]:
    """(promise, what stands in the second column) of the table under a heading."""
    section = PAGE.read_text("utf-8").split(f"## {title}\n")[1].split("\n## ")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in section.splitlines() if line.startswith("|")]
    return [(promise.strip(), held.strip()) for promise, held in cells[2:]]


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_promise_names_tests_that_are_there():
    for title in TABLES:
        promises = rows(title)
        assert len(promises) >= 5, title
        for promise, held in promises:
            named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", held)
            assert promise, f"{title}: no promise beside {held}"
            assert named, f"{promise}: no test named as `path::name`"
            for path, name in named:
                assert (ROOT / path).is_file(), f"{promise}: there is no {path}"
                assert name in functions_of(ROOT / path), f"{promise}: {path} has no {name}"


def test_no_promise_stands_there_twice():
    promises = [promise for title in TABLES for promise, _ in rows(title)]
    assert len(promises) == len(set(promises))
