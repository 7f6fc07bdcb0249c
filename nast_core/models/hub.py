"""What the Hugging Face hub has of a model: which files would be fetched, how large they are, and its refusals in
words."""

import errno
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from nast_core.errors import ModelError
from nast_core.models import zoo
from nast_core.models.zoo import ZooCard

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_SMALL = (".json", ".txt", ".model", ".yaml", ".md")  # configs, vocabularies, the repository's own card
_WEIGHTS = (  # sets of files of which one is enough, best first; the first where transformers would look
    ("model.safetensors", "model-*.safetensors", "model.safetensors.index.json"),
    ("pytorch_model.bin", "pytorch_model-*.bin", "pytorch_model.bin.index.json"),
)
_OPEN_CLIP_WEIGHTS = (
    ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"),
    ("open_clip_pytorch_model.bin",),
)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Source:
    """Files of one repository at one commit."""

    hub: str
    commit: str
    sizes: Mapping[str, int]  # file -> bytes
    into: str = ""


@dataclass(frozen=True)
class Plan:
    name: str  # as the user knows the model
    folder: Path  # where it will be
    sources: tuple[Source, ...]
    card: ZooCard | None = None

    @property
    def total(self) -> int:
        """Bytes."""
        return sum(sum(source.sizes.values()) for source in self.sources)

    @property
    def count(self) -> int:
        """Files."""
        return sum(len(source.sizes) for source in self.sources)

    @property
    def ready(self) -> bool:
        """Whether what comes can be loaded as it is."""
        return self.card is None or not self.card.checkpoints

    @property
    def next_step(self) -> str:
        """What to do when it is there."""
        if self.card is None:
            return f"type {self.folder}"
        if self.ready:
            return f"type {self.card.slug}"
        names = [name for name in self.sources[0].sizes if any(fnmatch(name, c) for c in self.card.checkpoints)]
        return f"run 'nast model convert {self.folder / names[0]} --out {self.card.folder}', then type {self.card.slug}"


def plan_download(name: str) -> Plan:
    """What to fetch for a known model's name or a hub id, optionally ``@revision``. Asks the hub for names and sizes.

    Raises ModelError where nothing can be fetched under that name, or the hub refuses or cannot be reached.
    """
    hub, _, revision = name.partition("@")
    card = zoo.find_card(hub)
    if card is None and not HUB_ID.fullmatch(hub):
        zoo.need_card(hub)
    if card is not None and card.hub is None:
        raise ModelError(f"{card.name} is not on the hub. {zoo.how_to_get(card)}")
    folder = _folder(hub, card)
    if folder.is_dir() and any(folder.iterdir()):
        raise ModelError(f"{folder} is there already; to fetch {name} again, move that folder away first")
    target = str(card.hub if card else hub)
    commit, sizes = _listed(target, revision or (card.revision if card else None), card)
    sources = [Source(target, commit, _wanted(target, sizes, card))]
    for companion in card.companions if card else ():
        commit, sizes = _listed(companion.hub, None, card)
        missing = {file: sizes.get(file, 0) for file in companion.files if file not in sources[0].sizes}
        sources.append(Source(companion.hub, commit, missing, companion.into))
    return Plan(card.name if card else hub, folder, tuple(source for source in sources if source.sizes), card)


def _folder(hub: str, card: ZooCard | None) -> Path:
    """Where a model will be. A bare checkpoint has a place of its own: the model's is for what is converted of it."""
    if card is None:
        return zoo.MODELS_FOLDER / hub.replace("/", "--")
    return card.folder.with_name(f"{card.slug}-checkpoint") if card.checkpoints else card.folder


def size_text(count: int) -> str:
    """Bytes as people say them."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if count >= unit), (1e3, "kB"))
    return f"{count / unit:.1f} {name}"


def _listed(hub: str, revision: str | None, card: ZooCard | None) -> tuple[str, dict[str, int]]:
    """(commit, bytes of every file) of a repository."""
    from huggingface_hub import HfApi

    with asking(hub, card):
        info = HfApi().model_info(hub, revision=revision, files_metadata=True)
    return str(info.sha), {file.rfilename: file.size or 0 for file in info.siblings or ()}


def _wanted(hub: str, sizes: Mapping[str, int], card: ZooCard | None) -> dict[str, int]:
    """Of a repository's files: configs, vocabularies, one set of weights, and what the card names."""
    names = [name for name in sizes if "/" not in name and not name.startswith(".")]
    bare = _of(names, [card.checkpoints]) if card else set()
    card_files = {name for name in names if card and name in card.files} | bare
    chosen = {*(name for name in names if name.endswith(_SMALL)), *card_files} - _of(
        names, (*_WEIGHTS, *_OPEN_CLIP_WEIGHTS)
    )
    # timm's repositories hold an image tower alone under transformers' names, and no image processor
    sets = (_WEIGHTS, _OPEN_CLIP_WEIGHTS) if "preprocessor_config.json" in names else (_OPEN_CLIP_WEIGHTS, _WEIGHTS)
    weights = next((files for group in (*sets[0], *sets[1]) if (files := _of(names, [group]))), set())
    if not weights and not bare:
        raise ModelError(f"{hub} on the hub holds no weights that can be loaded, only {', '.join(sorted(names)[:6])}")
    return {name: sizes[name] for name in names if name in chosen | weights}


def _of(names: Iterable[str], groups: Iterable[Iterable[str]]) -> set[str]:
    return {name for name in names if any(fnmatch(name, pattern) for group in groups for pattern in group)}


@contextmanager
def asking(hub: str, card: ZooCard | None, incoming: Path | None = None) -> Iterator[None]:
    """While open, whatever the hub's client raises becomes one sentence; on a full disk ``incoming`` is removed.

    The client raises its HTTP library's own errors, and that library has changed with each of its major versions: hence
    every exception is taken.
    """
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            if incoming:
                shutil.rmtree(incoming, ignore_errors=True)
            raise ModelError(
                f"the disk became full while {hub} was fetched, and what had come was removed; make room and try again"
            ) from error
        came = incoming and any(path.is_file() and ".cache" not in path.parts for path in incoming.rglob("*"))
        note = "; what came whole is kept for the next try" if came else ""
        otherwise = f". {zoo.how_to_get(card)}" if card else ""
        raise ModelError(f"{_refusal(hub, error)}{note}{otherwise}") from error


def _refusal(hub: str, error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    page = f"https://huggingface.co/{hub}"
    match error:
        case GatedRepoError():
            return f"{hub} is gated: accept its terms at {page}, then run 'hf auth login' and try again"
        case RepositoryNotFoundError():
            return f"the hub has no model {hub}, or it is private: check the name, or log in with 'hf auth login'"
        case RevisionNotFoundError():
            return f"{hub} has no such revision; see {page}/commits/main"
        case OfflineModeIsEnabled():
            return f"{hub} could not be fetched, because HF_HUB_OFFLINE is set"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    reason = (lines or [type(error).__name__])[0][:160].rstrip(".")
    return f"{hub} could not be fetched from {constants.ENDPOINT} ({reason})"
