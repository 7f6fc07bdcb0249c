"""A table of 400,000 studies to a dataset, and opening it: minutes, memory, and a page of its studies."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from nast_core.data.labels import packaged_table
from nast_core.files.tables import open_table
from tests.words import CHEXPERT_CONDITIONS

STUDIES = 400_000
_PATIENTS = 120_000
_IMAGE = bytes.fromhex(  # a PNG of one grey pixel: what is timed is tables, and looking for files
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "e221bc330000000049454e44ae426082"
)


def write_world(folder: Path, studies: int) -> Path:
    """A CSV whose labels are drawn from CheXpert's own rows, and a file for each image."""
    source = open_table(packaged_table("chexpert"))
    rows = next(source.frames([*CHEXPERT_CONDITIONS], 200_000)).reset_index(drop=True)
    rng = np.random.default_rng(0)
    table = rows.iloc[rng.integers(len(rows), size=studies)].reset_index(drop=True)
    patients = rng.integers(_PATIENTS, size=studies)
    table.insert(0, "patient_id", [f"p{patient:06}" for patient in patients])
    table.insert(1, "study_id", [f"s{number:06}" for number in range(studies)])
    table.insert(2, "image", [f"{n % 1000:03}/s{n:06}.png" for n in range(studies)])
    for number in range(min(1000, studies)):
        (folder / "images" / f"{number:03}").mkdir(parents=True, exist_ok=True)
    for name in table.image:
        (folder / "images" / name).write_bytes(_IMAGE)
    table.to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"


def datasets_at_scale(studies: int = STUDIES) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        labels = write_world(folder, studies)
        built, memory = _in_a_process("build", folder, labels)
        opened, held = _in_a_process("open", folder, labels)
    return [
        (f"A table of {studies:,} studies to a dataset", f"{built:.0f} s, {memory:.0f} MiB", "CheXpert's label "
            "distribution; bar 5 min and 1,024 MiB"),
        ("Opening that dataset, and a page of 50 studies", f"{opened:.2f} s, {held:.0f} MiB", "a process of its own, "
            "imports included; bar 3 s"),
    ]  # fmt: skip


def _in_a_process(what: str, folder: Path, labels: Path) -> tuple[float, float]:
    """Seconds and peak MiB of one step in a process of its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.perf.datasets", what, folder, labels], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return time.perf_counter() - began, float(done.stdout.split()[-1])


def _step(what: str, folder: Path, labels: Path) -> None:
    if what == "build":
        from nast_core.benchmark.template import TemplateWriter
        from nast_core.dataset.build import Order, build_dataset

        build_dataset(Order(str(labels), folder / "images", folder / "out"), TemplateWriter())
    else:
        from nast_core.dataset.opened import open_folder

        dataset = open_folder(folder / "out")
        page = dataset.studies.page(dataset.manifest.image_count // 2, 50)
        assert len(page) == 50
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    _step(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
