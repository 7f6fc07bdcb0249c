"""A bare state dict, once and explicitly, into a folder that loads: config inferred from shapes, safetensors, card."""

import json
import pickle
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from nast_core.errors import ModelError

Weights = dict[str, Tensor]
_HEAD = 64  # channels a head in every OpenAI CLIP, which state dicts do not record
_OPENAI_MEAN, _OPENAI_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # numbers that OpenAI's archives carry along


def convert(source: Path, out: Path, *, quick_gelu: bool = True) -> Path:
    """Writes ``source``'s weights to the new folder ``out`` in a layout that ``load_model`` knows.

    Understood: OpenAI's and open_clip's native names (CheXzero, open_clip training checkpoints) and Hugging Face
    CLIPModel names (RadCLIP). The file is read with weights_only, so no code in it runs. Raises ModelError for a file
    that needs more than that, for other names, and where ``out`` exists.
    """
    if out.exists():
        raise ModelError(f"{out} exists already; give the name of a new folder")
    weights = _read(source)
    for recognises, write in _LAYOUTS:
        if recognises(weights):
            incoming = out.with_name(f".{out.name}.incoming")
            shutil.rmtree(incoming, ignore_errors=True)
            incoming.mkdir(parents=True)
            write(weights, incoming, quick_gelu)
            record = {"name": source.stem, "converted_from": source.name, "quick_gelu": quick_gelu}
            (incoming / "nast.json").write_text(json.dumps(record, indent=2), "utf-8")
            incoming.rename(out)
            return out
    raise ModelError(
        f"{source} holds no CLIP that can be converted: its first weights are {sorted(weights)[:3]}; OpenAI, open_clip "
        "native and Hugging Face CLIPModel names are understood"
    )


def _read(source: Path) -> Weights:
    if not source.is_file():
        raise ModelError(f"there is no file {source}; give the path of a checkpoint (.pt, .pth, .bin, .tar)")
    if _is_torchscript(source):
        raise ModelError(
            f"{source} is a TorchScript archive, which holds code as well as weights, so it was not loaded; either get "
            "the same model as safetensors, or, if you trust the file, save its state_dict() with torch yourself and "
            "convert that"
        )
    try:
        found = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = (
            str(error).split("GLOBAL ")[-1].split(" ")[0] if "GLOBAL" in str(error) else "other objects than tensors"
        )
        raise ModelError(
            f"{source} is a pickle that needs more than weights ({wanted}), so loading it could run code; it was not "
            "loaded: either ask its authors for safetensors, or, if you trust it, save its state_dict with torch "
            "yourself and convert that"
        ) from None
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise ModelError(f"{source} is cut off or is not a torch file ({reason}); download it again") from None
    for key in ("state_dict", "model", "model_state_dict"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise ModelError(f"{source} holds a {type(found).__name__}, not a dictionary of weights")
    return {name.removeprefix("module."): value for name, value in found.items() if name not in _NOT_WEIGHTS}


def _is_torchscript(source: Path) -> bool:
    if not zipfile.is_zipfile(source):
        return False
    with zipfile.ZipFile(source) as archive:
        return any("/code/" in name for name in archive.namelist())


def _count(weights: Weights, prefix: str) -> int:
    """Layers numbered right after ``prefix``."""
    return 1 + max(int(name[len(prefix) :].split(".")[0]) for name in weights if name.startswith(prefix))


def _native(weights: Weights) -> bool:
    return "visual.conv1.weight" in weights and "transformer.resblocks.0.attn.in_proj_weight" in weights


def _write_native(weights: Weights, folder: Path, quick_gelu: bool) -> None:
    patch, width = weights["visual.conv1.weight"].shape[-1], weights["visual.conv1.weight"].shape[0]
    grid = round((weights["visual.positional_embedding"].shape[0] - 1) ** 0.5)
    context, text_width = weights["positional_embedding"].shape
    config = {
        "embed_dim": weights["text_projection"].shape[1],
        "quick_gelu": quick_gelu,
        "vision_cfg": {
            "image_size": patch * grid,
            "layers": _count(weights, "visual.transformer.resblocks."),
            "width": width,
            "head_width": _HEAD,
            "patch_size": patch,
        },
        "text_cfg": {
            "context_length": context,
            "vocab_size": weights["token_embedding.weight"].shape[0],
            "width": text_width,
            "heads": max(1, text_width // _HEAD),
            "layers": _count(weights, "transformer.resblocks."),
        },
    }
    preprocess = {"mean": _OPENAI_MEAN, "std": _OPENAI_STD}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2), "utf-8"
    )
    plain = {name: value.float().contiguous().clone() for name, value in weights.items() if name != "attn_mask"}
    save_file(plain, folder / "open_clip_model.safetensors")


def _hugging_face(weights: Weights) -> bool:
    return "text_model.encoder.layers.0.self_attn.q_proj.weight" in weights and "visual_projection.weight" in weights


def _write_hugging_face(weights: Weights, folder: Path, quick_gelu: bool) -> None:
    from transformers import CLIPConfig, CLIPImageProcessor

    act = "quick_gelu" if quick_gelu else "gelu"
    context, text_width = weights["text_model.embeddings.position_embedding.weight"].shape
    width, _, patch, _ = weights["vision_model.embeddings.patch_embedding.weight"].shape
    size = patch * round((weights["vision_model.embeddings.position_embedding.weight"].shape[0] - 1) ** 0.5)
    vocabulary, dim = (
        weights["text_model.embeddings.token_embedding.weight"].shape[0],
        weights["text_projection.weight"].shape[0],
    )

    def tower(prefix: str, wide: int) -> dict:
        return {
            "hidden_size": wide,
            "intermediate_size": weights[f"{prefix}.encoder.layers.0.mlp.fc1.weight"].shape[0],
            "num_hidden_layers": _count(weights, f"{prefix}.encoder.layers."),
            "num_attention_heads": max(1, wide // _HEAD),
            "hidden_act": act,
            "projection_dim": dim,
        }

    text = tower("text_model", text_width) | {
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "bos_token_id": vocabulary - 2,
        "eos_token_id": vocabulary - 1,
    }
    vision = tower("vision_model", width) | {"image_size": size, "patch_size": patch}
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=dim)
    config.architectures = ["CLIPModel"]
    config.save_pretrained(folder)
    plain = {n: v.float().contiguous().clone() for n, v in weights.items() if not n.endswith("position_ids")}
    save_file(plain, folder / "model.safetensors", metadata={"format": "pt"})
    openai_tokenizer().save_pretrained(folder)
    CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size}).save_pretrained(folder)


def openai_tokenizer():
    """OpenAI CLIP's tokenizer from the merges that open_clip ships, for checkpoints that came without one."""
    from open_clip.tokenizer import SimpleTokenizer
    from transformers import CLIPTokenizer

    bundled = SimpleTokenizer()
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    ids = {names.get(piece, piece): i for piece, i in bundled.encoder.items()}
    merges = sorted(bundled.bpe_ranks, key=bundled.bpe_ranks.__getitem__)
    return CLIPTokenizer(vocab=ids, merges=merges, model_max_length=bundled.context_length or 77)


_LAYOUTS: tuple[tuple[Callable[[Weights], bool], Callable[[Weights, Path, bool], None]], ...] = (
    (_native, _write_native),
    (_hugging_face, _write_hugging_face),
)
