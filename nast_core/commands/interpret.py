"""``nast attention`` and ``nast trace``: where the text encoder reads negation."""

from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Device, Model, Out, Pairs, Precision, aligned_pairs, command, load, progress

app = typer.Typer()


@command(app, "attention")
def attention(
    out: Out, model: Model = "demo", pairs: Pairs = None, device: Device = "auto", precision: Precision = "float32"
) -> None:
    """Negator-selective attention per layer and head, for a file of pairs.

    Example: nast attention --model demo --out nsa.nc
    """
    from nast_core.interpret.attention import negator_selective_attention
    from nast_core.interpret.dataset import save

    loaded = load(model, device, precision)
    aligned = aligned_pairs(pairs, loaded)
    with progress("Attention", len(aligned)) as tick:
        result = negator_selective_attention(loaded, aligned, progress=tick)
    save(result, out)
    mean = result.nsa.mean("pair")
    top = mean.stack(cell=("layer", "head")).sortby(mean.stack(cell=("layer", "head")), ascending=False)[:5]
    for value, (layer, head) in zip(top.values, top.cell.values, strict=True):
        typer.echo(f"layer {layer:>2} head {head:>2}  NSA {value:.3f}")
    typer.echo(f"written: {out}")


@command(app, "trace")
def trace_command(
    out: Out,
    model: Model = "demo",
    pairs: Pairs = None,
    image: Annotated[
        Path | None, typer.Option(help="One image for every pair; else each pair's own, or a phantom.")
    ] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Exact causal tracing effect per layer and position, for a file of pairs.

    Example: nast trace --model demo --out cte.nc
    """
    from nast_core.data.images import read_image
    from nast_core.data.showcase import images_for_pairs
    from nast_core.interpret.dataset import save
    from nast_core.interpret.effects import by_role, trace, undefined
    from nast_core.interpret.selftest import trace_checks

    loaded = load(model, device, precision)
    aligned = aligned_pairs(pairs, loaded)
    if image:
        vectors = loaded.encode_images([read_image(image).pixels]).expand(len(aligned), -1)
    else:
        vectors = images_for_pairs(loaded, aligned, pairs.parent if pairs else None)
    with progress("Trace", len(aligned)) as tick:
        result = trace(loaded, aligned, vectors, progress=tick)
    save(result, out)
    table = by_role(result).to_pandas().T.round(3)
    table.columns.name = None
    typer.echo(table.to_string())
    typer.echo(f"{len(aligned)} pairs, {undefined(result)} undefined (|d| < {result.attrs['min_gap']})")
    for check in trace_checks(result, aligned, loaded.text):
        typer.echo(f"{'ok' if check.passed else 'FAILED'}: {check.name}: {check.figure}")
    typer.echo(f"written: {out}")
