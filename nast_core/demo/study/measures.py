"""What a model knows of the test phantoms, as figures by name (method.md sections 5 to 7)."""

from collections.abc import Sequence

import numpy as np
import torch

from nast_core.benchmark.scoring import distinct_texts, score_items, summarise
from nast_core.claims.alignment import measure_alignment
from nast_core.claims.claim import KINDS
from nast_core.claims.negated_prompts import negated_prompt_auroc
from nast_core.claims.ranking import rank_claims, statement_texts, summarise_ranking
from nast_core.demo.study.world import World
from nast_core.finetune.evaluation import Encode
from nast_core.models.encoder import DualEncoder

Figures = dict[str, dict]  # name -> {value, low, high, n}; intervals by bootstrap over patients

LABELS = {
    "acc_affirmative": "accuracy, affirmative (%)",
    "acc_negated": "accuracy, negated (%)",
    "gap_points": "gap (points)",
    "acc_affirmative_unseen": "accuracy, affirmative, same questions (%)",
    "acc_negated_unseen": "accuracy, negated, unseen cues (%)",
    "gap_points_unseen": "gap, unseen cues (points)",
    "blind_negated": "blind accuracy, negated (%)",
    "claims_polarity": "claim ranking, polarity (%)",
    "claims_location": "claim ranking, location (%)",
    "claims_severity": "claim ranking, severity (%)",
    "negated_prompts": "AUROC of “there is no X”",
    "negated_prompts_seen": "AUROC of denials, seen cues",
    "negated_prompts_unseen": "AUROC of denials, unseen cues",
    "zero_shot": "zero-shot AUROC, macro",
    "retrieval_map": "retrieval, mAP (%)",
    "retrieval_5": "retrieval, recall at 5 (%)",
}
PERCENT = frozenset(name for name, label in LABELS.items() if label.endswith("(%)"))  # kept as shares, shown times 100
_TEXTS = 1024  # texts a call, grouped by length


def measure_test(world: World, model: DualEncoder, encode: Encode) -> Figures:
    """``encode`` is the model's own text tower, as training uses it: each distinct text is encoded once."""
    known, foreign = world.test_items
    claims, images = world.test_claims, world.test_images
    texts = encoded(encode, [*distinct_texts([*known, *foreign]), *statement_texts(claims.examples)])
    figures: Figures = {}
    for items, suffix in ((known, ""), (foreign, "_unseen")):
        summary = summarise(score_items(model, items, images, texts=texts))
        names = ("acc_affirmative", "acc_negated", "gap_points", "blind_negated")
        figures |= {f"{name}{suffix}": summary[name] for name in names}
    ranking = summarise_ranking(rank_claims(model, claims.examples, images, texts=texts))
    figures |= {f"claims_{kind}": ranking[kind]["all"]["accuracy"] for kind in KINDS}
    conditions, patients = claims.conditions, claims.images.patient_id.tolist()
    everything = torch.stack([images[name] for name in claims.images.image])
    prompts = negated_prompt_auroc(model, everything, claims.presence_of(conditions), patients, conditions).summary()
    for name, group in (("", "there is no"), ("_seen", "seen cues"), ("_unseen", "unseen cues")):
        figures[f"negated_prompts{name}"] = prompts[group]["macro"]
    alignment = measure_alignment(model, claims, images, texts=texts).summary()
    return figures | {
        "zero_shot": alignment["zero_shot_auroc"]["macro"],
        "retrieval_map": alignment["affirmative_retrieval"]["mAP"],
        "retrieval_5": alignment["affirmative_retrieval"]["R@5"],
    }


@torch.inference_mode()
def encoded(encode: Encode, texts: Sequence[str]) -> dict[str, torch.Tensor]:
    """Each distinct text's vector."""
    distinct = sorted(set(texts), key=len)
    parts = [encode(distinct[start : start + _TEXTS]).cpu() for start in range(0, len(distinct), _TEXTS)]
    return dict(zip(distinct, torch.cat(parts), strict=True))


def values(figures: Figures) -> dict[str, float]:
    return {name: float(np.nan if rate["value"] is None else rate["value"]) for name, rate in figures.items()}
