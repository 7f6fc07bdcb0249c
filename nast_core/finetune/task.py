"""What training is given: text layers opened to it, batches, frozen vectors, and what is watched."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from peft import PeftModel

from nast_core.data.studies import Split
from nast_core.errors import DataError
from nast_core.finetune.arms import ARMS
from nast_core.finetune.batches import Sampler, TextSampler
from nast_core.finetune.checkpoint import checkpoint_identity
from nast_core.finetune.encoding import TextEncoder
from nast_core.finetune.evaluation import Encode, Panel, make_panel
from nast_core.finetune.loop import MemoryWatch, Task
from nast_core.finetune.lora import attach_lora, attention_adapters, hold_output_projections
from nast_core.finetune.parameters import layer_parameters, unfreeze_layers
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.teacher import Teach, teach_by
from nast_core.finetune.teaching import Lessons
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


def _text_samplers(recipe: FinetuneRecipe, lessons: Lessons) -> tuple[TextSampler, TextSampler]:
    training, validation = (
        TextSampler(texts, np.arange(len(texts)), min(recipe.batch_size, len(texts)), recipe.seed)
        for texts in (lessons.train, lessons.validation)
    )
    return training, validation


def samplers(recipe: FinetuneRecipe, material: Material) -> tuple[Sampler, Sampler] | tuple[TextSampler, TextSampler]:
    """Batches to train and to validate on, of studies or of texts. Raises DataError as ``study_samplers`` does."""
    if material.lessons is not None:
        return _text_samplers(recipe, material.lessons)
    return study_samplers(recipe, material)


def study_samplers(recipe: FinetuneRecipe, material: Material) -> tuple[Sampler, Sampler]:
    """Batches of the training and of the validation studies. Raises DataError where fewer than two have an image."""
    studies = (*material.data.train, *material.data.validation)

    def sampler(split: Split, *, alone: int = 0) -> Sampler:
        numbers = _readable(material, split)
        if len(numbers) < 2:
            name, why = next(iter(material.unreadable.items()))
            raise DataError(f"fewer than 2 {split} studies have an image that can be read; first fault: {name}: {why}")
        return Sampler(
            studies,
            numbers,
            material.data.truth,
            min(recipe.batch_size, len(numbers)),
            compared=recipe.compared_images,
            captions=recipe.captions_per_image,
            claims=recipe.claims_per_image,
            seed=recipe.seed,
            alone=alone,
            denials=recipe.objective == "paper",
        )

    return sampler("train", alone=recipe.statement_steps), sampler("validation")


def _readable(material: Material, split: Split) -> Int[np.ndarray, " study"]:
    """Numbers of the studies of a split, train before validation, that have an image which can be read."""
    studies, first = (*material.data.train, *material.data.validation), len(material.data.train)
    of_split = range(first) if split == "train" else range(first, len(studies))
    return np.array([i for i in of_split if studies[i].image in material.features], int)


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
    device = encoder.text.device
    training, validation = samplers(recipe, material)

    @torch.no_grad()
    def vectors(texts: Sequence[str], of: Teach, label: str) -> torch.Tensor:
        parts = [torch.zeros(0, encoder.text.dim, device=device)]
        for begin in range(0, len(texts), _TEXTS):
            report.progress(begin, len(texts), label)
            parts.append(of(texts[begin : begin + _TEXTS]))
        return torch.cat(parts)

    if like is None:
        panel = _panel(material, lambda texts: vectors(texts, encode, "Validation texts, frozen encoder"))
        steps = recipe.steps if ARMS[recipe.arm].trains else 0
        used = chain(map(training.batch, range(steps)), map(validation.batch, range(validation.epoch)))  # one at a time
        anchors = sorted({batch.texts[i] for batch in used for i in batch.kept})
        if recipe.teacher is None:
            kept = vectors(anchors, encode, "Training texts, frozen encoder")
        else:
            teach = teach_by(recipe.teacher, encoder, material.data.vocabulary)
            kept = vectors(anchors, teach, f"Training texts, {recipe.teacher}")
        frozen = dict(zip(anchors, kept.unbind(), strict=True))
    studies = (*material.data.train, *material.data.validation) if material.lessons is None else ()
    nothing = torch.zeros(0, encoder.text.dim)
    images = [material.features.get(study.image, torch.zeros(encoder.text.dim)) for study in studies]
    return Task(
        recipe=recipe,
        accelerator=encode.accelerator,
        encode=encode,
        layers=layer_parameters(encoder.text),
        weights=weights,
        scale=encoder.logit_scale or SCALE,
        images=(torch.stack(images) if images else nothing).to(device),
        frozen=like.frozen if like else frozen,
        training=training,
        validation=validation,
        panel=like.panel if like else panel,
        identity=checkpoint_identity(recipe, encoder.fingerprint),
        checkpoint=checkpoint,
    )


def _panel(material: Material, frozen: Encode) -> Panel | None:
    """What is watched of the validation studies; None where too few have an image: texts alone may be learnt from."""
    data, numbers = material.data, _readable(material, "validation")
    if len(numbers) < 2:
        return None
    studies = (*data.train, *data.validation)
    return make_panel(
        [studies[i] for i in numbers],
        numbers,
        data.truth,
        material.features,
        material.items,
        frozen,
        material.cues,
        data.vocabulary,
        taught=material.denials,
    )
