"""open_clip_config.json as far as it is read. A key of its towers that is not listed is refused: open_clip knows none
either."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from nast_core.errors import ModelError
from nast_core.models import model_files
from nast_core.models.allowed import (
    Factor,
    Heads,
    Keys,
    Layers,
    Number,
    Rows,
    Share,
    Sides,
    Tiny,
    Width,
    Word,
    taken,
)

CONFIG = "open_clip_config.json"
Context = Annotated[int, Field(ge=1, le=8_192)]  # a mask of its square is made
_Module = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,80}(\.[a-z0-9_]{1,80})?$")]  # of timm's own
_Hub = Annotated[
    str, Field(pattern=r"^[\w\-]{0,96}(/[\w.\-]{1,96})?$")
]  # an id, or the name of a folder inside this one


class _Complete(Keys):
    model_config = ConfigDict(extra="forbid")


class _Norm(_Complete):
    eps: Tiny = 1e-5
    elementwise_affine: Literal[True] = True


class _Act(_Complete):
    approximate: Literal["none", "tanh"] = "none"


class _Tokens(_Complete):
    """tokenizer_kwargs."""

    clean: Literal["whitespace", "lower", "canonicalize"] = "whitespace"
    strip_sep_token: bool = False
    language: Word | None = None
    tokenizer_mode: Word | None = None
    context_length: Context | None = None
    reduction_mask: Word = ""


class _Tower(_Complete):
    mlp_ratio: Factor = 4.0
    ls_init_value: Number | None = None
    act_kwargs: _Act | None = None
    norm_kwargs: _Norm | None = None
    final_ln_after_pool: bool = False
    output_tokens: bool = False
    block_type: Literal["default", "custom"] | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False
    pool_type: Word = ""
    width: Width = 1


class _Vision(_Tower):
    layers: Layers | Annotated[list[Layers], Field(min_length=4, max_length=4)] = 1
    head_width: Annotated[int, Field(ge=1, le=4_096)] = 64
    patch_size: Sides | None = None  # of ResNets
    image_size: Sides = 1
    patch_dropout: Share = 0.0
    attentional_pool: bool | Literal["parallel", "cascade"] = False
    attn_pooler_queries: Annotated[int, Field(ge=1, le=4_096)] = 1
    attn_pooler_heads: Heads = 1
    no_ln_pre: bool = False
    pos_embed_type: Literal["learnable", "sin_cos_2d", "none"] = "learnable"
    timm_model_name: _Module | None = None
    timm_model_pretrained: bool = False
    timm_pool: Word | None = None
    timm_proj: Word | None = None
    timm_proj_bias: bool = False
    timm_drop: Share = 0.0
    timm_drop_path: Share | None = None


class _Text(_Tower):
    context_length: Context | Word = 1  # a word is refused with how far the text tower reads
    vocab_size: Rows = 1
    hf_tokenizer_name: _Hub | None = None
    tokenizer_mode: Word | None = None
    tokenizer_kwargs: _Tokens | None = None
    heads: Heads = 1
    layers: Layers = 1
    embed_cls: bool = False
    pad_id: Annotated[int, Field(ge=0, le=2_000_000)] = 0
    eos_id: Annotated[int, Field(ge=0, le=2_000_000)] = 0
    no_causal_mask: bool = False
    proj_bias: bool = False
    proj_type: Literal["linear", "none"] = "linear"
    hf_model_name: _Hub | None = None
    hf_model_pretrained: bool = False
    hf_model_config: None = None
    hf_pooler_type: Word | None = None
    hf_proj_type: Word | None = None


class _Multimodal(_Text):
    dim_head: Width = 64
    n_queries: Annotated[int, Field(ge=1, le=4_096)] = 1
    attn_pooler_heads: Heads = 1


class _Model(_Complete):
    """model_cfg."""

    embed_dim: Width
    vision_cfg: _Vision
    text_cfg: _Text
    multimodal_cfg: _Multimodal | None = None
    quick_gelu: bool = False
    custom_text: bool = False
    init_logit_scale: Number = 0.0
    init_logit_bias: Number | None = None
    nonscalar_logit_scale: bool = False
    output_dict: bool = False


class _Preprocess(Keys):
    """preprocess_cfg."""

    size: Sides | None = None
    mode: Literal["RGB"] = "RGB"
    mean: Annotated[list[Number], Field(min_length=1, max_length=4)] | None = None
    std: Annotated[list[Annotated[float, Field(gt=0, le=1e6)]], Field(min_length=1, max_length=4)] | None = None
    interpolation: Literal["bicubic", "bilinear", "random"] = "bicubic"
    resize_mode: Literal["shortest", "longest", "squash"] = "shortest"
    fill_color: (
        Annotated[int, Field(ge=0, le=255)] | Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(max_length=4)]
    ) = 0


def model_config(folder: Path) -> dict[str, Any]:
    """The config's ``model_cfg``, as far as it is read. Raises as ``whole_config`` does."""
    return whole_config(folder)["model_cfg"]


def whole_config(folder: Path) -> dict[str, Any]:
    """The config as open_clip may read it: ``model_cfg`` and ``preprocess_cfg``.

    Raises ModelError where it is not JSON, has no text or image tower, or a key or a value that no such model has.
    """
    config = folder / CONFIG
    content = model_files.read_json(config)
    model, parts = content.get("model_cfg"), ("text_cfg", "vision_cfg")
    if not isinstance(model, dict) or not all(isinstance(model.get(part), dict) for part in parts):
        raise ModelError(f"{config} has no model_cfg with a text_cfg and a vision_cfg in it; download it again")
    with model_files.leading(f"{folder} could not be loaded by open_clip; weights and config must be of one model"):
        own = taken(_Model, model, f"{CONFIG}, model_cfg:")
        preprocess = taken(_Preprocess, content.get("preprocess_cfg") or {}, f"{CONFIG}, preprocess_cfg:")
    own["vision_cfg"].pop("timm_model_pretrained", None)  # every weight is in the folder
    for tower in (own["text_cfg"], own.get("multimodal_cfg") or {}):
        tower.pop("hf_model_pretrained", None)
        tower.pop("hf_model_config", None)
    return {"model_cfg": own, "preprocess_cfg": preprocess}


def least_weights(model: Mapping[str, Any]) -> int:
    """A lower bound of how many weights a checked ``model_cfg`` describes: what its own transformers' matrices have."""
    count = 0
    for tower in (model["text_cfg"], model["vision_cfg"], model.get("multimodal_cfg") or {}):
        if isinstance(layers := tower.get("layers"), int) and (width := tower.get("width")):
            count += int(layers * width * width * (4 + 2 * tower.get("mlp_ratio", 4.0)))
            count += width * (tower.get("vocab_size", 0) + tower.get("context_length", 0))
            count += width * (_side(tower.get("image_size")) // _side(tower.get("patch_size"), 16)) ** 2
    return count


def _side(sides: int | list[int] | None, default: int = 0) -> int:
    return sides[0] if isinstance(sides, list) else sides or default
