"""A real audit of the demo: every figure is that of the part's own run, and what is broken off goes on."""

import json
import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from nast_core import load_model
from nast_core.audit.document import FILE, read_audit
from nast_core.audit.names import TITLES
from nast_core.interpret.profiles import layer_profile
from nast_core.interpret.summaries import layer_summary
from nast_core.runs.kinds import make_recipe
from nast_core.runs.store import RunStore
from nast_core.work.audit import FILES, AuditRecipe
from nast_core.work.identity import find_run
from nast_core.work.in_process import run_in_process

pytestmark = pytest.mark.long
RECIPE = AuditRecipe(quick=True, n=40, repairs=("rewrite",), device="cpu")
KILLED = """
import os, signal, sys
from nast_core.work.in_process import run_in_process
from nast_core.work.kinds import make_recipe
from nast_core.work.audit import AuditRecipe

class Killed:
    def progress(self, done, total, label=""):
        if sys.argv[2] in label:
            os.kill(os.getpid(), signal.SIGKILL)
    def metrics(self, step, **values): ...
    def say(self, line): ...

run_in_process(AuditRecipe.model_validate_json(sys.argv[1]), Killed())
"""


class Report:
    """Notes which parts were begun, and breaks off in one of them."""

    def __init__(self, until: str = ""):
        self.labels: list[str] = []
        self._until = until

    def progress(self, done, total, label=""):
        self.labels.append(label)
        if self._until and self._until in label:
            raise KeyboardInterrupt

    def metrics(self, step, **values): ...

    def say(self, line): ...


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Vectors are kept, as they are by default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAST_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def model():
    return load_model("demo", device="cpu")


def killed_in(title: str) -> None:
    words = [sys.executable, "-c", KILLED, RECIPE.model_dump_json(), title]
    ended = subprocess.run(words, env=os.environ | {"NAST_RUNS": str(RunStore().root)}).returncode
    assert ended == -signal.SIGKILL, title


@pytest.fixture(scope="module")
def done(kept, runs_of_this_file, model):
    """An audit whose process was killed in every part, and that was broken off in the repairs, before it was done."""
    *but_last, last = TITLES.values()
    for title in but_last:
        killed_in(title)
    with pytest.raises(KeyboardInterrupt):
        run_in_process(RECIPE, Report("Repairs without training: "), model=model)
    killed_in(last)
    report = Report()
    run = run_in_process(RECIPE, report, model=model)
    return run, report


def test_what_was_done_before_a_kill_is_not_done_again(done):
    _, report = done
    assert [label for label in report.labels if ": " in label] == []  # the last kill came after all but the file


def test_an_audit_killed_in_every_part_says_what_one_says_that_nobody_disturbed(done, model, tmp_path):
    audit = done[0].result.audit
    undisturbed = run_in_process(RECIPE, Report(), model=model, store=RunStore(tmp_path)).result.audit
    assert [sentence.text for sentence in audit.verdict] == [sentence.text for sentence in undisturbed.verdict]
    assert audit.figures.keys() == undisturbed.figures.keys()
    for name, figure in undisturbed.figures.items():
        # vectors that were kept differ from fresh ones in their last digits, by what else was in their batch
        assert audit.figures[name].value == pytest.approx(figure.value, abs=1e-4, nan_ok=True), name
        assert audit.figures[name].n == figure.n


def test_every_part_is_done_and_the_verdict_rests_on_parts(done):
    audit = done[0].result.audit
    assert {part.state for part in audit.parts.values()} == {"done"}
    assert 5 <= len(audit.verdict) <= 8
    assert "negation costs" in audit.verdict[0].text
    for sentence in audit.verdict:
        assert set(sentence.figures) <= set(audit.figures)


def rates_in(value: Any) -> list[tuple]:
    """Every {value, low, high, n} that a summary holds anywhere, a row of a table of tests too."""
    if isinstance(value, list):
        return [found for one in value for found in rates_in(one)]
    if not isinstance(value, dict):
        return []
    own = value.get("value", value.get("change"))
    here = [(own, value["low"], value["high"], value["n"])] if {"low", "high", "n"} <= value.keys() else []
    return here + [found for one in value.values() for found in rates_in(one)]


def test_every_figure_is_that_of_the_parts_own_run_found_by_its_recipe(done):
    audit = done[0].result.audit
    checked = 0
    for part in audit.parts.values():
        for asked in part.runs:
            run = find_run(make_recipe(asked.recipe | {"device": "cpu"}))
            assert run is not None
            assert run.environment["key"] == asked.key
        runs = [RunStore().finished(asked.key) for asked in part.runs]
        known = {found for run in runs for found in rates_in(getattr(run.result, "summary", {}))}
        for name, figure in part.figures.items():
            if name == "checks":
                continue
            if name == "nsa":
                means = runs[0].result.nsa.mean("pair").values
                assert figure.value == pytest.approx(np.max(means))
            elif name.startswith("cte."):
                traced = runs[0].result
                rows = layer_profile(layer_summary(traced, "negator"), traced.d, "ratio_mean").set_index("layer")
                assert figure.value == pytest.approx(rows.value[int(name.removeprefix("cte."))])
            else:
                assert (figure.value, figure.low, figure.high, figure.n) in known, name
            checked += 1
    assert checked > 80


def test_made_anew_from_its_parts_it_is_the_same_file_but_for_the_date(done, model, tmp_path):
    run, _ = done
    before = json.loads((run.folder / FILE).read_text())
    pages = {name: (run.folder / name).read_text() for name in FILES}
    RunStore().discard(run)
    again = run_in_process(RECIPE, Report(), model=model)
    after = json.loads((again.folder / FILE).read_text())
    was, now = before.pop("created"), after.pop("created")
    assert after == before
    for name, text in pages.items():
        assert (again.folder / name).read_text() == text.replace(was, now)
    assert read_audit(again.folder / FILE).intact
