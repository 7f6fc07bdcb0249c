"""One cell of the study: an arm trained with one seed, and what came of it."""

import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from accelerate import Accelerator
from jaxtyping import Float

from nast_core.demo.study.measures import Figures, measure_test
from nast_core.demo.study.plan import Arm
from nast_core.demo.study.world import World
from nast_core.files.writing import write_json
from nast_core.finetune.checkpoint import parameter_state
from nast_core.finetune.encoding import Lengths, TextEncoder
from nast_core.finetune.loop import Task, train, watch
from nast_core.finetune.lora import attention_adapters
from nast_core.finetune.parameters import layer_moves
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.task import make_task, open_up
from nast_core.finetune.training_files import Material
from nast_core.finetune.weights import recipe_weights
from nast_core.models.encoder import DualEncoder
from nast_core.recipe import Reporter
from nast_core.runs.reporter import Silent


class Trained(NamedTuple):
    model: DualEncoder
    task: Task
    changes: list[float]  # of each layer, relative to its weights
    seconds: float


class Bench:
    """Where cells are done one after another, in one process: arms of one seed share data and frozen vectors."""

    def __init__(self, world: World):
        self.world = world
        self._accelerator = Accelerator(cpu=True)
        self._shared: tuple[tuple[int, int], Task] | None = None  # the last task, by its seed and steps

    def prepare(self) -> None:
        """Makes what is kept in files and shared by all cells: traces, statements, questions, features."""
        model, plan = self.world.base(), self.world.plan
        recipes = {arm.name: self.world.recipe(arm, seed=0, rate=plan.rates[0], steps=plan.steps) for arm in plan.arms}
        weights = {name: self._weights(recipe, model).tolist() for name, recipe in recipes.items()}
        write_json(self.world.folder / "weights.json", weights)
        recipe = recipes[plan.arms[0].name]
        self.world.material(recipe, model, self._accelerator, Silent())

    def base(self) -> dict[str, Any]:
        """Figures of the model before training, which are those of the frozen arm."""
        model = self.world.base()
        encode = TextEncoder(model.text, self._accelerator, [], Lengths(model.text))
        return {"arm": "frozen", "test": measure_test(self.world, model, encode)}

    def trial(self, arm: Arm, rate: float) -> dict[str, Any]:
        """A short training with seed 0, judged on validation studies by how well denials with trained cues are read.

        The validation loss would judge by cues that training texts lack as well: half of the validation denials have
        them.
        """
        trained = self._train(arm, seed=0, rate=rate, steps=self.world.plan.tuning_steps)
        figures = watch(trained.task)
        return {"arm": arm.name, "rate": rate, "validation": figures, "seconds": trained.seconds}

    def cell(self, arm: Arm, seed: int, rate: float) -> dict[str, Any]:
        trained = self._train(arm, seed=seed, rate=rate, steps=self.world.plan.steps)
        began = time.perf_counter()
        validation = watch(trained.task)
        test: Figures = measure_test(self.world, trained.model, trained.task.encode)
        return {
            "arm": arm.name,
            "seed": seed,
            "rate": rate,
            "weights": [float(weight) for weight in trained.task.weights],
            "changes": trained.changes,
            "validation": validation,
            "test": test,
            "seconds": {"training": trained.seconds, "measuring": round(time.perf_counter() - began, 1)},
        }

    def _weights(self, recipe: FinetuneRecipe, model: DualEncoder) -> Float[np.ndarray, " layer"]:
        return recipe_weights(recipe, model, runs=self.world.folder)

    def _train(self, arm: Arm, *, seed: int, rate: float, steps: int) -> Trained:
        recipe = self.world.recipe(arm, seed=seed, rate=rate, steps=steps)
        model = self.world.base()
        weights = self._weights(recipe, model)
        material = self.world.material(recipe, model, self._accelerator, Silent())
        checkpoint = self.world.folder / "checkpoints" / f"{arm.name} {seed} {rate:g} {steps}.pt"
        like = self._shared[1] if self._shared and self._shared[0] == (seed, steps) else None
        trained = train_once(recipe, model, material, self._accelerator, weights, checkpoint, like=like)
        self._shared = (seed, steps), trained.task
        return trained


def train_once(
    recipe: FinetuneRecipe,
    model: DualEncoder,
    material: Material,
    accelerator: Accelerator,
    weights: Float[np.ndarray, " layer"],
    checkpoint: Path,
    *,
    like: Task | None = None,
    bf16: bool = False,
    report: Reporter | None = None,
) -> Trained:
    """Trains ``model`` in place; the checkpoint, gone on from where there is one, is deleted in the end. ``like``: as
    make_task takes it."""
    began, report = time.perf_counter(), report or Silent()
    open_up(model, recipe)
    encode = TextEncoder(model.text, accelerator, attention_adapters(model.module), material.lengths, bf16=bf16)
    task = make_task(recipe, model, material, encode, weights, report, checkpoint, like=like)
    start = parameter_state(task.layers)
    train(task, report)
    checkpoint.unlink()
    return Trained(model, task, layer_moves(model.text, start).relative.tolist(), round(time.perf_counter() - began, 1))


def identity(world: World) -> str:
    """What cells must have in common to stand in one table: the base's weights, the sizes and the recipe's defaults."""
    arm = world.plan.arms[0]
    recipe = world.recipe(arm, seed=0, rate=world.plan.rates[0], steps=world.plan.steps)
    own = {
        "arm",
        "trace",
        "summary",
        "learning_rate",
        "preset",
        "objective",
        "balance",
        "exponent",
        "decay",
    }  # of a cell
    lora = {"rank", "alpha", "dropout", "targets"}  # not trained with
    unused = {"dataset", "reports", "teacher", "texts", "without_cues"}  # data is given, and texts alone are not learnt
    where = {"executor", "num_processes", "tracker"}
    fields = recipe.model_dump(exclude=own | lora | unused | where | {"data", "items", "model"})
    return f"{world.base().fingerprint} {fields} {world.plan.sizes}"
