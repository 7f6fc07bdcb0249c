"""The house has floors (design.md): code of one floor may use what lies below it, never what lies above."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
FLOORS = (  # lowest first; rooms of one line do not know each other
    ("errors", "progress"),
    ("files",),
    ("statistics",),
    ("models",),
    ("vocabulary",),
    ("negation",),
    ("data",),
    ("encoding",),
    ("interpret",),
    ("benchmark",),
    ("claims", "review"),
    ("dataset", "terms"),
    ("recipe",),
    ("repair",),
    ("finetune",),
    ("runs",),
    ("opening",),
    ("audit",),
    ("work",),
    ("compare", "demo"),
    ("commands",),
    ("cli", "__init__"),
)
LEVEL = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(source: str) -> set[str]:
    """Every module that some Python source imports, at its head or inside a function, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room(path: Path) -> str:
    return path.relative_to(ROOT / "nast_core").parts[0].removesuffix(".py")


def reaches_up(own: str, source: str) -> set[str]:
    """The rooms of the engine that source in room ``own`` uses and may not."""
    used = {name.split(".")[1] for name in imports(source) if name.startswith("nast_core.")}
    return {other for other in used & LEVEL.keys() if other != own and LEVEL[other] >= LEVEL[own]}


def test_every_room_has_its_floor():
    assert {room(path) for path in modules("nast_core")} <= LEVEL.keys()


def test_no_module_imports_a_higher_floor():
    found = {
        str(path.relative_to(ROOT)): reaches_up(room(path), path.read_text("utf-8")) for path in modules("nast_core")
    }
    assert {path: rooms for path, rooms in found.items() if rooms} == {}


def test_a_module_that_reaches_up_is_seen_even_inside_a_function():
    source = "def later():\n    from nast_core.runs.store import RunStore\n    return RunStore"
    assert reaches_up("models", source) == {"runs"}
    assert reaches_up("work", source) == set()


def test_the_engine_knows_no_screen():
    screen = {"streamlit", "plotly", "dashboard", "pages"}
    found = {
        path: screen & {name.split(".")[0] for name in imports(path.read_text("utf-8"))}
        for path in modules("nast_core")
    }
    assert {path: used for path, used in found.items() if used} == {}
