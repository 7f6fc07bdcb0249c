"""One LoRA step on CLIPs of ViT-B/32 and of BiomedCLIP's size, random weights, against bare loops on the same
tokens."""

import re
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from accelerate.state import AcceleratorState
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
    import open_clip

    from tests.writers import open_clip_bert

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


def prepared(folder: Path, *, device: str = "cpu", bf16: bool = False, many: int = STUDIES) -> tuple[DualEncoder, Task]:
    """A model opened to LoRA, and a training of it that stands at its first step."""
    model, recipe = load_model(folder, device=device), RECIPE.model_copy(update={"device": device})
    studies = phantom_studies(many, split="train") + phantom_studies(8, split="validation")
    lengths = Lengths(model.text)
    data = training_data(
        build_examples(studies, balanced=False).examples, most_validation=8, fits=lambda text: lengths(text) is not None
    )
    generator = torch.Generator().manual_seed(0)
    names = [study.image for study in (*data.train, *data.validation)]
    features = {name: F.normalize(torch.randn(model.text.dim, generator=generator), dim=-1) for name in names}
    AcceleratorState._reset_state(reset_partial_state=True)  # one of another device may have been before
    with tempfile.TemporaryDirectory() as work:
        accelerator = accelerator_for(recipe, Path(work))
        open_up(model, recipe)
        encode = TextEncoder(model.text, accelerator, attention_adapters(model.module), lengths, bf16=bf16)
        material = Material(data, [], features, {}, {}, lengths)
        layers = np.ones(model.text.n_layers)
        return model, make_task(recipe, model, material, encode, layers, Notes(), Path(work) / "last.pt")


def step_of(task: Task) -> Callable[[], dict[str, float]]:
    """The training's first step, which may be taken again and again."""
    parameters = [p for layer in task.layers for p in layer.values()]
    optimizer = make_optimizer(task.layers, task.weights, RECIPE)
    return lambda: training_step(task, task.training.batch(0), RECIPE.steps, parameters, optimizer)


def batches_of(model: DualEncoder, task: Task) -> list[Tokens]:
    """The first step's texts, cut as the step cuts them."""
    lengths = {text: model.text.tokenize([text]).ids.shape[1] for text in task.training.batch(0).texts}
    texts = sorted(lengths, key=lengths.__getitem__)
    return [model.text.tokenize(texts[start:stop]) for start, stop in groups(sorted(lengths.values()))]


def bare(encode: Callable[[Tokens], Tensor], batches: list[Tokens], *, bf16: bool = False) -> Callable[[], None]:
    """Forward and backward of the text tower and nothing else; in bf16 by torch's autocast as it comes."""

    def loop() -> None:
        device = batches[0].ids.device.type
        with torch.autocast(device, torch.bfloat16) if bf16 else nullcontext():
            vectors = [encode(tokens) for tokens in batches]
        torch.cat([F.normalize(vector.float(), dim=-1) for vector in vectors])[:, 0].sum().backward()

    return loop


def _rows(name: str, folder: Path) -> list[Row]:
    model, task = prepared(folder)
    batch, batches = task.training.batch(0), batches_of(model, task)
    step = best(step_of(task), 2)
    adapters = best(bare(model.text.library_embedding, batches), 2)
    padded = best(bare(model.text.library_embedding, [model.text.tokenize(batch.texts)]), 1)
    plain = load_model(folder, device="cpu")
    pixels = torch.randn(4, 3, plain.image_size, plain.image_size)
    with torch.inference_mode():
        plain.encode_pixels(pixels)
        began = time.perf_counter()
        plain.encode_pixels(pixels)
        images = (time.perf_counter() - began) / len(pixels) * len(batch.captions)
    unfreeze_layers(plain.text)
    tower = best(bare(plain.text.library_embedding, batches), 2)
    tokens = sum(int(tokens.mask.sum()) for tokens in batches)
    shape = f"{len(batch.texts)} texts, {tokens} tokens, {len(batch.captions)} studies, {name}, float32"
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
