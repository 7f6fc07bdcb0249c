"""What training is given: text layers opened to it, batches, frozen vectors, and what is watched."""

from itertools import chain
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from peft import PeftModel

from nast_core.errors import DataError
from nast_core.finetune.arms import ARMS
from nast_core.finetune.batches import Sampler
from nast_core.finetune.checkpoint import checkpoint_identity
from nast_core.finetune.encoding import TextEncoder
from nast_core.finetune.evaluation import make_panel
from nast_core.finetune.loop import MemoryWatch, Task
from nast_core.finetune.lora import attach_lora, attention_adapters, hold_output_projections
from nast_core.finetune.parameters import layer_parameters, unfreeze_layers
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.training_files import Material
from nast_core.models.encoder import DualEncoder
from nast_core.models.precision import Choice, choose, stored
from nast_core.models.registry import DTYPES
from nast_core.recipe import Reporter

SCALE = 1 / 0.07  # of the cosine in the loss, CLIP's at its own start, for models that have no logit scale
_TEXTS = 1024  # texts between two signs of progress
Layers = Float[np.ndarray, " layer"]


def open_up(encoder: DualEncoder, recipe: FinetuneRecipe) -> PeftModel | None:
    """Makes the text layers trainable, their weights in the recipe's precision: by adapters, which are returned, or as
    they are."""
    encoder.dtype = DTYPES[stored(recipe.precision)]
    encoder.module.to(encoder.dtype)
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


def precision_of_steps(recipe: FinetuneRecipe, encode: TextEncoder, material: Material) -> Choice:
    """What training is to be computed in, tried on the texts of the first step.
    Raises ModelError as ``choose`` does."""
    trained = [p for layer in layer_parameters(encode.tower) for p in layer.values()]
    texts = samplers(recipe, material)[0].batch(0).texts

    def work(size: int, bf16: bool) -> None:
        with MemoryWatch():  # where memory is short, the first step says so
            total = encode.computing_in(bf16).encode(sorted(texts[:size], key=encode.length)).sum()
            total.backward()
            float(total.detach())  # until the device is done
        for parameter in trained:
            parameter.grad = None

    return choose(
        recipe.precision, encode.tower.device, (recipe.model, recipe.method, recipe.targets), work, len(texts)
    )


def samplers(recipe: FinetuneRecipe, material: Material) -> tuple[Sampler, Sampler]:
    """Batches of the training and of the validation studies. Raises DataError where fewer than two have an image."""
    data = material.data
    studies, first = (*data.train, *data.validation), len(data.train)

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
            denials=recipe.objective == "paper",
        )

    training = sampler(range(first), alone=recipe.statement_steps)
    validation = sampler(range(first, len(studies)))
    for split, part in (("train", training), ("validation", validation)):
        if len(part.numbers) < 2:
            name, why = next(iter(material.unreadable.items()))
            raise DataError(f"fewer than 2 {split} studies have an image that can be read; first fault: {name}: {why}")
    return training, validation


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

    training, validation = samplers(recipe, material)

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
            data.vocabulary,
        )
    )
    if like is None:
        steps = recipe.steps if ARMS[recipe.arm].trains else 0
        used = chain(map(training.batch, range(steps)), map(validation.batch, range(validation.epoch)))  # one at a time
        anchors = sorted({batch.texts[i] for batch in used for i in batch.kept})
        vectors = dict(zip(anchors, frozen(anchors, "Training texts, frozen encoder").unbind(), strict=True))
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
