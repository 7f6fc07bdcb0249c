"""``nast dataset``: one's own images and labels, put together once and obeyed everywhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nast_core.commands.common import (
    Contrasts,
    Cues,
    HardAffirmatives,
    PseudoNegations,
    Words,
    command,
    need_files,
    need_folder,
    need_out,
    reporter,
)
from nast_core.data.label_names import OWN, label_names
from nast_core.recipe import MOST, MOST_SEED

if TYPE_CHECKING:
    from nast_core.dataset.folder import FolderDataset

app = typer.Typer(no_args_is_help=True, help="Your own images and labels, put together once; everything else obeys.")
Folder = Annotated[Path, typer.Argument(metavar="D", help="A folder that 'nast dataset build' made.")]


@command(app, "build")
def dataset_build(
    labels: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(n for n in label_names() if n not in (OWN, 'phantom'))}; NAME:FILE; or FILE.csv."
        ),
    ],
    images: Annotated[Path, typer.Option(help="The folder the images are in, in its own layout; they stay there.")],
    out: Annotated[Path, typer.Option(help="The dataset's folder, a new one.")],
    reports: Annotated[
        Path | None, typer.Option(help="MIMIC-CXR's folder of reports, or a CSV with study_id and text.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="As pages call it; the folder's name.")] = None,
    items: Annotated[
        int,
        typer.Option(min=1, max=MOST, help="Questions about test images, at most; half as many about validation's."),
    ] = 1000,
    studies: Annotated[
        int, typer.Option(min=1, max=MOST, help="Studies of each split, at most, that statements are made about.")
    ] = 10_000,
    shares: Annotated[
        tuple[float, float, float],
        typer.Option(help="Of patients, for train, validation and test, where the table names no split."),
    ] = (80, 10, 10),
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Equal seeds give equal datasets.")] = 0,
    vocabulary: Words = None,
    cues: Cues = "all",
    contrasts: Contrasts = "on",
    hard_affirmatives: HardAffirmatives = 0.0,
    pseudo_negations: PseudoNegations = 0,
) -> None:
    """Studies, questions, statements, pairs and a card from a table of labels and a folder of images.

    Example: nast dataset build --labels nih --images ~/nih/images --out ~/nast/nih
    """
    need_folder(images)
    if reports is not None and not reports.is_dir():
        need_files(reports)
    need_out(out)
    from nast_core.dataset.card import COUNTS
    from nast_core.runs.kinds import make_recipe
    from nast_core.work.build_dataset import BuildDatasetRecipe, build_dataset
    from nast_core.work.building import label_fields

    fields: dict[str, Any] = {"images": images, "out": out, "reports": reports, "name": name, "items": items}
    fields |= {"studies": studies, "vocabulary": vocabulary, "cues": cues, "contrasts": contrasts}
    fields |= {"hard_affirmatives": hard_affirmatives, "pseudo_negations": pseudo_negations}
    recipe = make_recipe({"kind": "dataset", "shares": shares, "seed": seed} | fields | label_fields(labels))
    assert isinstance(recipe, BuildDatasetRecipe)
    with reporter() as report:
        build_dataset(recipe, out, report)
    dataset = _opened(out)
    for line in _lines(dataset):
        typer.echo(line)
    for key, count in dataset.manifest.counts.items():
        if count and key in COUNTS:
            typer.echo(f"{count:>9,} {COUNTS[key]}", err=True)
    typer.echo(f"written: {out}")


@command(app, "show")
def dataset_show(folder: Folder) -> None:
    """What a dataset holds, and what cannot be shown of it.

    Example: nast dataset show ~/nast/nih
    """
    for line in _lines(_opened(folder)):
        typer.echo(line)


@command(app, "check")
def dataset_check(folder: Folder) -> None:
    """Whether a dataset is as it was built: its files, every image, and the table of labels.

    Example: nast dataset check ~/nast/nih
    """
    from nast_core.dataset.check import check
    from nast_core.errors import DatasetError

    dataset = _opened(folder)
    faults = check(dataset)
    for fault in faults:
        typer.echo(fault)
    if faults:
        raise DatasetError(f"{len(faults)} faults, above; build the dataset anew, or put back what has changed")
    typer.echo(f"as it was built: {dataset.manifest.image_count:,} images, fingerprint {dataset.fingerprint[:12]}")


def _opened(folder: Path) -> "FolderDataset":
    from nast_core.dataset.opened import open_folder

    return open_folder(folder)


def _lines(dataset: "FolderDataset") -> list[str]:
    from nast_core.vocabulary.beside import told

    manifest = dataset.manifest
    lines = [
        f"{manifest.name}: {manifest.patients:,} patients, {manifest.image_count:,} images in {manifest.images}",
        f"fingerprint {dataset.fingerprint[:12]}; labels {manifest.labels.spec}; licence: {manifest.licence}",
        *([f"vocabulary {spoken}"] if (spoken := told(dataset.vocabulary)) else []),
        f"{'split':<11} {'patients':>9} {'images':>9} {'questions':>9} {'statements':>10}",
    ]
    lines += [
        f"{split:<11} {part.patients:>9,} {part.studies:>9,} {part.items:>9,} {part.claims:>10,}"
        for split, part in manifest.splits.items()
    ]
    return [*lines, *(f"not shown: {text}" for text in dataset.lacks())]
