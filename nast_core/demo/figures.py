"""The demos' figures over several seeds, as the README and docs quote them: each seed is a build of its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from nast_core.demo.build import build
from nast_core.files.documents import read_json
from nast_core.files.writing import write_text
from nast_core.statistics.seeds import over_seeds

Read = Callable[[dict], float]
SCORES: dict[str, Read] = {
    "MCQ accuracy, affirmative (%)": lambda f: 100 * f["mcq"]["acc_affirmative"]["value"],
    "MCQ accuracy, negated (%)": lambda f: 100 * f["mcq"]["acc_negated"]["value"],
    "gap (percentage points)": lambda f: f["mcq"]["gap_points"]["value"],
    "blind, affirmative (%)": lambda f: 100 * f["mcq"]["blind_affirmative"]["value"],
    "blind, negated (%)": lambda f: 100 * f["mcq"]["blind_negated"]["value"],
    "zero-shot AUROC, macro": lambda f: f["zero_shot_auroc"]["macro"],
    "AUROC of 'there is no X' for absence, macro": lambda f: f["negated_prompt_auroc"]["macro"],
}
_DEMO: dict[str, Read] = SCORES | {
    "supervised AUROC, least visible condition": lambda f: min(f["supervised_auroc"].values())
}


def figures_over_seeds(
    seeds: int, *, work: Path = Path("build/demo"), out: Path = Path("docs/demo_figures.json")
) -> dict:
    """Builds and measures ``seeds`` demo CLIPs (finished ones are kept), and writes docs/demo_figures.json.

    Each figure comes with its values, mean and 95 % t-interval over seeds.
    """
    builds = {}
    for seed in range(seeds):
        model = work / f"seed-{seed}" / "published"
        if not model.exists():
            build(model, seed=seed, work=work)
        builds[seed] = read_json(model / "figures.json")
    result = tabled(builds, _DEMO)
    write_text(out, json.dumps(result, indent=2) + "\n")
    return result


def tabled(builds: Mapping[int, dict], figures: Mapping[str, Read]) -> dict:
    """The figures of builds by seed: each with its values, mean and interval, and the builds' own records."""
    values = {name: [read(build) for build in builds.values()] for name, read in figures.items()}
    table = {name: {"values": numbers, **over_seeds(numbers)} for name, numbers in values.items()}
    return {"seeds": list(builds), "figures": table, "builds": builds}
