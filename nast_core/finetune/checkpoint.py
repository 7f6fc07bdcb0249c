"""Checkpoints: one file, written whole or not at all, from which a killed training goes on as if it had not been."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nast_core.files.states import read_state
from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe

NAME = "checkpoint/last.pt"
_KEYS = {"identity", "parameters", "optimizer", "schedule", "progress", "best"}


def checkpoint_identity(recipe: FinetuneRecipe, fingerprint: str) -> str:
    """What must be equal for a checkpoint to be continued: the recipe but for where it runs, and the base's weights."""
    fields = recipe.model_dump_json(
        exclude={"device", "num_processes", "executor", "model", "tracker", "checkpoint_every"}
    )
    return f"{fingerprint} {fields}"


def load_checkpoint(path: Path, identity: str, device: torch.device) -> dict[str, Any] | None:
    """The state to go on from; None where there is none yet.
    Raises FinetuneError for another recipe's, or no checkpoint."""
    if not os.path.lexists(path):
        return None
    state = read_state(path, device, error=FinetuneError)
    if missing := _KEYS - state.keys():
        raise FinetuneError(f"{path} is no checkpoint of a fine-tuning (no {min(missing)}); delete it to begin anew")
    if state["identity"] != identity:
        raise FinetuneError(
            f"{path} is of another recipe or another model, so it cannot be continued; start a run of its own, or "
            "delete the checkpoint to begin anew"
        )
    return state


def parameter_state(layers: Sequence[Mapping[str, nn.Parameter]]) -> dict[str, Tensor]:
    """Copies of what is trained, by layer and name."""
    return {
        f"{number}.{name}": parameter.detach().clone()
        for number, layer in enumerate(layers, start=1)
        for name, parameter in layer.items()
    }


@torch.no_grad()
def restore_parameters(layers: Sequence[Mapping[str, nn.Parameter]], state: Mapping[str, Tensor]) -> None:
    for number, layer in enumerate(layers, start=1):
        for name, parameter in layer.items():
            parameter.copy_(state[f"{number}.{name}"])
