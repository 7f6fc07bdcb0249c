"""make bench: speed as ratios against the naive way, in the same process. Prints tables and writes docs/bench.md.

``python -m tests.perf tracing runs`` measures those parts alone and leaves the other sections of the file as they are.
"""

import argparse
import platform
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import torch

from nast_core.files.writing import whole
from tests.perf.builder import building_items
from tests.perf.claims import claims_and_intervals
from tests.perf.compare_page import compare_page_seconds, fresh_compare_seconds
from tests.perf.datasets import datasets_at_scale
from tests.perf.estimates import time_told_before_a_fine_tune
from tests.perf.finetune import finetuning_against_a_bare_loop
from tests.perf.first_look import first_look_seconds
from tests.perf.first_page import first_page_seconds
from tests.perf.images import memory_of_many_images, reading_ahead_of_the_tower
from tests.perf.models import loading_and_encoding_against_open_clip
from tests.perf.rendering import images_per_second
from tests.perf.runs import listing_five_hundred_runs
from tests.perf.scoring import scoring_against_an_open_clip_loop
from tests.perf.tracing import (
    images_attribution_and_attention,
    memory_of_many_pairs,
    tracing_against_the_plain_loop,
    what_the_page_waits_for,
)
from tests.perf.vocabulary import two_hundred_conditions

Row = tuple[str, str, str]
BENCH = Path(__file__).resolve().parents[2] / "docs" / "bench.md"
PARTS: dict[str, list[Callable[[], list[Row]]]] = {
    "tracing": [
        tracing_against_the_plain_loop,
        images_attribution_and_attention,
        memory_of_many_pairs,
        what_the_page_waits_for,
    ],
    "models": [loading_and_encoding_against_open_clip],
    "images": [reading_ahead_of_the_tower, memory_of_many_images],
    "datasets": [datasets_at_scale],
    "finetuning": [finetuning_against_a_bare_loop, time_told_before_a_fine_tune],
    "benchmark": [building_items, scoring_against_an_open_clip_loop],
    "claims": [claims_and_intervals],
    "vocabulary": [two_hundred_conditions],
    "runs": [listing_five_hundred_runs],
    "app": [first_page_seconds, first_look_seconds, fresh_compare_seconds, compare_page_seconds, images_per_second],
}
HEAD = """# Speed

Made by `make bench` (one part: `python -m tests.perf NAME`). Ratios hold across machines better than seconds do.
"""


def section(name: str) -> str:
    rows: list[Row] = []
    for part in PARTS[name]:
        began = time.perf_counter()
        rows += part()
        print(f"{part.__name__}: {time.perf_counter() - began:.0f} s", flush=True)
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
    lines = [
        f"## {name}",
        "",
        f"{machine}, {datetime.now(UTC):%Y-%m-%d}",
        "",
        "| what | measured | against |",
        "| --- | --- | --- |",
        *(f"| {what} | {value} | {against} |" for what, value, against in rows),
    ]
    return "\n".join(lines) + "\n"


def sections(text: str) -> dict[str, str]:
    """The file's sections by name."""
    return {part.split("\n", 1)[0]: f"## {part.rstrip()}\n" for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]}


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, where none is named")
    names = asked.parse_args().parts or list(PARTS)
    for name in names:
        made = section(name)
        print(made, flush=True)
        kept = (sections(BENCH.read_text("utf-8")) if BENCH.exists() else {}) | {name: made}
        with whole(BENCH) as temporary:  # after every part: an interrupted bench keeps what it measured
            temporary.write_text("\n".join([HEAD, *(kept[n] for n in PARTS if n in kept)]), "utf-8")


if __name__ == "__main__":
    main()
