"""``nast finetune`` and ``nast export``: train a text tower where negation is handled, and take the result
elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Out, command
from nast_core.commands.runs import ExecutorName, Wait, run

app = typer.Typer()


@command(app, "finetune")
def finetune(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.yaml", help="kind: finetune, data: claims.jsonl, ...")],
    executor: ExecutorName = None,
    wait: Wait = True,
) -> None:
    """Trains a model's text layers as a recipe says, each at its own rate; watched with 'nast runs', resumed by it.

    Example: nast finetune nast.yaml
    """
    from nast_core.finetune.recipe import FinetuneError
    from nast_core.work.kinds import read_recipe

    if (task := read_recipe(recipe)).kind != "finetune":
        raise FinetuneError(f"{recipe} is a recipe of kind {task.kind}; carry it out with: nast run {recipe}")
    run(recipe, executor, wait)


@command(app, "export")
def export(
    tuned: Annotated[
        str, typer.Argument(metavar="RUN", help="run:ID of a fine-tune, demo-tuned, or the folder of an adapter.")
    ],
    out: Out,
    base: Annotated[str | None, typer.Option(help="Where the base model is now, if it has moved.")] = None,
) -> None:
    """Writes a fine-tune, merged, as a model folder in its base's own format.

    Example: nast export run:finetune-20260310-141500-1a2b3c4d --out tuned-clip
    """
    from nast_core.files.places import DEMO_TUNED
    from nast_core.models.specs import embedded
    from nast_core.recipe import run_of
    from nast_core.runs.store import RunStore
    from nast_core.work.export import export as write

    if (run := run_of(tuned)) is not None:
        folder = RunStore().open(run).folder
    else:
        folder = embedded(tuned) if tuned == DEMO_TUNED else Path(tuned)
    typer.echo(f"written: {write(folder, out, base=base)}")
