"""The study as a whole: bit by bit into a folder, so that it goes on where it was stopped, with its tables kept
current."""

from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from nast_core.demo.pieces import Say, StudyError, claim, do_missing
from nast_core.demo.study.cell import Bench, identity
from nast_core.demo.study.layers import section
from nast_core.demo.study.plan import Arm, Plan
from nast_core.demo.study.results import JUDGED, results
from nast_core.demo.study.tables import markdown
from nast_core.demo.study.world import World
from nast_core.files.documents import read_json
from nast_core.files.writing import whole_folder, write_json, write_text

__all__ = ["Piece", "StudyError", "best_rates", "compute", "study"]


class Piece(NamedTuple):
    """What is computed at once and kept in a file of its own."""

    arm: Arm | None  # None: the base, which is the frozen arm
    rate: float
    seed: int | None = None  # None: a trial of the rate

    @property
    def file(self) -> str:
        if self.arm is None:
            return "base.json"
        name = self.arm.name.replace(" ", "-")
        return f"trials/{name}-{self.rate:g}.json" if self.seed is None else f"cells/{name}-seed{self.seed}.json"

    @property
    def label(self) -> str:
        if self.arm is None:
            return "base, measured on test phantoms"
        return f"{self.arm.name}, rate {self.rate:g}, {'trial' if self.seed is None else f'seed {self.seed}'}"


def study(
    out: Path, plan: Plan, *, docs: Path | None = None, model: str = "demo", processes: int = 1, say: Say = print
) -> dict[str, Any]:
    """Does what is not done yet of the plan, and returns the results; results.json and results.md stand in ``out``, and
    in ``docs`` where it is given, after every piece. Raises StudyError where ``out`` holds a study of other sizes."""
    out.mkdir(parents=True, exist_ok=True)
    claim(out, identity(World(out, plan, model)))
    runner = _Runner(out, plan, model, processes, docs, say)
    say("Statements, questions, traces and image features; made once")
    _bench(out, plan, model).prepare()
    runner.do([Piece(None, 0.0)])
    runner.do([Piece(arm, rate) for arm, rate in plan.trials()])
    rates = best_rates(plan, out)
    runner.do([Piece(arm, rates[arm.name], seed) for arm, seed in plan.cells()])
    return runner.write()


def best_rates(plan: Plan, out: Path) -> dict[str, float]:
    """Each arm's rate with the largest AUROC of denials on validation."""

    def score(arm: Arm, rate: float) -> float:
        return read_json(out / Piece(arm, rate).file)["validation"][JUDGED]

    return {arm.name: max(plan.rates_of(arm), key=lambda rate: score(arm, rate)) for arm in plan.arms}


class _Runner:
    def __init__(self, out: Path, plan: Plan, model: str, processes: int, docs: Path | None, say: Say):
        self.out, self.plan, self.model, self.processes, self.docs, self.say = out, plan, model, processes, docs, say

    def do(self, pieces: Sequence[Piece]) -> None:
        """Those that have no file yet."""
        work = partial(compute, self.out, self.plan, self.model)
        do_missing(self.out, pieces, work, processes=self.processes, done=self.write, told=_figures, say=self.say)

    def write(self) -> dict[str, Any]:
        outcome = results(self.out, self.plan)
        for folder in filter(None, (self.out, self.docs)):
            with whole_folder(folder, ["results.md", "results.json"]) as temporary:
                write_text(temporary / "results.md", markdown(outcome, section(folder)))
                write_json(temporary / "results.json", outcome)
        return outcome


def compute(out: Path, plan: Plan, model: str, piece: Piece) -> dict[str, Any]:
    bench = _bench(out, plan, model)
    if piece.arm is None:
        return bench.base()
    if piece.seed is None:
        return bench.trial(piece.arm, piece.rate)
    return bench.cell(piece.arm, piece.seed, piece.rate)


@lru_cache(maxsize=1)
def _bench(out: Path, plan: Plan, model: str) -> Bench:
    """A process's own, kept from piece to piece."""
    return Bench(World(out, plan, model))


def _figures(result: dict[str, Any]) -> str:
    if "test" not in result:
        return f"validation AUROC of denials {result['validation'][JUDGED]:.3f}"
    test = result["test"]
    return f"gap {test['gap_points']['value']:.1f} points, negated {100 * test['acc_negated']['value']:.1f} %"
