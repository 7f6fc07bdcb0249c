"""A tiny random CoCa checkpoint in open_clip's own layout, as in laion/CoCa-ViT-B-32-laion2B-s13B-b90k."""

import json
from pathlib import Path

import torch
from open_clip import CoCa

from tests.checkpoints import loud

CONTEXT = 76
WEIGHTS = "open_clip_pytorch_model.bin"


def write(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    tower = {"context_length": CONTEXT, "vocab_size": 49408, "width": 32, "heads": 4}
    vision = {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14}
    pooling = {"attentional_pool": True, "attn_pooler_queries": 4, "attn_pooler_heads": 4, "output_tokens": True}
    config = {
        "embed_dim": 16,
        "vision_cfg": vision | pooling,
        "text_cfg": tower | {"layers": 3, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": tower | {"layers": 1, "attn_pooler_heads": 4},
    }
    (folder / "open_clip_config.json").write_text(
        json.dumps(
            {"model_cfg": config | {"custom_text": True}, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
        )
    )
    model = loud(CoCa(**config))
    torch.nn.init.normal_(model.text.cls_emb, generator=torch.Generator().manual_seed(1))
    torch.save(model.state_dict(), folder / WEIGHTS)
    return folder
