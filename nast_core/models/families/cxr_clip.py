"""CXR-CLIP, Swin-tiny and ResNet-50, beside Bio_ClinicalBERT.

The original is one training checkpoint such as swint_mcc.tar: a pickle, whatever its name, of weights, optimiser and
config. It is read where it holds nothing but tensors and plain values; with an omegaconf config in it, it would run
code, and is refused. 'nast model convert' makes of it
    model.safetensors   what the checkpoint holds under "model"
    cxr_clip.json       {"image_tower": "swin" or "resnet", "pooling": "eos", "bos" or "mean",
                         "projection": "linear" or "mlp"}
In either case put beside it
    text/    config.json and vocab.txt of emilyalsentzer/Bio_ClinicalBERT
    vision/  config.json of microsoft/swin-tiny-patch4-window7-224 (Swin only)
Source: You et al. 2023 (arXiv:2310.13292) and their repository kakaobrain/cxr-clip (CC BY-NC); written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import transforms
from transformers import BertModel

from nast_core.errors import ModelError
from nast_core.models import model_files, trunks, weights
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.hf_folder import refuse_unused_layers
from nast_core.models.hf_tokens import first_token, last_real_token
from nast_core.models.tower import Hidden, Tokens
from nast_core.models.trunks import CLINICAL_BERT, SWIN_TINY, Assembled

RECORD = "cxr_clip.json"
CHOICES = {"image_tower": ("swin", "resnet"), "pooling": ("eos", "bos", "mean"), "projection": ("linear", "mlp")}
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_POOLING = {
    "eos": "last state of the last real token ([SEP])",
    "bos": "last state of the first token ([CLS])",
    "mean": "mean of the last states of the real tokens",
}
_RESNET_SIZE = 224
_TOKENS = 256
_HALVES = ([0.5] * 3, [0.5] * 3)  # mean, std
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_UNUSED = (
    r"(.*\.)?(position_ids|relative_position_index)|text_encoder\.text_encoder\.pooler\..*"
    r"|image_encoder\.resnet\.fc\..*"
)


def recognises(folder: Path) -> bool:
    if (folder / RECORD).exists():
        return True
    return bool(_checkpoints(folder)) and not any(
        (folder / name).exists() for name in ("config.json", "open_clip_config.json", *WEIGHTS)
    )


def _checkpoints(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix == ".tar" and weights.is_there(path))


@dataclass(frozen=True)
class _Kind:
    """Which of the published variants a checkpoint is; the fields are those of cxr_clip.json."""

    image_tower: str
    pooling: str
    projection: str


class _Linear(nn.Module):
    def __init__(self, width: int, dim: int):
        super().__init__()
        self.projection = nn.Linear(width, dim)

    def forward(self, x: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        return self.projection(x)


class _Mlp(_Linear):
    """The projection named "mlp": a Linear and, added to it, what a second Linear makes of it."""

    def __init__(self, width: int, dim: int):
        super().__init__(width, dim)
        self.fc = nn.Linear(dim, dim)
        self.layer_norm = nn.LayerNorm(dim)

    def forward(self, x: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        projected = self.projection(x)
        return self.layer_norm(self.fc(F.gelu(projected)) + projected)


class CxrClipTextTower(BertTextTower):
    def __init__(self, bert: BertModel, head: _Linear, tokenizer, pooling: str):
        length = min(_TOKENS, bert.config.max_position_embeddings)
        super().__init__(bert, tokenizer, context_length=length, dim=head.projection.out_features)
        self.head, self.pooling = head, _POOLING[pooling]
        self.pool = first_token if pooling == "bos" else last_real_token
        self.pools_one_position = pooling != "mean"

    def readout(self, hidden: Hidden, tokens: Tokens) -> Tensor:
        if self.pools_one_position:
            return super().readout(hidden, tokens)
        real = tokens.mask[:, :, None].to(hidden.dtype)
        return self.project((hidden * real).sum(1) / real.sum(1))

    def project(self, pooled: Tensor) -> Tensor:
        return self.head(pooled)

    def library_embedding(self, tokens: Tokens) -> Tensor:
        states = self.bert(input_ids=tokens.ids, attention_mask=tokens.mask.long()).last_hidden_state
        return self.readout(states, tokens)


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> Assembled:
    """Raises ModelError where checkpoint, record, text/ or vision/ are missing, unsafe or do not fit."""
    path, kind = _checkpoint(folder)
    file = weights.read(path)
    tensors = trunks.new_swin_names(file.tensors, "image_encoder.image_encoder.")
    bert = trunks.read_bert(folder / "text", CLINICAL_BERT, path)
    tokenizer = trunks.read_tokenizer(folder / "text", bert, CLINICAL_BERT)
    dim = trunks.width_of(tensors, "text_projection.projection.weight", path)
    if kind.image_tower == "resnet":
        resnet = trunks.build_resnet(tensors, "image_encoder.resnet.")
        image, width, size = nn.ModuleDict({"resnet": resnet}), resnet.layer4[-1].conv3.out_channels, _RESNET_SIZE
        description, trunk, (mean, std) = trunks.describe_resnet(resnet), resnet, _IMAGENET
    else:
        swin = trunks.read_swin(folder / "vision", SWIN_TINY, path)
        image, width, size = nn.ModuleDict({"image_encoder": swin}), swin.config.hidden_size, swin.config.image_size
        description, (mean, std) = f"{trunks.describe_swin(swin)}, state of the first patch", _HALVES

        def trunk(pixels: Tensor) -> Tensor:
            return swin(pixels).last_hidden_state[:, 0]

    head = _Mlp if kind.projection == "mlp" else _Linear
    image_head, text_head = head(width, dim), head(bert.config.hidden_size, dim)
    parts = nn.ModuleDict(
        {
            "image_encoder": image,
            "text_encoder": nn.ModuleDict({"text_encoder": bert}),
            "image_projection": image_head,
            "text_projection": text_head,
        }
    )
    parts.logit_scale = nn.Parameter(torch.zeros(()))
    unused = trunks.load_strictly(parts, tensors, path, dropped=_UNUSED)
    refuse_unused_layers(path, unused, parts.state_dict())
    steps = (
        transforms.Resize(size),
        transforms.CenterCrop(size),
        transforms.ToTensor(),
        transforms.Normalize(mean, std),
    )
    scale = transforms.Compose(steps)
    return trunks.assemble(
        parts,
        CxrClipTextTower(bert, text_head, tokenizer, kind.pooling),
        lambda pixels: image_head(trunk(pixels)),
        lambda image: scale(image.convert("RGB")),
        card=card,
        rows={
            **file.rows,
            "Image tower": description,
            "Projection": kind.projection,
            "Preprocessing": f"shorter side {size} px, centre crop, mean {mean[0]:g}, ...",
        },
        unused=unused,
        logit_scale=float(parts.logit_scale.detach().exp()),
        image_size=size,
        device=device,
        dtype=dtype,
    )


def _checkpoint(folder: Path) -> tuple[Path, _Kind]:
    """(file with the weights, what it is); cxr_clip.json goes before a checkpoint's own config."""
    there = [path.name for path in _checkpoints(folder)]
    if (folder / RECORD).exists():
        return weights.find_weights(folder, [*WEIGHTS, *there]), _kind(
            model_files.read_json(folder / RECORD), folder / RECORD
        )
    if len(there) > 1:
        raise ModelError(f"{folder} holds the checkpoints {', '.join(there)}; keep one of them")
    try:
        path = weights.find_weights(folder, there)
    except ModelError as error:
        raise ModelError(f"{error} (CXR-CLIP converted: model.safetensors and {RECORD})") from None
    record = record_of(weights.beside(path).get("config"))
    if record is None:
        raise ModelError(
            f"{path} has no config that names its towers, pooling and projection; write {RECORD} with "
            f"{', '.join(CHOICES)} beside it"
        )
    return path, _kind(record, path)


def record_of(config: Any) -> dict[str, Any] | None:
    """The fields of cxr_clip.json out of a checkpoint's own config; None where it does not have them."""
    try:
        model, image = config["model"], config["model"]["image_encoder"]
        return {
            "image_tower": "resnet" if image["name"] == "resnet" else image["model_type"],
            "pooling": model["text_encoder"]["pooling"],
            "projection": model["projection_head"]["name"].lower(),
        }
    except (TypeError, KeyError, AttributeError):
        return None


def check_record(record: Mapping[str, Any], path: Path) -> None:
    """Raises ModelError for a value that names no published variant; ``path``: the file that says so."""
    for key, allowed in CHOICES.items():
        if record.get(key) not in allowed:
            raise ModelError(f"{path} says {key} {record.get(key)!r}; it must be one of {', '.join(allowed)}")


def _kind(record: Mapping[str, Any], path: Path) -> _Kind:
    check_record(record, path)
    return _Kind(*(record[key] for key in CHOICES))
