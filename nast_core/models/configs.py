"""The JSON files of a model folder, read with what they name looked at;
without torch, so that asking about a spec is quick."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nast_core.errors import ModelError
from nast_core.files import documents, gate
from nast_core.models.allowed import refuse_foreign

_CONFIGS = (
    "config.json", "open_clip_config.json", "tokenizer_config.json", "special_tokens_map.json",
    "preprocessor_config.json",
    "processor_config.json", "generation_config.json", "adapter_config.json", "cxr_clip.json",
)  # fmt: skip
_WRITTEN_ANEW = ("cxr-bert",)  # model types whose published configs name code, which is never run here


class _UnreadableError(ModelError):
    """A config that is no JSON object."""


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises ModelError for a file that is missing, cut off, of another kind, or names code or another
    place.

    The configs of CXR-BERT name their authors' code; its family is written anew and never passes that key on.
    """
    content = _parsed(path)
    refuse_foreign(path, content, ignoring=("auto_map",) if _written_anew(path, content) else ())
    return content


def _parsed(path: Path) -> dict[str, Any]:
    if not os.path.lexists(path):
        raise _UnreadableError(f"{path.parent} has no {path.name}; copy the model's {path.name} into it")
    try:
        text = gate.read_text(
            path, most=documents.MOST, error=_UnreadableError, absent="it is a link that leads nowhere"
        )
    except _UnreadableError as error:
        raise _UnreadableError(f"{error}; download it again") from None
    try:
        content = documents.parse_json(text)
    except ValueError as fault:
        reason = documents.what_is_wrong_with(fault)
        raise _UnreadableError(f"{path} cannot be read as JSON ({reason}); download it again") from None
    if not isinstance(content, dict):
        raise _UnreadableError(f"{path} holds a {type(content).__name__}, not a JSON object; download it again")
    return content


def _written_anew(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether a config or a tokenizer's is of a model type whose published files name code that is never run here."""
    if path.name == "tokenizer_config.json" and os.path.lexists(config := path.with_name("config.json")):
        with suppress(_UnreadableError):
            content = _parsed(config)
    return path.name in ("config.json", "tokenizer_config.json") and content.get("model_type") in _WRITTEN_ANEW


def model_type(folder: Path) -> str | None:
    """What a folder's config.json calls its model; None where there is none.
    Raises ModelError where it cannot be read."""
    config = folder / "config.json"
    value = read_json(config).get("model_type") if os.path.lexists(config) else None
    return value if isinstance(value, str) else None


def check_configs(folder: Path) -> None:
    """Raises ModelError where any config in ``folder`` names code, a hub or a place outside.

    What else may be wrong with one is for its reader to say.
    """
    for place in (folder, folder / "text", folder / "vision"):
        for path in (place / name for name in _CONFIGS):
            if path.exists():
                with suppress(_UnreadableError):
                    read_json(path)


def check_folder(folder: Path) -> None:
    """Raises ModelError unless ``folder`` is a directory this user may read."""
    if not os.path.exists(folder):  # Path.exists raises for a name that is too long or behind a locked door
        raise ModelError(
            f"there is no folder {gate.shown(folder)}; give the path of a folder with a model's config and weights"
        )
    if not folder.is_dir():
        raise ModelError(f"{folder} is a file; give the folder that holds it together with the model's config")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise ModelError(f"the folder {folder} may not be read by this user; change its permissions (chmod u+rx)")
