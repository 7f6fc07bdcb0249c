"""What a user types for a model: demo, a folder, a known model's name, a hub id, or open_clip:ARCH/PRETRAINED.

Told from the text and the disk alone, before any heavy import, so that a mistake is answered at once.
"""

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nast_core.errors import ModelError
from nast_core.files import gate
from nast_core.files.places import DEMO, DEMO_LANGUAGE, DEMO_TUNED, EMBEDDED, OWN_NAMES, language_folder
from nast_core.files.places import DEMO_FOLDER as DEMO_FOLDER
from nast_core.models import zoo
from nast_core.models.hub import HUB_ID
from nast_core.models.zoo import ZooCard

OPEN_CLIP = "open_clip:"
OURS = {  # what comes with NAST, or is built by it: spec -> what it is
    DEMO: "the demo CLIP, trained on drawn radiographs; it misreads negation",
    DEMO_TUNED: "the demo CLIP, fine-tuned to read negation",
    DEMO_LANGUAGE: "the demo's image tower beside a text tower that knew language before; built on this machine",
}
_MADE = {  # spec -> where it is looked for, and what makes it
    DEMO: ("in assets/{folder.name}", "'nast demo build'"),
    DEMO_TUNED: ("in assets/{folder.name}", "'nast demo tune'"),
    DEMO_LANGUAGE: (
        "on this machine yet",
        "'nast demo build --language', or on the Models page; it takes about 10 minutes on 2 cores and fetches 92 MB",
    ),
}
_NAMED = 5  # snapshots, of more
_REPAIR = re.compile(r"(?P<base>.+)\+(?P<method>[A-Za-z][\w-]*)(?:\((?P<arguments>[^()]*)\))?", re.DOTALL)
WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".tar", ".ckpt")  # files that may hold weights


@dataclass(frozen=True)
class Found:
    folder: Path | None  # None: open_clip_spec lays one out
    card: ZooCard | None = None
    name: str = ""  # where the folder's own name says nothing


class Repaired(NamedTuple):
    """A spec with a repair behind it, BASE+METHOD(ARGUMENTS); what methods there are, ``nast_core.repair`` knows."""

    base: str
    method: str
    arguments: str = ""


def repaired(spec: str) -> Repaired | None:
    """The last repair of a spec, and what it repairs; None for a spec without one. What lies on the disk under the
    very name, a plus sign in it, is a folder."""
    found = _REPAIR.fullmatch(spec)
    if found is None or os.path.lexists(os.path.expanduser(spec.removeprefix("local-dir:"))):
        return None
    return Repaired(found["base"], found["method"], found["arguments"] or "")


def unrepaired(spec: str) -> tuple[str, str]:
    """(the spec without its repairs, those repairs as they are written behind it)."""
    base = spec
    while (one := repaired(base)) is not None:
        base = one.base
    return base, spec[len(base) :]


def find(spec: str) -> Found:
    """The folder that a spec names, and the known model it goes by. Nothing is downloaded.

    Raises ModelError, saying what to do, where there is none.
    """
    if not spec.strip():
        raise ModelError("no model is named; write demo, a folder, or a name of 'nast model list'")
    if spec in OWN_NAMES:
        return Found(embedded(spec), name=spec)
    if spec.startswith(OPEN_CLIP):
        return Found(None, name=spec)
    folder = Path(os.path.expanduser(spec.removeprefix("local-dir:")))
    hub, _, revision = spec.removeprefix("hf-hub:").partition("@")
    card = zoo.find_card(hub)
    if os.path.isfile(folder) and folder.suffix in WEIGHTS:
        raise ModelError(
            f"{folder} is a file; give the folder that holds it together with the model's config, or make a folder "
            f"of a bare checkpoint with 'nast model convert {folder} --out FOLDER'"
        )
    if os.path.exists(folder):  # unlike Path.exists, never raises
        if there := _snapshot(folder):
            hub = _hub_id(folder)
            return Found(there, zoo.find_card(hub), hub)
        return Found(folder, card)
    if card is not None:
        there = zoo.on_this_machine(card)
        if there is None:
            fetch = f" Where the hub can be reached, 'nast model download {card.slug}' fetches it." if card.hub else ""
            raise ModelError(f"{card.name} is not on this machine. {zoo.how_to_get(card)}{fetch}")
        return Found(there, card)
    if HUB_ID.fullmatch(hub):
        if there := zoo.cached(hub, revision or None):
            return Found(there, name=hub)
        if there := _fetched(hub):
            return Found(there)
        if not revision and (there := _snapshot(zoo.cache_of(hub))):
            return Found(there, name=hub)
    raise ModelError(_nothing(spec, folder, hub))


def place_of(spec: str) -> Path:
    """Where a model of ours lies, whether it is there or not."""
    return language_folder() if spec == DEMO_LANGUAGE else EMBEDDED[spec]


def embedded(spec: str) -> Path:
    """The folder of a model of ours. Raises ModelError, saying how to make it, where it is not there."""
    folder = place_of(spec)
    if not folder.exists():
        where, how = _MADE[spec]
        raise ModelError(f"{spec} is not {where.format(folder=folder)}; make it with {how}")
    return folder


def _snapshot(folder: Path) -> Path | None:
    """Where the files are under a model's root in the hub's cache, models--ORG--NAME: of main, or the only snapshot.

    Raises ModelError, naming them, where there are several and none is main."""
    snapshots = folder / "snapshots"
    if not folder.name.startswith("models--") or not os.path.isdir(snapshots):
        return None
    commits = {path.name: path for path in sorted(snapshots.iterdir()) if path.is_dir()}
    with suppress(ModelError):
        main = gate.read_text(folder / "refs" / "main", most=1_000, error=ModelError).strip()
        if main in commits:
            return commits[main]
    if len(commits) > 1:
        named = ", ".join(map(gate.shown, list(commits)[:_NAMED])) + (", ..." if len(commits) > _NAMED else "")
        first = next(iter(commits))
        raise ModelError(
            f"{gate.shown(folder)} holds {len(commits)} snapshots and does not say which is its main one: {named}; "
            f"give the folder of one, as {gate.shown(snapshots / first)}, or "
            f"{gate.shown(_hub_id(folder))}@{gate.shown(first)}"
        )
    return next(iter(commits.values()), None)


def _hub_id(folder: Path) -> str:
    """Of a model's root in the hub's cache."""
    return folder.name.removeprefix("models--").replace("--", "/", 1)


def _fetched(hub: str) -> Path | None:
    """Where 'nast model download' puts a hub id that is no known model."""
    folder = zoo.MODELS_FOLDER / hub.replace("/", "--")
    return folder if folder.is_dir() else None


def _nothing(spec: str, folder: Path, hub: str) -> str:
    missing = f"there is no folder {gate.shown(folder)}; give the path of a folder with a model's config and weights"
    if HUB_ID.fullmatch(hub) and not hub.startswith("."):
        return (
            f"{missing}; if {gate.shown(hub)} is a hub id, fetch it first with 'nast model download {gate.shown(spec)}'"
        )
    if near := zoo.near_names(spec):
        return f"{missing}, or a known model's name (did you mean {' or '.join(near)}?)"
    return missing
