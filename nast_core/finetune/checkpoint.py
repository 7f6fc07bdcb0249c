"""Checkpoints: one file, written whole or not at all, from which a killed training goes on as if it had not been."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nast_core.files.writing import whole
from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe

NAME = "checkpoint/last.pt"


def checkpoint_identity(recipe: FinetuneRecipe, fingerprint: str) -> str:
    """What must be equal for a checkpoint to be continued: the recipe but for where it runs, and the base's weights."""
    said = recipe.model_dump_json(
        exclude={"device", "num_processes", "executor", "model", "tracker", "checkpoint_every"}
    )
    return f"{fingerprint} {said}"


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Raises DataError where it cannot be written, a full disk, say: then the last one is still there, untouched."""
    with whole(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(dict(state), file)
            file.flush()
        except RuntimeError as error:  # torch's writer hides the file's own OSError
            raise OSError(f"writing stopped: {error}") from error


def load_checkpoint(path: Path, identity: str, device: torch.device) -> dict[str, Any] | None:
    """The state to go on from; None where there is none yet. Raises FinetuneError for another recipe's, or no checkpoint."""
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location=device, weights_only=True)
        same = state["identity"] == identity
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise FinetuneError(
            f"{path} cannot be read as a checkpoint ({type(error).__name__}); delete it to begin anew"
        ) from None
    if not same:
        raise FinetuneError(
            f"{path} is of another recipe or another model, so it cannot be continued; start a run of its own, or delete "
            "the checkpoint to begin anew"
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
