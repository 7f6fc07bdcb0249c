"""What a fine-tuning leaves: an adapter folder with its record, and the tuned model that base and adapter make.

adapter/  adapter_config.json, adapter_model.safetensors   PEFT's, where it is LoRA
          layers.safetensors                               the text layers' weights, where it is full
          nast.json                                        the record: which base, how made
          README.md                                        the model card
"""

from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel

from nast_core.errors import DataError, ModelError
from nast_core.files.gate import shown
from nast_core.files.writing import whole
from nast_core.finetune.adapter_files import write_lora
from nast_core.finetune.lora import load_lora, merge_lora
from nast_core.finetune.parameters import layer_module
from nast_core.finetune.record import ADAPTER as ADAPTER
from nast_core.finetune.record import RECORD as RECORD
from nast_core.finetune.record import Record as Record
from nast_core.finetune.record import read_record as read_record
from nast_core.finetune.record import refuse_another as refuse_another
from nast_core.models import model_files, weights
from nast_core.models.encoder import DualEncoder
from nast_core.models.model_files import fingerprint

_LAYERS = "layers.safetensors"


def save_adapter(folder: Path, encoder: DualEncoder, adapted: PeftModel | None, record: Record) -> None:
    """Writes weights and record. ``adapted`` is None after full fine-tuning. Raises DataError where it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if adapted is not None:
            write_lora(folder, adapted)
        else:
            trained = {n: p.detach().contiguous() for n, p in encoder.module.named_parameters() if p.requires_grad}
            with whole(folder / _LAYERS) as temporary:
                weights.write(temporary, trained)
        with whole(folder / RECORD) as temporary:  # last: an adapter with a record is whole
            temporary.write_text(record.model_dump_json(indent=2), "utf-8")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror or error}); choose another place") from error


def apply_adapter(encoder: DualEncoder, folder: Path, record: Record) -> None:
    """Merges an adapter into a freshly loaded base, in place. Raises ModelError for any other model than its base."""
    refuse_another(folder, record, encoder.card.name, encoder.fingerprint)
    with model_files.leading(f"the adapter in {folder} is not whole, so train it again"):
        if record.recipe.method == "lora":
            merge_lora(load_lora(encoder, folder))
        else:
            _put_layers(encoder, folder)
    encoder.module.requires_grad_(False).eval()
    encoder.image_fingerprint = encoder.image_fingerprint or encoder.fingerprint  # only the text tower learns
    encoder.fingerprint = fingerprint(encoder.module)
    encoder.card = replace(
        encoder.card,
        name=f"{record.base_name}, fine-tuned ({record.recipe.learnt})",
        source=str(folder),
        fingerprint="",
        taught=_taught(encoder.card.taught, record),
    )


def _taught(before: frozenset[str] | None, record: Record) -> frozenset[str] | None:
    """The cues of a fine-tune, and of what it stands on."""
    if record.cues is None:
        return before
    return frozenset(record.cues) | (before or frozenset())


@torch.no_grad()
def _put_layers(encoder: DualEncoder, folder: Path) -> None:
    """The text layers' weights of a full fine-tune, in their place."""
    tensors = weights.read(weights.find_weights(folder, [_LAYERS])).tensors
    of_layers = {id(p) for block in encoder.text.blocks for p in layer_module(block).parameters()}
    own = {name: p for name, p in encoder.module.named_parameters() if id(p) in of_layers}
    if strangers := sorted(tensors.keys() - own.keys()):
        raise ModelError(f"{_LAYERS} has {shown(strangers[0])!r}, which is no weight of the model's text layers")
    model_files.refuse_missing(folder, own.keys() - tensors.keys())
    model_files.refuse_mismatched(
        folder, [(n, v.shape, own[n].shape) for n, v in tensors.items() if v.shape != own[n].shape]
    )
    for name, value in tensors.items():
        own[name].copy_(value)
