"""What a run was carried out with: versions, machine, devices, and the revision of the code."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

from nast_core.files.revision import code_revision

_PACKAGES = ("nast-dashboard", "torch", "transformers", "open_clip_torch", "accelerate", "peft", "numpy", "xarray")


def surroundings(on: list[str]) -> dict[str, object]:
    """As a run's environment keeps it; ``on``: the devices of its processes."""
    import torch

    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:  # run from a checkout that is not installed
            packages[name] = "not installed"
    return {
        "packages": packages,
        "python": platform.python_version(),
        "machine": f"{platform.node()}, {platform.platform()}, {platform.machine()}, {os.cpu_count()} cores",
        "devices": [torch.cuda.get_device_name(name) if name.startswith("cuda") else name for name in on],
        "threads": torch.get_num_threads(),
        "revision": code_revision(),
    }
