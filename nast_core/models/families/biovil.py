"""BioViL and BioViL-T (Microsoft): CXR-BERT beside a ResNet-50, as their Hugging Face folders have them.

Layout: config.json of model type cxr-bert, pytorch_model.bin or model.safetensors, vocab.txt, and beside them the image
weights of ``IMAGE_WEIGHTS``. No code from the folder is run. Sources: Boecking et al. 2022 (arXiv:2204.09817), Bannur
et al. 2023 (arXiv:2301.04558) and their package hi-ml-multimodal 0.2.2, whose output this equals; written anew.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import transforms
from torchvision.models.resnet import ResNet
from transformers import BertModel

from nast_core.errors import ModelError
from nast_core.models import model_files, trunks, weights
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.hf_folder import refuse_unused_layers
from nast_core.models.tower import Tokens
from nast_core.models.trunks import Assembled

TEXT_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
IMAGE_WEIGHTS = {  # file -> side of the image after the centre crop
    "biovil_image_resnet50_proj_size_128.pt": 480,
    "biovil_t_image_model_proj_size_128.pt": 448,
}
_RESIZED = 512  # shorter side, before the crop
_TOKENS = 512
_FUSED = 256  # channels of each half in BioViL-T: this image, and what changed since the last
_UNUSED_TEXT = r"(.*\.)?position_ids|cls\..*|bert\.pooler\..*"  # the masked-word head; a pooler the embedding skips
_UNUSED_IMAGE = r"encoder\.encoder\.fc\..*|encoder\.vit_pooler\..*"  # ImageNet's head; runs with a prior image only
_LIMITS = {"logit scale": "BioViL's checkpoints hold no logit scale, so scores are bare cosines in [-1, 1]"}
_NO_PRIOR = "BioViL-T reads one image here: the learned stand-in takes the place of a prior image"


def recognises(folder: Path) -> bool:
    return model_files.model_type(folder) == "cxr-bert"


class _TextHead(nn.Module):
    """Linear, gelu, LayerNorm, Linear on [CLS]."""

    def __init__(self, width: int, dim: int):
        super().__init__()
        self.dense_to_hidden = nn.Linear(width, dim)
        self.LayerNorm = nn.LayerNorm(dim, eps=1e-12)
        self.dense_to_output = nn.Linear(dim, dim)

    def forward(self, cls: Float[Tensor, "... width"]) -> Float[Tensor, "... dim"]:
        return self.dense_to_output(self.LayerNorm(F.gelu(self.dense_to_hidden(cls))))


class BioVilTextTower(BertTextTower):
    def __init__(self, bert: BertModel, head: _TextHead, tokenizer):
        length = min(_TOKENS, bert.config.max_position_embeddings)
        super().__init__(bert, tokenizer, context_length=length, dim=head.dense_to_output.out_features)
        self.head = head

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """As ever, after the family's own cut of closing marks: ``Tokens.texts`` holds what is left."""
        return super().tokenize([text.rstrip("!?.") for text in texts], pad_to=pad_to)

    def project(self, pooled: Tensor) -> Tensor:
        return self.head(pooled)

    def library_embedding(self, tokens: Tokens) -> Tensor:
        states = self.bert(input_ids=tokens.ids, attention_mask=tokens.mask.long()).last_hidden_state
        return self.head(states[:, 0])


class _Encoder(nn.Module):
    """Patches of the ResNet; in BioViL-T narrowed, and beside them the stand-in for what changed since a prior
    image."""

    def __init__(self, resnet: ResNet, *, prior: bool):
        super().__init__()
        self.encoder, self.prior = resnet, prior
        self.channels: int = resnet.layer4[-1].conv3.out_channels
        if prior:
            self.backbone_to_vit = nn.Conv2d(self.channels, _FUSED, 1, bias=False)
            self.missing_previous_emb = nn.Parameter(torch.zeros(1, _FUSED, 1, 1))
            self.channels = 2 * _FUSED

    def forward(self, pixels: Tensor) -> Float[Tensor, "image channel row column"]:
        patches = trunks.feature_map(self.encoder, pixels)
        if not self.prior:
            return patches
        now = self.backbone_to_vit(patches)
        return torch.cat([now, self.missing_previous_emb.expand_as(now)], 1)


class _Projector(nn.Module):
    def __init__(self, channels: int, dim: int):
        super().__init__()
        first, last = nn.Conv2d(channels, dim, 1, bias=False), nn.Conv2d(dim, dim, 1)
        self.model = nn.Sequential(first, nn.BatchNorm2d(dim), nn.ReLU(), last)

    def forward(self, patches: Tensor) -> Float[Tensor, "image dim"]:
        return self.model(patches).mean((2, 3))


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> Assembled:
    """Raises ModelError where config, tokenizer or either weights file is missing or does not fit."""
    image_path = _image_weights(folder)
    text_path = weights.find_weights(folder, TEXT_WEIGHTS)
    own = "the files that came with these weights"
    bert = trunks.read_bert(folder, own, text_path)
    dim = int(getattr(bert.config, "projection_size", None) or 128)
    tokenizer = trunks.read_tokenizer(folder, bert, own)
    text_file, image_file = weights.read(text_path), weights.read(image_path)
    head = _TextHead(bert.config.hidden_size, dim)
    text = nn.ModuleDict({"bert": bert, "cls_projection_head": head})
    unused = trunks.load_strictly(text, text_file.tensors, text_path, dropped=_UNUSED_TEXT)
    refuse_unused_layers(text_path, unused, text.state_dict())
    tensors = image_file.tensors
    prior = image_path.name.startswith("biovil_t")
    encoder = _Encoder(trunks.build_resnet(tensors, "encoder.encoder."), prior=prior)
    projector = _Projector(encoder.channels, dim)
    image = nn.ModuleDict({"encoder": encoder, "projector": projector})
    unused += trunks.load_strictly(image, tensors, image_path, dropped=_UNUSED_IMAGE)
    size = IMAGE_WEIGHTS[image_path.name]
    return trunks.assemble(
        nn.ModuleDict({"text": text, "image": image}),
        BioVilTextTower(bert, head, tokenizer),
        lambda pixels: projector(encoder(pixels)),
        partial(_preprocess, size=size),
        card=card,
        rows={
            **{
                f"Names in {part.path.name}": part.rows["Names in the file"]
                for part in (text_file, image_file)
                if part.prefix
            },
            "Weights files": f"{text_path.name}, {image_path.name}",
            "Image tower": f"{trunks.describe_resnet(encoder.encoder)}, mean of projected patches"
            + (", no prior image" if prior else ""),
            "Preprocessing": f"grey, stretched to 0..255, shorter side {_RESIZED} px, centre {size} px, no "
            "normalisation",
            "Prompts": "closing '.', '!' and '?' are cut off before tokenising",
        },
        unused=unused,
        logit_scale=None,
        image_size=size,
        device=device,
        dtype=dtype,
        limits=_LIMITS | ({"prior image": _NO_PRIOR} if prior else {}),
    )


def _image_weights(folder: Path) -> Path:
    there = [name for name in IMAGE_WEIGHTS if weights.is_there(folder / name)]
    if len(there) > 1:
        raise ModelError(f"{folder} holds {' and '.join(there)}; keep the one that came with this text encoder")
    if not there:
        raise ModelError(
            f"{folder} has CXR-BERT but no image weights; put {' (BioViL) or '.join(IMAGE_WEIGHTS)} (BioViL-T) beside "
            "pytorch_model.bin"
        )
    return weights.find_weights(folder, there)


def _preprocess(image: Image.Image, *, size: int) -> Float[Tensor, "3 size size"]:
    """Source: hi-ml-multimodal 0.2.2. Departure: an image of one value becomes black, not NaN."""
    values = np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"), float)
    values = values - values.min()
    stretched = values / (values.max() or 1) * 255
    grey = Image.fromarray(stretched.astype(np.uint8)).convert("L")
    steps = (transforms.Resize(_RESIZED), transforms.CenterCrop(size), transforms.ToTensor())
    return transforms.Compose(steps)(grey).expand(3, -1, -1)
