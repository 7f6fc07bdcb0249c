"""What every result carries: the pairs it is about, and what made it."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np
import torch

from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import AlignedPair

_PACKAGES = ("torch", "transformers", "open_clip_torch", "numpy", "xarray")


def provenance(model: DualEncoder, kind: str) -> dict[str, str]:
    """Model, fingerprint, versions, machine and time, as netCDF attributes."""
    return {
        "kind": kind,
        "model": model.card.name,
        "model_source": model.card.source,
        "model_fingerprint": model.fingerprint,
        "device": str(model.text.device),
        "precision": str(model.dtype).removeprefix("torch."),
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def pair_coordinates(pairs: Sequence[AlignedPair]) -> dict[str, tuple[str, np.ndarray]]:
    def column(values: Sequence[str]) -> tuple[str, np.ndarray]:
        return "pair", np.array(values, dtype=object)

    return {
        "affirmative": column([p.pair.affirmative for p in pairs]),
        "negated": column([p.pair.negated for p in pairs]),
        "finding": column([p.pair.finding for p in pairs]),
        "cue": column([p.cue.text for p in pairs]),
    }
