"""The language demo's model and how its text side learns: captions against the demo CLIP's image vectors. Source: ours.

The image tower and its projection are the demo's and stay as they are, so an image's vector is made once. Of the text
side the layers, the pooler, the projection and the scale learn; the embeddings of words stay what they were.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPModel, VisionTextDualEncoderConfig, VisionTextDualEncoderModel

from nast_core.data.phantom import Phantom
from nast_core.demo.captions import caption
from nast_core.demo.read_encoder import Encoder
from nast_core.demo.towers import clip_loss
from nast_core.demo.training import batches, fit
from nast_core.finetune.encoding import groups
from nast_core.models.encoder import DualEncoder
from nast_core.models.families.vision_text_dual import DualBertTextTower
from nast_core.models.precision import computing, lacking
from nast_core.models.tower import TextTower
from nast_core.progress import Far


class Lesson(NamedTuple):
    """What is learnt from."""

    phantoms: list[Phantom]
    images: Float[Tensor, "phantom dim"]  # unit vectors
    negated_share: float
    batch: int


def join_towers(demo: DualEncoder, encoder: Encoder, seed: int) -> VisionTextDualEncoderModel:
    """The demo's image side beside a pre-trained encoder, whose new projection ``seed`` draws."""
    clip = cast(CLIPModel, demo.module)
    vision = clip.config.vision_config
    config = VisionTextDualEncoderConfig.from_vision_text_configs(
        vision, encoder.bert.config, projection_dim=clip.config.projection_dim
    )
    torch.manual_seed(seed)
    model = VisionTextDualEncoderModel(config)
    model.vision_model.load_state_dict(clip.vision_model.state_dict())
    model.visual_projection.load_state_dict(clip.visual_projection.state_dict())
    model.text_model.load_state_dict(encoder.bert.state_dict())
    with torch.no_grad():
        model.logit_scale.copy_(clip.logit_scale)
    return model.eval().requires_grad_(False)


def learning_parts(model: VisionTextDualEncoderModel) -> nn.ModuleDict:
    """What learns; all else is frozen."""
    bert = model.text_model
    parts = {"layers": bert.encoder, "pooler": bert.pooler, "projection": model.text_projection}
    scale = nn.ParameterDict({"logit_scale": model.logit_scale})
    return nn.ModuleDict({**parts, "scale": scale}).requires_grad_(True)


def learn(
    model: VisionTextDualEncoderModel,
    tokenizer: object,
    lesson: Lesson,
    *,
    rate: float,
    steps: int,
    seed: int,
    checkpoint: Path,
    progress: Far,
) -> None:
    """Trains the text side in place, by the demo's own loop and loss; in bf16 where the CPU has it."""
    tower, bf16 = DualBertTextTower(model, tokenizer), not lacking(torch.device("cpu"))
    batch = batches(len(lesson.images), lesson.batch, seed + 1)

    def loss_of(rng: np.random.Generator, step: int) -> Tensor:
        index = batch(step)
        texts = [caption(lesson.phantoms[i], rng, negated_share=lesson.negated_share) for i in index]
        return clip_loss(text_vectors(tower, texts, bf16=bf16), lesson.images[index], model.logit_scale)

    parts = learning_parts(model)
    label = f"Text tower, rate {rate:g}"
    fit(parts, loss_of, steps=steps, rate=rate, seed=seed + 1, checkpoint=checkpoint, label=label, progress=progress)
    model.requires_grad_(False)


def text_vectors(tower: TextTower, texts: Sequence[str], *, bf16: bool) -> Float[Tensor, "text dim"]:
    """Unit vectors with gradients, texts of like length together."""
    lengths = tower.tokenize(texts).mask.sum(1)
    order = lengths.argsort(stable=True)
    ordered = [texts[i] for i in order.tolist()]
    with computing(tower.device, bf16):
        parts = [
            tower.encode(tower.tokenize(ordered[start:stop])).float() for start, stop in groups(lengths[order].tolist())
        ]
    return F.normalize(torch.cat(parts), dim=-1)[order.argsort()]
