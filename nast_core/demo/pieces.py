"""Work that is done piece by piece into a folder, each piece a file of its own, so that it goes on where it stopped."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from nast_core.errors import NastError
from nast_core.files.documents import read_json
from nast_core.files.writing import write_json

Say = Callable[[str], None]
Result = dict[str, Any]


class StudyError(NastError):
    """A folder that holds another study."""


class Piece(Protocol):
    """What is computed at once."""

    @property
    def file(self) -> str: ...  # in the folder

    @property
    def label(self) -> str: ...


P = TypeVar("P", bound=Piece)


def claim(out: Path, own: str) -> None:
    """Writes what pieces of this folder have in common, or checks that it is ``own``. Raises StudyError."""
    path = out / "study.json"
    if not path.exists():
        write_json(path, {"identity": own})
    elif read_json(path)["identity"] != own:
        raise StudyError(f"{out} holds a study of another model, recipe or size; give another folder with --out")


def do_missing(
    out: Path,
    pieces: Sequence[P],
    compute: Callable[[P], Result],
    *,
    processes: int,
    done: Callable[[], object],
    told: Callable[[Result], str],
    say: Say,
) -> None:
    """Computes the pieces that have no file yet, ``processes`` at a time, one thread each; ``compute`` can be pickled.

    ``done`` is called when a piece's file is there; ``told`` says a result in a few words.
    """
    missing = [piece for piece in pieces if not (out / piece.file).exists()]
    began = time.perf_counter()
    for count, (piece, result) in enumerate(_work(missing, compute, processes), start=1):
        write_json(out / piece.file, result)
        done()
        left = (time.perf_counter() - began) / count * (len(missing) - count)
        say(f"{len(pieces) - len(missing) + count} of {len(pieces)}: {piece.label}; {told(result)}; {_minutes(left)}")


def _work(pieces: Sequence[P], compute: Callable[[P], Result], processes: int) -> Iterator[tuple[P, Result]]:
    if processes == 1 or len(pieces) < 2:
        for piece in pieces:
            yield piece, compute(piece)
        return
    with ProcessPoolExecutor(processes, get_context("spawn"), torch.set_num_threads, (1,)) as pool:
        piece_of = {pool.submit(compute, piece): piece for piece in pieces}
        for future in as_completed(piece_of):
            yield piece_of[future], future.result()


def _minutes(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min left of this part" if seconds >= 30 else "nearly done with this part"
