"""A pre-trained BERT-like encoder from its folder: read strictly, refused in one sentence where it will not do."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import BertConfig, BertModel

from nast_core.errors import ModelError
from nast_core.files.gate import shown
from nast_core.models import model_files, trunks, weights
from nast_core.models.hf_folder import WEIGHTS, refuse_unused_layers

_WANTED = "a text encoder of BERT's kind is needed, lower-cased, such as MiniLM, BiomedBERT or CXR-BERT"
_TYPES = ("bert", "cxr-bert")
_NAMES = "bert."  # before the encoder's own names, in files of a model with a head
_HEADS = r"(.*\.)?position_ids|cls\..*|cls_projection_head\..*|lm_head\..*|classifier\..*|qa_outputs\..*|pooler\..*"


class Encoder(NamedTuple):
    bert: BertModel  # with a pooler, the file's or a new one
    tokenizer: Any
    own_pooler: bool  # whether the file has it


def read_encoder(folder: Path, *, seed: int) -> Encoder:
    """The encoder of a folder in Hugging Face's layout. ``seed`` draws the pooler where the file has none.

    Raises ModelError: no such encoder, one that reads in one direction, weights that do not fit the config, a tokenizer
    that tells capitals apart or begins no text with [CLS].
    """
    model_files.check_folder(folder)
    model_files.check_configs(folder)
    _check_kind(folder)
    path = weights.find_weights(folder, WEIGHTS)
    own = "those of one encoder"
    empty = trunks.read_bert(folder, own, path)
    tensors = {name.removeprefix(_NAMES): tensor for name, tensor in weights.read(path).tensors.items()}
    unused = trunks.load_strictly(empty, tensors, path, dropped=_HEADS)
    refuse_unused_layers(folder, unused, empty.state_dict())
    tokenizer = trunks.read_tokenizer(folder, empty, own)
    _check_tokenizer(folder, tokenizer)
    torch.manual_seed(seed)
    bert = BertModel(BertConfig.from_dict(empty.config.to_dict()))
    pooler = {name: tensor for name, tensor in tensors.items() if name.startswith("pooler.dense.")}
    own_pooler = {name: tensor.shape for name, tensor in pooler.items()} == {
        f"pooler.{name}": value.shape for name, value in bert.pooler.state_dict().items()
    }
    state = empty.state_dict() | (pooler if own_pooler else {})
    bert.load_state_dict({name: value.float() for name, value in state.items()}, strict=False)
    model_files.refuse_undefined(folder, bert, None)
    return Encoder(bert, tokenizer, own_pooler)


def _check_kind(folder: Path) -> None:
    if not (folder / "config.json").exists():
        raise ModelError(f"{shown(folder)} has no config.json, so it holds no text encoder; {_WANTED}")
    config = model_files.read_json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in _TYPES:
        raise ModelError(f"{shown(folder)} holds a model of type {shown(repr(kind))}; {_WANTED}")
    if config.get("is_decoder"):
        raise ModelError(
            f"{shown(folder)} holds a decoder, which reads in one direction only (is_decoder in its config.json); "
            f"{_WANTED}"
        )


def _check_tokenizer(folder: Path, tokenizer: Any) -> None:
    small, large = (tokenizer([text])["input_ids"][0] for text in ("there is no edema", "There is NO Edema"))
    first, known = tokenizer.cls_token_id, tokenizer.backend_tokenizer.get_vocab_size(with_added_tokens=False)
    if first is None or first >= known or small[:1] != [first]:  # a class adds one that the weights never saw
        raise ModelError(
            f"the tokenizer in {shown(folder)} begins no text with [CLS], whose last state is what a CLIP would read; "
            f"{_WANTED}"
        )
    if small != large:
        raise ModelError(
            f"the tokenizer in {shown(folder)} folds no capitals, and a statement would be other words where it begins "
            f"a sentence; {_WANTED}"
        )
