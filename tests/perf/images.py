"""Images from disk through the demo CLIP: the processes that read ahead, against decoding and the tower alone; and
memory.

``python -m tests.perf.images 400`` looks at so many images, and at ten times as many of a benchmark, and prints.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import torch
from PIL import Image

from nast_core import load_model
from nast_core.benchmark.phantoms import phantom_items
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named, load_image
from nast_core.encoding.reading import cores
from nast_core.models.encoder import DualEncoder

IMAGES, SIDE, POOL = 2000, 1024, 100  # the files are links to a pool of as many, which a disk would hold in memory too
MANY = 50_000  # images of a benchmark
QUARTERS, SHARE = 4, 100  # images of each quarter on which decoding and the tower are timed alone


def radiographs(folder: Path, count: int) -> list[str]:
    """PNG files of 1,024 px, grained as radiographs are, since smooth drawings decode too fast: 0.5 MB each."""
    rng = np.random.default_rng(0)
    for number in range(min(POOL, count)):
        drawn = Image.fromarray(render(sample_phantom(number), 128)).convert("L").resize((SIDE, SIDE))
        grain = np.asarray(drawn).astype(np.int16) + rng.integers(-2, 3, (SIDE, SIDE))
        Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8)).save(folder / f"{number:05}.png")
    for number in range(POOL, count):
        os.link(folder / f"{number % POOL:05}.png", folder / f"{number:05}.png")
    return [f"{number:05}.png" for number in range(count)]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def reading_ahead_of_the_tower(count: int = IMAGES) -> list[tuple[str, str, str]]:
    """In quarters, each way the best of four: a busy machine disturbs all of them, and none for the whole time."""
    model, quarter = load_model("demo", device="cpu"), count // QUARTERS
    share = min(SHARE, quarter)
    seconds: dict[str, list[float]] = {"decoding": [], "tower": [], "alone": [], "ahead": []}  # an image
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = radiographs(folder, count)
        encode_named(model, names[:share], folder)  # warm
        for start in range(0, QUARTERS * quarter, quarter):
            own = names[start : start + quarter]
            for name, value in _each_way(model, own[:share], folder).items():
                seconds[name].append(value / share)
            seconds["ahead"].append(_seconds(partial(encode_named, model, own, folder)) / quarter)
    decoding, tower, alone, ahead = (count * min(values) for values in seconds.values())
    bound = max(decoding / cores(), tower)
    return [
        (f"{count:,} PNG of {SIDE:,} px from disk through the demo "
            "CLIP", f"{ahead:.1f} s", f"{cores()} cores, as many processes that read"),
        ("Against decoding shared by the cores, or the tower, whichever takes "
            "longer", f"{ahead / bound:.2f} times the time", f"decoding {decoding:.1f} s on one core, tower "
                f"{tower:.1f} s; bar 1.15"),
        ("Against one process", f"{alone / ahead:.1f} times faster", f"one process: {alone:.1f} s"),
    ]  # fmt: skip


def _each_way(model: DualEncoder, names: list[str], folder: Path) -> dict[str, float]:
    """Seconds of decoding on one thread, of the tower alone, and of both in one process."""
    pixels: list[torch.Tensor] = []

    def decode() -> None:
        pixels[:] = [model.preprocess(load_image(name, folder).pixels) for name in names]

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in a process that reads
    decoding = _seconds(decode)
    torch.set_num_threads(threads)
    tower = _seconds(lambda: model.encode_images(pixels))
    return {
        "decoding": decoding,
        "tower": tower,
        "alone": _seconds(lambda: encode_named(model, names, folder, workers=0)),
    }


def memory_of_many_images(count: int = MANY) -> list[tuple[str, str, str]]:
    words = [sys.executable, "-m", "tests.perf.images", "benchmark", str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return [
        (
            f"Memory while {what} {count:,} images",
            f"{(most - least) / 1e6:+.0f} MB, from {least / 1e6:.0f} MB",
            f"all processes, pages that they share once; {seconds:.0f} s; bar +300 MB",
        )
        for what, (least, most, seconds) in found.items()
    ]


class Watch(threading.Thread):
    """The most memory that this process and those it started take, each shared page counted once."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.taken, self.most, self._over = 0, 0, threading.Event()

    def run(self) -> None:
        own = psutil.Process()
        while not self._over.wait(0.5):
            taken = 0
            for one in [own, *own.children(recursive=True)]:
                try:
                    taken += one.memory_full_info().pss
                except psutil.Error:
                    continue
            self.taken, self.most = taken, max(self.most, taken)

    def begin(self) -> int:
        """What is taken now; ``most`` counts from here."""
        time.sleep(1)
        self.most = self.taken
        return self.taken

    def end(self) -> None:
        self._over.set()
        self.join()


def benchmark_many(count: int) -> dict[str, tuple[int, int, float]]:
    """What is done -> memory when it has begun, the most while it is done, and its seconds. Files are small ones, since
    only how many there are matters here; encoding has begun with the first hundredth, when its processes are there."""
    from nast_core.benchmark.run import run_benchmark

    model = load_model("demo", device="cpu")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "images").mkdir()
        for number in range(POOL):
            Image.fromarray(render(sample_phantom(number), 112)).save(folder / "images" / f"{number:05}.png")
        for number in range(POOL, count):
            os.link(folder / "images" / f"{number % POOL:05}.png", folder / "images" / f"{number:05}.png")
        items = phantom_items(1000, split="validation")
        asked = [
            items[number % len(items)].model_copy(
                update={"item_id": str(number), "patient_id": str(number), "image": f"{number:05}.png"}
            )
            for number in range(count)
        ]
        names, cache, watch, begun, done = [item.image for item in asked], VectorCache(folder / "cache"), Watch(), 0, 0

        def tick(images: int) -> None:
            nonlocal begun, done
            done += images
            if not begun and done >= count / 100:
                begun = watch.begin()

        watch.start()
        encoding = _seconds(lambda: encode_named(model, names, folder / "images", cache=cache, progress=tick))
        encoded = begun, watch.most, encoding
        begun = watch.begin()
        scoring = _seconds(lambda: run_benchmark(model, asked, folder / "images", cache=cache))
        watch.end()
    return {"encoding": encoded, "a benchmark runs, their vectors kept, over": (begun, watch.most, scoring)}


if __name__ == "__main__":
    if sys.argv[1] == "benchmark":
        print(json.dumps(benchmark_many(int(sys.argv[2]))))
    else:
        for row in [*reading_ahead_of_the_tower(int(sys.argv[1])), *memory_of_many_images(10 * int(sys.argv[1]))]:
            print(" | ".join(row))
