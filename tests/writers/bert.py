"""Tiny random text encoders of BERT's kind in Hugging Face's layout, as they are pre-trained: no CLIP around them."""

import json
import re
from pathlib import Path

from transformers import BertConfig, BertForMaskedLM, BertModel

from nast_core.demo.captions import corpus
from tests.checkpoints import TINY_TEXT, loud

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def write(folder: Path, *, lower: bool = True, cls: bool = True, head: bool = False) -> Path:
    """WordPiece over the captions' words, with rows to spare. ``head``: saved with a masked-word head, so under other
    names, and without a pooler."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = [text.lower() if lower else text for text in corpus(300)]
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)})
    letters = [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    vocabulary = [*(token for token in SPECIAL if cls or token != "[CLS]"), *words, *letters]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    about = {"tokenizer_class": "BertTokenizer", "do_lower_case": lower}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    settings = BertConfig(**TINY_TEXT | {"vocab_size": len(vocabulary) + 3, "max_position_embeddings": 96})
    loud((BertForMaskedLM if head else BertModel)(settings)).save_pretrained(folder)
    return folder
