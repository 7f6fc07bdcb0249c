"""Full disks: every writer on a real, small one (tmpfs), with nothing left of it or a few kilobytes."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.faults.children import Ended
from tests.faults.trials import Trial
from tests.faults.world import World

LEFT = (0, 8, 40, 80)  # kilobytes that are still free; HDF5 once crashed the process with 8 to 80
SHORT = ("trace",)
_SIZE = "64m"
Files = dict[str, bytes]
Words = list[object]


def writers(world: World, disk: Path) -> dict[str, tuple[Words | None, Words]]:
    """By name: what is written first, with room, and what is then written in its place on the full disk."""
    model = ["--model", world.model, "--device", "cpu"]
    asked = [*model, "--pairs", world.pairs]
    items, claims = ["--items", world.items], ["--claims", world.claims, "--split", "validation"]
    one = ["--affirmative", "There is some edema.", "--negated", "There is no edema."]
    few = ["--n", 30, "--out", disk / "items.jsonl"]

    def twice(words: Words) -> tuple[Words, Words]:
        return words, words

    return {
        "trace": twice(["trace", *asked, "--out", disk / "cte.nc"]),
        "trace with its vectors": twice(["trace", *asked, "--out", disk / "cte.nc", "--vectors", disk / "v.h5"]),
        "attention": twice(["attention", *asked, "--out", disk / "nsa.nc"]),
        "attribute": twice(["attribute", *model, *one, "--out", disk / "tokens.nc"]),
        "benchmark build": (["benchmark", "build", "--seed", 1, *few], ["benchmark", "build", "--seed", 2, *few]),
        "benchmark run": twice(["benchmark", "run", *model, *items, "--out", disk / "results"]),
        "benchmark export": twice(["benchmark", "export", *items, "--out", disk / "reference.json"]),
        "claims build": twice(["claims", "build", "--n", 12, "--out", disk / "claims.jsonl"]),
        "claims run": twice(["claims", "run", *model, *claims, "--out", disk / "claims"]),
        "compare": twice(
            ["compare", world.model, world.exported, "--items", world.items, "--pairs", world.pairs, "--device", "cpu",
            "--out", disk / "compared"]
        ),
        "export": (None, ["export", world.tuned, "--out", disk / "tuned"]),  # never in the place of another
    }  # fmt: skip


@contextmanager
def small_disk(at: Path, size: str = _SIZE) -> Iterator[Path]:
    """A file system of its own. Raises PermissionError where none may be mounted."""
    at.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        raise PermissionError("mounting a small disk needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(at)], capture_output=True, text=True
    )
    if done.returncode:
        raise PermissionError(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], capture_output=True, check=False)


def fill(disk: Path, kilobytes_left: int) -> None:
    """Takes the disk up, but for so much."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("ab", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(filler, max(0, filler.stat().st_size - kilobytes_left * 1024))


def files(disk: Path) -> Files:
    """Everything on the disk but what fills it."""
    return {
        str(path.relative_to(disk)): path.read_bytes() if path.is_file() else b"<folder>"
        for path in sorted(disk.rglob("*"))
        if path.name != "filler"
    }


def check_refused(ended: Ended, disk: Path, before: Files) -> None:
    """One sentence that names the place, and the disk as it was. Raises AssertionError with what is amiss."""
    sentence = ended.refusal()
    if str(disk) not in sentence:
        raise AssertionError(f"the sentence does not say where: {sentence!r}")
    if "space" not in sentence and "full" not in sentence:
        raise AssertionError(f"the sentence does not say what is wrong: {sentence!r}")
    unchanged(files(disk), before)


def unchanged(after: Files, before: Files) -> None:
    if left := sorted(after.keys() - before.keys()):
        raise AssertionError(f"left behind: {left}")
    if changed := sorted(name for name in before if after.get(name) != before[name]):
        raise AssertionError(f"touched: {changed}")


def _replaced(world: World, first: Words, second: Words, left: int, disk_at: Path) -> None:
    """The writer replaces its own file on a full disk; where the new one fits, it is there whole."""
    with small_disk(disk_at) as disk:
        done = world.run(*first)
        if done.code:
            raise AssertionError(f"with room it ended with {done.code}: {done.said[-400:]!r}")
        fill(disk, left)
        before = files(disk)
        ended = world.run(*second)
        if ended.code == 0:
            if files(disk).keys() != before.keys():
                raise AssertionError(f"done, but with other files: {sorted(files(disk).keys() ^ before.keys())}")
            return
        check_refused(ended, disk, before)


def _new(world: World, words: Words, left: int, disk_at: Path) -> None:
    """The writer makes its file where there is none, on a full disk."""
    with small_disk(disk_at) as disk:
        fill(disk, left)
        ended = world.run(*words)
        if ended.code != 0:
            check_refused(ended, disk, {})


def _run_cannot_be_made(world: World, left: int, disk_at: Path) -> None:
    recipe = world.folder / "attention.yaml"
    recipe.write_text(f"kind: attention\nmodel: {world.model}\npairs: {world.pairs}\ndevice: cpu\n", "utf-8")
    with small_disk(disk_at) as disk:
        fill(disk, left)
        ended = world.run("run", recipe, NAST_RUNS=str(disk / "runs"))
        sentence = ended.refusal()
        if str(disk) not in sentence:
            raise AssertionError(f"the sentence does not say where: {sentence!r}")
        if left_over := [path.name for path in (disk / "runs").glob("*") if path.is_dir()]:
            raise AssertionError(f"left behind: {left_over}")


def _end_of_a_finetune(world: World, left: int, disk_at: Path) -> None:
    """Room for a run and its beginnings, not for its weights."""
    with small_disk(disk_at) as disk:
        (disk / "runs").mkdir()
        fill(disk, left)
        ended = world.run("finetune", world.recipe, NAST_RUNS=str(disk / "runs"))
        if ended.code == 0:
            return  # it fitted
        sentence = ended.refusal()
        if "space" not in sentence and "full" not in sentence:
            raise AssertionError(f"the sentence does not say what is wrong: {sentence!r}")
        if half := [path.name for path in disk.rglob("*.part*")]:
            raise AssertionError(f"left behind: {half}")
        os.truncate(disk / "filler", 0)
        runs = [path.name for path in (disk / "runs").iterdir() if not path.name.startswith(".")]
        again = world.run("runs", "resume", *runs, NAST_RUNS=str(disk / "runs"))
        if again.code:
            raise AssertionError(f"with room again, it does not go on: {again.said[-400:]!r}")


def _cache_is_full(world: World, left: int, disk_at: Path) -> None:
    """Vectors that cannot be kept are a warning at most: the figures come."""
    out = world.folder / "results-of-a-full-cache"
    with small_disk(disk_at) as disk:
        fill(disk, left)
        words = ["benchmark", "run", "--model", world.model, "--device", "cpu", "--items", world.items, "--out", out]
        ended = world.run(*words, NAST_CACHE=str(disk / "vectors"))
    whole = (out / "summary.json").is_file()
    shutil.rmtree(out, ignore_errors=True)
    if ended.code or not whole or "Traceback" in ended.said:
        raise AssertionError(f"ended with {ended.code}: {ended.said[-400:]!r}")


def trials(world: World, only: tuple[str, ...] = (), left: tuple[int, ...] = LEFT) -> Iterator[Trial]:
    """Each writer on disks with so many kilobytes left, in the place of a good file and where there is none."""
    disk = world.folder / "disk"
    tried: dict[str, list[Callable[[], None]]] = {}
    for name, (first, second) in writers(world, disk).items():
        tried[name] = [partial(_new, world, second, n, disk) for n in left]
        if first is not None:
            tried[name] += [partial(_replaced, world, first, second, n, disk) for n in left]
    tried["a run is made"] = [partial(_run_cannot_be_made, world, n, disk) for n in (0, 4)]
    tried["a fine-tune ends"] = [partial(_end_of_a_finetune, world, n, disk) for n in (60, 150)]
    tried["vectors are cached"] = [partial(_cache_is_full, world, n, disk) for n in left]
    for name, attempts in tried.items():
        if only and name not in only:
            continue
        faults = []
        for attempt in attempts:
            try:
                attempt()
            except PermissionError as reason:
                yield Trial("disk", f"{name}: skipped, {reason}", 0, 0)
                return
            except AssertionError as fault:
                faults.append(str(fault))
        said = "; ".join(dict.fromkeys(faults))[:300]
        yield Trial(
            "disk",
            f"full disk, {name}: one sentence, nothing touched, nothing left",
            len(attempts),
            len(attempts) - len(faults),
            said,
        )
