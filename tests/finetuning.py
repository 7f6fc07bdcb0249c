"""A tiny world to fine-tune in: claims of phantoms, and a reporter that keeps what it is told."""

from collections.abc import Sequence
from pathlib import Path

from nast_core.claims.build import build_examples
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.examples import write_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.finetune.recipe import FinetuneRecipe


def write_phantom_claims(path: Path, *, train: int = 24, validation: int = 12) -> Path:
    studies = phantom_studies(train, split="train", seed=1) + phantom_studies(validation, split="validation", seed=1)
    write_claims(build_examples(studies, seed=1, balanced=False).examples, path)
    return path


def example(text: str, *false: str, study: str = "s1", polarity: str = "present", **fields) -> Example:
    """One line: a true statement about edema, and statements that are false."""
    return Example.model_validate(
        {
            "study_id": study,
            "patient_id": f"p-{study}",
            "image": f"{study}.png",
            "claim": Claim(finding="Edema", polarity=polarity),
            "text": text,
            "contradictions": tuple(Contradiction(text=other, kind="polarity") for other in false),
        }
        | fields
    )


def recipe(data: Path, model: Path | str = "demo", **fields) -> FinetuneRecipe:
    """Few, small steps on the CPU, without a tracker."""
    small = {
        "steps": 6,
        "batch_size": 4,
        "compared_images": 8,
        "validate_every": 3,
        "checkpoint_every": 2,
        "rank": 8,
        "alpha": 16,
    }
    return FinetuneRecipe.model_validate(
        {"model": str(model), "data": data, "device": "cpu", "tracker": "none", "validation_studies": 8}
        | small
        | fields
    )


class Notes:
    """A Reporter that keeps metrics by step, merged, and labels of progress."""

    def __init__(self) -> None:
        self.steps: dict[int, dict[str, float]] = {}
        self.labels: list[str] = []

    def progress(self, done: int, total: int, label: str = "") -> None:
        self.labels.append(label)

    def metrics(self, step: int, **values: float) -> None:
        self.steps.setdefault(step, {}).update(values)

    def say(self, line: str) -> None: ...

    def curve(self, name: str) -> Sequence[float]:
        return [values[name] for _, values in sorted(self.steps.items()) if name in values]
