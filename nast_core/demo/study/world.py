"""What all cells share, made once and kept in the study's folder: statements, questions, traces, image features."""

import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.items import Item, write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.evidence import Evidence, evidence
from nast_core.claims.examples import write_claims
from nast_core.claims.phantom import SPOKEN, phantom_studies
from nast_core.data.phantom import SPLITS
from nast_core.demo.study.plan import Arm, Plan
from nast_core.files.writing import whole
from nast_core.finetune.features import image_features
from nast_core.finetune.presets import PRESETS
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.training_files import Material, read_material
from nast_core.models.components import Component
from nast_core.models.encoder import DualEncoder
from nast_core.models.registry import load_model
from nast_core.negation.phrases import SEEN_DENIALS, UNSEEN_DENIALS
from nast_core.recipe import Reporter
from nast_core.runs.reporter import Silent
from nast_core.runs.store import RunStore
from nast_core.work.in_process import run_in_process
from nast_core.work.trace import TraceRecipe

# test phantoms before it made the demo's own figures; from it on, only studies like this one were measured
_UNTOUCHED = 70_000


@dataclass
class World:
    """Phantoms of three splits as the study needs them; nothing of the test split is in ``material``."""

    folder: Path
    plan: Plan
    model: str = "demo"
    untouched: int = _UNTOUCHED  # test phantoms from here on are measured
    _material: dict[tuple[Path | None, int], Material] = field(default_factory=dict)

    def base(self) -> DualEncoder:
        """Freshly loaded: a cell changes its weights."""
        return load_model(self.model, device="cpu")

    @property
    def claims_file(self) -> Path:
        path = self.folder / "claims.jsonl"
        if not path.exists():
            studies = [
                *phantom_studies(self.plan.train_studies, split="train"),
                *phantom_studies(self.plan.validation_studies, split="validation"),
            ]
            write_claims(build_examples(studies, manner=SPOKEN).examples, path)
        return path

    @property
    def validation_items_file(self) -> Path:
        path = self.folder / "validation-items.jsonl"
        if not path.exists():
            write_items(phantom_items(self.plan.validation_items, split="validation", denials=SEEN_DENIALS), path)
        return path

    def recipe(self, arm: Arm, *, seed: int, rate: float, steps: int) -> FinetuneRecipe:
        """What is not named here is the recipe's default."""
        own: dict[str, Any] = {"method": "full"}  # of small layers LoRA spares nothing
        if arm.kind in PRESETS:
            own = {"preset": arm.kind} | PRESETS[arm.kind]
        if arm.steering:
            own |= {"trace": self.trace(arm.steering.component), "summary": arm.steering.summary}
        common = {
            "model": self.model,
            "data": self.claims_file,
            "items": self.validation_items_file,
            "arm": arm.kind,
            "seed": seed,
            "learning_rate": rate,
            "steps": steps,
            "statements_first": min(1, self.plan.statement_steps / steps),
            "batch_size": self.plan.batch_size,
            "validation_studies": self.plan.validation_studies,
            "validate_every": steps,
            "device": "cpu",
            "tracker": "none",
        }
        return FinetuneRecipe.model_validate(common | own)

    def material(
        self, recipe: FinetuneRecipe, base: DualEncoder, accelerator: Accelerator, report: Reporter
    ) -> Material:
        """Of one file and seed, which draws the captions: the one last asked for is kept."""
        key = recipe.data, recipe.seed
        if key not in self._material:
            self._material = {key: read_material(recipe, base, accelerator, report)}
        return self._material[key]

    @cached_property
    def test_items(self) -> tuple[list[Item], list[Item]]:
        """(with cues that training texts have, with the cues kept out of them)."""
        plan = self.plan
        return (
            phantom_items(plan.test_items, start=self.untouched, denials=SEEN_DENIALS),
            phantom_items(plan.unseen_items, seed=1, start=self.untouched, denials=UNSEEN_DENIALS),
        )

    @cached_property
    def test_claims(self) -> Evidence:
        seeds = SPLITS["test"]
        share = 1 - self.untouched / len(seeds)  # of those drawn, about so many are untouched
        studies = phantom_studies(round(1.5 * self.plan.test_studies / share), split="test")
        fresh = [study for study in studies if int(study.study_id) >= seeds[self.untouched]]
        return evidence(build_examples(fresh[: self.plan.test_studies], manner=SPOKEN).examples, "test")

    @cached_property
    def test_images(self) -> dict[str, Float[Tensor, " dim"]]:
        """Unit vectors of every test image, by name."""
        items = [item.image for part in self.test_items for item in part]
        vectors, _ = image_features(self.base(), [*items, *self.test_claims.images.image], None)
        return vectors

    def trace(self, component: Component) -> Path:
        """Exact, over the template pairs (several cues each), on validation phantoms; made where it is not there."""
        path = self._trace_file(component)
        if not path.exists():
            recipe = TraceRecipe(model=self.model, component=component, device="cpu")
            run = run_in_process(recipe, Silent(), model=self.base(), store=RunStore(self.folder / "runs"))
            with whole(path) as temporary:
                shutil.copyfile(run.folder / "trace.nc", temporary)
        return path

    def _trace_file(self, component: Component) -> Path:
        return self.folder / f"trace-{component}.nc"
