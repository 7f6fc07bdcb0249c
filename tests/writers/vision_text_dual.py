"""Tiny random VisionTextDualEncoderModel checkpoints: a ViT beside a BERT or a RoBERTa."""

import json
import re
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer
from transformers import (
    BertConfig,
    RobertaConfig,
    RobertaTokenizer,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
    ViTImageProcessor,
)

from tests.checkpoints import TINY_TEXT, TINY_VISION, loud
from tests.writers.sentences import sentences

CONTEXT = 32


def write(folder: Path) -> Path:
    """BERT, with vocab.txt and a tokenizer_config.json alone."""
    folder.mkdir(parents=True, exist_ok=True)
    words = sorted({word for sentence in sentences() for word in re.findall(r"\w+|[^\w\s]", sentence.lower())})
    letters = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return write_model(folder, BertConfig(**TINY_TEXT, vocab_size=len(vocabulary), max_position_embeddings=CONTEXT))


def write_roberta(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    fit = ByteLevelBPETokenizer()
    fit.train_from_iterator(sentences() * 2, vocab_size=1500, special_tokens=special, show_progress=False)
    fit.save_model(str(folder))
    tokenizer = RobertaTokenizer.from_pretrained(folder)
    tokenizer.save_pretrained(folder)
    config = RobertaConfig(
        **TINY_TEXT,
        vocab_size=len(tokenizer),
        max_position_embeddings=CONTEXT + 2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        type_vocab_size=1,
    )
    return write_model(folder, config)


def write_model(folder: Path, text: BertConfig | RobertaConfig) -> Path:
    config = VisionTextDualEncoderConfig.from_vision_text_configs(ViTConfig(**TINY_VISION), text, projection_dim=16)
    loud(VisionTextDualEncoderModel(config)).save_pretrained(folder)
    ViTImageProcessor(size={"height": 28, "width": 28}).save_pretrained(folder)
    return folder
