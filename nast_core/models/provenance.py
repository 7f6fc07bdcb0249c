"""What made a result: every result carries it."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from nast_core.models.encoder import DualEncoder

_PACKAGES = ("torch", "transformers", "open_clip_torch", "numpy", "xarray")


def provenance(model: DualEncoder, kind: str) -> dict[str, str]:
    """Model, fingerprint, versions, machine and time, as netCDF attributes."""
    return {
        "kind": kind,
        "model": model.card.name,
        "model_source": model.card.source,
        "model_fingerprint": model.fingerprint,
        "device": str(model.text.device),
        "precision": ", ".join(
            [str(model.dtype).removeprefix("torch."), *(f"{p} in bf16" for p in sorted(model.in_bf16))]
        ),
        "versions": ", ".join(f"{name} {version(name)}" for name in _PACKAGES),
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
