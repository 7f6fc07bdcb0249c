"""Is a dataset still as it was built? Everything that opening it takes on trust is looked at."""

from nast_core.dataset.folder import FolderDataset
from nast_core.dataset.opened import labels_changed
from nast_core.dataset.study_file import twice, two_splits
from nast_core.files.gate import shown

_NAMED = 5


def check(dataset: FolderDataset) -> list[str]:
    """A sentence a fault; none where all is well. Raises DatasetError for a table of studies that cannot be read."""
    faults, studies = [], dataset.studies.about()
    if gone := [name for name in studies.image if not (dataset.manifest.images / name).is_file()]:
        named = ", ".join(map(shown, gone[:_NAMED]))
        faults.append(f"{len(gone):,} of {len(studies):,} images are not in {shown(dataset.manifest.images)}: {named}")
    if (double := twice(studies)) is not None:
        faults.append(
            f"the image {shown(double[0])!r} stands for two studies, {shown(double[1])!r} and {shown(double[2])!r}"
        )
    if (patient := two_splits(studies)) is not None:
        faults.append(f"the patient {shown(patient)!r} is in two splits")
    if (changed := labels_changed(dataset.manifest)) is not None:
        faults.append(changed)
    return faults
