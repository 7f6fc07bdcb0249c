"""MedCLIP, ViT (Swin-tiny) and ResNet-50: averages three layers and all positions of Bio_ClinicalBERT.

The original folder is one file, pytorch_model.bin. Beside it put
    text/    config.json and vocab.txt of emilyalsentzer/Bio_ClinicalBERT
    vision/  config.json of microsoft/swin-tiny-patch4-window7-224 (ViT only)
Source: Wang et al. 2022 (arXiv:2210.10163) and their package medclip 0.0.3, whose output this equals text by text;
written anew. Departure: texts are never padded. In the original a text's embedding moves with the longest text of its
batch, because the mean runs over padding too.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms import functional as TF
from transformers import BertModel

from nast_core.models import trunks, weights
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.hf_folder import refuse_unused_layers
from nast_core.models.hf_tokens import last_real_token
from nast_core.models.tower import Hidden, Tokens
from nast_core.models.trunks import CLINICAL_BERT, SWIN_TINY, Assembled

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_PROJECTION = "text_model.projection_head.weight"
_OTHERS = ("config.json", "open_clip_config.json", "cxr_clip.json")  # another family's folder
_RESNET_SIZE = 224
_TOKENS = 77
_LARGEST_SCALE = 4.6052  # log of 100, as the original clamps it when it scores
_MEAN, _STD = 0.5862785803043838, 0.27950088968644304  # of one grey channel
_UNUSED = r"(.*\.)?(position_ids|relative_position_index)|text_model\.model\.(pooler|cls)\..*"
_PADDING = "texts are encoded without padding; the original pads a batch, and its embeddings move with the longest text"


def recognises(folder: Path) -> bool:
    if any((folder / name).exists() for name in _OTHERS) or not any(
        weights.is_there(folder / name) for name in WEIGHTS
    ):
        return False
    return {_PROJECTION, "logit_scale"} <= weights.shapes(weights.find_weights(folder, WEIGHTS)).keys()


class MedClipTextTower(BertTextTower):
    padding = "averaged"
    pools_one_position = False
    pooling = "mean over every position of the states after layers 1, 2 and the last"
    pool = staticmethod(last_real_token)  # nothing is pooled at one position; this leaves pairs their end token

    def __init__(self, bert: BertModel, head: nn.Linear, tokenizer):
        length = min(_TOKENS, bert.config.max_position_embeddings)
        super().__init__(bert, tokenizer, context_length=length, dim=head.out_features)
        self.head = head

    def project(self, pooled: Tensor) -> Tensor:
        return self.head(pooled)

    def encode(self, tokens: Tokens) -> Float[Tensor, "text dim"]:
        return self.finish([self.embed(tokens)], tokens)

    def finish(self, states: Sequence[Hidden], tokens: Tokens) -> Float[Tensor, "text dim"]:
        every = list(states)
        while len(every) <= self.n_layers:
            every.append(self.run(every[-1], tokens, len(every) - 1, len(every)))
        return self.project(self._mean(every))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        mask = tokens.mask.long()
        return self.project(
            self._mean(self.bert(input_ids=tokens.ids, attention_mask=mask, output_hidden_states=True).hidden_states)
        )

    @staticmethod
    def _mean(states: Sequence[Hidden]) -> Float[Tensor, "text width"]:
        return torch.stack([states[1], states[2], states[-1]]).mean((0, 2))


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> Assembled:
    """Raises ModelError where weights, text/ or vision/ are missing or do not fit."""
    file = weights.read(path := weights.find_weights(folder, WEIGHTS))
    tensors = trunks.new_swin_names(file.tensors, "vision_model.model.")
    bert = trunks.read_bert(folder / "text", CLINICAL_BERT, path)
    tokenizer = trunks.read_tokenizer(folder / "text", bert, CLINICAL_BERT)
    dim = trunks.width_of(tensors, _PROJECTION, path)
    bias = _PROJECTION.replace("weight", "bias") in tensors  # the published weights have none
    head = nn.Linear(bert.config.hidden_size, dim, bias=bias)
    parts = nn.ModuleDict({"text_model": nn.ModuleDict({"model": bert, "projection_head": head})})
    parts.logit_scale = nn.Parameter(torch.zeros(()))
    if "vision_model.model.fc.weight" in tensors:
        resnet = trunks.build_resnet(tensors, "vision_model.model.")
        resnet.fc = nn.Linear(resnet.layer4[-1].conv3.out_channels, dim, bias=False)
        parts["vision_model"] = nn.ModuleDict({"model": resnet})
        see, size, description = resnet, _RESNET_SIZE, trunks.describe_resnet(resnet)
    else:
        swin = trunks.read_swin(folder / "vision", SWIN_TINY, path)
        projection = nn.Linear(swin.config.hidden_size, dim, bias=False)
        parts["vision_model"] = nn.ModuleDict({"model": swin, "projection_head": projection})
        size, description = swin.config.image_size, trunks.describe_swin(swin)

        def see(pixels: Tensor) -> Tensor:
            return projection(swin(pixels).pooler_output)

    unused = trunks.load_strictly(parts, tensors, path, dropped=_UNUSED)
    refuse_unused_layers(path, unused, parts.state_dict())
    return trunks.assemble(
        parts,
        MedClipTextTower(bert, head, tokenizer),
        see,
        partial(_preprocess, size=size),
        card=card,
        rows={
            **file.rows,
            "Image tower": description,
            "Preprocessing": f"grey, padded to a square with black, bicubic {size} px, own mean and std",
            "Batches": _PADDING,
        },
        unused=unused,
        logit_scale=float(parts.logit_scale.detach().clamp(0, _LARGEST_SCALE).exp()),
        image_size=size,
        device=device,
        dtype=dtype,
        limits={"padding": _PADDING},
    )


def _preprocess(image: Image.Image, *, size: int) -> Float[Tensor, "3 size size"]:
    """Source: medclip 0.0.3, where a small image is framed in black and never enlarged."""
    grey = image.convert("L")
    side = max(size, *grey.size)
    square = Image.new("L", (side, side), 0)
    square.paste(grey, ((side - grey.width) // 2, (side - grey.height) // 2))
    scaled = TF.to_tensor(square.resize((size, size), Image.Resampling.BICUBIC))
    return TF.normalize(scaled, [_MEAN], [_STD]).expand(3, -1, -1)
