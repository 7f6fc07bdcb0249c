"""Processes killed at random moments, and asked again: what they then give differs from the uninterrupted by
nothing."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.browser_tools import running_app
from tests.faults.children import Child
from tests.faults.differences import difference
from tests.faults.trials import Trial
from tests.faults.world import World

Words = list[object]
SHORT = ("trace",)


def _commands(world: World) -> dict[str, Callable[[Path], Words]]:
    """By name: the command, given the folder its results go to."""
    model = ["--model", world.model, "--device", "cpu"]
    return {
        "trace": lambda out: ["trace", *model, "--component", "head", "--positions", "each", "--out", out / "cte.nc"],
        "benchmark run": lambda out: ["benchmark", "run", *model, "--items", world.items, "--out", out / "results"],
        "benchmark build": lambda out: ["benchmark", "build", "--n", 150, "--out", out / "items.jsonl"],
        "claims build": lambda out: ["claims", "build", "--n", 60, "--out", out / "claims.jsonl"],
    }


def _a_command(world: World, words: Callable[[Path], Words], times: int, chance: random.Random) -> tuple[int, float]:
    """(trials, largest difference): killed, looked at, asked again."""
    cache = {"NAST_CACHE": str(world.folder / "vectors")}  # where a benchmark goes on from
    good = world.folder / "good"
    shutil.rmtree(good, ignore_errors=True)
    good.mkdir()
    whole = world.run(*words(good), **cache)
    assert whole.code == 0, whole.said[-400:]
    furthest = 0.0
    for _ in range(times):
        out = world.folder / "killed"
        for folder in (out, world.folder / "vectors"):
            shutil.rmtree(folder, ignore_errors=True)
        out.mkdir()
        child = world.start(*words(out), **cache)
        time.sleep(chance.uniform(0.0, whole.seconds))
        child.kill()
        child.wait()
        ended = world.run(*words(out), **cache)
        furthest = max(furthest, difference(good, out) if ended.code == 0 else float("inf"))
    return times, furthest


def _a_finetune(world: World, times: int, chance: random.Random) -> tuple[int, float]:
    """The training itself, killed again and again until it is done."""

    def train(folder: Path) -> Child:
        return Child(lambda: world.train(folder), world.folder / "log", world.environment)

    again = (
        world.folder / "trained-again"
    )  # the world's own has warmed what this one finds: it takes as long as those killed
    again.mkdir(exist_ok=True)
    whole = train(again).wait()
    assert whole.code == 0, whole.said[-400:]
    furthest = difference(world.tuned, again / "adapter")
    for _ in range(times):
        folder = world.folder / "trained-killed"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for _ in range(2):
            child = train(folder)
            time.sleep(chance.uniform(0.0, whole.seconds))
            child.kill()
            child.wait()
        ended = train(folder).wait()
        furthest = max(furthest, difference(world.tuned, folder / "adapter") if ended.code == 0 else float("inf"))
    return times, furthest


def _the_server_under_a_run(world: World, times: int, chance: random.Random) -> tuple[int, float]:
    """The app's server is killed while a run that it started is at work; the run goes on and gives the same."""
    import asyncio
    import signal

    from nast_core.runs.store import RunStore
    from tests.faults.session import Session

    furthest = 0.0
    good = world.folder / "good-items" / "items.jsonl"
    good.parent.mkdir(exist_ok=True)
    assert world.run("benchmark", "build", "--split", "test", "--n", 500, "--out", good).code == 0
    for number in range(times):
        runs, made = world.folder / f"runs-of-a-server-{number}", world.folder / f"made-{number}"

        async def press(address: str, made: Path = made) -> None:
            async with Session(address) as one:
                await one.open("data", **{"data-folder": str(made), "data-n": "500"})
                await one.click({"link-load": True})  # the folder is new to this server
                await one.click({"data-build": True})

        with running_app(stop=signal.SIGKILL, NAST_RUNS=str(runs), NAST_CACHE="off", OMP_NUM_THREADS="1") as address:
            asyncio.run(press(address))
            time.sleep(chance.uniform(0.0, 3.0))
        (run,) = RunStore(runs).runs()
        deadline = time.monotonic() + 240
        while run.status.active and time.monotonic() < deadline:
            time.sleep(0.2)
        files = list(made.glob("*.items.jsonl"))
        good_run = run.status.state == "finished" and len(files) == 1
        furthest = max(furthest, difference(good, files[0]) if good_run else float("inf"))
    return times, furthest


def trials(world: World, times: int, only: tuple[str, ...] = (), seed: int = 0) -> Iterator[Trial]:
    chance = random.Random(seed)
    work: dict[str, Callable[[], tuple[int, float]]] = {
        name: partial(_a_command, world, words, times, chance) for name, words in _commands(world).items()
    }
    work["fine-tune"] = partial(_a_finetune, world, times, chance)
    work["the server under a run"] = partial(_the_server_under_a_run, world, max(1, times // 3), chance)
    for name, trial in work.items():
        if only and name not in only:
            continue
        tried, furthest = trial()
        held = tried if furthest == 0.0 else 0
        yield Trial(
            "kills",
            f"killed at random, {name}: asked again, it differs from the uninterrupted by 0.0",
            tried,
            held,
            f"{furthest:g}",
        )
