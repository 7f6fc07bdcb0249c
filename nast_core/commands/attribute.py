"""``nast attribute``: which words, or which regions of an image, make the score of a text."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import (
    Dataset,
    Device,
    Model,
    Out,
    Precision,
    aligned_pairs,
    command,
    load,
    need_dataset,
    need_files,
    need_out,
    progress,
    tell_doubts,
)
from nast_core.data.studies import PHANTOMS

app = typer.Typer()
_SHOWN = 20  # pairs in the printed table; the file holds all


class Method(StrEnum):
    tokens = "tokens"
    occlusion = "occlusion"
    integrated_gradients = "integrated_gradients"
    grad_cam = "grad_cam"


@command(app, "attribute")
def attribute(
    out: Out,
    model: Model = "demo",
    affirmative: Annotated[str | None, typer.Option(help="A text that states a finding.")] = None,
    negated: Annotated[
        str | None, typer.Option(help="The same text with the finding denied, in as many tokens.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="pairs.jsonl, instead of two texts.")] = None,
    dataset: Dataset = PHANTOMS,
    image: Annotated[
        str | None,
        typer.Option(
            help="A file or phantom:SEED, for every pair; else each pair's own, or an image of the dataset with its "
            "finding."
        ),
    ] = None,
    method: Annotated[
        Method, typer.Option(help="tokens: over the two texts. The others: over the image.")
    ] = Method.tokens,
    window: Annotated[
        float | None, typer.Option(min=0, max=1000, help="Side of the occluding window, in patches of the model.")
    ] = None,
    stride: Annotated[
        float | None, typer.Option(min=0, max=1000, help="Step of the occluding window, in patches of the model.")
    ] = None,
    n_steps: Annotated[
        int, typer.Option(min=2, max=512, help="Steps of integrated gradients at first; doubled until they add up.")
    ] = 32,
    device: Device = "auto",
    precision: Precision = "float32",
) -> None:
    """Attributions of S(affirmative) and S(negated) to tokens, or to regions of the image.

    Example: nast attribute --affirmative "There is some edema." --negated "There is no edema." --out tokens.nc
    """
    need_files(pairs)
    need_dataset(dataset)
    need_out(out)
    from nast_core.dataset.opened import open_dataset
    from nast_core.encoding.showcase import image_names
    from nast_core.errors import PairError
    from nast_core.files.netcdf import save_dataset
    from nast_core.negation.pairs import PolarityPair, align

    if (affirmative is None) != (negated is None) or (affirmative is None) == (pairs is None):
        raise PairError("give two texts, --affirmative and --negated, or a file of them, --pairs")
    encoder = load(model, device, precision)
    if affirmative is not None and negated is not None:
        aligned = (align(PolarityPair(affirmative=affirmative, negated=negated), encoder.text),)
    else:
        aligned = aligned_pairs(pairs, encoder)
    chosen = open_dataset(dataset)
    names = [image] * len(aligned) if image else image_names(aligned, chosen.images_for)
    of_dataset = chosen.images if not image and not any(one.pair.image for one in aligned) else None
    folder = of_dataset or (pairs.parent if pairs and not image else Path())
    if method is Method.tokens:
        result = _tokens(encoder, aligned, names, folder, n_steps)
    else:
        result = _regions(encoder, aligned, names, folder, method.value, window, stride, n_steps)
    save_dataset(out, result.assign_coords(image=("pair", names)))
    typer.echo(_table(result).to_string(index=False))
    if (more := len(aligned) - _SHOWN) > 0:
        typer.echo(f"and {more} more pairs, in the file")
    typer.echo(f"written: {out}")


def _tokens(model, aligned: Sequence, names: Sequence[str], folder: Path, n_steps: int):
    import torch

    from nast_core.encoding.images import encode_named
    from nast_core.errors import ImageError
    from nast_core.files.gate import shown
    from nast_core.interpret.attribution_text import attribute_tokens, evaluations

    doubts: dict[str, str] = {}
    vectors, failed = encode_named(model, names, folder, doubts=doubts)
    for name, reason in failed.items():
        raise ImageError(f"the image {shown(name)!r} cannot be read: {reason}")
    tell_doubts(doubts)
    image_vectors = torch.stack([vectors[name] for name in names])
    with progress("Attribution, forward passes", len(aligned) * evaluations(n_steps)) as tick:
        return attribute_tokens(model, aligned, image_vectors, n_steps=n_steps, progress=tick)


def _regions(model, aligned: Sequence, names: Sequence[str], folder: Path, method, window, stride, n_steps: int):
    """One pair after the other, so that only one image is held at a time."""
    import xarray as xr

    from nast_core.encoding.images import open_image
    from nast_core.interpret.attribution_image import attribute_image, evaluations
    from nast_core.interpret.occlusion_windows import windows_of

    windows = windows_of(model, window, stride)
    each = evaluations(model, method, windows=windows, n_steps=n_steps)
    maps, doubts = [], dict[str, str]()
    with progress("Attribution, images encoded", len(aligned) * each) as tick:
        for pair, name in zip(aligned, names, strict=True):
            image = open_image(name, folder, size=model.image_size, doubts=doubts)
            maps.append(
                attribute_image(model, [pair], [image], method=method, windows=windows, n_steps=n_steps, progress=tick)
            )
    tell_doubts(doubts)
    return xr.concat(maps, "pair", combine_attrs="override")


def _table(result):
    """Two rows a pair: the scores, and for integrated gradients what its attributions add up to."""
    import pandas as pd

    rows = []
    for pair in range(min(result.sizes["pair"], _SHOWN)):
        one = result.isel(pair=pair)
        for form in one.form.values:
            row = {"text": str(one[form].item()), "S": f"{float(one[f's_{form}']):.3f}"}
            row |= _completeness(one.sel(form=form)) if "delta" in one else _extremes(one.sel(form=form))
            rows.append(row)
    return pd.DataFrame(rows)


def _completeness(one) -> dict[str, str]:
    values = one.token_attribution if "token_attribution" in one else one.image_attribution
    share = float(one.delta_share)
    return {
        "S(baseline)": f"{float(one.s_baseline):.3f}",
        "sum": f"{float(values.sum()):+.3f}",
        "delta": f"{float(one.delta):+.1e}",
        "share of change": "undefined" if share != share else f"{share:.1e}",
        "steps": str(int(one.n_steps)),
    }


def _extremes(one) -> dict[str, str]:
    return {
        "lowest": f"{float(one.image_attribution.min()):+.3f}",
        "highest": f"{float(one.image_attribution.max()):+.3f}",
    }
