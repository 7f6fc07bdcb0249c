"""The studies that a build draws from: a label table or the phantom world, one split, and whose images are there."""

from dataclasses import replace
from pathlib import Path

from nast_core.benchmark.phantoms import phantom_studies
from nast_core.data.image_folders import locate_images, why_missing
from nast_core.data.label_names import DRAWN
from nast_core.data.labels import LabelTable, read_labels
from nast_core.data.studies import SPLITS
from nast_core.errors import BenchmarkError, DataError
from nast_core.files.gate import as_path, shown
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given


def labelled_studies(
    labels: str,
    count: int,
    *,
    split: str | None = None,
    images: Path | None = None,
    images_only: bool = False,
    vocabulary: Vocabulary | None = None,
) -> LabelTable:
    """Eligible studies for ``count`` items. ``labels``: phantom, or as read_labels takes it.

    ``split``: train, validation or test; None is every patient of a table, and the test split of the phantoms.
    ``images``: a folder in the dataset's own layout; images that are there get their path in it, and with
    ``images_only`` studies without one are left out. Raises DataError, and BenchmarkError for a split that is none.
    """
    if split is not None and split not in SPLITS:
        raise BenchmarkError(
            f"there is no split {shown(split)!r}; give one of {', '.join(SPLITS)}, or none for all patients"
        )
    vocabulary = given(vocabulary)
    if labels == DRAWN:
        if vocabulary != chest():
            raise BenchmarkError(
                f"phantoms have CheXpert's conditions, and not those of {shown(vocabulary.name)}; give a table of "
                "labels"
            )
        chosen = split or "test"
        studies = phantom_studies(count, chosen)
        eligible = tuple(study for study in studies if study.eligible(len(vocabulary.conditions)))
        return LabelTable(
            DRAWN, eligible, {"studies": len(studies), "patients": len(studies), "eligible": len(eligible)}
        )
    table = read_labels(labels, vocabulary=vocabulary)
    if split is not None:
        table = replace(table, studies=tuple(study for study in table.studies if study.split == split))
        table.counts["eligible_in_split"] = len(table.studies)
    return table if images is None else _with_images(table, images, images_only)


def _with_images(table: LabelTable, folder: Path, images_only: bool) -> LabelTable:
    folder = as_path(folder)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}; give the one that holds the dataset's images")
    paths = locate_images((study.image for study in table.studies), folder)
    studies = tuple(
        replace(study, image=paths.get(study.image, study.image))
        for study in table.studies
        if study.image in paths or not images_only
    )
    counts, notes = table.counts | {"eligible_with_image": len(paths)}, table.notes
    lost = next((study for study in table.studies if study.image not in paths), None)
    if lost is not None:
        reason = why_missing(lost.image, folder)
        if images_only and not studies:
            raise DataError(
                f"no image of the table is under {shown(folder)}; of the first study, {shown(lost.study_id)!r}: "
                f"{reason}. Give another folder"
            )
        without = sum(study.image not in paths for study in table.studies)
        notes = (
            *notes,
            f"{without:,} eligible studies have no image in the folder; of the first, {shown(lost.study_id)!r}: "
            f"{reason}.",
        )
    return replace(table, studies=studies, counts=counts, notes=notes)
