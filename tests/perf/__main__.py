"""make bench: speed as ratios against the naive way, in the same process. Prints tables and writes docs/bench.md.

``python -m tests.perf tracing runs`` measures those parts alone and leaves the other sections of the file as they are.
``gpu`` needs a card, and says so where there is none.
"""

import argparse
import platform
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import torch

from nast_core.files.writing import whole

Row = tuple[str, str, str]
BENCH = Path(__file__).resolve().parents[2] / "docs" / "bench.md"
# of each part its measurements, module:function: imported when it is their turn, since a machine may lack what others
# need
PARTS = {
    "tracing": [
        "tracing:tracing_against_the_plain_loop",
        "tracing:images_attribution_and_attention",
        "tracing:memory_of_many_pairs",
        "tracing:what_the_page_waits_for",
    ],
    "layers": ["layers:layers_against_forward_passes", "layers:one_pair_of_the_page"],
    "models": ["models:loading_and_encoding_against_open_clip"],
    "images": ["images:reading_ahead_of_the_tower", "images:memory_of_many_images"],
    "datasets": ["datasets:datasets_at_scale"],
    "finetuning": ["finetune:finetuning_against_a_bare_loop", "estimates:time_told_before_a_fine_tune"],
    "precision": ["precision:bf16_beside_float32"],
    "gpu": ["gpu:on_a_card"],
    "benchmark": ["builder:building_items", "scoring:scoring_against_an_open_clip_loop"],
    "claims": ["claims:claims_and_intervals"],
    "repairs": ["repairs:repairs_against_the_model_as_it_is"],
    "audits": ["audits:an_audit_of_the_demo"],
    "vocabulary": ["vocabulary:two_hundred_conditions"],
    "runs": ["runs:listing_five_hundred_runs"],
    "app": [
        "first_page:first_page_seconds",
        "first_look:first_look_seconds",
        "compare_page:fresh_compare_seconds",
        "compare_page:compare_page_seconds",
        "rendering:images_per_second",
    ],
}
HEAD = """# Speed

Made by `make bench` (one part: `python -m tests.perf NAME`). Ratios hold across machines better than seconds do.
"""


def section(name: str) -> str:
    rows: list[Row] = []
    for part in PARTS[name]:
        began = time.perf_counter()
        rows += measurement(part)()
        print(f"{part}: {time.perf_counter() - began:.0f} s", flush=True)
    on = torch.cuda.get_device_name() if name == "gpu" and torch.cuda.is_available() else platform.machine()
    machine = (
        f"{on}, {torch.get_num_threads()} threads, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
    )
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


def measurement(part: str) -> Callable[[], list[Row]]:
    module, function = part.split(":")
    return getattr(import_module(f"tests.perf.{module}"), function)


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
        kept = sections(BENCH.read_text("utf-8")) if BENCH.exists() else {}
        if name == "gpu" and name in kept and not torch.cuda.is_available():
            continue  # what a card once gave stays
        kept[name] = made
        with whole(BENCH) as temporary:  # after every part: an interrupted bench keeps what it measured
            temporary.write_text("\n".join([HEAD, *(kept[n] for n in PARTS if n in kept)]), "utf-8")


if __name__ == "__main__":
    main()
