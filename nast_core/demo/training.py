"""A resumable training loop: the same batches and steps whether or not it was interrupted. Source: ours."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import trange

from nast_core.files.states import read_state, save_state
from nast_core.progress import Far


def fit(
    modules: nn.ModuleDict,
    loss_of: Callable[[np.random.Generator, int], Tensor],
    *,
    steps: int,
    rate: float,
    seed: int,
    checkpoint: Path,
    label: str,
    decay: float = 0.05,
    save_every: int = 100,
    progress: Far | None = None,
) -> None:
    """Trains the trainable parameters of ``modules`` in place with AdamW and a one-cycle rate.

    ``loss_of(rng, step)`` computes one step's loss; its generator depends on seed and step only, so that a run
    resumed from ``checkpoint`` sees what an uninterrupted one would have seen. ``progress`` takes the bar's place.
    """
    parameters = [p for p in modules.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.1)
    done = 0
    if checkpoint.exists():
        state = read_state(checkpoint)
        modules.load_state_dict(state["modules"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        done = state["step"]
    bar = trange(done, steps, initial=done, total=steps, desc=label, mininterval=5, disable=progress is not None)
    for step in bar:
        loss = loss_of(np.random.default_rng([seed, step]), step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        if step % 25 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")
        if (step + 1) % save_every == 0 or step + 1 == steps:
            _save(checkpoint, modules, optimizer, schedule, step + 1)
        if progress:
            progress(step + 1, steps)


def _save(path: Path, modules: nn.Module, optimizer, schedule, step: int) -> None:
    state = {
        "modules": modules.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "step": step,
    }
    save_state(path, state)


def batches(count: int, size: int, seed: int) -> Callable[[int], np.ndarray]:
    """step -> indices of its batch; every epoch is a fresh permutation."""
    per_epoch = count // size

    def batch(step: int) -> np.ndarray:
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng([seed, 7, epoch]).permutation(count)
        return order[place * size : (place + 1) * size]

    return batch
