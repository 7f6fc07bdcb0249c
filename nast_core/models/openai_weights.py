"""OpenAI's CLIP weights, told from a file: they need quick_gelu, and with gelu they load without a word and embed
wrongly.

A file is OpenAI's for certain where its sha256 is one that OpenAI or its mirrors published. Saved anew it has another
sha256; what stays is that OpenAI released its matrices in half precision, so in single precision every value is still
one of half precision, which no training in single precision leaves. Fine-tunes keep neither, hence the warning.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from nast_core.errors import ModelError
from nast_core.models import weights

QUICK_GELU = "quick_gelu"
_VOCABULARY = 49408  # rows of OpenAI's token embedding; weights of another size have another origin
_PUBLISHED = {  # sha256 -> file, as the hubs record them
    "a63082132ba4f97a80bea76823f544493bffa8082296d62d71581a4feff1576f": "openai/clip-vit-base-patch32, "
    "pytorch_model.bin",
    "99d28a652e6ec46629ab7047a0ac82c69b1fe11e0ce672c43af65d3a9a3fc05d": "openai/clip-vit-base-patch32, "
    "model.safetensors",
    "ec89c7b09c749a60aae3c9cd910516f24b58214a7df060b48962d14c469cfbf0": "openai/clip-vit-base-patch16, "
    "pytorch_model.bin",
    "f1a17cdbe0f36fec524f5cafb1c261ea3bbbc13e346e0f74fc9eb0460dedd0d3": "openai/clip-vit-large-patch14, "
    "pytorch_model.bin",
    "a2bf730a0c7debf160f7a6b50b3aaf3703e7e88ac73de7a314903141db026dcb": "openai/clip-vit-large-patch14, "
    "model.safetensors",
    "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31": "timm/vit_base_patch32_clip_224.openai",
    "4b8699299b1e8997753c64b052ba32031449d5d853f55a039148560ee02b820f": "timm/vit_base_patch16_clip_224.openai",
    "9ce2e8a8ebfff3793d7d375ad6d3c35cb9aebf3de7ace0fc7308accab7cd207e": "timm/vit_large_patch14_clip_224.openai",
    "da0baa37fb2211eee5729ab69ed587eb10d48f5b7076ceeed01552fc3d4cb4ee": "timm/resnet50_clip.openai",
}


def check_activation(
    path: Path, activations: Sequence[str | None], *, vocabulary: int, probe: str, remedy: str
) -> tuple[str, ...]:
    """Warnings to show, where the config's ``activations`` are not all quick_gelu.

    ``vocabulary``: rows of the token embedding. ``probe``: a matrix of the text tower, by its name in the file
    ``path``.
    ``remedy``: what to change in the config. Raises ModelError where the file is OpenAI's for certain.
    """
    if vocabulary != _VOCABULARY or all(activation == QUICK_GELU for activation in activations):
        return ()
    names = " and ".join(sorted({str(activation) for activation in activations}))
    if name := published(path):
        raise ModelError(
            f"{path} is OpenAI's own file ({name}), trained with quick_gelu, and the config says {names}: {remedy}"
        )
    if _is_half(weights.one(path, probe)):
        return (
            f"the config says {names}, and every value of {probe} is one of half precision, as in OpenAI's release, "
            f"which needs quick_gelu: if these weights are OpenAI's, {remedy}",
        )
    return (
        f"the config says {names}; weights that come from OpenAI, fine-tunes of them too, need quick_gelu, and load "
        "without an error either way: check what these were trained with",
    )


def published(path: Path) -> str | None:
    """Which of OpenAI's files this is, byte for byte; None for any other."""
    digest = sha256(path)
    return _PUBLISHED.get(digest) or _archives().get(digest)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _archives() -> dict[str, str]:
    """OpenAI's TorchScript archives: open_clip's table of addresses, whose last folder but one is the sha256."""
    from open_clip.pretrained import get_pretrained_url, list_pretrained_models_by_tag

    addresses = [get_pretrained_url(name, "openai") for name in list_pretrained_models_by_tag("openai")]
    return {address.split("/")[-2]: address.rsplit("/", 1)[-1] for address in addresses}


def _is_half(tensor: Tensor | None) -> bool:
    """Single precision whose every value is one of half precision."""
    return tensor is not None and tensor.dtype == torch.float32 and bool(torch.equal(tensor.half().float(), tensor))
