"""The house has floors (design.md): code of one floor may use what lies below it, never what lies above."""

import ast
from collections.abc import Sequence
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
    ("demo",),
    ("work",),
    ("compare", "demo.study"),
    ("demo.tuned", "demo.wording"),
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


def room_of(parts: Sequence[str]) -> str:
    """Of a module, by the parts of its name below nast_core; a part of a room may lie on a floor of its own."""
    return next((name for end in (2, 1) if (name := ".".join(parts[:end])) in LEVEL), parts[0])


def room(path: Path) -> str:
    return room_of(path.relative_to(ROOT / "nast_core").with_suffix("").parts)


def reaches_up(own: str, source: str) -> set[str]:
    """The rooms of the engine that source in room ``own`` uses and may not."""
    used = {room_of(name.split(".")[1:]) for name in imports(source) if name.startswith("nast_core.")}
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
    assert reaches_up("demo", "from nast_core.demo.study.plan import Plan") == {"demo.study"}


def test_the_engine_knows_no_screen():
    screen = {"streamlit", "plotly", "dashboard", "pages"}
    found = {
        path: screen & {name.split(".")[0] for name in imports(path.read_text("utf-8"))}
        for path in modules("nast_core")
    }
    assert {path: used for path, used in found.items() if used} == {}
