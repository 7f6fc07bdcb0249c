"""``nast demo``: the phantom world and its demo CLIP."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import command

app = typer.Typer(no_args_is_help=True, help="The phantom world and its demo CLIP.")


@command(app, "build")
def demo_build(
    out: Annotated[Path, typer.Option(help="Folder of the finished CLIP.")] = Path("assets/demo-clip"),
    seed: Annotated[int, typer.Option(help="Equal seeds give equal figures on one machine.")] = 0,
    work: Annotated[Path, typer.Option(help="Phantoms and checkpoints; an interrupted build goes on here.")] = Path(
        "build/demo"
    ),
) -> None:
    """Draws the phantoms, trains the demo CLIP, measures it, and writes it with a model card.

    Example: nast demo build --seed 1 --out build/demo-clip-1
    """
    from nast_core.demo.build import build

    figures = build(out, seed=seed, work=work)
    typer.echo(json.dumps(figures, indent=2))


@command(app, "figures")
def demo_figures(
    seeds: Annotated[int, typer.Option(min=2, help="Builds, from seed 0 on.")] = 3,
    work: Annotated[Path, typer.Option(help="Where builds are kept; finished ones are not repeated.")] = Path(
        "build/demo"
    ),
) -> None:
    """Builds the demo CLIP from several seeds and writes docs/demo_figures.json.

    Example: nast demo figures --seeds 3
    """
    from nast_core.demo.figures import figures_over_seeds

    for name, row in figures_over_seeds(seeds, work=work)["figures"].items():
        values = ", ".join(f"{value:.3g}" for value in row["values"])
        typer.echo(f"{name:<46} {row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g}); seeds: {values}")
