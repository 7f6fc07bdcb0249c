"""One cell of the study of wording: a tower taught so with one seed, and what it reads afterwards."""

import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from nast_core.claims.cue_sets import taught_by
from nast_core.claims.manner import Manner
from nast_core.claims.ways import FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT
from nast_core.claims.wording_figures import BOTH, wording_figures, wording_texts
from nast_core.demo.study.cell import Trained, train_once
from nast_core.demo.study.measures import encoded, measure_test, values
from nast_core.demo.wording.plan import REFERENCE, Cell, Plan
from nast_core.demo.wording.world import World, captions, check_texts
from nast_core.files.documents import read_json
from nast_core.files.writing import write_json
from nast_core.finetune.encoding import Lengths, TextEncoder
from nast_core.finetune.evaluation import Encode, measure
from nast_core.finetune.task import open_up, precision_of_steps
from nast_core.finetune.training_files import read_material
from nast_core.finetune.weights import recipe_weights
from nast_core.models.encoder import DualEncoder
from nast_core.runs.reporter import Silent

WAYS = {"taught": TAUGHT, "held_out": HELD_OUT, "never": NEVER, "false_denial": FALSE_DENIAL, "pseudo": PSEUDO}
CURVE = ("denial_taught", "denial_unseen", "false_denial")  # of the validation figures, by step
_PRECISION = "precision.json"


class Curve(Silent):
    """Keeps validation figures by step."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def metrics(self, step: int, **values: float) -> None:
        found = {name: values[f"validation_{name}"] for name in CURVE if f"validation_{name}" in values}
        if found:
            self.rows.append({"step": step, **found})


class Bench:
    """Where cells of one model are done one after another, in one process."""

    def __init__(self, out: Path, plan: Plan, model: str):
        self.plan, self.world = plan, World(out / model.replace("/", "-"), plan, model)
        self.world.folder.mkdir(parents=True, exist_ok=True)
        self._accelerator = Accelerator(cpu=True)

    def prepare(self) -> None:
        """Makes what is kept in files and shared by all cells: questions, traces, image vectors, and what trainings are
        computed in, which is tried once."""
        cell, path = self._reference, self.world.folder / _PRECISION
        recipe = self.world.asked(cell, seed=0, rate=1e-3, steps=self.plan.steps, texts=cell.manner(0))
        if any(cell.summary for cell in self._own):
            self.world.trace("block")
        if path.exists():
            return
        model = self.world.base()
        material = read_material(recipe, model, self._accelerator, Silent())
        open_up(model, recipe)
        encode = TextEncoder(model.text, self._accelerator, [], material.lengths)
        choice = precision_of_steps(recipe.model_copy(update={"precision": "auto"}), encode, material)
        _ = self.world.test_images
        write_json(path, {"bf16": choice.bf16, "why": choice.why})

    def base(self) -> dict[str, Any]:
        """The model before training; what is taught is what the reference teaches."""
        began, model = time.perf_counter(), self.world.base()
        encode = TextEncoder(model.text, self._accelerator, [], Lengths(model.text), bf16=self._bf16)
        test = self._test(model, encode, self._reference.manner(0))
        return {"model": self.world.model, "test": test, "seconds": time.perf_counter() - began}

    def trial(self, cell: Cell, rate: float) -> dict[str, Any]:
        """A short training on the reference's texts, judged on validation studies."""
        trained, _ = self._train(cell, 0, rate, self.plan.tuning_steps, self._reference.manner(0))
        validation = measure(trained.task.panel, trained.task.encode)
        return {"schedule": cell.schedule, "rate": rate, "validation": validation, "seconds": trained.seconds}

    def cell(self, cell: Cell, seed: int, rate: float) -> dict[str, Any]:
        manner = cell.manner(seed)
        trained, curve = self._train(cell, seed, rate, self.plan.steps, manner)
        began = time.perf_counter()
        validation = measure(trained.task.panel, trained.task.encode)
        test = self._test(trained.model, trained.task.encode, manner)
        return {
            "cell": cell.name,
            "seed": seed,
            "rate": rate,
            "taught": sorted(taught_by(manner)),
            "weights": [float(weight) for weight in trained.task.weights],
            "changes": trained.changes,
            "curve": curve.rows,
            "validation": validation,
            "test": test,
            "seconds": {"training": trained.seconds, "measuring": round(time.perf_counter() - began, 1)},
        }

    @property
    def _own(self) -> list[Cell]:
        """Cells of this model."""
        return [cell for cell in self.plan.cells if (cell.on or self.plan.model) == self.world.model]

    @property
    def _reference(self) -> Cell:
        return Cell(name=REFERENCE, parts="", on=None)

    @property
    def _bf16(self) -> bool:
        return bool(read_json(self.world.folder / _PRECISION)["bf16"])

    def _train(self, cell: Cell, seed: int, rate: float, steps: int, texts: Manner) -> tuple[Trained, Curve]:
        recipe, curve = self.world.asked(cell, seed=seed, rate=rate, steps=steps, texts=texts), Curve()
        model = self.world.base()
        weights = recipe_weights(recipe, model, runs=self.world.folder)
        material = self.world.material(recipe, model, self._accelerator, Silent())
        check_texts(captions(material), texts)
        checkpoint = self.world.folder / "checkpoints" / f"{cell.name} {seed} {rate:g} {steps}.pt"
        trained = train_once(
            recipe, model, material, self._accelerator, weights, checkpoint, bf16=self._bf16, report=curve
        )
        return trained, curve

    def _test(self, model: DualEncoder, encode: Encode, manner: Manner) -> dict[str, float | None]:
        """Every figure on test phantoms; None where there is nothing to ask, as of cues never taught where all are."""
        claims, images = self.world.test_claims, self.world.test_images
        conditions = claims.conditions
        found = wording_figures(
            model,
            torch.stack([images[name] for name in claims.images.image]),
            claims.presence_of(conditions),
            claims.images.patient_id.tolist(),
            conditions,
            taught=taught_by(manner),
            texts=encoded(encode, wording_texts(conditions)),
            resamples=2,  # intervals are over seeds
        )
        table = found.groups()
        groups = dict(zip(*(table[table.side == BOTH][column] for column in ("group", "value")), strict=True))
        read = {name: groups.get(group, float("nan")) for name, group in WAYS.items()}
        figures = values(measure_test(self.world, model, encode)) | read
        return {name: None if np.isnan(value) else float(value) for name, value in figures.items()}


def identity(plan: Plan) -> str:
    """What cells must have in common to stand in one table: weights, sizes and the recipe's defaults."""
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.opening import load_model

    prints = [load_model(model, device="cpu").fingerprint for model in plan.models[:1]]
    usual = {name: str(field.default) for name, field in FinetuneRecipe.model_fields.items()}
    return f"{prints} {sorted(usual.items())} {plan.sizes}"


@lru_cache(maxsize=4)
def bench(out: Path, plan: Plan, model: str) -> Bench:
    """A process's own, kept from piece to piece."""
    return Bench(out, plan, model)
