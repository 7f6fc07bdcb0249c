"""Loading and encoding with a CLIP of BiomedCLIP's size (ViT-B/16 + BERT-base, random weights) against open_clip
itself."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.nn import functional as F
from transformers import BertConfig

from nast_core import load_model
from nast_core.data.phantom import sample_phantom
from nast_core.demo.captions import describe
from nast_core.negation.phrases import sentence_case
from tests.perf.timing import best
from tests.words import FRAMES
from tests.writers import open_clip_bert

# a ViT-B/16 takes minutes for 1,000 images on two cores; a ViT-B/32 a quarter of that, and shows our own share fourfold
IMAGES = {"vit_base_patch32_224": 1_000, "vit_base_patch16_224": 192}
TEXTS, BATCH, CONTEXT = 10_000, 32, 256
# VmHWM starts anew with a program; ru_maxrss would carry over what the bench itself had in memory when it forked
_PEAK = "import re; {work}; print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024)"
_IMPORTS = "import torch, transformers, open_clip, nast_core.opening, nast_core.models.families.open_clip_bert"
Row = tuple[str, str, str]


def _write(folder: Path, trunk: str, texts: Sequence[str]) -> Path:
    vision = {"timm_model_name": trunk, "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear"}
    text = {
        "hf_model_name": open_clip_bert.BERT,
        "hf_tokenizer_name": open_clip_bert.BERT,
        "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler",
        "context_length": CONTEXT,
    }
    config = {"embed_dim": 512, "vision_cfg": vision | {"image_size": 224}, "text_cfg": text}
    open_clip_bert.write_without_weights(folder, config)  # tokenizer files, with a tiny BERT's config to begin with
    words = {word for one in texts for word in re.findall(r"\w+", one.lower())}
    known = (folder / "vocab.txt").read_text().split()  # a word that it lacks would be read letter by letter
    (folder / "vocab.txt").write_text("\n".join([*known, *sorted(words - set(known))]) + "\n")
    BertConfig().save_pretrained(folder)
    inner = text | {"hf_model_name": str(folder), "hf_model_pretrained": False}
    model = open_clip.CustomTextCLIP(**(config | {"text_cfg": inner}))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def biomedclip_size(folder: Path) -> Path:
    """A folder with a ViT-B/16 + BERT-base of random weights."""
    return _write(folder, "vit_base_patch16_224", _short_texts())


def _library(folder: Path):
    """open_clip's own way to load the folder; its text config is told where the BERT's config lies."""
    text = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]["text_cfg"]
    text |= {"hf_model_name": str(folder), "hf_model_pretrained": False}
    name = f"local-dir:{folder}"
    model, _, transform = open_clip.create_model_and_transforms(name, text_cfg=text, require_pretrained=True)
    return model.eval(), transform, open_clip.get_tokenizer(name)


def _peak(work: str) -> float:
    """Peak bytes of a fresh process that does ``work``, pages of mapped files included."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    run = [sys.executable, "-c", _PEAK.format(work=work)]
    return float(subprocess.run(run, capture_output=True, text=True, check=True, env=environment).stdout.split()[-1])


def _short_texts() -> list[str]:
    """Statements of one finding, shortest first; none occurs twice, since ours would encode it once."""
    rng = np.random.default_rng(0)
    findings = [finding for seed in range(2_000) for finding in sample_phantom(seed).findings]
    told = {sentence_case(frame.format(describe(finding, rng))) for finding in findings for frame in FRAMES}
    return sorted(told, key=lambda text: (len(text), text))[:TEXTS]


def _in_turns(items: Sequence, ours: Callable, theirs: Callable, size: int) -> float:
    """Our throughput over theirs: every item once by each, ``size`` at a time, the first place going back and forth.

    A machine that slows down in the minutes this takes slows both.
    """
    ours(items[:BATCH])
    theirs(items[:BATCH])
    seconds = {ours: 0.0, theirs: 0.0}
    for turn, start in enumerate(range(0, len(items), size)):
        for work in (ours, theirs) if turn % 2 else (theirs, ours):
            began = time.perf_counter()
            work(items[start : start + size])
            seconds[work] += time.perf_counter() - began
    return seconds[theirs] / seconds[ours]


def _loading(folder: Path) -> list[Row]:
    weights = (folder / "open_clip_model.safetensors").stat().st_size
    theirs = best(lambda: _library(folder), repeats=2)
    ours = best(lambda: load_model(folder, device="cpu"), repeats=2)
    bare = _peak(_IMPORTS)
    peak = _peak(f"{_IMPORTS}; m = nast_core.opening.load_model({str(folder)!r}, device='cpu')")
    return [
        ("Loading", f"{ours / theirs:.2f} times open_clip's time", f"{ours:.1f} s against {theirs:.1f} s; ViT-B/16 + "
            "BERT-base, float32, random weights; hash included"),
        ("Peak memory of loading", f"{(peak - bare) / weights:.2f} times the weights above the "
            "framework", f"weights {weights / 2**20:.0f} MiB, framework "
            f"{bare / 2**20:.0f} MiB; fresh processes, mapped file counted"),
    ]  # fmt: skip


def _encoding_images(folder: Path, trunk: str) -> list[Row]:
    library, transform, _ = _library(folder)
    model = load_model(folder, device="cpu")
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 255, (256, 256), np.uint8)) for _ in range(IMAGES[trunk])]

    def loop(some: Sequence[Image.Image]) -> None:
        for i in range(0, len(some), BATCH):
            batch = torch.stack([transform(image.convert("RGB")) for image in some[i : i + BATCH]])
            F.normalize(library.encode_image(batch), dim=-1)

    ratio = _in_turns(images, lambda some: model.encode_images(some, batch_size=BATCH), loop, BATCH)
    patch = trunk.split("patch")[1][:2]
    why = " (a quarter of ViT-B/16's work, so that what is not the tower's own weighs more)" if patch == "32" else ""
    measured = f"each image once by both, in turns of a batch of {BATCH}; ViT-B/{patch}{why}, float32"
    return [(f"Encoding {len(images):,} images", f"{ratio:.2f} of the library loop's throughput", measured)]


def _encoding_texts(folder: Path, texts: list[str]) -> list[Row]:
    library, _, tokenizer = _library(folder)
    model = load_model(folder, device="cpu")

    def loop(some: Sequence[str]) -> None:
        for i in range(0, len(some), BATCH):
            ids = tokenizer(list(some[i : i + BATCH]))  # to the full context; trimmed to the longest as ours is
            F.normalize(library.encode_text(ids[:, : int((ids != 0).sum(-1).max())]), dim=-1)

    ratio = _in_turns(texts, lambda some: model.encode_texts(some, batch_size=BATCH), loop, 16 * BATCH)
    some = texts[:: len(texts) // BATCH][:BATCH]  # of all lengths
    began = time.perf_counter()
    library.encode_text(tokenizer(some))  # to the full context
    full = time.perf_counter() - began
    trimmed = best(lambda: model.encode_texts(some), 2)
    lengths = (tokenizer(texts) != 0).sum(-1).float()
    measured = (
        f"all different, {lengths.mean():.0f} tokens on average and {int(lengths.max())} at most; each once "
        f"by both, in turns of {16 * BATCH}, batch {BATCH}, both sorted by length and trimmed; BERT-base, float32"
    )
    return [
        (f"Encoding {len(texts):,} short texts", f"{ratio:.2f} of the library loop's throughput", measured),
        ("Trimming texts to the longest of the batch", f"{full / trimmed:.1f} times faster than padding to {CONTEXT} "
            "tokens", f"{BATCH} of these texts, of all lengths"),
    ]  # fmt: skip


@torch.inference_mode()
def loading_and_encoding_against_open_clip() -> list[Row]:
    os.environ["HF_HUB_OFFLINE"] = "1"
    texts, rows = _short_texts(), []
    with tempfile.TemporaryDirectory() as where:
        folders = {trunk: _write(Path(where) / trunk, trunk, texts) for trunk in IMAGES}
        biomedclip = folders["vit_base_patch16_224"]
        rows += _loading(biomedclip)
        for trunk, folder in folders.items():
            rows += _encoding_images(folder, trunk)
        return rows + _encoding_texts(biomedclip, texts)
