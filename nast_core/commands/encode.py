"""``nast encode``: vectors of texts or images, for scripts of one's own."""

import os
from pathlib import Path
from typing import Annotated

import typer

from nast_core.commands.common import (
    Cache,
    Dataset,
    Device,
    EncodingPrecision,
    Model,
    Out,
    Workers,
    carried_out,
    command,
    copy_file,
    need_dataset,
    need_files,
    need_out,
)
from nast_core.data.studies import PHANTOMS
from nast_core.errors import DataError
from nast_core.files.gate import shown

app = typer.Typer()


@command(app, "encode")
def encode(
    out: Out,
    model: Model = "demo",
    texts: Annotated[Path | None, typer.Option(help="A file of a text a line.")] = None,
    images: Annotated[
        Path | None,
        typer.Option(help="A folder of images, or a file of an image a line: a path in its folder, or phantom:SEED."),
    ] = None,
    dataset: Dataset = PHANTOMS,
    cache: Cache = True,
    workers: Workers = None,
    device: Device = "auto",
    precision: EncodingPrecision = "float32",
) -> None:
    """Unit vectors of texts or images as an npz file of 'names' and 'vectors' (float32), a row a line; images that
    cannot be read are left out.

    Example: nast encode --model demo --images radiographs --out radiographs.npz
    """
    need_out(out)
    if (texts is not None) == (images is not None or dataset != PHANTOMS):
        raise DataError(
            "give what is to be encoded: --texts FILE; or images, with --images FILE or FOLDER, or --dataset; and "
            "not both"
        )
    folder = images if images is not None and os.path.isdir(images) else None
    names = None if folder else images
    need_files(texts, names)
    need_dataset(dataset)
    from nast_core.work.encode import FILE, unreadable

    run, encoder = carried_out(
        "encode",
        model=model,
        texts=texts,
        names=names,
        images=folder,
        dataset=dataset,
        cache=cache,
        workers=workers,
        device=device,
        precision=precision,
    )
    copy_file(run.folder / FILE, out)
    if failed := unreadable(run):
        name, reason = next(iter(failed.items()))
        typer.echo(f"{len(failed)} images cannot be read and are left out; first {shown(name)!r}: {reason}", err=True)
    typer.echo(f"{int(run.status.figures['vectors'] or 0):,} vectors of {encoder.text.dim} numbers; written: {out}")
