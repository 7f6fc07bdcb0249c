"""What a model's config files may say: the keys that are read, typed, and bounded by what any real model has.

A library never sees such a file. It sees what is left of it here, so a key that is not listed cannot reach it; and a
key or value that names code, a hub or another file is refused by name, even where nothing would have read it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nast_core.errors import ModelError
from nast_core.files.gate import shown

Layers = Annotated[int, Field(ge=1, le=256)]
Width = Annotated[int, Field(ge=1, le=32_768)]
Heads = Annotated[int, Field(ge=1, le=512)]
Rows = Annotated[int, Field(ge=1, le=2_000_000)]  # of an embedding: tokens of a vocabulary
Positions = Annotated[int, Field(ge=1, le=131_072)]
Pixels = Annotated[int, Field(ge=1, le=8_192)]
Sides = Pixels | Annotated[list[Pixels], Field(min_length=1, max_length=2)]
Id = Annotated[int, Field(ge=-1, le=2_000_000)]  # of a token
Share = Annotated[float, Field(ge=0, le=1)]
Tiny = Annotated[float, Field(ge=0, le=1)]  # added so that nothing is divided by 0
Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Factor = Annotated[float, Field(gt=0, le=64)]  # of a width
Stages = Annotated[list[Width], Field(min_length=1, max_length=8)]
Depths = Annotated[list[Layers], Field(min_length=1, max_length=8)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_\-]{0,64}$")]
Text = Annotated[str, Field(max_length=256)]
Activation = Literal[
    "gelu", "gelu_new", "gelu_fast", "gelu_10", "gelu_python", "gelu_pytorch_tanh", "gelu_accurate", "quick_gelu",
    "laplace",
    "leaky_relu", "linear", "mish", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh", "prelu",
]  # fmt: skip


class Keys(BaseModel):
    """Keys that are passed on; others in a file are left out. A list that must be complete forbids others instead."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Tower(Keys):
    """What transformers' towers of either kind share."""

    model_type: Word | None = None
    hidden_size: Width = 1
    intermediate_size: Width = 1
    num_hidden_layers: Layers = 1
    num_attention_heads: Heads = 1
    hidden_act: Activation = "gelu"
    layer_norm_eps: Tiny | None = None
    attention_dropout: Share | None = None
    projection_dim: Width | None = None
    initializer_range: Number = 0.0
    initializer_factor: Number | None = None


class TextTower(Tower):
    vocab_size: Rows = 1
    max_position_embeddings: Positions = 1
    pad_token_id: Id | None = None
    bos_token_id: Id | None = None
    eos_token_id: Id | None = None


class Bert(TextTower):
    """BERT's and RoBERTa's, read in both directions."""

    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    type_vocab_size: Annotated[int, Field(ge=1, le=1024)] = 1
    is_decoder: Literal[False] = False
    add_cross_attention: Literal[False] = False
    position_embedding_type: Literal["absolute"] = "absolute"


class ImageTower(Tower):
    image_size: Sides | None = None
    patch_size: Sides | None = None
    num_channels: Annotated[int, Field(ge=1, le=16)] = 1


class Swin(ImageTower):
    embed_dim: Annotated[int, Field(ge=1, le=2_048)] = 1
    depths: Depths = Field(default_factory=list)
    num_heads: Annotated[list[Heads], Field(min_length=1, max_length=8)] = Field(default_factory=list)
    window_size: Annotated[int, Field(ge=1, le=32)] = 1  # a table of its fourth power is made
    pretrained_window_sizes: Annotated[list[Annotated[int, Field(ge=0, le=256)]], Field(max_length=8)] = Field(
        default_factory=list
    )
    mlp_ratio: Factor = 1.0
    qkv_bias: bool = True
    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    drop_path_rate: Share = 0.0
    use_absolute_embeddings: bool = False
    encoder_stride: Annotated[int, Field(ge=1, le=256)] = 1


ONE = TypeVar("ONE", bound=Keys)


def checked(schema: type[ONE], values: Any, name: str) -> ONE:
    """``values`` as the schema's. Raises ModelError with the first fault, in half a sentence on the file ``name``."""
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(
            part for part in map(str, first["loc"]) if part.isascii() and not part.startswith(("list[", "constrained"))
        )
        if first["type"] == "extra_forbidden":
            raise ModelError(f"{name} has {shown(where)}, which is no key that is read; take it out") from None
        reason = first["msg"].removeprefix("Value error, ")
        if first["type"] == "literal_error" and len(reason) > 160:
            reason = "it is none of those that can be loaded"
        if first["type"] in ("model_type", "dict_type"):
            reason = "it should be an object of keys and values"
        reason = f"{reason[0].lower()}{reason[1:]}"
        raise ModelError(
            f"{name} has {shown(where) or 'a value'} {shown(repr(first['input']))[:80]}: {reason}"
        ) from None


def taken(schema: type[Keys], values: Any, name: str) -> dict[str, Any]:
    """Of ``values``, the keys that the schema lists, as a dictionary that may be handed to a library."""
    return checked(schema, values, name).model_dump(exclude_unset=True, by_alias=True)


_CODE = (
    "auto_map",
    "trust_remote_code",
    "_target_",
    "custom_pipelines",
    "custom_generate",
    "code_revision",
    "quantization_config",
)
_HUBS = ("hf-hub:", "hf_hub:", "local-dir:")
_PLACES = ("checkpoint_path", "subfolder", "cache_dir", "gguf_file")  # never needed: everything lies in the folder
_FILES = (
    "vocab_file",
    "merges_file",
    "spm_file",
    "hf_model_name",
    "hf_tokenizer_name",
    "timm_model_name",
)  # never passed on
_ATTENTION = ("_attn_implementation", "_attn_implementation_internal", "attn_implementation")
_PROSE = ("_name_or_path", "name_or_path", "name", "source")  # where it came from: shown at most


def refuse_foreign(path: Path, value: Any, *, ignoring: tuple[str, ...] = ()) -> None:
    """Raises ModelError where a config file names code, a hub or a place outside its folder, whoever would have read
    it."""
    layer: list[Any] = [value]
    while layer:
        inner: list[Any] = []
        for one in layer:
            if isinstance(one, Mapping):
                for key, content in one.items():
                    if key not in ignoring and (why := _foreign(key, content)):
                        raise ModelError(
                            f"{path} has {shown(key)} {shown(repr(content))[:80]}, which names {why}; it was not "
                            "loaded: take it out, or get the model from whom you trust"
                        )
                    inner.append(content)
            elif isinstance(one, list):
                inner.extend(one)
        layer = inner


def _foreign(key: str, content: Any) -> str | None:
    """What a key names that it must not; None where nothing is wrong."""
    if key in _CODE and content:
        return "code of another library" if key == "quantization_config" else "code to run"
    if key in _ATTENTION and not _is_own_attention(content):
        return "code on the hub"
    if key in _PLACES and content:
        return "a place outside this folder"
    if not isinstance(content, str) or key in _PROSE:
        return None
    if content.startswith(_HUBS):
        return "an address"
    if key in _FILES and (
        content.startswith(("/", "~", "\\", ".")) or ".." in content or "\\" in content or "\0" in content
    ):
        return "a file outside this folder"
    return "a wrapper around other models" if key == "model_type" and content == "timm_wrapper" else None


def _is_own_attention(content: Any) -> bool:
    if isinstance(content, Mapping):
        return all(_is_own_attention(one) for one in content.values())
    return content is None or (isinstance(content, str) and content.replace("_", "").isalnum())
