"""``nast repair``: what can be had without training, and what it costs."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nast_core.commands.common import (
    Cache,
    Dataset,
    Device,
    EncodingPrecision,
    Model,
    Workers,
    carried_out,
    command,
    need_dataset,
    need_out,
)
from nast_core.data.studies import PHANTOMS, HeldOut
from nast_core.recipe import MOST, MOST_SEED
from nast_core.repair.figures import FIGURES, told
from nast_core.repair.methods import METHODS

app = typer.Typer(no_args_is_help=True)


@command(app, "repair")
def repair_command(
    out: Annotated[Path, typer.Option(help="Folder for repairs.csv and tests.csv.")],
    model: Model = "demo",
    method: Annotated[
        list[str] | None,
        typer.Option(
            help=f"{', '.join(METHODS)}; give it several times, without it all. Numbers: 'project(anchor=0)'."
        ),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="Of one method; without it, chosen on the dataset's validation split.")
    ] = None,
    dataset: Dataset = PHANTOMS,
    n: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Questions, and studies, at most.")] = 2000,
    split: Annotated[HeldOut, typer.Option(help="Keep test for what you report.")] = "test",
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the questions, and of the bootstrap.")] = 0,
    cache: Cache = True,
    workers: Workers = None,
    device: Device = "auto",
    precision: EncodingPrecision = "float32",
) -> None:
    """A model repaired without training: gap, accuracies, blind scores, AUROC of denials, and what is lost. Each is a
    run, whose run:ID is the repaired model.

    Example: nast repair --model demo --method region --method subtract --out repairs
    """
    need_dataset(dataset)
    need_out(out, folder=True)
    from nast_core.benchmark.several_models import write_tables
    from nast_core.errors import RepairError

    methods = list(dict.fromkeys(method or METHODS))
    if strength is not None and len(methods) > 1:
        raise RepairError(
            "--strength is of one method; give one --method, or write its strength behind it: region(0.7)"
        )
    found = []
    for one in methods:
        run, _ = carried_out(
            "repair",
            model=model,
            method=one,
            strength=strength,
            dataset=dataset,
            n=n,
            split=split,
            seed=seed,
            cache=cache,
            workers=workers,
            device=device,
            precision=precision,
        )
        found.append(run.result)
    write_tables(_tables(found), out)
    for line in _lines(found):
        typer.echo(line)
    typer.echo(f"written: {out / 'repairs.csv'}, {out / 'tests.csv'}")


def _columns(found: list[Any]) -> dict[str, dict[str, Any]]:
    """Model -> its figures, the model as it is first."""
    return {name: figures for one in found for name, figures in one.summary["models"].items()}


def _tables(found: list[Any]) -> dict[str, Any]:
    """A row a model and figure; and each repair against the model as it is, Holm-corrected over all of them."""
    import pandas as pd

    from nast_core.statistics.rates import Rate, holm

    spec = {one.repair: one.spec for one in found}
    rows = [
        {"model": name, "run": spec.get(name, ""), "figure": figure}
        | (Rate.of(value)._asdict() if isinstance(value, dict) else {"value": value})
        for name, figures in _columns(found).items()
        for figure, value in figures.items()
        if figure in FIGURES
    ]
    tests = pd.DataFrame([row for one in found for row in one.summary["tests"]])
    tests["p_holm"] = holm(tests.p_value.astype(float))
    return {"repairs": pd.DataFrame(rows), "tests": tests}


def _lines(found: list[Any]) -> list[str]:
    from nast_core.statistics.rates import Rate

    lines = []
    spec = {one.repair: one.spec for one in found}
    for name, figures in _columns(found).items():
        lines.append(f"{name}: {spec[name]}" if name in spec else f"{name}:")
        for figure, (said, _) in FIGURES.items():
            if (value := told(figures, figure)) is not None:
                lines.append(f"  {said:<32} {value}")
    for row in _tables(found)["tests"].itertuples():
        if row.form != "gap":
            change = Rate(row.change, row.low, row.high, row.n).interval("+.1f", " points")
            lines.append(f"{row.b}, {row.form}: {change}, Holm-corrected p = {row.p_holm:.2g}")
    return lines
