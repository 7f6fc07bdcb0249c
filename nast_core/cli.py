"""The ``nast`` command. Exit code 0 only on success; 2, and one line, on a user's mistake."""

import os

import typer

from nast_core.commands import app as opening
from nast_core.commands import (
    attribute,
    audit,
    benchmark,
    claims,
    compare,
    dataset,
    demo,
    encode,
    finetune,
    interpret,
    layers,
    models,
    negation,
    repair,
    review,
    runs,
    vocabulary,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Where a medical CLIP reads negation, and how badly.",
)
app.add_typer(opening.app)
app.add_typer(interpret.app)
app.add_typer(layers.app)
app.add_typer(attribute.app)
app.add_typer(encode.app)
app.add_typer(runs.app)
app.add_typer(compare.app)
app.add_typer(finetune.app)
app.add_typer(repair.app)
app.add_typer(audit.app, name="audit")
app.add_typer(models.app, name="model")
app.add_typer(benchmark.app, name="benchmark")
app.add_typer(claims.app, name="claims")
app.add_typer(dataset.app, name="dataset")
app.add_typer(vocabulary.app, name="vocabulary")
app.add_typer(negation.app, name="negation")
app.add_typer(review.app, name="review")
app.add_typer(demo.app, name="demo")


def main() -> None:
    """The ``nast`` script."""
    os.environ["PYTHONSAFEPATH"] = "1"  # processes that a command starts import nothing from the current folder
    app()


if __name__ == "__main__":
    main()
