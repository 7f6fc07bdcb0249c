"""One run in several processes, by Accelerate: each takes its share of the work (``shares``), and all get every
result."""

import multiprocessing
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from pathlib import Path

from nast_core.errors import NastError
from nast_core.recipe import Cancelled, Recipe, RunError
from nast_core.runs import known_kinds
from nast_core.runs.reporter import FolderReporter

Note = Callable[[int, int, str], None]


class WorkError(Exception):
    """What ended one of several processes, in one line; its own log has the rest."""


def devices(recipe: Recipe) -> list[str]:
    """The device of every process of a run. Raises ModelError or RunError where this machine has not enough of them."""
    import torch

    from nast_core.models.registry import pick_device

    first = pick_device(recipe.device)
    if first.type == "cpu":
        return ["cpu"]
    if recipe.num_processes == 1:
        return [f"{first.type}:{first.index or 0}"]
    have = torch.cuda.device_count() if first.type == "cuda" else 1
    if recipe.num_processes > have:
        raise RunError(f"num_processes is {recipe.num_processes}, and this machine has {have} {first.type} device(s)")
    return [f"{first.type}:{index}" for index in range(recipe.num_processes)]


def carry_out_work(recipe: Recipe, folder: Path, note: Note, on: list[str]) -> dict[str, float]:
    """The work of a recipe, in this process or in ``num_processes`` new ones;
    what one of them raises is raised here."""
    if recipe.num_processes == 1:
        _settle(on[0])
        own = recipe.model_copy(update={"device": on[0]})
        return known_kinds()[recipe.kind].work(own, folder, FolderReporter(folder, note))
    return _spread(recipe, folder, note, on)


def _settle(device: str) -> None:
    """Accelerate's state for this process. It would take a GPU, where there is one, for work that was sent to the
    CPU."""
    from accelerate import PartialState

    if device == "cpu":
        os.environ["ACCELERATE_USE_CPU"] = "true"  # what an Accelerator made by the work goes by
    PartialState(cpu=device == "cpu")


def _spread(recipe: Recipe, folder: Path, note: Note, on: list[str]) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")  # a fork would inherit torch's threads, and a GPU's state
    count = recipe.num_processes
    environment = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    if on == ["cpu"]:
        environment["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS") or str(
            max(1, (os.cpu_count() or 1) // count)
        )
    if sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = os.environ.get("GLOO_SOCKET_IFNAME", "lo")  # all are on this machine
    pipes: list[Connection] = []
    workers = []
    for rank in range(count):
        ours, theirs = context.Pipe()
        own = recipe.model_copy(update={"device": on[rank % len(on)]})
        workers.append(context.Process(target=_work, args=(own, folder, rank, environment, theirs)))
        workers[-1].start()
        theirs.close()
        pipes.append(ours)
    try:
        return _listen(pipes, note)
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _listen(pipes: list[Connection], note: Note) -> dict[str, float]:
    """Passes on what the processes say, until all are done or one fails."""
    figures: dict[int, dict[str, float]] = {}
    while len(figures) < len(pipes):
        silent = wait([pipe for rank, pipe in enumerate(pipes) if rank not in figures])
        for rank in [rank for rank, pipe in enumerate(pipes) if pipe in silent]:
            try:
                message, value = pipes[rank].recv()
            except EOFError:
                raise WorkError(f"process {rank + 1} of {len(pipes)} was ended from outside") from None
            match message:
                case "progress":
                    note(*value)
                case "done":
                    figures[rank] = value
                case "raised":
                    raise value
    return figures[0]


def _work(recipe: Recipe, folder: Path, rank: int, environment: dict[str, str], pipe: Connection) -> None:
    """The body of one process: joins the group, works, and says how it went."""
    os.environ.update(environment, RANK=str(rank), LOCAL_RANK=str(rank), LOCAL_WORLD_SIZE=environment["WORLD_SIZE"])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _settle(recipe.device)
        report = FolderReporter(folder, lambda *values: pipe.send(("progress", values)), main=rank == 0)
        pipe.send(("done", known_kinds()[recipe.kind].work(recipe, folder, report)))
    except (NastError, Cancelled) as error:
        pipe.send(("raised", error))
    except Exception as error:
        traceback.print_exc()
        pipe.send(("raised", WorkError(what_happened(error))))
    with suppress(EOFError):
        pipe.recv()  # until the others are heard: leaving the group would make them fail too


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
    os._exit(1)


def what_happened(error: BaseException) -> str:
    """An error that is no NastError, as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
