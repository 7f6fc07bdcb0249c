"""What a recipe learns from: its files read and checked, and every image encoded once."""

from collections.abc import Mapping
from typing import NamedTuple

from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.items import Item, read_items
from nast_core.claims.claim import Example
from nast_core.claims.examples import read_claims
from nast_core.dataset.interface import Dataset
from nast_core.dataset.opened import open_dataset
from nast_core.encoding.images import in_doubt
from nast_core.errors import DataError
from nast_core.finetune.data import TrainingData, nothing, training_data
from nast_core.finetune.encoding import Lengths
from nast_core.finetune.features import image_features
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.teaching import MOST, READ, Lessons, lessons
from nast_core.models.encoder import DualEncoder
from nast_core.recipe import Reporter
from nast_core.vocabulary.beside import vocabulary_of
from nast_core.vocabulary.model import Vocabulary


class Material(NamedTuple):
    """Training and validation studies, validation items, and a unit vector for every image that can be read."""

    data: TrainingData
    items: list[Item]  # those whose image can be read
    features: Mapping[str, Float[Tensor, " dim"]]
    unreadable: dict[str, str]  # image -> why it cannot be read
    doubtful: dict[str, str]  # image -> why it may not show what it should
    lengths: Lengths
    source: str = ""  # what was learnt from, as the model card says it
    lessons: Lessons | None = None  # texts, where these are learnt from; studies are then watched alone

    @property
    def cues(self) -> frozenset[str]:
        """Every negation cue that a training text has."""
        return self.data.cues if self.lessons is None else self.lessons.cues

    @property
    def denials(self) -> frozenset[str]:
        """Those that deny a finding there."""
        return self.data.denials if self.lessons is None else self.lessons.cues


def read_material(recipe: FinetuneRecipe, encoder: DualEncoder, accelerator: Accelerator, report: Reporter) -> Material:
    """Raises DataError or BenchmarkError for files that do not hold what they should, and for a patient of the items
    who is trained on."""
    lengths, dataset = Lengths(encoder.text), open_dataset(recipe.dataset)
    by_text = recipe.objective == "distil"
    if by_text:
        report.progress(0, 1, "Sentences to learn from")
    lessons = read_lessons(recipe, lengths) if by_text else None
    try:
        data, items = _read_data(recipe, lengths)
    except DataError as error:
        if not by_text or recipe.data or recipe.items:
            raise
        report.say(f"watched by texts alone: {error}")
        data, items = nothing(dataset.vocabulary), []
    watched = data.validation if by_text else (*data.train, *data.validation)
    doubts: dict[str, str] = {}
    features, unreadable = image_features(
        encoder,
        [study.image for study in watched] + [item.image for item in items],
        recipe.images or dataset.images,
        rank=accelerator.process_index,
        world=accelerator.num_processes,
        progress=lambda done, total: report.progress(done, total, "Encoding images"),
        doubts=doubts,
    )
    if doubts and accelerator.is_main_process:
        report.say(in_doubt(doubts))
    read = [item for item in items if item.image in features]
    source = lessons.source if lessons else _source(recipe, dataset)
    return Material(data, read, features, unreadable, doubts, lengths, source, lessons)


def read_lessons(recipe: FinetuneRecipe, lengths: Lengths) -> Lessons:
    """The texts of objective distil, in the number that its steps read. Raises DataError as ``lessons`` does."""
    return lessons(
        vocabulary_of_statements(recipe),
        texts=recipe.texts or "grammar",
        reports=recipe.reports,
        without_cues=recipe.without_cues,
        most=min(MOST, -(-recipe.steps * recipe.batch_size // READ)),
        seed=recipe.seed,
        fits=lambda text: lengths(text) is not None,
        teacher=(recipe.teacher or "").partition("(")[0],
    )


def _read_data(recipe: FinetuneRecipe, lengths: Lengths) -> tuple[TrainingData, list[Item]]:
    examples, items = read_statements(recipe)
    data = training_data(
        examples,
        most_validation=recipe.validation_studies,
        seed=recipe.seed,
        fits=lambda text: lengths(text) is not None,
        vocabulary=vocabulary_of_statements(recipe),
    )
    trained = set() if recipe.objective == "distil" else {study.patient_id for study in data.train}
    if shared := sorted({item.patient_id for item in items} & trained):
        raise DataError(
            f"{len(shared)} patients of the validation items are trained on, first {shared[0]}; give items of others"
        )
    return data, items


def read_statements(recipe: FinetuneRecipe) -> tuple[list[Example], list[Item]]:
    """What is learnt from and chosen by, and the questions that are watched: of the recipe's files, or its dataset."""
    if recipe.data is None:
        dataset = open_dataset(recipe.dataset)
        own = read_items(recipe.items) if recipe.items else dataset.watched(recipe.seed)
        return dataset.training(recipe.seed), own
    return read_claims(recipe.data), read_items(recipe.items) if recipe.items else []


def vocabulary_of_statements(recipe: FinetuneRecipe) -> Vocabulary:
    """The vocabulary of what is learnt from."""
    return open_dataset(recipe.dataset).vocabulary if recipe.data is None else vocabulary_of(recipe.data)


def _source(recipe: FinetuneRecipe, dataset: Dataset) -> str:
    if recipe.data is not None:
        return str(recipe.data)
    return f"the dataset {dataset.name} ({dataset.spec}, fingerprint `{dataset.fingerprint[:12]}`)"
