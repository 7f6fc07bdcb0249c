"""Tiny random CXR-CLIP: the converted layout, or a training checkpoint (.tar) as its authors publish it."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.writers.bare import DIM, bert_tensors, prefixed, randn, tiny_resnet, write_swin, write_text


def write(
    folder: Path, *, tower: str = "swin", pooling: str = "eos", projection: str = "linear", original: bool = False
) -> Path:
    bert = write_text(folder / "text")
    tensors = bert_tensors(bert, "text_encoder.text_encoder.") | {"logit_scale": torch.tensor(math.log(1 / 0.07))}
    if tower == "swin":
        tensors |= prefixed("image_encoder.image_encoder.", write_swin(folder / "vision"))
    else:
        net = {name: tensor for name, tensor in tiny_resnet().state_dict().items() if not name.startswith("fc.")}
        tensors |= prefixed("image_encoder.resnet.", net)
    widths = {"image": 16 if tower == "swin" else 2048, "text": bert.config.hidden_size}
    for seed, (side, width) in enumerate(widths.items()):
        head = {"projection.weight": randn(DIM, width, seed=seed), "projection.bias": randn(DIM, seed=seed + 10)}
        if projection == "mlp":
            head |= {"fc.weight": randn(DIM, DIM, seed=seed + 20), "fc.bias": randn(DIM, seed=seed + 30)}
            head |= {"layer_norm.weight": 1 + randn(DIM, seed=seed + 40), "layer_norm.bias": randn(DIM, seed=seed + 50)}
        tensors |= prefixed(f"{side}_projection.", head)
    if original:
        torch.save(checkpoint(tensors, tower, pooling, projection), folder / f"{tower}_mcc.tar")
    else:
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "model.safetensors")
        record = {"image_tower": tower, "pooling": pooling, "projection": projection}
        (folder / "cxr_clip.json").write_text(json.dumps(record))
    return folder


def checkpoint(tensors: dict, tower: str, pooling: str, projection: str) -> dict:
    image = {"source": "huggingface", "name": "microsoft/swin-tiny-patch4-window7-224", "model_type": "swin"}
    model = {
        "image_encoder": image if tower == "swin" else {"source": "torchvision", "name": "resnet"},
        "text_encoder": {"name": "emilyalsentzer/Bio_ClinicalBERT", "pooling": pooling},
        "projection_head": {"name": projection, "dropout": 0.1, "proj_dim": DIM},
        "temperature": 0.07,
    }
    state = {"state": {0: {"step": 7, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 5e-5}]}
    return {"model": tensors, "optimizer": state, "config": {"model": model}, "epoch": 15, "train_loss": 0.1}
