"""Pieces of the independent forward passes that bare-weight families are compared with: library modules, called
plainly."""

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.models.resnet import Bottleneck, ResNet
from transformers import BertConfig, BertModel, BertTokenizer, SwinConfig, SwinModel

SENTENCES = ["There is no edema.", "Findings: a large pleural effusion on the left; intact ribs.", "no pneumothorax"]


def under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def library_bert(folder: Path, tensors: dict[str, Tensor]) -> BertModel:
    config = BertConfig(**json.loads((folder / "config.json").read_text()))
    return BertModel.from_pretrained(None, config=config, state_dict=tensors).double().eval()


def library_ids(folder: Path, texts: list[str]) -> tuple[Tensor, Tensor]:
    rows = BertTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    return rows["input_ids"], rows["attention_mask"]


def library_swin(folder: Path, tensors: dict[str, Tensor]) -> SwinModel:
    """Converted from the old names by transformers' own loader."""
    config = SwinConfig.from_pretrained(folder)
    return SwinModel.from_pretrained(None, config=config, state_dict=tensors).double().eval()


def library_resnet(tensors: dict[str, Tensor], *, fc: torch.nn.Module) -> ResNet:
    net = ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8)
    net.fc = fc
    net.load_state_dict(tensors)
    return net.double().eval()


def photographs() -> list[Image.Image]:
    """A grey and a colour image, neither square."""
    values = np.random.default_rng(0).integers(20, 230, (300, 240, 3)).astype(np.uint8)
    smooth = Image.fromarray(values).resize((60, 75)).resize((240, 300), Image.Resampling.BICUBIC)
    return [smooth.convert("L"), smooth.transpose(Image.Transpose.ROTATE_90)]


def pixels_of(image: Image.Image) -> Tensor:
    """8-bit values in [0, 1], float32, [channel, height, width], without any library's transform."""
    values = torch.from_numpy(np.asarray(image).copy()).float() / 255
    return values[None] if values.ndim == 2 else values.permute(2, 0, 1)


def shorter_side(image: Image.Image, side: int) -> Image.Image:
    """Pillow's bilinear resize of the shorter side to ``side``, cut to the middle square."""
    width, height = image.size
    scale = side / min(width, height)
    return image.resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)


def middle(image: Image.Image, side: int) -> Image.Image:
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return image.crop((left, top, left + side, top + side))
