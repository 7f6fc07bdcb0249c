"""LoRA on the text tower alone, by PEFT (Hu et al. 2021)."""

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from nast_core.errors import ModelError
from nast_core.models.encoder import DualEncoder


def attach_lora(
    encoder: DualEncoder, *, rank: int = 8, alpha: int = 16, dropout: float = 0.0, seed: int = 0
) -> PeftModel:
    """Adapters on the text tower's projections, in place; everything else is frozen.

    Train through ``encoder.text.library_embedding``: some libraries' attention modules apply an adapter only in
    their own call. Raises ModelError for a tower whose adapters would reach nothing.
    """
    torch.manual_seed(seed)
    config = LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=encoder.text.lora_targets, bias="none"
    )
    try:
        return get_peft_model(encoder.module, config)
    except ValueError as error:
        raise ModelError(f"LoRA found nothing to adapt in {encoder.card.name}: {error}") from None


def load_lora(encoder: DualEncoder, folder: Path, *, trainable: bool = False) -> PeftModel:
    """The adapter that ``PeftModel.save_pretrained`` wrote, attached in place."""
    return PeftModel.from_pretrained(encoder.module, str(folder), is_trainable=trainable)


def merge_lora(adapted: PeftModel) -> torch.nn.Module:
    """Adds the adapters to the weights, in place, and takes PEFT's wrappers off again."""
    return adapted.merge_and_unload()
