"""From what a user types to a loaded model: the family is told from the files."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Protocol

import torch
from pydantic import Field

from nast_core.errors import ModelError
from nast_core.files.gate import shown
from nast_core.files.places import OWN_NAMES
from nast_core.models import adapters, model_files, put_off, specs
from nast_core.models.allowed import Keys, Text, checked
from nast_core.models.encoder import Card, DualEncoder
from nast_core.models.precision import COMPUTED
from nast_core.models.specs import DEMO_FOLDER
from nast_core.models.weights import give_back_memory
from nast_core.models.zoo import ZooCard

__all__ = ["DEMO_FOLDER", "DTYPES", "FAMILIES", "detect_family", "load_model", "pick_device"]

DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Family(Protocol):
    """What a module of ``families`` gives."""

    def recognises(self, folder: Path) -> bool: ...

    def load(self, folder: Path, card: Card, device: torch.device, dtype: torch.dtype) -> DualEncoder: ...


def _huggingface_clip() -> Family:
    from nast_core.models.families import huggingface_clip

    return huggingface_clip


def _siglip() -> Family:
    from nast_core.models.families import siglip

    return siglip


def _vision_text_dual() -> Family:
    from nast_core.models.families import vision_text_dual

    return vision_text_dual


def _chinese_clip() -> Family:
    from nast_core.models.families import chinese_clip

    return chinese_clip


def _biovil() -> Family:
    from nast_core.models.families import biovil

    return biovil


def _cxr_clip() -> Family:
    from nast_core.models.families import cxr_clip

    return cxr_clip


def _medclip() -> Family:
    from nast_core.models.families import medclip

    return medclip


def _open_clip_native() -> Family:
    from nast_core.models.families import open_clip_native

    return open_clip_native


def _open_clip_bert() -> Family:
    from nast_core.models.families import open_clip_bert

    return open_clip_bert


def _open_clip_text() -> Family:
    from nast_core.models.families import open_clip_text

    return open_clip_text


FAMILIES: dict[
    str, Callable[[], Family]
] = {  # each imported when it is its turn; in this order, those that import least first
    "Hugging Face CLIP": _huggingface_clip,
    "Hugging Face SigLIP": _siglip,
    "VisionTextDualEncoder": _vision_text_dual,
    "Chinese-CLIP": _chinese_clip,
    "BioViL": _biovil,
    "CXR-CLIP": _cxr_clip,
    "MedCLIP": _medclip,
    "open_clip": _open_clip_native,
    "open_clip BERT": _open_clip_bert,
    "open_clip custom text": _open_clip_text,
}


def pick_device(name: str = "auto") -> torch.device:
    """``auto``: CUDA, else Apple's MPS, else the CPU. Raises ModelError for a device this machine lacks."""
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if have[kind]))
    if not have.get(name.split(":")[0], False):
        raise ModelError(
            f"this machine has no device {shown(name)!r}; it has {', '.join(k for k, v in have.items() if v)}"
        )
    try:
        return torch.device(name)
    except RuntimeError:
        raise ModelError(f"{shown(name)!r} is not a device; write for example cpu or cuda:0") from None


def load_model(spec: str | Path = "demo", *, device: str = "auto", dtype: str = "float32") -> DualEncoder:
    """A model from ``demo``, a folder in a known family's own layout, a zoo card's name, a hub id that is on this
    machine, or ``open_clip:ARCH/PRETRAINED``. What else a spec can be is known to ``nast_core.opening``.

    Raises ModelError, with what to do, where the folder, its weights or its family are not as needed.
    """
    if dtype in COMPUTED:
        raise ModelError(
            f"precision {dtype} is for encoding and for fine-tuning; what is looked at here is too small for its "
            "rounding: leave precision out"
        )
    if dtype not in DTYPES:
        raise ModelError(f"unknown precision {shown(dtype)!r}; choose one of {', '.join(DTYPES)}")
    entry = specs.find(str(spec))
    folder, warnings = (entry.folder, ()) if entry.folder else _laid_out(entry.name)
    model_files.check_folder(folder)
    model_files.check_configs(folder)
    give_back_memory()
    model = put_off.quickly(lambda: _read(folder, entry, pick_device(device), DTYPES[dtype]))
    model_files.refuse_undefined(folder, model.module, model.logit_scale)
    if entry.card is not None:
        _check_activation(folder, model, entry.card)
    warnings = (*warnings, *adapters.beside(folder))
    if warnings:
        model.report = replace(model.report, warnings=(*model.report.warnings, *warnings))
    return model


def _read(folder: Path, entry: specs.Found, device: torch.device, dtype: torch.dtype) -> DualEncoder:
    family = detect_family(folder)
    return FAMILIES[family]().load(folder, _card(folder, family, entry), device, dtype)


def _laid_out(spec: str) -> tuple[Path, tuple[str, ...]]:
    from nast_core.models.open_clip_spec import lay_out  # imports open_clip, which takes seconds

    return lay_out(spec)


def detect_family(folder: Path) -> str:
    """The family whose layout the files have. Raises ModelError, saying what was found, for any other."""
    for family, module in FAMILIES.items():
        if module().recognises(folder):
            return family
    if os.path.lexists(folder / "config.json"):
        contents = f"a config.json of model type {model_files.model_type(folder) or 'nothing'!r}"
    elif (folder / "open_clip_config.json").exists():
        contents = "an open_clip config with a custom text tower"
    else:
        if refusal := adapters.alone(folder):
            raise ModelError(refusal)
        names = sorted(path.name for path in folder.iterdir())
        bare = [name for name in names if name.endswith(specs.WEIGHTS)]
        if bare:
            raise ModelError(
                f"{folder} has weights ({bare[0]}) and no config.json or open_clip_config.json; copy the model's "
                f"config into it, or make a folder of a bare checkpoint with 'nast model convert {folder / bare[0]} "
                "--out FOLDER'"
            )
        contents = f"no config.json or open_clip_config.json, only {names[:6]}" if names else "an empty folder"
    raise ModelError(f"{folder} is of no family that can be loaded ({', '.join(FAMILIES)}): found {contents}")


def _check_activation(folder: Path, model: DualEncoder, card: ZooCard) -> None:
    """Raises ModelError where a known model's config has another activation than it was trained with."""
    activation = model.report.rows.get("Activation")
    if card.activation not in (None, activation):
        raise ModelError(
            f"{card.name} was trained with {card.activation} and the config in {folder} says {activation}, which "
            "would give other embeddings; use the config that came with these weights"
        )


def _card(folder: Path, family: str, entry: specs.Found) -> Card:
    known, path = entry.card, folder / "nast.json"
    record = checked(_CardKeys, model_files.read_json(path), str(path)) if os.path.lexists(path) else _CardKeys()
    return Card(
        name=record.name or (known.name if known else entry.name or folder.resolve().name),
        source=entry.name if entry.name in OWN_NAMES else str(folder),
        family=family,
        licence=record.licence or (known.licence if known else "not stated"),
        revision=record.revision or (known.revision if known else None) or "",
        conditions=tuple(record.conditions),
        fingerprint=record.fingerprint or "",
        taught=None if record.cues is None else frozenset(record.cues),
    )


class _CardKeys(Keys):
    """nast.json of a model folder."""

    name: Text | None = None
    licence: Text | None = None
    revision: Text | None = None
    conditions: Annotated[list[Text], Field(max_length=1_000)] = Field(default_factory=list)
    fingerprint: Text | None = None
    cues: Annotated[list[Text], Field(max_length=1_000)] | None = None  # by which its training texts deny a finding
