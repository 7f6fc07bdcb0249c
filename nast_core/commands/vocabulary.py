"""``nast vocabulary``: conditions of one's own; a first list of them, what is to be put right in it, what is in it."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nast_core.commands.common import Answers, BaseUrl, Jobs, command, need_files, need_out, progress
from nast_core.vocabulary.names import SHIPPED

if TYPE_CHECKING:
    from nast_core.terms.draft import Draft
    from nast_core.vocabulary.model import Vocabulary

app = typer.Typer(
    no_args_is_help=True, help="Conditions of your own: how they are named, denied, and said to be absent."
)
File = Annotated[str, typer.Argument(metavar="FILE", help=f"A vocabulary file, or {', '.join(SHIPPED)}.")]
Reports = Annotated[
    str | None, typer.Option(help="A CSV with study_id and text, MIMIC-CXR's folder of reports, Open-i's, or openi.")
]


@command(app, "draft")
def vocabulary_draft(
    labels: Annotated[Path, typer.Option(help="FILE.csv: a column a condition (1, 0, -1, blank), or one of lists.")],
    out: Annotated[Path, typer.Option(help="The vocabulary, a new file.")],
    reports: Reports = None,
    examination: Annotated[
        str | None,
        typer.Option(help="What is looked at, as 'head CT'; without: that of the shipped vocabulary that fits best."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="As cards call it; the file's name.")] = None,
    llm_model: Annotated[
        str | None,
        typer.Option(
            help="Proposes equivalents; it is sent names of conditions and nouns. Without it nobody is asked."
        ),
    ] = None,
    base_url: BaseUrl = None,
    jobs: Jobs = 8,
    answers: Answers = None,
) -> None:
    """A first vocabulary from a table's columns and, with reports, from their words; to be edited and checked.

    Example: nast vocabulary draft --labels labels.csv --reports reports.csv --out ward.yaml
    """
    from nast_core.errors import VocabularyError
    from nast_core.files.writing import write_text
    from nast_core.terms.draft import draft

    need_files(labels, hint="give the table of labels")
    need_out(out)
    if out.exists():
        raise VocabularyError(f"{out} is there already, and may have been edited; give a new file, or delete it")
    with progress("Reports", None) if reports else nullcontext() as tick:
        drafted = draft(labels, name=name or out.stem, reports=reports, examination=examination, progress=tick)
    if llm_model is not None:
        drafted = _proposed(drafted, llm_model, base_url, jobs, answers or out.with_suffix(".answers"))
    write_text(out, drafted.text)
    _say(drafted, out)


def _proposed(drafted: "Draft", model: str, base_url: str | None, jobs: int, answers: Path) -> "Draft":
    from dataclasses import replace

    from nast_core.benchmark.llm_asking import Asking
    from nast_core.benchmark.llm_endpoint import Endpoint
    from nast_core.terms.proposals import propose

    asking = Asking(Endpoint(base_url, model), answers, jobs=jobs)
    lacking = sum(not entry.equivalents for entry in drafted.vocabulary.entries.values())
    with progress("Equivalents", lacking) as tick:
        result = propose(drafted.vocabulary, asking, tick)
    for line in result.refused:
        typer.echo(f"turned down: {line}", err=True)
    for reason, count in result.unanswered.items():
        typer.echo(f"{count} conditions without proposals: {reason}", err=True)
    for key, value in asking.notes().items():
        typer.echo(f"{key}: {value}")
    typer.echo(f"proposed equivalents: {result.taken.total()}, none of them reviewed")
    return replace(drafted, vocabulary=result.vocabulary)


def _say(drafted: "Draft", out: Path) -> None:
    from nast_core.terms.draft import about, unnamed

    for column, why in drafted.columns.left_out.items():
        typer.echo(f"left out: the column {column!r} {why}", err=True)
    for note in drafted.notes:
        typer.echo(note, err=True)
    for label in drafted.columns.labelled:
        typer.echo(f"{label.name} (column {label.column!r}: {label.present:,} present, {label.absent:,} absent)")
        for line in about(label.name, drafted):
            typer.echo(f"  {line}")
    if drafted.usage and (some := unnamed(drafted.usage)):
        typer.echo("denied in reports, and named by no condition: " + ", ".join(f"{text} ({n:,})" for text, n in some))
    typer.echo(f"written: {out}; edit it, then: nast vocabulary check {out}")


@command(app, "check")
def vocabulary_check(
    file: File,
    labels: Annotated[
        str | None, typer.Option(help="The labels of studies with reports, as 'nast dataset build' takes them.")
    ] = None,
    reports: Reports = None,
) -> None:
    """Whether a vocabulary can be used: every phrase read back in every construction, words that mean two things, and
    how well reports agree with labels. Exits with 2 where something has to be put right first.

    Example: nast vocabulary check ward.yaml --labels labels.csv --reports reports.csv
    """
    from nast_core.errors import VocabularyError
    from nast_core.terms.check import check
    from nast_core.vocabulary.shipped import open_vocabulary

    if (labels is None) != (reports is None):
        raise VocabularyError("agreement needs both: give --labels and --reports, or neither")
    vocabulary = open_vocabulary(file)
    with progress("Conditions", len(vocabulary.conditions)) as tick:
        remarks = check(vocabulary, tick)
    for remark in remarks:
        about = f"{remark.condition}: " if remark.condition else ""
        typer.echo(f"{'to put right' if remark.grave else 'warning'}: {about}{remark.said}")
    if labels is not None and reports is not None:
        _say_agreement(vocabulary, labels, reports)
    grave = sum(remark.grave for remark in remarks)
    approved, equivalents = vocabulary.reviewed
    if grave:
        raise VocabularyError(f"{grave:,} things, above, have to be put right before this vocabulary can be used")
    typer.echo(
        f"can be used: {len(vocabulary.conditions):,} conditions, {equivalents:,} equivalents, {approved:,} of them "
        f"reviewed; {len(remarks):,} warnings"
    )


def _say_agreement(vocabulary: "Vocabulary", labels: str, reports: str) -> None:
    from nast_core.terms.agreement import agreement

    with progress("Reports", None) as tick:
        found = agreement(vocabulary, labels, reports, tick)
    for note in found.notes:
        typer.echo(note, err=True)
    typer.echo(
        f"reports against labels, {found.reports:,} studies; {found.without_study:,} reports are of none of the table"
    )
    width = max(map(len, vocabulary.conditions))
    for one in found.conditions:
        figures = (("precision", one.precision), ("recall", one.recall), ("denials", one.denials))
        typer.echo(f"{one.condition:<{width}}  " + "; ".join(f"{name} {rate:.2f}" for name, rate in figures))


@command(app, "show")
def vocabulary_show(
    file: File, condition: Annotated[str | None, typer.Option(help="All that is said of this one.")] = None
) -> None:
    """What is in a vocabulary, on a screen.

    Example: nast vocabulary show vindr
    """
    from nast_core.errors import VocabularyError
    from nast_core.terms.listing import details, listing
    from nast_core.vocabulary.shipped import open_vocabulary

    vocabulary = open_vocabulary(file)
    if condition is not None and condition not in vocabulary:
        raise VocabularyError(vocabulary.unknown(condition))
    for line in listing(vocabulary) if condition is None else details(condition, vocabulary):
        typer.echo(line)
