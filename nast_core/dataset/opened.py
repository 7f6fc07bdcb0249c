"""From a spec to a dataset, with what tells that it is no longer as it was built."""

from functools import lru_cache
from pathlib import Path

from nast_core.data.image_folders import why_missing
from nast_core.data.studies import PHANTOMS
from nast_core.dataset.folder import FolderDataset
from nast_core.dataset.interface import Dataset
from nast_core.dataset.manifest import Manifest, digest
from nast_core.errors import DatasetError
from nast_core.files.gate import as_path, shown
from nast_core.files.stamps import stamp

_ASKED_FOR = 20  # images that are looked for when a dataset is opened, spread over its studies


def open_dataset(spec: str) -> Dataset:
    """``phantoms``, or the folder of a dataset. Raises DatasetError for a folder that is none, that was changed by
    hand, or whose images are gone."""
    if spec == PHANTOMS:
        from nast_core.dataset.phantom_world import PhantomWorld  # whose words and studies a folder does not need

        return PhantomWorld()
    return open_folder(as_path(spec, DatasetError))


def open_folder(folder: Path) -> FolderDataset:
    """As ``open_dataset``, for a folder."""
    if not folder.is_dir():
        raise DatasetError(
            f"there is no dataset {shown(folder)}; give 'phantoms', or a folder that 'nast dataset build' made"
        )
    dataset = FolderDataset(folder.absolute())
    unchanged(dataset)
    images_there(dataset)
    return dataset


def unchanged(dataset: FolderDataset) -> None:
    """Raises DatasetError for a file that is not the one that was built: its figures would be found again as the old
    ones."""
    for name, wanted in dataset.manifest.files.items():
        path = dataset.folder / name
        if Path(name).name != name or _digest(path, stamp(path)) != wanted:
            raise DatasetError(
                f"{shown(path)} was changed after the dataset was built; build it anew with 'nast dataset build', or "
                "put the file back"
            )


@lru_cache(maxsize=256)
def _digest(path: Path, stamped: str) -> str:
    return digest(path)


def images_there(dataset: FolderDataset) -> None:
    """Raises DatasetError where the images have gone, all or some of those that are looked for."""
    folder = dataset.manifest.images
    if not folder.is_dir():
        raise DatasetError(
            f"the images of {shown(dataset.name)} were in {shown(folder)}, which is not there; put them back, or "
            "build the dataset anew where they are now"
        )
    count = len(dataset.studies)
    every = range(0, count, max(1, count // _ASKED_FOR))
    names = dataset.studies.images_at(list(every[:_ASKED_FOR]))
    gone = [name for name in names if not (folder / name).is_file()]
    if gone:
        raise DatasetError(
            f"of {len(names)} images of {shown(dataset.name)} that were looked for, {len(gone)} are not in "
            f"{shown(folder)}, first {shown(gone[0])!r}; put them back, or build the dataset anew "
            f"({why_missing(gone[0], folder)})"
        )


def labels_changed(manifest: Manifest) -> str | None:
    """One sentence where the table of labels is another one now; None where it is the same, or not on this machine."""
    path = manifest.labels.path
    try:
        if not path.is_file():
            return None
        if path.stat().st_size == manifest.labels.size and _digest(path, stamp(path)) == manifest.labels.sha256:
            return None
    except OSError:
        return None
    return (
        f"{shown(path)} was changed after {shown(manifest.name)} was built from it; build the dataset anew to use "
        "the new labels"
    )
