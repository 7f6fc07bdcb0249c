"""Tokens from a Hugging Face fast tokenizer, with its own offsets."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.files.gate import shown
from nast_core.models import model_files
from nast_core.models.tower import TextTower, Tokens

Pool = Callable[[Tensor, Tensor, Sequence[str]], Tensor]  # (ids, lengths, texts) -> pooled position of each text


def fast_tokens(tower: TextTower, tokenizer, texts: Sequence[str], pool: Pool, *, pad_to: int | None = None) -> Tokens:
    """Ids, mask, offsets and pooled positions, padded to the longest text or ``pad_to``, whichever is longer.

    Raises TextError for an empty text and for one over the tower's context, ModelError where the tokenizer itself
    fails.
    """
    tower.check_texts(texts)
    with model_files.refusing(
        f"the model's tokenizer cannot read {shown(texts[0])!r}, so copy the one that came with it"
    ):
        rows = tokenizer(list(texts), return_offsets_mapping=True, add_special_tokens=True, verbose=False)
    for text, ids in zip(texts, rows["input_ids"], strict=True):
        tower.check_length(text, len(ids))
    longest = max(pad_to or 0, *(len(ids) for ids in rows["input_ids"]))
    pad = tokenizer.pad_token_id or 0
    ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows["input_ids"]])
    lengths = torch.tensor([len(row) for row in rows["input_ids"]])
    return Tokens(
        ids=ids.to(tower.device),
        mask=(torch.arange(longest) < lengths[:, None]).to(tower.device),
        pooled=pool(ids, lengths, texts).to(tower.device),
        offsets=tuple(tuple(map(tuple, row)) + ((0, 0),) * (longest - len(row)) for row in rows["offset_mapping"]),
        texts=tuple(texts),
    )


def first_token(ids: Tensor, lengths: Tensor, texts: Sequence[str]) -> Tensor:
    """BERT's [CLS]."""
    return torch.zeros(len(ids), dtype=torch.long)


def last_real_token(ids: Tensor, lengths: Tensor, texts: Sequence[str]) -> Tensor:
    """The last token before the padding, BERT's [SEP]."""
    return lengths - 1


def last_position(ids: Tensor, lengths: Tensor, texts: Sequence[str]) -> Tensor:
    """The end of the padded row, whatever stands there: SigLIP's."""
    return torch.full((len(ids),), ids.shape[1] - 1)


def check_vocabulary(folder: Path, tokenizer, rows: int) -> None:
    """Raises ModelError for a tokenizer that has ids which the model does not embed."""
    if len(tokenizer) > rows:
        raise ModelError(
            f"the tokenizer in {folder} has {len(tokenizer)} tokens and the model embeds only {rows}; "
            "copy the tokenizer that came with these weights into it"
        )


def trim_span(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the space before its word, which sentencepiece counts in; a bare space stays."""
    return (start + 1, end) if end - start > 1 and text[start] == " " else (start, end)
