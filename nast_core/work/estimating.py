"""What the parts of a fine-tune cost here: tried for a few seconds on its own texts, with a model of its own."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn import functional as F

from nast_core.benchmark.scoring import distinct_texts
from nast_core.claims.claim import Example
from nast_core.dataset.opened import open_dataset
from nast_core.encoding.cache import default_cache
from nast_core.encoding.images import encode_named, phantom_of, uncached
from nast_core.errors import DataError
from nast_core.finetune.batches import Batch, Sampler
from nast_core.finetune.data import Said, Study, TrainingData, said_by, training_data
from nast_core.finetune.encoding import Lengths, TextEncoder
from nast_core.finetune.estimate import Amounts, Costs
from nast_core.finetune.evaluation import Panel, make_panel, measure
from nast_core.finetune.loop import Task, training_step
from nast_core.finetune.lora import attention_adapters
from nast_core.finetune.parameters import layer_parameters, make_optimizer
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.task import SCALE, open_up, precision_of_steps, study_samplers
from nast_core.finetune.training_files import Material, read_statements, vocabulary_of_statements
from nast_core.models.encoder import DualEncoder
from nast_core.opening import load_model

_PROCESS = 8.0  # seconds until a process has started and imported its libraries
_DISK = 200e6  # bytes a second of a checkpoint
_ENOUGH = 0.4  # seconds that a trial should take at least, to say anything
_STUDIES = 48  # of each split, and questions, that are read
_BATCHES = 6  # drawn of a kind, for the mean of their texts
_IMAGES = 4  # encoded
_LOOKED_UP = 64  # image files looked for in the cache; phantoms are all looked for
_COUNTS = (  # what decides how long a part takes; how often it comes up, ``estimate`` counts
    {"model", "device", "precision", "dataset", "data", "images", "items", "validation_studies"}
    | {"objective", "method", "optimizer", "batch_size", "compared_images", "captions_per_image", "claims_per_image"}
)
Thing = TypeVar("Thing")


class Tried(NamedTuple):
    """What ``estimate.seconds_of`` needs beside the recipe."""

    costs: Costs
    amounts: Amounts


def what_is_tried(recipe: FinetuneRecipe) -> FinetuneRecipe:
    """The recipe with all that a trial does not depend on set to one value: recipes alike in this need one trial."""
    fields = FinetuneRecipe.model_fields
    return recipe.model_copy(update={name: fields[name].default for name in fields.keys() - _COUNTS})


def try_out(recipe: FinetuneRecipe, *, runs: Path | None = None) -> Tried:
    """Takes a few steps and a look at validation texts, and forgets what was learnt. ``runs``: where run:ID are.

    Raises the NastErrors that the run itself would: of the model, the files, the memory.
    """
    recipe = what_is_tried(recipe).model_copy(update={"learning_rate": 1e-9})
    began = time.perf_counter()
    encoder = load_model(recipe.model, runs=runs, device=recipe.device)
    start = _PROCESS + time.perf_counter() - began
    part = _read(recipe, encoder)
    images = _image_seconds(recipe.images or open_dataset(recipe.dataset).images, encoder, part.images)
    accelerator = Accelerator(cpu=encoder.text.device.type == "cpu")
    open_up(encoder, recipe)
    encode = TextEncoder(encoder.text, accelerator, attention_adapters(encoder.module), part.material.lengths)
    encode = encode.computing_in(precision_of_steps(recipe, encode, part.material).bf16)
    task = _task(recipe, encoder, part.material, encode)
    learn, update, draw = _step(task)
    weights = sum(p.numel() * p.element_size() for layer in task.layers for p in layer.values())
    costs = Costs(
        start=start,
        read=part.seconds,
        images=images,
        draw=draw,
        learn=learn,
        update=update,
        encode=_look(task, part.material),
        save=3 * weights / _DISK,  # with the optimizer's two means
    )
    return Tried(costs, _amounts(task, part))


class _Part(NamedTuple):
    """Some of what the run will read, and how many times as much there is of it."""

    material: Material
    images: list[str]  # all there are
    train: float
    validation: float
    items: float
    seconds: float  # to read it all


def _read(recipe: FinetuneRecipe, encoder: DualEncoder) -> _Part:
    began = time.perf_counter()
    said, items = read_statements(recipe)
    examples = [e for e in said if e.split != "test" and e.image is not None]
    reading = time.perf_counter() - began
    image_of = {split: {e.study_id: e.image for e in examples if e.split == split} for split in ("train", "validation")}
    train, validation = map(list, image_of.values())
    some = {
        *_spread(train, max(_STUDIES, recipe.compared_images, recipe.batch_size)),
        *_spread(validation, max(_STUDIES, recipe.batch_size)),
    }
    lengths = Lengths(encoder.text)
    data, preparing = _prepared(recipe, examples, [e for e in examples if e.study_id in some], lengths)
    validated = min(len(validation), recipe.validation_studies)
    some_items = _spread(items, _STUDIES)
    images = [image_of["train"][s] for s in train] + [image_of["validation"][s] for s in validation[:validated]]
    studies, noise = (*data.train, *data.validation), torch.Generator().manual_seed(0)
    features = {
        name: F.normalize(torch.randn(encoder.text.dim, generator=noise), dim=-1)
        for name in [study.image for study in studies] + [item.image for item in some_items]
    }
    return _Part(
        Material(data, some_items, features, {}, {}, lengths),
        [name for name in dict.fromkeys([*images, *(item.image for item in items)]) if name],
        len(train) / len(data.train),
        validated / len(data.validation),
        len(items) / max(len(some_items), 1),
        reading + preparing,
    )


def _prepared(
    recipe: FinetuneRecipe, examples: Sequence[Example], some: Sequence[Example], lengths: Lengths
) -> tuple[TrainingData, float]:
    """Training data of some lines, and the seconds that it takes to make it of all."""

    def prepare(lines: Sequence[Example]) -> tuple[TrainingData, float]:
        began = time.perf_counter()
        data = training_data(
            lines,
            most_validation=recipe.validation_studies,
            seed=recipe.seed,
            fits=lambda text: lengths(text) is not None,
            vocabulary=vocabulary_of_statements(recipe),
        )
        return data, (time.perf_counter() - began) * len(examples) / len(lines)

    try:
        return prepare(some)
    except DataError:  # what can be read is too little of these; of all it may be enough
        return prepare(examples)


def _spread(things: Sequence[Thing], most: int) -> list[Thing]:
    """At most so many of them, from first to last."""
    if len(things) <= most:
        return list(things)
    return [things[int(i)] for i in np.linspace(0, len(things) - 1, most)]


def _image_seconds(folder: Path | None, encoder: DualEncoder, names: list[str]) -> float:
    """To encode the images whose vectors are not kept yet; a few are, and are not kept."""
    looked = names if all(map(phantom_of, names)) else _spread(names, _LOOKED_UP)
    missing = uncached(encoder, looked, folder, default_cache())
    if not missing:
        return 0.0
    some = _spread(missing, _IMAGES)
    encode_named(encoder, some[:1], folder)  # cold
    began = time.perf_counter()
    encode_named(encoder, some, folder)
    return (time.perf_counter() - began) / len(some) * len(missing) * len(names) / len(looked)


class _Zeros(dict[str, Tensor]):
    """Stands for the frozen encoder's vectors, which cost a step nothing."""

    def __init__(self, dim: int, device: torch.device):
        super().__init__()
        self._zero = torch.zeros(dim, device=device)

    def __missing__(self, text: str) -> Tensor:
        return self._zero


def _task(recipe: FinetuneRecipe, encoder: DualEncoder, material: Material, encode: TextEncoder) -> Task:
    training, validation = study_samplers(recipe, material)
    studies, device = training.studies, encoder.text.device
    return Task(
        recipe=recipe,
        accelerator=encode.accelerator,
        encode=encode,
        layers=layer_parameters(encoder.text),
        weights=np.ones(encoder.text.n_layers),
        scale=encoder.logit_scale or SCALE,
        images=torch.stack([material.features[study.image] for study in studies]).to(device),
        frozen=_Zeros(encoder.text.dim, device),
        training=training,
        validation=validation,
        panel=_panel(validation, material, len(validation.numbers)),
        identity="",
        checkpoint=Path(),
    )


def _panel(validation: Sampler, material: Material, size: int, items: int = 0) -> Panel:
    numbers = validation.numbers[:size]
    return make_panel(
        [validation.studies[i] for i in numbers],
        numbers,
        material.data.truth,
        material.features,
        material.items[:items],
        lambda texts: torch.zeros(len(texts), len(next(iter(material.features.values())))),
        material.data.cues,
        material.data.vocabulary,
        taught=material.denials,
    )


def _of_studies(task: Task) -> tuple[Sampler, Sampler]:
    """What a trial draws from: texts alone are not tried."""
    assert isinstance(task.training, Sampler)
    assert isinstance(task.validation, Sampler)
    return task.training, task.validation


def _step(task: Task) -> tuple[float, float, float]:
    """Seconds a token of a step, of the optimizer's update, and of drawing a batch."""
    parameters = [p for layer in task.layers for p in layer.values()]
    optimizer = make_optimizer(task.layers, task.weights, task.recipe)
    training, _ = _of_studies(task)

    @cache
    def batch(size: int) -> Batch:
        return training._replace(size=size, alone=0).batch(0)

    size, seconds = _lasting(
        lambda size: training_step(task, batch(size), task.recipe.steps, parameters, optimizer),
        batch,
        training.size,
    )
    update = min(_timed(optimizer.step) for _ in range(2))
    draw = min(_timed(lambda: training.batch(0)) for _ in range(3))
    return max(seconds - update, 0.0) / task.encode.cost(batch(size).texts), update, draw


def _look(task: Task, material: Material) -> float:
    """Seconds a token of the texts that a validation scores."""

    _, validation = _of_studies(task)

    @cache
    def panel(size: int) -> Panel:
        return _panel(validation, material, size, items=size)

    size, seconds = _lasting(lambda size: measure(panel(size), task.encode), panel, len(validation.numbers))
    return seconds / task.encode.cost(panel(size).texts)


def _lasting(work: Callable[[int], object], prepare: Callable[[int], object], most: int) -> tuple[int, float]:
    """A size, of ``most`` at most, at which ``work`` lasts long enough to be timed once it is warm; and its seconds."""
    size = min(2, most)
    work(size)  # cold
    while True:
        prepare(size)
        seconds = min(_timed(partial(work, size)) for _ in range(2))  # a page being drawn disturbs
        if seconds >= _ENOUGH or size == most:
            return size, seconds
        size = min(most, 4 * size)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _said_of(study: Study) -> Iterator[Said]:
    for caption in study.captions:
        yield caption.true
        if caption.false is not None:
            yield caption.false
    for example in study.examples:
        yield said_by(example)
        yield from map(said_by, example.contradictions)


def _amounts(task: Task, part: _Part) -> Amounts:
    encode, material = task.encode, part.material
    training, validation = _of_studies(task)
    panel = _panel(validation, material, len(validation.numbers))
    texts = [panel.texts[i] for i in panel.kept]
    worded = set(panel.wording.texts)  # as many, however many studies there are
    epoch = max(1, round(validation.epoch * part.validation))
    alone, together, watched = (
        [sampler.batch(step) for step in range(_BATCHES)]
        for sampler in (training._replace(alone=_BATCHES), training._replace(alone=0), validation)
    )

    def tokens(batches: Sequence[Batch]) -> float:
        return float(np.mean([encode.cost(batch.texts) for batch in batches]))

    def kept_of(batches: Sequence[Batch]) -> float:
        return float(np.mean([len(batch.kept) for batch in batches]))

    affirmative = {one.text for study in material.data.train for one in _said_of(study) if one.affirmative}
    return Amounts(
        alone=tokens(alone),
        together=tokens(together),
        panel=encode.cost([text for text in panel.texts if text not in worded]) * part.validation
        + encode.cost(distinct_texts(material.items)) * part.items
        + encode.cost(panel.wording.texts),
        panel_kept=encode.cost(texts) * part.validation,
        watched=tokens(watched) * epoch,
        watched_batches=epoch,
        kept_alone=kept_of(alone),
        kept_together=kept_of(together),
        kept_watched=kept_of(watched) * epoch,
        kept_studies=len(affirmative) * part.train,
        kept_text=encode.cost(sorted(affirmative)) / max(len(affirmative), 1),
    )
