"""Runs on this machine, in the processes they really have: launched, killed, queued, cancelled, gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.commands.runs import app
from nast_core.encoding.images import encode_named
from nast_core.encoding.showcase import images_for_pairs
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.effects import trace
from nast_core.interpret.patched_runs import read_vectors
from nast_core.negation.pairs import PolarityPair, align_all
from nast_core.runs.status import State
from nast_core.runs.store import Run, RunStore
from nast_core.work import executors
from nast_core.work.kinds import AttentionRecipe, read_recipe

ROOT = Path(__file__).resolve().parents[2]
PAIRS = [
    ("there is severe edema.", "there is no edema.", "Edema"),
    ("rib fracture is present", "rib fracture is absent", "Fracture"),
    ("the radiograph shows a pleural effusion.", "the radiograph shows no pleural effusion.", "Pleural Effusion"),
]
SOON = 120  # seconds that a busy machine may take to start a process and load torch


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder of runs, and device locks, of these tests' own."""
    base = tmp_path_factory.mktemp("local")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAST_RUNS", str(base / "runs"))
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield base
    for row in RunStore(base / "runs").table().rows:
        if row.status.active and row.status.process:
            os.killpg(row.status.process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def pairs(place) -> Path:
    path = place / "pairs.jsonl"
    lines = [json.dumps({"affirmative": a, "negated": n, "finding": f}) + "\n" for a, n, f in PAIRS]
    path.write_text("".join(lines))
    return path


def nast(*words: object, code: int = 0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, (result.output, result.exception)
    return result


def until(run: Run, *states: State) -> None:
    deadline = time.monotonic() + SOON
    while run.status.state not in states and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.status.state in states, (run.status, run.log)


@pytest.mark.long
def test_two_processes_give_what_one_gives_and_the_recipe_is_found_again(place, pairs):
    recipe = place / "trace.yaml"
    recipe.write_text(f"kind: trace\npairs: {pairs}\ndevice: cpu\nprecision: float64\nnum_processes: 2\n")
    assert "results: " in nast("run", recipe).stdout
    (run,) = RunStore().runs()
    model = load_model("demo", device="cpu", dtype="float64")
    aligned = align_all([PolarityPair(affirmative=a, negated=n, finding=f) for a, n, f in PAIRS], model.text).aligned
    alone = trace(model, aligned, images_for_pairs(model, aligned))
    with xr.open_dataset(run.folder / "trace.nc", engine="h5netcdf") as shared:
        assert shared.negated.values.tolist() == [negated for _, negated, _ in PAIRS]
        assert np.array_equal(shared.role, alone.role)
        for name in ("cte", "d", "s_affirmative", "s_negated"):
            np.testing.assert_allclose(shared[name], alone[name], rtol=1e-8, atol=1e-9)
        assert shared.attrs["model_fingerprint"] == model.fingerprint
        assert shared.attrs["device"] == "cpu"
    environment = run.environment
    assert environment["model"] == model.fingerprint
    assert set(environment["data"]) == {"pairs"}
    assert environment["packages"]["torch"]
    kept = read_vectors(run.folder / "vectors.h5", 0)
    assert kept is not None
    np.testing.assert_allclose(kept.affirmative, model.encode_texts([PAIRS[0][0]])[0], atol=1e-6)
    assert run.status.figures == {"pairs": 3, "undefined": 0}
    recipe.write_text(f"kind: trace\npairs: {pairs}\ndevice: auto\nprecision: float64\n")
    assert nast("run", recipe).stdout.startswith(f"{run.id}: finished")
    assert RunStore().runs() == [run]


@pytest.mark.long
def test_two_processes_that_read_ahead_encode_as_one_does_and_a_dead_one_costs_its_chunk(place, monkeypatch):
    cache = place / "vectors"
    monkeypatch.setenv("NAST_CACHE", str(cache))
    names = [f"phantom:{seed}" for seed in range(600)]
    (place / "list.txt").write_text("\n".join(names))
    recipe = place / "encode.yaml"
    recipe.write_text(
        f"kind: encode\nnames: {place}/list.txt\ndevice: cpu\nnum_processes: 2\nworkers: 1\n", encoding="utf-8"
    )
    began = executors.submit(read_recipe(recipe))
    deadline = time.monotonic() + SOON
    while not list(cache.glob("images-*/*.safetensors")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process = began.status.process
    assert process is not None
    os.killpg(process.pid, signal.SIGKILL)  # all of its processes
    kept = len(list(cache.glob("images-*/*.safetensors")))
    assert kept >= 1
    until(began, "lost", "finished")
    run = executors.submit(read_recipe(recipe))
    assert run.id == began.id
    until(run, "finished")
    model = load_model("demo", device="cpu")
    expected, _ = encode_named(model, names, workers=0)
    assert run.result["names"].tolist() == names
    np.testing.assert_allclose(run.result["vectors"], torch.stack(list(expected.values())), atol=1e-6)
    assert run.status.figures == {"vectors": 600, "numbers": model.text.dim, "unreadable": 0}


LAUNCH = """
import time
from nast_core.work.executors import submit
from nast_core.work.kinds import TraceRecipe
print(submit(TraceRecipe(component="head", positions="each", device="cpu")).id, flush=True)
time.sleep(600)
"""


@pytest.mark.long
def test_a_run_outlives_who_started_it_others_wait_their_turn_and_a_killed_one_goes_on(place, pairs):
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert launcher.stdout is not None
    long = RunStore().open(launcher.stdout.readline().strip())
    until(long, "running")
    os.killpg(launcher.pid, signal.SIGKILL)  # as when its terminal is closed, and everything in it with it
    launcher.wait()

    short = executors.submit(AttentionRecipe(pairs=pairs, device="cpu"))
    deadline = time.monotonic() + SOON
    while "its turn on cpu" not in short.status.label and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (short.status.state, long.status.state) == ("queued", "running")
    assert short.status.label.endswith(f", after {long.id}")

    process = long.status.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    killed = time.monotonic()
    until(long, "lost")
    assert time.monotonic() - killed < 10
    until(short, "finished")
    model = load_model("demo", device="cpu")
    aligned = align_all([PolarityPair(affirmative=a, negated=n, finding=f) for a, n, f in PAIRS], model.text).aligned
    with xr.open_dataset(short.folder / "attention.nc", engine="h5netcdf") as found:
        np.testing.assert_allclose(found.nsa, negator_selective_attention(model, aligned).nsa, atol=1e-6)

    assert nast("runs", "resume", long.id, "--detach").stdout.startswith(f"{long.id}: queued")
    until(long, "running")
    asked = time.monotonic()
    assert f"{long.id}: cancelled" in nast("runs", "cancel", long.id).stdout
    assert time.monotonic() - asked < 6
    nast("runs", "delete", long.id)
    assert not long.folder.exists()


def test_a_mistake_that_only_the_work_can_see_ends_the_command_with_one_line_and_exit_code_2(place):
    bad = place / "bad.jsonl"
    bad.write_text('{"affirmative": "an edema", "negated": "severe edema"}\n')
    (place / "bad.yaml").write_text(f"kind: attention\npairs: {bad}\ndevice: cpu\n")
    said = nast("run", place / "bad.yaml", code=2).stderr
    assert said.startswith(
        "nast: none of the 1 pairs can be used with this model; first: the negated text has no negator"
    )
    assert said.count("\n") == 1
    failed = RunStore().runs()[0].status
    assert (failed.state, failed.mistake) == ("failed", True)
