"""What the study compares and how much of it: arms, seeds, rates, sizes."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from nast_core.finetune.arms import Arm as Kind
from nast_core.interpret.summaries import Summary
from nast_core.models.components import Component


class Steering(NamedTuple):
    """The trace and the summary of it that layer weights come from."""

    component: Component
    summary: Summary

    @property
    def name(self) -> str:
        return self.summary if self.component == "block" else f"{self.component} {self.summary}"


class Arm(NamedTuple):
    kind: Kind
    steering: Steering | None = None  # of the arms that follow a trace
    rates: tuple[float, ...] = ()  # tried for it, where the plan's are not for it

    @property
    def name(self) -> str:
        return (
            f"{self.kind} {self.steering.name}" if self.steering and self.kind not in ("random", "paper") else self.kind
        )


STEERINGS = (
    Steering("block", "std"),
    Steering("block", "max"),
    Steering("block", "negator"),
    Steering("block", "negator_out"),
    Steering("attention", "mean_abs"),
)
PAPER_RATES = (1.5e-4, 5e-4)  # its loss holds nothing in place: at 3e-3 affirmations fell to AUROC 0.72 on validation


def arms_of(steerings: tuple[Steering, ...]) -> tuple[Arm, ...]:
    """Uniform, random, and nast and inverse by each steering; frozen is the base itself. Random shuffles the first
    steering's weights."""
    both: tuple[Kind, ...] = ("nast", "inverse")
    followed = (Arm(kind, steering) for steering in steerings for kind in both)
    return Arm("uniform"), Arm("random", steerings[0]), *followed


@dataclass(frozen=True)
class Plan:
    """One study. Equal plans on equal weights give equal cells, and cells of another plan are not taken for one's
    own."""

    arms: tuple[Arm, ...] = (*arms_of(STEERINGS), Arm("paper", STEERINGS[0], rates=PAPER_RATES))
    seeds: int = 5
    steps: int = 480
    statement_steps: int = 90  # of them, before captions join
    batch_size: int = 12
    rates: tuple[float, ...] = (1.5e-3, 3e-3)  # tried for each arm
    tuning_steps: int = 120  # of one try, with seed 0: the same budget for every arm
    train_studies: int = 2500
    validation_studies: int = 200
    validation_items: int = 200
    test_items: int = 1500  # with cues that training texts have
    unseen_items: int = 750  # with the cues kept out of them
    test_studies: int = 400  # whose claims are ranked, and whose images are retrieved and scored zero-shot

    def cells(self) -> Iterator[tuple[Arm, int]]:
        """(arm, seed), every arm of a seed before the next seed, so that a study cut short still compares all arms."""
        return ((arm, seed) for seed in range(self.seeds) for arm in self.arms)

    def trials(self) -> Iterator[tuple[Arm, float]]:
        return ((arm, rate) for arm in self.arms for rate in self.rates_of(arm))

    def rates_of(self, arm: Arm) -> tuple[float, ...]:
        return arm.rates or self.rates

    @property
    def sizes(self) -> dict[str, Any]:
        """All but which arms and seeds there are: a study can be widened by either."""
        return {name: value for name, value in asdict(self).items() if name not in ("arms", "seeds")}


QUICK = Plan(arms=tuple(arm for arm in arms_of(STEERINGS[:1]) if arm.kind != "random"), seeds=2)
"""A part of the whole study: its cells stay good when the whole is asked for in the same folder."""
