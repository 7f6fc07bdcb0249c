"""Scoring a model on items: the option with the largest S(text, image) is its answer (method.md section 5)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from nast_core.benchmark.items import LETTERS, Item
from nast_core.models.encoder import DualEncoder
from nast_core.negation.forms import FORMS
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.progress import Tick
from nast_core.statistics.rates import Rate, mcnemar, rates

WORDINGS = ("seen", "unseen")
"""Items by the cues of the right option: unseen if one is held out of training texts, seen if all may be in them."""
DISTANCES = (1, 2, 3)
_SCORES = [f"score_{letter}" for letter in LETTERS]
_ITEMS_AT_ONCE = 1024  # eight text vectors each

Scores = Float[np.ndarray, "item form option"]
Options = Int[np.ndarray, "item form option"]


def distinct_texts(items: Sequence[Item]) -> list[str]:
    """Every option text of both forms, once."""
    return list(dict.fromkeys(text for item in items for form in FORMS for text in getattr(item, form)))


def score_items(
    model: DualEncoder,
    items: Sequence[Item],
    images: Mapping[str, Float[Tensor, " dim"]],
    *,
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
    progress: Tick | None = None,
) -> pd.DataFrame:
    """A row per item and form: scores of the four options (logits), the choice, right or wrong, tie, blind choice.

    ``images`` holds unit vectors by image name, ``texts`` those of the options where they are at hand; else every
    distinct text is encoded once. An item whose image is not in ``images`` is kept with NaN, counted as unscored and
    never as wrong. The blind choice scores the same options with the mean image vector. A tie for the largest score
    counts as wrong.
    """
    distinct = distinct_texts(items)
    vectors = (
        model.encode_texts(distinct, progress=progress)
        if texts is None
        else torch.stack([texts[text] for text in distinct])
    )
    place = {text: row for row, text in enumerate(distinct)}
    options = np.array([[[place[text] for text in getattr(item, form)] for form in FORMS] for item in items], int)
    names = list(dict.fromkeys(item.image for item in items if item.image in images))
    scores = blind = np.full(options.shape, np.nan)
    if names:
        image_vectors = torch.stack([images[name] for name in names]).to(vectors.dtype)
        row = {name: number for number, name in enumerate(names)}
        rows = np.array([row.get(item.image, -1) for item in items])
        scores, blind = (
            _scores(model, vectors, options, among, at, known=rows >= 0)
            for among, at in (
                (image_vectors, rows),
                (F.normalize(image_vectors.mean(0, keepdim=True), dim=-1), np.zeros_like(rows)),
            )
        )
    return _table(items, scores, blind)


def _scores(
    model: DualEncoder,
    vectors: Float[Tensor, "text dim"],
    options: Options,
    images: Float[Tensor, "image dim"],
    rows: Int[np.ndarray, " item"],
    *,
    known: Bool[np.ndarray, " item"],
) -> Scores:
    """S of every option with the image in ``rows``; NaN for items that are not ``known``."""
    values = np.full(options.shape, np.nan)
    places = np.flatnonzero(known)
    for start in range(0, len(places), _ITEMS_AT_ONCE):
        part = places[start : start + _ITEMS_AT_ONCE]
        own = images[torch.from_numpy(rows[part])][:, None, None]
        values[part] = model.score_each(vectors[torch.from_numpy(options[part])], own).double().numpy()
    return values


def _table(items: Sequence[Item], scores: Scores, blind: Scores) -> pd.DataFrame:
    states = np.array([item.assignments for item in items], int)  # [item, option, condition]
    answer = np.array([item.answer_index for item in items])[:, None]
    choice, tie = _choose(scores)
    guess, blind_tie = _choose(blind)
    unknown = np.isnan(scores).any(-1)
    each = np.arange(len(items))[:, None]
    letters = np.array(LETTERS, object)[choice]
    letters[unknown] = None
    chosen, true = states[each, choice], states[each, answer]
    columns: dict[str, np.ndarray] = {
        "answer": np.array(LETTERS)[answer],
        "choice": letters,
        "correct": np.where(unknown, np.nan, (choice == answer) & ~tie),
        "tie": tie,
        "blind_correct": np.where(np.isnan(blind).any(-1), np.nan, (guess == answer) & ~blind_tie),
        "distance": np.where(unknown, np.nan, (chosen != true).sum(-1)),  # conditions that the chosen option has wrong
        "affirmed_absent": np.where(unknown, np.nan, (chosen > true).any(-1)),
        "negations": np.array([item.negations for item in items])[:, None],
        "unseen_cue": np.array([_unseen(item) for item in items])[:, None],
    }
    columns |= {name: scores[..., option] for option, name in enumerate(_SCORES)}
    attributes = {name: [getattr(item, name) for item in items] for name in ("item_id", "patient_id", "study_id")}
    table = pd.DataFrame({name: np.repeat(np.array(values, object), len(FORMS)) for name, values in attributes.items()})
    table["form"] = np.tile(np.array(FORMS, object), len(items))
    return table.assign(**{name: np.broadcast_to(value, tie.shape).ravel() for name, value in columns.items()})


def _choose(scores: Scores) -> tuple[Int[np.ndarray, "item form"], Bool[np.ndarray, "item form"]]:
    """(place of the largest score, whether another equals it); of items without scores the place means nothing."""
    return scores.argmax(-1), (scores == scores.max(-1, keepdims=True)).sum(-1) > 1


def _unseen(item: Item) -> bool:
    right = item.assignments[item.answer_index]
    return any(cue in HELD_OUT_CUES for cue, present in zip(item.cues, right, strict=True) if not present)


def wide(scored: pd.DataFrame, column: str = "correct") -> pd.DataFrame:
    """One row an item, a column a form, with the patient beside them."""
    table = scored.pivot(index=["item_id", "patient_id"], columns="form", values=column)
    return table.reset_index("patient_id")


class Summary(dict):
    """Figures of one run, as summary.json holds them; rates are {value, low, high, n}."""


def summarise(scored: pd.DataFrame, *, seed: int = 0) -> Summary:
    """Accuracies, gap in percentage points, blind accuracies and the paired test over all scored items; the same
    of seen and of unseen cues; and of the wrong answers the Hamming distances and the affirmation-bias rate."""
    table = wide(scored)
    complete = table.dropna(subset=list(FORMS))
    blind = wide(scored, "blind_correct").loc[complete.index]
    about = scored.drop_duplicates("item_id").set_index("item_id").loc[complete.index]
    masks = {"seen": (about.negations > 0) & ~about.unseen_cue, "unseen": about.unseen_cue}
    columns = {f"acc_{form}": complete[form] for form in FORMS} | {
        "gap_points": 100 * (complete.affirmative - complete.negated)
    }
    every = columns | {f"blind_{form}": blind[form] for form in FORMS}
    every |= {f"{name} {part}": value.where(mask) for part, mask in masks.items() for name, value in columns.items()}
    values = np.stack([value.to_numpy(float) for value in every.values()], axis=1)
    by_name = dict(zip(every, (_plain(value) for value in rates(values, complete.patient_id, seed=seed)), strict=True))
    return Summary(
        **{name: value for name, value in by_name.items() if " " not in name},
        mcnemar=mcnemar(complete.affirmative, complete.negated)._asdict(),
        cues={
            part: {name: by_name[f"{name} {part}"] for name in columns}
            | {"mcnemar": mcnemar(complete.affirmative[mask], complete.negated[mask])._asdict()}
            for part, mask in masks.items()
        },
        **wrong_answers(scored, seed=seed),
        ties=int(scored.tie.sum()),
        unscored=len(table) - len(complete),
        items=len(table),
    )


def wrong_answers(scored: pd.DataFrame, *, seed: int = 0) -> dict[str, dict]:
    """Of the wrong answers of each form: the affirmation-bias rate, the share that turns an absent condition into a
    present one; and ``distance``, the shares with 1, 2 and 3 conditions wrong (of ties for the right option: 0).

    None for a form without wrong answers.
    """
    wrong = scored[scored.correct == 0]
    mistakes = {"bias": wrong.affirmed_absent, **{str(far): wrong.distance == far for far in DISTANCES}}
    keys = [(form, name) for form in FORMS for name in mistakes]
    values = np.stack([mistakes[name].astype(float).where(wrong.form == form) for form, name in keys], axis=1)
    shares = dict(zip(keys, rates(values, wrong.patient_id, seed=seed), strict=True))
    some = {form: shares[form, "bias"].n > 0 for form in FORMS}
    return {
        "affirmation_bias": {form: _plain(shares[form, "bias"]) if some[form] else None for form in FORMS},
        "distance": {
            form: {str(far): _plain(shares[form, str(far)]) for far in DISTANCES} if some[form] else None
            for form in FORMS
        },
    }


def _plain(value: Rate) -> dict:
    return value._asdict()
