"""``nast claims``: true statements and their contradictions, built, checked and scored."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from nast_core.commands.common import (
    Cache,
    Contrasts,
    Cues,
    Dataset,
    Device,
    EncodingPrecision,
    HardAffirmatives,
    Model,
    Out,
    PseudoNegations,
    Words,
    Workers,
    carried_out,
    command,
    copy_results,
    need_dataset,
    need_files,
    need_folder,
    need_out,
)
from nast_core.commands.wording import wording_lines
from nast_core.data.studies import PHANTOMS, Split
from nast_core.recipe import MOST, MOST_SEED

app = typer.Typer(no_args_is_help=True, help="Statements about one image, and what contradicts them in one attribute.")
_HINT = "make one with 'nast claims build'"
_WIDTH = 68  # of a figure's name


@command(app, "build")
def claims_build(
    out: Out,
    source: Annotated[
        str,
        typer.Option(
            help="phantom, openi, padchest; or a path: MIMIC-CXR's folder of reports, Open-i's XML, a CSV of reports."
        ),
    ] = "phantom",
    part: Annotated[
        Split | None, typer.Option("--split", help="Only this split; without it all three, by patient.")
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, max=MOST, help="At most this many studies, several lines each.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Equal seeds give equal files.")] = 0,
    balanced: Annotated[bool, typer.Option(help="Leave out what would let wording alone tell the truth.")] = True,
    vocabulary: Words = None,
    cues: Cues = "all",
    contrasts: Contrasts = "on",
    hard_affirmatives: HardAffirmatives = 0.0,
    pseudo_negations: PseudoNegations = 0,
) -> None:
    """True statements of a source's studies, each with a contradiction in one attribute, and a card beside them.

    Example: nast claims build --source phantom --split train --n 2000 --out claims.jsonl
    """
    need_out(out)
    from nast_core.claims.build import counts
    from nast_core.claims.cue_sets import manner_of
    from nast_core.claims.dataset import build_claims
    from nast_core.vocabulary.shipped import CHEXPERT, open_vocabulary

    words = open_vocabulary(vocabulary or CHEXPERT)
    manner = manner_of(cues, contrasts=contrasts, hard=hard_affirmatives, unmoved=pseudo_negations)

    with tqdm(desc="Reports", disable=not sys.stderr.isatty()) as bar:

        def tick(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        dataset = build_claims(
            source, out, split=part, n=n, seed=seed, balanced=balanced, progress=tick, vocabulary=words, manner=manner
        )
    for name, reason in sorted(dataset.source.skipped.items())[:5]:
        typer.echo(f"skipped: {name}: {reason}", err=True)
    for (of, kind), count in sorted(counts(dataset.built.examples).items()):
        typer.echo(f"{of:<11} {kind:<9} {count:>7,}")
    for kind, rate in dataset.guessed.items():
        typer.echo(f"wording alone ranks {100 * rate.value:.1f} % of {kind} pairs rightly (50 is chance)")
    if dataset.source.skipped:
        typer.echo(f"{len(dataset.source.skipped)} files skipped; the card lists them", err=True)
    typer.echo(f"{len(dataset.built.examples):,} statements written: {dataset.claims}; card: {dataset.card}")


@command(app, "check")
def claims_check(
    out: Annotated[Path, typer.Option(help="Folder for attributes.csv, findings.csv and disagreements.csv.")],
    reports: Annotated[
        Path | None, typer.Option(help="Open-i's XML, folder or .tgz; without it, torchxrayvision's archive.")
    ] = None,
) -> None:
    """How well claims read from Open-i's reports agree with the reports' own MeSH codings, every disagreement listed.

    Example: nast claims check --out agreement
    """
    need_out(out, folder=True)
    from nast_core.claims.agreement import compare, write_agreement
    from nast_core.claims.extract import extract
    from nast_core.claims.openi import coded_claims, read_reports
    from nast_core.claims.study import consistent

    all_reports, skipped = read_reports(reports)
    by_study = {report.study_id: consistent(extract(report.text).claims) for report in all_reports if report.text}
    result = compare(by_study, {report.study_id: coded_claims(report) for report in all_reports})
    write_agreement(result, out)
    typer.echo(result.attributes.round(3).to_string(index=False))
    typer.echo(result.findings.round(3).to_string(index=False))
    typer.echo(
        f"{len(by_study):,} reports, {len(skipped)} files skipped; {len(result.disagreements):,} disagreements. A "
        f"coding lists what is present; absence is compared only where a study is coded normal. Written: {out}"
    )


@command(app, "run")
def claims_run(
    out: Annotated[Path, typer.Option(help="Folder for summary.json and the tables.")],
    claims: Annotated[
        Path | None, typer.Option(help="claims.jsonl of 'nast claims build'; without it, statements of the dataset.")
    ] = None,
    dataset: Dataset = PHANTOMS,
    n: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Studies of the dataset, at most.")] = 1000,
    model: Model = "demo",
    base: Annotated[str | None, typer.Option(help="The model before fine-tuning: alignment before and after.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the claims' images; without it, the dataset's.")
    ] = None,
    part: Annotated[
        Split | None, typer.Option("--split", help="Without it the test lines, or all where there are none.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=MOST_SEED, help="Of the bootstrap, and of the retrieval gallery.")
    ] = 0,
    cache: Cache = True,
    workers: Workers = None,
    device: Device = "auto",
    precision: EncodingPrecision = "float32",
) -> None:
    """Claim ranking by kind, negated prompts, wording cue by cue, retrieval and alignment.

    Example: nast claims run --claims claims.jsonl --out results
    """
    need_files(claims, hint=_HINT)
    need_folder(images)
    need_dataset(dataset)
    need_out(out, folder=True)
    from nast_core.benchmark.run import TOLD

    run, _ = carried_out(
        "claims",
        claims=claims,
        dataset=dataset,
        n=n,
        model=model,
        base=base,
        images=images,
        split=part,
        seed=seed,
        cache=cache,
        workers=workers,
        device=device,
        precision=precision,
    )
    copy_results(run, out, TOLD)
    summary = run.result.summary
    for line in _lines(summary):
        typer.echo(line)
    if summary["warnings"]:
        typer.echo(f"{summary['warnings']} images may not show what they should: {out / 'warnings.json'}", err=True)
    typer.echo(f"unscored: {summary['ranking']['unscored']}, written: {out}")


def _lines(summary: dict) -> list[str]:
    """The headline figures, one a line."""
    lines = [f"split: {summary['split']}, {summary['images']} images"]
    for kind, groups in summary["ranking"].items():
        if isinstance(groups, dict):
            for cues, rates in groups.items():
                lines += [_line(f"{kind}, {cues} cues: {name}", rates[name]) for name in ("accuracy", "blind")]
    lines += [
        _line(f"negated-prompt AUROC, {group}", rates["macro"])
        for group, rates in summary["negated_prompt_auroc"].items()
    ]
    lines += wording_lines(summary, _WIDTH)
    for direction, groups in summary["retrieval"].items():
        lines += [_line(f"{direction.replace('_', ' ')}, {cues}: mAP", rates["mAP"]) for cues, rates in groups.items()]
    lines.append(_line("zero-shot AUROC, macro", summary["alignment"]["zero_shot_auroc"]["macro"]))
    if change := summary.get("alignment_change"):
        lines.append(_line("  change since the base", change["difference"]["zero_shot_auroc"]["macro"]))
        lines.append(_line("cosine of affirmative texts to the base's", change["text_cosine"]))
    return lines


def _line(name: str, figure: dict) -> str:
    from nast_core.statistics.rates import Rate

    rate = Rate.of(figure)
    return f"{name:<{_WIDTH}} {rate}" if rate.n else f"{name:<{_WIDTH}} nothing to score"
