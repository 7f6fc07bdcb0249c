"""Tiny random SigLIP checkpoints in the layout of google/siglip-* and google/siglip2-*-naflex."""

import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import (
    Siglip2Config,
    Siglip2ImageProcessor,
    Siglip2Model,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
)

from nast_core.models.siglip_tokens import canonical
from tests.checkpoints import TINY_TEXT, TINY_VISION, loud
from tests.writers.sentences import sentences

CONTEXT = 16  # 64 in the published ones
_IDS = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
_SPECIAL = ("<pad>", "</s>", "<unk>")


def write(folder: Path) -> Path:
    """SiglipModel with a SiglipTokenizer: MedSigLIP's layout, but for the spiece.model, which tokenizer.json
    replaces."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for sentence in sentences() for word in canonical(sentence).split()})
    letters = sorted({letter for word in words for letter in word})
    pieces = [(token, 0.0) for token in _SPECIAL]
    pieces += [(f"▁{word}", -2.0) for word in words] + [(letter, -9.0) for letter in ["▁", *letters]]
    write_tokenizer(folder, pieces)
    return write_model(folder, len(pieces))


def write_tokenizer(folder: Path, pieces: list[tuple[str, float]]) -> None:
    """tokenizer.json of (piece, log probability), and the tokenizer_config.json of a SiglipTokenizer."""
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=[piece for piece, _ in pieces].index("<unk>")))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    end = [piece for piece, _ in pieces].index("</s>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", end)])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>", "tokenizer_class": "SiglipTokenizer"}
    config = named | {"do_lower_case": True, "model_max_length": CONTEXT, "processor_class": "SiglipProcessor"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_model(folder: Path, vocabulary: int) -> Path:
    text = TINY_TEXT | {"vocab_size": vocabulary, "max_position_embeddings": CONTEXT, "projection_size": 32} | _IDS
    model = loud(SiglipModel(SiglipConfig(text_config=text, vision_config=TINY_VISION)))
    model.logit_scale.data.fill_(2.3)
    model.logit_bias.data.fill_(-10)
    model.save_pretrained(folder)
    SiglipImageProcessor(size={"height": 28, "width": 28}, image_mean=[0.5] * 3, image_std=[0.5] * 3).save_pretrained(
        folder
    )
    return folder


def write_naflex(folder: Path) -> Path:
    """Siglip2Model with Gemma's kind of byte-pair tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    fit = Tokenizer(models.BPE(unk_token="<unk>"))
    fit.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    fit.train_from_iterator(
        [sentence.lower() for sentence in sentences()] * 2,
        trainers.BpeTrainer(vocab_size=1000, special_tokens=special, show_progress=False),
    )
    state = json.loads(fit.to_str())["model"]
    tokenizer = Siglip2Tokenizer(
        vocab=state["vocab"],
        merges=[tuple(merge) for merge in state["merges"]],
        add_eos_token=True,
        padding_side="right",
        model_max_length=CONTEXT,
    )
    tokenizer.save_pretrained(folder)
    text = TINY_TEXT | {"vocab_size": len(tokenizer), "max_position_embeddings": CONTEXT, "projection_size": 32} | _IDS
    vision = TINY_TEXT | {"patch_size": 7, "num_patches": 16}
    model = loud(Siglip2Model(Siglip2Config(text_config=text, vision_config=vision)))
    model.logit_scale.data.fill_(2.3)
    model.logit_bias.data.fill_(-10)
    model.save_pretrained(folder)
    Siglip2ImageProcessor(patch_size=7, max_num_patches=16).save_pretrained(folder)
    return folder
