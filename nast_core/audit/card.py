"""card.md: an audit as a model's own page on the Hugging Face hub carries it, with its ``model-index``."""

from __future__ import annotations

import re

from nast_core.audit.document import Audit
from nast_core.audit.html import NOTE, heading, rests_on
from nast_core.audit.names import named
from nast_core.audit.svg import said

_SIGNS = re.compile(r"[\\`*_\[\]<>{}|#~&]")
_TASK = "zero-shot-image-classification"
_SHOWN = (  # figures of the model-index
    "gap_points",
    "acc_affirmative",
    "acc_negated",
    "acc_negated_seen",
    "acc_negated_unseen",
    "denials",
    "denials_seen",
    "denials_unseen",
    "false_denial",
    "claims_polarity",
    "zero_shot",
    "retrieval_R@5",
)


def card(audit: Audit) -> str:
    """Markdown under a block of metadata that the hub's own reader takes."""
    rows = [
        f"| {named(name).title} | {said(figure, named(name).unit)} | {figure.n:,} |"
        for name, figure in audit.figures.items()
        if name in _SHOWN
    ]
    left_out = [f"- {part.title}: {escaped(part.reason)}" for part in audit.parts.values() if part.reason]
    verdict = [f"{number}. {escaped(one.text)} ({rests_on(one)})" for number, one in enumerate(audit.verdict, 1)]
    return "\n".join(
        [
            "---",
            metadata(audit).rstrip("\n"),
            "---",
            f"# Does {escaped(audit.model.name)} read “no”?",
            "",
            f"{escaped(heading(audit))}. {NOTE}",
            "",
            *verdict,
            "",
            "| figure | value (95 % interval) | n |",
            "| --- | ---: | ---: |",
            *rows,
            *(["", "Not done:", "", *left_out] if left_out else []),
            "",
            f"Model `{audit.model.fingerprint}`, dataset `{audit.dataset.fingerprint}`, NAST {audit.code.version} "
            f"({audit.code.revision or 'installed'}), seed {audit.seed}, {audit.created}.",
            "",
        ]
    )


def metadata(audit: Audit) -> str:
    """The block's YAML: tags, and the model-index as huggingface_hub writes and reads it."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type=_TASK,
            dataset_type="nast-audit",
            dataset_name=audit.dataset.name,
            dataset_split=audit.split,
            dataset_revision=audit.dataset.fingerprint,
            metric_type=named(name).unit.lower() or "value",
            metric_name=named(name).title,
            metric_value=round(figure.value, 6),
            metric_args={"figure": name, "low": figure.low, "high": figure.high, "n": figure.n},
        )
        for name, figure in audit.figures.items()
        if name in _SHOWN and figure.value is not None
    ]
    data = ModelCardData(
        model_name=audit.model.name, eval_results=results or None, tags=["clip", "negation", "nast-audit"]
    )
    return data.to_yaml()


def escaped(text: str) -> str:
    """One line of Markdown that shows the text as it is: names of models and datasets are their owners'."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return _SIGNS.sub(r"\\\g<0>", line)
