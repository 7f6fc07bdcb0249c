"""What MkDocs asks of us while it builds the site: reference pages made from the code itself, so that they cannot go
stale, and nothing that a reader's browser would fetch from elsewhere."""

import ast
import inspect
import re
import textwrap
from typing import Any

_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.MULTILINE)
_ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect)")[^>]*(?:src|href)="(?:https?:)?//[^"]*"""
)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """MkDocs calls it with every page; a line ``<!-- generated: NAME -->`` becomes what the function NAME gives."""
    return _MARK.sub(lambda mark: {"commands": commands, "recipes": recipes}[mark[1]](), markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The theme would fetch its stand-in for a Worker from unpkg.com; ours lies in the site.
    Anything else stops the build."""
    up = "../" * page.url.count("/")
    output = output.replace("https://unpkg.com/iframe-worker/shim", f"{up}assets/search_on_disk.js")
    if found := _ELSEWHERE.search(output):
        raise SystemExit(f"{page.file.src_uri} would fetch something from elsewhere: {found[0]}")
    return output


def commands() -> str:
    """Every command with its options, as typer knows them."""
    from typer import Context
    from typer.cli import get_docs_for_click
    from typer.main import get_command

    from nast_core.cli import app

    top = get_command(app)
    text = get_docs_for_click(obj=top, ctx=Context(top), name="nast", title="nast")
    text = text[text.index("## ") :]  # the page has its own heading
    text = re.sub(r"^\* `--help`.*\n", "", text, flags=re.MULTILINE)  # every command has it
    text = re.sub(r"\*\*Options\*\*:\n\n(?=\n|\*\*|#|$)", "", text)
    text = re.sub(r"\*\*Usage\*\*:\n\n```console\n.*(OPTIONS\]|\.\.\.)\n```\n", "", text)  # says no more than the rest
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+", "", text)  # their headings follow
    text = re.sub(r"^\* `", "- `", text, flags=re.MULTILINE)
    return re.sub(r"^Example: (.*)$", r"```bash\n\1\n```", text, flags=re.MULTILINE)


def recipes() -> str:
    """Every kind of recipe: its fields, their types and defaults, and the comment that stands beside each in the
    code."""
    from nast_core.recipe import Executor, Recipe
    from nast_core.work.kinds import KINDS, recipe_class

    parts = ["## Every kind", _table(Recipe), "`executor` is `local` or `slurm`, or a mapping:", _table(Executor)]
    for kind in KINDS:
        made = recipe_class(kind)
        said = f"**{KINDS[kind].label}.** {inspect.getdoc(made)} It gives {KINDS[kind].gives}."
        parts += [f"## `kind: {kind}`", said, _table(made, without=Recipe)]
    return "\n\n".join(parts)


def _table(model: Any, without: Any = None) -> str:
    known = set(without.model_fields) if without else {"kind"}
    rows = ["| field | type | default | |", "| --- | --- | --- | --- |"]
    for parent in reversed(model.__mro__):
        if not hasattr(parent, "model_fields") or parent.__module__.startswith("pydantic") or parent is without:
            continue
        for name, (kind, why) in _written(parent).items():
            if name not in known:
                field = model.model_fields[name]
                default = "needed" if field.is_required() else f"`{_plain(field.get_default())}`"
                rows.append(f"| `{name}` | {kind} | {default} | {why} |")
    return "\n".join(rows)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(getattr(value, "name", value))  # an executor is said by its name


def _written(model: type) -> dict[str, tuple[str, str]]:
    """Field -> its type and its comment, as the class's own source has them."""
    source = textwrap.dedent(inspect.getsource(model))
    lines, found = source.splitlines(), {}
    for node in ast.parse(source).body[0].body:  # type: ignore[attr-defined]
        if not isinstance(node, ast.AnnAssign) or "ClassVar" in ast.unparse(node.annotation):
            continue
        beside = [line.split("  # ")[1] for line in lines[node.lineno - 1 : node.end_lineno] if "  # " in line]
        found[ast.unparse(node.target)] = (
            _type(ast.unparse(node.annotation), inspect.getmodule(model)),
            " ".join(beside),
        )
    return found


def _type(annotation: str, module: Any) -> str:
    """`Literal['a', 'b'] | None` -> "a, b or none"; a name that stands for one is looked up in the class's module."""
    return " or ".join(_one_type(part, module) for part in annotation.split(" | ")).replace("None", "none")


def _one_type(part: str, module: Any) -> str:
    if part in vars(module) and not inspect.isclass(vars(module)[part]):
        part = repr(vars(module)[part]).replace("typing.", "")
    part = re.sub(r"Literal\[(.*?)\]", lambda m: m[1].replace("'", ""), part)
    part = re.sub(r"Annotated\[(\w+), .*\]", r"\1", part)
    return re.sub(r"<class '(\w+)'>", r"\1", part)
