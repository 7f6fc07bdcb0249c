"""Known medical CLIPs as data, and where their files are: on this machine, on the hub, or to be put by hand."""

from collections.abc import Callable
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from nast_core.errors import ModelError

MODELS_FOLDER = Path(
    "models"
)  # beside the app: models/NAME holds a model put there by hand or by 'nast model download'


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

    @property
    def slug(self) -> str:
        """The name of its folder under models/."""
        return "-".join("".join(c if c.isalnum() or c in ".-" else " " for c in self.name.lower()).split())

    @property
    def folder(self) -> Path:
        return MODELS_FOLDER / self.slug


@lru_cache(maxsize=1)
def zoo() -> tuple[ZooCard, ...]:
    raw = yaml.safe_load(files("nast_core.models").joinpath("cards.yaml").read_text("utf-8"))
    return tuple(ZooCard(name=name, **entry) for name, entry in raw.items())


def find_card(name: str) -> ZooCard | None:
    """The card of a name, a folder name under models/ or a hub id; None for anything else."""
    wanted = name.lower()
    return next((card for card in zoo() if wanted in (card.name.lower(), card.slug, (card.hub or "").lower())), None)


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


def how_to_get(card: ZooCard) -> str:
    """One sentence: which files to put where, and what to type then."""
    source = f"from https://huggingface.co/{card.hub}" if card.hub else f"as its authors publish them ({card.paper})"
    gate = " (accept its terms there first)" if card.gated else ""
    return f"Put {', '.join(card.files)} {source}{gate} into {card.folder}/, then type {card.slug}."


def _counter(progress: Callable[[int, int], None] | None) -> type[tqdm] | None:
    if progress is None:
        return None
    report = progress

    class Counter(tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            report(int(self.n), int(self.total or 0))
            return shown

    return Counter


def download(card: ZooCard, progress: Callable[[int, int], None] | None = None) -> Path:
    """Fetches a card's files into models/; nothing half-written is left in place.

    ``progress`` is told (files done, files in all); without it, the hub shows its own bars.

    Raises ModelError where the hub has no such model, asks for its terms to be accepted, cannot be reached, or the disk
    is full.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    if card.hub is None:
        raise ModelError(f"{card.name} is not on the hub. {how_to_get(card)}")
    incoming = card.folder.with_name(f".{card.slug}.incoming")
    try:
        snapshot_download(card.hub, revision=card.revision, local_dir=incoming, tqdm_class=_counter(progress))
    except GatedRepoError:
        raise ModelError(f"{card.name} is gated: accept its terms at https://huggingface.co/{card.hub}, then run "
                         "'hf auth login' and try again") from None  # fmt: skip
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, ConnectionError, OSError) as error:
        reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
        raise ModelError(f"{card.name} could not be fetched ({reason}); what came is kept for the next try. "
                         f"{how_to_get(card)}") from None  # fmt: skip
    incoming.rename(card.folder)
    return card.folder
