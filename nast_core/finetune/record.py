"""What an adapter says of itself: which base it belongs to, and how it was made. Read without torch or PEFT."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.errors import ModelError, what_is_wrong
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.models import configs

ADAPTER = "adapter"  # its folder, in a fine-tune's
RECORD = "nast.json"


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
    cues: tuple[str, ...] | None = None  # that deny in its training texts; None: made before they were noted


def read_record(folder: Path) -> Record:
    """Raises ModelError for a folder that holds no adapter of NAST's."""
    if not (folder / RECORD).exists():
        raise ModelError(f"{folder} has no {RECORD}, so it is no adapter that 'nast finetune' finished")
    try:
        return Record.model_validate(configs.read_json(folder / RECORD))
    except ValidationError as error:
        raise ModelError(f"{folder / RECORD} is no record of an adapter ({what_is_wrong(error)})") from None


def refuse_another(folder: Path, record: Record, name: str, fingerprint: str) -> None:
    if fingerprint != record.base_fingerprint:
        raise ModelError(
            f"the adapter in {folder} was trained on {record.base_name} (fingerprint {record.base_fingerprint[:12]}) "
            f"and {name} has fingerprint {fingerprint[:12]}; give the model it was trained on"
        )
