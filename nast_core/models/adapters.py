"""Adapters in model folders: PEFT's files, told by name and never merged in silence.

transformers merges an adapter that lies beside a model's weights into it without a word. Here only the weights are
read.
"""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from nast_core.models import model_files
from nast_core.models.allowed import Keys, checked

CONFIG = "adapter_config.json"
_NAST = "layers.safetensors"  # beside a nast.json with a base: a full fine-tune of this tool


class _Config(Keys):
    peft_type: Annotated[str, Field(max_length=64)] | None = None
    base_model_name_or_path: Annotated[str, Field(max_length=1_000)] | None = None
    base: Annotated[str, Field(max_length=4_000)] | None = None  # in nast.json


def beside(folder: Path) -> tuple[str, ...]:
    """A warning where an adapter lies beside a model's weights."""
    if not (folder / CONFIG).exists():
        return ()
    return (
        f"{CONFIG} beside the weights is an adapter ({_description(folder)}), which was not merged: this is the "
        "model as its weights file has it",
    )


def alone(folder: Path) -> str | None:
    """What to do with a folder that holds an adapter and no model, in a sentence; None for any other folder."""
    record = folder / "nast.json"
    base = checked(_Config, model_files.read_json(record), str(record)).base if record.exists() else None
    if base and ((folder / CONFIG).exists() or (folder / _NAST).exists()):
        return (
            f"{folder} holds what a fine-tune learnt and no model; its base is {base}: load it as run:ID, or make a "
            f"model of both with 'nast export {folder} --out OUT'"
        )
    if not (folder / CONFIG).exists():
        return None
    return (
        f"{folder} holds an adapter ({_description(folder)}) and no model; merge the two once where you trust both, "
        "with PEFT's "
        "PeftModel.from_pretrained(BASE, ADAPTER).merge_and_unload().save_pretrained(OUT), and load OUT with BASE's "
        "tokenizer and preprocessor files"
    )


def _description(folder: Path) -> str:
    adapter = checked(_Config, model_files.read_json(folder / CONFIG), str(folder / CONFIG))
    return (
        f"{adapter.peft_type or 'of no stated kind'}, wants "
        f"{adapter.base_model_name_or_path or 'a base that it does not name'}"
    )
