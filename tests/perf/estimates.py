"""The time told before a fine-tune against what it takes: the demo as the page offers it, and a BERT-base tower."""

import os
import tempfile
from contextlib import chdir
from pathlib import Path
from unittest.mock import patch

from nast_core.finetune.estimate import seconds_of
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.runs.store import RunStore
from nast_core.work.estimating import try_out
from nast_core.work.executors import submit, wait_for
from tests.finetuning import write_phantom_claims
from tests.perf.finetune import write_biomedclip_size

Row = tuple[str, str, str]
BAR = 1.5  # either way


def _compared(name: str, recipe: FinetuneRecipe, about: str) -> Row:
    told = seconds_of(recipe, *try_out(recipe))
    run = submit(recipe, RunStore())
    status = wait_for(run)
    assert status.state == "finished", status.message
    assert status.ended is not None
    took = (status.ended - status.created).total_seconds()
    off = max(told, took) / min(told, took)
    assert off <= BAR, f"{name}: told {told:.0f} s, took {took:.0f} s"
    return (
        f"Time told before a fine-tune, {name}",
        f"{told / took:.2f} of what it took",
        f"{told:.0f} s against {took:.0f} s; {about}; bar {1 / BAR:.2f} to {BAR}",
    )


def time_told_before_a_fine_tune() -> list[Row]:
    from dashboard.finetune.prepare import drawn_files

    with tempfile.TemporaryDirectory() as where, chdir(where):
        here = Path(where)
        with patch.dict(os.environ, {"NAST_RUNS": str(here / "runs"), "NAST_CACHE": str(here / "cache")}):
            files = drawn_files(str(here / "data"), 1000, 0)
            demo = FinetuneRecipe(**files._asdict(), device="cpu", validate_every=50)
            claims = write_phantom_claims(here / "claims.jsonl", train=64, validation=24)
            bert = FinetuneRecipe(
                data=claims,
                model=str(write_biomedclip_size(here / "model")),
                device="cpu",
                steps=12,
                validate_every=6,
            )
            return [
                _compared("demo", demo, "400 steps as the page offers them, images and texts included"),
                _compared("BERT-base and ViT-B/16", bert, "12 steps, 64 studies, 88 images"),
            ]
