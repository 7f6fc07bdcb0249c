"""The verdict: at most eight sentences, each made by a rule from figures and their intervals.

A rule sees what the parts found and gives a sentence, or None where its part was not asked for or could not be done.
RULES is the table of them, in the order in which they are read; each says what it needs, and its bounds are here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from nast_core.audit.document import Figure, Part, Sentence, Tone
from nast_core.statistics.rates import Rate, apart

NEAR_POINTS = 5.0  # a gap of fewer is none worth a repair
IGNORED = 0.05  # how far from 0.5 an AUROC's whole interval may lie for the cue to be called ignored
KNOWN = 0.8  # share of texts read rightly by a probe, from which on a layer is said to know
BLIND = 0.3  # share answered without the image, of four options; above it options are told by their wording
CHANCE = 0.25  # of four options
LEAST_PATIENTS = 5
_NAMED = 4  # cues that are named of a group
UNTOLD = "cannot be told"


class Found(NamedTuple):
    """What the rules see."""

    parts: Mapping[str, Part]
    patients: int | None = None  # of the questions
    lacks: Sequence[str] = ()  # what the dataset cannot show, a sentence each

    @property
    def figures(self) -> dict[str, Figure]:
        return {name: figure for part in self.parts.values() for name, figure in part.figures.items()}

    def rate(self, name: str) -> Rate | None:
        """None where the figure is not there or undefined."""
        figure = self.figures.get(name)
        return None if figure is None or figure.value is None else figure.rate

    def told(self, rule: str, tone: Tone, text: str, part: str, *figures: str) -> Sentence:
        n = next((self.figures[name].n for name in figures if name in self.figures), None)
        there = tuple(name for name in figures if name in self.figures)
        seed = self.parts[part].seed if there else None
        return Sentence(rule=rule, tone=tone, text=text, part=part, figures=there, n=n, seed=seed)


Rule = Callable[[Found], Sentence | None]


def sight(found: Found) -> Sentence | None:
    """That the model reads these images no better than chance, where neither affirmative questions nor zero-shot AUROC
    say that it does: whatever its scores do with a denial is then no reading."""
    affirmative, zero_shot = found.rate("acc_affirmative"), found.rate("zero_shot")
    if affirmative is None or affirmative.low > CHANCE or (zero_shot is not None and zero_shot.low > 0.5):
        return None
    ends = f"{affirmative.low:.0%} to {affirmative.high:.0%}"
    beside = f", and zero-shot AUROC is {zero_shot.interval('.2f')}" if zero_shot is not None else ""
    text = (
        f"Said affirmatively, {affirmative.value:.0%} of the questions are answered rightly ({ends}), where guessing "
        f"gives {CHANCE:.0%}{beside}: what this model makes of these images is no better than chance, so that its "
        "scores say nothing of how it reads a denial."
    )
    return found.told("sight", "bad", text, "benchmark", "acc_affirmative", "zero_shot")


def cost(found: Found) -> Sentence | None:
    """How far the negated form is below the affirmative one: by the gap's interval."""
    gap, negated, affirmative = map(found.rate, ("gap_points", "acc_negated", "acc_affirmative"))
    if gap is None or negated is None or affirmative is None:
        return None
    shown = f"{negated.value:.0%} of negated questions are answered rightly and {affirmative.value:.0%} of affirmative"
    by = f"{abs(gap.value):.1f} points ({gap.ends('.1f')})"
    if gap.low > 0:
        tone: Tone = "bad" if gap.high > NEAR_POINTS else "good"
        text = f"{shown}: negation costs {by}."
    elif gap.high < 0:
        tone, text = (
            "good",
            f"{shown}: negated is not below affirmative, the gap is {gap.value:.1f} ({gap.ends('.1f')}).",
        )
    elif max(-gap.low, gap.high) <= NEAR_POINTS:
        tone, text = "good", f"{shown}: no gap of more than {NEAR_POINTS:.0f} points ({gap.ends('.1f')})."
    else:
        tone, text = "open", f"{shown}: whether negation costs anything {UNTOLD} (gap {gap.ends('.1f')} points)."
    return found.told("cost", tone, text, "benchmark", "gap_points", "acc_negated", "acc_affirmative")


def read_as(auroc: Rate) -> str:
    """How a denial is read: "as presence", "ignored", "read", or UNTOLD."""
    if auroc.high < 0.5:
        return "as presence"
    if auroc.low >= 0.5 - IGNORED and auroc.high <= 0.5 + IGNORED:
        return "ignored"
    return "read" if auroc.low > 0.5 else UNTOLD


def cues(found: Found) -> Sentence | None:
    """Which cues are read as presence, ignored, and read: by the AUROC of each one's denials."""
    groups: dict[str, list[str]] = {}
    for name, figure in found.figures.items():
        if name.startswith("cue.") and figure.value is not None:
            groups.setdefault(read_as(figure.rate), []).append(name.removeprefix("cue.").replace("_", " "))
    if not groups:
        return None
    said = [
        f"{word.format(len(groups[group]))} ({_some(groups[group])})"
        for group, word in (
            ("as presence", "reads {} as presence"),
            ("ignored", "ignores {}"),
            ("read", "reads {} rightly"),
        )
        if group in groups
    ]
    count = sum(map(len, groups.values()))
    text = (
        f"Of {count} negation cues it {_list(said)}" if said else f"How any of {count} negation cues is read {UNTOLD}"
    )
    if said and UNTOLD in groups:
        text += f"; of {len(groups[UNTOLD])} it {UNTOLD}"
    bad = len(groups.get("as presence", [])) + len(groups.get("ignored", []))
    tone: Tone = "open" if not said else "good" if not bad else "mixed" if "read" in groups else "bad"
    own = [name for name in found.figures if name.startswith("cue.")]
    return found.told("cues", tone, f"{text}.", "denials", *own)


def muting(found: Found) -> Sentence | None:
    """Whether what the best repair gains is reading or muting: negated accuracy beside blind and AUROC of denials."""
    gaining = {method: rate for method in repairs(found) if (rate := _of(found, method, "gained_negated")).low > 0}
    if not gaining:
        return None
    method = max(gaining, key=lambda name: gaining[name].value)
    denials, blind = _of(found, method, "denials_unseen"), _of(found, method, "blind_negated")
    start = f"What {method} gains in negated questions ({gaining[method].value:+.1f} points)"
    if blind.low > BLIND:
        tone: Tone = "bad"
        text = f"{start} is wording: {blind.value:.0%} are answered without the image."
    elif denials.low > 0.5:
        tone = "good"
        text = (
            f"{start} is reading, the parser's: denials by unseen cues rank absence at AUROC {denials.interval('.2f')}."
        )
    elif denials.high <= 0.5 + IGNORED:
        tone = "bad"
        text = f"{start} is muting: denials by unseen cues still rank absence at AUROC {denials.interval('.2f')}."
    else:
        tone = "open"
        text = f"Whether what {method} gains is reading or muting {UNTOLD} (AUROC {denials.interval('.2f')})."
    names = [f"repair.{method}.{name}" for name in ("gained_negated", "denials_unseen", "blind_negated")]
    return found.told("muting", tone, text, "repairs", *names)


def knowledge(found: Found) -> Sentence | None:
    """Whether the tower knows and the readout loses it: the probe at the last layer beside the AUROC of denials."""
    probe, control, denials = map(found.rate, ("probe_findings", "probe_control", "denials"))
    if probe is None or denials is None:
        return None
    both = f"a probe of the last layer reads {probe.value:.0%} rightly, denials by “no” have AUROC {denials.value:.2f}"
    tone: Tone
    if control is not None and probe.low <= control.high:
        tone, text = (
            "open",
            f"Whether the text encoder knows what is denied {UNTOLD}: the probe is no better than its control.",
        )
    elif probe.low >= KNOWN and denials.high < 0.5 + IGNORED:
        tone, text = "bad", f"The text encoder knows that a finding is denied and its readout loses it: {both}."
    elif probe.low >= KNOWN and denials.low > 0.5:
        tone, text = "good", f"The text encoder knows that a finding is denied, and the score says so: {both}."
    elif probe.high < KNOWN:
        tone, text = "bad", f"The text encoder itself does not know that a finding is denied: {both}."
    else:
        tone, text = "open", f"Whether the text encoder knows that a finding is denied {UNTOLD}: {both}."
    return found.told("knowledge", tone, text, "probe", "probe_findings", "probe_control", "denials")


def place(found: Found) -> Sentence | None:
    """Which layers and which head: where the effect leaves the negator's own position, and who looks at it most."""
    tone: Tone = "mixed"
    said = []
    if layers := _layers(found):
        out = [layer for layer, rate in layers if rate.high < 0.5]
        early = [layer for layer, rate in layers if rate.low < 0.5]
        if not out:
            tone = "open"
            said.append(f"in which layers the effect leaves the negator {UNTOLD}")
        else:
            where = f"layer {out[0]}" if out[0] == early[0] else f"layers {early[0]} to {out[0]}"
            said.append(f"half of the effect of a negator has left its own position by {where}")
    nsa = found.rate("nsa")
    if nsa is not None:
        about = found.parts["attention"].facts
        said.append(f"the head that looks at it most is {about['head']} ({nsa.interval('.2f')} of its attention)")
    if not said:
        return None
    text = "; ".join(said)
    names = [f"cte.{layer}" for layer, _ in layers]
    return found.told("place", tone, f"{text[0].upper()}{text[1:]}.", "trace" if layers else "attention", *names, "nsa")


def repair(found: Found) -> Sentence | None:
    """Which repair closes how much of the gap, and at what price in what the model knows."""
    method = best_repair(found)
    if method is None:
        return None
    change, gap = _of(found, method, "gained_gap"), _of(found, method, "gap_points")
    before, after = found.rate("repair.as_it_is.zero_shot"), found.rate(f"repair.{method}.zero_shot")
    price = ""
    if before is not None and after is not None:
        lost = apart(before, after)
        moves = f"zero-shot AUROC {before.value:.2f} -> {after.value:.2f}"
        price = f"; {moves}" + (", a loss" if lost.high < 0 else ", no loss that can be told")
    tone: Tone
    if change.high < 0:
        tone = "good"
        text = (
            f"Of {len(repairs(found))} repairs {method} does most: the gap goes by {-change.value:.1f} points "
            f"({-change.high:.1f} to {-change.low:.1f}) to {gap.value:.1f}{price}."
        )
    elif change.low > 0:
        tone, text = (
            "bad",
            f"No repair closes the gap; the best, {method}, widens it by {change.interval('.1f')} points{price}.",
        )
    else:
        tone, text = (
            "open",
            f"Whether any of {len(repairs(found))} repairs closes the gap {UNTOLD}; "
            f"the best, {method}: {change.interval('+.1f')} points{price}.",
        )
    names = [f"repair.{method}.{name}" for name in ("gained_gap", "gap_points", "zero_shot")]
    return found.told("repair", tone, text, "repairs", *names)


def training(found: Found) -> Sentence | None:
    """Whether training is still worth it after the best repair, and what fine-tunes on disk have reached."""
    method = best_repair(found)
    tuned = {
        name.removeprefix("finetune.").removesuffix(".acc_negated"): figure
        for name, figure in found.figures.items()
        if name.startswith("finetune.") and name.endswith(".acc_negated") and figure.value is not None
    }
    if method is None and not tuned:
        return None
    tone: Tone = "mixed"
    said, names = [], []
    if method is not None:
        gap, denials = _of(found, method, "gap_points"), _of(found, method, "denials_unseen")
        left = f"after {method} {gap.value:.1f} points are left ({gap.ends('.1f')})"
        if gap.high <= NEAR_POINTS and denials.low > 0.5:
            tone, text = "good", f"Training is hardly worth it: {left}"
        elif gap.low > NEAR_POINTS or denials.high < 0.5 + IGNORED:
            tone, text = "bad", f"Training is still worth it: {left}"
        else:
            tone, text = "open", f"Whether training is still worth it {UNTOLD}: {left}"
        said.append(text)
        names += [f"repair.{method}.gap_points", f"repair.{method}.denials_unseen"]
    if tuned:
        run = max(tuned, key=lambda name: tuned[name].value or 0.0)
        said.append(
            f"the best of {len(tuned)} fine-tunes on disk, {run}, answers {tuned[run].value:.0%} of negated questions "
            "on its validation studies"
        )
        names.append(f"finetune.{run}.acc_negated")
    text = "; ".join(said)
    return found.told("training", tone, f"{text[0].upper()}{text[1:]}.", "repairs" if method else "finetunes", *names)


def limits(found: Found) -> Sentence | None:
    """What this dataset cannot tell."""
    if not found.lacks or not found.parts:
        return None
    part = "benchmark" if "benchmark" in found.parts else next(iter(found.parts))
    said = "; ".join(one.rstrip(".") for one in found.lacks)
    return found.told("limits", "open", f"What this dataset cannot tell: {said}.", part)


RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (sight, cost, cues, muting, knowledge, place, repair, training, limits)
}
OF_SCORES = frozenset({"cost", "cues", "muting", "knowledge", "repair", "training"})  # nothing where there is no sight


def verdict(found: Found) -> tuple[Sentence, ...]:
    """What the rules say, in their order. Of fewer patients than LEAST_PATIENTS nothing is told: their intervals mean
    nothing."""
    if found.patients is not None and found.patients < LEAST_PATIENTS:
        part = next(iter(found.parts))
        few = f"Nothing {UNTOLD}: the questions are of {found.patients} patients, and figures need {LEAST_PATIENTS}."
        said = [found.told("patients", "open", few.replace("Nothing cannot", "Nothing can"), part)]
        return (*said, *filter(None, [limits(found)]))
    blind = sight(found) is not None
    rules = [rule for name, rule in RULES.items() if not (blind and name in OF_SCORES)]
    return tuple(sentence for rule in rules if (sentence := rule(found)) is not None)


def repairs(found: Found) -> list[str]:
    """Methods that have figures, in their order."""
    names = [
        name.split(".", 1)[1].removesuffix(".gained_gap") for name in found.figures if name.endswith(".gained_gap")
    ]
    return list(dict.fromkeys(names))


def best_repair(found: Found) -> str | None:
    """By the mean of negated accuracy and AUROC of denials, as a strength is chosen: muting lifts the first alone."""

    def score(method: str) -> float:
        values = [_of(found, method, name).value for name in ("acc_negated", "denials_unseen")]
        known = [value for value in values if value == value]
        return sum(known) / len(known) if known else 0.0

    methods = repairs(found)
    return max(methods, key=score) if methods else None


def _of(found: Found, method: str, name: str) -> Rate:
    nothing = Rate(float("nan"), float("nan"), float("nan"), 0)
    return found.rate(f"repair.{method}.{name}") or nothing


def _layers(found: Found) -> list[tuple[int, Rate]]:
    """Layers after the embedding, with the CTE of the negator's own position."""
    rates = {name: found.rate(name) for name in found.figures if name.startswith("cte.")}
    return [(int(name.removeprefix("cte.")), rate) for name, rate in rates.items() if rate is not None]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"“{name}”" for name in names[:_NAMED]) + more


def _list(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
