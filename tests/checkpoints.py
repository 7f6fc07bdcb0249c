"""Tiny random checkpoints in the real on-disk layouts, written by the families' own libraries."""

import json
from pathlib import Path

import open_clip
import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer

TINY_TEXT = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
TINY_VISION = TINY_TEXT | {"image_size": 28, "patch_size": 14}


def loud(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Random weights large enough that a patched state moves the embedding by far more than rounding."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5 * 1.5)
            elif "bias" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)
            elif (
                parameter != parameter.flatten()[0]
            ).any():  # a class embedding, which the library drew from its own stream
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5)
    return module


def write_huggingface_clip(folder: Path, *, safe: bool = True, legacy_eos: bool = False) -> Path:
    tokenizer = fit_tokenizer(corpus(300), vocabulary=1400)
    eos = tokenizer.eos_token_id
    text = TINY_TEXT | {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 48,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": 2 if legacy_eos else eos,
        "projection_dim": 16,
    }
    model = loud(CLIPModel(CLIPConfig(text_config=text, vision_config=TINY_VISION, projection_dim=16)))
    folder.mkdir(parents=True, exist_ok=True)
    if safe:
        model.save_pretrained(folder)
    else:
        model.config.save_pretrained(folder)
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder


def write_open_clip(folder: Path) -> Path:
    config = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 3},
        "quick_gelu": True,
    }
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    torch.save(loud(open_clip.CLIP(**config)).state_dict(), folder / "open_clip_pytorch_model.bin")
    return folder


WRITERS = {"Hugging Face CLIP": write_huggingface_clip, "open_clip": write_open_clip}
