"""``nast compare``: two models on the same pairs, questions and images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nast_core.commands.common import (
    Dataset,
    Device,
    Pairs,
    Precision,
    Workers,
    command,
    load,
    need_dataset,
    need_files,
    need_folder,
    need_out,
    reporter,
    tell_doubts,
)
from nast_core.data.studies import PHANTOMS, HeldOut
from nast_core.files.gate import shown
from nast_core.recipe import MOST

if TYPE_CHECKING:
    from nast_core.claims.evidence import Evidence
    from nast_core.statistics.rates import Rate

app = typer.Typer()


@command(app, "compare")
def compare_command(
    a: Annotated[
        str, typer.Argument(metavar="A", help="Before: demo, demo-tuned, a folder, or run:ID of a fine-tune.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="After: likewise.")],
    out: Annotated[Path, typer.Option(help="Folder for comparison.json and a CSV a table.")],
    pairs: Pairs = None,
    items: Annotated[Path | None, typer.Option(help="items.jsonl; without it, the dataset's questions.")] = None,
    claims: Annotated[
        Path | None, typer.Option(help="claims.jsonl; without it, the dataset's, where the questions are.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images, where it is not the dataset's.")] = None,
    dataset: Dataset = PHANTOMS,
    count: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Questions of the dataset, at most.")] = 500,
    split: Annotated[HeldOut, typer.Option(help="Of the dataset; keep test for what you report.")] = "validation",
    workers: Workers = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Did the mechanism move, or only the score, and what was lost? Every change is B - A.

    Example: nast compare demo demo-tuned --out compared
    """
    need_files(pairs, items, claims)
    need_folder(images)
    need_dataset(dataset)
    need_out(out, folder=True)
    from nast_core.benchmark.items import read_items
    from nast_core.compare import two_models
    from nast_core.compare.composing import compare_on, gathered, pairs_of
    from nast_core.compare.tables import moved_layers, summary_files, write_comparison
    from nast_core.compare.travelling import STUDIES
    from nast_core.dataset.opened import open_dataset
    from nast_core.negation.pairs import read_pairs
    from nast_core.statistics.rates import Rate
    from nast_core.vocabulary.beside import vocabulary_of
    from nast_core.vocabulary.mixing import one_of

    parameters = moved_layers(summary_files({"A": a, "B": b}))
    chosen = open_dataset(dataset)
    spoken = {"the dataset": chosen.vocabulary}
    spoken |= {f"the {name}": vocabulary_of(path) for name, path in (("items", items), ("claims", claims)) if path}
    one_of(spoken)
    own_items = read_items(items) if items else None
    own_claims = _claims_of(claims) if claims else None
    first, second = (load(spec, device, precision) for spec in (a, b))
    own_pairs = (
        two_models.pictured(two_models.shared_pairs(first, second, read_pairs(pairs)), chosen.images_for)
        if pairs
        else None
    )
    parts = gathered(
        lambda: own_pairs or pairs_of(first, second, chosen),
        lambda: own_items or chosen.items(split, count),
        lambda: own_claims or (None if own_items else chosen.evidence(split, STUDIES)),
    )
    for what, reason in parts.lacks.items():
        typer.echo(f"without {what}: {reason}", err=True)
    shared = parts.pairs
    typer.echo(f"{len(shared.a)} pairs align under both tokenizers, {len(shared.refused)} do not", err=True)
    failed: dict[str, str] = {}
    doubts: dict[str, str] = {}
    with reporter() as report:
        comparison = compare_on(
            first,
            second,
            parts,
            images or chosen.images,
            having=chosen.images_for,
            parameters=parameters,
            failed=failed,
            doubts=doubts,
            workers=workers,
            told=report.progress,
        )
    if failed:
        name, reason = next(iter(failed.items()))
        typer.echo(
            f"{len(failed)} images cannot be read and their questions are unscored; first {shown(name)!r}: {reason}",
            err=True,
        )
    tell_doubts(doubts)
    write_comparison(comparison, out)
    for row in comparison.changes.itertuples():
        test = "" if row.form == "gap" else f", {row.fixed} fixed, {row.broken} broken, McNemar p = {row.p_value:.2g}"
        typer.echo(
            f"{row.form:<12} {row.a:5.1f} -> {row.b:5.1f}: {_change(row).interval('+.1f', ' points')}, n = "
            f"{row.n:,}{test}"
        )
    for row in comparison.claims.itertuples():
        typer.echo(f"{row.measure:<34} {row.a:.3f} -> {row.b:.3f}: {_change(row):+.3f}")
    for row in comparison.wording_means().itertuples():
        typer.echo(f"{f'wording, {row.group}':<34} {row.a:.3f} -> {row.b:.3f}: {_change(row):+.3f}")
    for row in comparison.shift_means.itertuples():
        typer.echo(f"shift of {row.form:<22} {Rate(row.value, row.low, row.high, row.n):.4f}")
    typer.echo(f"written: {out}")


def _change(row: Any) -> "Rate":
    from nast_core.statistics.rates import Rate

    return Rate(row.change, row.low, row.high, row.n)


def _claims_of(path: Path) -> "Evidence":
    from nast_core.claims.evidence import evidence
    from nast_core.claims.examples import read_claims
    from nast_core.vocabulary.beside import vocabulary_of

    return evidence(read_claims(path), vocabulary=vocabulary_of(path))
