"""Claim ranking: S(true statement) against S(contradiction) for the same image (method.md section 6)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from nast_core.claims.claim import KINDS, Example
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.progress import Tick
from nast_core.statistics.auroc import auroc, auroc_resamples, interval
from nast_core.statistics.rates import rate, rates

CUE_GROUPS = ("all", "seen", "unseen", "none")
"""Pairs by the cues in their two texts: unseen if either is held out of training, none if neither text has any."""


def statement_texts(examples: Sequence[Example]) -> list[str]:
    """Every true statement and contradiction, once."""
    return list(dict.fromkeys(t for e in examples for t in (e.text, *(c.text for c in e.contradictions))))


_DESCRIBED = ["study_id", "patient_id", "image", "split", "finding", "polarity", "kind", "cues", "cue", "true", "false"]


def rank_claims(
    model: DualEncoder,
    examples: Sequence[Example],
    images: Mapping[str, Float[Tensor, " dim"]],
    *,
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
    progress: Tick | None = None,
) -> pd.DataFrame:
    """A row per contradiction: both scores (logits), right or wrong, and the same with the mean image (blind).

    ``images`` holds unit vectors by image name, ``texts`` those of the statements where they are at hand. A pair whose
    image is missing has NaN and counts as unscored. A tie counts as wrong.
    """
    if texts is None:
        distinct = statement_texts(examples)
        texts = dict(zip(distinct, model.encode_texts(distinct, progress=progress), strict=True)) if distinct else {}
    pairs = [(example, contradiction) for example in examples for contradiction in example.contradictions]
    table = pd.DataFrame([_row(example, contradiction) for example, contradiction in pairs], columns=_DESCRIBED)
    names = [image for e, _ in pairs if e.image and (image := e.image) in images]
    for column in ("score_true", "score_false", "blind_true", "blind_false"):
        table[column] = np.nan
    if names:
        rows = [i for i, (e, _) in enumerate(pairs) if e.image in images]
        image_vectors = torch.stack([images[name] for name in names])
        blind = F.normalize(torch.stack([images[name] for name in dict.fromkeys(names)]).mean(0), dim=-1)
        true = torch.stack([texts[pairs[i][0].text] for i in rows])
        false = torch.stack([texts[pairs[i][1].text] for i in rows])
        for column, of, seen_by in (
            ("score_true", true, image_vectors),
            ("score_false", false, image_vectors),
            ("blind_true", true, blind),
            ("blind_false", false, blind),
        ):
            table.loc[rows, column] = model.score_each(of, seen_by.to(of.dtype)).double().numpy()
    table["correct"] = _right(table.score_true, table.score_false)
    table["blind_correct"] = _right(table.blind_true, table.blind_false)
    table["tie"] = table.score_true == table.score_false
    return table


def _row(example: Example, contradiction) -> dict:
    cues = {example.cue, contradiction.cue} - {None}
    return {
        "study_id": example.study_id,
        "patient_id": example.patient_id,
        "image": example.image,
        "split": example.split,
        "finding": example.claim.finding,
        "polarity": example.claim.polarity,
        "kind": contradiction.kind,
        "cues": "unseen" if cues & HELD_OUT_CUES else "seen" if cues else "none",
        "cue": contradiction.cue or example.cue,
        "true": example.text,
        "false": contradiction.text,
    }


def _right(true: pd.Series, false: pd.Series) -> np.ndarray:
    return np.where(true.isna(), np.nan, (true > false).astype(float))


def summarise_ranking(table: pd.DataFrame, *, seed: int = 0) -> dict:
    """Kind -> group of cues -> accuracy, auc and blind accuracy, each {value, low, high, n}; and counts.

    Accuracy: share of pairs ranked rightly. AUC: probability that any true statement scores above any contradiction of
    that kind, over images: it asks for scores that compare across images too.
    """
    kinds = {
        kind: {cues: _rates(part if cues == "all" else part[part.cues == cues], seed) for cues in CUE_GROUPS}
        for kind, part in [(kind, table[table.kind == kind]) for kind in KINDS]
    }
    return {**kinds, "ties": int(table.tie.sum()), "unscored": int(table.correct.isna().sum()), "pairs": len(table)}


def _rates(part: pd.DataFrame, seed: int) -> dict[str, dict]:
    complete = part.dropna(subset=["correct"])
    patients = complete.patient_id.tolist()
    truth = np.repeat([1.0, 0.0], len(complete))
    score = np.concatenate([complete.score_true.to_numpy(), complete.score_false.to_numpy()])
    value = auroc(truth, score)
    resampled = (
        auroc_resamples(truth[:, None], score[:, None], [*patients, *patients], seed=seed)[:, 0]
        if len(complete)
        else np.full(1, np.nan)
    )
    return {
        "accuracy": rate(complete.correct.to_numpy(), patients, seed=seed)._asdict(),
        "auc": interval(value, resampled, len(complete))._asdict(),
        "blind": rate(complete.blind_correct.to_numpy(), patients, seed=seed)._asdict(),
    }


def by_kind(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Accuracy per kind and group of cues: kind, cues, value, low, high, n; patients drawn alike for all."""
    keys = [(kind, cues) for kind in KINDS for cues in CUE_GROUPS]
    masks = [(table.kind == kind) & ((table.cues == cues) | (cues == "all")) for kind, cues in keys]
    values = np.stack([table.correct.where(mask).to_numpy(float) for mask in masks], axis=1)
    intervals = rates(values, table.patient_id, seed=seed)
    return pd.DataFrame(
        [{"kind": kind, "cues": cues, **value._asdict()} for (kind, cues), value in zip(keys, intervals, strict=True)]
    )


def by_column(table: pd.DataFrame, column: str, *, seed: int = 0) -> pd.DataFrame:
    """Accuracy per value of a column ("finding", "cue", "polarity") and kind."""
    rows = []
    for (kind, value), part in table.groupby(["kind", column], sort=True):
        rows.append(
            {"kind": kind, column: value, **rate(part.correct.to_numpy(), part.patient_id, seed=seed)._asdict()}
        )
    return pd.DataFrame(rows)
