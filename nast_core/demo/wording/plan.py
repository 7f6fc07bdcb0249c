"""What the study of wording compares, as data: cells, what is held against what, and how much of each."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any

from nast_core.claims.cue_sets import draw_cues, manner_of, taught_by
from nast_core.claims.manner import Contrasts, Manner
from nast_core.files.places import DEMO
from nast_core.finetune.arms import Arm
from nast_core.finetune.recipe import Method
from nast_core.interpret.summaries import Summary

LANGUAGE = "demo-language"
REPAIR = "region(t=0.52)"  # of all repairs the best reader; t: what validation chose (docs/repairs.md)
REFERENCE = "eight"  # the cell that others are held against, and whose texts rates are tried on
PARTS = {
    "a": "number against kind of cues",
    "b": "contrasts",
    "c": "hard affirmatives",
    "d": "which layers learn how fast",
    "e": "whole layers or LoRA",
    "f": "a tower without language",
    "g": "objectives",
    "h": "breadth on both sides",
}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One way to teach: texts, and a recipe. Its name is its file's."""

    name: str
    parts: str  # of PARTS, a letter each
    cues: str = "eight"  # a set of cue_sets.py; or "mixed 4", "before 8": so many, drawn by the seed
    contrasts: Contrasts = "off"
    hard: float = 0.0
    unmoved: int = 0
    on: str | None = None  # a model's spec; without, the plan's
    arm: Arm = "uniform"
    summary: Summary | None = None  # of the arms that follow a trace
    method: Method = "full"
    more: tuple[tuple[str, Any], ...] = ()  # further fields of the fine-tune's recipe
    teacher: str | None = None  # by text alone: the repair that teaches
    then_claims: bool = False  # and statements about images after it
    repair: str | None = None  # no training: the model so repaired

    def manner(self, seed: int) -> Manner:
        """How training statements are said."""
        where, _, count = self.cues.partition(" ")
        drawn = where in ("mixed", "before") and count.isdigit()
        cues = draw_cues(int(count), seed, where) if drawn else self.cues  # type: ignore[arg-type]
        return manner_of(cues, contrasts=self.contrasts, hard=self.hard, unmoved=self.unmoved)

    @property
    def options(self) -> str:
        """The same texts, as options of 'nast claims build'; of a set that is drawn, seed 0's."""
        cues = (
            f"--cues {self.cues}"
            if " " not in self.cues
            else f'--cues "{", ".join(sorted(taught_by(self.manner(0))))}"'
        )
        more = [f"--contrasts {self.contrasts}"] if self.contrasts != "on" else []
        more += [f"--hard-affirmatives {self.hard:g}"] if self.hard else []
        more += [f"--pseudo-negations {self.unmoved}"] if self.unmoved else []
        return " ".join([cues, *more])

    @property
    def schedule(self) -> str:
        """What a rate is chosen for: cells that differ in their texts alone share it."""
        objective = "distil" if self.teacher else ""
        own = (
            self.on,
            self.arm,
            self.summary,
            self.method,
            objective,
            *(f"{name} {value}" for name, value in self.more),
        )
        return " ".join(str(part) for part in own if part)


_ARMS: tuple[tuple[Arm, Summary], ...] = (
    ("nast", "std"),
    ("nast", "negator"),
    ("nast", "negator_out"),
    ("inverse", "std"),
    ("random", "std"),
)
CELLS: tuple[Cell, ...] = (
    Cell(name=REFERENCE, parts="abcdegh"),
    *(Cell(name=f"mixed-{count}", parts="a", cues=f"mixed {count}") for count in (1, 2, 4, 8, 16)),
    Cell(name="before-8", parts="a", cues="before 8"),
    Cell(name="contrasts-on", parts="b", contrasts="on"),
    Cell(name="contrasts-reworded", parts="b", contrasts="reworded"),
    Cell(name="hard", parts="c", hard=0.3),
    *(Cell(name=f"{arm}-{summary}", parts="d", arm=arm, summary=summary) for arm, summary in _ARMS),
    Cell(name="lora", parts="e", method="lora"),
    Cell(name="rewritten", parts="g", repair="rewrite"),
    Cell(name="repaired", parts="g", repair=REPAIR),
    Cell(name="distilled", parts="g", cues="all", teacher=REPAIR),
    Cell(name="distilled-then-claims", parts="g", cues="all", teacher=REPAIR, then_claims=True),
    Cell(name="demo-mixed-8", parts="f", cues="mixed 8", on=DEMO),
    Cell(name="demo-before-8", parts="f", cues="before 8", on=DEMO),
    *(Cell(name=f"eight-pseudo-{count}", parts="h", unmoved=count) for count in (4, 16)),
    Cell(name="all", parts="gh", cues="all"),
    *(Cell(name=f"all-pseudo-{count}", parts="h", cues="all", unmoved=count) for count in (4, 16)),
)
COMPARED: tuple[tuple[str, str, str], ...] = (  # part, a cell, and the one it is held against, seed by seed
    ("a", "mixed-16", "mixed-1"),
    ("a", "mixed-16", "mixed-8"),
    ("a", "mixed-8", "before-8"),
    ("b", "contrasts-on", REFERENCE),
    ("b", "contrasts-reworded", REFERENCE),
    ("c", "hard", REFERENCE),
    *(("d", f"{arm}-{summary}", REFERENCE) for arm, summary in _ARMS),
    ("d", "nast-std", "inverse-std"),
    ("e", "lora", REFERENCE),
    ("f", "demo-mixed-8", "mixed-8"),
    ("g", "distilled", "all"),
    ("g", "distilled-then-claims", "distilled"),
    ("g", "distilled", "repaired"),
    ("h", "eight-pseudo-16", REFERENCE),
    ("h", "all", REFERENCE),
    ("h", "all-pseudo-16", "all"),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One study. Equal plans on equal weights give equal cells; cells of another plan are not taken for one's own."""

    model: str = LANGUAGE
    cells: tuple[Cell, ...] = CELLS
    seeds: int = 5
    steps: int = 60
    statement_steps: int = 40  # of them, before captions join
    validations: int = (
        4  # of a training of part d: its curve, by which schedules are compared at equal reading of taught cues
    )
    batch_size: int = 12
    rates: tuple[float, ...] = (1e-4, 3e-4)  # tried for each schedule of whole layers
    lora_rates: tuple[float, ...] = (1e-3, 3e-3)
    demo_rates: tuple[float, ...] = (1.5e-3, 3e-3)  # the demo CLIP learns in larger steps
    distil_rates: tuple[float, ...] = (3e-4, 5e-4)
    distil_steps: int = 180  # of texts alone, which cost less
    distil_texts: int = 64  # a step
    tuning_steps: int = 30  # of one try, with seed 0
    train_studies: int = 800
    validation_studies: int = 60
    validation_items: int = 60  # with the demo world's own cues, and as many with the held-out ones
    test_items: int = 300
    unseen_items: int = 300
    test_studies: int = 200  # whose images every wording is asked about

    def pieces(self) -> Iterator[tuple[Cell, int]]:
        """(cell, seed), every cell of a seed before the next seed, so that a study cut short still compares all. A
        model that is only repaired has one seed."""
        return ((cell, seed) for seed in range(self.seeds) for cell in self.cells if not (cell.repair and seed))

    def rates_of(self, cell: Cell) -> tuple[float, ...]:
        if cell.teacher:
            return self.distil_rates
        if cell.method == "lora":
            return self.lora_rates
        return self.demo_rates if DEMO in (cell.on, self.model) else self.rates

    def trials(self) -> Iterator[tuple[Cell, float]]:
        """One cell of every schedule, at each of its rates."""
        first: dict[str, Cell] = {}
        for cell in self.cells:
            if not cell.repair:
                first.setdefault(cell.schedule, cell)
        return ((cell, rate) for cell in first.values() for rate in self.rates_of(cell))

    @property
    def models(self) -> tuple[str, ...]:
        """Every base, the plan's own first."""
        return tuple(dict.fromkeys([self.model, *(cell.on for cell in self.cells if cell.on)]))

    @property
    def sizes(self) -> dict[str, Any]:
        """All but which cells and seeds there are: a study can be widened by either."""
        return {name: value for name, value in asdict(self).items() if name not in ("cells", "seeds")}


def quick(plan: Plan) -> Plan:
    """Parts a, c and g, 2 seeds: a part of the whole study, whose cells stay good when the whole is asked for."""
    cells = tuple(cell for cell in plan.cells if {*cell.parts} & {*"acg"})
    return Plan(**{one.name: getattr(plan, one.name) for one in fields(plan)} | {"cells": cells, "seeds": 2})
