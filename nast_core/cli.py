"""The ``nast`` command. Exit code 0 only on success; 2, and one line, on a user's mistake."""

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from nast_core.errors import NastError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Where a medical CLIP reads negation, and how badly.",
)
model_app = typer.Typer(no_args_is_help=True, help="Models: what is in a folder.")
benchmark_app = typer.Typer(no_args_is_help=True, help="Paired multiple-choice questions, affirmative and negated.")
demo_app = typer.Typer(no_args_is_help=True, help="The phantom world and its demo CLIP.")
app.add_typer(model_app, name="model")
app.add_typer(benchmark_app, name="benchmark")
app.add_typer(demo_app, name="demo")

Model = Annotated[str, typer.Option(help="demo, a folder, or a name of 'nast model list'.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="float32, bfloat16, float16 or float64.")]
Out = Annotated[Path, typer.Option(help="Where the result goes; its folder is made.")]
Pairs = Annotated[Path | None, typer.Option(help="pairs.jsonl; without it, the template pairs that come with NAST.")]


def command(group: typer.Typer, name: str) -> Callable:
    """Registers a command whose NastErrors are one line and exit code 2."""

    def register(function: Callable) -> Callable:
        @functools.wraps(function)
        def run(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except NastError as error:
                typer.echo(f"nast: {error}", err=True)
                raise typer.Exit(2) from None

        return group.command(name)(run)

    return register


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a plain line when done elsewhere."""
    with tqdm(total=total, desc=label, disable=not sys.stderr.isatty()) as bar:
        yield lambda count: bar.update(count) and None
    if not sys.stderr.isatty():
        typer.echo(f"{label}: {total} done", err=True)


def _load(spec: str, device: str, precision: str):
    from transformers.utils import logging

    from nast_core.models import load_model

    logging.set_verbosity_error()  # what it would warn of, the load report says or a ModelError does
    logging.disable_progress_bar()
    return load_model(spec, device=device, dtype=precision)


def _aligned(path: Path | None, model):
    from nast_core.errors import PairError
    from nast_core.negation.pairs import align_all, read_pairs, template_pairs

    known = model.card.conditions
    found = align_all(read_pairs(path) if path else template_pairs(known) if known else template_pairs(), model.text)
    for pair, reason in found.refused:
        typer.echo(f"not used: {pair.negated!r}: {reason}", err=True)
    typer.echo(f"{len(found.aligned)} pairs align, {len(found.refused)} do not", err=True)
    if not found.aligned:
        raise PairError(f"none of the {len(found.refused)} pairs can be used with this model; the reasons are above")
    return found.aligned


@command(model_app, "info")
def model_info(
    model: Annotated[str, typer.Argument(help="demo, a folder, or a name of 'nast model list'.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Family, towers, pooling, fingerprint, and the self-test's ticks.

    Example: nast model info demo
    """
    from nast_core.interpret.selftest import self_test

    loaded = _load(model, device, precision)
    checks = self_test(loaded)
    rows = {
        "Name": loaded.card.name,
        "Family": loaded.card.family,
        "Licence": loaded.card.licence,
        **loaded.report.rows,
        "Parameters": f"{loaded.parameters:,}",
        "Logit scale": f"{loaded.logit_scale:.2f}" if loaded.logit_scale else "none: scores are cosines",
        "Fingerprint": loaded.fingerprint,
        "Keys not used": ", ".join(loaded.report.unused_keys) or "none",
    }
    if as_json:
        ticks = [{"check": c.name, "passed": c.passed, "figure": c.figure} for c in checks]
        typer.echo(json.dumps({**rows, "warnings": loaded.report.warnings, "self_test": ticks}, indent=2))
    else:
        for name, value in rows.items():
            typer.echo(f"{name:<14} {value}")
        for warning in loaded.report.warnings:
            typer.echo(f"warning        {warning}")
        for check in checks:
            typer.echo(f"{'ok' if check.passed else 'FAILED':<14} {check.name}: {check.figure} ({check.meaning})")
    if not all(check.passed for check in checks):
        raise typer.Exit(1)


@command(model_app, "list")
def model_list() -> None:
    """Known medical CLIPs, which are on this machine, and how to get the others.

    Example: nast model list
    """
    from nast_core.models.zoo import how_to_get, on_this_machine, zoo

    for card in zoo():
        here = on_this_machine(card)
        typer.echo(f"{card.name} ({card.family}; {card.licence}{'; gated' if card.gated else ''}; {card.paper})")
        typer.echo(f"    on this machine: {here}; type {card.slug}" if here else f"    {how_to_get(card)}")


@command(model_app, "download")
def model_download(name: Annotated[str, typer.Argument(help="A name of 'nast model list'.")]) -> None:
    """Fetches a known model from the hub into models/.

    Example: nast model download pubmedclip
    """
    from nast_core.errors import ModelError
    from nast_core.models.zoo import download, find_card, zoo

    card = find_card(name)
    if card is None:
        raise ModelError(f"no known model is called {name!r}; known: {', '.join(card.slug for card in zoo())}")
    typer.echo(f"{card.name}: in {download(card)}; type {card.slug}")


@command(model_app, "convert")
def model_convert(
    source: Annotated[Path, typer.Argument(help="A bare checkpoint: .pt, .pth, .bin or .tar.")],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    quick_gelu: Annotated[
        bool, typer.Option(help="OpenAI's activation; weights trained by open_clip often use gelu.")
    ] = True,
) -> None:
    """A bare state dict into a folder that loads; no code in the file is run.

    Example: nast model convert RadCLIP.pth --out models/radclip
    """
    from nast_core.models.convert import convert

    typer.echo(f"written: {convert(source, out, quick_gelu=quick_gelu)}")


@command(app, "attention")
def attention(
    out: Out, model: Model = "demo", pairs: Pairs = None, device: Device = "auto", precision: Precision = "float32"
) -> None:
    """Negator-selective attention per layer and head, for a file of pairs.

    Example: nast attention --model demo --out nsa.nc
    """
    from nast_core.interpret.attention import negator_selective_attention
    from nast_core.interpret.dataset import save

    loaded = _load(model, device, precision)
    aligned = _aligned(pairs, loaded)
    with progress("Attention", len(aligned)) as tick:
        result = negator_selective_attention(loaded, aligned, progress=tick)
    save(result, out)
    mean = result.nsa.mean("pair")
    top = mean.stack(cell=("layer", "head")).sortby(mean.stack(cell=("layer", "head")), ascending=False)[:5]
    for value, (layer, head) in zip(top.values, top.cell.values, strict=True):
        typer.echo(f"layer {layer:>2} head {head:>2}  NSA {value:.3f}")
    typer.echo(f"written: {out}")


@command(app, "trace")
def trace_command(
    out: Out,
    model: Model = "demo",
    pairs: Pairs = None,
    image: Annotated[
        Path | None, typer.Option(help="One image for every pair; else each pair's own, or a phantom.")
    ] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Exact causal tracing effect per layer and position, for a file of pairs.

    Example: nast trace --model demo --out cte.nc
    """
    from nast_core.data.images import read_image
    from nast_core.data.showcase import images_for_pairs
    from nast_core.interpret.dataset import save
    from nast_core.interpret.effects import by_role, trace, undefined
    from nast_core.interpret.selftest import trace_checks

    loaded = _load(model, device, precision)
    aligned = _aligned(pairs, loaded)
    if image:
        vectors = loaded.encode_images([read_image(image).pixels]).expand(len(aligned), -1)
    else:
        vectors = images_for_pairs(loaded, aligned, pairs.parent if pairs else None)
    with progress("Trace", len(aligned)) as tick:
        result = trace(loaded, aligned, vectors, progress=tick)
    save(result, out)
    table = by_role(result).to_pandas().T.round(3)
    table.columns.name = None
    typer.echo(table.to_string())
    typer.echo(f"{len(aligned)} pairs, {undefined(result)} undefined (|d| < {result.attrs['min_gap']})")
    for check in trace_checks(result, aligned, loaded.text):
        typer.echo(f"{'ok' if check.passed else 'FAILED'}: {check.name}: {check.figure}")
    typer.echo(f"written: {out}")


@command(benchmark_app, "build")
def benchmark_build(
    out: Out,
    labels: Annotated[str, typer.Option(help="phantom: the test split of the phantom world.")] = "phantom",
    n: Annotated[int, typer.Option("--n", min=1, help="Number of items.")] = 2000,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal items.")] = 0,
) -> None:
    """Paired four-option items from a label table.

    Example: nast benchmark build --labels phantom --n 2000 --out items.jsonl
    """
    from nast_core.benchmark.items import write_items
    from nast_core.benchmark.phantoms import phantom_items
    from nast_core.errors import BenchmarkError

    if labels != "phantom":
        raise BenchmarkError(f"unknown label source {labels!r}; 'phantom' is the one there is")
    items = phantom_items(n, seed=seed)
    write_items(items, out)
    typer.echo(f"{len(items)} items of {len({i.patient_id for i in items})} phantoms written: {out}")


@command(benchmark_app, "run")
def benchmark_run(
    items: Annotated[Path, typer.Option(help="items.jsonl of 'nast benchmark build'.")],
    out: Annotated[Path, typer.Option(help="Folder for summary.json and items.parquet.")],
    model: Model = "demo",
    images: Annotated[Path | None, typer.Option(help="Folder of the items' images; phantoms need none.")] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Accuracy affirmative and negated, the gap, and the paired test.

    Example: nast benchmark run --items items.jsonl --out results
    """
    from nast_core.benchmark.items import read_items
    from nast_core.benchmark.run import run_benchmark, work_units, write_results
    from nast_core.errors import BenchmarkError

    loaded = _load(model, device, precision)
    read = read_items(items)
    with progress("Images and texts", work_units(read)) as tick:
        result = run_benchmark(loaded, read, images, progress=tick)
    write_results(result, out)
    if not result.summary["acc_affirmative"]["n"]:
        name, reason = next(iter(result.failed.items()))
        raise BenchmarkError(
            f"no item could be scored: {len(result.failed)} images cannot be read; first {name!r}: {reason}"
        )
    for name in ("acc_affirmative", "acc_negated", "blind_affirmative", "blind_negated"):
        r = result.summary[name]
        typer.echo(f"{name:<18} {r['value']:.3f} ({r['low']:.3f} to {r['high']:.3f}), n = {r['n']}")
    gap = result.summary["gap_points"]
    typer.echo(f"{'gap_points':<18} {gap['value']:.1f} ({gap['low']:.1f} to {gap['high']:.1f})")
    typer.echo(f"{'McNemar':<18} p = {result.summary['mcnemar']['p_value']:.2g}")
    typer.echo(f"unscored: {result.summary['unscored']}, ties: {result.summary['ties']}; written: {out}")


@command(demo_app, "build")
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


@command(demo_app, "figures")
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


if __name__ == "__main__":
    app()
