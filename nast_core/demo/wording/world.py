"""What cells of one model share: statements said in each cell's manner, questions, traces and image vectors."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.cue_sets import kept_from, untaught
from nast_core.claims.examples import write_claims
from nast_core.claims.manner import Manner
from nast_core.claims.phantom import phantom_studies
from nast_core.demo.pieces import StudyError
from nast_core.demo.study import world
from nast_core.demo.wording.plan import Cell, Plan
from nast_core.finetune.data import texts_of
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.training_files import Material
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import SEEN_DENIALS, UNSEEN_DENIALS
from nast_core.opening import load_model

FRESH = 90_000  # test phantoms from it on: the first study looked at few of them, and nothing was chosen by any


@dataclass
class World(world.World):
    """Phantoms of three splits; nothing of the test split is in what is learnt from or chosen by."""

    plan: Plan  # type: ignore[assignment]  # the sizes that are asked for bear the same names
    untouched: int = FRESH

    def base(self) -> DualEncoder:
        return load_model(self.model, device="cpu")

    @property
    def validation_items_file(self) -> Path:
        """With the demo world's own cues, and as many with the held-out ones."""
        path, count = self.folder / "validation-items.jsonl", self.plan.validation_items
        if not path.exists():
            seen = phantom_items(count, split="validation", denials=SEEN_DENIALS)
            unseen = phantom_items(count, seed=1, split="validation", denials=UNSEEN_DENIALS)
            write_items([*seen, *unseen], path)
        return path

    def statements(self, manner: Manner) -> Path:
        """Training and validation lines, said so; made where they are not there. Raises StudyError for a training text
        that holds a cue which is not taught."""
        name = hashlib.sha256(manner.told.encode()).hexdigest()[:12]
        path = self.folder / "statements" / f"{name}.claims.jsonl"
        if not path.exists():
            studies = [
                *phantom_studies(self.plan.train_studies, split="train"),
                *phantom_studies(self.plan.validation_studies, split="validation"),
            ]
            examples = build_examples(studies, manner=manner).examples
            check_texts([text for one in examples if one.split == "train" for text in texts_of(one)], manner)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_claims(examples, path)
        return path

    def asked(self, cell: Cell, *, seed: int, rate: float, steps: int, texts: Manner) -> FinetuneRecipe:
        """What is not named here is the recipe's default."""
        own: dict[str, Any] = {"summary": cell.summary, "trace": self.trace("block")} if cell.summary else {}
        own |= {"statements_first": min(1.0, self.plan.statement_steps / self.plan.steps)}
        own |= {"batch_size": self.plan.batch_size}
        if cell.teacher:
            own = {"objective": "distil", "teacher": cell.teacher, "texts": "grammar"}
            own |= {"without_cues": tuple(sorted(kept_from(texts))), "batch_size": self.plan.distil_texts}
        curve = "d" in cell.parts  # elsewhere a validation, which costs as much as ten steps, would say nothing
        every = max(1, steps // self.plan.validations) if curve else steps
        return FinetuneRecipe.model_validate(
            {
                "model": self.model,
                "data": self.statements(texts),
                "items": self.validation_items_file,
                "arm": cell.arm,
                "method": cell.method,
                "seed": seed,
                "learning_rate": rate,
                "steps": steps,
                "validation_studies": self.plan.validation_studies,
                "validate_every": every,
                "checkpoint_every": steps,
                "device": "cpu",
                "tracker": "none",
                **own,
                **dict(cell.more),
            }
        )


def check_texts(texts: list[str], manner: Manner) -> None:
    """Raises StudyError for a text that holds a cue which is held out or never taught."""
    if found := untaught(texts, manner):
        cue, text = next(iter(found.items()))
        raise StudyError(f"a training text holds {cue!r}, which is not taught here: {text!r}; mend the texts' grammar")


def texts_learnt(material: Material) -> list[str]:
    """Every caption of a training, true and contradicted; or every text, where text alone is learnt from."""
    if material.lessons is not None:
        return [*material.lessons.train]
    both = ((one.true, one.false) for study in material.data.train for one in study.captions)
    return [said.text for pair in both for said in pair if said]
