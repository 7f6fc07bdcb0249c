"""open_clip checkpoints with a Hugging Face BERT or RoBERTa as text tower: BiomedCLIP, UniMed-CLIP."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from open_clip.tokenizer import HFTokenizer
from torch import Tensor

from nast_core.errors import ModelError, TextError
from nast_core.models import allowed, model_files, weights
from nast_core.models.allowed import taken
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import Card
from nast_core.models.open_clip_config import model_config
from nast_core.models.open_clip_folder import WEIGHTS, OpenClip, Tokenizer, load_folder, text_kind
from nast_core.models.tower import Hidden, Tokens

UNIMED = (  # as its authors publish them, beside which an open_clip_config.json must be put
    "unimed_clip_vit_b16.pt",
    "unimed_clip_vit_l14_base_text_encoder.pt",
    "unimed_clip_vit_l14_large_text_encoder.pt",
)
_THEIR_TEXT = "text_encoder."  # what UniMed's fork of open_clip calls ``text.``
_BERTS = ("bert", "roberta", "xlm-roberta")
_POOLING = {
    "cls_last_hidden_state_pooler": "last state of the first token ([CLS])",
    "cls_pooler": "last state of the first token ([CLS]), through BERT's own tanh layer",
    "mean_pooler": "mean of the last states of all real tokens",
}


def recognises(folder: Path) -> bool:
    return text_kind(folder) == "hugging face"


class _Bert(allowed.Bert):
    model_type: Literal["bert", "roberta", "xlm-roberta"]


class OpenClipBertTower(BertTextTower):
    """The ``text`` module of a CustomTextCLIP, an HFTextEncoder."""

    lora_targets = BertTextTower.lora_targets.replace(".*", r"text\.transformer\.", 1)

    def __init__(self, model: Any, tokenizer: HFTokenizer, pooler: str):
        self.model, self.text = model, model.text
        self.clean, self.pooling = tokenizer.clean_fn, _POOLING[pooler]
        self.pools_one_position = pooler != "mean_pooler"
        super().__init__(
            self.text.transformer,
            tokenizer.tokenizer,
            context_length=tokenizer.context_length,  # model.context_length is how far BERT could read
            dim=self.text.output_dim,
        )

    def tokenize(self, texts: Sequence[str], *, pad_to: int | None = None) -> Tokens:
        """As TextTower says; texts are as open_clip cleans them. Raises TextError for a text with [PAD] in it."""
        self.check_texts(texts)
        tokens = super().tokenize([self.clean(text) for text in texts], pad_to=pad_to)
        if bool((tokens.mask & (tokens.ids == self.tokenizer.pad_token_id)).any()):
            raise TextError(f"a text has {self.tokenizer.pad_token!r} in it, which the model skips; take it out")
        return tokens

    def project(self, pooled: Tensor) -> Tensor:
        bert = self.bert.pooler  # None but for cls_pooler
        return self.text.proj(pooled if bert is None else bert.activation(bert.dense(pooled)))

    def readout(self, hidden: Hidden, tokens: Tokens) -> Tensor:
        if self.pools_one_position:
            return super().readout(hidden, tokens)
        real = tokens.mask[..., None].to(hidden.dtype)
        return self.project((hidden * real).sum(1) / real.sum(1))

    def library_embedding(self, tokens: Tokens) -> Tensor:
        return self.model.encode_text(tokens.ids)


def load(folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> OpenClip:
    """Raises ModelError where config, weights, tokenizer or the BERT's config are missing or do not fit."""
    path = weights.find_weights(folder, (*WEIGHTS, *UNIMED))
    config = model_config(folder)
    text = config["text_cfg"]
    if "multimodal_cfg" in config:
        raise ModelError(f"the config in {folder} is of a CoCa with a Hugging Face text tower, which cannot be loaded")
    if not text.get("hf_tokenizer_name"):
        raise ModelError(
            f"the config in {folder} has no hf_tokenizer_name, so open_clip would read texts with CLIP's vocabulary; "
            f"give its text_cfg one, such as {text['hf_model_name']!r}"
        )
    bert_folder, bert = _bert_config(folder, text["hf_model_name"])
    pooler = text.get("hf_pooler_type", "mean_pooler")
    if pooler not in _POOLING:
        raise ModelError(f"the config in {folder} has hf_pooler_type {pooler!r}; known are {', '.join(_POOLING)}")
    unimed = _is_unimed(path)

    def tower(model: Any, tokenizer: Tokenizer) -> OpenClipBertTower:
        if not hasattr(model.text, "proj"):
            raise ModelError(
                f"the config in {folder} has hf_proj_type {text.get('hf_proj_type')!r} and towers of two widths, which "
                "nothing joins; known are 'mlp' and 'linear'"
            )
        inner, context = tokenizer.tokenizer, tokenizer.context_length
        bert_reads = model.text.config.max_position_embeddings
        if bert["model_type"] != "bert":  # RoBERTa counts positions from behind its padding id
            bert_reads -= model.text.config.pad_token_id + 1
        if not isinstance(context, int) or not 0 < context <= bert_reads:
            raise ModelError(
                f"the config in {folder} has context_length {context!r}, and its text encoder reads at most "
                f"{bert_reads} tokens; use the config that came with these weights"
            )
        if inner.pad_token_id != model.text.config.pad_token_id:
            raise ModelError(
                f"the tokenizer in {folder} pads with id {inner.pad_token_id} and the text tower takes id "
                f"{model.text.config.pad_token_id} for padding; copy the tokenizer that came with these weights into it"
            )
        return OpenClipBertTower(model, tokenizer, pooler)

    model = load_folder(
        folder,
        card,
        device,
        dtype,
        tower,
        path=path,
        bert=bert,
        renamed=_open_clips_name if unimed else str,
        warnings=_warnings(unimed, config),
    )
    model.report.rows["Activation"] = str(bert.get("hidden_act", "gelu"))
    model.report.rows["BERT's config"] = str(bert_folder / "config.json")
    return model


def _bert_config(folder: Path, name: str) -> tuple[Path, dict[str, Any]]:
    """(folder of the BERT's config.json, its content), never from the network.

    Looked for in the model's folder, in a folder ``name``, and in the Hugging Face cache under the hub id ``name``.
    """
    places = [folder, folder / name]
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:  # a path
        cached = None
    if isinstance(cached, str):
        places.append(Path(cached).parent)
    other = ""
    for place in places:
        if not (place / "config.json").is_file():
            continue
        kind = model_files.model_type(place)
        if kind in _BERTS:
            with model_files.leading(f"{place / 'config.json'} describes no {kind} model"):
                return place, taken(_Bert, model_files.read_json(place / "config.json"), "config.json")
        other = f" (the one in {place} is of model type {kind!r})"
    raise ModelError(
        f"{folder} does not have the config of its text encoder{other}; copy config.json of {name}, a model of type "
        f"{', '.join(_BERTS)}, into it"
    )


def _is_unimed(path: Path) -> bool:
    """Told by the file's name or, where it was renamed, by its keys."""
    return path.name in UNIMED or f"{_THEIR_TEXT}transformer.embeddings.word_embeddings.weight" in weights.shapes(path)


def _open_clips_name(theirs: str) -> str:
    """open_clip does not know UniMed's names."""
    return theirs.replace(_THEIR_TEXT, "text.", 1)


def _warnings(unimed: bool, config: dict[str, Any]) -> tuple[str, ...]:
    if config.get("quick_gelu") or not unimed:
        return ()
    return ("the config says gelu; UniMed-CLIP's weights need quick_gelu, and load without an error either way",)
