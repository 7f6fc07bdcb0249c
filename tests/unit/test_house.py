"""How the screen is kept: short pages and functions, one way to end a page, keys that say where they belong."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "pages").glob("*.py"))
SCREEN = sorted((ROOT / "dashboard").rglob("*.py"))
ENGINE = sorted((ROOT / "nast_core").rglob("*.py"))
PAGE, FUNCTION, MODULE = 40, 60, 400  # lines at most; a function's without its docstring
SAME_PART = {"__init__", "charts", "asked_for", "one_head"}  # modules that are the same part of several rooms
# Of the engine, still longer than that: commands with many options, and rules of the parser that are read as one.
LONG = {
    "benchmark_build",
    "benchmark_run",
    "compare_command",
    "trace_command",
    "_clause",
    "_cue",
    "predicate",
    "verbal",
    "hedge",
}
# fields that stand in the address
BOUND = (
    "fields.one_of",
    "asking.field",
    "asking.one_of",
    "vocabularies.choose",
    "splits.choose",
    "splits.how_many",
    "sources.of_dataset",
)
FIELDS = "sources.Fields"  # all of whose values are names of such fields
SHARED = ("link-", "runs-", "gone-", "cancel-", "{")  # fields of parts that several pages show


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of code: all but the docstring's."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    told = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if told else 0)


def long(paths: list[Path]) -> set[str]:
    return {function.name for path in paths for function in functions(path) if length(function) > FUNCTION}


def test_a_page_has_at_most_40_lines():
    assert {path.name: n for path in PAGES if (n := len(path.read_text("utf-8").splitlines())) > PAGE} == {}


def test_a_module_of_the_screen_has_at_most_400_lines():
    assert {path.name: n for path in SCREEN if (n := len(path.read_text("utf-8").splitlines())) > MODULE} == {}


def test_no_function_of_the_screen_has_more_than_60_lines():
    assert long([*PAGES, *SCREEN]) == set()


def test_no_function_of_the_engine_has_more_than_60_lines():
    assert long(ENGINE) - LONG == set()


def test_a_long_function_is_seen_and_its_docstring_is_not_counted():
    def made(lines: int, told: int) -> ast.FunctionDef:
        text = '    """\n' + "    told\n" * told + '    """\n'
        (function,) = ast.parse("def f():\n" + text + "    x = 1\n" * lines).body
        assert isinstance(function, ast.FunctionDef)
        return function

    assert length(made(lines=59, told=30)) == 60
    assert length(made(lines=60, told=0)) == 61


def test_only_tables_of_data_are_not_formatted():
    for path in [*PAGES, *SCREEN]:
        text = path.read_text("utf-8")
        marked = {number for number, line in enumerate(text.splitlines(), start=1) if "fmt: skip" in line}
        tables = {node.end_lineno for node in ast.parse(text).body if isinstance(node, ast.Assign | ast.AnnAssign)}
        assert marked <= tables, f"{path}: 'fmt: skip' at lines {marked - tables} stands on no table of data"


def test_no_two_modules_of_the_screen_have_one_name():
    names = Counter(path.stem for path in SCREEN)
    assert {name for name, count in names.items() if count > 1} <= SAME_PART


def renamed(source: str) -> set[str]:
    """Modules of ours, and others but the few that everybody calls so, that some source imports under another name."""
    usual = {"numpy": "np", "pandas": "pd", "streamlit": "st", "xarray": "xr", "plotly.graph_objects": "go"}
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names if one.asname and usual.get(one.name) != one.asname}
        elif isinstance(node, ast.ImportFrom):
            where = ROOT / (node.module or "").replace(".", "/")
            names |= {one.name for one in node.names if one.asname and (where / f"{one.name}.py").exists()}
    return names


def test_no_module_is_imported_under_another_name():
    assert {path.name: names for path in [*PAGES, *SCREEN] if (names := renamed(path.read_text("utf-8")))} == {}
    assert renamed("from dashboard.parts import plots as charts") == {"plots"}
    assert renamed("import numpy as np\nfrom dashboard.parts.pictures import draw as draw_picture") == set()


def test_parts_know_no_page():
    rooms = {path.name for path in (ROOT / "dashboard").iterdir() if path.is_dir()} - {"parts"}
    for path in (ROOT / "dashboard" / "parts").glob("*.py"):
        used = set(re.findall(r"dashboard\.(\w+)", path.read_text("utf-8"))) & rooms
        assert not used, f"{path} uses {used}"


def test_charts_are_data_in_figure_out():
    pure = [path for path in SCREEN if path.stem in ("charts", "plots", "theme", "tables")]
    assert len(pure) >= 10
    for path in pure:
        assert "streamlit" not in re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.M), path


def test_a_page_is_ended_in_one_place():
    enders = re.compile(r"st\.stop\(|StopException|sys\.exit|\bquit\(")
    assert {path.name for path in [*PAGES, *SCREEN] if enders.search(path.read_text("utf-8"))} == {"widgets.py"}


def test_phantoms_are_named_where_the_dataset_is_chosen_and_nowhere_else_on_the_screen():
    """What is so of drawings alone, the dataset says: its name, its kind of picture, whether its patients are drawn."""
    naming = {path for path in [*PAGES, *SCREEN] if "phantom" in path.read_text("utf-8").casefold()}
    assert naming == {ROOT / "dashboard" / "sidebar.py", ROOT / "dashboard" / "parts" / "datasets.py"}


def test_an_error_and_a_hint_are_shown_in_one_way():
    by_hand = re.compile(r'icon=":material/(lightbulb|error):"')
    found = {path.name for path in [*PAGES, *SCREEN] if by_hand.search(path.read_text("utf-8"))}
    assert found <= {"widgets.py", "jobs.py", "run_table.py"}  # the last two say it in a toast


def test_a_page_submits_runs_in_one_place():
    submits = {path.name for path in [*PAGES, *SCREEN] if re.search(r"\bsubmit\(", path.read_text("utf-8"))}
    assert submits == {"jobs.py"}


# --- keys of fields --------------------------------------------------------------------------------------------------


def text_of(node: ast.expr) -> str | None:
    """A key as it is written; what is filled in later is {}."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def keys(path: Path) -> Iterator[tuple[bool, str]]:
    """(whether it stands in the address, the key) of every field with a key of its own."""
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(call, ast.Call):
            named = {keyword.arg: keyword.value for keyword in call.keywords}
            called = ast.unparse(call.func)
            if called == FIELDS:
                yield from ((True, text_of(value) or "") for value in named.values())
            linked = "bind" in named or called in BOUND
            key = text_of(named["key"]) if "key" in named else None
            if key is not None:
                yield linked, key


def page_of(path: Path) -> str:
    room = path.relative_to(ROOT).parts
    return path.stem if room[0] == "pages" else room[1] if len(room) > 2 else "app"


def links() -> dict[str, set[str]]:
    """Page -> the names that docs/reference/links.md gives its addresses."""
    told: dict[str, set[str]] = {}
    for line in (ROOT / "docs" / "reference" / "links.md").read_text("utf-8").splitlines():
        if line.startswith("| ") and "`" in line:
            pages, names, _ = (cell.strip() for cell in line.strip("|").split("|"))
            for page in pages.split(", "):
                told.setdefault(page, set()).update(re.findall(r"`([^`]+)`", names))
    return told


@pytest.mark.parametrize("path", [*PAGES, *SCREEN], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_key_is_in_the_table_of_links_or_begins_with_its_page(path):
    page, told = page_of(path), links()
    everywhere = set().union(*told.values())
    for linked, key in keys(path):
        if linked:
            known = everywhere if page in ("parts", "app") else told[page]
            pattern = re.escape(key).replace(r"\{\}", r"[\w-]+")
            assert any(re.fullmatch(pattern, name) for name in known), (
                f"{key} of {page} is not in docs/reference/links.md"
            )
        elif page == "parts":
            assert key.startswith(SHARED), key
        elif page != "app":
            assert key.startswith(f"{page}-"), f"{key} of {page}"


def test_every_field_that_a_link_can_open_is_in_the_table():
    from dashboard.parts.asking import KINDS

    assert KINDS.keys() <= set().union(*links().values())
