"""Runs on a real SLURM: Debian's, on one node, started for these tests."""

import json
import os
import subprocess
import time

import numpy as np
import pytest
import torch
import xarray as xr

from nast_core import load_model
from nast_core.encoding.images import encode_named
from nast_core.recipe import RunError
from nast_core.runs.store import RunStore
from nast_core.work import executors
from nast_core.work.kinds import make_recipe
from tests.canaries import Canaries
from tests.slurm_cluster import cluster, why_not

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(bool(why_not()), reason=f"SLURM cannot start here: {why_not()}")]

PAIRS = [
    {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"},
    {"affirmative": "rib fracture is present", "negated": "rib fracture is absent", "finding": "Fracture"},
]


@pytest.fixture(scope="module")
def slurm():
    with cluster() as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", environment["SLURM_CONF"])
        yield environment


@pytest.fixture
def recipe(slurm, folders, tmp_path):
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))

    def make(executor=None, **fields):
        plain = {"kind": "attention", "model": str(folders["Hugging Face CLIP"]), "device": "cpu", "pairs": str(pairs)}
        return make_recipe(plain | {"executor": {"name": "slurm"} | (executor or {})} | fields)

    return make


@pytest.mark.long
def test_a_run_on_the_cluster_finishes_with_what_its_recipe_asks_for_and_runs_nothing_of_the_folder_it_is_sent_from(
    recipe, tmp_path, monkeypatch
):
    canaries = Canaries(tmp_path / "downloads", tmp_path / "heard.txt")
    monkeypatch.chdir(canaries.folder)
    extra = {"comment": "it's $(hostname)", "nice": 7, "exclusive": True}
    asked = {
        "partition": "main",
        "minutes": 7,
        "memory_gb": 0.5,
        "account": "lab",
        "cpus": 2,
        "constraint": "tall&fast",
    }
    run = executors.submit(recipe(asked | {"extra": extra}), RunStore(tmp_path / "runs"))
    job = run.status.job
    about = subprocess.run(["scontrol", "show", "job", job], capture_output=True, text=True, check=True).stdout
    assert "Partition=main" in about
    assert "TimeLimit=00:07:00" in about
    assert "MinMemoryNode=500M" in about or "MinMemoryNode=512M" in about
    for said in (
        "Account=lab",
        "CPUs/Task=2",
        "Features=tall&fast",
        "Nice=7",
        "OverSubscribe=NO",
        "Comment=it's $(hostname)",
    ):
        assert said in about
    status = executors.wait_for(run, 120)
    assert canaries.sang == []
    assert (status.state, status.job) == ("finished", job), run.log
    with xr.open_dataset(run.folder / "attention.nc") as result:
        assert result.sizes["pair"] == 2
    script = (run.folder / "slurm" / f"{job}_submission.sh").read_text()
    assert "--cpus-per-task=2" in script.split("# command")[1]  # srun's own


def test_a_run_that_waits_for_the_cluster_is_queued_and_cancelling_takes_it_from_the_cluster(slurm, recipe, tmp_path):
    hold = ["sbatch", "--parsable", f"--cpus-per-task={os.cpu_count()}", "--output=/dev/null", "--wrap", "sleep 60"]
    holding = subprocess.run(hold, capture_output=True, text=True, check=True).stdout.strip()
    try:
        run = executors.submit(recipe(), RunStore(tmp_path / "runs"))
        os.utime(run.folder / "status.json", (0, 0))  # nothing was heard of it, and nothing need be
        assert run.status.state == "queued"
        executors.cancel(run)
        assert run.status.state == "cancelled"
        said = subprocess.run(["squeue", "-h", "-j", run.status.job], capture_output=True, text=True).stdout
        assert said.strip() == "" or "CG" in said
    finally:
        subprocess.run(["scancel", holding], check=True)


@pytest.mark.long
def test_a_run_that_the_cluster_preempts_is_queued_again(recipe, tmp_path):
    run = executors.submit(
        recipe(kind="trace", component="head", positions="each", pairs=None, model="demo"), RunStore(tmp_path / "runs")
    )
    deadline = time.monotonic() + 120
    while run.status.done == 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.status.state == "running", run.log
    subprocess.run(["scancel", "--signal=USR2", run.status.job], check=True)
    while run.status.state != "queued" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.status.state == "queued", run.log
    executors.cancel(run)
    assert run.status.state == "cancelled"


def test_what_the_cluster_refuses_is_one_sentence_and_the_run_says_so_too(recipe, tmp_path):
    store = RunStore(tmp_path / "runs")
    with pytest.raises(RunError, match=r"SLURM refused the run: .*feature") as caught:
        executors.submit(recipe({"constraint": "gold"}), store)
    assert "\n" not in str(caught.value)
    (row,) = store.table().rows
    assert (row.status.state, row.status.message) == ("failed", str(caught.value))


@pytest.fixture
def encoding(slurm, folders, tmp_path, monkeypatch):
    """A recipe of 600 phantoms, three chunks of the cache, for two jobs."""
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "cache"))
    (tmp_path / "list.txt").write_text("".join(f"phantom:{seed}\n" for seed in range(600)))
    plain = {"kind": "encode", "model": str(folders["Hugging Face CLIP"]), "names": str(tmp_path / "list.txt")}
    return make_recipe(plain | {"device": "cpu", "executor": {"name": "slurm", "array": 2}})


@pytest.mark.long
def test_jobs_of_an_array_encode_their_shares_and_the_run_has_the_vectors_of_one_process(encoding, folders, tmp_path):
    run = executors.submit(encoding, RunStore(tmp_path / "runs"))
    status = executors.wait_for(run, 240)
    assert status.state == "finished", run.log
    assert {"share 1 of 2 ended", "share 2 of 2 ended"} <= set(run.log.splitlines())
    shelves = [sorted(path.iterdir()) for path in (tmp_path / "cache").iterdir() if path.name.startswith("images-")]
    assert [len(chunks) for chunks in shelves] == [3]  # the run itself found everything
    names = encoding.names.read_text().splitlines()
    expected, _ = encode_named(load_model(folders["Hugging Face CLIP"], device="cpu"), names)
    assert run.result["names"].tolist() == names
    np.testing.assert_allclose(run.result["vectors"], torch.stack(list(expected.values())), atol=1e-6)


@pytest.mark.long
def test_a_cancelled_run_takes_its_array_from_the_cluster_too(slurm, encoding, tmp_path):
    hold = ["sbatch", "--parsable", f"--cpus-per-task={os.cpu_count()}", "--output=/dev/null", "--wrap", "sleep 60"]
    holding = subprocess.run(hold, capture_output=True, text=True, check=True).stdout.strip()
    try:
        run = executors.submit(encoding, RunStore(tmp_path / "runs"))
        assert run.status.state == "queued"
        executors.cancel(run)
        said = subprocess.run(["squeue", "-h", "-o", "%i %T"], capture_output=True, text=True, check=True).stdout
        left = [line for line in said.splitlines() if not line.startswith(holding) and "COMPLETING" not in line]
        assert left == []
    finally:
        subprocess.run(["scancel", holding], check=True)
