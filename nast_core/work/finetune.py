"""Kind ``finetune``: from files to an adapter, its card, and its figures before and after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nast_core.finetune.arms import ARMS
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.recipe import Reporter, run_name
from nast_core.runs.kinds import Kind
from nast_core.work.precision import said, settled
from nast_core.work.results import summary

if TYPE_CHECKING:
    from nast_core.finetune.adapter import Record
    from nast_core.finetune.loop import Progress
    from nast_core.finetune.parameters import Moves
    from nast_core.finetune.task import Layers
    from nast_core.finetune.training_files import Material
    from nast_core.models import DualEncoder
    from nast_core.runs.store import Run

__all__ = ["FINETUNE", "FinetuneRecipe", "Tuned", "finetune"]


class Tuned(NamedTuple):
    """What a fine-tune made."""

    spec: str  # run:ID, as load_model takes it
    figures: dict[str, float | None]  # of the validation studies: NAME, and NAME_before
    summary: dict[str, Any]  # summary.json: figures, steps, and each layer's weight and change


def finetune(recipe: FinetuneRecipe, folder: Path, report: Reporter, model: object = None) -> dict[str, float]:
    """Trains, or goes on training, and leaves in ``folder``: adapter/ with its model card, and summary.json.

    Figures are those of the validation studies: ``NAME`` after training and ``NAME_before``. Raises NastErrors, one
    sentence each, for what the recipe, trace, data, memory or disk do not allow, and Cancelled as the reporter does.
    """
    from nast_core.files.writing import write_text
    from nast_core.finetune.adapter import ADAPTER, save_adapter
    from nast_core.finetune.card import model_card
    from nast_core.finetune.checkpoint import NAME, parameter_state
    from nast_core.finetune.encoding import TextEncoder
    from nast_core.finetune.loop import Progress, train, watch
    from nast_core.finetune.lora import attention_adapters
    from nast_core.finetune.parameters import layer_moves
    from nast_core.finetune.task import make_task, open_up, precision_of_steps
    from nast_core.finetune.trackers import TrackingReporter, accelerator_for
    from nast_core.finetune.training_files import read_material
    from nast_core.finetune.weights import recipe_weights
    from nast_core.models.precision import check
    from nast_core.opening import load_model
    from nast_core.repair.repaired import has_weights_to_train

    accelerator = accelerator_for(recipe, folder)
    report = TrackingReporter(report, accelerator)
    encoder = load_model(recipe.model, runs=folder.parent, device=recipe.device)
    has_weights_to_train(encoder)
    check(recipe.precision, encoder.text.device)  # before the images, which may take long
    weights = recipe_weights(recipe, encoder, runs=folder.parent)
    material = read_material(recipe, encoder, accelerator, report)
    record = _record(recipe, encoder, weights, material)
    adapted = open_up(encoder, recipe)
    encode = TextEncoder(encoder.text, accelerator, attention_adapters(encoder.module), material.lengths)
    decided = settled(recipe, folder, report, lambda: {"training": precision_of_steps(recipe, encode, material)})
    encode = encode.computing_in(any(choice.bf16 for choice in decided.values()))
    task = make_task(recipe, encoder, material, encode, weights, report, folder / NAME)
    start = parameter_state(task.layers)
    before = watch(task)
    report.metrics(0, **{f"validation_{name}": value for name, value in before.items()})
    stands = train(task, report) if ARMS[recipe.arm].trains else Progress()
    after = watch(task)
    if accelerator.is_main_process:
        moved = layer_moves(encoder.text, start)
        save_adapter(folder / ADAPTER, encoder, adapted, record)
        card = model_card(record, material, before, after, stands, moved, said(decided))
        write_text(folder / ADAPTER / "README.md", card)
        write_text(
            folder / "summary.json", json.dumps(_summary(material, before, after, stands, weights, moved), indent=2)
        )
    accelerator.end_training()
    return after | {f"{name}_before": value for name, value in before.items()} | {"steps": stands.step}


def _record(recipe: FinetuneRecipe, encoder: DualEncoder, weights: Layers, material: Material) -> Record:
    from nast_core.finetune.adapter import Record

    return Record(
        base=recipe.model,
        base_name=encoder.card.name,
        base_revision=encoder.card.revision,
        base_licence=encoder.card.licence,
        base_fingerprint=encoder.fingerprint,
        recipe=recipe,
        layer_weights=tuple(map(float, weights)),
        cues=tuple(sorted(material.denials)),
    )


def _summary(
    material: Material,
    before: dict[str, float],
    after: dict[str, float],
    stands: Progress,
    weights: Layers,
    moved: Moves,
) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "steps": stands.step,
        "best_step": stands.best_step,
        "layers": [
            {"layer": number, "weight": float(weight), "change": float(change), "share": float(share)}
            for number, (weight, change, share) in enumerate(
                zip(weights, moved.relative, moved.shares, strict=True), start=1
            )
        ],
        "train_studies": len(material.data.train) if material.lessons is None else 0,
        "train_texts": len(material.lessons.train) if material.lessons else 0,
        "validation_studies": len(material.data.validation),
        "lines_without_image": material.data.imageless,
        "lines_too_long": material.data.unread,
        "unreadable": material.unreadable,
        "doubtful": material.doubtful,
    }


def result(run: Run) -> Tuned:
    return Tuned(run_name(run.id), run.status.figures, summary(run))


FINETUNE = Kind(
    FinetuneRecipe, "Fine-tune", "an adapter with its model card, and figures before and after", finetune, result
)
