"""Known medical CLIPs as data, and where their files are: on this machine, on the hub, or to be put by hand."""

from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from nast_core.errors import ModelError
from nast_core.files.documents import packaged
from nast_core.files.gate import shown

MODELS_FOLDER = Path(
    "models"
)  # beside the app: models/NAME holds a model put there by hand or by 'nast model download'


class Companion(BaseModel):
    """Files of another hub repository that a model needs and does not bring."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hub: str
    files: tuple[str, ...]
    into: str = ""  # folder inside the model's own


class Reference(BaseModel):
    """What others got with a known model, as a public source states it: a cosine of two sentences, which is measured
    here too, or a figure of another data set, which is not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    source: str  # where it is stated: a paper, a model card, an issue
    texts: tuple[str, str] | None = None  # of a cosine


class ZooCard(BaseModel):
    """One line of cards.yaml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    hub: str | None
    revision: str | None
    licence: str
    gated: bool
    trained_on: str
    family: str
    text: str
    context: int
    image_size: int
    paper: str
    files: tuple[str, ...]
    note: str = ""
    activation: str | None = None  # what it was trained with, where that is known and a config could say otherwise
    companions: tuple[Companion, ...] = ()
    source: str = ""  # where its authors publish it, if not on the hub
    checkpoints: tuple[str, ...] = ()  # names of bare files that 'nast model convert' takes; * stands for anything
    reference: tuple[Reference, ...] = ()
    preprocess: dict[str, Any] = Field(default_factory=dict)  # of a converted folder, where it is not OpenAI's

    @property
    def slug(self) -> str:
        """The name of its folder under models/."""
        return "-".join("".join(c if c.isalnum() or c in ".-" else " " for c in self.name.lower()).split())

    @property
    def folder(self) -> Path:
        return MODELS_FOLDER / self.slug


@lru_cache(maxsize=1)
def zoo() -> tuple[ZooCard, ...]:
    raw = packaged("nast_core.models", "cards.yaml")
    return tuple(ZooCard(name=name, **entry) for name, entry in raw.items())


def find_card(name: str) -> ZooCard | None:
    """The card of a name, a folder name under models/ or a hub id; None for anything else."""
    key = name.lower()
    return next((card for card in zoo() if key in (card.name.lower(), card.slug, (card.hub or "").lower())), None)


def need_card(name: str) -> ZooCard:
    """As ``find_card``. Raises ModelError, with the nearest names, where there is none."""
    card = find_card(name)
    if card is None:
        raise ModelError(
            f"no known model is called {shown(name)!r}; did you mean {' or '.join(near_names(name)) or 'another'}? "
            "'nast model list' has them all"
        )
    return card


def near_names(name: str) -> list[str]:
    """Names of known models that a mistyped one may mean, best first."""
    return get_close_matches(name.lower(), [card.slug for card in zoo()], n=2)


def on_this_machine(card: ZooCard) -> Path | None:
    """Where a card's files lie: under models/, or in the hub's cache; None where they are not."""
    if card.folder.is_dir() and any(card.folder.iterdir()):
        return card.folder
    return cached(card.hub, card.revision) if card.hub else None


def cached(hub: str, revision: str | None = None) -> Path | None:
    """The newest snapshot of a hub id that is already on this machine; the hub is not asked."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, OSError, ValueError):
        return None


def cache_of(hub: str) -> Path:
    """Where the hub's client keeps all it has of a hub id, whether there is anything or not."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=hub, repo_type="model")


def how_to_get(card: ZooCard) -> str:
    """Which files to put where, and what to type then."""
    source = f"from {f'https://huggingface.co/{card.hub}' if card.hub else card.source}"
    gate = " (accept its terms there first)" if card.gated else ""
    if card.checkpoints:
        return (
            f"Get {' or '.join(card.checkpoints)} {source}{gate}{_beside(card)}; convert it once with 'nast model "
            f"convert {card.checkpoints[0]} --out {card.folder}', then type {card.slug}."
        )
    return f"Put {', '.join(card.files)} {source}{gate} into {card.folder}/{_inside(card)}, then type {card.slug}."


def _inside(card: ZooCard) -> str:
    return "".join(
        f", and {' and '.join(c.files)} from https://huggingface.co/{c.hub} into {card.folder / c.into}/"
        for c in card.companions
    )


def _beside(card: ZooCard) -> str:
    return "".join(
        f"; put {' and '.join(c.files)} from https://huggingface.co/{c.hub} "
        f"{f'into {c.into}/ ' if c.into else ''}beside it"
        for c in card.companions
    )
