"""``nast probe``, ``nast lens`` and ``nast contributions``: what a layer knows and would mean, and who says so."""

from pathlib import Path
from typing import Annotated, Any

import typer

from nast_core.commands.common import (
    Dataset,
    Device,
    Model,
    OneImage,
    Pairs,
    PerPair,
    Precision,
    WithFinding,
    carried_out,
    command,
    copy_results,
    need_dataset,
    need_files,
    need_folder,
    need_out,
)
from nast_core.data.studies import PHANTOMS
from nast_core.interpret.plan import LENS_TEXTS, SHUFFLINGS
from nast_core.recipe import MOST_SEED

app = typer.Typer()
Folder = Annotated[Path, typer.Option(help="Folder for summary.json and the arrays behind it.")]
_TOLD = 3  # phrases a layer


@command(app, "probe")
def probe_command(
    out: Folder,
    model: Model = "demo",
    pairs: Annotated[
        Path | None, typer.Option(help="pairs.jsonl; without it, the dataset's and every denial of the grammar.")
    ] = None,
    dataset: Dataset = PHANTOMS,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            help="A cue that no probe learns from; may be given again. Default: absent, free of and the like."
        ),
    ] = None,
    shufflings: Annotated[int, typer.Option(min=1, max=1000, help="Of the labels, for the control.")] = SHUFFLINGS,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of the folds and shufflings.")] = 0,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Does the text encoder know that a finding is denied, and from which layer on?

    Example: nast probe --model demo --out probed
    """
    need_files(pairs, hint="give a JSONL file of pairs")
    need_dataset(dataset)
    need_out(out, folder=True)
    run, _ = carried_out(
        "probe",
        model=model,
        pairs=pairs,
        dataset=dataset,
        hold_out=tuple(hold_out) if hold_out else None,
        shufflings=shufflings,
        seed=seed,
        device=device,
        precision=precision,
    )
    copy_results(run, out, ["probe.nc"])
    said = run.result.summary
    for title, rows in (("pooled position", said["layers"]), ("finding's last token", said["finding_token"])):
        typer.echo(f"{title}: share of texts read rightly; held-out findings, held-out cues, control")
        for row in rows:
            values = [_of(row[name]) for name in ("held_out_findings", "held_out_cues", "control")]
            typer.echo(f"layer {row['layer']:>2}  {'  '.join(values)}")
    for note in said["notes"]:
        typer.echo(f"note: {note}")
    typer.echo(said["sentence"])
    typer.echo(f"written: {out}")


def _of(figure: dict[str, Any]) -> str:
    from nast_core.statistics.rates import Rate

    return f"{Rate.of(figure).interval('.2f'):<21}"


@command(app, "lens")
def lens_command(
    out: Folder,
    model: Model = "demo",
    pairs: Pairs = None,
    dataset: Dataset = PHANTOMS,
    bank: Annotated[
        Path | None, typer.Option(help="A file of a phrase a line to name layers by; default: the vocabulary's.")
    ] = None,
    texts: Annotated[
        int, typer.Option(min=1, max=10_000, help="Texts that the Jacobian is a mean over; fewer where not causal.")
    ] = LENS_TEXTS,
    text: Annotated[
        str | None, typer.Option(help="A sentence of your own to tell of; default: the first pair's.")
    ] = None,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """What would a text mean if it stopped after a layer?

    Example: nast lens --model demo --text "There is no edema." --out looked
    """
    need_files(pairs, hint="give a JSONL file of pairs")
    need_files(bank, hint="give a file of a phrase a line")
    need_dataset(dataset)
    need_out(out, folder=True)
    run, encoder = carried_out(
        "lens",
        model=model,
        pairs=pairs,
        dataset=dataset,
        bank=bank,
        texts=texts,
        device=device,
        precision=precision,
    )
    from nast_core.interpret.lens import story

    found = run.result
    sentence = text or str(found.pairs.negated.values[0])
    lines = story(encoder, sentence, found.jacobians, [str(phrase) for phrase in found.pairs.phrase.values], _TOLD)
    copy_results(run, out, ["lens.nc", "jacobians.safetensors"])
    typer.echo(f"{sentence!r}, were it to stop after layer")
    for layer, phrases in enumerate(lines):
        typer.echo(f"{layer:>2}  {'; '.join(f'{phrase} {cosine:.2f}' for phrase, cosine in phrases)}")
    typer.echo(f"written: {out}")


@command(app, "contributions")
def contributions_command(
    out: Folder,
    model: Model = "demo",
    pairs: Pairs = None,
    dataset: Dataset = PHANTOMS,
    image: OneImage = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder of images: the score averaged over all of them.")
    ] = None,
    per_pair: PerPair = 1,
    with_finding: WithFinding = True,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Which heads, fed by which words, make the difference between the scores of "no X" and "X"?

    Example: nast contributions --model demo --out parts
    """
    need_files(pairs, hint="give a JSONL file of pairs")
    need_files(image)
    need_folder(images)
    need_dataset(dataset)
    need_out(out, folder=True)
    from nast_core.errors import PairError

    if image and images:
        raise PairError("--image and --images are both given; give one image, or a folder to average over")
    run, _ = carried_out(
        "contributions",
        model=model,
        pairs=pairs,
        dataset=dataset,
        image=image,
        images=images,
        per_pair=per_pair,
        with_finding=with_finding,
        device=device,
        precision=precision,
    )
    copy_results(run, out, ["contributions.nc", "warnings.json"])
    said = run.result.summary
    typer.echo(f"S(no X) - S(X): {_of(said['difference']).strip()} logits, n = {said['pairs']}")
    heads = sorted(said["heads"], key=lambda row: -abs(row["value"]))[:5]
    for name, row in [(f"layer {row['layer']:>2} head {row['head']:>2}", row) for row in heads] + [
        ("all heads", said["all_heads"]),
        ("all MLPs", said["all_mlps"]),
        ("embedding", said["embedding"]),
        ("norms and biases", said["rest"]),
    ]:
        typer.echo(f"{name:<17} {_of(row)}")
    typer.echo(f"the parts are off their sum by {said['largest_delta']:.0e} logits at most")
    typer.echo(f"written: {out}")
