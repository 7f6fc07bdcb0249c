"""``nast benchmark``: how badly a model fails on negation."""

from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import (
    Answers,
    BaseUrl,
    Cache,
    Dataset,
    Device,
    EncodingPrecision,
    Jobs,
    Out,
    Words,
    Workers,
    carried_out,
    command,
    copy_results,
    need_dataset,
    need_files,
    need_folder,
    need_out,
    progress,
)
from nast_core.commands.wording import wording_lines
from nast_core.data.label_names import OWN, label_names
from nast_core.data.studies import PHANTOMS, HeldOut
from nast_core.recipe import MOST, MOST_SEED

app = typer.Typer(no_args_is_help=True, help="Paired multiple-choice questions, affirmative and negated.")


_LABELS = ", ".join(name for name in label_names() if name != OWN)
Items = Annotated[Path, typer.Option(help="items.jsonl of 'nast benchmark build'.")]


@command(app, "build")
def benchmark_build(
    out: Out,
    labels: Annotated[
        str,
        typer.Option(
            help=f"{_LABELS}; NAME:FILE where the labels are a file of yours; or FILE.csv with condition columns."
        ),
    ] = "phantom",
    writer: Annotated[
        str, typer.Option(help="template: a grammar, offline. llm: a language model at an endpoint.")
    ] = "template",
    n: Annotated[int, typer.Option("--n", min=1, max=MOST, help="Number of items.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Equal seeds give equal items.")] = 0,
    split: Annotated[
        str | None, typer.Option(help="train, validation or test; patients are in one. Phantoms: test.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of the dataset's images, in its own layout; items name those in it.")
    ] = None,
    images_only: Annotated[
        bool, typer.Option("--images-only", help="Leave out studies without an image there.")
    ] = False,
    balance: Annotated[
        bool, typer.Option("--balance", help="Ask for every condition and number of negations equally often.")
    ] = False,
    base_url: BaseUrl = None,
    llm_model: Annotated[
        str | None,
        typer.Option(
            envvar="NAST_LLM_MODEL",
            help="The llm. A key goes only where the environment says: NAST_LLM_KEY to NAST_LLM_URL, OPENAI_API_KEY "
            "to OpenAI.",
        ),
    ] = None,
    jobs: Jobs = 8,
    answers: Answers = None,
    prices: Annotated[
        tuple[float, float] | None, typer.Option(help="Price per million tokens of prompts, and of answers.")
    ] = None,
    vocabulary: Words = None,
) -> None:
    """Paired four-option items from a label table, each read back by a parser, and a dataset card beside them.

    Example: nast benchmark build --labels chexpert --n 2000 --out items.jsonl
    """
    need_out(out)
    from nast_core.benchmark.dataset import build_dataset
    from nast_core.benchmark.guesser import at_chance
    from nast_core.benchmark.writers import llm_writer, writer_named
    from nast_core.vocabulary.shipped import CHEXPERT, open_vocabulary

    words = open_vocabulary(vocabulary or CHEXPERT)
    folder = answers or out.with_suffix(".answers")
    chosen = (
        llm_writer(llm_model, folder, base_url=base_url, jobs=jobs, prices=prices, vocabulary=words)
        if writer == "llm"
        else writer_named(writer, labels, words)
    )
    with progress("Items", n) as tick:
        dataset = build_dataset(
            labels,
            out,
            chosen,
            count=n,
            seed=seed,
            split=split,
            images=images,
            images_only=images_only,
            balance=balance,
            progress=tick,
            vocabulary=words,
        )
    counts, built = dataset.table.counts, dataset.built
    typer.echo(", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts.items()))
    for note in dataset.table.notes:
        typer.echo(note, err=True)
    typer.echo(
        f"{len(built.items):,} items of {len({i.patient_id for i in built.items}):,} patients; rejected "
        f"{built.rejected.total():,} of {built.asked:,}, written again {built.rewritten.total():,}"
    )
    for name, r in dataset.guessed.items():
        verdict = "at chance" if at_chance(r) else "NOT at chance"
        typer.echo(f"guessed from {name:<12} {r.interval()}, {verdict}")
    for name, value in chosen.notes().items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"written: {', '.join(str(path) for path in (dataset.items, dataset.card, dataset.drafts) if path)}")


@command(app, "export")
def benchmark_export(items: Items, out: Out) -> None:
    """Items as the JSON of the paper's own builder.

    Example: nast benchmark export --items items.jsonl --out reference.json
    """
    need_files(items, hint="make one with 'nast benchmark build'")
    need_out(out)
    from nast_core.benchmark.items import read_items
    from nast_core.benchmark.reference import export_reference

    all_items = read_items(items)
    export_reference(all_items, out)
    typer.echo(f"{len(all_items)} items written: {out}")


@command(app, "import")
def benchmark_import(
    file: Annotated[Path, typer.Option(help="JSON of the paper's own builder.")],
    out: Out,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of MIMIC-CXR's metadata table, which names each study's image.")
    ] = None,
    vocabulary: Words = None,
) -> None:
    """Items from the JSON of the paper's own builder, read by the parser.

    Example: nast benchmark import --file reference.json --out items.jsonl
    """
    need_files(file, hint="give the JSON that the reference builder wrote")
    need_folder(tables)
    need_out(out)
    from nast_core.benchmark.items import write_items
    from nast_core.benchmark.reference import import_reference, name_images
    from nast_core.vocabulary.beside import write_beside
    from nast_core.vocabulary.shipped import CHEXPERT, open_vocabulary

    words = open_vocabulary(vocabulary or CHEXPERT)
    reference = import_reference(file, vocabulary=words)
    items = name_images(reference.items, tables) if tables else reference.items
    write_beside(out, words)
    write_items(items, out)
    typer.echo(f"{len(items)} items written: {out}")
    if reference.doubted:
        name, reason = next(iter(reference.doubted.items()))
        typer.echo(
            f"{len(reference.doubted)} of them the parser does not read as their own labels; first {name}: {reason}",
            err=True,
        )


@command(app, "run")
def benchmark_run(
    out: Annotated[
        Path,
        typer.Option(help="Folder for summary.json and items.parquet; of several models, a folder in it for each."),
    ],
    items: Annotated[
        Path | None, typer.Option(help="items.jsonl of 'nast benchmark build'; without it, questions of the dataset.")
    ] = None,
    dataset: Dataset = PHANTOMS,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="demo (without any), a folder, a name of 'nast model list', a hub id, open_clip:ARCH/PRETRAINED or "
            "run:ID; give it several times to compare models."
        ),
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the items' images; without it, the dataset's.")] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, max=MOST, help="Questions of the dataset, at most; 2000.")
    ] = None,
    split: Annotated[HeldOut | None, typer.Option(help="Of the dataset; test. Keep it for what you report.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the phantoms, and of the bootstrap.")] = 0,
    cache: Cache = True,
    workers: Workers = None,
    device: Device = "auto",
    precision: EncodingPrecision = "float32",
) -> None:
    """Accuracy affirmative and negated, the gap, and the paired test; of several models, also tests between them.

    Example: nast benchmark run --items items.jsonl --out results
    """
    need_files(items, hint="make one with 'nast benchmark build'")
    need_folder(images)
    need_dataset(dataset)
    need_out(out, folder=True)
    from nast_core.benchmark.run import TOLD, BenchmarkResult
    from nast_core.benchmark.several_models import each_model, folders, model_table, model_tests, write_tables
    from nast_core.errors import BenchmarkError
    from nast_core.statistics.rates import Rate

    specs = list(dict.fromkeys(model or ["demo"]))
    places = folders(specs, out) if len(specs) > 1 else {specs[0]: out}

    def run(spec: str) -> BenchmarkResult:
        finished_run, _ = carried_out(
            "benchmark",
            model=spec,
            items=items,
            dataset=dataset,
            images=images,
            n=n,
            split=split,
            seed=seed,
            cache=cache,
            workers=workers,
            device=device,
            precision=precision,
        )
        copy_results(finished_run, places[spec], TOLD)
        result = finished_run.result
        return BenchmarkResult(result.summary, result.tables["items"])

    if len(specs) == 1:
        _say(run(specs[0]).summary, out)
        return
    results, errors = {}, {}
    for spec, outcome in each_model(specs, run):
        if isinstance(outcome, BenchmarkResult):
            results[spec] = outcome
            typer.echo(f"{spec}:")
            _say(outcome.summary, places[spec])
        else:
            errors[spec] = str(outcome)
            typer.echo(f"{spec}: {outcome}", err=True)
    tests = model_tests({spec: result.scored for spec, result in results.items()})
    write_tables({"models": model_table(results, errors), "tests": tests}, out)
    for row in tests[tests.form != "gap"].itertuples():
        typer.echo(
            f"{row.b} - {row.a}, {row.form}: {Rate(row.change, row.low, row.high, row.n).interval('+.1f', ' points')}, "
            f"Holm-corrected p = {row.p_holm:.2g}"
        )
    typer.echo(f"written: {out / 'models.csv'}, {out / 'tests.csv'}")
    if errors:
        raise BenchmarkError(f"{len(errors)} of {len(specs)} models have no figures; the reasons are above")


def _say(summary: dict, out: Path) -> None:
    from nast_core.statistics.rates import Rate

    for name in ("acc_affirmative", "acc_negated", "blind_affirmative", "blind_negated"):
        typer.echo(f"{name:<18} {Rate.of(summary[name])}")
    typer.echo(f"{'gap_points':<18} {Rate.of(summary['gap_points']).interval('.1f')}")
    for cues, figures in summary["cues"].items():
        if (rate := Rate.of(figures["acc_negated"])).n:
            typer.echo(f"negated, {cues + ' cues':<12} {rate}")
    for line in wording_lines(summary, 68):
        typer.echo(line)
    typer.echo(f"{'McNemar':<18} p = {summary['mcnemar']['p_value']:.2g}")
    if summary["warnings"]:
        typer.echo(f"{summary['warnings']} images may not show what they should: {out / 'warnings.json'}", err=True)
    if summary["corrected"]:
        typer.echo(f"{summary['corrected']} items rest on a person's reading over the parser's", err=True)
    typer.echo(f"unscored: {summary['unscored']}, ties: {summary['ties']}; written: {out}")
