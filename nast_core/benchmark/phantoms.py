"""Items of the phantom world: in the demo CLIP's own words, from which its published figures are made."""

from collections.abc import Sequence

import numpy as np

from nast_core.benchmark.design import ASSIGNMENTS, Plan, require_eligible
from nast_core.benchmark.items import LETTERS, Item
from nast_core.benchmark.writer import question
from nast_core.data.phantom import CONDITIONS, Phantom, phantom_name, phantoms
from nast_core.data.studies import Study
from nast_core.negation.phrases import DENIALS, JOINS, Denial, frames, sentence_case
from nast_core.vocabulary.shipped import chest

_STUDIES_PER_ITEM = 1.5  # enough that most items have a study of their own
_LEAST_STUDIES = 600
_CONDITIONS = sorted(CONDITIONS)
_PRESENT = ("{phrase}", "there {is} {phrase}", "{noun} {is} present", "{noun} {is} seen")


def study_of(phantom: Phantom, split: str = "test") -> Study:
    return Study(str(phantom.seed), phantom.patient_id, phantom_name(phantom), phantom.labels, split)


def phantom_studies(count: int, split: str = "test", *, start: int = 0) -> list[Study]:
    """Enough phantoms of a split, from its ``start``-th, for ``count`` items; the pool grows with the number of items,
    not with the seed."""
    pool = max(_LEAST_STUDIES, round(count * _STUDIES_PER_ITEM))
    return [study_of(phantom, split) for phantom in phantoms(split, pool, start=start)]


def phantom_items(
    count: int, *, seed: int = 0, split: str = "test", start: int = 0, denials: Sequence[Denial] = DENIALS
) -> list[Item]:
    """``count`` items over phantoms of a split, worded as prompts are: nothing in them is new to the demo CLIP.

    ``start``: the split's first phantom that is used. ``denials``: what absences are denied with. Design and wording
    take turns on one generator, in the builder's first and simplest design: any change of either changes the demo's
    published figures. New benchmarks come from builder.py.
    """
    rng = np.random.default_rng(seed)
    studies = require_eligible(phantom_studies(count, split, start=start))
    used = rng.random(len(studies)) * 0.5  # ties between unused studies fall at random
    table = np.array([[study.labels[condition] for condition in _CONDITIONS] for study in studies], np.int8)
    return [_item(f"item-{seed}-{n}", _plan(studies, table, used, rng), denials, rng) for n in range(count)]


def _plan(studies: list[Study], table: np.ndarray, used: np.ndarray, rng: np.random.Generator) -> Plan:
    while True:
        columns = rng.permutation(len(_CONDITIONS))[:3]
        options = [ASSIGNMENTS[i] for i in rng.permutation(len(ASSIGNMENTS))[:4]]
        answer = int(rng.integers(4))
        fits = [np.flatnonzero((table[:, columns] == np.array(option, np.int8)).all(1)) for option in options]
        if all(map(len, fits)):
            chosen = fits[answer][used[fits[answer]].argmin()]
            used[chosen] += 1
            conditions = tuple(_CONDITIONS[i] for i in columns)
            return Plan(studies[chosen], conditions, tuple(options), answer)


def _item(item_id: str, plan: Plan, denials: Sequence[Denial], rng: np.random.Generator) -> Item:
    worded = [_word(condition, denials, rng) for condition in plan.conditions]
    every = frames(chest())
    frame, join = every[rng.integers(len(every))], JOINS[rng.integers(len(JOINS))]

    def form(absent: str) -> tuple[str, ...]:
        return tuple(
            sentence_case(
                frame.format(
                    join.join(w["present" if state else absent] for w, state in zip(worded, option, strict=True))
                )
            )
            for option in plan.assignments
        )

    return Item.model_validate(
        {
            "item_id": item_id,
            "patient_id": plan.study.patient_id,
            "study_id": plan.study.study_id,
            "image": plan.study.image,
            "question": question(chest()),
            "conditions": plan.conditions,
            "assignments": plan.assignments,
            "cues": [words["cue"] for words in worded],
            "negated": form("denied"),
            "affirmative": form("normal"),
            "answer": LETTERS[plan.answer],
            "source": "phantom",
            "split": plan.study.split,
        }
    )


def _word(condition: str, denials: Sequence[Denial], rng: np.random.Generator) -> dict[str, str]:
    """How one condition is said throughout an item."""
    words = chest()[condition]
    noun = words.prompt_nouns[rng.integers(len(words.prompt_nouns))]
    denial = denials[int(rng.integers(len(denials)))]
    fill = {"noun": noun.text, "phrase": noun.phrase, "is": noun.verb}
    return {
        "present": _PRESENT[rng.integers(len(_PRESENT))].format(**fill),
        "denied": denial.template.format(**fill),
        "normal": words.prompt_equivalents[rng.integers(len(words.prompt_equivalents))],
        "cue": denial.cue,
    }
