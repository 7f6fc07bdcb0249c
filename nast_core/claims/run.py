"""One claims run, from examples and images to figures on disk (method.md sections 6 and 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nast_core.benchmark.run import SUMMARY, TOLD, write_told
from nast_core.claims.alignment import compare_alignment, measure_alignment
from nast_core.claims.choices import claim_accuracy
from nast_core.claims.claim import Example
from nast_core.claims.evidence import Evidence, Gallery, evidence, without
from nast_core.claims.negated_prompts import NegatedPrompts, negated_prompt_auroc
from nast_core.claims.ranking import by_column, rank_claims, statement_texts, summarise_ranking
from nast_core.claims.retrieval import Retrieval, retrieve, summarise_retrieval
from nast_core.claims.wording_figures import WordingFigures, wording_figures, wording_texts
from nast_core.data.studies import Split
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.encoding.images import encode_named
from nast_core.errors import BenchmarkError
from nast_core.files.gate import shown
from nast_core.files.parquet import write_parquet
from nast_core.files.writing import whole_folder, write_json
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.progress import Tick
from nast_core.statistics.rates import difference, rate
from nast_core.vocabulary.model import Vocabulary

Vectors = Mapping[str, Tensor]

_COLUMNS = ("finding", "polarity", "cue")


@dataclass(frozen=True)
class ClaimsResult:
    summary: dict
    pairs: pd.DataFrame  # a row a contradiction
    retrieval: Retrieval
    prompts: NegatedPrompts
    wording: WordingFigures
    failed: dict[str, str] = field(default_factory=dict)  # image name -> why it could not be read
    doubts: dict[str, str] = field(default_factory=dict)  # image name -> why it may not show what it should


def run_claims(
    model: DualEncoder,
    examples: Sequence[Example],
    images: Path | None = None,
    *,
    split: Split | None = None,
    base: DualEncoder | None = None,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Tick | None = None,
    vocabulary: Vocabulary | None = None,
) -> ClaimsResult:
    """Claim ranking, negated prompts, retrieval and alignment on one split; with ``base``, alignment before and after.

    An image that cannot be read leaves its claims unscored and is listed. Raises BenchmarkError where none can be read.
    """
    sample = evidence(examples, split, vocabulary)
    return run_evidence(model, sample, images, base=base, seed=seed, cache=cache, progress=progress)


def run_evidence(
    model: DualEncoder,
    sample: Evidence,
    images: Path | None = None,
    *,
    base: DualEncoder | None = None,
    seed: int = 0,
    cache: VectorCache | None = None,
    progress: Tick | None = None,
) -> ClaimsResult:
    """As ``run_claims``, on lines that were put together before, with labels where a table has them."""
    doubts: dict[str, str] = {}
    vectors, failed = encode_named(model, sample.images.image, images, cache=cache, progress=progress, doubts=doubts)
    before = None
    if base is not None:
        readable = [name for name in sample.images.image if name in vectors]
        before = base, encode_named(base, readable, images, cache=cache)[0]
    texts = encode_distinct(model, texts_of(sample), cache=cache, progress=progress) if vectors else {}
    return score_claims(model, sample, vectors, texts, failed, doubts, before=before, seed=seed)


def texts_of(sample: Evidence) -> list[str]:
    """Every text that a run encodes: the statements, and the wordings of each condition that counts."""
    return list(
        dict.fromkeys([*statement_texts(sample.examples), *wording_texts(sample.conditions, sample.vocabulary)])
    )


def score_claims(
    model: DualEncoder,
    sample: Evidence,
    vectors: Vectors,
    texts: Vectors,
    failed: dict[str, str],
    doubts: dict[str, str] | None = None,
    *,
    before: tuple[DualEncoder, Vectors] | None = None,
    seed: int = 0,
) -> ClaimsResult:
    """Everything but the encoding: ``vectors`` by image name, ``texts`` as ``texts_of`` lists them. ``before``: the
    base model and its vectors of the images."""
    if not vectors:
        name, reason = next(iter(failed.items()))
        raise BenchmarkError(
            f"no claim could be scored: {len(failed)} images cannot be read; first {shown(name)!r}: {reason}"
        )
    pairs = rank_claims(model, sample.examples, vectors, texts=texts)
    readable = without(sample, set(failed))
    gallery = readable.gallery(seed)
    seen = torch.stack([vectors[name] for name in gallery.images.image])
    said = torch.stack([texts[text] for text in gallery.statements]) if gallery.statements else seen[:0]
    scores = model.score(said, seen)
    retrieval = retrieve(scores.numpy(), gallery.holds, gallery.cues, gallery.sources, gallery.images)
    conditions = readable.conditions
    everything = torch.stack([vectors[name] for name in readable.images.image])
    patients = readable.images.patient_id.tolist()
    known = (everything, readable.presence_of(conditions), patients, conditions, readable.vocabulary)
    prompts = negated_prompt_auroc(model, *known, seed=seed)
    wording = wording_figures(model, *known, texts=texts, seed=seed)
    alignment = measure_alignment(model, readable, vectors, texts=texts, seed=seed)
    summary: dict[str, Any] = {
        "split": sample.split,
        "ranking": summarise_ranking(pairs, seed=seed),
        "negated_prompt_auroc": prompts.summary(),
        "wording": wording.summary(),
        "retrieval": summarise_retrieval(retrieval, seed=seed),
        "claim_accuracy": _choices(scores.numpy(), gallery, seed),
        "alignment": alignment.summary(seed=seed),
        "images": len(readable.images),
        "gallery": {"images": len(gallery.images), "statements": len(gallery.statements)},
        "without_image": sample.imageless,
        "warnings": len(doubts or {}),  # images
        "bootstrap_seed": seed,
        "provenance": provenance(model, "claims"),
    }
    if before is not None:
        earlier = measure_alignment(before[0], readable, before[1], seed=seed)
        summary["alignment_change"] = compare_alignment(earlier, alignment, seed=seed)
        summary["alignment_change"]["base"] = provenance(before[0], "claims")
    return ClaimsResult(summary, pairs, retrieval, prompts, wording, failed, doubts or {})


def _choices(scores: np.ndarray, gallery: Gallery, seed: int) -> dict[str, dict]:
    """The true claim among four of its form: affirmative, negated, and their gap in points, {value, low, high, n}."""
    plain = np.array([cue is None for cue in gallery.cues], bool)
    patients = gallery.images.patient_id.tolist()
    shares = {
        form: claim_accuracy(scores, gallery.holds, chosen, seed=seed)
        for form, chosen in (("affirmative", plain), ("negated", gallery.denied))
    }
    rates = {form: rate(values, patients, seed=seed)._asdict() for form, values in shares.items()}
    gap = difference(shares["affirmative"], shares["negated"], patients, seed=seed, scale=100)
    return rates | {"gap_points": gap._asdict()}


def write_results(result: ClaimsResult, folder: Path) -> None:
    """summary.json, pairs, groups, retrieval, images and prompts as parquet; unreadable.json and warnings.json where
    there are any. Together or not at all."""
    tables = {
        "pairs": result.pairs,
        "groups": pd.concat(
            [by_column(result.pairs, name).rename(columns={name: "value_of"}).assign(column=name) for name in _COLUMNS]
        ),
        "retrieval": result.retrieval.images_for_statement,
        "images": result.retrieval.statements_for_image,
        "prompts": result.prompts.groups,
        "wording": result.wording.table(),
    }
    names = [*TOLD, *(f"{name}.parquet" for name in tables), SUMMARY]
    with whole_folder(folder, names) as temporary:
        for name, table in tables.items():
            write_parquet(temporary / f"{name}.parquet", table, index=False)
        write_told(result.failed, result.doubts, temporary)
        write_json(temporary / SUMMARY, result.summary)
