"""A bare checkpoint, once and explicitly, into a folder that loads: config told from shapes, safetensors, card."""

import shutil
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from nast_core.errors import ModelError
from nast_core.models import model_files, openai_weights, registry, zoo
from nast_core.models.checkpoint import read_checkpoint
from nast_core.models.layouts import LAYOUTS, Job, Wishes, write_json
from nast_core.models.zoo import ZooCard


def convert(source: Path, out: Path, wishes: Wishes | None = None, *, known_as: str | None = None) -> Path:
    """Writes ``source``'s weights to the new folder ``out`` in a layout that ``load_model`` knows, and loads it once.

    Understood: OpenAI's archives and native names (CheXzero, open_clip's own training), Hugging Face CLIPModel names
    (RadCLIP), UniMed-CLIP and CXR-CLIP. No code in the file is run. ``known_as``: a name of the zoo, where the file's
    own name does not tell.

    Raises ModelError for a file that needs code to load, for names of no known layout, for what is missing beside it,
    for a folder that then does not load, and where ``out`` exists. Nothing is left behind in any of these cases.
    """
    if out.exists():
        raise ModelError(f"{out} exists already; give the name of a new folder")
    card = zoo.need_card(known_as) if known_as else _card(source)
    checkpoint = read_checkpoint(source)
    write = next((write for recognises, write in LAYOUTS if recognises(checkpoint.weights)), None)
    if write is None:
        raise ModelError(
            f"{source} holds no CLIP that can be converted: its first weights are {sorted(checkpoint.weights)[:3]}. "
            "OpenAI's and "
            "open_clip's native names, Hugging Face CLIPModel names, UniMed-CLIP and CXR-CLIP are understood; "
            "weights of another model load as they are from a folder with the config that belongs to them"
        )
    incoming = out.with_name(f".{out.name}.incoming")
    shutil.rmtree(incoming, ignore_errors=True)
    try:
        incoming.mkdir(parents=True)
        record = _record(source, card) | _written(write, Job(checkpoint, card, wishes or Wishes(), incoming))
        write_json(incoming / "nast.json", record)
        encoder = registry.load_model(incoming, device="cpu")
        write_json(incoming / "nast.json", record | {"fingerprint": encoder.fingerprint})
        incoming.rename(out)
    except (OSError, SafetensorError) as error:  # safetensors wraps what the system says
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"{out} cannot be written ({reason}); make room, or choose another place") from None
    except ModelError as error:
        raise ModelError(str(error).replace(str(incoming), str(out))) from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)
    return out


def _written(write: Callable[[Job], dict[str, Any]], job: Job) -> dict[str, Any]:
    """What a layout's writer says. Raises ModelError for a file that has a layout's names and not its shapes."""
    try:
        return write(job)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ModelError(
            f"{job.checkpoint.path} has names of a known layout and not its shapes "
            f"({model_files.first_line(error)}); get another"
        ) from error


def _card(source: Path) -> ZooCard | None:
    return next((card for card in zoo.zoo() if any(fnmatch(source.name, name) for name in card.checkpoints)), None)


def _record(source: Path, card: ZooCard | None) -> dict[str, Any]:
    """The card that travels with the folder."""
    about = {"name": card.name, "licence": card.licence, "paper": card.paper} if card else {"name": source.stem}
    return about | {"converted_from": source.name, "sha256": openai_weights.sha256(source)}
