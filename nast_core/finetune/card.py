"""The model card of an adapter: base, data, recipe, figures before and after, limits."""

from collections.abc import Mapping

from nast_core.claims.choices import beside_the_paper
from nast_core.finetune.adapter import Record
from nast_core.finetune.loop import Progress
from nast_core.finetune.objectives import OBJECTIVES
from nast_core.finetune.parameters import Moves
from nast_core.finetune.shares import shares_told
from nast_core.finetune.training_files import Material

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
    "claim_affirmative": ("claim accuracy, affirmative: the true one of four statements", 100, " %"),
    "claim_negated": ("claim accuracy, negated: the true one of four denials", 100, " %"),
    "retrieval_denial_1": ("denials with an image that they hold for in the first place", 100, " %"),
    "retrieval_denial_5": ("the same, among the first 5", 100, " %"),
    "cosine_teacher": ("mean cosine of texts not learnt from to the teacher's vectors", 1, ""),
    "alignment": ("mean cosine of affirmative texts to the base's", 1, ""),
}


def model_card(
    record: Record,
    material: Material,
    before: Mapping[str, float],
    after: Mapping[str, float],
    stands: Progress,
    moved: Moves,
    computed: str = "",
) -> str:
    """Markdown. ``computed``: in what precision, and why, where that was asked."""
    rows = [
        f"| {label} | {_number(before[name], scale, unit)} | {_number(after[name], scale, unit)} |"
        for name, (label, scale, unit) in _SHOWN.items()
        if name in before and name in after
    ]
    layers = [
        f"| {number} | {weight:.3f} | {change:.2e} | {100 * share:.1f} % |"
        for number, (weight, change, share) in enumerate(
            zip(record.layer_weights, moved.relative, moved.shares, strict=True), start=1
        )
    ]
    return "\n".join(
        [
            *_heading(record),
            *_training(record, material, stands),
            *([f"- Precision: {computed}; weights in float32."] if computed else []),
            "",
            "## Figures on validation studies",
            "",
            "Training was watched on these studies, so the figures are not those of an untouched test.",
            "",
            "| figure | before | after |",
            "| --- | ---: | ---: |",
            *rows,
            *_as_the_paper(before, after),
            "",
            "## Layers",
            "",
            "| layer | weight | relative change (norm of the change / norm of the weights) | share of the update |",
            "| ---: | ---: | ---: | ---: |",
            *layers,
            *([f"\n{told}"] if (told := shares_told(moved.shares.tolist())) else []),
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


_PAPERS = {
    "recall_1": "retrieval_denial_1",
    "recall_5": "retrieval_denial_5",
    "affirmative": "claim_affirmative",
    "negated": "claim_negated",
}


def _as_the_paper(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """The figures that the paper has too, beside its own; nothing where one of them was not measured."""
    if not before.keys() & after.keys() >= set(_PAPERS.values()):
        return []
    own = {
        name: {field: figures[of] for field, of in _PAPERS.items()}
        for name, figures in (("before", before), ("after", after))
    }
    rows = beside_the_paper(own)
    return [
        "",
        "In the shape of the paper's tables 1 and 3, on other images, texts and choices than the paper's; the quoted",
        "rows are second-hand and were not checked:",
        "",
        f"| {' | '.join(rows[0])} |",
        "| --- |" + " ---: |" * (len(rows[0]) - 1),
        *("| " + " | ".join(v if isinstance(v, str) else f"{v:.1f}" for v in row.values()) + " |" for row in rows),
    ]


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
        f"# {record.base_name}, fine-tuned for negation ({recipe.learnt})",
        "",
        "**Research use only; not a medical device.**",
        "",
    ]


def _training(record: Record, material: Material, stands: Progress) -> list[str]:
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
        f"- {_learnt_from(material)}",
        f"- Trained: {trained}; image tower, embeddings, final norm and projection as in the base.",
        f"- Arm {recipe.arm}{weights}; learning rate {recipe.learning_rate:g} at layer weight 1, {recipe.optimizer}, "
        f"scale {recipe.scale}, {stands.step} of {recipe.steps} steps of {recipe.batch_size} "
        f"{'texts' if material.lessons else 'studies'}, seed "
        f"{recipe.seed}"
        + (f"; the weights of step {stands.best_step}, best on validation." if recipe.patience else "."),
        f"- Loss: {OBJECTIVES[recipe.objective].told(recipe)}",
    ]


def _learnt_from(material: Material) -> str:
    data, lessons = material.data, material.lessons
    if lessons is None:
        return (
            f"Data: {material.source}, {len(data.train)} training and {len(data.validation)} validation studies, no "
            "patient in both."
        )
    out = f", {lessons.unread:,} too long left out" if lessons.unread else ""
    return (
        f"Texts alone, no image and no label: {lessons.source}{out}; {len(lessons.train):,} learnt from, of which "
        f"{lessons.denying:,} deny something, {len(lessons.validation):,} to be watched on. Denied by: "
        f"{', '.join(sorted(lessons.cues))}. Watched on {len(data.validation)} validation studies."
    )


def _number(value: float, scale: float, unit: str) -> str:
    return f"{value * scale:.1f}{unit}" if scale == 100 or (not unit and abs(value) > 1) else f"{value:.3f}{unit}"


def _tag(licence: str) -> str:
    return licence.lower() if licence and " " not in licence else "other"
