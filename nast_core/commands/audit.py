"""``nast audit``: every part of the answer in one document, with a verdict."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from nast_core.audit.names import TITLES
from nast_core.commands.common import (
    Dataset,
    Device,
    Precision,
    Workers,
    command,
    load,
    need_dataset,
    need_files,
    need_model,
    need_out,
    reporter,
)
from nast_core.data.studies import PHANTOMS, HeldOut
from nast_core.recipe import MOST, MOST_SEED

if TYPE_CHECKING:
    from nast_core.audit.document import Audit
    from nast_core.models import DualEncoder

_RUN = "run"


class _ModelFirst(TyperGroup):
    """``nast audit MODEL`` is ``nast audit run MODEL``: what is no command of the group is what to audit."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ("--help", "-h"):
            args = [_RUN, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ModelFirst,
    no_args_is_help=True,
    help="Does a model read “no”? All parts, one verdict: nast audit MODEL --out DIR.",
)


@command(app, _RUN)
def audit_run(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="demo, demo-tuned, run:ID, a folder, or a name of 'nast model list'; several are ranked.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Folder for audit.json, audit.html and card.md; of several models, a folder in it for each."),
    ],
    dataset: Dataset = PHANTOMS,
    quick: Annotated[
        bool, typer.Option("--quick", help="A sample of 200, and three repairs: wider intervals.")
    ] = False,
    parts: Annotated[
        str | None,
        typer.Option(help=f"Which, with commas between them: {', '.join(TITLES)}."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, max=MOST, help="Questions, and studies, at most; 500, quick 200.")
    ] = None,
    split: Annotated[HeldOut, typer.Option(help="Keep test for what you report.")] = "test",
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the questions, and of the bootstrap.")] = 0,
    rank: Annotated[str, typer.Option(help="Of several models, the figure that ranks them.")] = "gap_points",
    fail_if: Annotated[
        str | None,
        typer.Option(help="Exit 1 where this holds of any model, as in 'gap_points.low > 10 or denials.high < 0.5'."),
    ] = None,
    workers: Workers = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Benchmark, denials, claims, attention, tracing, probe and repairs of a model, and what they come to.

    Example: nast audit run demo --quick --out audited
    """
    specs = _before(models, out, dataset, rank, fail_if)
    fields = {
        "dataset": dataset,
        "quick": quick,
        "n": n,
        "split": split,
        "seed": seed,
        "workers": workers,
        "device": device,
        "precision": precision,
    }
    fields |= {"parts": tuple(name.strip() for name in parts.split(",") if name.strip())} if parts is not None else {}
    audits = _audited(specs, out, {name: value for name, value in fields.items() if value is not None})
    if len(audits) > 1:
        _rank(audits, out, rank)
    if fail_if is not None:
        _judge(audits, fail_if)


def _before(models: list[str], out: Path, dataset: str, rank: str, fail_if: str | None) -> list[str]:
    """The models, each once. What is mistyped is answered before anything is computed."""
    from nast_core.audit.condition import need_known, read_condition

    need_out(out, folder=True)
    for figure in [rank, *(one.figure for one in (read_condition(fail_if).comparisons if fail_if is not None else ()))]:
        need_known(figure)
    need_dataset(dataset)
    specs = list(dict.fromkeys(models))
    for spec in specs:
        need_model(spec)
    return specs


def _judge(audits: "dict[str, Audit]", fail_if: str) -> None:
    """Ends with exit code 1 where the condition holds of any model."""
    from nast_core.audit.condition import read_condition

    condition = read_condition(fail_if)
    broken = [f"{spec}: {said}" for spec, one in audits.items() if (said := condition.broken_by(one.figures))]
    for said in broken:
        typer.echo(f"nast: {said}", err=True)
    if broken:
        raise typer.Exit(1)


def _audited(specs: list[str], out: Path, fields: dict[str, Any]) -> "dict[str, Audit]":
    """Each model's audit, one model after another, its files copied to ``out``."""
    from nast_core.audit.comparing import need_two
    from nast_core.benchmark.several_models import folders
    from nast_core.runs.store import RunStore
    from nast_core.work.identity import fingerprint_of

    if len(specs) > 1:
        need_two({spec: fingerprint_of(spec, RunStore().root) for spec in specs})
    places = folders(specs, out) if len(specs) > 1 else {specs[0]: out}
    return {spec: _one(spec, load(spec, fields["device"], fields["precision"]), fields, places[spec]) for spec in specs}


def _one(spec: str, model: "DualEncoder", fields: dict[str, Any], place: Path) -> "Audit":
    from nast_core.audit.html import rests_on
    from nast_core.dataset.opened import open_dataset
    from nast_core.runs.kinds import make_recipe
    from nast_core.work.audit import DRAWN, AuditRecipe, only_drawings, write_files
    from nast_core.work.audit_parts.mending import finetunes_of
    from nast_core.work.audit_time import told
    from nast_core.work.in_process import run_in_process

    recipe = make_recipe({"kind": "audit", "model": spec, "finetunes": finetunes_of(model.fingerprint)} | fields)
    assert isinstance(recipe, AuditRecipe)
    if only_drawings(recipe, open_dataset(recipe.dataset)):
        typer.echo(f"{DRAWN}; give a dataset of yours with --dataset", err=True)
    for line in told(recipe, model):
        typer.echo(line, err=True)
    with reporter() as report:
        audited = run_in_process(recipe, report, model=model).result
    write_files(audited.audit, place)
    typer.echo(f"{spec}:")
    for number, one in enumerate(audited.audit.verdict, 1):
        typer.echo(f"{number}. {one.text} ({rests_on(one)})")
    for part in audited.audit.parts.values():
        if part.reason:
            typer.echo(f"{part.title}: {part.reason}", err=True)
    typer.echo(f"written: {place / 'audit.html'}, {place / 'audit.json'}, {place / 'card.md'}")
    return audited.audit


def _rank(audits: "dict[str, Audit]", out: Path, figure: str) -> None:
    """One table, the best first, and each model against the first that was named, Holm-corrected."""
    import pandas as pd

    from nast_core.audit.comparing import ranked
    from nast_core.audit.document import Figure
    from nast_core.audit.names import named
    from nast_core.audit.svg import said
    from nast_core.benchmark.several_models import model_tests, write_tables
    from nast_core.statistics.rates import Rate, holm

    rows = ranked(audits, figure)
    unit = named(figure).unit
    for place, (spec, rate) in enumerate(rows, 1):
        typer.echo(f"{place}. {spec}: {named(figure).title} {said(Figure.of(rate), unit)}, n = {rate.n:,}")
    table = [
        {"model": spec, "figure": name, **one.model_dump()}
        for spec, audit in audits.items()
        for name, one in audit.figures.items()
    ]
    tables = {
        "ranking": pd.DataFrame(
            [
                {"rank": place, "model": spec, "figure": figure, **rate._asdict()}
                for place, (spec, rate) in enumerate(rows, 1)
            ]
        )
    }
    tables["figures"] = pd.DataFrame(table)
    scored = _scored(audits)
    if len(scored) > 1:
        tests = model_tests(scored)
        first = next(iter(scored))
        tests = tests[tests.a == first].reset_index(drop=True)
        tables["tests"] = tests.assign(p_holm=holm(tests.p_value))
        for row in tables["tests"][tests.form != "gap"].itertuples():
            change = Rate(row.change, row.low, row.high, row.n).interval("+.1f", " points")
            typer.echo(f"{row.b} - {row.a}, {row.form}: {change}, Holm-corrected p = {row.p_holm:.2g}")
    write_tables(tables, out)
    typer.echo(f"written: {', '.join(str(out / f'{name}.csv') for name in tables)}")


def _scored(audits: "dict[str, Audit]") -> dict[str, Any]:
    """Model -> its questions as scored, of those whose run of them is still there."""
    from nast_core.runs.store import RunStore

    found = {}
    for spec, audit in audits.items():
        part = audit.parts.get("benchmark")
        if part is not None and part.runs and (run := RunStore().finished(part.runs[0].key)) is not None:
            found[spec] = run.result.tables["items"]
    return found


@command(app, "compare")
def audit_compare(
    old: Annotated[Path, typer.Argument(metavar="OLD.json", help="An audit.json.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.json", help="Another, of the same dataset.")],
) -> None:
    """What got better, what worse, and what cannot be told from the two audits' intervals.

    Example: nast audit compare old/audit.json new/audit.json
    """
    from nast_core.audit.comparing import changes, counted
    from nast_core.audit.document import REMEDY, read_audit

    need_files(old, new, hint=REMEDY)
    found = changes(read_audit(old), read_audit(new))
    for one in found:
        moved = f"{one.old.value:.3f} -> {one.new.value:.3f}: {one.change.interval('+.3f')}"
        typer.echo(f"{one.verdict:<15} {one.figure:<28} {moved}")
    typer.echo(", ".join(f"{count} {verdict}" for verdict, count in counted(found).items()))


@command(app, "check")
def audit_check(
    file: Annotated[Path, typer.Argument(metavar="AUDIT.json", help="An audit.json.")],
    fail_if: Annotated[str, typer.Option(help="Exit 1 where this holds, as in 'gap_points.low > 10'.")],
) -> None:
    """A condition on an audit that is there already: exit 1 with the sentence where it holds, else 0.

    Example: nast audit check audit.json --fail-if "gap_points.low > 10"
    """
    from nast_core.audit.condition import read_condition
    from nast_core.audit.document import REMEDY, read_audit

    need_files(file, hint=REMEDY)
    if said := read_condition(fail_if).broken_by(read_audit(file).figures):
        typer.echo(f"nast: {said}", err=True)
        raise typer.Exit(1)
    typer.echo(f"does not hold: {fail_if}")
