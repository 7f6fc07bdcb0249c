"""PEFT's two files of an adapter, read without PEFT: which modules, of which rank, and the tensors that belong to them.

PEFT would run target_modules as a regular expression over every module's name, make matrices of any rank, fall back to
a pickle, and ask the hub for what is missing. Here the names are compared with those that the model has.
"""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from pydantic import Field
from torch import Tensor, nn

from nast_core.errors import ModelError
from nast_core.files.gate import shown
from nast_core.models import model_files, weights
from nast_core.models.allowed import Keys, Share, checked

CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"
_PICKLE = "adapter_model.bin"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_Nothing = Literal[False, ""] | Annotated[list[Any] | dict[str, Any], Field(max_length=0)] | None


class LoraKeys(Keys):
    """adapter_config.json of a plain LoRA. What is listed as nothing would make another sum of base and adapter."""

    peft_type: Literal["LORA"]
    r: Annotated[int, Field(ge=1, le=4_096)]
    lora_alpha: Annotated[float, Field(gt=0, le=1e6)]
    lora_dropout: Share = 0.0
    target_modules: Annotated[str, Field(max_length=1_000_000)] | Annotated[list[str], Field(max_length=100_000)]
    bias: Literal["none"] = "none"
    use_dora: _Nothing = None
    use_rslora: _Nothing = None
    lora_bias: _Nothing = None
    fan_in_fan_out: _Nothing = None
    modules_to_save: _Nothing = None
    rank_pattern: _Nothing = None
    alpha_pattern: _Nothing = None
    layers_to_transform: _Nothing = None
    layer_replication: _Nothing = None
    exclude_modules: _Nothing = None
    target_parameters: _Nothing = None

    def names(self) -> list[str]:
        """The modules, by their full names."""
        if isinstance(self.target_modules, list):
            return self.target_modules
        return [_ESCAPED.sub(r"\1", name) for name in self.target_modules.split("|")]


def exactly(names: list[str]) -> str:
    """The expression that PEFT matches these modules by, and no others: a list would match others that end alike."""
    return "|".join(map(re.escape, names))


def read_lora(module: nn.Module, known: list[str], folder: Path, *, trainable: bool = False) -> PeftModel:
    """The adapter of a folder, attached to ``module`` in place. ``known``: the modules that may have one, by full name.

    Raises ModelError for one that is not whole, or does not belong to this model.
    """
    keys = checked(LoraKeys, model_files.read_json(folder / CONFIG), CONFIG)
    names = keys.names()
    strangers = sorted(set(names) - set(known))
    if strangers:
        raise ModelError(f"{CONFIG} adapts {shown(strangers[0])!r}, which is no projection of the model's text tower")
    if (folder / _PICKLE).exists() and not (folder / TENSORS).exists():
        raise ModelError(f"it has {_PICKLE}, a pickle, which is not read; save it as {TENSORS}")
    path = weights.find_weights(folder, [TENSORS])
    _check_rank(path, keys.r, len(names))
    config = LoraConfig(
        r=keys.r,
        lora_alpha=keys.lora_alpha,
        lora_dropout=keys.lora_dropout,
        target_modules=exactly(names),
        bias="none",
        inference_mode=not trainable,
    )
    adapted = get_peft_model(module, config)
    file: dict[str, Tensor] = weights.read(path).tensors
    own = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    model_files.refuse_missing(folder, own.keys() - file.keys())
    model_files.refuse_mismatched(
        folder, [(name, file[name].shape, own[name].shape) for name in own if file[name].shape != own[name].shape]
    )
    set_peft_model_state_dict(adapted, {name: file[name] for name in own})
    return adapted.train(trainable)


def _check_rank(path: Path, rank: int, modules: int) -> None:
    """Raises ModelError where the file's matrices have another rank than the config says, before any are made."""
    down = [shape for name, shape in weights.shapes(path).items() if ".lora_A." in name or ".lora_A" in name]
    if len(down) < modules or any(not shape or shape[0] != rank for shape in down):
        raise ModelError(
            f"{CONFIG} says rank {rank} for {modules} modules, and {path.name} holds {len(down)} of it or of another"
        )


def write_lora(folder: Path, adapted: PeftModel) -> None:
    """PEFT's own two files. Raises OSError where they cannot be written."""
    tensors = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    adapted.peft_config["default"].save_pretrained(str(folder))
    weights.write(folder / TENSORS, {name: tensor.contiguous() for name, tensor in tensors.items()}, {"format": "pt"})
