"""open_clip checkpoints with open_clip's own text tower, in the ``local-dir:`` layout."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

import ftfy
import open_clip
import torch
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import ResidualAttentionBlock
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import ModelError
from nast_core.models import files
from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.tower import PreNormBlock, TextTower, Tokens

WEIGHTS = (  # in the order open_clip itself looks
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
)


def recognises(folder: Path) -> bool:
    config = folder / "open_clip_config.json"
    if not config.exists():
        return False
    model = files.read_json(config).get("model_cfg")
    parts = ("text_cfg", "vision_cfg")
    if not isinstance(model, dict) or not all(isinstance(model.get(part), dict) for part in parts):
        raise ModelError(f"{config} has no model_cfg with a text_cfg and a vision_cfg in it; download it again")
    text = model["text_cfg"]
    custom = model.get("custom_text") or "multimodal_cfg" in model
    return not custom and "hf_model_name" not in text and "hf_tokenizer_name" not in text


class _Block(PreNormBlock):
    def __init__(self, block: ResidualAttentionBlock):
        self.block = block

    def attention_in(self, x: Tensor) -> Tensor:
        return self.block.ln_1(x)

    def query(self, read: Tensor) -> Tensor:
        attention, width = self.block.attn, read.shape[-1]
        return F.linear(read, attention.in_proj_weight[:width], attention.in_proj_bias[:width])

    def key_value(self, read: Tensor) -> tuple[Tensor, Tensor]:
        attention, width = self.block.attn, read.shape[-1]
        key, value = F.linear(read, attention.in_proj_weight[width:], attention.in_proj_bias[width:]).chunk(2, dim=-1)
        return key, value

    def attention_out(self, z: Tensor) -> Tensor:
        # nn.MultiheadAttention reads these weights without calling out_proj, so hooks and LoRA on it never fire
        return self.block.ls_1(F.linear(z, self.block.attn.out_proj.weight, self.block.attn.out_proj.bias))

    def mlp(self, x: Tensor) -> Tensor:
        return self.block.ls_2(self.block.mlp(self.block.ln_2(x)))


class OpenClipTextTower(TextTower):
    causal = True
    lora_targets = r"transformer\.resblocks\.\d+\.(attn|mlp\.c_fc|mlp\.c_proj)"
    pooling = "state at the end-of-text token (the largest id), after the final norm"

    def __init__(self, model: open_clip.CLIP, tokenizer: SimpleTokenizer):
        self.model, self.tokenizer = model, tokenizer
        blocks = model.transformer.resblocks
        self.n_layers, self.n_heads = len(blocks), blocks[0].attn.num_heads
        self.context_length, self.width = model.positional_embedding.shape
        projection = model.text_projection
        self.dim = projection.out_features if isinstance(projection, torch.nn.Linear) else projection.shape[1]
        self.blocks = [_Block(block) for block in blocks]

    @property
    def device(self) -> torch.device:
        return self.model.positional_embedding.device

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        self.check_texts(texts)
        rows = [self._encode(text) for text in texts]
        for cleaned, ids, _ in rows:
            self.check_length(cleaned, len(ids))
        longest = max(pad_to or 0, *(len(ids) for _, ids, _ in rows))
        padded = torch.tensor([ids + [0] * (longest - len(ids)) for _, ids, _ in rows])
        lengths = torch.tensor([len(ids) for _, ids, _ in rows])
        return Tokens(
            ids=padded.to(self.device),
            mask=(torch.arange(longest) < lengths[:, None]).to(self.device),
            pooled=padded.argmax(-1).to(self.device),
            offsets=tuple(tuple(spans) + ((0, 0),) * (longest - len(spans)) for _, _, spans in rows),
            texts=tuple(cleaned for cleaned, _, _ in rows),
        )

    def _encode(self, text: str) -> tuple[str, list[int], list[tuple[int, int]]]:
        """(the text as open_clip cleans it, ids, character span of every id in that cleaned text).

        open_clip's tokenizer keeps no offsets; a byte-pair piece is as long as the bytes it spells.
        """
        cleaned = " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split()).lower()
        tok = self.tokenizer
        ids, spans = [tok.sot_token_id], [(0, 0)]
        for word in tok.pat.finditer(cleaned):
            raw = word.group().encode("utf-8")
            character = [place for place, one in enumerate(word.group(), word.start()) for _ in one.encode("utf-8")]
            spelled, done = "".join(tok.byte_encoder[byte] for byte in raw), 0
            for piece in tok.bpe(spelled).split(" "):
                length = len(piece.removesuffix("</w>"))
                ids.append(tok.encoder[piece])
                spans.append((character[done], character[done + length - 1] + 1))  # part of a character: all of it
                done += length
        return cleaned, [*ids, tok.eot_token_id], [*spans, (0, 0)]

    def embed(self, tokens: Tokens) -> Tensor:
        return self.model.token_embedding(tokens.ids) + self.model.positional_embedding[: tokens.ids.shape[1]]

    def project(self, pooled: Tensor) -> Tensor:
        pooled, projection = self.model.ln_final(pooled), self.model.text_projection
        return projection(pooled) if isinstance(projection, torch.nn.Linear) else pooled @ projection

    def library_embedding(self, tokens: Tokens) -> Tensor:
        padding = self.context_length - tokens.ids.shape[1]  # open_clip adds its whole position table
        return self.model.encode_text(F.pad(tokens.ids, (0, padding)))


class OpenClip(DualEncoder):
    def __init__(self, model: open_clip.CLIP, transform, **common):
        super().__init__(**common)
        self.model, self.transform = model, transform

    @property
    def module(self) -> torch.nn.Module:
        return self.model

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.transform(image.convert("RGB"))

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.model.encode_image(pixels)


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> OpenClip:
    """Raises ModelError where config or weights are missing or do not fit one another."""
    weights = files.find_weights(folder, WEIGHTS)
    config = files.read_json(folder / "open_clip_config.json")
    with files.refusing(f"{folder} could not be loaded by open_clip; weights and config must be of one model"):
        model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}", require_pretrained=True)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    files.refuse_mismatched(folder, _resized(model, weights))
    model = model.to(device=device, dtype=dtype).eval().requires_grad_(False)
    text = OpenClipTextTower(model, tokenizer)
    vision = config["model_cfg"]["vision_cfg"]
    quick = bool(config["model_cfg"].get("quick_gelu", False))
    size = model.visual.image_size
    image_size = size[0] if isinstance(size, tuple) else size
    return OpenClip(
        model,
        transform,
        card=card,
        text=text,
        report=LoadReport(
            rows={
                "Weights file": weights.name,
                "Text tower": f"{text.n_layers} layers x {text.n_heads} heads, width {text.width}, causal",
                "Image tower": str(vision.get("timm_model_name") or f"ViT, patch {vision.get('patch_size', 'none')}"),
                "Pooling": text.pooling,
                "Context": f"{text.context_length} tokens",
                "Preprocessing": f"open_clip transform, {image_size} px",
                "Tokenizer": f"open_clip SimpleTokenizer, {tokenizer.vocab_size} tokens",
                "Activation": "quick_gelu" if quick else "gelu",
            },
            warnings=_warnings(quick),
        ),
        fingerprint=files.fingerprint(model),
        logit_scale=float(model.logit_scale.exp()),
        logit_bias=float(model.logit_bias) if model.logit_bias is not None else 0.0,
        image_size=int(image_size),
        parameters=sum(p.numel() for p in model.parameters()),
        dtype=dtype,
    )


def _resized(model: open_clip.CLIP, weights: Path) -> Iterator[tuple[str, tuple[int, ...], tuple[int, ...]]]:
    """Position tables of another length than the config's, which open_clip interpolates without a word."""
    own = model.state_dict()
    for name in ("positional_embedding", "visual.positional_embedding"):
        found = files.stored_shape(weights, name)
        if found and name in own and found != tuple(own[name].shape):
            yield name, found, tuple(own[name].shape)


def _warnings(quick_gelu: bool) -> tuple[str, ...]:
    if quick_gelu:
        return ()
    return (
        "the config says gelu; weights that come from OpenAI need quick_gelu, and load without an error either way",
    )
