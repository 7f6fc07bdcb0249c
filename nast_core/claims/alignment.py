"""General alignment, kept or lost: zero-shot AUROC, affirmative retrieval, and how far affirmative texts moved
(method.md section 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.claims.evidence import Evidence
from nast_core.claims.prompts import presence_prompt, prompt_scores
from nast_core.claims.retrieval import MEASURES, rank_quality
from nast_core.errors import BenchmarkError
from nast_core.models.encoder import DualEncoder
from nast_core.statistics.auroc import auroc, auroc_resamples, interval, mean_of_defined
from nast_core.statistics.rates import RESAMPLES, Rate, difference, rate
from nast_core.vocabulary.model import Vocabulary


@dataclass(frozen=True)
class ZeroShot:
    """AUROC of the presence prompt per condition, with resamples kept so that two models can be compared."""

    conditions: tuple[str, ...]
    values: Float[np.ndarray, " condition"]
    resampled: Float[np.ndarray, "resample condition"]
    n: tuple[int, ...]  # images with a known label

    def rates(self) -> dict[str, Rate]:
        """By condition, and "macro"."""
        return _rates(self.conditions, self.values, self.resampled, self.n)

    def minus(self, other: "ZeroShot") -> dict[str, Rate]:
        """Differences on the same images, patients drawn alike."""
        return _rates(self.conditions, self.values - other.values, self.resampled - other.resampled, self.n)


def _rates(conditions: Sequence[str], values: np.ndarray, resampled: np.ndarray, n: Sequence[int]) -> dict[str, Rate]:
    by_condition = {c: interval(float(values[i]), resampled[:, i], n[i]) for i, c in enumerate(conditions)}
    overall = interval(float(mean_of_defined(values)), mean_of_defined(resampled, 1), max(n, default=0))
    return by_condition | {"macro": overall}


def zero_shot(
    model: DualEncoder,
    images: Float[Tensor, "image dim"],
    presence: Float[np.ndarray, "image condition"],
    patients: Sequence[str],
    conditions: Sequence[str],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    vocabulary: Vocabulary | None = None,
) -> ZeroShot:
    """``presence``: 1, 0, or NaN where unknown. The prompt pair: the condition's nouns, and its affirmative absence."""
    score = prompt_scores(model, images, [presence_prompt(condition, vocabulary) for condition in conditions])
    return ZeroShot(
        tuple(conditions),
        np.array([auroc(presence[:, i], score[:, i]) for i in range(len(conditions))]),
        auroc_resamples(presence, score, patients, resamples=resamples, seed=seed),
        tuple((~np.isnan(presence)).sum(0).tolist()),
    )


@dataclass(frozen=True)
class Alignment:
    """What one model knows of images apart from negation."""

    zero_shot: ZeroShot
    retrieval: pd.DataFrame  # a row an affirmative statement as a query: patient_id, R@1, R@5, R@10, AP
    texts: Float[Tensor, "text dim"]  # unit vectors of the distinct affirmative statements
    patients: tuple[str, ...]  # of whose study each of those texts was first said

    def summary(self, *, seed: int = 0) -> dict:
        table = self.retrieval
        retrieval = {name: rate(table[name], table.patient_id, seed=seed)._asdict() for name in MEASURES}
        return {
            "zero_shot_auroc": {name: value._asdict() for name, value in self.zero_shot.rates().items()},
            "affirmative_retrieval": {"mAP" if name == "AP" else name: value for name, value in retrieval.items()},
        }


def measure_alignment(
    model: DualEncoder,
    evidence: Evidence,
    images: Mapping[str, Float[Tensor, " dim"]],
    *,
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
    seed: int = 0,
) -> Alignment:
    """``images``: unit vectors of every image of ``evidence``. ``texts``: of its statements, where they are at hand."""
    everything = torch.stack([images[name] for name in evidence.images.image])
    patients = evidence.images.patient_id.tolist()
    conditions = evidence.conditions
    presence = evidence.presence_of(conditions)
    known = zero_shot(model, everything, presence, patients, conditions, seed=seed, vocabulary=evidence.vocabulary)
    gallery = evidence.gallery(seed)
    affirmative = [row for row, cue in enumerate(gallery.cues) if cue is None]
    statements = [gallery.statements[row] for row in affirmative]
    vectors = everything[:0]  # of no statement, where all deny something
    if statements:
        vectors = model.encode_texts(statements) if texts is None else torch.stack([texts[text] for text in statements])
    image_vectors = torch.stack([images[name] for name in gallery.images.image])
    quality = rank_quality(model.score(vectors, image_vectors).numpy(), gallery.holds[affirmative])
    place = pd.Series(range(len(affirmative)), index=affirmative)
    queries = gallery.sources[gallery.sources.statement.isin(affirmative)].reset_index(drop=True)
    table = queries.join(quality, on=queries.statement.map(place).rename("row"))
    first = gallery.sources.drop_duplicates("statement").set_index("statement").patient_id
    return Alignment(known, table, vectors, tuple(first[affirmative]))


def compare_alignment(before: Alignment, after: Alignment, *, seed: int = 0) -> dict:
    """Before, after and difference, each {value, low, high, n}, and the mean cosine of the affirmative texts.

    Both must be measured on the same evidence. Raises BenchmarkError where their text vectors cannot be compared.
    """
    if before.texts.shape != after.texts.shape:
        raise BenchmarkError(
            f"text vectors of {before.texts.shape[1]} and {after.texts.shape[1]} numbers have no cosine; compare a "
            "model with the one it was fine-tuned from"
        )
    first, second = before.retrieval, after.retrieval
    changes = {
        "mAP" if name == "AP" else name: difference(second[name], first[name], first.patient_id, seed=seed)._asdict()
        for name in MEASURES
    }
    cosine = (before.texts * after.texts).sum(-1).double().numpy()
    return {
        "before": before.summary(seed=seed),
        "after": after.summary(seed=seed),
        "difference": {
            "zero_shot_auroc": {n: v._asdict() for n, v in after.zero_shot.minus(before.zero_shot).items()},
            "affirmative_retrieval": changes,
        },
        "text_cosine": rate(cosine, before.patients, seed=seed)._asdict(),
    }
