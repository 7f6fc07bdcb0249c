"""``nast compare``: two models on the same pairs, questions and images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nast_core.commands.common import (
    Device,
    Pairs,
    Precision,
    Workers,
    command,
    load,
    need_files,
    need_folder,
    need_out,
    progress,
    tell_doubts,
)
from nast_core.data.studies import HeldOut
from nast_core.files.gate import shown
from nast_core.recipe import MOST

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.claims.evidence import Evidence
    from nast_core.statistics.rates import Rate

app = typer.Typer()
_STUDIES = 200  # phantoms that claims are made about


@command(app, "compare")
def compare_command(
    a: Annotated[str, typer.Argument(metavar="A", help="Before: demo, a folder, or run:ID of a finished fine-tune.")],
    b: Annotated[str, typer.Argument(metavar="B", help="After: likewise.")],
    out: Annotated[Path, typer.Option(help="Folder for comparison.json and a CSV a table.")],
    pairs: Pairs = None,
    items: Annotated[Path | None, typer.Option(help="items.jsonl; without it, questions on phantoms.")] = None,
    claims: Annotated[
        Path | None, typer.Option(help="claims.jsonl; without it, claims about phantoms, where the questions are.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the images; phantoms need none.")] = None,
    count: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Questions on phantoms.")] = 500,
    split: Annotated[HeldOut, typer.Option(help="Of the phantoms; keep test for what you report.")] = "validation",
    workers: Workers = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Did the mechanism move, or only the score, and what was lost? Every change is B - A.

    Example: nast compare demo run:finetune-20261124-101500-1a2b3c4d --out compared
    """
    need_files(pairs, items, claims)
    need_folder(images)
    need_out(out, folder=True)
    from nast_core.benchmark.items import read_items
    from nast_core.benchmark.phantoms import phantom_items
    from nast_core.compare import two_models
    from nast_core.compare.claims import claim_changes
    from nast_core.compare.tables import moved_layers, summary_files, write_comparison
    from nast_core.encoding.cache import default_cache
    from nast_core.encoding.images import encode_named
    from nast_core.negation.pairs import read_pairs, template_pairs
    from nast_core.statistics.rates import Rate

    parameters = moved_layers(summary_files({"A": a, "B": b}))
    questions = read_items(items) if items else phantom_items(count, split=split)
    first, second = (load(spec, device, precision) for spec in (a, b))
    known = first.card.conditions
    texts = read_pairs(pairs) if pairs else template_pairs(known) if known else template_pairs()
    shared = two_models.shared_pairs(first, second, texts)
    typer.echo(f"{len(shared.a)} pairs align under both tokenizers, {len(shared.refused)} do not", err=True)
    sample = _evidence(claims, split) if claims or not items else None
    names = list(
        dict.fromkeys([*two_models.needed_images(shared, questions), *(sample.images.image if sample else ())])
    )
    image_vectors: list[dict[str, Tensor]] = []
    doubts: dict[str, str] = {}
    with progress("Images", 2 * len(names)) as tick:
        for model in (first, second):
            vectors, failed = encode_named(
                model, names, images, cache=default_cache(), progress=tick, doubts=doubts, workers=workers
            )
            image_vectors.append(vectors)
    if failed:
        name, reason = next(iter(failed.items()))
        typer.echo(
            f"{len(failed)} images cannot be read and their questions are unscored; first {shown(name)!r}: {reason}",
            err=True,
        )
    tell_doubts(doubts)
    claim_rows = claim_changes(first, second, sample, *image_vectors) if sample else None
    with progress("Compare", two_models.STEPS) as tick:
        comparison = two_models.compare(
            first,
            second,
            shared,
            questions,
            *image_vectors,
            parameters=parameters,
            claims=claim_rows,
            doubts=doubts,
            progress=tick,
        )
    write_comparison(comparison, out)
    for row in comparison.changes.itertuples():
        test = "" if row.form == "gap" else f", {row.fixed} fixed, {row.broken} broken, McNemar p = {row.p_value:.2g}"
        typer.echo(
            f"{row.form:<12} {row.a:5.1f} -> {row.b:5.1f}: {_change(row).interval('+.1f', ' points')}, n = {row.n:,}{test}"
        )
    for row in comparison.claims.itertuples():
        typer.echo(f"{row.measure:<34} {row.a:.3f} -> {row.b:.3f}: {_change(row):+.3f}")
    for row in comparison.shift_means.itertuples():
        typer.echo(f"shift of {row.form:<22} {Rate(row.value, row.low, row.high, row.n):.4f}")
    typer.echo(f"written: {out}")


def _change(row: Any) -> "Rate":
    from nast_core.statistics.rates import Rate

    return Rate(row.change, row.low, row.high, row.n)


def _evidence(claims: Path | None, split: HeldOut) -> "Evidence":
    from nast_core.claims.evidence import evidence
    from nast_core.claims.examples import read_claims
    from nast_core.compare.claims import phantom_evidence

    return evidence(read_claims(claims)) if claims else phantom_evidence(_STUDIES, split)
