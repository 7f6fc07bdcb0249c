"""What finished runs say of a model and its repairs: found again, put side by side, tested together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from dashboard.parts import memo, widgets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.repair.asked_for import Asked
    from nast_core.runs.store import Run
    from nast_core.work.repair import Repairing, RepairRecipe


class One(NamedTuple):
    """A finished run."""

    recipe: RepairRecipe
    run: Run
    made: Repairing

    @property
    def name(self) -> str:
        return f"{self.recipe.model} + {self.made.repair}"

    @property
    def spec(self) -> str:
        """As the sidebar takes it: in words, where these say all; the run's where it has a vocabulary of its own."""
        from nast_core.repair.record import WORDS, read_record

        record = read_record(self.run.folder)
        own = record.words.endswith(WORDS)
        return self.made.spec if own else record.of(self.run.folder).behind(self.recipe.model)


class Outcome(NamedTuple):
    """``figures``: model or repaired model -> its figures, as ``nast_core.repair.evaluate`` has them, the model as it
    is first. ``tests``: each against that one, as ``model_tests`` has them, Holm-corrected over all."""

    done: list[One]
    missing: list[RepairRecipe]
    fingerprints: list[str | None]  # of the models of those missing; None where it is looked up
    figures: dict[str, dict[str, Any]]
    by_negations: dict[str, dict[str, Any]]
    tests: pd.DataFrame

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(one.run.id for one in self.done)


def gathered(asked: Asked, fingerprint: str) -> Outcome:
    """``fingerprint``: of the model that is asked about."""
    from nast_core.repair.evaluate import UNREPAIRED
    from nast_core.work.identity import find_run

    done, missing, prints = [], [], []
    for recipe in asked.recipes:
        known = fingerprint if recipe.model == asked.own else None
        with widgets.advice():
            run = find_run(recipe, model_fingerprint=known)
            if run is None:
                missing.append(recipe)
                prints.append(known)
            else:
                done.append(One(recipe, run, _read(run, run.id)))
    figures: dict[str, dict[str, Any]] = {}
    counts: dict[str, dict[str, Any]] = {}
    for one in done:
        for name, called in ((UNREPAIRED, one.recipe.model), (one.made.repair, one.name)):
            figures[called] = one.made.summary["models"][name]
            counts[called] = one.made.summary["by_negations"][name]
    tests = _tests(done, asked.own, tuple(one.run.id for one in done)) if len(figures) > 1 else pd.DataFrame()
    return Outcome(done, missing, prints, figures, counts, tests)


@memo.copied()
def _read(_run: Run, run_id: str) -> Repairing:
    return _run.result


@memo.copied()
def _tests(_done: Sequence[One], own: str, key: tuple[str, ...]) -> pd.DataFrame:
    """Each model against ``own`` as it is, on the same questions."""
    from nast_core.benchmark.several_models import model_tests
    from nast_core.repair.evaluate import UNREPAIRED
    from nast_core.statistics.rates import holm

    scored: dict[str, pd.DataFrame] = {}
    for one in _done:
        for name, part in one.made.scored.groupby("model", sort=False):
            scored[one.recipe.model if name == UNREPAIRED else one.name] = part.drop(columns="model")
    if own not in scored:
        return pd.DataFrame()
    parts = [model_tests({own: scored[own], name: table}) for name, table in scored.items() if name != own]
    tests = pd.concat(parts, ignore_index=True)
    return tests.assign(p_holm=holm(tests.p_value))


def table(outcome: Outcome) -> pd.DataFrame:
    """A row a model: every figure with its interval, in words; and what the negated accuracy gained, tested."""
    from nast_core.repair.figures import FIGURES, told
    from nast_core.statistics.rates import Rate

    gains = {}
    if len(outcome.tests):
        for row in outcome.tests[outcome.tests.form == "negated"].itertuples():
            change = Rate(row.change, row.low, row.high, row.n).interval("+.1f")
            gains[row.b] = (change, f"{row.p_holm:.2g}")
    rows = []
    for name, figures in outcome.figures.items():
        gain, p = gains.get(name, ("", ""))
        own = {said: told(figures, figure) or "" for figure, (said, _) in FIGURES.items()}
        rows.append({"model": name, "negated gained, points": gain, "Holm p": p} | own)
    return pd.DataFrame(rows)


def points(outcome: Outcome, names: dict[str, str]) -> pd.DataFrame:
    """Figures for a chart: model, series, value, low, high, n; ``names``: figure -> series."""
    from nast_core.statistics.rates import Rate

    rows = [
        {"model": model, "series": series, **Rate.of(figures[figure])._asdict()}
        for model, figures in outcome.figures.items()
        for figure, series in names.items()
        if isinstance(figures.get(figure), dict)
    ]
    return pd.DataFrame(rows, columns=["model", "series", "value", "low", "high", "n"])


def negations(outcome: Outcome) -> pd.DataFrame:
    """Negated accuracy by the number of negations in the true statement: model, negations, value, low, high, n."""
    from nast_core.statistics.rates import Rate

    return pd.DataFrame(
        [
            {"model": model, "negations": int(count), **Rate.of(of["acc_negated"])._asdict()}
            for model, counts in outcome.by_negations.items()
            for count, of in sorted(counts.items())
        ]
    )


def curves(outcome: Outcome, own: str) -> pd.DataFrame:
    """A row a repair of ``own`` and strength tried on validation: model, chosen, strength, denials, acc_negated."""
    parts = []
    for one in outcome.done:
        if one.recipe.model == own and one.made.curve is not None:
            best = one.made.curve.strength[one.made.curve.merit.argmax()]
            parts.append(one.made.curve.assign(model=one.name, chosen=one.made.curve.strength == best))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def limits(outcome: Outcome, own: str) -> tuple[float, dict[str, float]]:
    """(AUROC(X) on validation, by repaired model the strength at which its curve crosses 0.5)."""
    every = [
        (one.name, one.made.summary["curve"])
        for one in outcome.done
        if one.recipe.model == own and one.made.curve is not None
    ]
    nan = float("nan")
    ceiling = next((curve["ceiling"] for _, curve in every if curve["ceiling"] is not None), nan)
    return ceiling, {name: nan if curve["crossing"] is None else curve["crossing"] for name, curve in every}
