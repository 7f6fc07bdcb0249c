"""``nast attention`` and ``nast trace``: where the text encoder reads negation."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import (
    Dataset,
    Device,
    Model,
    OneImage,
    Out,
    Pairs,
    PerPair,
    Precision,
    WithFinding,
    carried_out,
    command,
    copy_file,
    need_dataset,
    need_files,
    need_folder,
    need_out,
)
from nast_core.data.studies import PHANTOMS
from nast_core.interpret.plan import Method, Positions
from nast_core.models.components import Component

app = typer.Typer()


@command(app, "attention")
def attention(
    out: Out,
    model: Model = "demo",
    pairs: Pairs = None,
    dataset: Dataset = PHANTOMS,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Negator-selective attention per layer and head, for a file of pairs.

    Example: nast attention --model demo --out nsa.nc
    """
    need_files(pairs, hint="give a JSONL file of pairs")
    need_dataset(dataset)
    need_out(out)
    run, _ = carried_out("attention", model=model, pairs=pairs, dataset=dataset, device=device, precision=precision)
    copy_file(run.folder / "attention.nc", out)
    result = run.result
    for line in _largest(result.nsa.mean("pair"), "NSA"):
        typer.echo(line)
    typer.echo(f"written: {out}")


def _largest(values, name: str, count: int = 5) -> list[str]:
    """The heads whose values of [layer, head] are farthest from 0."""
    cells = values.stack(cell=("layer", "head"))
    top = cells.sortby(abs(cells), ascending=False)[:count]
    return [
        f"layer {layer:>2} head {head:>2}  {name} {value:.3f}"
        for value, (layer, head) in zip(top.values, top.cell.values, strict=True)
    ]


@command(app, "trace")
def trace_command(
    out: Out,
    model: Model = "demo",
    pairs: Pairs = None,
    dataset: Dataset = PHANTOMS,
    image: OneImage = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder of images: the effect averaged over all of them.")
    ] = None,
    per_pair: PerPair = 1,
    with_finding: WithFinding = True,
    component: Annotated[Component, typer.Option(help="What is swapped in.")] = "block",
    positions: Annotated[
        Positions | None,
        typer.Option(help="Swapped one at a time, the negator's together, or all together (the default for heads)."),
    ] = None,
    window: Annotated[int, typer.Option(min=1, max=1000, help="Layers swapped together.")] = 1,
    method: Annotated[
        Method, typer.Option(help="attribution: a first-order estimate, with its correlation to exact.")
    ] = "exact",
    vectors: Annotated[
        Path | None, typer.Option(help="Also keep the patched vectors here (HDF5), to score other images with.")
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(min=1, max=2**20, help="MiB of states in flight; default: as many as the device gains from."),
    ] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Causal tracing effect per layer and position, component or head, for a file of pairs.

    Example: nast trace --model demo --component head --out heads.nc
    """
    need_files(pairs, hint="give a JSONL file of pairs")
    need_files(image)
    need_folder(images)
    need_dataset(dataset)
    need_out(out, vectors)
    from nast_core.errors import PairError
    from nast_core.work.pairs import pairs_meant

    if image and images:
        raise PairError("--image and --images are both given; give one image, or a folder to average over")
    if vectors and method == "attribution":
        raise PairError("--vectors keeps patched runs, and attribution patching makes none; use --method exact")
    run, encoder = carried_out(
        "trace",
        model=model,
        pairs=pairs,
        dataset=dataset,
        per_pair=per_pair,
        with_finding=with_finding,
        image=image,
        images=images,
        component=component,
        positions=positions,
        window=window,
        method=method,
        memory=memory,
        device=device,
        precision=precision,
    )
    if vectors:
        copy_file(run.folder / "vectors.h5", vectors)
    copy_file(run.folder / "trace.nc", out)
    _report(run.result, pairs_meant(pairs, encoder, dataset, present=run.recipe.present), encoder)  # type: ignore[attr-defined]
    typer.echo(f"written: {out}")


def _report(result, pairs: Sequence, encoder) -> None:
    from nast_core.interpret.profiles import by_role, counts, head_means, layer_profile
    from nast_core.interpret.selftest import trace_checks
    from nast_core.negation.pairs import align_all

    if "cte_head" in result:
        for line in _largest(head_means(result), "CTE"):
            typer.echo(line)
    elif "position" in result.cte.dims:
        table = by_role(result).dropna("role", how="all").to_pandas().T.round(3)
        table.columns.name = None
        typer.echo(table.to_string())
    else:
        typer.echo(layer_profile(result.cte, result.d, "ratio_mean").round(3).to_string(index=False))
    tally = counts(result)
    typer.echo(
        f"{tally.pairs} pairs: {tally.affirmative_higher} with d > 0, {tally.negated_higher} with d < 0, "
        f"{tally.undefined} undefined (|d| < {result.attrs['min_gap']})"
    )
    if tally.undefined == tally.pairs:
        typer.echo("no pair is defined: both texts score alike on every image, so there is no effect to share out")
    if result.attrs["method"] == "attribution":
        figures = {
            name.removeprefix("agreement_"): v for name, v in result.attrs.items() if name.startswith("agreement_")
        }
        typer.echo(
            f"an estimate to first order; correlation with exact on {figures['pairs']} pairs: Pearson "
            f"{figures['pearson']:.2f}, Spearman {figures['spearman']:.2f}"
        )
    elif result.attrs["component"] == "block" and "position" in result.cte.dims and result.attrs["window"] == 1:
        aligned = align_all(pairs, encoder.text).aligned
        for check in trace_checks(result, aligned, encoder.text):
            typer.echo(f"{'ok' if check.passed else 'FAILED'}: {check.name}: {check.figure}")
