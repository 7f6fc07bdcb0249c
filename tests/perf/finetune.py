"""One LoRA step on CLIPs of ViT-B/32 and of BiomedCLIP's size, random weights, against bare loops on the same
tokens."""

import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F
from transformers import BertConfig, CLIPConfig, CLIPImageProcessor, CLIPModel

from nast_core import load_model
from nast_core.claims.build import build_examples
from nast_core.claims.phantom import phantom_studies
from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.finetune.data import training_data
from nast_core.finetune.encoding import Lengths, TextEncoder, groups
from nast_core.finetune.loop import Task, training_step
from nast_core.finetune.lora import attention_adapters
from nast_core.finetune.parameters import make_optimizer, unfreeze_layers
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.finetune.task import make_task, open_up
from nast_core.finetune.trackers import accelerator_for
from nast_core.finetune.training_files import Material
from nast_core.models import DualEncoder, Tokens
from tests.finetuning import Notes
from tests.perf.timing import best
from tests.writers import open_clip_bert

RECIPE = FinetuneRecipe(  # sizes said here, so that figures do not move with the recipe's defaults
    data=Path("claims.jsonl"),
    device="cpu",
    tracker="none",
    steps=1,
    batch_size=12,
    captions_per_image=4,
    claims_per_image=1,
    compared_images=192,
    statements_first=0,
)
STUDIES = 256
Row = tuple[str, str, str]


def _write_vit_b_32(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer = fit_tokenizer(corpus(500), vocabulary=1400)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    CLIPModel(CLIPConfig(text_config={"projection_dim": 512, **ends})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    CLIPImageProcessor().save_pretrained(folder)
    return folder


def write_biomedclip_size(folder: Path) -> Path:
    """ViT-B/16 and BERT-base in open_clip's layout, with a vocabulary that has every word of the claims."""
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
    open_clip_bert.write_without_weights(folder, config)  # with a tiny BERT's config to begin with
    known = (folder / "vocab.txt").read_text().split()
    words = {word for said in corpus(500) for word in re.findall(r"\w+", said.lower())}
    (folder / "vocab.txt").write_text("\n".join([*known, *sorted(words - set(known))]) + "\n")
    BertConfig().save_pretrained(folder)
    inner = text | {"hf_model_name": str(folder), "hf_model_pretrained": False}
    model = open_clip.CustomTextCLIP(**(config | {"text_cfg": inner}))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


def _task(folder: Path) -> tuple[DualEncoder, Task]:
    model = load_model(folder, device="cpu")
    studies = phantom_studies(STUDIES, split="train") + phantom_studies(8, split="validation")
    lengths = Lengths(model.text)
    data = training_data(
        build_examples(studies, balanced=False).examples, most_validation=8, fits=lambda text: lengths(text) is not None
    )
    generator = torch.Generator().manual_seed(0)
    names = [study.image for study in (*data.train, *data.validation)]
    features = {name: F.normalize(torch.randn(model.text.dim, generator=generator), dim=-1) for name in names}
    with tempfile.TemporaryDirectory() as work:
        accelerator = accelerator_for(RECIPE, Path(work))
        open_up(model, RECIPE)
        encode = TextEncoder(model.text, accelerator, attention_adapters(model.module), lengths)
        material = Material(data, [], features, {}, lengths)
        layers = np.ones(model.text.n_layers)
        return model, make_task(RECIPE, model, material, encode, layers, Notes(), Path(work) / "last.pt")


def _bare(encode: Callable[[Tokens], Tensor], batches: list[Tokens]) -> Callable[[], None]:
    """Forward and backward of the text tower and nothing else."""

    def loop() -> None:
        torch.cat([F.normalize(encode(tokens), dim=-1) for tokens in batches])[:, 0].sum().backward()

    return loop


def _rows(name: str, folder: Path) -> list[Row]:
    model, task = _task(folder)
    parameters = [p for layer in task.layers for p in layer.values()]
    optimizer = make_optimizer(task.layers, task.weights, RECIPE)
    batch = task.training.batch(0)
    texts = sorted(batch.texts, key=lambda text: model.text.tokenize([text]).ids.shape[1])
    lengths = [model.text.tokenize([text]).ids.shape[1] for text in texts]
    batches = [model.text.tokenize(texts[start:stop]) for start, stop in groups(lengths)]
    step = best(lambda: training_step(task, task.training.batch(0), RECIPE.steps, parameters, optimizer), 2)
    adapters = best(_bare(model.text.library_embedding, batches), 2)
    padded = best(_bare(model.text.library_embedding, [model.text.tokenize(texts)]), 1)
    plain = load_model(folder, device="cpu")
    pixels = torch.randn(4, 3, plain.image_size, plain.image_size)
    with torch.inference_mode():
        plain.encode_pixels(pixels)
        began = time.perf_counter()
        plain.encode_pixels(pixels)
        images = (time.perf_counter() - began) / len(pixels) * len(batch.captions)
    unfreeze_layers(plain.text)
    tower = best(_bare(plain.text.library_embedding, batches), 2)
    shape = f"{len(texts)} texts, {sum(lengths)} tokens, {len(batch.captions)} studies, {name}, float32"
    return [
        (f"LoRA step, {name} size", f"{step / tower:.2f} times the text tower's own forward and "
            "backward", f"{step:.2f} s against {tower:.2f} s; bare loop, the "
            f"same tokens; {shape}"),
        ("against the same adapters in a bare PEFT "
            "loop", f"{step / adapters:.2f} times", f"{adapters:.2f} s, the same tokens"),
        ("against the bare loop with all texts padded to the "
            "longest", f"{padded / step:.2f} times faster", f"{padded:.2f} s"),
        ("against the step with its images through the image "
            "tower", f"{(step + images) / step:.1f} times faster", f"images {images:.1f} s: 4 measured and "
            "multiplied, forward only"),
    ]  # fmt: skip


def finetuning_against_a_bare_loop() -> list[Row]:
    with tempfile.TemporaryDirectory() as where:
        return [
            *_rows("ViT-B/32", _write_vit_b_32(Path(where) / "vit-b-32")),
            *_rows("BiomedCLIP", write_biomedclip_size(Path(where) / "biomedclip-size")),
        ]
