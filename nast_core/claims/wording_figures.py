"""How wording is read: denials cue by cue, and what is taken for a denial and is none (method.md section 6).

    found = wording_figures(model, images, presence, patients, conditions)     # as negated_prompt_auroc takes them
    found.groups()     # a row a group of WAY_GROUPS and side of the noun
    found.wordings()   # a row a cue or frame, and condition or "macro"
    found.summary()    # the same for summary.json
    wording_changes(found_of_a, found_of_b)     # paired, B - A

Every figure is an AUROC: of a denial for the absence of X, of an affirmation and of a pseudo-negation for its presence.
1 is right, 0.5 ignored, 0 turned round. A gain in unseen denials says nothing without false denial beside it: a tower
that takes every new frame for a denial has the first for nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from torch import Tensor

from nast_core.claims.prompts import prompt_scores
from nast_core.claims.way_groups import BOTH, MACRO, MEAN, SIDES, WAY_GROUPS
from nast_core.claims.ways import TAUGHT_HERE, Way, ways
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.models.encoder import DualEncoder
from nast_core.statistics.auroc import auroc_columns, auroc_resamples, interval, mean_of_defined
from nast_core.statistics.rates import Rate
from nast_core.vocabulary.model import Vocabulary


def wording_texts(conditions: Sequence[str], vocabulary: Vocabulary | None = None) -> list[str]:
    """Every text that ``wording_figures`` asks for, each once: to be encoded beforehand, in shares."""
    prompts = (prompt for condition in conditions for prompt in ways(condition, vocabulary).values())
    return list(dict.fromkeys(text for prompt in prompts for text in prompt.towards))


def taught_cues(*models: DualEncoder) -> frozenset[str]:
    """What any of these models was taught to deny by: what its record says, else what is taught here."""
    return frozenset().union(*(TAUGHT_HERE if model.card.taught is None else model.card.taught for model in models))


@dataclass(frozen=True)
class WordingFigures:
    """AUROCs of one model, with resamples kept so that two models can be compared."""

    columns: tuple[tuple[Way, str], ...]  # way and condition
    values: Float[np.ndarray, " column"]
    resampled: Float[np.ndarray, "resample column"]
    conditions: tuple[str, ...]
    n: tuple[int, ...]  # images of which the condition is known
    images: int  # of which any is
    taught: frozenset[str]  # cues, and names of frames

    @cached_property
    def _group(self) -> list[str]:
        return [way.group(self.taught) for way, _ in self.columns]

    def _rate(self, columns: Sequence[int], n: int) -> Rate:
        chosen = list(columns)
        value = float(mean_of_defined(self.values[chosen]))
        return interval(value, mean_of_defined(self.resampled[:, chosen], 1), n)

    def groups(self) -> pd.DataFrame:
        """group, side ("both", "before" or "behind" the noun), condition or "macro", value, low, high, n, ways: means
        over ways and conditions; a condition's for both sides together."""
        rows = []
        counts = {MACRO: self.images} | dict(zip(self.conditions, self.n, strict=True))
        for group in WAY_GROUPS:
            own = [i for i, name in enumerate(self._group) if name == group]
            for side, condition in [*((side, MACRO) for side in SIDES), *((BOTH, one) for one in self.conditions)]:
                chosen = [
                    i
                    for i in own
                    if side in (BOTH, self.columns[i][0].side) and condition in (MACRO, self.columns[i][1])
                ]
                if chosen:
                    about = {"group": group, "side": side, "condition": condition}
                    ways_there = len({self.columns[i][0] for i in chosen})
                    rows.append({**about, **self._rate(chosen, counts[condition])._asdict(), "ways": ways_there})
        return pd.DataFrame(rows, columns=["group", "side", "condition", *Rate._fields, "ways"])

    def wordings(self, conditions: Collection[str] | None = None) -> pd.DataFrame:
        """group, side, wording (a cue or frame), condition or "macro", value, low, high, n.
        ``conditions``: of these alone; "macro" among them."""
        rows = []
        of_way: dict[Way, list[int]] = {}
        for i, (way, _) in enumerate(self.columns):
            of_way.setdefault(way, []).append(i)
        counts = dict(zip(self.conditions, self.n, strict=True))
        for way, places in of_way.items():
            about = {"group": way.group(self.taught), "side": way.side, "wording": way.name}
            parts = {MACRO: (places, self.images)} | {
                self.columns[i][1]: ([i], counts[self.columns[i][1]]) for i in places
            }
            rows += [
                {**about, "condition": condition, **self._rate(chosen, n)._asdict()}
                for condition, (chosen, n) in parts.items()
                if conditions is None or condition in conditions
            ]
        order = {group: place for place, group in enumerate(WAY_GROUPS)}
        rows.sort(key=lambda row: order[row["group"]])
        return pd.DataFrame(rows, columns=["group", "side", "wording", "condition", *Rate._fields])

    def table(self, conditions: Collection[str] | None = None) -> pd.DataFrame:
        """Groups, whose wording is "mean", over ``wordings``; ``conditions`` as there."""
        groups = self.groups().assign(wording=MEAN)
        groups = groups[groups.condition.isin(groups.condition if conditions is None else conditions)]
        wordings = self.wordings(conditions)
        return pd.concat([groups[wordings.columns], wordings], ignore_index=True)

    def summary(self) -> dict[str, Any]:
        """groups: group -> rate and ways, and by side. wordings: cue or frame -> rate, group and side, macro."""
        groups: dict[str, Any] = {}
        table = self.groups()
        for row in table[table.condition == MACRO].to_dict("records"):
            figure = {name: row[name] for name in (*Rate._fields, "ways")}
            if row["side"] == BOTH:
                groups[row["group"]] = {**figure, "sides": {}}
            else:
                groups[row["group"]]["sides"][row["side"]] = figure
        wordings = {
            row.pop("wording"): {name: row[name] for name in (*Rate._fields, "group", "side")}
            for row in self.wordings([MACRO]).to_dict("records")
        }
        return {"groups": groups, "wordings": wordings, "taught": sorted(self.taught)}


def wording_figures(
    model: DualEncoder,
    images: Float[Tensor, "image dim"],
    presence: Float[np.ndarray, "image condition"],
    patients: Sequence[str],
    conditions: Sequence[str],
    vocabulary: Vocabulary | None = None,
    *,
    taught: Collection[str] | None = None,
    texts: Mapping[str, Float[Tensor, " dim"]] | None = None,
    cache: VectorCache | None = None,
    **options: int,
) -> WordingFigures:
    """``images``: unit vectors; ``presence``: 1 present, 0 absent, NaN unknown. A condition needs both to count.

    ``taught``: cues, and names of frames, that the model's training texts have; without, ``taught_cues`` of the model.
    ``texts``: unit vectors of ``wording_texts``, where they are at hand; else they are encoded, or taken from
    ``cache``. ``options``: resamples and seed. Intervals by bootstrap over patients, the same draws throughout.
    """
    every = {condition: ways(condition, vocabulary) for condition in conditions}
    columns = [(way, condition) for condition in conditions for way in every[condition]]
    texts = dict(texts or {})
    if missing := [text for text in wording_texts(conditions, vocabulary) if text not in texts]:
        texts |= encode_distinct(model, missing, cache=cache)
    score = prompt_scores(model, images, [every[condition][way] for way, condition in columns], texts)
    place = {condition: i for i, condition in enumerate(conditions)}
    truth = presence[:, [place[condition] for _, condition in columns]]
    truth = np.where([way.denies for way, _ in columns], 1 - truth, truth)
    return WordingFigures(
        tuple(columns),
        auroc_columns(truth, score),
        auroc_resamples(truth, score, patients, **options),
        tuple(conditions),
        tuple((~np.isnan(presence)).sum(0).tolist()),
        int((~np.isnan(presence)).any(1).sum()),
        frozenset(taught_cues(model) if taught is None else taught),
    )


CHANGES = ["group", "side", "wording", "a", "a_low", "a_high", "b", "b_low", "b_high", "change", *Rate._fields[1:]]


def wording_changes(a: WordingFigures, b: WordingFigures) -> pd.DataFrame:
    """CHANGES: B - A of every group (wording "mean") and way, macro, on the same images, patients drawn alike.

    What either was taught counts as taught to both: a way stands in one group.
    """
    taught = a.taught | b.taught
    gap = replace(b, values=b.values - a.values, resampled=b.resampled - a.resampled)
    first, second, change = (replace(one, taught=taught).table([MACRO]) for one in (a, b, gap))
    for name, table in (("a", first), ("b", second)):
        change[[name, f"{name}_low", f"{name}_high"]] = table[list(Rate._fields[:3])]
    return change.rename(columns={"value": "change"})[CHANGES]
