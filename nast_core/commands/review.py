"""``nast review``: what people say of items, and the items that they accept. Judging itself is on the Review page."""

from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Out, command, need_files, need_out
from nast_core.recipe import MOST_SEED

app = typer.Typer(no_args_is_help=True, help="Reviewers' judgements of items: agreement, and the accepted items.")
Items = Annotated[Path, typer.Option(help="items.jsonl under review; judgements lie beside it, in items.review.")]
Least = Annotated[int, typer.Option(min=1, max=1000, help="Reviewers who must judge an item correct.")]


@command(app, "agreement")
def review_agreement(
    items: Items,
    out: Annotated[Path | None, typer.Option(help="All judgements as CSV.")] = None,
    least: Least = 2,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the bootstrap.")] = 0,
) -> None:
    """Krippendorff's alpha of all reviewers and Cohen's kappa of every two, with intervals over patients.

    Example: nast review agreement --items items.jsonl --out judgements.csv
    """
    need_files(items, hint="give the items file that was reviewed")
    need_out(out)
    from nast_core.benchmark.items import read_items
    from nast_core.errors import DataError
    from nast_core.files.writing import write_text
    from nast_core.review.agreement import agreement
    from nast_core.review.judgements import Reviews
    from nast_core.review.outcome import STATES, judgements_csv, outcome

    all_items, reviews = read_items(items), Reviews(items)
    summary = outcome(all_items, reviews, least=least)
    if not summary.judged:
        raise DataError(f"nobody has judged {items} yet; open the Review page and give it that file")

    for reviewer, judgements in summary.judged.items():
        typer.echo(f"{reviewer}: {len(judgements):,} of {len(summary.items):,} items judged")
    result = agreement(summary.verdicts, summary.items, seed=seed)
    figures = {"Krippendorff's alpha, all reviewers": result.alpha}
    for (first, second), pair in result.pairs.items():
        figures[f"Cohen's kappa, {first} and {second}"] = pair.kappa
        figures[f"same verdict, {first} and {second}"] = pair.same
    for name, rate in figures.items():
        typer.echo(f"{name:<40} {rate}")
    typer.echo(", ".join(f"{state}: {len(summary.having(state)):,}" for state in STATES))
    if out:
        write_text(out, judgements_csv(all_items, reviews))
        typer.echo(f"written: {out}")


@command(app, "accepted")
def review_accepted(items: Items, out: Out, least: Least = 2) -> None:
    """The accepted items as an items file: judged correct by all of at least two reviewers, or by the adjudicator.

    Example: nast review accepted --items items.jsonl --out accepted.jsonl
    """
    need_files(items, hint="give the items file that was reviewed")
    need_out(out)
    from nast_core.review.outcome import write_accepted

    accepted = write_accepted(items, out, least=least)
    typer.echo(f"{len(accepted):,} items written: {out}")
