"""Scoring a model on items: the option with the largest S(text, image) is its answer (method.md section 5)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.statistics import McNemar, Rate, difference, mcnemar, rate
from nast_core.models.encoder import DualEncoder
from nast_core.negation.phrases import HELD_OUT_CUES

FORMS = ("affirmative", "negated")
_SCORES = [f"score_{letter}" for letter in LETTERS]


def distinct_texts(items: Sequence[Item]) -> list[str]:
    """Every option text of both forms, once."""
    return list(dict.fromkeys(text for item in items for form in FORMS for text in getattr(item, form)))


def score_items(
    model: DualEncoder,
    items: Sequence[Item],
    images: Mapping[str, Float[Tensor, " dim"]],
    *,
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """A row per item and form: scores of the four options (logits), the choice, right or wrong, tie, blind choice.

    Every distinct text is encoded once. ``images`` holds unit vectors by image name; an item whose image is not in
    it is kept with NaN, counted as unscored and never as wrong. The blind choice scores the same options with the
    mean image vector. A tie for the largest score counts as wrong. ``texts``: unit vectors of the options, where they
    are at hand.
    """
    distinct = distinct_texts(items)
    place = {text: i for i, text in enumerate(distinct)}
    vectors = (
        model.encode_texts(distinct, progress=progress)
        if texts is None
        else torch.stack([texts[text] for text in distinct])
    )
    names = list(dict.fromkeys(item.image for item in items if item.image in images))
    blind = F.normalize(torch.stack([images[name] for name in names]).mean(0), dim=-1) if names else None
    rows = []
    for item in items:
        image = images.get(item.image)
        for form in FORMS:
            options = vectors[[place[text] for text in getattr(item, form)]]
            scores = _scores(model, options, image)
            guess = _scores(model, options, blind)
            rows.append(_row(item, form, scores, guess if image is not None else np.full(4, np.nan)))
    return pd.DataFrame(rows)


def _scores(model: DualEncoder, options: Tensor, image: Tensor | None) -> np.ndarray:
    if image is None:
        return np.full(4, np.nan)
    return model.score(options, image[None].to(options.dtype))[:, 0].double().numpy()


def _row(item: Item, form: str, scores: np.ndarray, blind: np.ndarray) -> dict:
    choice, tie = _choose(scores)
    guess, blind_tie = _choose(blind)
    right = item.assignments[item.answer_index]
    distance, affirmed_absent = _error(item, choice)
    return {
        "item_id": item.item_id,
        "patient_id": item.patient_id,
        "study_id": item.study_id,
        "form": form,
        "answer": item.answer,
        "choice": None if choice is None else LETTERS[choice],
        "correct": np.nan if choice is None else float(choice == item.answer_index and not tie),
        "tie": tie,
        "blind_correct": np.nan if guess is None else float(guess == item.answer_index and not blind_tie),
        "distance": distance,
        "affirmed_absent": affirmed_absent,
        "negations": item.negations,
        "unseen_cue": any(cue in HELD_OUT_CUES for cue, present in zip(item.cues, right, strict=True) if not present),
        **dict(zip(_SCORES, scores, strict=True)),
    }


def _error(item: Item, choice: int | None) -> tuple[float, float]:
    """(conditions the chosen option has wrong, 1 if it turns an absent condition into a present one)."""
    if choice is None:
        return np.nan, np.nan
    pairs = list(zip(item.assignments[choice], item.assignments[item.answer_index], strict=True))
    return float(sum(said != true for said, true in pairs)), float(any(said and not true for said, true in pairs))


def _choose(scores: np.ndarray) -> tuple[int | None, bool]:
    if np.isnan(scores).any():
        return None, False
    best = int(scores.argmax())
    return best, bool((scores == scores[best]).sum() > 1)


def wide(scored: pd.DataFrame, column: str = "correct") -> pd.DataFrame:
    """One row an item, a column a form, with the patient beside them."""
    table = scored.pivot(index=["item_id", "patient_id"], columns="form", values=column)
    return table.reset_index("patient_id")


class Summary(dict):
    """Figures of one run, as summary.json holds them; rates are {value, low, high, n}."""


def summarise(scored: pd.DataFrame, *, seed: int = 0) -> Summary:
    """Accuracies, gap in percentage points, blind accuracies and the paired test over all scored items."""
    table, blind = wide(scored), wide(scored, "blind_correct")
    kept = table.dropna(subset=list(FORMS))
    patients = kept.patient_id
    wrong = scored[scored.correct == 0]
    test: McNemar = mcnemar(kept.affirmative, kept.negated)
    return Summary(
        acc_affirmative=_plain(rate(kept.affirmative, patients, seed=seed)),
        acc_negated=_plain(rate(kept.negated, patients, seed=seed)),
        gap_points=_plain(difference(kept.affirmative, kept.negated, patients, scale=100, seed=seed)),
        blind_affirmative=_plain(rate(blind.affirmative, blind.patient_id, seed=seed)),
        blind_negated=_plain(rate(blind.negated, blind.patient_id, seed=seed)),
        mcnemar=test._asdict(),
        affirmation_bias={
            form: _plain(rate(part.affirmed_absent, part.patient_id, seed=seed)) if len(part) else None
            for form in FORMS
            for part in [wrong[wrong.form == form]]
        },
        ties=int(scored.tie.sum()),
        unscored=int(table[list(FORMS)].isna().any(axis=1).sum()),
        items=len(table),
    )


def _plain(value: Rate) -> dict:
    return value._asdict()


def by_group(scored: pd.DataFrame, groups: Mapping[str, Sequence[str]], *, seed: int = 0) -> pd.DataFrame:
    """Accuracy per group and form; ``groups`` maps a group's name to item ids, and items may be in several."""
    rows = []
    for name, ids in groups.items():
        part = scored[scored.item_id.isin(set(ids))]
        for form in FORMS:
            of_form = part[part.form == form]
            found = rate(of_form.correct.to_numpy(), of_form.patient_id, seed=seed)
            rows.append({"group": name, "form": form, **found._asdict()})
    return pd.DataFrame(rows)


def condition_groups(items: Sequence[Item]) -> dict[str, list[str]]:
    """Items by condition, of those whose right option denies it: where wording can matter."""
    groups: dict[str, list[str]] = {}
    for item in items:
        for condition, state in zip(item.conditions, item.assignments[item.answer_index], strict=True):
            if not state:
                groups.setdefault(condition, []).append(item.item_id)
    return dict(sorted(groups.items()))


def cue_groups(items: Sequence[Item]) -> dict[str, list[str]]:
    """Items by the cue that denies a condition in the right option."""
    groups: dict[str, list[str]] = {}
    for item in items:
        for cue in {c for c, s in zip(item.cues, item.assignments[item.answer_index], strict=True) if not s}:
            groups.setdefault(cue, []).append(item.item_id)
    return dict(sorted(groups.items()))
