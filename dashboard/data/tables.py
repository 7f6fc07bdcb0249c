"""Items and claims as tables: what is shown, searched, counted and downloaded. No Streamlit."""

from collections import Counter
from collections.abc import Collection, Sequence

import pandas as pd

from dashboard.parts.item_states import cues_said, starred, truth
from nast_core.benchmark.items import LETTERS, Item
from nast_core.claims.claim import Example
from nast_core.dataset.study_file import ABOUT

ABSENT, PRESENT = "absent, said with a negation", "present"


def filter_items(
    items: Sequence[Item],
    *,
    conditions: Collection[str] = (),
    cues: Collection[str] = (),
    state: str = "",
    negations: Collection[int] = (),
    text: str = "",
) -> list[Item]:
    """Items that fit every filter given; an empty filter lets all pass.

    ``conditions``: any of them is asked; with ``state`` "present" or "absent", and is so in the right option. ``cues``:
    any of them denies one of those conditions in the right option. ``text``: stands in the id or in an option of either
    form.
    """
    sought = text.strip().casefold()

    def fits(item: Item) -> bool:
        states, cue_by_condition = truth(item), cues_said(item)
        asked = [c for c in item.conditions if not conditions or c in conditions]
        asked = [c for c in asked if not state or states[c] == (state == "present")]
        return (
            bool(asked)
            and (not cues or any(cue_by_condition.get(c) in cues for c in asked))
            and (not negations or item.negations in negations)
            and (not sought or any(sought in t.casefold() for t in (item.item_id, *item.negated, *item.affirmative)))
        )

    return [item for item in items if fits(item)]


def item_rows(items: Sequence[Item]) -> pd.DataFrame:
    """A row an item, for the eye: the right option in both forms."""
    columns = [
        "item",
        "conditions",
        "cues",
        "negations",
        "answer",
        "right, with negations",
        "right, affirmative",
        "split",
    ]
    rows = [
        (
            item.item_id,
            ", ".join(item.conditions),
            ", ".join(cues_said(item).values()),
            item.negations,
            item.answer,
            item.negated[item.answer_index],
            item.affirmative[item.answer_index],
            item.split,
        )
        for item in items
    ]
    return pd.DataFrame(rows, columns=columns)


def items_csv(items: Sequence[Item]) -> str:
    """A row an item, all of it."""
    rows = []
    for item in items:
        row = item.model_dump(exclude={"negated", "affirmative", "assignments", "conditions", "cues", "corrected"})
        row |= {f"condition_{n}": condition for n, condition in enumerate(item.conditions, start=1)}
        row |= {f"cue_{n}": cue for n, cue in enumerate(item.cues, start=1)}
        for letter, assignment, negated, affirmative in zip(
            LETTERS, item.assignments, item.negated, item.affirmative, strict=True
        ):
            row |= {f"states_{letter}": "".join(map(str, assignment))}
            row |= {f"negated_{letter}": negated, f"affirmative_{letter}": affirmative}
        if item.corrected:
            row |= {"corrected": "; ".join(f"{c.text}: {c.condition} {c.state}" for c in item.corrected)}
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False)


def item_balance(items: Sequence[Item]) -> pd.DataFrame:
    """Columns group (condition), series (present or absent in the right option), n; every pair, also of 0."""
    counts = Counter((condition, state) for item in items for condition, state in truth(item).items())
    names = sorted({condition for condition, _ in counts})
    return _counted(
        [(name, series, counts[name, state]) for name in names for state, series in ((1, PRESENT), (0, ABSENT))]
    )


def item_cues(items: Sequence[Item]) -> pd.DataFrame:
    """Columns group (cue, those held out of training starred), series, n; commonest first."""
    counts = Counter(starred(cue) for item in items for cue in cues_said(item).values() if cue)
    return _counted([(cue, ABSENT, n) for cue, n in counts.most_common()])


def item_negations(items: Sequence[Item]) -> pd.DataFrame:
    """Columns group (number of negations in the right option), series (its letter), n."""
    counts = Counter((item.negations, item.answer) for item in items)
    return _counted([(str(n), letter, counts[n, letter]) for n in range(4) for letter in LETTERS])


def study_rows(studies: pd.DataFrame) -> pd.DataFrame:
    """A row a study, for the eye: what its labels say is there, and what they leave open as uncertain."""
    names = [name for name in studies.columns if name not in ABOUT]

    def having(state: int) -> list[str]:
        return [", ".join(name for name in names if row[name] == state) for _, row in studies.iterrows()]

    return studies[["patient", "study", "split"]].assign(
        present=having(1), uncertain=having(-1), image=studies.image.tolist()
    )


def filter_claims(
    examples: Sequence[Example],
    *,
    findings: Collection[str] = (),
    polarity: str = "",
    kinds: Collection[str] = (),
    cues: Collection[str] = (),
    splits: Collection[str] = (),
    text: str = "",
) -> list[Example]:
    """Examples that fit every filter given. ``cues``: in the true statement or a contradiction."""
    sought = text.strip().casefold()

    def fits(example: Example) -> bool:
        others = example.contradictions
        texts = (example.study_id, example.text, example.claim.sentence, *(other.text for other in others))
        return (
            (not findings or example.claim.finding in findings)
            and (not polarity or example.claim.polarity == polarity)
            and (not kinds or any(other.kind in kinds for other in others))
            and (not cues or bool({example.cue, *(other.cue for other in others)} & set(cues)))
            and (not splits or example.split in splits)
            and (not sought or any(sought in part.casefold() for part in texts))
        )

    return [example for example in examples if fits(example)]


def claim_rows(examples: Sequence[Example]) -> pd.DataFrame:
    """A row a true statement and contradiction."""
    columns = [
        "study",
        "finding",
        "polarity",
        "true statement",
        "contradiction",
        "kind",
        "cues",
        "source sentence",
        "split",
    ]
    rows = [
        (
            example.study_id,
            example.claim.finding,
            example.claim.polarity,
            example.text,
            other.text,
            other.kind,
            ", ".join(starred(cue) for cue in (example.cue, other.cue) if cue),
            example.claim.sentence,
            example.split,
        )
        for example in examples
        for other in example.contradictions
    ]
    return pd.DataFrame(rows, columns=columns)


def claim_balance(examples: Sequence[Example]) -> pd.DataFrame:
    """Columns group (finding), series (polarity of the true statement of a polarity pair), n."""
    pairs = [e for e in examples if any(other.kind == "polarity" for other in e.contradictions)]
    counts = Counter[tuple[str, str]]((e.claim.finding, e.claim.polarity) for e in pairs)
    names = sorted({finding for finding, _ in counts})
    return _counted(
        [
            (name, series, counts[name, state])
            for name in names
            for state, series in (("present", PRESENT), ("absent", ABSENT))
        ]
    )


def claim_cues(examples: Sequence[Example]) -> pd.DataFrame:
    """Columns group (cue), series (the statement it stands in), n."""
    counts: Counter[tuple[str, str]] = Counter()
    for example in examples:
        if example.cue:
            counts[starred(example.cue), "true statements"] += 1
        for other in example.contradictions:
            if other.cue:
                counts[starred(other.cue), "contradictions"] += 1
    total = Counter[str]()
    for (cue, _), n in counts.items():
        total[cue] += n
    return _counted(
        [
            (cue, series, counts[cue, series])
            for cue, _ in total.most_common()
            for series in ("true statements", "contradictions")
        ]
    )


def _counted(rows: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["group", "series", "n"])
