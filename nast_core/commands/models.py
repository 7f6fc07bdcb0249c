"""``nast model``: what is known, what is in a folder, fetching and converting."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import Device, Precision, command, load

app = typer.Typer(no_args_is_help=True, help="Models: what is in a folder.")


@command(app, "info")
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

    loaded = load(model, device, precision)
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


@command(app, "list")
def model_list() -> None:
    """Known medical CLIPs, which are on this machine, and how to get the others.

    Example: nast model list
    """
    from nast_core.models.zoo import how_to_get, on_this_machine, zoo

    for card in zoo():
        here = on_this_machine(card)
        typer.echo(f"{card.name} ({card.family}; {card.licence}{'; gated' if card.gated else ''}; {card.paper})")
        typer.echo(f"    on this machine: {here}; type {card.slug}" if here else f"    {how_to_get(card)}")


@command(app, "download")
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


@command(app, "convert")
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
