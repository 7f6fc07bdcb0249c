"""One cell of the study of wording: a tower taught so with one seed, and what it reads afterwards."""

import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator

from nast_core.claims.cue_sets import taught_by
from nast_core.claims.way_groups import FALSE_DENIAL, HELD_OUT, NEVER, PSEUDO, TAUGHT
from nast_core.claims.wording_figures import wording_figures, wording_texts
from nast_core.demo.study.cell import Trained, train_once
from nast_core.demo.study.distilled import never_taught
from nast_core.demo.study.measures import encoded, measure_test, values
from nast_core.demo.wording.plan import REFERENCE, Cell, Plan
from nast_core.demo.wording.world import World, check_texts, texts_learnt
from nast_core.files.documents import read_json
from nast_core.files.writing import write_json
from nast_core.finetune.encoding import Lengths, TextEncoder
from nast_core.finetune.evaluation import Encode
from nast_core.finetune.loop import watch
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.task import open_up, precision_of_steps
from nast_core.finetune.training_files import Material, read_material
from nast_core.finetune.weights import recipe_weights
from nast_core.models.encoder import DualEncoder
from nast_core.opening import load_model
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
        cell, path = Cell(name=REFERENCE, parts=""), self.world.folder / _PRECISION
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
        test = self._test(model, encode, taught_by(Cell(name=REFERENCE, parts="").manner(0)))
        return {"model": self.world.model, "test": test, "seconds": time.perf_counter() - began}

    def trial(self, cell: Cell, rate: float) -> dict[str, Any]:
        """A short training, judged on validation studies."""
        share = self.plan.tuning_steps / self.plan.steps
        trained, _ = self._train(replace(cell, parts="", then_claims=False), 0, rate, share)
        validation = watch(trained.task)
        return {"schedule": cell.schedule, "rate": rate, "validation": validation, "seconds": trained.seconds}

    def cell(self, cell: Cell, seed: int, rate: float) -> dict[str, Any]:
        taught = taught_by(cell.manner(seed))
        if cell.repair:
            return self._repaired(cell)
        trained, curve = self._train(cell, seed, rate)
        began = time.perf_counter()
        validation = watch(trained.task)
        test = self._test(trained.model, trained.task.encode, taught)
        return {
            "cell": cell.name,
            "seed": seed,
            "rate": rate,
            "taught": sorted(taught),
            "weights": [float(weight) for weight in trained.task.weights],
            "changes": trained.changes,
            "curve": curve.rows,
            "validation": validation,
            "test": test,
            "seconds": {"training": trained.seconds, "measuring": round(time.perf_counter() - began, 1)},
        }

    def _repaired(self, cell: Cell) -> dict[str, Any]:
        """The model as it is, repaired: nothing is taught, and nothing chosen."""
        began, model = time.perf_counter(), load_model(f"{self.world.model}+{cell.repair}", device="cpu")
        test = self._test(model, model.encode_texts, frozenset())
        seconds = {"training": 0.0, "measuring": round(time.perf_counter() - began, 1)}
        same: dict[str, Any] = {"weights": [], "changes": [], "curve": [], "validation": {}, "taught": []}
        return {"cell": cell.name, "seed": 0, "rate": 0.0, "test": test, "seconds": seconds} | same

    @property
    def _own(self) -> list[Cell]:
        """Cells of this model."""
        return [cell for cell in self.plan.cells if (cell.on or self.plan.model) == self.world.model]

    @property
    def _bf16(self) -> bool:
        return bool(read_json(self.world.folder / _PRECISION)["bf16"])

    def _train(self, cell: Cell, seed: int, rate: float, share: float = 1.0) -> tuple[Trained, Curve]:
        """``share`` of the steps. Of a cell in two stages, the second goes on from the first, at the smallest rate."""
        plan, texts, model = self.plan, cell.manner(seed), self.world.base()
        stages = [(cell, rate, plan.distil_steps if cell.teacher else plan.steps)]
        if cell.then_claims:
            stages.append((replace(cell, teacher=None), min(plan.rates), plan.steps))
        for number, (stage, at, steps) in enumerate(stages):
            recipe = self.world.asked(stage, seed=seed, rate=at, steps=max(1, round(share * steps)), texts=texts)
            curve, weights = Curve(), recipe_weights(recipe, model, runs=self.world.folder)
            material = self._material(recipe, model)
            check_texts(texts_learnt(material), texts)
            checkpoint = self.world.folder / "checkpoints" / f"{cell.name} {number} {seed} {rate:g} {share:g}.pt"
            trained = train_once(
                recipe, model, material, self._accelerator, weights, checkpoint, bf16=self._bf16, report=curve
            )
        return trained, curve

    def _material(self, recipe: FinetuneRecipe, model: DualEncoder) -> Material:
        """That of texts alone is a cell's own; that of one file and seed is kept."""
        if recipe.objective == "distil":
            return read_material(recipe, model, self._accelerator, Silent())
        return self.world.material(recipe, model, self._accelerator, Silent())

    def _test(self, model: DualEncoder, encode: Encode, taught: frozenset[str]) -> dict[str, float | None]:
        """Every figure on test phantoms; None where there is nothing to ask, as of cues never taught where all are."""
        claims = self.world.test_claims
        conditions, presence = claims.conditions, claims.presence_of(claims.conditions)
        images = torch.stack([self.world.test_images[name] for name in claims.images.image])
        found = wording_figures(
            model,
            images,
            presence,
            claims.images.patient_id.tolist(),
            conditions,
            taught=taught,
            texts=encoded(encode, wording_texts(conditions)),
            resamples=2,  # intervals are over seeds
        )
        groups = found.summary()["groups"]
        read = {name: groups[group]["value"] if group in groups else float("nan") for name, group in WAYS.items()}
        read["thirty"] = float(np.mean([*never_taught(model, images, presence, conditions, encode).values()]))
        figures = values(measure_test(self.world, model, encode)) | read
        return {name: None if np.isnan(value) else float(value) for name, value in figures.items()}


def identity(plan: Plan) -> str:
    """What cells must have in common to stand in one table: weights, sizes and the recipe's defaults."""
    prints = [load_model(model, device="cpu").fingerprint for model in plan.models[:1]]
    usual = {name: str(field.default) for name, field in FinetuneRecipe.model_fields.items()}
    return f"{prints} {sorted(usual.items())} {plan.sizes}"


@lru_cache(maxsize=4)
def bench(out: Path, plan: Plan, model: str) -> Bench:
    """A process's own, kept from piece to piece."""
    return Bench(out, plan, model)
