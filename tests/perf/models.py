"""Loading and encoding with a CLIP of BiomedCLIP's size (ViT-B/16 + BERT-base, random weights) against open_clip itself."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import BertConfig

from nast_core.data.phantom import sample_phantom
from nast_core.demo.captions import caption
from nast_core.models import load_model
from tests.perf.timing import best
from tests.writers import open_clip_bert

IMAGES, TEXTS, BATCH = 48, 384, 32
# VmHWM starts anew with a program; ru_maxrss would carry over what the bench itself had in memory when it forked
_PEAK = "import re; {work}; print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024)"
_IMPORTS = "import torch, transformers, open_clip, nast_core.models, nast_core.models.open_clip_bert"


def _write(folder: Path) -> Path:
    vision = {
        "timm_model_name": "vit_base_patch16_224",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
    }
    text = {
        "hf_model_name": open_clip_bert.BERT,
        "hf_tokenizer_name": open_clip_bert.BERT,
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": 256,
    }
    config = {"embed_dim": 512, "vision_cfg": vision | {"image_size": 224}, "text_cfg": text}
    open_clip_bert.write_without_weights(folder, config)  # tokenizer files, with a tiny BERT's config to begin with
    BertConfig().save_pretrained(folder)
    inner = text | {"hf_model_name": str(folder), "hf_model_pretrained": False}
    model = open_clip.CustomTextCLIP(**(config | {"text_cfg": inner}))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def _library(folder: Path):
    """open_clip's own way to load the folder; its text config is told where the BERT's config lies."""
    text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, text_cfg=text, require_pretrained=True)
    return model.eval(), transform, open_clip.get_tokenizer(name)


def _peak(work: str) -> float:
    """Peak bytes of a fresh process that does ``work``."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    run = [sys.executable, "-c", _PEAK.format(work=work)]
    return float(subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.split()[-1])


@torch.inference_mode()
def loading_and_encoding_against_open_clip() -> list[tuple[str, str, str]]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as where:
        folder = _write(Path(where) / "biomedclip-size")
        weights = (folder / "open_clip_model.safetensors").stat().st_size
        theirs_load = best(lambda: _library(folder), repeats=2)
        ours_load = best(lambda: load_model(folder, device="cpu"), repeats=2)
        bare = _peak(_IMPORTS)
        peak = _peak(f"{_IMPORTS}; m = nast_core.models.load_model({str(folder)!r}, device='cpu')")
        library, transform, tokenizer = _library(folder)
        model = load_model(folder, device="cpu")
        rng = np.random.default_rng(0)
        images = [Image.fromarray(rng.integers(0, 255, (256, 256), np.uint8)) for _ in range(IMAGES)]
        texts = sorted({caption(sample_phantom(i), rng) for i in range(TEXTS)}, key=len)

        def image_loop() -> None:
            for i in range(0, len(images), BATCH):
                batch = torch.stack([transform(image.convert("RGB")) for image in images[i : i + BATCH]])
                F.normalize(library.encode_image(batch), dim=-1)

        def text_loop() -> None:  # the library's own call, trimmed to the longest text of the batch as ours is
            for i in range(0, len(texts), BATCH):
                ids = tokenizer(texts[i : i + BATCH])
                F.normalize(library.encode_text(ids[:, : int((ids != 0).sum(-1).max())]), dim=-1)

        images_ratio = best(image_loop, 2) / best(lambda: model.encode_images(images, batch_size=BATCH), 2)
        texts_ratio = best(text_loop, 2) / best(lambda: model.encode_texts(texts, batch_size=BATCH), 2)
        began = time.perf_counter()
        library.encode_text(tokenizer(texts[:BATCH]))  # to the full context of 256
        full = time.perf_counter() - began
        trimmed = best(lambda: model.encode_texts(texts[:BATCH]), 2)
    shape = "ViT-B/16 + BERT-base, float32, random weights"
    return [
        ("Loading", f"{ours_load / theirs_load:.2f} times open_clip's time", f"{ours_load:.1f} s against {theirs_load:.1f} s; {shape}; hash included"),
        ("Peak memory of loading", f"{(peak - bare) / weights:.2f} times the weights above the framework", f"weights {weights / 2**20:.0f} MiB, framework {bare / 2**20:.0f} MiB"),
        ("Encoding images", f"{images_ratio:.2f} of the library loop's throughput", f"{IMAGES} images, batch {BATCH}, {shape}"),
        ("Encoding short texts", f"{texts_ratio:.2f} of the library loop's throughput", f"{len(texts)} captions, batch {BATCH}, both trimmed"),
        ("Trimming texts to the longest of the batch", f"{full / trimmed:.1f} times faster than padding to 256 tokens", f"{BATCH} captions"),
    ]  # fmt: skip
