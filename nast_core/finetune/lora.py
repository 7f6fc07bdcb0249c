"""LoRA on the text tower alone, by PEFT (Hu et al. 2021), trained through our own forward pass."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora.layer import MultiheadAttention
from torch import nn

from nast_core.errors import ModelError
from nast_core.finetune.adapter_files import exactly, read_lora
from nast_core.models.encoder import DualEncoder

warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated")  # PEFT's own question to transformers


def attach_lora(
    encoder: DualEncoder,
    *,
    rank: int = 32,
    alpha: float = 64,
    dropout: float = 0.0,
    targets: Literal["both", "attention", "mlp"] = "both",
    seed: int = 0,
) -> PeftModel:
    """Adapters on the text tower's projections, in place; everything else is frozen. They change nothing yet.

    Train through ``encoder.text.encode`` inside ``adapters_in_place``; the library's own call works too, but is slower
    and moves the base weights of nn.MultiheadAttention by rounding. Raises ModelError for a tower whose adapters would
    reach nothing, and for dropout where the tower's attention cannot have it.
    """
    modules = [
        name for name in _targets(encoder) if targets == "both" or _is_attention(name) == (targets == "attention")
    ]
    if not modules:
        raise ModelError(f"LoRA found no {targets} projections to adapt in {encoder.card.name}")
    known = dict(encoder.module.named_modules())
    if dropout and any(isinstance(known[name], nn.MultiheadAttention) for name in modules):
        raise ModelError(
            f"the attention of {encoder.card.name} is torch's own, on which PEFT ignores LoRA dropout; set dropout to 0"
        )
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=exactly(modules), bias="none")
    return get_peft_model(encoder.module, config)


def _targets(encoder: DualEncoder) -> list[str]:
    """Full names of the modules that the tower's own expression means."""
    return [n for n, _ in encoder.module.named_modules() if re.fullmatch(encoder.text.lora_targets, n)]


def _is_attention(name: str) -> bool:
    """Every family's attention has attn or attention in its name, and its MLP has neither."""
    return ".attn" in name or "_attn." in name or ".attention." in name


def attention_adapters(module: nn.Module) -> list[MultiheadAttention]:
    """The adapted nn.MultiheadAttention modules, for ``adapters_in_place``; none in most families."""
    return [part for part in module.modules() if isinstance(part, MultiheadAttention)]


def hold_output_projections(heads: list[MultiheadAttention]) -> None:
    """Keeps the adapters of nn.MultiheadAttention's output projections at the zero they begin at.

    PEFT cannot leave them out, and (0.21) adds them to the weight twice, once past the gradient: trained, they would
    mean one thing here and another wherever PEFT loads the adapter.
    """
    for head in heads:
        head.get_base_layer().out_proj.requires_grad_(False)


@contextmanager
def adapters_in_place(heads: list[MultiheadAttention]) -> Iterator[None]:
    """While open, our own forward pass sees the adapters of torch's attention modules, gradients included.

    Blocks read the weights of an nn.MultiheadAttention directly, so PEFT's adapters on it, which act in its own call
    only, would be passed by. Here weight + adapter stands in the weight's place, computed once, not once a call; the
    weight itself is put back untouched. Other modules need none of this.
    """
    bases = [head.get_base_layer() for head in heads]
    weights = [base.in_proj_weight for base in bases]
    try:
        for head, base, weight in zip(heads, bases, weights, strict=True):
            _set_weight(base, weight + head.get_delta_weight(head.active_adapters[0]).to(weight.dtype))
        yield
    finally:
        for base, weight in zip(bases, weights, strict=True):
            _set_weight(base, weight)


def _set_weight(attention: nn.Module, weight: torch.Tensor) -> None:
    del attention.in_proj_weight  # a computed tensor cannot take a Parameter's place under its registration
    attention.in_proj_weight = weight


def load_lora(encoder: DualEncoder, folder: Path, *, trainable: bool = False) -> PeftModel:
    """The adapter in ``folder``, attached in place. Raises ModelError for one that is not whole or not this model's."""
    return read_lora(encoder.module, _targets(encoder), folder, trainable=trainable)


def merge_lora(adapted: PeftModel) -> torch.nn.Module:
    """Adds the adapters to the weights, in place, and takes PEFT's wrappers off again."""
    return adapted.merge_and_unload()
