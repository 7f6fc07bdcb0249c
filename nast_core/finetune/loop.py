"""The training loop: the same batches for every arm, resumable at any step, stopped early by validation alone."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from jaxtyping import Float
from torch import Tensor, nn

from nast_core.files.states import save_state
from nast_core.finetune.batches import Batch, Sampler, TextSampler
from nast_core.finetune.checkpoint import load_checkpoint, parameter_state, restore_parameters
from nast_core.finetune.encoding import TextEncoder
from nast_core.finetune.evaluation import Panel, measure
from nast_core.finetune.losses import Targets
from nast_core.finetune.objectives import OBJECTIVES
from nast_core.finetune.parameters import make_optimizer, scale_gradients
from nast_core.finetune.recipe import TRAINING, FinetuneError, FinetuneRecipe
from nast_core.recipe import Reporter

_ONEDNN = "could not create a primitive"  # how the CPU's kernels say that memory is short


@dataclass(frozen=True)
class Task:
    """All that a training needs, made ready by work.py."""

    recipe: FinetuneRecipe
    accelerator: Accelerator
    encode: TextEncoder
    layers: Sequence[Mapping[str, nn.Parameter]]  # what is trained
    weights: Float[np.ndarray, " layer"]
    scale: float  # of the cosine, in logits
    images: Float[Tensor, "study dim"]  # on the model's device
    frozen: Mapping[str, Float[Tensor, " dim"]]  # text -> where the frozen encoder, or the teacher, has it
    training: Sampler | TextSampler
    validation: Sampler | TextSampler
    panel: Panel | None  # None: no image to watch by, so the texts alone
    identity: str  # of the checkpoint
    checkpoint: Path


@dataclass
class Progress:
    """Where a training stands, beside its parameters."""

    step: int = 0
    best_loss: float = math.inf
    best_step: int = 0
    waited: int = 0  # validations since the best one
    over: bool = False


def train(task: Task, report: Reporter) -> Progress:
    """Trains ``task.layers`` in place; leaves the last weights, or with ``patience`` those of the best validation.

    Goes on from the checkpoint where there is one: the result is that of a training never interrupted. Raises what the
    reporter raises (Cancelled) between steps, FinetuneError where memory is too small or the loss is not finite, and
    DataError where a checkpoint cannot be written; the last checkpoint stays.
    """
    recipe = task.recipe
    parameters = [p for layer in task.layers for p in layer.values()]
    optimizer = make_optimizer(task.layers, task.weights, recipe)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate_schedule(recipe))
    stands = Progress()
    best: dict[str, Tensor] = {}  # kept where they are gone back to
    if state := load_checkpoint(task.checkpoint, task.identity, task.images.device):
        restore_parameters(task.layers, state["parameters"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        stands, best = Progress(**state["progress"]), state["best"]
    while not stands.over:
        report.progress(stands.step, recipe.steps, TRAINING)
        _seed(recipe.seed, stands.step, task.accelerator.process_index)
        rate = recipe.learning_rate * rate_schedule(recipe)(stands.step)
        terms = training_step(task, task.training.batch(stands.step), stands.step, parameters, optimizer)
        schedule.step()
        stands.step += 1
        report.metrics(stands.step, **terms, learning_rate=rate)
        stands.over = stands.step == recipe.steps
        if (stands.over or stands.step % recipe.validate_every == 0) and _validate(task, stands, report):
            best = parameter_state(task.layers) if recipe.patience else {}
        if (stands.over or stands.step % recipe.checkpoint_every == 0) and task.accelerator.is_main_process:
            state = {
                "identity": task.identity,
                "progress": vars(stands),
                "parameters": parameter_state(task.layers),
                "best": best,
                "optimizer": optimizer.state_dict(),
                "schedule": schedule.state_dict(),
            }
            save_state(task.checkpoint, state)
    if best:
        restore_parameters(task.layers, best)
    return stands


def rate_schedule(recipe: FinetuneRecipe) -> Callable[[int], float]:
    """Share of the learning rate at each step: up in a line, then down along a cosine, or level."""
    warm = max(1, round(recipe.warmup * recipe.steps))

    def share(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        if recipe.decay == "none":
            return 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, recipe.steps - warm)))

    return share


def _seed(*of: int) -> None:
    """Randomness of a step (LoRA dropout) depends on seed and step alone, so a checkpoint need not hold its state."""
    torch.manual_seed(int(np.random.SeedSequence(of).generate_state(1)[0]))


def training_step(
    task: Task, batch: Batch, step: int, parameters: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer
) -> dict[str, float]:
    """Update number ``step``. Returns the loss, its terms (``loss_...``) and the norm of the gradient before
    clipping."""
    optimizer.zero_grad(set_to_none=True)
    values: dict[str, float] = {}
    with MemoryWatch() as full:
        values = _accumulate(task, batch, step)
    if full.met:
        raise FinetuneError(_too_large(task, batch))
    if task.accelerator.num_processes > 1:
        _add_gradients(parameters, task.accelerator)
    norm = float(nn.utils.clip_grad_norm_(parameters, task.recipe.clip))
    if not math.isfinite(norm):
        raise FinetuneError(
            f"the gradient is not finite (loss {values['loss']:.3g}); lower learning_rate, now "
            f"{task.recipe.learning_rate:g}"
        )
    if task.recipe.scale == "gradient":
        scale_gradients(task.layers, task.weights)
    optimizer.step()
    return values | {"gradient_norm": norm}


def _accumulate(task: Task, batch: Batch, step: int) -> dict[str, float]:
    """Leaves the gradient of a batch in the parameters; nothing else of it outlives the call."""
    terms = batch_losses(task, batch)
    total = weigh(terms, task.recipe, step)
    total.backward()
    return {"loss": float(total.detach())} | {f"loss_{name}": float(value.detach()) for name, value in terms.items()}


def batch_losses(task: Task, batch: Batch) -> dict[str, Tensor]:
    return dict(OBJECTIVES[task.recipe.objective].terms(task.encode(batch.texts), _targets(task, batch), task.scale))


def weigh(terms: Mapping[str, Tensor], recipe: FinetuneRecipe, step: int) -> Tensor:
    """The loss of a step, by what the objective's terms weigh then."""
    weights = OBJECTIVES[recipe.objective].weights(recipe, step)
    return torch.stack([weights[name] * value for name, value in terms.items() if weights[name]]).sum()


def _targets(task: Task, batch: Batch) -> Targets:
    def on_device(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(task.images.device)

    return Targets(
        images=task.images[on_device(batch.studies)],
        captions=on_device(batch.captions),
        fits=on_device(batch.fits),
        ranked=on_device(batch.ranked),
        better=on_device(batch.better),
        spoken=on_device(batch.spoken),
        holds=on_device(batch.holds),
        kept=on_device(batch.kept),
        frozen=torch.stack([task.frozen[batch.texts[i]] for i in batch.kept])
        if len(batch.kept)
        else task.images.new_zeros(0, task.images.shape[1]),
        denials=on_device(batch.denials),
    )


def _add_gradients(parameters: Sequence[nn.Parameter], accelerator: Accelerator) -> None:
    """Each process has the gradient through its own texts; the whole is their sum."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    together = accelerator.reduce(torch.cat([gradient.flatten() for gradient in gradients]), reduction="sum")
    for gradient, part in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _validate(task: Task, stands: Progress, report: Reporter) -> bool:
    """Reports the validation figures, keeps ``stands`` up to date, and says whether this is the best so far."""
    loss, terms = validation_loss(task)
    report.metrics(
        stands.step,
        validation_loss=loss,
        **{f"validation_loss_{name}": value for name, value in terms.items()},
        **{f"validation_{name}": value for name, value in watch(task, loss).items()},
    )
    if stands.step < min(task.recipe.statement_steps, task.recipe.steps):
        return False  # captions are not learnt yet, so nothing is judged
    if loss < stands.best_loss:
        stands.best_loss, stands.best_step, stands.waited = loss, stands.step, 0
        return True
    stands.waited += 1
    stands.over = stands.over or (task.recipe.patience is not None and stands.waited >= task.recipe.patience)
    return False


def watch(task: Task, loss: float | None = None) -> dict[str, float]:
    """Figures by name, as ``measure`` has them; cosine_teacher: mean cosine of validation texts to the teacher's.
    ``loss``: the validation loss, where it is known."""
    figures = measure(task.panel, task.encode) if task.panel else {}
    if task.recipe.objective == "distil":
        figures["cosine_teacher"] = 1 - (validation_loss(task)[0] if loss is None else loss)
    return figures


@torch.no_grad()
def validation_loss(task: Task) -> tuple[float, dict[str, float]]:
    """The training objective on fixed batches of validation studies, as many as fill whole batches, and its terms."""
    losses = [batch_losses(task, task.validation.batch(k)) for k in range(task.validation.epoch)]
    total = float(torch.stack([weigh(terms, task.recipe, task.recipe.steps) for terms in losses]).mean())
    return total, {name: float(torch.stack([terms[name] for terms in losses]).mean()) for name in losses[0]}


class MemoryWatch:
    """Ends its block quietly where memory is short, and says that it was ``met``.

    The error is let go of here: it would keep alive the very tensors that a smaller try needs the room of.
    """

    def __enter__(self) -> "MemoryWatch":
        self.met = False
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        self.met = isinstance(error, MemoryError) or (
            isinstance(error, Exception) and (should_reduce_batch_size(error) or _ONEDNN in str(error))
        )
        return self.met


def _too_large(task: Task, batch: Batch) -> str:
    """What to do about a batch that memory cannot hold: the largest half, quarter, ... that it can."""
    own = batch.drawn
    problem = f"a batch of {len(own)} {task.training.unit} does not fit into the memory of {task.images.device}"
    size = len(own) // 2
    while size >= 2:
        clear_device_cache(garbage_collection=True)
        smaller = task.training.of(own[:size]).batch(0)
        share = sorted(smaller.texts, key=len)[:: task.accelerator.num_processes]
        with MemoryWatch() as full:
            task.encode.encode(share).sum().backward()
        if not full.met:
            return f"{problem}; {size} do: set batch_size to {size}"
        size //= 2
    return f"{problem}, nor does one of 2; use a smaller model, more memory or precision bfloat16"
