"""make bench: speed as ratios against the naive way, in the same process. Prints a table and writes docs/bench.md."""

import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from tests.perf.first_page import first_page_seconds
from tests.perf.models import loading_and_encoding_against_open_clip
from tests.perf.rendering import images_per_second
from tests.perf.tracing import tracing_against_the_plain_loop

ROOT = Path(__file__).resolve().parents[2]
Row = tuple[str, str, str]


def main() -> None:
    parts: list[Callable[[], list[Row]]] = [
        tracing_against_the_plain_loop,
        images_per_second,
        first_page_seconds,
        loading_and_encoding_against_open_clip,
    ]
    rows: list[Row] = []
    for part in parts:
        began = time.perf_counter()
        rows += part()
        print(f"{part.__name__}: {time.perf_counter() - began:.0f} s", flush=True)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
    lines = [
        "# Speed",
        "",
        f"Made by `make bench` on {machine}. Ratios hold across machines better than seconds do.",
        "",
        "| what | measured | against |",
        "| --- | --- | --- |",
        *(f"| {what} | {value} | {against} |" for what, value, against in rows),
        "",
    ]
    text = "\n".join(lines)
    print(text)
    with tempfile.NamedTemporaryFile("w", dir=ROOT / "docs", delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(ROOT / "docs" / "bench.md")


if __name__ == "__main__":
    main()
