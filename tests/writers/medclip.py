"""Tiny random MedCLIP, ViT and ResNet: one pytorch_model.bin, and the configs that the original leaves on the hub."""

import math
from pathlib import Path

import torch

from tests.writers.bare import DIM, bert_tensors, prefixed, randn, tiny_resnet, write_swin, write_text


def write(folder: Path, *, resnet: bool = False) -> Path:
    bert = write_text(folder / "text", positions=96)
    tensors = bert_tensors(bert, "text_model.model.")
    tensors["text_model.projection_head.weight"] = randn(DIM, bert.config.hidden_size, seed=2)
    tensors["logit_scale"] = torch.tensor(math.log(1 / 0.07))
    if resnet:
        net = {name: tensor for name, tensor in tiny_resnet().state_dict().items() if not name.startswith("fc.")}
        tensors |= prefixed("vision_model.model.", net | {"fc.weight": randn(DIM, 2048, seed=3)})
    else:
        tensors |= prefixed("vision_model.model.", write_swin(folder / "vision"))
        tensors["vision_model.projection_head.weight"] = randn(DIM, 16, seed=3)
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder
