"""``open_clip:ARCH/PRETRAINED``: one of open_clip's architectures with weights that are on this machine.

PRETRAINED is one of open_clip's tags, if its files are in a cache, or the path of a weights file. What open_clip knows
of the two is laid out as a folder of links, so that the model then loads, and is checked, like any other folder.
Nothing is downloaded, and an architecture alone is refused: it would be a random model.
"""

import json
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from open_clip import get_model_config, list_models
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

from nast_core.errors import ModelError
from nast_core.files.gate import shown
from nast_core.files.writing import user_cache, whole
from nast_core.models import zoo
from nast_core.models.specs import OPEN_CLIP
from nast_core.models.torchscript import is_torchscript

_PREPROCESS = ("mean", "std", "interpolation", "resize_mode")
_TOKENIZER_FILES = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt",
    "spiece.model", "sentencepiece.bpe.model",
)  # fmt: skip


def lay_out(spec: str) -> tuple[Path, tuple[str, ...]]:
    """(folder with config, weights and tokenizer; warnings to show with the model).

    Raises ModelError for an unknown architecture, no or an unknown PRETRAINED, and files that are not on this machine.
    """
    arch, _, pretrained = spec.removeprefix(OPEN_CLIP).partition("/")
    config = get_model_config(arch) if arch else None
    if config is None:
        near = get_close_matches(arch, list_models(), n=3, cutoff=0.5) or ["ViT-B-32"]
        raise ModelError(f"open_clip has no architecture {shown(arch)!r}; did you mean {' or '.join(near)}?")
    tags = list_pretrained_tags_by_model(arch)
    tag = get_pretrained_cfg(arch, pretrained) if pretrained else {}
    if not tag and not os.path.isfile(os.path.expanduser(pretrained)):
        missing = f"there is no tag or file {shown(pretrained)!r}" if pretrained else "which weights is not said"
        raise ModelError(
            f"{spec}: {missing}, and without weights the model would be random; write {OPEN_CLIP}{arch}/PRETRAINED "
            f"with a path, or one of open_clip's tags: {', '.join(tags) or 'it has none'}"
        )
    weights = _cached_weights(arch, pretrained, tag) if tag else Path(pretrained).expanduser().absolute()
    if is_torchscript(weights):
        raise ModelError(
            f"{weights} is a TorchScript archive; make a folder of it once with 'nast model convert {weights} --out "
            "FOLDER', then load that"
        )
    links = {
        f"open_clip_model{weights.suffix}"
        if weights.suffix == ".safetensors"
        else "open_clip_pytorch_model.bin": weights
    }
    if tokenizer := config["text_cfg"].get("hf_tokenizer_name"):
        links |= _tokenizer(spec, tokenizer)
    preprocess, warnings = _preprocess(arch, tags, tag)
    config["quick_gelu"] = bool(tag.get("quick_gelu") if tag else config.get("quick_gelu"))  # the tag knows its own
    folder = _folder(arch, pretrained)
    _write(folder, {"model_cfg": config, "preprocess_cfg": preprocess}, links)
    return folder, warnings


def sources(spec: str) -> list[Path]:
    """The files that ``lay_out`` would link to. Raises ModelError where one is not on this machine."""
    arch, _, pretrained = spec.removeprefix(OPEN_CLIP).partition("/")
    config = get_model_config(arch) if arch else None
    if config is None:
        return []
    tag = get_pretrained_cfg(arch, pretrained)
    weights = _cached_weights(arch, pretrained, tag) if tag else Path(pretrained).expanduser().absolute()
    tokenizer = config["text_cfg"].get("hf_tokenizer_name")
    return [weights.resolve(), *(_tokenizer(spec, tokenizer).values() if tokenizer else ())]


def _cached_weights(arch: str, name: str, tag: dict[str, Any]) -> Path:
    from huggingface_hub import try_to_load_from_cache

    repository, _, file = tag.get("hf_hub", "").rpartition("/")
    files = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    if file.endswith((".bin", ".pth")):
        files = [f"{file[:-4]}.safetensors", file]
    for candidate in files if repository else ():
        if isinstance(path := try_to_load_from_cache(repository, candidate), str):
            return Path(path)
    address = tag.get("url", "")
    local = Path("~/.cache/clip").expanduser() / address.rsplit("/", 1)[-1]  # where open_clip puts them
    if address and local.is_file():
        return local
    where = f"run 'hf download {repository} {files[0]}'" if repository else f"get {address}"
    raise ModelError(
        f"the weights of {arch}/{name} are not on this machine; {where} where there is a network, or write "
        f"{OPEN_CLIP}{arch}/PATH with the path of a file that has them"
    )


def _tokenizer(spec: str, name: str) -> dict[str, Path]:
    cached = zoo.cached(name)
    files = {file: cached / file for file in _TOKENIZER_FILES if (cached / file).is_file()} if cached else {}
    if not files:
        raise ModelError(
            f"{spec} reads texts with the tokenizer of {name}, which is not on this machine; run 'hf download {name} "
            "tokenizer.json tokenizer_config.json' where there is a network"
        )
    return files


def _preprocess(arch: str, tags: Iterable[str], tag: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A tag's own; for a file, what every tag of the architecture has, or open_clip's default and a warning."""
    configs = [tag] if tag else [get_pretrained_cfg(arch, name) for name in tags]
    kinds = {json.dumps({key: cfg[key] for key in _PREPROCESS if key in cfg}) for cfg in configs}
    if len(kinds) == 1:
        return json.loads(kinds.pop()), ()
    return {}, (
        f"the file does not say how its images were normalised, and open_clip's own {arch} models differ in it; "
        "OpenAI's mean and std are used",
    )


def _folder(arch: str, pretrained: str) -> Path:
    return (
        user_cache()
        / "open_clip"
        / f"{arch}--{'-'.join(part for part in Path(pretrained).expanduser().parts if part != os.sep)}"
    )


def _write(folder: Path, config: dict[str, Any], links: dict[str, Path]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if old.name not in (*links, "open_clip_config.json"):
                old.unlink()
        for name, target in links.items():
            fresh = folder / f".{name}.{os.getpid()}"  # a link is replaced in one step: another process may be reading
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(target.resolve())
            fresh.replace(folder / name)
        with whole(folder / "open_clip_config.json") as temporary:
            temporary.write_text(json.dumps(config, indent=2), "utf-8")
    except OSError as error:
        raise ModelError(
            f"{folder} cannot be written ({error.strerror or error}); set XDG_CACHE_HOME elsewhere"
        ) from error
