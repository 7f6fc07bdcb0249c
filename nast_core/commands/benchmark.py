"""``nast benchmark``: how badly a model fails on negation."""

from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Device, Model, Out, Precision, command, load, progress

app = typer.Typer(no_args_is_help=True, help="Paired multiple-choice questions, affirmative and negated.")


@command(app, "build")
def benchmark_build(
    out: Out,
    labels: Annotated[str, typer.Option(help="phantom: the test split of the phantom world.")] = "phantom",
    n: Annotated[int, typer.Option("--n", min=1, help="Number of items.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal items.")] = 0,
) -> None:
    """Paired four-option items from a label table.

    Example: nast benchmark build --labels phantom --n 2000 --out items.jsonl
    """
    from nast_core.benchmark.items import write_items
    from nast_core.benchmark.phantoms import phantom_items
    from nast_core.errors import BenchmarkError

    if labels != "phantom":
        raise BenchmarkError(f"unknown label source {labels!r}; 'phantom' is the one there is")
    items = phantom_items(n, seed=seed)
    write_items(items, out)
    typer.echo(f"{len(items)} items of {len({i.patient_id for i in items})} phantoms written: {out}")


@command(app, "run")
def benchmark_run(
    items: Annotated[Path, typer.Option(help="items.jsonl of 'nast benchmark build'.")],
    out: Annotated[Path, typer.Option(help="Folder for summary.json and items.parquet.")],
    model: Model = "demo",
    images: Annotated[Path | None, typer.Option(help="Folder of the items' images; phantoms need none.")] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Accuracy affirmative and negated, the gap, and the paired test.

    Example: nast benchmark run --items items.jsonl --out results
    """
    from nast_core.benchmark.items import read_items
    from nast_core.benchmark.run import run_benchmark, work_units, write_results
    from nast_core.errors import BenchmarkError

    loaded = load(model, device, precision)
    read = read_items(items)
    with progress("Images and texts", work_units(read)) as tick:
        result = run_benchmark(loaded, read, images, progress=tick)
    write_results(result, out)
    if not result.summary["acc_affirmative"]["n"]:
        name, reason = next(iter(result.failed.items()))
        raise BenchmarkError(
            f"no item could be scored: {len(result.failed)} images cannot be read; first {name!r}: {reason}"
        )
    for name in ("acc_affirmative", "acc_negated", "blind_affirmative", "blind_negated"):
        r = result.summary[name]
        typer.echo(f"{name:<18} {r['value']:.3f} ({r['low']:.3f} to {r['high']:.3f}), n = {r['n']}")
    gap = result.summary["gap_points"]
    typer.echo(f"{'gap_points':<18} {gap['value']:.1f} ({gap['low']:.1f} to {gap['high']:.1f})")
    typer.echo(f"{'McNemar':<18} p = {result.summary['mcnemar']['p_value']:.2g}")
    typer.echo(f"unscored: {result.summary['unscored']}, ties: {result.summary['ties']}; written: {out}")
