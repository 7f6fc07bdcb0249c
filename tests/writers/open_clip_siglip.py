"""Tiny random SigLIP checkpoints in open_clip's own layout, as in timm/ViT-B-16-SigLIP."""

import json
from pathlib import Path

import open_clip
from open_clip.tokenizer import get_clean_fn
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.checkpoints import loud
from tests.writers.sentences import sentences

CONTEXT = 24  # 64 in the published ones
WEIGHTS = "open_clip_model.safetensors"
_SPECIAL = ("<pad>", "</s>", "<unk>")


def write(folder: Path, **text: object) -> Path:
    """A bidirectional tower whose tokenizer pads with the end token. ``text`` changes its text_cfg."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "embed_dim": 64,  # timm's map pooling keeps the width of its ViT
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 160,
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "map",
            "timm_proj": "none",
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": write_tokenizer(folder),
            "hf_tokenizer_name": "timm/ViT-B-16-SigLIP",
            "tokenizer_kwargs": {"clean": "canonicalize"},
            "width": 32,
            "heads": 4,
            "layers": 3,
            "no_causal_mask": True,
            "proj_bias": True,
            "pool_type": "last",
            "norm_kwargs": {"eps": 1e-6},
            **text,
        },
    }
    preprocess = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}))
    model = loud(open_clip.CustomTextCLIP(**{key: value for key, value in config.items() if key != "custom_text"}))
    model.logit_bias.data.fill_(-10)
    save_file(model.state_dict(), folder / WEIGHTS, {"format": "pt"})
    return folder


def write_tokenizer(folder: Path) -> int:
    """A sentencepiece-like tokenizer.json of whole words and letters; how many tokens it has."""
    clean = get_clean_fn("canonicalize")
    words = sorted({word for text in sentences() for word in clean(text).split()})
    pieces = [(token, 0.0) for token in _SPECIAL] + [(f"▁{word}", -2.0) for word in words]
    pieces += [(letter, -9.0) for letter in ["▁", *"abcdefghijklmnopqrstuvwxyz"]]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    named = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named).save_pretrained(folder)
    return len(pieces)
