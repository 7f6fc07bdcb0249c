"""The fine-tune that comes with the demo: candidates trained alike, and the one that does best on validation.
Source: ours."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import torch

from nast_core.benchmark.items import read_items
from nast_core.demo.study.plan import Arm, Plan, Steering
from nast_core.demo.study.world import World
from nast_core.files.documents import read_json
from nast_core.files.gate import MB, read_text
from nast_core.files.places import DEMO, TUNED_FOLDER
from nast_core.files.writing import whole_folder, write_json, write_text
from nast_core.finetune.adapter import ADAPTER, RECORD
from nast_core.finetune.adapter_files import CONFIG
from nast_core.finetune.presets import START
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.recipe import Reporter
from nast_core.runs.reporter import Silent
from nast_core.runs.status import Status, now
from nast_core.runs.store import Run
from nast_core.work.finetune import finetune
from nast_core.work.surroundings import surroundings

RANK = 24  # of adapters on attention and MLP: 2.7 MB, and rank 32 would be 3.5
CANDIDATES = (  # what a fine-tune does unasked, and what closed the gap of whole layers most (docs/finetuning.md)
    Arm("uniform"),
    Arm("inverse", Steering("block", "max")),
)
PLAN = Plan(arms=CANDIDATES, seeds=1, steps=480, validation_items=1000)
JUDGED = "acc_negated"  # of the validation figures: the largest is taken
_CARD = "README.md"  # of an adapter
_KEPT = ("recipe.json", "environment.json", "summary.json", "status.json")  # of the run's files


class Trained(NamedTuple):
    arm: Arm
    run: Run

    @property
    def judged(self) -> float:
        return float(read_json(self.run.folder / "summary.json")["after"][JUDGED])


def tune(
    out: Path = TUNED_FOLDER,
    *,
    seed: int = 0,
    work: Path = Path("build/demo-tuned"),
    plan: Plan = PLAN,
    report: Reporter | None = None,
) -> dict[str, float]:
    """Trains every candidate on training phantoms, and writes the best on validation phantoms to ``out``, with its
    card.

    ``out`` is then a finished fine-tune's folder. Resumable: candidates stay in ``work``. Returns what each was judged
    by.
    """
    work.mkdir(parents=True, exist_ok=True)
    world = World(work, plan)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same weights on machines with more cores or fewer
    try:
        trained = [Trained(arm, train(world, arm, seed, report or Silent())) for arm in plan.arms]
    finally:
        torch.set_num_threads(threads)
    best = max(trained, key=lambda one: one.judged)
    _publish(best, trained, out)
    return {one.arm.name: one.judged for one in trained}


def recipe_of(world: World, arm: Arm, seed: int) -> FinetuneRecipe:
    """The study's recipe, with LoRA instead of whole layers."""
    plan = world.plan
    full = world.recipe(arm, seed=seed, rate=START["lora"]["learning_rate"], steps=plan.steps)
    fields = {"method": "lora", "rank": RANK, "alpha": 2.0 * RANK, **START["lora"]}
    return FinetuneRecipe.model_validate(full.model_dump() | fields)


def train(world: World, arm: Arm, seed: int, report: Reporter) -> Run:
    """The finished run of one candidate, in the world's folder: found, gone on with, or begun."""
    run = Run(world.folder / f"{arm.name} {seed}".replace(" ", "-"))
    recipe = recipe_of(world, arm, seed)
    if (run.folder / "status.json").exists() and run.recipe == recipe:
        return run
    run.folder.mkdir(exist_ok=True)
    run.set_recipe(recipe)
    created = now()
    figures = finetune(recipe, run.folder, report)
    run.set_environment({"key": "", **surroundings(["cpu"])})
    ended = Status(
        state="finished", created=created, queued=created, started=created, ended=now(), figures=dict(figures)
    )
    run.set_status(ended)  # last: a candidate with a status is whole
    return run


def _publish(best: Trained, trained: Sequence[Trained], out: Path) -> None:
    """Puts the fine-tune in place: the adapter first, and the run's own files, of which the status comes last."""
    source = best.run.folder / ADAPTER
    names = sorted((path.name for path in source.iterdir()), key=lambda name: (name == RECORD, name))
    with whole_folder(out / ADAPTER, names) as incoming:
        shutil.copytree(source, incoming, dirs_exist_ok=True)
        about = read_json(source / CONFIG)
        write_json(incoming / CONFIG, about | {"base_model_name_or_path": DEMO})  # not where it lay on this machine
        card = incoming / _CARD
        write_text(card, read_text(card, most=MB) + _provenance(best, trained))
    with whole_folder(out, _KEPT) as incoming:
        for name in _KEPT:
            shutil.copy(best.run.folder / name, incoming / name)


def _provenance(best: Trained, trained: Sequence[Trained]) -> str:
    """What the card of a run does not know: the candidates, and what the images are."""
    rows = [f"| {one.arm.name} | {100 * one.judged:.1f} % |" for one in trained]
    recipe = cast("FinetuneRecipe", best.run.recipe)
    items = len(read_items(recipe.items)) if recipe.items else 0
    return "\n".join(
        [
            "",
            "## How it was made",
            "",
            f"By `nast demo tune --seed {recipe.seed}`: the candidates below were trained alike, and the one with the"
            f" largest negated accuracy on {items:,} questions about validation phantoms was taken.",
            "",
            "| arm | MCQ accuracy, negated, validation |",
            "| --- | ---: |",
            *rows,
            "",
            "**Phantoms are drawings, not patients.**",
            "",
        ]
    )
