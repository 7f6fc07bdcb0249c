"""SigLIP's tokenizers with character offsets, with or without sentencepiece."""

import re
import string
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerFast

from nast_core.errors import ModelError
from nast_core.models import hf_folder, model_files
from nast_core.models.staged import from_library, tokenizer_config, tokenizer_files

Canonical = Callable[[str], str]
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_COPY = "copy the tokenizer files that came with these weights into it"
_INSTALL = "pip install 'sentencepiece>=0.2.3'"  # from which version on it gives offsets in characters


def canonical(text: str, *, lower: bool = True) -> str:
    """Lower case, without punctuation, single-spaced: what transformers' SiglipTokenizer does to a text first."""
    text = text.lower() if lower else text
    return re.sub(r"\s+", " ", text.translate(_PUNCTUATION)).strip()


class PieceTokenizer:
    """A spiece.model, read by sentencepiece, called like a Hugging Face fast tokenizer."""

    def __init__(self, processor: Any, end: int, pad: int):
        self.processor, self.eos_token_id, self.pad_token_id = processor, end, pad

    def __len__(self) -> int:
        return self.processor.get_piece_size()

    def __call__(self, texts: Sequence[str], **_) -> dict[str, list]:
        encodings = [self.processor.encode(text, return_type="offset_mapping") for text in texts]
        return {
            "input_ids": [[*row["ids"], self.eos_token_id] for row in encodings],
            "offset_mapping": [[*row["offsets"], (0, 0)] for row in encodings],
        }


def read_tokenizer(folder: Path, default: str) -> tuple[Any, Canonical]:
    """(tokenizer, what to do to a text before it). ``default``: the class where tokenizer_config.json names none.

    transformers' SiglipTokenizer has no offsets and needs sentencepiece even beside a tokenizer.json; so a folder
    of that class is read from tokenizer.json, or else from spiece.model, after the class's own canonicalisation.

    Raises ModelError: no tokenizer, one that does not load, or no sentencepiece where only it can read the files.
    """
    broken = f"the tokenizer in {folder} does not load, so {_COPY}"
    with model_files.leading(broken):
        config = tokenizer_config(folder)
    kind = str(config.get("tokenizer_class") or default).removesuffix("Fast")
    whole, pieces = folder / "tokenizer.json", folder / "spiece.model"
    if not whole.exists() and not (pieces.exists() and kind == "SiglipTokenizer"):
        raise ModelError(f"{folder} has no tokenizer; copy the tokenizer.json that came with these weights into it")
    if kind != "SiglipTokenizer":
        with model_files.leading(broken), tokenizer_files(folder, config=hf_folder.kind(folder)) as place:
            tokenizer = from_library(AutoTokenizer, place)
        if tokenizer.pad_token_id is None:
            raise ModelError(f"the tokenizer in {folder} names no padding token, which SigLIP reads; {_COPY}")
        if tokenizer.padding_side != "right":
            raise ModelError(
                f"the tokenizer in {folder} pads on the left and SigLIP was trained with padding on the right; set "
                '"padding_side": "right" in tokenizer_config.json'
            )
        return tokenizer, str
    end, pad = (_token(config.get(name)) for name in ("eos_token", "pad_token"))
    with model_files.leading(broken), tokenizer_files(folder) as place:
        if whole.exists():
            tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(place / whole.name), eos_token=end, pad_token=pad)
        else:
            tokenizer = _pieces(place / pieces.name, end, pad)
        last = tokenizer(["no"])["input_ids"][0][-1]
    if last != tokenizer.eos_token_id:
        raise ModelError(f"the tokenizer in {folder} does not end texts with {end!r}, as SigLIP's does; {_COPY}")

    def prepare(text: str) -> str:
        return canonical(text, lower=config.get("do_lower_case", True))

    return tokenizer, prepare


def _token(token: str | dict | None) -> str:
    """A special token, as tokenizer_config.json writes it: a string or an object; SiglipTokenizer's default is </s>."""
    return str(token["content"] if isinstance(token, dict) else token or "</s>")


def _pieces(path: Path, end: str, pad: str) -> PieceTokenizer:
    try:
        import sentencepiece
    except ImportError:
        raise ModelError(
            f"{path.parent} has only a spiece.model, which needs sentencepiece: {_INSTALL}, or copy the model's "
            "tokenizer.json into it"
        ) from None
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    try:
        processor.encode("no", return_type="offset_mapping")
    except (TypeError, ValueError, AttributeError):
        raise ModelError(
            f"sentencepiece {sentencepiece.__version__} gives no offsets in characters; {_INSTALL}"
        ) from None
    return PieceTokenizer(processor, processor.piece_to_id(end), processor.piece_to_id(pad))
