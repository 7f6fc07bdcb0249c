"""Two models on the same claims: is negation read, and is what was known of images kept? (method.md sections 6 and
7)"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.claims.alignment import Alignment, ZeroShot, measure_alignment
from nast_core.claims.choices import MEASURES, claim_accuracy
from nast_core.claims.claim import KINDS
from nast_core.claims.evidence import Evidence, without
from nast_core.claims.negated_prompts import STANDARD
from nast_core.claims.prompts import denial_prompt, prompt_scores
from nast_core.claims.ranking import rank_claims
from nast_core.claims.retrieval import rank_quality
from nast_core.claims.wording_figures import wording_changes, wording_figures
from nast_core.encoding.cache import VectorCache
from nast_core.errors import BenchmarkError
from nast_core.models.encoder import DualEncoder
from nast_core.statistics.auroc import auroc, auroc_resamples
from nast_core.statistics.rates import Rate, difference, rate

Vectors = Mapping[str, Float[Tensor, " _dim"]]  # two models' need not be of one length
COLUMNS = ["about", "measure", "a", "a_low", "a_high", "b", "b_low", "b_high", "change", "low", "high", "n"]


def claim_changes(
    a: DualEncoder, b: DualEncoder, sample: Evidence, images_a: Vectors, images_b: Vectors, *, seed: int = 0
) -> pd.DataFrame:
    """A row a measure: its value and interval in A and in B, and the paired change B - A with its interval.

    Measures, all shares: claim ranking by kind; AUROC of "there is no X" for the absence of X, macro; zero-shot AUROC,
    macro; retrieval by affirmative statements, R@5 and mAP; the paper's figures (choices.py): claim accuracy by form,
    and retrieval by denials, R@1 and R@5. 95 % by bootstrap over patients, drawn alike for A and B.
    Images that either model could not read are left out. Raises BenchmarkError where none is left.
    """
    readable = _readable(sample, images_a, images_b)
    both = ((a, images_a), (b, images_b))
    ranked_a, ranked_b = (rank_claims(model, readable.examples, images) for model, images in both)
    known_a, known_b = (measure_alignment(model, readable, images, seed=seed) for model, images in both)
    rows = [
        *_ranking(ranked_a, ranked_b, seed),
        *_macros(both, readable, known_a.zero_shot, known_b.zero_shot, seed),
        *_retrieval(known_a, known_b, seed),
        *_as_the_paper(both, readable, seed),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def wordings_between(
    a: DualEncoder,
    b: DualEncoder,
    sample: Evidence,
    images_a: Vectors,
    images_b: Vectors,
    *,
    seed: int = 0,
    cache: VectorCache | None = None,
) -> pd.DataFrame:
    """How A and B read each wording, as ``wording_changes`` gives it; on the images, and with the errors, of
    ``claim_changes``."""
    readable = _readable(sample, images_a, images_b)
    conditions = readable.conditions
    known = (readable.presence_of(conditions), readable.images.patient_id.tolist(), conditions, readable.vocabulary)
    figures = (
        wording_figures(
            model, torch.stack([images[name] for name in readable.images.image]), *known, cache=cache, seed=seed
        )
        for model, images in ((a, images_a), (b, images_b))
    )
    return wording_changes(*figures)


def _readable(sample: Evidence, images_a: Vectors, images_b: Vectors) -> Evidence:
    """What both models could see of it. Raises BenchmarkError for nothing."""
    readable = without(sample, {name for name in sample.images.image if name not in images_a or name not in images_b})
    if not len(readable.images):
        raise BenchmarkError("none of the claims' images can be read; check the folder of images")
    return readable


def _row(about: str, measure: str, a: Rate, b: Rate, change: Rate) -> dict[str, Any]:
    ends = {
        f"{name}{part}": getattr(rate, field)
        for name, rate in (("a", a), ("b", b))
        for part, field in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return {
        "about": about,
        "measure": measure,
        **ends,
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "n": change.n,
    }


def _ranking(a: pd.DataFrame, b: pd.DataFrame, seed: int) -> list[dict[str, Any]]:
    rows = []
    for kind in KINDS:
        at = (a.kind == kind) & a.correct.notna() & b.correct.notna()
        if at.any():
            rows.append(_paired("claims", f"ranking, {kind}", a.correct[at], b.correct[at], a.patient_id[at], seed))
    return rows


def _denials(model: DualEncoder, readable: Evidence, images: Vectors, seed: int) -> ZeroShot:
    """As ``zero_shot``, with the denial as the score of absence."""
    conditions = readable.conditions
    absence = 1 - readable.presence_of(conditions)
    everything = torch.stack([images[name] for name in readable.images.image])
    score = prompt_scores(
        model, everything, [denial_prompt(condition, readable.vocabulary) for condition in conditions]
    )
    return ZeroShot(
        tuple(conditions),
        np.array([auroc(absence[:, i], score[:, i]) for i in range(len(conditions))]),
        auroc_resamples(absence, score, readable.images.patient_id.tolist(), seed=seed),
        tuple((~np.isnan(absence)).sum(0).tolist()),
    )


def _macros(
    both: Sequence[tuple[DualEncoder, Vectors]], readable: Evidence, known_a: ZeroShot, known_b: ZeroShot, seed: int
) -> list[dict[str, Any]]:
    """None where no condition has enough images on either side."""
    if not readable.conditions:
        return []
    denied_a, denied_b = (_denials(model, readable, images, seed) for model, images in both)
    return [
        _macro("negation", f"AUROC of “{STANDARD} X”", denied_a, denied_b),
        _macro("knowledge", "zero-shot AUROC", known_a, known_b),
    ]


def _macro(about: str, measure: str, a: ZeroShot, b: ZeroShot) -> dict[str, Any]:
    return _row(about, measure, a.rates()["macro"], b.rates()["macro"], b.minus(a)["macro"])


def _retrieval(a: Alignment, b: Alignment, seed: int) -> list[dict[str, Any]]:
    first, second = a.retrieval, b.retrieval
    if not len(first):
        return []
    return [
        _paired("knowledge", f"retrieval, {name}", first[measure], second[measure], first.patient_id, seed)
        for measure, name in (("R@5", "recall at 5"), ("AP", "mean average precision"))
    ]


def _as_the_paper(both: Sequence[tuple[DualEncoder, Vectors]], readable: Evidence, seed: int) -> list[dict[str, Any]]:
    """The true claim among four of its form, and images for a denial; nothing where no image has such a choice."""
    gallery = readable.gallery(seed)
    plain = np.array([cue is None for cue in gallery.cues], bool)
    if not gallery.statements or not gallery.denied.any():
        return []
    found: dict[str, list[tuple[pd.Series, pd.Series]]] = {name: [] for name in MEASURES}  # values, and whose they are
    queries = gallery.sources[gallery.denied[gallery.sources.statement]].reset_index(drop=True)
    for model, images in both:
        seen = torch.stack([images[name] for name in gallery.images.image])
        scores = model.score(model.encode_texts(gallery.statements), seen).numpy()
        for form, chosen in (("affirmative", plain), ("negated", gallery.denied)):
            shares = claim_accuracy(scores, gallery.holds, chosen, seed=seed)
            found[form].append((pd.Series(shares), gallery.images.patient_id))
        quality = rank_quality(scores, gallery.holds).iloc[queries.statement].reset_index(drop=True)
        for depth in (1, 5):
            found[f"recall_{depth}"].append((quality[f"R@{depth}"], queries.patient_id))
    return [
        _paired("negation", MEASURES[name], a, b, patients, seed)
        for name, ((a, patients), (b, _)) in found.items()
        if a.notna().any()
    ]


def _paired(about: str, measure: str, a: pd.Series, b: pd.Series, patients: pd.Series, seed: int) -> dict[str, Any]:
    first, second = a.to_numpy(float), b.to_numpy(float)
    change = difference(second, first, patients, seed=seed)
    return _row(about, measure, rate(first, patients, seed=seed), rate(second, patients, seed=seed), change)
