"""The demo CLIP's two towers and how each is trained. Source: ours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from nast_core.data.phantom import CONDITIONS
from nast_core.demo.captions import caption
from nast_core.demo.training import batches, fit
from nast_core.demo.world import FACTS, World

SIZE, PATCH = 112, 14
GRID = SIZE // PATCH
CONTEXT = 64
PIXEL_MEAN, PIXEL_STD = 0.53, 0.225  # of rendered phantoms, measured on the first 1,000 of the train split
_PRESENCE_WEIGHT = 3.0  # presence against side, zone and grade, which few conditions have


@dataclass(frozen=True)
class Plan:
    """Sizes of the build. The defaults take about 20 minutes on 2 AVX2 cores."""

    image_phantoms: int = 12_000
    image_steps: int = 900
    image_batch: int = 64
    image_rate: float = 1.5e-3
    text_phantoms: int = 12_000
    text_steps: int = 450
    text_batch: int = 192
    text_rate: float = 1.5e-3
    negated_share: float = 0.05
    test_items: int = 3000
    test_phantoms: int = 2000


def new_clip(tokenizer: CLIPTokenizer, seed: int) -> CLIPModel:
    """Text 12 layers x 8 heads x width 128, causal; ViT 4 x 6 x 192 with patch 14: about 4.4 M parameters."""
    torch.manual_seed(seed)
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": 128,
        "intermediate_size": 512,
        "num_hidden_layers": 12,
        "num_attention_heads": 8,
        "max_position_embeddings": CONTEXT,
        "projection_dim": 128,
        "hidden_act": "gelu",
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {
        "hidden_size": 192,
        "intermediate_size": 768,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "image_size": SIZE,
        "patch_size": PATCH,
        "projection_dim": 128,
        "hidden_act": "gelu",
    }
    return CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=128))


def pixel_batch(pixels: UInt8[np.ndarray, "image size size"]) -> Float[Tensor, "image 3 size size"]:
    grey = torch.from_numpy(pixels).float().div(255).sub(PIXEL_MEAN).div(PIXEL_STD)
    return grey[:, None].expand(-1, 3, -1, -1)


def _augmented(pixels: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Shifted by up to 3 pixels and re-exposed, the batch as one: never flipped, since sides have names."""
    down, across = (int(step) for step in rng.integers(-3, 4, 2))
    shifted = torch.roll(pixel_batch(pixels), (down, across), (2, 3))
    return shifted * float(rng.uniform(0.9, 1.1)) + float(rng.uniform(-0.1, 0.1))


def warm_up_image_tower(clip: CLIPModel, world: World, plan: Plan, seed: int, folder: Path) -> None:
    """Supervised start: which findings an image has, and in which patches they show.

    CLIP from scratch stays on a plateau at this size; the patch maps teach the small findings (fractures,
    nodules, tubes) that one label an image teaches too slowly.
    """
    width = clip.config.vision_config.hidden_size
    facts, cells = nn.Linear(width, len(CONDITIONS) * FACTS), nn.Linear(width, len(CONDITIONS))
    nn.init.constant_(facts.bias, -2.0)  # most of both are absent
    nn.init.constant_(cells.bias, -3.0)
    heads = nn.ModuleDict({"facts": facts, "cells": cells})
    modules = nn.ModuleDict({"tower": clip.vision_model, "heads": heads}).train()
    batch = batches(len(world.pixels), plan.image_batch, seed)
    used = torch.from_numpy(world.facts.any(0))
    weight = torch.ones(len(used))
    weight[::FACTS] = _PRESENCE_WEIGHT
    truth_cells = world.cells.reshape(len(world.cells), len(CONDITIONS), -1)

    def loss_of(rng: np.random.Generator, step: int) -> Tensor:
        index = batch(step)
        output = clip.vision_model(pixel_values=_augmented(world.pixels[index], rng))
        whole = facts(output.pooler_output)[:, used]
        local = cells(clip.vision_model.post_layernorm(output.last_hidden_state[:, 1:])).transpose(1, 2)
        truth = torch.from_numpy(world.facts[index]).float()[:, used]
        where = torch.from_numpy(truth_cells[index]).float()
        by_cell = F.binary_cross_entropy_with_logits(local, where, pos_weight=torch.tensor(4.0))
        return F.binary_cross_entropy_with_logits(whole, truth, weight=weight[used]) + by_cell

    fit(
        modules,
        loss_of,
        steps=plan.image_steps,
        rate=plan.image_rate,
        seed=seed,
        checkpoint=folder / "image-tower.pt",
        label="Image tower",
    )
    clip.vision_model.eval()


@torch.inference_mode()
def image_states(clip: CLIPModel, pixels: UInt8[np.ndarray, "image size size"], *, label: str = "") -> Tensor:
    """The image tower's pooled states [image, width], before the projection."""
    starts = range(0, len(pixels), 250)
    parts = tqdm(starts, label, disable=not label, mininterval=5)
    return torch.cat(
        [clip.vision_model(pixel_values=pixel_batch(pixels[i : i + 250])).pooler_output for i in parts]
    ).clone()


def _text_features(clip: CLIPModel, tokenizer: CLIPTokenizer, texts: list[str], parts: int = 4) -> Tensor:
    """Texts of like length together, so that a batch of mixed captions is not padded to its longest."""
    rows = tokenizer(texts, truncation=True, max_length=CONTEXT)["input_ids"]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    features = []
    for part in np.array_split(order, parts):
        longest = len(rows[part[-1]])
        ids = torch.full((len(part), longest), tokenizer.eos_token_id)
        for place, i in enumerate(part):
            ids[place, : len(rows[i])] = torch.tensor(rows[i])
        features.append(clip.get_text_features(input_ids=ids).pooler_output)
    return torch.cat(features)[torch.tensor(order).argsort()]


def clip_loss(
    texts: Float[Tensor, "pair dim"], images: Float[Tensor, "pair dim"], logit_scale: Tensor
) -> Float[Tensor, ""]:
    """CLIP's: each text finds its own image among the batch's, and each image its text. Unit vectors, row by row."""
    logits, target = texts @ images.T * logit_scale.exp().clamp(max=100), torch.arange(len(texts))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def train_text_tower(
    clip: CLIPModel, tokenizer: CLIPTokenizer, states: Tensor, world: World, plan: Plan, seed: int, folder: Path
) -> None:
    """CLIP's loss between captions and the images' cached states; text tower, both projections and scale learn."""
    clip.vision_model.requires_grad_(False)
    modules = nn.ModuleDict({"clip": clip}).train()
    batch = batches(len(states), plan.text_batch, seed + 1)

    def loss_of(rng: np.random.Generator, step: int) -> Tensor:
        index = batch(step)
        texts = [caption(world.phantoms[i], rng, negated_share=plan.negated_share) for i in index]
        text_vectors = F.normalize(_text_features(clip, tokenizer, texts), dim=-1)
        image_vectors = F.normalize(clip.visual_projection(states[index]), dim=-1)
        return clip_loss(text_vectors, image_vectors, clip.logit_scale)

    fit(
        modules,
        loss_of,
        steps=plan.text_steps,
        rate=plan.text_rate,
        seed=seed + 1,
        checkpoint=folder / "text-tower.pt",
        label="Text tower",
    )
    clip.requires_grad_(True).eval()
