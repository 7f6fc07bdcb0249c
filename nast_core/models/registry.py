"""From what a user types to a loaded model: the family is told from the files."""

import os
import re
from importlib import import_module
from pathlib import Path

import torch

from nast_core.errors import ModelError
from nast_core.models import files, zoo
from nast_core.models.encoder import Card, DualEncoder
from nast_core.models.zoo import ZooCard

DEMO_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "demo-clip"
FAMILIES: dict[str, str] = {  # family -> module; tried in this order
    "Hugging Face CLIP": "nast_core.models.huggingface_clip",
    "open_clip": "nast_core.models.open_clip_native",
    "open_clip BERT": "nast_core.models.open_clip_bert",
    "open_clip custom text": "nast_core.models.open_clip_text",
    "BioViL": "nast_core.models.biovil",
    "CXR-CLIP": "nast_core.models.cxr_clip",
    "MedCLIP": "nast_core.models.medclip",
    "Hugging Face SigLIP": "nast_core.models.siglip",
    "VisionTextDualEncoder": "nast_core.models.vision_text_dual",
    "Chinese-CLIP": "nast_core.models.chinese_clip",
}
DTYPES = {"float32": torch.float32, "float64": torch.float64, "bfloat16": torch.bfloat16, "float16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """``auto``: CUDA, else Apple's MPS, else the CPU. Raises ModelError for a device this machine lacks."""
    have = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if have[kind]))
    if not have.get(name.split(":")[0], False):
        raise ModelError(f"this machine has no device {name!r}; it has {', '.join(k for k, v in have.items() if v)}")
    try:
        return torch.device(name)
    except RuntimeError:
        raise ModelError(f"{name!r} is not a device; write for example cpu or cuda:0") from None


def load_model(spec: str | Path = "demo", *, device: str = "auto", dtype: str = "float32") -> DualEncoder:
    """A model from ``demo``, a folder in a known family's own layout, a zoo card's name, or a cached hub id.

    Raises ModelError, with what to do, where the folder, its weights or its family are not as needed.
    """
    folder, card = _resolve(str(spec))
    files.check_folder(folder)
    family = detect_family(folder)
    try:
        kind = DTYPES[dtype]
    except KeyError:
        raise ModelError(f"unknown precision {dtype!r}; choose one of {', '.join(DTYPES)}") from None
    about = _card(folder, family, spec == "demo", card)
    return import_module(FAMILIES[family]).load(folder, about, pick_device(device), kind)


_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w.-]+)?")


def _resolve(spec: str) -> tuple[Path, ZooCard | None]:
    """The folder that a spec names, and the zoo card it goes by. Nothing is downloaded here."""
    if spec == "demo":
        if not DEMO_FOLDER.exists():
            raise ModelError("the demo CLIP is not in assets/demo-clip; build it with 'nast demo build'")
        return DEMO_FOLDER, None
    folder = Path(os.path.expanduser(spec.removeprefix("local-dir:")))
    hub, _, revision = spec.partition("@")
    card = zoo.find_card(hub)
    if os.path.exists(folder):  # unlike Path.exists, never raises
        return folder, card
    if card is not None:
        found = zoo.on_this_machine(card)
        if found is None:
            raise ModelError(f"{card.name} is not on this machine. {zoo.how_to_get(card)}")
        return found, card
    if _HUB_ID.fullmatch(spec) and (found := zoo.cached(hub, revision or None)):
        return found, None
    return folder, None


def detect_family(folder: Path) -> str:
    """The family whose layout the files have. Raises ModelError, saying what was found, for any other."""
    for family, module in FAMILIES.items():
        if import_module(module).recognises(folder):
            return family
    config = folder / "config.json"
    if config.exists():
        kind = files.read_json(config).get("model_type", "nothing")
        found = f"a config.json of model type {kind!r}"
    elif (folder / "open_clip_config.json").exists():
        found = "an open_clip config with a custom text tower"
    else:
        names = sorted(path.name for path in folder.iterdir())[:6]
        found = f"no config.json or open_clip_config.json, only {names}" if names else "an empty folder"
    raise ModelError(f"{folder} is of no family that can be loaded ({', '.join(FAMILIES)}): found {found}")


def _card(folder: Path, family: str, is_demo: bool, known: ZooCard | None = None) -> Card:
    record = {}
    if (path := folder / "nast.json").exists():
        record = files.read_json(path)
    return Card(
        name=record.get("name", known.name if known else folder.resolve().name),
        source="demo" if is_demo else str(folder),
        family=family,
        licence=record.get("licence", known.licence if known else "not stated"),
        revision=record.get("revision", (known.revision or "") if known else ""),
        conditions=tuple(record.get("conditions", ())),
        fingerprint=record.get("fingerprint", ""),
    )
