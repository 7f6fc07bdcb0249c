"""Tiny random BiomedCLIP and UniMed-CLIP checkpoints: an open_clip folder with a BERT as text tower."""

import json
import re
from pathlib import Path

import open_clip
import torch
from transformers import BertConfig

from tests.checkpoints import TINY_TEXT, loud
from tests.writers import vision_text_dual
from tests.writers.sentences import sentences

BERT = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
WEIGHTS = "open_clip_pytorch_model.bin"
CONTEXT = 256
_CLIP_MEAN_STD = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}


def write(folder: Path, *, embed_dim: int = 16, **text: object) -> Path:
    """BiomedCLIP's layout, with the BERT's config.json beside it. ``text`` changes its text_cfg."""
    vision = {"timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear"}
    config = {"embed_dim": embed_dim, "vision_cfg": vision | {"image_size": 160}, "text_cfg": _text() | text}
    torch.save(write_without_weights(folder, config).state_dict(), folder / WEIGHTS)
    return folder


def write_unimed(folder: Path) -> Path:
    """UniMed-CLIP's .pt of its fork of open_clip: a training checkpoint with its own name for the text tower."""
    vision = {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14}
    model = write_without_weights(
        folder, {"embed_dim": 16, "vision_cfg": vision, "text_cfg": _text(), "quick_gelu": True}
    )
    state = {f"module.{key.replace('text.', 'text_encoder.')}": value for key, value in model.state_dict().items()}
    state["module.text_encoder.transformer.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"epoch": 10, "name": "unimed", "state_dict": state}, folder / "unimed_clip_vit_b16.pt")
    return folder


def write_roberta(folder: Path) -> Path:
    """The layout of open_clip's roberta-ViT-B-32: the mean of all states, and another id for padding."""
    vision_text_dual.write_roberta(folder)
    bert = json.loads((folder / "config.json").read_text())["text_config"]
    vision = {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14}
    text = _text() | {"hf_pooler_type": "mean_pooler", "context_length": vision_text_dual.CONTEXT}
    (folder / "config.json").write_text(json.dumps(bert))
    (folder / "model.safetensors").unlink()
    torch.save(
        _written(folder, {"embed_dim": 16, "vision_cfg": vision, "text_cfg": text}).state_dict(), folder / WEIGHTS
    )
    return folder


def _text() -> dict[str, object]:
    return {
        "hf_model_name": BERT,
        "hf_tokenizer_name": BERT,
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": CONTEXT,
    }


def write_without_weights(folder: Path, config: dict) -> torch.nn.Module:
    """Everything but the weights, and the model whose they would be."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for text in sentences() for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    letters = [prefix + letter for letter in "abcdefghijklmnopqrstuvwxyz" for prefix in ("", "##")]
    vocabulary = list(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters]))
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    tokenizer = {"tokenizer_class": "BertTokenizer", "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    BertConfig(**TINY_TEXT, vocab_size=len(vocabulary)).save_pretrained(folder)
    return _written(folder, config)


def _written(folder: Path, config: dict) -> torch.nn.Module:
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": _CLIP_MEAN_STD}))
    text = config["text_cfg"] | {"hf_model_name": str(folder), "hf_model_pretrained": False}
    return loud(open_clip.CustomTextCLIP(**config | {"text_cfg": text}))
