"""The work of a fine-tuning recipe: from files to an adapter, its card, and its figures before and after."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from peft import PeftModel

from nast_core.errors import DataError
from nast_core.files.writing import write_text
from nast_core.finetune.adapter import ADAPTER, Record, load_base, save_adapter
from nast_core.finetune.batches import Sampler
from nast_core.finetune.card import model_card
from nast_core.finetune.checkpoint import NAME, checkpoint_identity, parameter_state
from nast_core.finetune.encoding import TextEncoder
from nast_core.finetune.evaluation import make_panel, measure
from nast_core.finetune.loop import Progress, Task, train
from nast_core.finetune.lora import attach_lora, attention_adapters, hold_output_projections
from nast_core.finetune.material import Material, read_material
from nast_core.finetune.parameters import layer_changes, layer_parameters, unfreeze_layers
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.trackers import TrackingReporter, accelerator_for
from nast_core.finetune.weights import recipe_weights
from nast_core.models.encoder import DualEncoder
from nast_core.models.registry import DTYPES
from nast_core.runs.recipe import Reporter

SCALE = 1 / 0.07  # of the cosine in the loss, CLIP's at its own start, for models that have no logit scale
_TEXTS = 1024  # texts between two signs of progress
Layers = Float[np.ndarray, " layer"]


def finetune(recipe: FinetuneRecipe, folder: Path, report: Reporter) -> dict[str, float]:
    """Trains, or goes on training, and leaves in ``folder``: adapter/ with its model card, and summary.json.

    Figures are those of the validation studies: ``NAME`` after training and ``NAME_before``. Raises NastErrors, one
    sentence each, for what the recipe, trace, data, memory or disk do not allow, and Cancelled as the reporter does.
    """
    accelerator = accelerator_for(recipe, folder)
    report = TrackingReporter(report, accelerator)
    encoder = load_base(recipe.model, folder.parent, device=recipe.device)
    weights = recipe_weights(recipe, encoder, runs=folder.parent)
    record = _record(recipe, encoder, weights)
    material = read_material(recipe, encoder, accelerator, report)
    adapted = open_up(encoder, recipe)
    encode = TextEncoder(encoder.text, accelerator, attention_adapters(encoder.module), material.lengths)
    task = make_task(recipe, encoder, material, encode, weights, report, folder / NAME)
    start = parameter_state(task.layers)
    before = measure(task.panel, encode)
    report.metrics(0, **{f"validation_{name}": value for name, value in before.items()})
    stands = Progress() if recipe.arm == "frozen" else train(task, report)
    after = measure(task.panel, encode)
    if accelerator.is_main_process:
        moved = layer_changes(encoder.text, start)
        save_adapter(folder / ADAPTER, encoder, adapted, record)
        write_text(folder / ADAPTER / "README.md", model_card(record, material.data, before, after, stands, moved))
        write_text(
            folder / "summary.json", json.dumps(_summary(material, before, after, stands, weights, moved), indent=2)
        )
    accelerator.end_training()
    return after | {f"{name}_before": value for name, value in before.items()} | {"steps": stands.step}


def _record(recipe: FinetuneRecipe, encoder: DualEncoder, weights: Layers) -> Record:
    return Record(
        base=recipe.model,
        base_name=encoder.card.name,
        base_revision=encoder.card.revision,
        base_licence=encoder.card.licence,
        base_fingerprint=encoder.fingerprint,
        recipe=recipe,
        layer_weights=tuple(map(float, weights)),
    )


def open_up(encoder: DualEncoder, recipe: FinetuneRecipe) -> PeftModel | None:
    """Makes the text layers trainable, in the recipe's precision: by adapters, which are returned, or as they are."""
    encoder.module.to(DTYPES[recipe.precision])
    encoder.dtype = DTYPES[recipe.precision]
    adapted = None
    if recipe.method == "lora":
        adapted = attach_lora(
            encoder,
            rank=recipe.rank,
            alpha=recipe.alpha,
            dropout=recipe.dropout,
            targets=recipe.targets,
            seed=recipe.seed,
        )
        hold_output_projections(attention_adapters(encoder.module))
    else:
        unfreeze_layers(encoder.text)
    encoder.module.eval()  # the towers' own dropout stays off: features and frozen vectors were made without
    return adapted


def make_task(
    recipe: FinetuneRecipe,
    encoder: DualEncoder,
    material: Material,
    encode: TextEncoder,
    weights: Layers,
    report: Reporter,
    checkpoint: Path,
    *,
    like: Task | None = None,
) -> Task:
    """Everything that ``train`` needs, before the first step has changed the weights.

    ``like``: a task of the same base, data, seed and steps, whose frozen vectors are taken over: a study has many arms.
    """
    data = material.data
    studies, device = (*data.train, *data.validation), encoder.text.device

    def sampler(split: range, *, alone: int = 0) -> Sampler:
        readable = np.array([i for i in split if studies[i].image in material.features])
        size = min(recipe.batch_size, len(readable))
        return Sampler(
            studies,
            readable,
            data.truth,
            size,
            compared=recipe.compared_images,
            captions=recipe.captions_per_image,
            claims=recipe.claims_per_image,
            seed=recipe.seed,
            alone=alone,
        )

    training = sampler(range(len(data.train)), alone=recipe.statement_steps)
    validation = sampler(range(len(data.train), len(studies)))
    for split, found in (("train", training), ("validation", validation)):
        if len(found.numbers) < 2:
            name, why = next(iter(material.unreadable.items()))
            raise DataError(f"fewer than 2 {split} studies have an image that can be read; first fault: {name}: {why}")

    @torch.no_grad()
    def frozen(texts: list[str], label: str) -> torch.Tensor:
        parts = [torch.zeros(0, encoder.text.dim, device=device)]
        for begin in range(0, len(texts), _TEXTS):
            report.progress(begin, len(texts), label)
            parts.append(encode(texts[begin : begin + _TEXTS]))
        return torch.cat(parts)

    panel = (
        like.panel
        if like
        else make_panel(
            [studies[i] for i in validation.numbers],
            validation.numbers,
            data.truth,
            material.features,
            material.items,
            lambda texts: frozen(list(texts), "Validation texts, frozen encoder"),
            data.cues,
        )
    )
    if like is None:
        steps = 0 if recipe.arm == "frozen" else recipe.steps
        used = chain(map(training.batch, range(steps)), map(validation.batch, range(validation.epoch)))  # one at a time
        kept = sorted({batch.texts[i] for batch in used for i in batch.kept})
        vectors = dict(zip(kept, frozen(kept, "Training texts, frozen encoder").unbind(), strict=True))
    images = torch.stack([material.features.get(s.image, torch.zeros(encoder.text.dim)) for s in studies])
    return Task(
        recipe=recipe,
        accelerator=encode.accelerator,
        encode=encode,
        layers=layer_parameters(encoder.text),
        weights=weights,
        scale=encoder.logit_scale or SCALE,
        images=images.to(device),
        frozen=like.frozen if like else vectors,
        training=training,
        validation=validation,
        panel=panel,
        identity=checkpoint_identity(recipe, encoder.fingerprint),
        checkpoint=checkpoint,
    )


def _summary(
    material: Material,
    before: dict[str, float],
    after: dict[str, float],
    stands: Progress,
    weights: Layers,
    moved: Layers,
) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "steps": stands.step,
        "best_step": stands.best_step,
        "layers": [
            {"layer": number, "weight": float(weight), "change": float(change)}
            for number, (weight, change) in enumerate(zip(weights, moved, strict=True), start=1)
        ],
        "train_studies": len(material.data.train),
        "validation_studies": len(material.data.validation),
        "lines_without_image": material.data.imageless,
        "lines_too_long": material.data.unread,
        "unreadable": material.unreadable,
        "doubtful": material.doubtful,
    }
