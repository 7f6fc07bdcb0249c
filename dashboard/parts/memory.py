"""How much memory is free for what the app would like to keep."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

_CONTAINER = Path("/sys/fs/cgroup")  # version 2, as containers have it


def free() -> int:
    """Bytes that this process may still take: of the machine, or of its container where that has less."""
    machine = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no container, or one without a limit: "max"
        most, taken = (int((_CONTAINER / f"memory.{name}").read_text()) for name in ("max", "current"))
        return min(machine, max(most - taken, 0))
    return machine


def free_where_models_are() -> int:
    """Of the GPU, where there is one that models are put on."""
    import torch

    if not torch.cuda.is_available():
        return free()
    return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
