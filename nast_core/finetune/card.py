"""The model card of an adapter: base, data, recipe, figures before and after, limits."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from nast_core.finetune.adapter import Record
from nast_core.finetune.data import TrainingData
from nast_core.finetune.loop import Progress

_SHOWN = {  # figure -> (what it is called, factor, unit)
    "acc_affirmative": ("MCQ accuracy, affirmative", 100, " %"),
    "acc_negated": ("MCQ accuracy, negated", 100, " %"),
    "acc_negated_seen": ("the same where training has the cues", 100, " %"),
    "acc_negated_unseen": ("the same where it lacks one of them", 100, " %"),
    "gap_points": ("gap, percentage points", 1, ""),
    "gap_points_seen": ("gap where training has the cues", 1, ""),
    "gap_points_unseen": ("gap where it lacks one of them", 1, ""),
    "claim_ranking": ("claim ranking: true statement above its contradiction", 100, " %"),
    "claim_ranking_polarity": ("claim ranking, polarity", 100, " %"),
    "claim_ranking_location": ("claim ranking, location", 100, " %"),
    "claim_ranking_severity": ("claim ranking, severity", 100, " %"),
    "auroc_affirmative": ("AUROC of affirmative statements", 1, ""),
    "auroc_negated": ("AUROC of negated statements (0.5: the cue is ignored, 0: read as its opposite)", 1, ""),
    "auroc_negated_seen": ("the same, cues that training has", 1, ""),
    "auroc_negated_unseen": ("the same, cues that it lacks", 1, ""),
    "denial_taught": ("AUROC of denials cue by cue, cues that training has", 1, ""),
    "denial_held_out": ("the same, cues kept out of every training text", 1, ""),
    "denial_never_taught": ("the same, the grammar's other cues", 1, ""),
    "false_denial": ("false denial: AUROC of affirmations in frames that training lacks (0: read as denials)", 1, ""),
    "pseudo_negation": ("AUROC of pseudo-negations, such as “has not changed” (0: read as denials)", 1, ""),
    "retrieval_5": ("affirmative captions whose image is among the first 5", 100, " %"),
    "alignment": ("mean cosine of affirmative texts to the base's", 1, ""),
}


def model_card(
    record: Record,
    source: str,
    data: TrainingData,
    before: Mapping[str, float],
    after: Mapping[str, float],
    stands: Progress,
    moved: Float[np.ndarray, " layer"],
    computed: str = "",
) -> str:
    """Markdown. ``source``: what was learnt from; ``computed``: in what precision, and why, where that was asked."""
    rows = [
        f"| {label} | {_number(before[name], scale, unit)} | {_number(after[name], scale, unit)} |"
        for name, (label, scale, unit) in _SHOWN.items()
        if name in before and name in after
    ]
    layers = [
        f"| {number} | {weight:.3f} | {change:.2e} |"
        for number, (weight, change) in enumerate(zip(record.layer_weights, moved, strict=True), start=1)
    ]
    return "\n".join(
        [
            *_heading(record),
            *_training(record, source, data, stands),
            *([f"- Precision: {computed}; weights in float32."] if computed else []),
            "",
            "## Figures on validation studies",
            "",
            "Training was watched on these studies, so the figures are not those of an untouched test.",
            "",
            "| figure | before | after |",
            "| --- | ---: | ---: |",
            *rows,
            "",
            "## Layers",
            "",
            "| layer | weight | relative change (norm of the change / norm of the weights) |",
            "| ---: | ---: | ---: |",
            *layers,
            "",
            "## Limits",
            "",
            "- Negation cues that the training data lacks may still be read as presence, and affirmations in new words "
            "as denials; the one figure says nothing without the other.",
            "- Nothing is known here of findings, languages or images unlike the training data's.",
            "- General skill may have dropped: compare retrieval and zero-shot figures with the base on your own data.",
            "",
        ]
    )


def _heading(record: Record) -> list[str]:
    """What the hub reads of a card, and its title."""
    recipe = record.recipe
    return [
        "---",
        f"license: {_tag(record.base_licence)}",
        f"base_model: {record.base_name}",
        *(["library_name: peft"] if recipe.method == "lora" else []),
        "tags: [clip, chest-x-ray, negation, nast]",
        "---",
        f"# {record.base_name}, fine-tuned for negation ({recipe.arm})",
        "",
        "**Research use only; not a medical device.**",
        "",
    ]


def _training(record: Record, source: str, data: TrainingData, stands: Progress) -> list[str]:
    """What was trained, on what and how."""
    recipe = record.recipe
    trained = (
        f"LoRA (rank {recipe.rank}, alpha {recipe.alpha:g}, dropout {recipe.dropout:g}, {recipe.targets} projections)"
        if recipe.method == "lora"
        else "all weights of the text layers"
    )
    weights = f", {recipe.summary} of {recipe.trace}" if recipe.trace else ""
    return [
        f"- Base: {record.base_name} ({record.base}), revision {record.base_revision or 'not stated'}, licence "
        f"{record.base_licence}, fingerprint `{record.base_fingerprint}`. This adapter fits no other weights.",
        f"- Data: {source}, {len(data.train)} training and {len(data.validation)} validation studies, no patient "
        "in both.",
        f"- Trained: {trained}; image tower, embeddings, final norm and projection as in the base.",
        f"- Arm {recipe.arm}{weights}; learning rate {recipe.learning_rate:g} at layer weight 1, {recipe.optimizer}, "
        f"scale {recipe.scale}, {stands.step} of {recipe.steps} steps of {recipe.batch_size} studies, seed "
        f"{recipe.seed}"
        + (f"; the weights of step {stands.best_step}, best on validation." if recipe.patience else "."),
        f"- Loss: {recipe.caption_weight:g} x caption InfoNCE + {recipe.same_image_weight:g} x same image + "
        f"{recipe.across_image_weight:g} x across images + {recipe.alignment_weight:g} x alignment; "
        + (
            f"captions and the same-image term from step {recipe.statement_steps + 1} on."
            if recipe.statement_steps < recipe.steps
            else "no captions and no same-image term."
        ),
    ]


def _number(value: float, scale: float, unit: str) -> str:
    return f"{value * scale:.1f}{unit}" if scale == 100 or (not unit and abs(value) > 1) else f"{value:.3f}{unit}"


def _tag(licence: str) -> str:
    return licence.lower() if licence and " " not in licence else "other"
