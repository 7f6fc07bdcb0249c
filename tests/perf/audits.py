"""An audit: told beforehand against measured, with nothing kept, and again from its parts alone.

``python -m tests.perf.audits`` prints that of a BiomedCLIP-size model, which takes a third of an hour.
"""

import tempfile
import time
from pathlib import Path

import pytest

from nast_core.opening import load_model
from nast_core.runs.store import RunStore
from nast_core.work.audit import AuditRecipe
from nast_core.work.audit_parts import PARTS
from nast_core.work.audit_time import seconds
from nast_core.work.in_process import run_in_process

BARS = {True: "quick: 90 s", False: "whole: 4 minutes"}


class Quiet:
    def progress(self, done: int, total: int, label: str = "") -> None: ...

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None: ...


def an_audit_of_the_demo() -> list[tuple[str, str, str]]:
    model, rows, warm, parts = load_model("demo"), [], 0.0, 0.0
    for quick in (True, False):
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setenv("NAST_CACHE", str(Path(folder) / "cache"))
            patch.setenv("NAST_RUNS", str(Path(folder) / "runs"))
            recipe, store = AuditRecipe(model="demo", quick=quick), RunStore()
            told = sum(seconds(recipe, model).values())
            whole = _taken(recipe, model, store)
            store.discard(_newest(store))
            again = _taken(recipe, model, store)
            if quick:
                parts = _parts_alone(recipe, model, Path(folder))
                warm = _taken(recipe, model, RunStore(Path(folder) / "warm"))
        name = "Quick audit" if quick else "Audit"
        rows += [
            (f"{name} of the demo", f"{whole:.0f} s", f"told beforehand: {told:.0f} s; bar {BARS[quick]}"),
            (f"{name}, from parts that are kept", f"{again:.1f} s", "nothing is computed twice"),
        ]
    against = f"{warm:.0f} s against {parts:.0f} s, both with the vectors of an audit before; bar 1.1"
    rows.append(("Quick audit, against its parts alone", f"{warm / parts:.2f} times", against))
    return rows


def an_audit_of_biomedclips_size(n: int = 500) -> list[tuple[str, str, str]]:
    from tests.perf.finetune import write_biomedclip_size

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAST_CACHE", str(Path(folder) / "cache"))
        place = Path(folder) / "model"
        place.mkdir()
        write_biomedclip_size(place)
        recipe, model = AuditRecipe(model=str(place), quick=True, n=n), load_model(str(place))
        told = sum(seconds(recipe, model).values())
        whole = _taken(recipe, model, RunStore(Path(folder) / "runs"))
    name = f"Quick audit, BERT-base and ViT-B/16, {n} studies"
    return [(name, f"{whole / 60:.0f} minutes", f"told beforehand: {told / 60:.0f}; random weights")]


def _taken(recipe, model, store) -> float:
    began = time.perf_counter()
    run_in_process(recipe, Quiet(), model=model, store=store)
    return time.perf_counter() - began


def _parts_alone(recipe, model, folder: Path) -> float:
    """Each recipe of the parts in a folder of runs of its own, with the vectors that the audit kept."""
    store, began = RunStore(folder / "alone"), time.perf_counter()
    for name in recipe.in_order:
        for asked in PARTS[name].recipes(recipe):
            run_in_process(asked, Quiet(), model=model, store=store)
    return time.perf_counter() - began


def _newest(store: RunStore):
    return next(run for run in store.runs() if run.recipe.kind == "audit")


if __name__ == "__main__":
    for row in an_audit_of_biomedclips_size():
        print(" | ".join(row))
