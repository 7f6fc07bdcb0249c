"""Files of a model folder that keep a library busy, or end its process, are refused before it sees them."""

import json
import pickle
import struct
import time
import zipfile

import pytest
import torch
from safetensors.torch import load_file, save_file

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models.checkpoint import read_checkpoint
from nast_core.models.pickles import check_pickles
from tests.hostile import edit, refusal

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": "/////w=="}  # a trie of 4 GB, it says
AROUND = [{"Sequence": {"id": "A", "type_id": 0}}, *[{"SpecialToken": {"id": "x", "type_id": 0}}] * 1000]
TOKENIZERS = {
    "precompiled_charsmap": {"normalizer": {"type": "Sequence", "normalizers": [CHARSMAP]}},
    "precompiled_charsmap of no bytes": {"normalizer": CHARSMAP | {"precompiled_charsmap": "AAAA"}},
    "post_processor": {"post_processor": {"type": "TemplateProcessing", "single": AROUND, "pair": []}},
    "adds 200,000 tokens": {"added_tokens": [{"id": 2000 + i, "content": f"q{i}"} for i in range(200_000)]},
}


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("kind", list(TOKENIZERS))
def test_a_tokenizer_that_asks_for_more_than_any_real_one_never_reaches_its_library(trapped, family, kind):
    made = trapped(family)
    edit(made / "tokenizer.json", lambda file: file.update(TOKENIZERS[kind]))
    assert kind.removesuffix(" of no bytes") in refusal(made)


@pytest.mark.parametrize("step", ["normalizer", "pre_tokenizer"])
def test_an_expression_that_gives_up_on_a_text_is_one_sentence_though_the_library_panics(trapped, step):
    made = trapped("siglip")
    endless = {"Regex": "(a+)+!"}
    kinds = {
        "normalizer": {"type": "Replace", "pattern": endless, "content": "x"},
        "pre_tokenizer": {"type": "Split", "pattern": endless, "behavior": "Isolated", "invert": False},
    }
    edit(made / "tokenizer.json", lambda file: file.update({step: kinds[step]}))
    model, start = load_model(made, device="cpu"), time.monotonic()
    with pytest.raises(ModelError, match=r"tokenizer cannot read 'a{40}'.*retry-limit"):
        model.encode_texts(["a" * 40 + " ."])
    assert time.monotonic() - start < 20


def test_a_vocabulary_without_the_unknown_word_is_one_sentence(trapped):
    made = trapped("dual")
    (made / "vocab.txt").write_text("a\nb\n")
    (made / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    with pytest.raises(ModelError, match=r"Missing \[UNK\] token|does not load"):
        load_model(made, device="cpu").encode_texts(["edema"])


def test_padding_that_a_tokenizers_file_asks_for_is_left_to_the_call(trapped):
    made = trapped("siglip")
    before = load_model(made, device="cpu").encode_texts(["no edema"])
    endless = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": 10**9}
    endless |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "</s>"}
    short = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    edit(made / "tokenizer.json", lambda file: file.update(padding=endless, truncation=short))
    assert torch.equal(load_model(made, device="cpu").encode_texts(["no edema"]), before)


# --- pickles: {key: value}, written by hand since Python would have to hash the key first


def of_tuples(depth: int) -> bytes:
    """A dictionary whose one key is a tuple of two tuples, these the same one, and so on down."""
    return b"\x80\x02}K\x01\x85q\x00" + b"h\x00\x86q\x00" * depth + b"K\x01s."


def calling(name: bytes, argument: bytes) -> bytes:
    return b"\x80\x02}X\x01\x00\x00\x00ac" + name + b"\n" + argument + b"\x85Rs."


LARGE = b"\x8a\x06" + struct.pack("<Q", 20 * 10**9)[:6]
PICKLES = {
    "too many parts": of_tuples(200),
    "builtins.bytearray": calling(b"builtins\nbytearray", LARGE),
    "torch.Tensor": calling(b"torch\nTensor", LARGE),
    "_codecs.encode": calling(b"_codecs\nencode", b"X\x01\x00\x00\x00a"),
}


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", list(PICKLES))
def test_a_pickle_that_keeps_its_reader_busy_is_refused_unread(trapped, kind, packed):
    made = trapped("medclip")
    path = made / "pytorch_model.bin"
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", PICKLES[kind])
            archive.writestr("a/version", "3")
    else:
        head = (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}})
        path.write_bytes(b"".join(pickle.dumps(one, 2) for one in head) + PICKLES[kind] + pickle.dumps([], 2))
    start = time.monotonic()
    assert kind in refusal(made)
    with pytest.raises(ModelError, match="does more than hold weights"):
        read_checkpoint(path)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("packed", [True, False])
def test_what_training_saves_beside_its_weights_passes(tmp_path, packed):
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    steps = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    held = {"model": layer.state_dict(), "optimizer": optimizer.state_dict(), "steps": steps.state_dict(), "epoch": 3}
    others = {"random": torch.get_rng_state(), "on": torch.device("cpu"), "of": torch.half, "shapes": ((3, 2), {1, 2})}
    path = tmp_path / "checkpoint.pt"
    torch.save(held | others, path, _use_new_zipfile_serialization=packed)
    check_pickles(path)
    assert set(read_checkpoint(path).weights) == {"weight", "bias"}


# --- weights that are no numbers, or other numbers than they seem


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("family", ["clip", "siglip", "biovil"])
def test_weights_that_are_undefined_are_refused_by_name(trapped, family, value):
    made = trapped(family)
    path = next(path for path in made.iterdir() if path.suffix in (".safetensors", ".bin"))
    held = load_file(path) if path.suffix == ".safetensors" else torch.load(path, weights_only=True)
    name = next(name for name, tensor in held.items() if "layer" in name and tensor.ndim == 2)
    held[name] = held[name].clone()
    held[name][0, 0] = value
    save_file(held, path, {"format": "pt"}) if path.suffix == ".safetensors" else torch.save(held, path)
    assert "1 tensor with NaN or infinity, first" in refusal(made)


def test_a_scale_without_end_is_refused(trapped):
    made = trapped("clip")
    held = load_file(made / "model.safetensors")
    save_file(held | {"logit_scale": torch.tensor(1e30)}, made / "model.safetensors", {"format": "pt"})
    assert "logit_scale whose exponential is inf" in refusal(made)


@pytest.mark.parametrize("kind", [torch.int8, torch.uint8, torch.float8_e4m3fn, torch.complex64])
def test_quantized_and_complex_weights_are_refused_by_their_type(trapped, kind):
    made = trapped("clip")
    held = load_file(made / "model.safetensors")
    packed = {name: tensor.to(kind) if tensor.ndim == 2 else tensor for name, tensor in held.items()}
    save_file(packed, made / "model.safetensors", {"format": "pt"})
    assert f" as {str(kind).removeprefix('torch.')}, which is quantized" in refusal(made)
