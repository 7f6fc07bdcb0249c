"""What methods learn of a model, learnt once: kept while the process lives, and on disk beside vectors of texts."""

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock

from torch import Tensor

from nast_core.errors import DataError
from nast_core.files.arrays import read_tensors, save_tensors
from nast_core.files.writing import vectors_folder
from nast_core.models.encoder import DualEncoder
from nast_core.repair.method import NOTHING
from nast_core.repair.spec import Repair, reader
from nast_core.vocabulary.model import Vocabulary

_MOST = 8  # models whose fits are held
_held: OrderedDict[str, Mapping[str, Tensor]] = OrderedDict()
_fitting = Lock()


def fits(base: DualEncoder, repair: Repair, vocabulary: Vocabulary) -> Mapping[str, Tensor]:
    """What the repair's method has to know of the model; nothing for one that learns nothing."""
    method = repair.method
    if method.fit is None:
        return NOTHING
    about = f"{base.fingerprint} {base.dtype} {repair.name} {vocabulary.fingerprint} {reader(repair)}"
    key = hashlib.sha256(about.encode()).hexdigest()[:32]
    with _fitting:
        if key not in _held:
            _held[key] = _read(key, method.fits) or _made(key, method.fit(base, vocabulary))
        _held.move_to_end(key)
        while len(_held) > _MOST:
            _held.popitem(last=False)
        return _held[key]


def _read(key: str, names: tuple[str, ...]) -> Mapping[str, Tensor] | None:
    folder = vectors_folder()
    if folder is None:
        return None
    with suppress(DataError, OSError):
        return read_tensors(folder / "fits" / f"{key}.safetensors", names)
    return None


def _made(key: str, found: dict[str, Tensor]) -> Mapping[str, Tensor]:
    folder = vectors_folder()
    if folder is not None:
        with suppress(DataError, OSError):  # a cache that cannot be written only costs time
            (folder / "fits").mkdir(parents=True, exist_ok=True)
            save_tensors(folder / "fits" / f"{key}.safetensors", found)
    return found
