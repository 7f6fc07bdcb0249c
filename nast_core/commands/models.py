"""``nast model``: what is known, what is in a folder, fetching and converting."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Device, Precision, command, load, need_files, need_folder, progress

app = typer.Typer(no_args_is_help=True, help="Models: what is known, what is in a folder, fetching, converting.")


@command(app, "info")
def model_info(
    model: Annotated[
        str,
        typer.Argument(
            help="demo, demo-tuned, demo-language, run:ID, a folder, a name of 'nast model list', a hub id, or "
            "open_clip:ARCH/PRETRAINED."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Family, towers, pooling, fingerprint, and the self-test's ticks.

    Example: nast model info demo
    """
    encoder = load(model, device, precision)
    from nast_core.interpret.selftest import self_test
    from nast_core.models.description import anatomy, lacking

    checks, rows = self_test(encoder), anatomy(encoder)
    if as_json:
        ticks = [{"check": c.name, "passed": c.passed, "figure": c.figure} for c in checks]
        about = {"limits": lacking(encoder), "warnings": encoder.report.warnings, "self_test": ticks}
        typer.echo(json.dumps({**rows, **about}, indent=2))
    else:
        width = max(map(len, rows)) + 1
        for name, value in rows.items():
            typer.echo(f"{name:<{width}} {value}")
        for ability, reason in lacking(encoder).items():
            typer.echo(f"{'no ' + ability:<{width}} {reason}")
        for warning in encoder.report.warnings:
            typer.echo(f"{'warning':<{width}} {warning}")
        for check in checks:
            typer.echo(f"{'ok' if check.passed else 'FAILED':<{width}} {check.name}: {check.figure} ({check.meaning})")
    if not all(check.passed for check in checks):
        raise typer.Exit(1)


@command(app, "list")
def model_list(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """What comes with NAST, known medical CLIPs, which of them are on this machine, and how to get the others.

    Example: nast model list
    """
    from nast_core.models.specs import OURS, place_of
    from nast_core.models.zoo import how_to_get, on_this_machine, zoo

    here = {card.slug: on_this_machine(card) for card in zoo()}
    if as_json:
        cards = [
            card.model_dump() | {"type": card.slug, "folder": str(here[card.slug]) if here[card.slug] else None}
            for card in zoo()
        ]
        places = {spec: place_of(spec) for spec in OURS}
        ours = [
            {"name": spec, "type": spec, "folder": str(place) if place.exists() else None, "note": OURS[spec]}
            for spec, place in places.items()
        ]
        typer.echo(json.dumps([*ours, *cards], indent=2))
        return
    for spec, about in OURS.items():
        typer.echo(f"{spec} ({about})\n    {_where(spec)}")
    for card in zoo():
        typer.echo(f"{card.name} ({card.family}; {card.licence}{'; gated' if card.gated else ''}; {card.paper})")
        place = here[card.slug]
        typer.echo(f"    on this machine: {place}; type {card.slug}" if place else f"    {how_to_get(card)}")


def _where(spec: str) -> str:
    """How to have a model of ours."""
    from nast_core.errors import ModelError
    from nast_core.files.places import EMBEDDED
    from nast_core.models.specs import embedded

    try:
        embedded(spec)
    except ModelError as error:
        return str(error)
    return f"{'comes with NAST' if spec in EMBEDDED else 'built on this machine'}; type {spec}"


@command(app, "download")
def model_download(
    name: Annotated[str, typer.Argument(help="A name of 'nast model list', or a hub id, optionally @REVISION.")],
) -> None:
    """Fetches a model from the hub into models/, whole or not at all.

    Example: nast model download pubmedclip
    """
    from nast_core.models.fetching import fetch
    from nast_core.models.hub import plan_download, size_text

    plan = plan_download(name)
    typer.echo(f"{plan.name}: {plan.count} files, {size_text(plan.total)}", err=True)
    done = 0
    with progress("Download", plan.total, "B") as tick:

        def report(now: int, _total: int) -> None:
            nonlocal done
            tick(now - done)
            done = now

        folder = fetch(plan, report)
    typer.echo(f"{plan.name}: in {folder}; {plan.next_step}")


@command(app, "convert")
def model_convert(
    source: Annotated[Path, typer.Argument(help="A bare checkpoint: .pt, .pth, .bin, .tar or .safetensors.")],
    out: Annotated[Path, typer.Option(help="The new folder.")],
    quick_gelu: Annotated[
        bool | None,
        typer.Option(
            "--quick-gelu/--no-quick-gelu",
            help="OpenAI's activation, or gelu, which weights trained by open_clip often have; needed where the file "
            "does not tell.",
        ),
    ] = None,
    companions: Annotated[
        Path | None,
        typer.Option(
            help="Folder with what the checkpoint does not hold, such as a BERT's config.json and vocab.txt; "
            "else the checkpoint's own folder."
        ),
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="Of CXR-CLIP, where its file does not tell: eos, bos or mean.")
    ] = None,
    known_as: Annotated[
        str | None, typer.Option("--as", help="A name of 'nast model list', where the file was renamed.")
    ] = None,
) -> None:
    """A bare checkpoint into a folder that loads: safetensors, config and card. No code in the file is run.

    Example: nast model convert RadCLIP.pth --out models/radclip
    """
    need_files(source, hint="give the path of a checkpoint (.pt, .pth, .bin, .tar, .safetensors)")
    need_folder(companions)
    from nast_core.files.documents import read_json
    from nast_core.models.convert import convert
    from nast_core.models.layouts import Wishes

    wishes = Wishes(quick_gelu=quick_gelu, pooling=pooling, companions=companions)
    folder = convert(source, out, wishes, known_as=known_as)
    for name, value in read_json(folder / "nast.json").items():
        typer.echo(f"{name:<14} {value}")
    typer.echo(f"written: {folder}; look at it with 'nast model info {folder}'")
