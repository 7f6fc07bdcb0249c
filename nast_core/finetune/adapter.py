"""What a fine-tuning leaves: an adapter folder with its record, and the tuned model that base and adapter make.

adapter/  adapter_config.json, adapter_model.safetensors   PEFT's, where it is LoRA
          layers.safetensors                               the text layers' weights, where it is full
          nast.json                                        the record: which base, how made
          README.md                                        the model card
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

import torch
from peft import PeftModel
from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.errors import DataError, ModelError, what_is_wrong
from nast_core.files.gate import shown
from nast_core.files.writing import whole
from nast_core.finetune.adapter_files import write_lora
from nast_core.finetune.lora import load_lora, merge_lora
from nast_core.finetune.parameters import layer_module
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.models import files, load_model, specs, weights
from nast_core.models.encoder import DualEncoder
from nast_core.models.files import fingerprint
from nast_core.models.registry import DTYPES

ADAPTER = "adapter"
_MOST = 16  # fine-tunes of fine-tunes
_opening: ContextVar[tuple[Path, ...]] = ContextVar("opening", default=())  # adapters whose base is being looked for
_RECORD, _LAYERS = "nast.json", "layers.safetensors"


class Record(BaseModel):
    """nast.json of an adapter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str  # as load_model takes it
    base_name: str
    base_revision: str
    base_licence: str
    base_fingerprint: str
    recipe: FinetuneRecipe
    layer_weights: tuple[float, ...]


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
        with whole(folder / _RECORD) as temporary:  # last: an adapter with a record is whole
            temporary.write_text(record.model_dump_json(indent=2), "utf-8")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror or error}); choose another place") from error


def read_record(folder: Path) -> Record:
    """Raises ModelError for a folder that holds no adapter of NAST's."""
    if not (folder / _RECORD).exists():
        raise ModelError(f"{folder} has no {_RECORD}, so it is no adapter that 'nast finetune' finished")
    try:
        return Record.model_validate(files.read_json(folder / _RECORD))
    except ValidationError as error:
        raise ModelError(f"{folder / _RECORD} is no record of an adapter ({what_is_wrong(error)})") from None


def load_base(spec: str, runs: Path, *, device: str = "auto", dtype: str = "float32") -> DualEncoder:
    """The model that a recipe or an adapter names; ``run:ID``, a fine-tune's own model, is looked for in ``runs``."""
    if spec.startswith("run:"):
        from nast_core.runs.models import load_run_model  # which reads adapters by this module

        return load_run_model(spec.removeprefix("run:"), device=device, dtype=dtype, root=runs)
    return load_model(spec, device=device, dtype=dtype)


def load_finetuned(
    folder: Path, *, device: str = "auto", dtype: str = "float32", base: str | None = None
) -> DualEncoder:
    """The tuned model of an adapter folder, or of a finished run's folder: its base with the adapter merged in.

    ``base``: where the base is now, if it has moved. Raises ModelError where the base is not the one that was trained.
    """
    folder = folder / ADAPTER if (folder / ADAPTER).is_dir() else folder
    record = read_record(folder)
    wide = (
        "float64" if dtype == "float64" else "float32"
    )  # a fingerprint is of these; and narrow weights are merged wide
    with _not_its_own_base(folder):
        spec = base or record.base
        _check_stated(spec, folder, record)
        encoder = load_base(spec, folder.resolve().parents[1], device=device, dtype=wide)
    apply_adapter(encoder, folder, record)
    if dtype != wide:
        encoder.module.to(DTYPES[dtype])
        encoder.dtype = DTYPES[dtype]
    return encoder


@contextmanager
def _not_its_own_base(folder: Path) -> Iterator[None]:
    """Raises ModelError where an adapter's base leads back to it, or through more of them than anyone makes."""
    chain, here = _opening.get(), folder.resolve()
    if here in chain or len(chain) >= _MOST:
        said = "is, by way of its base, its own base" if here in chain else f"stands on more than {_MOST} fine-tunes"
        raise ModelError(
            f"the adapter in {folder} {said}, so it leads to no model; give another run, or its base again"
        )
    token = _opening.set((*chain, here))
    try:
        yield
    finally:
        _opening.reset(token)


def _check_stated(spec: str, folder: Path, record: Record) -> None:
    """Raises ModelError where the base's own card already says that it is another model than was trained."""
    if spec.startswith(("run:", specs.OPEN_CLIP)):
        return
    card = (specs.find(spec).folder or Path()) / _RECORD
    stated = files.read_json(card).get("fingerprint") if card.exists() else None
    if isinstance(stated, str) and stated:
        _refuse_another(folder, record, specs.find(spec).name or spec, stated)


def _refuse_another(folder: Path, record: Record, name: str, fingerprint: str) -> None:
    if fingerprint != record.base_fingerprint:
        raise ModelError(
            f"the adapter in {folder} was trained on {record.base_name} (fingerprint {record.base_fingerprint[:12]}) and "
            f"{name} has fingerprint {fingerprint[:12]}; give the model it was trained on"
        )


def apply_adapter(encoder: DualEncoder, folder: Path, record: Record) -> None:
    """Merges an adapter into a freshly loaded base, in place. Raises ModelError for any other model than its base."""
    _refuse_another(folder, record, encoder.card.name, encoder.fingerprint)
    with files.leading(f"the adapter in {folder} is not whole, so train it again"):
        if record.recipe.method == "lora":
            merge_lora(load_lora(encoder, folder))
        else:
            _put_layers(encoder, folder)
    encoder.module.requires_grad_(False).eval()
    encoder.image_fingerprint = encoder.image_fingerprint or encoder.fingerprint  # only the text tower learns
    encoder.fingerprint = fingerprint(encoder.module)
    encoder.card = replace(
        encoder.card,
        name=f"{record.base_name}, fine-tuned ({record.recipe.arm})",
        source=str(folder),
        fingerprint="",
    )


@torch.no_grad()
def _put_layers(encoder: DualEncoder, folder: Path) -> None:
    """The text layers' weights of a full fine-tune, in their place."""
    held = weights.read(weights.find_weights(folder, [_LAYERS])).tensors
    of_layers = {id(p) for block in encoder.text.blocks for p in layer_module(block).parameters()}
    own = {name: p for name, p in encoder.module.named_parameters() if id(p) in of_layers}
    if strangers := sorted(held.keys() - own.keys()):
        raise ModelError(f"{_LAYERS} has {shown(strangers[0])!r}, which is no weight of the model's text layers")
    files.refuse_missing(folder, own.keys() - held.keys())
    files.refuse_mismatched(folder, [(n, v.shape, own[n].shape) for n, v in held.items() if v.shape != own[n].shape])
    for name, value in held.items():
        own[name].copy_(value)
