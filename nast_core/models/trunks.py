"""What chest X-ray families put together from bare weights share: towers from configs, strict loading, the encoder.

Their checkpoints hold named tensors and no code. A family lays library modules out under the names of its file and
loads them here; a tensor that is missing or of another shape is refused, and one of no known use is reported.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet
from transformers import BertConfig, BertModel, BertTokenizer, PretrainedConfig, SwinConfig, SwinModel

from nast_core.errors import ModelError
from nast_core.models import allowed, model_files, weights
from nast_core.models.allowed import Keys, Width, taken
from nast_core.models.bert import BertTextTower
from nast_core.models.encoder import DualEncoder, LoadReport
from nast_core.models.hf_tokens import check_vocabulary
from nast_core.models.staged import from_library, tokenizer_config, tokenizer_files
from nast_core.models.valueless import valueless

CLINICAL_BERT = "config.json and vocab.txt of emilyalsentzer/Bio_ClinicalBERT"
SWIN_TINY = "config.json of microsoft/swin-tiny-patch4-window7-224"
Transform = Callable[[Image.Image], Float[Tensor, "channel height width"]]
See = Callable[[Float[Tensor, "image channel height width"]], Float[Tensor, "image dim"]]

_SWIN_NAMES = (  # as checkpoints have it -> as transformers 5 has it; tried in order
    (r"\.attention\.self\.(query|key|value)\.", lambda m: f".attention.{m[1][0]}_proj."),
    (r"\.attention\.self\.(?=relative_position_bias_table$)", ".attention.relative_position_bias."),
    (r"\.attention\.output\.dense\.", ".attention.o_proj."),
    (r"\.intermediate\.dense\.", ".mlp.fc1."),
    (r"\.output\.dense\.", ".mlp.fc2."),
)


class Assembled(DualEncoder):
    """Towers put together by a family's file; ``see`` is its image call, ``transform`` its preprocessing."""

    def __init__(self, parts: nn.Module, see: See, transform: Transform, **common):
        super().__init__(**common)
        self.parts, self.see, self.transform = parts, see, transform

    @property
    def module(self) -> nn.Module:
        return self.parts

    def preprocess(self, image: Image.Image) -> Tensor:
        return self.transform(image)

    def encode_pixels(self, pixels: Tensor) -> Tensor:
        return self.see(pixels)


def assemble(
    parts: nn.Module,
    text: BertTextTower,
    see: See,
    transform: Transform,
    *,
    rows: Mapping[str, str],
    unused: tuple[str, ...],
    device: torch.device,
    dtype: torch.dtype,
    **common,
) -> Assembled:
    """The finished encoder: moved, frozen and fingerprinted. ``rows``: what the family adds to the load report.

    ``common``: card, logit_scale, image_size and limits, as DualEncoder has them.
    """
    normalizer = text.tokenizer.backend_tokenizer.normalizer
    lower = normalizer is not None and normalizer.normalize_str("A") == "a"
    parts.to(device=device, dtype=dtype).eval().requires_grad_(False)
    return Assembled(
        parts,
        see,
        transform,
        text=text,
        report=LoadReport(
            rows={
                "Text tower": f"{text.n_layers} layers x {text.n_heads} heads, width {text.width}, bidirectional",
                "Pooling": text.pooling,
                "Context": f"{text.context_length} tokens",
                "Tokenizer": f"WordPiece, {len(text.tokenizer)} tokens, {'lower-cased' if lower else 'case kept'}",
                "Activation": str(text.bert.config.hidden_act),
                **rows,
            },
            unused_keys=unused,
            warnings=tuple(_warnings(text, unused)),
        ),
        fingerprint=model_files.fingerprint(parts),
        parameters=sum(p.numel() for p in parts.parameters()),
        dtype=dtype,
        **common,
    )


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], path: Path, *, dropped: str) -> tuple[str, ...]:
    """Fills ``module`` from ``tensors``; returns names of no known use.

    ``dropped``: regular expression of whole names that the embeddings never read. Raises ModelError for a weight that
    is missing, or has another shape than the module.
    """
    own = module.state_dict()
    model_files.refuse_missing(path, own.keys() - tensors.keys())
    model_files.refuse_mismatched(
        path, [(name, tensors[name].shape, own[name].shape) for name in own if tensors[name].shape != own[name].shape]
    )
    module.load_state_dict({name: tensors[name] for name in own}, assign=True)  # a copy would hold every weight twice
    return tuple(sorted(name for name in tensors.keys() - own.keys() if not re.fullmatch(dropped, name)))


def width_of(tensors: Mapping[str, Tensor], name: str, path: Path) -> int:
    """The output width of a projection. Raises ModelError where the file has none."""
    if name not in tensors or not tensors[name].ndim:
        model_files.refuse_missing(path, [name])
    return tensors[name].shape[0]


class BertKeys(allowed.Bert):
    projection_size: Width | None = None  # of CXR-BERT


def read_bert(folder: Path, whose: str, path: Path) -> BertModel:
    """A BertModel, without pooler, of ``folder``/config.json, whose weights have no value yet.

    ``whose`` says what to copy there; ``path`` is the file that has to hold its weights. Raises ModelError.
    """
    types = ("bert", "cxr-bert")
    return _empty(folder, BertConfig, BertKeys, types, lambda c: BertModel(c, add_pooling_layer=False), whose, path)


def read_swin(folder: Path, whose: str, path: Path) -> SwinModel:
    """A SwinModel, as ``read_bert`` says."""
    return _empty(folder, SwinConfig, allowed.Swin, ("swin",), SwinModel, whose, path)


def _empty(
    folder: Path,
    config: type[PretrainedConfig],
    keys: type[Keys],
    types: tuple[str, ...],
    build: Callable,
    whose: str,
    weights_path: Path,
) -> Any:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"{path} is missing and the weights do not bring it; copy {whose} into {folder}")
    values = model_files.read_json(path)
    if (kind := values.get("model_type", types[0])) not in types:
        raise ModelError(f"{path} is of model type {kind!r}, not {types[0]!r}; copy {whose} into {folder}")
    with model_files.leading(f"{path} describes no {types[0]} model, so copy {whose} into {folder}"):
        settings = config.from_dict(taken(keys, values, path.name))
        with torch.device("meta"):
            wanted = sum(parameter.numel() for parameter in build(settings).parameters())
        weights.check_size(weights_path, wanted, str(path))
        with valueless():
            return build(settings)


def read_tokenizer(folder: Path, bert: BertModel, whose: str) -> BertTokenizer:
    """WordPiece as the folder has it; without a tokenizer_config.json it lower-cases, as transformers always did.

    Raises ModelError: no vocabulary, unreadable, or more tokens than ``bert`` embeds.
    """
    if not any((folder / name).is_file() for name in ("vocab.txt", "tokenizer.json")):
        # transformers would go on with a tokenizer that knows no word
        raise ModelError(f"{folder} has no tokenizer (vocab.txt or tokenizer.json); copy {whose} into it")
    with model_files.leading(f"the tokenizer in {folder} does not load, so copy {whose} into it"):
        own = {key: value for key, value in tokenizer_config(folder).items() if key != "tokenizer_class"}
        with tokenizer_files(folder, own) as place:
            tokenizer = from_library(BertTokenizer, place)
    check_vocabulary(folder, tokenizer, bert.config.vocab_size)
    return tokenizer


def build_resnet(tensors: Mapping[str, Tensor], prefix: str) -> ResNet:
    """An empty torchvision ResNet of bottlenecks, as deep and wide as the weights under ``prefix``, ending before
    ``fc``.

    Every published checkpoint here is a ResNet-50; depth and width are read so that its variants load too.
    """

    def depth(layer: int) -> int:
        name = re.compile(rf"{re.escape(prefix)}layer{layer}\.(\d+)\.conv1\.weight")
        return max(1, sum(1 for key in tensors if name.fullmatch(key)))

    first = tensors.get(f"{prefix}layer1.0.conv1.weight")
    net = ResNet(
        Bottleneck, [depth(i) for i in (1, 2, 3, 4)], width_per_group=64 if first is None else max(1, first.shape[0])
    )
    net.fc = nn.Identity()
    return net


def describe_resnet(net: ResNet) -> str:
    blocks = sum(len(layer) for layer in (net.layer1, net.layer2, net.layer3, net.layer4))
    return f"ResNet-{3 * blocks + 2}"


def feature_map(net: ResNet, pixels: Tensor) -> Float[Tensor, "image 2048 row column"]:
    """What a ResNet's last block gives, before pooling."""
    x = net.maxpool(net.relu(net.bn1(net.conv1(pixels))))
    return net.layer4(net.layer3(net.layer2(net.layer1(x))))


def describe_swin(swin: SwinModel) -> str:
    config = swin.config
    return f"Swin, depths {'-'.join(map(str, config.depths))}, patch {config.patch_size}, window {config.window_size}"


def new_swin_names(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The same tensors, with Swin names under ``prefix`` as transformers 5 has them; new names stay as they are."""

    def new(name: str) -> str:
        if name.startswith(prefix):
            for old, replacement in _SWIN_NAMES:
                name = re.sub(old, replacement, name)
        return name

    return {new(name): tensor for name, tensor in tensors.items()}


def _warnings(text: BertTextTower, unused: tuple[str, ...]) -> Iterator[str]:
    if (have := len(text.tokenizer)) != (rows := text.bert.config.vocab_size):
        yield f"the tokenizer has {have} tokens and the model embeds {rows}: files of two models?"
    if unused:
        yield f"{len(unused)} tensors in the file are of no known use, first {unused[0]!r}: was the model changed?"
