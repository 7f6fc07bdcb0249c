"""A small dataset of drawn radiographs as files with a table, as a hospital would have them: it runs anywhere."""

from pathlib import Path

from PIL import Image

from nast_core.benchmark.template import TemplateWriter
from nast_core.data.drawing import render
from nast_core.data.phantom import Phantom, phantoms
from nast_core.data.studies import Split
from nast_core.dataset.build import Order, build_dataset
from tests.words import CHEXPERT_CONDITIONS

PATIENTS: dict[Split, int] = {"train": 30, "validation": 14, "test": 16}
_OPAQUE = ("Lung Lesion", "Edema", "Consolidation", "Atelectasis")


def states(phantom: Phantom) -> dict[str, str]:
    """Condition -> 1, 0 or nothing, of all 13: opacity follows from what makes it, Pleural Other was not labelled."""
    known = {name: str(state) for name, state in phantom.labels.items()}
    known["Lung Opacity"] = str(int(any(phantom.labels[name] for name in _OPAQUE)))
    known["Pneumonia"] = known["Consolidation"]
    return {name: known.get(name, "") for name in CHEXPERT_CONDITIONS}


def write_table(folder: Path, patients: dict[Split, int] = PATIENTS) -> Path:
    """labels.csv, and the images it names in ``folder``/images: study s3 is patient p3's, on images/p3.png."""
    images = folder / "images"
    images.mkdir(parents=True)
    lines, number = [",".join(["patient_id", "study_id", "image", "split", *CHEXPERT_CONDITIONS])], 0
    for split, count in patients.items():
        for phantom in phantoms(split, count):
            Image.fromarray(render(phantom, 128)).save(images / f"p{number}.png")
            lines.append(",".join([f"p{number}", f"s{number}", f"p{number}.png", split, *states(phantom).values()]))
            number += 1
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "labels.csv"


def write_dataset(folder: Path, patients: dict[Split, int] = PATIENTS) -> Path:
    """The folder of the dataset, ``folder``/drawn; its images and table lie beside it."""
    table = write_table(folder, patients)
    build_dataset(Order(str(table), folder / "images", folder / "drawn", items=20), TemplateWriter())
    return folder / "drawn"
