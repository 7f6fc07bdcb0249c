"""What all tests share. Light to import: who hands tests out to processes imports it before any of them starts."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["NAST_RUNS"] = tempfile.mkdtemp(prefix="nast-runs-")  # the user's own runs are no test's business
os.environ["NAST_DATA"] = tempfile.mkdtemp(prefix="nast-data-")  # nor what they corrected
os.environ["NAST_CACHE"] = "off"  # tests of the cache name a folder of their own; the others compute what they check

import hypothesis
import pytest

# A submission is judged on the same examples each time; whoever runs the tests by hand looks at new ones.
hypothesis.settings.register_profile("submission", derandomize=True)
if os.environ.get("CI"):
    hypothesis.settings.load_profile("submission")

FAMILIES = ("Hugging Face CLIP", "open_clip")


@pytest.fixture(scope="module", autouse=True)
def runs_of_this_file(tmp_path_factory):
    """Runs are found again by what was asked: no file of tests finds another's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAST_RUNS", str(tmp_path_factory.mktemp("runs")))
        yield


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """Family -> folder of a tiny checkpoint of it."""
    from tests.checkpoints import WRITERS

    base = tmp_path_factory.mktemp("models")
    return {family: write(base / family.replace(" ", "-")) for family, write in WRITERS.items()}


@pytest.fixture(scope="session", params=FAMILIES)
def model64(request, folders):
    """A tiny model of every family, in float64 on the CPU."""
    from nast_core import load_model

    return load_model(folders[request.param], device="cpu", dtype="float64")


@pytest.fixture(scope="session")
def tiny(folders):
    """One tiny model, for tests that no family matters to."""
    from nast_core import load_model

    return load_model(folders["Hugging Face CLIP"], device="cpu")


@pytest.fixture(scope="session")
def dataset_folder(tmp_path_factory) -> Path:
    """A dataset of 60 drawn patients, as files with a table. Not to be changed."""
    from tests.datasets import write_dataset

    return write_dataset(tmp_path_factory.mktemp("dataset"))
