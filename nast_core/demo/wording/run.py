"""The study of wording as a whole, bit by bit into a folder, with its page kept current."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from nast_core.demo.pieces import Say, claim, do_missing
from nast_core.demo.wording.cell import bench, identity
from nast_core.demo.wording.page import markdown
from nast_core.demo.wording.pictures import PICTURES
from nast_core.demo.wording.plan import Cell, Plan
from nast_core.demo.wording.results import JUDGED, results
from nast_core.files.documents import read_json
from nast_core.files.writing import whole_folder, write_json, write_text


class Piece(NamedTuple):
    """What is computed at once and kept in a file of its own: a base (no cell), a trial (no seed) or a cell."""

    model: str
    cell: Cell | None = None
    rate: float = 0.0
    seed: int | None = None

    @property
    def file(self) -> str:
        if self.cell is None:
            return f"bases/{self.model.replace('/', '-')}.json"
        if self.seed is None:
            return f"trials/{self.cell.schedule.replace(' ', '-')}-{self.rate:g}.json"
        return f"cells/{self.cell.name}-seed{self.seed}.json"

    @property
    def label(self) -> str:
        if self.cell is None:
            return f"{self.model}, measured on test phantoms"
        if self.seed is None:
            return f"{self.cell.schedule}, rate {self.rate:g}, trial"
        return f"{self.cell.name}, rate {self.rate:g}, seed {self.seed}"


def study(out: Path, plan: Plan, *, docs: Path | None = None, processes: int = 1, say: Say = print) -> dict[str, Any]:
    """Does what is not done yet of the plan, and returns the results; wording.md, wording.json and its pictures stand
    in ``out``, and in ``docs`` where it is given, after every piece.

    Trials come first and look at validation alone; test phantoms are opened by the cells, after which nothing is
    chosen. Raises StudyError where ``out`` holds a study of other sizes, and for a training text with a cue that it is
    said not to have.
    """
    out.mkdir(parents=True, exist_ok=True)
    claim(out, identity(plan))
    say("Questions, traces and image vectors; made once")
    for model in plan.models:
        bench(out, plan, model).prepare()

    def do(pieces: Sequence[Piece]) -> None:
        work, done = partial(compute, out, plan), partial(write, out, plan, docs)
        do_missing(out, pieces, work, processes=processes, done=done, told=_figures, say=say)

    do([Piece(cell.on or plan.model, cell, rate) for cell, rate in plan.trials()])
    rates = best_rates(plan, out)
    do([Piece(model) for model in plan.models])
    rated = ((cell, seed, 0.0 if cell.repair else rates[cell.schedule]) for cell, seed in plan.pieces())
    do([Piece(cell.on or plan.model, cell, rate, seed) for cell, seed, rate in rated])
    return write(out, plan, docs)


def best_rates(plan: Plan, out: Path) -> dict[str, float]:
    """Each schedule's rate with the largest AUROC of denials on validation, of taught cues."""
    best: dict[str, tuple[float, float]] = {}
    for cell, rate in plan.trials():
        score = read_json(out / Piece(plan.model, cell, rate).file)["validation"][JUDGED]
        if cell.schedule not in best or score > best[cell.schedule][0]:
            best[cell.schedule] = score, rate
    return {schedule: rate for schedule, (_, rate) in best.items()}


def compute(out: Path, plan: Plan, piece: Piece) -> dict[str, Any]:
    here = bench(out, plan, piece.model)
    if piece.cell is None:
        return here.base()
    if piece.seed is None:
        return here.trial(piece.cell, piece.rate)
    return here.cell(piece.cell, piece.seed, piece.rate)


def write(out: Path, plan: Plan, docs: Path | None) -> dict[str, Any]:
    outcome = results(out, plan)
    for folder in filter(None, (out, docs)):
        pictures = {f"wording-{name}.svg": draw(outcome) for name, draw in PICTURES.items()}
        with whole_folder(folder, ["wording.md", "wording.json", *pictures]) as temporary:
            write_text(temporary / "wording.md", markdown(outcome))
            write_json(temporary / "wording.json", outcome)
            for name, drawn in pictures.items():
                write_text(temporary / name, drawn)
    return outcome


def _figures(result: dict[str, Any]) -> str:
    if "test" not in result:
        return f"validation AUROC of denials {result['validation'][JUDGED]:.3f}"
    held_out, false = (result["test"][name] for name in ("held_out", "false_denial"))
    return f"held-out denials {held_out:.3f}, false denial {false:.3f}"
