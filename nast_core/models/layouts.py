"""Layouts of bare checkpoints: how each is told from its names, and the folder that is written of it.

A writer reads what it can from the shapes, copies what the checkpoint does not hold from where the user has it, writes
config and safetensors into the job's folder, and returns what it took for granted, for the folder's card.
"""

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models import openai_weights, zoo
from nast_core.models.checkpoint import Checkpoint, Weights
from nast_core.models.families import cxr_clip
from nast_core.models.weights import write as write_weights
from nast_core.models.zoo import Companion, ZooCard

_HEAD = 64  # channels a head in every OpenAI CLIP, which state dicts do not record
_OPENAI = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
_THEIR_TEXT = "text_encoder."  # what UniMed's fork of open_clip calls ``text.``
_UNIMED_CONTEXT = 256
_BERT_LARGE = 1024  # its width
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")  # taken along with vocab.txt


@dataclass(frozen=True)
class Wishes:
    """What the user says of a checkpoint that does not say it itself."""

    quick_gelu: bool | None = None
    pooling: str | None = None  # of CXR-CLIP
    companions: Path | None = None  # folder with what the checkpoint does not hold


@dataclass(frozen=True)
class Job:
    checkpoint: Checkpoint
    card: ZooCard | None
    wishes: Wishes
    folder: Path

    def quick_gelu(self) -> bool:
        """As the user said; else as the file or its card tells. OpenAI's own code knows no other activation.

        Raises ModelError for a checkpoint of open_clip's training, which may have used either.
        """
        if self.wishes.quick_gelu is not None:
            return self.wishes.quick_gelu
        if self.card is None and self.checkpoint.wrapper == "state_dict" and "epoch" in self.checkpoint.beside:
            raise ModelError(
                f"{self.checkpoint.path} is a training checkpoint that does not say which activation it was trained "
                "with; "
                "add --quick-gelu (OpenAI's weights, and open_clip models whose name ends in -quickgelu) or "
                "--no-quick-gelu"
            )
        return True


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")


def _save(weights: Weights, path: Path) -> None:
    """In single precision; counters stay whole numbers."""

    def plain(tensor: Tensor) -> Tensor:
        return (tensor.float() if tensor.is_floating_point() else tensor).contiguous().clone()

    write_weights(path, {name: plain(tensor) for name, tensor in weights.items()}, {"format": "pt"})


def _count(weights: Weights, prefix: str) -> int:
    """Layers numbered right after ``prefix``."""
    numbers = [match[1] for name in weights if (match := re.match(rf"{re.escape(prefix)}(\d+)\.", name))]
    return 1 + max(map(int, numbers), default=-1)


def _square(weights: Weights, name: str) -> int:
    """Side of the grid of patches that a table of positions is for, its class token aside."""
    return round((weights[name].shape[0] - 1) ** 0.5)


# --- OpenAI's and open_clip's native names


def _is_native(weights: Weights) -> bool:
    return "visual.conv1.weight" in weights and "transformer.resblocks.0.attn.in_proj_weight" in weights


def _write_native(job: Job) -> dict[str, Any]:
    weights = job.checkpoint.weights
    context, width = weights["positional_embedding"].shape
    text = {
        "context_length": context,
        "vocab_size": weights["token_embedding.weight"].shape[0],
        "width": width,
        "heads": max(1, width // _HEAD),
        "layers": _count(weights, "transformer.resblocks."),
    }
    quick_gelu = job.quick_gelu()
    if not quick_gelu and (name := openai_weights.published(job.checkpoint.path)):
        raise ModelError(
            f"{job.checkpoint.path} is OpenAI's own {name}, trained with quick_gelu; leave out --no-quick-gelu"
        )
    _write_open_clip(job, weights["text_projection"].shape[1], text, quick_gelu)
    own = {name: tensor for name, tensor in weights.items() if not name.endswith("attn_mask")}  # made anew
    _save(own, job.folder / "open_clip_model.safetensors")
    return {"quick_gelu": quick_gelu}


def _write_open_clip(job: Job, dim: int, text: Mapping[str, Any], quick_gelu: bool) -> None:
    config = {
        "embed_dim": dim,
        "quick_gelu": quick_gelu,
        "vision_cfg": _vision(job.checkpoint.weights),
        "text_cfg": text,
    }
    preprocess = _OPENAI | (job.card.preprocess if job.card else {})
    write_json(job.folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocess})


def _vision(weights: Weights) -> dict[str, Any]:
    """open_clip's vision_cfg of a ViT, or of OpenAI's ResNet, which halves an image five times."""
    if "visual.attnpool.positional_embedding" in weights:
        return {
            "layers": [_count(weights, f"visual.layer{stage}.") for stage in (1, 2, 3, 4)],
            "width": weights["visual.layer1.0.conv1.weight"].shape[0],
            "image_size": 32 * _square(weights, "visual.attnpool.positional_embedding"),
            "head_width": _HEAD,
        }
    width, _, patch, _ = weights["visual.conv1.weight"].shape
    return {
        "layers": _count(weights, "visual.transformer.resblocks."),
        "width": width,
        "patch_size": patch,
        "image_size": patch * _square(weights, "visual.positional_embedding"),
        "head_width": _HEAD,
    }


# --- Hugging Face CLIPModel names


def _is_hugging_face(weights: Weights) -> bool:
    return "text_model.encoder.layers.0.self_attn.q_proj.weight" in weights and "visual_projection.weight" in weights


def _write_hugging_face(job: Job) -> dict[str, Any]:
    from transformers import CLIPConfig, CLIPImageProcessor

    weights, quick_gelu = job.checkpoint.weights, job.quick_gelu()
    vocabulary = weights["text_model.embeddings.token_embedding.weight"].shape[0]
    dim = weights["text_projection.weight"].shape[0]

    def tower(prefix: str, width: int) -> dict[str, Any]:
        return {
            "hidden_size": width,
            "intermediate_size": weights[f"{prefix}.encoder.layers.0.mlp.fc1.weight"].shape[0],
            "num_hidden_layers": _count(weights, f"{prefix}.encoder.layers."),
            "num_attention_heads": max(1, width // _HEAD),
            "hidden_act": openai_weights.QUICK_GELU if quick_gelu else "gelu",
            "projection_dim": dim,
        }

    context, text_width = weights["text_model.embeddings.position_embedding.weight"].shape
    text = tower("text_model", text_width) | {
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }
    width, _, patch, _ = weights["vision_model.embeddings.patch_embedding.weight"].shape
    size = patch * _square(weights, "vision_model.embeddings.position_embedding.weight")
    vision = tower("vision_model", width) | {"image_size": size, "patch_size": patch}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)
    config.architectures = ["CLIPModel"]
    config.save_pretrained(job.folder)
    own = {name: tensor for name, tensor in weights.items() if not name.endswith("position_ids")}
    _save(own, job.folder / "model.safetensors")
    openai_tokenizer().save_pretrained(job.folder)
    processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    processor.save_pretrained(job.folder)
    return {"quick_gelu": quick_gelu}


def openai_tokenizer():
    """OpenAI CLIP's tokenizer from the merges that open_clip ships, for checkpoints that came without one."""
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer

    bundled = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    ids = {names.get(piece, piece): i for piece, i in bundled.encoder.items()}
    merges = sorted(bundled.bpe_ranks, key=bundled.bpe_ranks.__getitem__)
    return CLIPTokenizer(vocab=ids, merges=merges, model_max_length=bundled.context_length or 77)


# --- UniMed-CLIP


def _is_unimed(weights: Weights) -> bool:
    return "visual.conv1.weight" in weights and f"{_THEIR_TEXT}transformer.embeddings.word_embeddings.weight" in weights


def _write_unimed(job: Job) -> dict[str, Any]:
    """Source: the authors' src/open_clip/model.py, where these values of text_cfg are constants, and
    run_inference.py."""
    weights, bert = job.checkpoint.weights, zoo.need_card("UniMed-CLIP").companions[0]
    if weights[f"{_THEIR_TEXT}transformer.embeddings.word_embeddings.weight"].shape[1] == _BERT_LARGE:
        bert = bert.model_copy(update={"hub": bert.hub.replace("-base-", "-large-")})
    _bring(job, bert)
    text = {
        "hf_model_name": bert.hub,
        "hf_tokenizer_name": bert.hub,
        "hf_proj_type": "mlp" if f"{_THEIR_TEXT}proj.2.weight" in weights else "linear",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": _UNIMED_CONTEXT,
    }
    quick_gelu = job.wishes.quick_gelu is not False
    _write_open_clip(job, weights["visual.proj"].shape[1], text, quick_gelu)
    own = {
        name.replace(_THEIR_TEXT, "text.", 1): tensor
        for name, tensor in weights.items()
        if not name.endswith("position_ids")
    }
    _save(own, job.folder / "open_clip_model.safetensors")
    return {"quick_gelu": quick_gelu}


# --- CXR-CLIP


def _is_cxr_clip(weights: Weights) -> bool:
    return "text_projection.projection.weight" in weights and any(name.startswith("image_encoder.") for name in weights)


def _write_cxr_clip(job: Job) -> dict[str, Any]:
    weights, own = job.checkpoint.weights, cxr_clip.record_of(job.checkpoint.beside.get("config")) or {}
    resnet = any(name.startswith("image_encoder.resnet.") for name in weights)
    record = {
        "image_tower": "resnet" if resnet else "swin",
        "pooling": job.wishes.pooling or own.get("pooling"),
        "projection": "mlp" if "text_projection.fc.weight" in weights else "linear",
    }
    if record["pooling"] is None:
        raise ModelError(
            f"{job.checkpoint.path} does not say which token is pooled; add --pooling eos (as its authors' configs "
            "have it), bos or mean"
        )
    cxr_clip.check_record(record, job.checkpoint.path)
    write_json(job.folder / cxr_clip.RECORD, record)
    for companion in zoo.need_card("CXR-CLIP").companions:
        if companion.into == "text" or not resnet:
            _bring(job, companion)
    _save(weights, job.folder / "model.safetensors")
    return record


def _bring(job: Job, companion: Companion) -> None:
    """Copies what the checkpoint does not hold, from where the user says, from beside it, or from the hub's cache.

    Raises ModelError, naming the files and where to put them, where none has it.
    """
    base = job.wishes.companions or job.checkpoint.path.parent
    cached = zoo.cached(companion.hub)
    for place in (base / companion.into, base, *([cached] if cached else [])):
        if all((place / name).is_file() for name in companion.files):
            target = job.folder / companion.into
            target.mkdir(exist_ok=True)
            for name in {*companion.files, *(_TOKENIZER_FILES if "vocab.txt" in companion.files else ())}:
                if (place / name).is_file():
                    shutil.copy(place / name, target / name)
            return
    raise ModelError(
        f"{job.checkpoint.path} does not hold {' and '.join(companion.files)} of {companion.hub}; put them into "
        f"{base / companion.into}, or name the folder above with --companions"
    )


LAYOUTS: Sequence[tuple[Callable[[Weights], bool], Callable[[Job], dict[str, Any]]]] = (
    (_is_native, _write_native),
    (_is_hugging_face, _write_hugging_face),
    (_is_unimed, _write_unimed),
    (_is_cxr_clip, _write_cxr_clip),
)
