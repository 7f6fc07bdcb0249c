"""Pieces of the tiny checkpoints that come as bare weights: vocabulary, BERT, ResNet and Swin in their stored names."""

import json
import re
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models.resnet import Bottleneck, ResNet
from transformers import BertConfig, BertModel, SwinConfig, SwinModel

from tests.checkpoints import TINY_TEXT, loud
from tests.writers.sentences import sentences

DIM = 16
SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}


def write_text(folder: Path, *, positions: int = 64, pooler: bool = True, **more: object) -> BertModel:
    """config.json and vocab.txt, lower-cased as a folder without tokenizer_config.json is; returns the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for sentence in sentences() for word in re.findall(r"\w+|[^\w\s]", sentence.lower())})
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = [*words, *(letter for letter in letters if letter not in words), *(f"##{letter}" for letter in letters)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    config = BertConfig(**TINY_TEXT, vocab_size=len(vocabulary), max_position_embeddings=positions)
    (folder / "config.json").write_text(json.dumps({**config.to_dict(), **more}))
    return loud(BertModel(config, add_pooling_layer=pooler))


def bert_tensors(bert: BertModel, prefix: str) -> dict[str, Tensor]:
    """As old files have them: with the table of positions that is no weight."""
    tensors = {f"{prefix}{name}": tensor for name, tensor in bert.state_dict().items()}
    return tensors | {f"{prefix}embeddings.position_ids": torch.arange(bert.config.max_position_embeddings)[None]}


def tiny_resnet() -> ResNet:
    """torchvision's bottleneck ResNet, one block a layer and narrow;
    its running statistics are not those of a new net."""
    net, generator = ResNet(Bottleneck, [1, 1, 1, 1], width_per_group=8), torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.ndim > 1:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * tensor[0].numel() ** -0.5 * 1.5)
            elif name.endswith("running_var"):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
            elif name.endswith(("bias", "running_mean")):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return net


def write_swin(folder: Path) -> dict[str, Tensor]:
    """config.json; returns the weights under the names that checkpoints have, as transformers itself writes them."""
    swin = loud(SwinModel(SwinConfig(**SWIN)))
    with tempfile.TemporaryDirectory() as place:
        swin.save_pretrained(place)
        old = load_file(Path(place) / "model.safetensors")
    assert "encoder.layers.0.blocks.0.attention.self.query.weight" in old
    swin.config.save_pretrained(folder)
    return old | {"encoder.layers.0.blocks.0.attention.self.relative_position_index": torch.zeros(16, 16).long()}


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def randn(*shape: int, seed: int) -> Tensor:
    """Weights of a projection: loud for their number of inputs."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return values * (values[0].numel() ** -0.5 * 1.5 if len(shape) > 1 else 0.1)
