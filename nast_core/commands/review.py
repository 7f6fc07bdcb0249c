"""``nast review``: what people say of items and mappings, and what they accept. They judge on the Review page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nast_core.commands.common import Out, command, need_files, need_out
from nast_core.errors import DataError
from nast_core.recipe import MOST_SEED

if TYPE_CHECKING:
    from nast_core.review.judgements import Case, Reviews
    from nast_core.review.outcome import Outcome

app = typer.Typer(
    no_args_is_help=True,
    help="Reviewers' judgements of items and of a vocabulary's mappings: agreement, and what is accepted.",
)
Items = Annotated[Path, typer.Option(help="items.jsonl under review; judgements lie beside it, in items.review.")]
Vocabulary = Annotated[
    Path, typer.Option(help="vocabulary.yaml under review; judgements lie beside it, in vocabulary.review.")
]
Least = Annotated[int, typer.Option(min=1, max=1000, help="Reviewers who must judge one correct.")]


@command(app, "agreement")
def review_agreement(
    items: Annotated[Path | None, typer.Option(help="items.jsonl under review.")] = None,
    vocabulary: Annotated[Path | None, typer.Option(help="Instead: vocabulary.yaml, whose mappings are.")] = None,
    out: Annotated[Path | None, typer.Option(help="All judgements as CSV.")] = None,
    least: Least = 2,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the bootstrap.")] = 0,
) -> None:
    """Krippendorff's alpha of all reviewers and Cohen's kappa of every two, with intervals over patients; of mappings,
    over conditions.

    Example: nast review agreement --items items.jsonl --out judgements.csv
    """
    need_files(items, vocabulary, hint="give the file that was reviewed")
    need_out(out)
    path, what = (vocabulary, "mappings") if items is None else (items, "items")
    if path is None or (items and vocabulary):
        raise DataError("give what was reviewed: --items items.jsonl, or --vocabulary vocabulary.yaml")
    from nast_core.benchmark.items import read_items
    from nast_core.review.judgements import Reviews
    from nast_core.review.mappings import mappings_of
    from nast_core.vocabulary.file import read_vocabulary

    cases: Sequence[Case] = mappings_of(read_vocabulary(path)) if items is None else read_items(path)
    _tell(path, what, cases, Reviews(path), out, least, seed)


def _tell(
    path: Path, what: str, cases: "Sequence[Case]", reviews: "Reviews", out: Path | None, least: int, seed: int
) -> None:
    from nast_core.files.writing import write_text
    from nast_core.review.agreement import agreement
    from nast_core.review.outcome import judgements_csv, outcome

    summary = outcome(list(cases), reviews, least=least)
    if not summary.judged:
        raise _nobody(path)
    for reviewer, judgements in summary.judged.items():
        typer.echo(f"{reviewer}: {len(judgements):,} of {len(summary.items):,} {what} judged")
    result = agreement(summary.verdicts, summary.items, seed=seed)
    figures = {"Krippendorff's alpha, all reviewers": result.alpha}
    for (first, second), pair in result.pairs.items():
        figures[f"Cohen's kappa, {first} and {second}"] = pair.kappa
        figures[f"same verdict, {first} and {second}"] = pair.same
    for name, rate in figures.items():
        typer.echo(f"{name:<40} {rate}")
    typer.echo(_states(summary))
    if out:
        write_text(out, judgements_csv(cases, reviews))
        typer.echo(f"written: {out}")


def _states(summary: "Outcome[Any]") -> str:
    from nast_core.review.outcome import STATES

    return ", ".join(f"{state}: {len(summary.having(state)):,}" for state in STATES)


def _nobody(path: Path) -> DataError:
    return DataError(f"nobody has judged {path} yet; open the Review page and give it that file")


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


@command(app, "record")
def review_record(
    vocabulary: Vocabulary,
    out: Annotated[Path | None, typer.Option(help="Another file, instead of the vocabulary's own.")] = None,
    reword: Annotated[
        bool,
        typer.Option(
            "--reword", help="Also take out what was found wrong, and put the better wordings in, unreviewed."
        ),
    ] = False,
    least: Least = 2,
) -> None:
    """Writes what a review of mappings came to into the vocabulary: who judged each, when, and right, wrong or unsure.

    Conflicts that nobody has settled are left as they are. The file as it was is kept beside it, as .before.yaml.

    Example: nast review record --vocabulary vocabulary.yaml
    """
    need_files(vocabulary, hint="give the vocabulary that was reviewed")
    need_out(out or vocabulary)
    from nast_core.review.judgements import Reviews
    from nast_core.review.mappings import mappings_of, recorded, reworded
    from nast_core.review.outcome import outcome
    from nast_core.vocabulary.changing import copy_path, open_file, save
    from nast_core.vocabulary.file import write_vocabulary

    opened = open_file(vocabulary)
    standing = outcome(mappings_of(opened.vocabulary), Reviews(vocabulary), least=least)
    if not standing.judged:
        raise _nobody(vocabulary)
    result = recorded(opened.vocabulary, standing)
    if reword:
        result = reworded(result, standing)
    if out:
        write_vocabulary(out, result)
    else:
        save(opened, result)
    typer.echo(_states(standing))
    right, every = result.reviewed
    typer.echo(f"{right:,} of {every:,} mappings are reviewed and right; written: {out or vocabulary}")
    if not out:
        typer.echo(f"as it was: {copy_path(vocabulary)}")


@command(app, "undo")
def review_undo(vocabulary: Vocabulary) -> None:
    """Puts a vocabulary back as it was before its last change, and the change in the place of the copy.

    Example: nast review undo --vocabulary vocabulary.yaml
    """
    need_files(vocabulary, hint="give the vocabulary that was changed")
    from nast_core.vocabulary.changing import undo

    undo(vocabulary)
    typer.echo(f"as it was before: {vocabulary}")
