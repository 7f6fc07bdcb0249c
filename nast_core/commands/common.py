"""What every command shares: options, the one-line error, progress, and loading."""

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from nast_core.errors import DataError, NastError

Model = Annotated[
    str,
    typer.Option(help="demo, a folder, a name of 'nast model list', a hub id, or open_clip:ARCH/PRETRAINED."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="float32, bfloat16, float16 or float64.")]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Encode everything anew. Vectors are kept in ~/.cache/nast, or NAST_CACHE.")
]
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
                raise typer.Exit(refused(error)) from None

        return group.command(name)(run)

    return register


def refused(error: NastError) -> int:
    """Says in one line what stands against what was asked; the exit code of that."""
    typer.echo(f"nast: {error}", err=True)
    return 2


def need_files(*paths: Path | None, hint: str = "") -> None:
    """Raises DataError for a path that is no file this user may read; None is passed over.

    To be called before anything heavy is imported: a mistyped name is then answered at once. ``hint``: how to come by the file.
    """
    for path in paths:
        if path is None:
            continue
        if not os.path.exists(path):  # unlike Path.exists, never raises
            raise DataError(f"there is no file {path}; {hint or 'check its name'}")
        if not path.is_file():
            raise DataError(f"{path} is a folder; give a file")
        if not os.access(path, os.R_OK):
            raise DataError(f"{path} may not be read by this user; change its permissions (chmod u+r)")


def need_folder(path: Path | None) -> None:
    """As ``need_files``, for a folder."""
    if path is not None and not os.path.isdir(path):
        raise DataError(f"there is no folder {path}; check its name")


@contextmanager
def progress(label: str, total: int, unit: str = "it") -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, a plain line when done elsewhere."""
    with tqdm(total=total, desc=label, unit=unit, unit_scale=unit == "B", disable=not sys.stderr.isatty()) as bar:
        yield lambda count: bar.update(count) and None
    if not sys.stderr.isatty():
        typer.echo(f"{label}: {total:,} {'bytes ' if unit == 'B' else ''}done", err=True)


def quiet_libraries() -> None:
    """What they would warn of, the load report says or a ModelError does."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def load(spec: str, device: str, precision: str):
    from nast_core.models import specs

    if not spec.startswith("run:"):
        specs.find(spec)
    from nast_core.models import load_model

    quiet_libraries()
    return load_model(spec, device=device, dtype=precision)


def aligned_pairs(path: Path | None, model):
    from nast_core.errors import PairError
    from nast_core.negation.pairs import align_all, pairs_of

    found = align_all(pairs_of(path, model.card.conditions), model.text)
    for pair, reason in found.refused:
        typer.echo(f"not used: {pair.negated!r}: {reason}", err=True)
    typer.echo(f"{len(found.aligned)} pairs align, {len(found.refused)} do not", err=True)
    if not found.aligned:
        raise PairError(f"none of the {len(found.refused)} pairs can be used with this model; the reasons are above")
    return found.aligned
