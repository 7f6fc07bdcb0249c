"""A tiny random ChineseCLIPModel checkpoint, every file written by transformers' own save_pretrained."""

from pathlib import Path

from transformers import BertTokenizer, ChineseCLIPConfig, ChineseCLIPImageProcessor, ChineseCLIPModel

from tests.checkpoints import TINY_TEXT, TINY_VISION, loud
from tests.writers import vision_text_dual


def write(folder: Path) -> Path:
    words = vision_text_dual.write(folder.with_name(f"{folder.name}-words"))  # its vocab.txt
    tokenizer = BertTokenizer.from_pretrained(words)
    text = TINY_TEXT | {"vocab_size": len(tokenizer), "max_position_embeddings": vision_text_dual.CONTEXT}
    config = ChineseCLIPConfig(text_config=text, vision_config=TINY_VISION, projection_dim=16)
    loud(ChineseCLIPModel(config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ChineseCLIPImageProcessor(size={"height": 28, "width": 28}, do_center_crop=False).save_pretrained(folder)
    return folder
