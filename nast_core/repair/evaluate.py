"""What a repair gains, and what it costs: the model as it is and its repairs on the same questions, studies and images.

Every figure is one that benchmark and claims measure (method.md sections 5 to 8); they stand together, since none of
them alone tells reading from arithmetic.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.benchmark.items import Item
from nast_core.benchmark.run import BenchmarkResult, assess
from nast_core.benchmark.scoring import distinct_texts
from nast_core.benchmark.several_models import model_tests
from nast_core.claims.alignment import ZeroShot, measure_alignment
from nast_core.claims.evidence import Evidence, without
from nast_core.claims.negated_prompts import GROUPS, negated_prompt_auroc
from nast_core.claims.prompts import Prompt, denial_prompt, presence_prompt, prompt_scores
from nast_core.claims.ranking import statement_texts
from nast_core.data.studies import Split
from nast_core.dataset.interface import Dataset
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.encoding.images import encode_named
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.remembering import forgetting, remembering
from nast_core.progress import Tick
from nast_core.repair.repaired import Repaired
from nast_core.repair.splitting import split
from nast_core.statistics.auroc import auroc, auroc_resamples
from nast_core.statistics.rates import holm
from nast_core.vocabulary.model import Vocabulary

UNREPAIRED = "as it is"
_TIMED = 512  # texts that the time of one is told by
_BENCHMARK = ("gap_points", "acc_affirmative", "acc_negated", "blind_affirmative", "blind_negated")
_CUES = ("seen", "unseen")
DENIALS = dict(zip(GROUPS, ("denials", "denials_seen", "denials_unseen"), strict=True))  # group of cues -> figure


@dataclass(frozen=True)
class Sample:
    """Questions and studies of one split, with unit vectors of their images."""

    items: Sequence[Item]
    evidence: Evidence
    images: Mapping[str, Float[Tensor, " dim"]]
    failed: Mapping[str, str] = field(default_factory=dict)  # image name -> why it could not be read
    doubts: Mapping[str, str] = field(default_factory=dict)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.evidence.vocabulary

    @property
    def texts(self) -> list[str]:
        """Every text of the questions, once."""
        return distinct_texts(self.items)

    @property
    def shown(self) -> Float[Tensor, "image dim"]:
        """Images of the studies."""
        return torch.stack([self.images[name] for name in self.evidence.images.image])

    @property
    def patients(self) -> list[str]:
        return self.evidence.images.patient_id.tolist()


@dataclass(frozen=True)
class Evaluated:
    """``figures``: model -> name -> {value, low, high, n}, or a number. ``tests``: each repair against the model as it
    is, as ``model_tests`` has it, Holm-corrected over all of them."""

    figures: dict[str, dict[str, Any]]
    tests: pd.DataFrame
    results: dict[str, BenchmarkResult]

    def summary(self) -> dict[str, Any]:
        """As summary.json holds it."""
        plain = self.tests.astype(object).where(self.tests.notna(), None)
        return {
            "models": self.figures,
            "tests": plain.to_dict("records"),
            "by_negations": {name: _by_negations(result) for name, result in self.results.items()},
        }

    @property
    def scored(self) -> pd.DataFrame:
        """A row a model, item and form."""
        return pd.concat([result.scored.assign(model=name) for name, result in self.results.items()], ignore_index=True)


def sample_of(
    model: DualEncoder,
    dataset: Dataset,
    part: Split,
    n: int,
    *,
    seed: int = 0,
    cache: VectorCache | None = None,
    workers: int | None = None,
    progress: Tick | None = None,
) -> Sample:
    """At most ``n`` questions about a split, and the evidence of ``n`` of its studies. Raises BenchmarkError where the
    parser finds no denial in any question, or no image can be read; DatasetError where there is no question."""
    items = dataset.items(part, n, seed)
    evidence = dataset.evidence(part, n, seed)
    denying = sum(bool(split(text, dataset.vocabulary).denied) for text in distinct_texts(items))
    if not denying:
        raise BenchmarkError(
            f"the parser finds no denial in the {len(items):,} questions of {shown(dataset.name)}, so there is nothing "
            "to repair; it reads English, by the words of the dataset's vocabulary: check both"
        )
    names = [*(item.image for item in items), *evidence.images.image]
    doubts: dict[str, str] = {}
    images, failed = encode_named(
        model, names, dataset.images, cache=cache, progress=progress, doubts=doubts, workers=workers
    )
    if not images:
        name, reason = next(iter(failed.items()))
        raise BenchmarkError(
            f"none of the {len(failed)} images can be read; first {shown(name)!r}: {reason}; check the dataset's folder"
        )
    return Sample(items, without(evidence, set(failed)), images, failed, doubts)


def evaluate(
    models: Mapping[str, DualEncoder],
    sample: Sample,
    *,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Tick | None = None,
) -> Evaluated:
    """Figures of every model, the first of which is the one that the others are compared with. All must have the
    sample's image vectors. ``progress`` is told of each model."""
    figures, results = {}, {}
    for name, each in models.items():
        model = remembering(each)
        texts = encode_distinct(model, [*sample.texts, *statement_texts(sample.evidence.examples)], cache=cache)
        result = assess(model, sample.items, sample.images, texts, dict(sample.failed), dict(sample.doubts), seed=seed)
        results[name] = result
        figures[name] = _figures(model, sample, result, texts, seed)
        if progress:
            progress(1)
    first = next(iter(models))
    tests = model_tests({name: result.scored for name, result in results.items()})
    tests = tests[tests.a == first].reset_index(drop=True)
    return Evaluated(figures, tests.assign(p_holm=holm(tests.p_value)), results)


def _figures(
    model: DualEncoder, sample: Sample, result: BenchmarkResult, texts: Mapping[str, Tensor], seed: int
) -> dict[str, Any]:
    summary = result.summary
    found: dict[str, Any] = {name: summary[name] for name in _BENCHMARK}
    for part in _CUES:
        found |= {f"{name}_{part}": value for name, value in summary["cues"][part].items() if name != "mcnemar"}
    conditions = sample.evidence.conditions
    if conditions:
        prompts = negated_prompt_auroc(
            model,
            sample.shown,
            sample.evidence.presence_of(conditions),
            sample.patients,
            conditions,
            sample.vocabulary,
            seed=seed,
        ).summary()
        found |= {DENIALS[group]: by_condition["macro"] for group, by_condition in prompts.items()}
        found["hidden"] = hidden(model, sample, seed=seed).rates()["macro"]._asdict()
    alignment = measure_alignment(model, sample.evidence, sample.images, texts=texts, seed=seed).summary(seed=seed)
    found["zero_shot"] = alignment["zero_shot_auroc"]["macro"]
    found |= {f"retrieval_{name}": value for name, value in alignment["affirmative_retrieval"].items()}
    found["collapse"] = collapse(model, sample.vocabulary)
    return (
        found
        | touched(model, sample)
        | {"ms_a_text": milliseconds(model, sample.texts)}
        | {"model": provenance(model, "repair")}
    )


def hidden(model: DualEncoder, sample: Sample, *, seed: int = 0) -> ZeroShot:
    """The "computed but hidden" figure: AUROC of S("no X", i) - S("X", i) for the absence of X.

    High where that of S("no X", i) alone is low: the tower has the denial, and the score hides it.
    """
    pairs = [(denial_prompt(c, sample.vocabulary), _affirmed(c, sample.vocabulary)) for c in sample.evidence.conditions]
    return _absence(model, sample, [Prompt(denied.towards, affirmed.towards) for denied, affirmed in pairs], seed)


def ceiling(model: DualEncoder, sample: Sample, *, seed: int = 0) -> ZeroShot:
    """AUROC of -S("X", i) for the absence of X, which is AUROC(X): what a denial comes to that only takes X away."""
    affirmed = [_affirmed(condition, sample.vocabulary) for condition in sample.evidence.conditions]
    return _absence(model, sample, affirmed, seed, sign=-1)


def _affirmed(condition: str, vocabulary: Vocabulary) -> Prompt:
    """ "There is X.", in the noun that ``denial_prompt`` denies."""
    return Prompt(presence_prompt(condition, vocabulary).towards[:1])


def _absence(model: DualEncoder, sample: Sample, prompts: Sequence[Prompt], seed: int, sign: int = 1) -> ZeroShot:
    conditions = sample.evidence.conditions
    absence = 1 - sample.evidence.presence_of(conditions)
    score = sign * prompt_scores(model, sample.shown, prompts)
    return ZeroShot(
        tuple(conditions),
        np.array([auroc(absence[:, i], score[:, i]) for i in range(len(conditions))]),
        auroc_resamples(absence, score, sample.patients, seed=seed),
        tuple((~np.isnan(absence)).sum(0).tolist()),
    )


@torch.inference_mode()
def collapse(model: DualEncoder, vocabulary: Vocabulary) -> float:
    """Mean cosine between denials of different findings: 1 where all denials say the same. NaN where a text is no
    single vector."""
    if isinstance(model, Repaired) and model.repair.method.blocks > 1:
        return float("nan")
    texts = [text for condition in vocabulary.conditions for text in denial_prompt(condition, vocabulary).towards]
    vectors = torch.nn.functional.normalize(model.encode_texts(texts).double(), dim=-1)
    cosines = vectors @ vectors.T
    count = len(texts)
    return float((cosines.sum() - cosines.trace()) / (count * (count - 1))) if count > 1 else float("nan")


def touched(model: DualEncoder, sample: Sample) -> dict[str, float]:
    """``touched``: share of the questions' texts that the repair reads otherwise; ``unwritten``: share of their denied
    findings that ``rewrite`` has no words for. 0 of a model that is not repaired."""
    if not isinstance(model, Repaired):
        return {"touched": 0.0, "unwritten": 0.0}
    splits = [model.split(text) for text in sample.texts]
    denied = sum(len(one.denied) for one in splits)
    left = sum(len(one.unwritten) for one in splits) if model.repair.name == "rewrite" else 0
    return {"touched": sum(bool(one.denied) for one in splits) / len(splits), "unwritten": left / max(denied, 1)}


def milliseconds(model: DualEncoder, texts: Sequence[str]) -> float:
    """Of one text, over the first of them."""
    some, model = list(texts)[:_TIMED], _forgetting(model)
    model.encode_texts(some[:8])  # cold
    start = time.perf_counter()
    model.encode_texts(some)
    return 1000 * (time.perf_counter() - start) / max(len(some), 1)


def _forgetting(model: DualEncoder) -> DualEncoder:
    return model.over(_forgetting(model.base)) if isinstance(model, Repaired) else forgetting(model)


def _by_negations(result: BenchmarkResult) -> Any:
    return result.summary["by"]["negations"]
