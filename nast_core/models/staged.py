"""A folder that libraries may read: checked configs written anew, vocabularies copied, and nothing else.

Whatever a library would look for beside them (modules, adapters, templates, links) is not there. The one place that
calls a library's ``from_pretrained``.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from nast_core.errors import ModelError
from nast_core.files import gate
from nast_core.models import model_files
from nast_core.models.allowed import Id, Keys, Number, Pixels, Sides, Text, Word, taken
from nast_core.models.tokenizer_file import MOST_ADDED, checked_content

VOCABULARIES = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"
_MOST = 64 * gate.MB  # of a vocabulary: the largest known has 34

TokenizerClass = Literal[
    "BertTokenizer", "BertTokenizerFast", "BertTokenizerLegacy", "BertJapaneseTokenizer", "CLIPTokenizer",
    "CLIPTokenizerFast",
    "CXRBertTokenizer", "DistilBertTokenizer", "DistilBertTokenizerFast", "GemmaTokenizer", "GemmaTokenizerFast",
    "GPT2Tokenizer", "GPT2TokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizer",
    "PreTrainedTokenizerFast", "RobertaTokenizer", "RobertaTokenizerFast", "SiglipTokenizer", "Siglip2Tokenizer",
    "T5Tokenizer", "T5TokenizerFast", "TokenizersBackend", "XLMRobertaTokenizer", "XLMRobertaTokenizerFast",
]  # fmt: skip


class _Added(Keys):
    """A special token, as an object."""

    model_config = ConfigDict(populate_by_name=True)

    kind: Literal["AddedToken"] = Field("AddedToken", alias="__type")
    content: Text = ""
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = False
    special: bool = True


_Token = Text | _Added | None
_Number = Annotated[str, Field(pattern=r"^[0-9]{1,7}$")]


class _Special(Keys):
    """special_tokens_map.json."""

    bos_token: _Token = None
    eos_token: _Token = None
    unk_token: _Token = None
    sep_token: _Token = None
    pad_token: _Token = None
    cls_token: _Token = None
    mask_token: _Token = None
    additional_special_tokens: Annotated[list[Text | _Added], Field(max_length=2_000)] | None = None
    extra_special_tokens: Annotated[list[Text | _Added], Field(max_length=2_000)] | dict[Word, Text | _Added] | None = (
        None
    )


class Tokenizer(_Special):
    """tokenizer_config.json."""

    tokenizer_class: TokenizerClass | None = None
    added_tokens_decoder: Annotated[dict[_Number, _Added], Field(max_length=MOST_ADDED)] = Field(default_factory=dict)
    model_max_length: Annotated[int, Field(ge=1)] | Annotated[float, Field(ge=1)] | None = None
    padding_side: Literal["left", "right"] = "right"
    truncation_side: Literal["left", "right"] = "right"
    do_lower_case: bool | None = None
    do_basic_tokenize: bool = True
    strip_accents: bool | None = None
    tokenize_chinese_chars: bool = True
    add_prefix_space: bool | None = None
    add_bos_token: bool | None = None
    add_eos_token: bool | None = None
    add_dummy_prefix: bool | None = None
    trim_offsets: bool = True
    legacy: bool | None = None
    extra_ids: Annotated[int, Field(ge=0, le=1_000)] = 0
    errors: Literal["replace", "strict", "ignore"] = "replace"
    clean_up_tokenization_spaces: bool | None = None
    split_special_tokens: bool = False
    model_input_names: Annotated[list[Word], Field(max_length=8)] | None = None
    backend: Literal["tokenizers"] | None = None


_Mean = Annotated[list[Number], Field(min_length=1, max_length=4)] | Number
_Deviation = Annotated[float, Field(gt=0, le=1e6)]


class Preprocessor(Keys):
    """preprocessor_config.json, and what processor_config.json has under image_processor."""

    image_processor_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,40}ImageProcessor(Fast|Pil)?$")] | None = None
    feature_extractor_type: Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,40}FeatureExtractor$")] | None = None
    do_resize: bool | None = None
    size: (
        Sides
        | Annotated[dict[Literal["height", "width", "shortest_edge", "longest_edge"], Pixels], Field(min_length=1)]
    ) = 1
    resample: Annotated[int, Field(ge=0, le=5)] | None = None
    do_center_crop: bool | None = None
    crop_size: Sides | dict[Literal["height", "width", "shortest_edge"], Pixels] | None = None
    crop_pct: Annotated[float, Field(gt=0, le=1)] | None = None
    do_rescale: bool | None = None
    rescale_factor: Annotated[float, Field(gt=0, le=1e3)] = 1.0
    do_normalize: bool | None = None
    image_mean: _Mean | None = None
    image_std: Annotated[list[_Deviation], Field(min_length=1, max_length=4)] | _Deviation | None = None
    do_convert_rgb: bool | None = None
    do_pad: bool | None = None
    patch_size: Annotated[int, Field(ge=1, le=512)] = 1
    max_num_patches: Annotated[int, Field(ge=1, le=65_536)] = 1
    offset: bool | None = None


@contextmanager
def staged(folder: Path, configs: Mapping[str, Any], copied: tuple[str, ...] = ()) -> Iterator[Path]:
    """A folder with ``configs`` (file -> checked content) and those of ``copied`` that ``folder`` has, while it is
    open.

    What a library says of it names ``folder``. Raises ModelError where a file is none, too large, or has no room.
    """
    try:
        place = Path(tempfile.mkdtemp(prefix="nast-model-"))
    except OSError as error:
        raise ModelError(f"no folder can be made for temporary files ({error.strerror}); set TMPDIR to one") from None
    try:
        with model_files.speaking_of(place, folder):
            for name in copied:
                if (folder / name).exists():
                    content = gate.read_bytes(folder / name, most=_MOST, error=ModelError)
                    _write(place / name, checked_content(folder / name) if name == "tokenizer.json" else content)
            for name, value in configs.items():
                _write(place / name, json.dumps(value).encode())
            yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ModelError(f"{path.parent} cannot be written ({error.strerror or error}); make room there") from None


def from_library(library: Any, source: Path | None, **options: Any) -> Any:
    """``library.from_pretrained`` on a staged folder, or on what ``options`` bring: no remote code, and nothing is
    fetched."""
    return library.from_pretrained(source, trust_remote_code=False, local_files_only=True, **options)


def tokenizer_config(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json as far as it is read; empty where there is none.
    Raises ModelError for one that will not do."""
    path = folder / "tokenizer_config.json"
    return taken(Tokenizer, model_files.read_json(path), path.name) if path.exists() else {}


@contextmanager
def tokenizer_files(folder: Path, own: Mapping[str, Any] | None = None, **configs: Any) -> Iterator[Path]:
    """A folder's tokenizer, staged. ``own``: its tokenizer_config.json;
    ``configs``: others, name without .json -> content."""
    configs = {f"{name}.json": value for name, value in configs.items()}
    if (folder / "tokenizer_config.json").exists():
        configs["tokenizer_config.json"] = tokenizer_config(folder) if own is None else own
    if (path := folder / "special_tokens_map.json").exists():
        configs[path.name] = taken(_Special, model_files.read_json(path), path.name)
    if (path := folder / "added_tokens.json").exists():
        configs[path.name] = taken(_AddedTokens, {"tokens": model_files.read_json(path)}, path.name)["tokens"]
    with staged(folder, configs, VOCABULARIES) as place:
        yield place


class _AddedTokens(Keys):
    tokens: Annotated[dict[Text, Id], Field(max_length=MOST_ADDED)]


def preprocessor_config(folder: Path) -> dict[str, Any]:
    """What a folder says of images, as far as it is read. Raises ModelError where it will not do.

    transformers before 5 writes preprocessor_config.json; since 5 a processor's own save_pretrained writes
    processor_config.json alone, with the image processor's part in it, which the library reads first.
    """
    if (path := folder / PROCESSOR).exists() and isinstance(
        part := model_files.read_json(path).get("image_processor"), dict
    ):
        return taken(Preprocessor, part, path.name)
    return taken(Preprocessor, model_files.read_json(folder / PREPROCESSOR), PREPROCESSOR)
