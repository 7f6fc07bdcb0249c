"""nast model convert: bare checkpoints in their real layouts become folders that load and encode alike;
no code is run."""

import json
import os
import pickle
import re
import resource
import shlex
import shutil
import zipfile
from copy import deepcopy
from functools import lru_cache
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from open_clip.model import convert_weights_to_fp16
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F
from transformers import BertTokenizer, CLIPConfig, CLIPModel

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models.convert import convert
from nast_core.models.layouts import Wishes, openai_tokenizer
from nast_core.models.torchscript import read_torchscript
from tests.checkpoints import TINY_TEXT, loud
from tests.writers import cxr_clip, open_clip_bert

pytestmark = pytest.mark.slow  # checkpoints of every layout

TEXTS = ["There is no edema.", "Intact ribs; a large effusion."]
WIDTH = 64  # one head: OpenAI's files do not say how many heads there are
VISION = {"image_size": 28, "layers": 2, "width": WIDTH, "head_width": 64, "patch_size": 14}
PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 40, 3), dtype=np.uint8))


RESNET = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "head_width": 64}


@lru_cache  # one for all tests, which do not change it
def native(*, quick_gelu: bool = True, resnet: bool = False) -> open_clip.CLIP:
    text = {"context_length": 77, "vocab_size": 49408, "width": WIDTH, "heads": 1, "layers": 2}
    vision = RESNET if resnet else VISION
    return loud(open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text, quick_gelu=quick_gelu)).eval()


def named_like_hugging_face() -> CLIPModel:
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 1,
        "hidden_act": "quick_gelu",
    }
    text = sizes | {"eos_token_id": 49407, "bos_token_id": 49406, "projection_dim": 16}
    vision = sizes | {"image_size": 28, "patch_size": 14, "projection_dim": 16}
    return loud(CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))).eval()


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """As OpenAI published its models: TorchScript, matrices in half precision;
    numbers and masks that are no weights."""
    model = deepcopy(native())
    convert_weights_to_fp16(model)
    mask = model.attn_mask
    del model.attn_mask
    model.attn_mask = mask  # a plain attribute, and one of every block
    for block in model.transformer.resblocks:
        block.attn_mask = mask
    del model.vocab_size, model.context_length
    for name, number in (("input_resolution", 28), ("context_length", 77), ("vocab_size", 49408)):
        model.register_buffer(name, torch.tensor(number))
    path = tmp_path_factory.mktemp("openai") / "ViT.pt"
    torch.jit.script(model).save(str(path))
    return path


@torch.inference_mode()
def encodes_like(folder: Path, theirs: torch.nn.Module, ids: torch.Tensor | None = None) -> None:
    """The folder's text and image embeddings are those of the model that the checkpoint's weights came from."""
    model = load_model(folder, device="cpu", dtype="float32")
    ids = open_clip.get_tokenizer("ViT-B-32")(TEXTS) if ids is None else ids
    pixels = model.preprocess(PHOTO)[None]
    assert (model.encode_texts(TEXTS) - F.normalize(theirs.encode_text(ids), dim=-1)).abs().max() <= 1e-5
    assert (model.encode_images([PHOTO]) - F.normalize(theirs.encode_image(pixels), dim=-1)).abs().max() <= 1e-5
    assert model.logit_scale == pytest.approx(float(theirs.logit_scale.exp()), rel=1e-6)


def test_a_bare_native_state_dict_gives_open_clips_own_embeddings_and_preprocessing(tmp_path):
    theirs = native()
    torch.save(theirs.state_dict(), tmp_path / "mine.pt")
    folder = convert(tmp_path / "mine.pt", tmp_path / "out")
    encodes_like(folder, theirs)
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    expected = open_clip.image_transform(28, is_train=False, mean=mean, std=std)(PHOTO)
    model = load_model(folder, device="cpu")
    assert torch.equal(model.preprocess(PHOTO), expected)
    assert model.card.name == "mine"
    assert model.card.fingerprint == model.fingerprint
    assert {path.name for path in folder.iterdir()} == {
        "nast.json",
        "open_clip_config.json",
        "open_clip_model.safetensors",
    }


def test_openais_resnet_is_told_from_its_names(tmp_path):
    theirs = native(resnet=True)
    torch.save(theirs.state_dict(), tmp_path / "RN.pt")
    encodes_like(convert(tmp_path / "RN.pt", tmp_path / "out"), theirs)


def test_openais_torchscript_archive_gives_open_clips_own_reading_of_it(archive, tmp_path):
    theirs = open_clip.load_openai_model(str(archive), precision="fp32", device="cpu")
    folder = convert(archive, tmp_path / "out")
    encodes_like(folder, theirs)
    stored = load_file(folder / "open_clip_model.safetensors")
    assert all(tensor.dtype == torch.float32 for tensor in stored.values())
    assert not [name for name in stored if "attn_mask" in name or name == "input_resolution"]


def test_an_archives_weights_are_those_that_torch_itself_reads(archive):
    expected, found = torch.jit.load(str(archive)).state_dict(), read_torchscript(archive)
    assert {name for name in found if not name.endswith("attn_mask")} == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


class Surprise:
    """Unpickled without care, it makes a folder."""

    def __init__(self, trace: Path):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def test_an_archive_whose_pickle_calls_a_function_is_refused_and_nothing_is_called(tmp_path):
    surprise = Surprise(tmp_path / "code ran")
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("evil/code/__torch__.py", "")
        archive.writestr("evil/data.pkl", pickle.dumps(surprise, protocol=2))
    with pytest.raises(ModelError, match=r"TorchScript archive of more than weights \(it asks for posix\.mkdir\)"):
        convert(tmp_path / "evil.pt", tmp_path / "out")
    assert not surprise.trace.exists()
    pickle.loads(pickle.dumps(surprise))  # the trap itself works
    assert surprise.trace.exists()


def test_a_damaged_archive_is_one_sentence(archive, tmp_path):
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(tmp_path / "cut.pt", "w") as cut:
        for name in whole.namelist():
            cut.writestr(name, whole.read(name)[: -9 if name.endswith("/data/3") else None])
    with pytest.raises(ModelError, match=r"archive that cannot be read \(.*download it again"):
        convert(tmp_path / "cut.pt", tmp_path / "out")


def test_a_training_checkpoint_must_say_its_activation_and_takes_the_answer(tmp_path):
    plain = native(quick_gelu=False)
    held = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in plain.state_dict().items()}}
    torch.save(held, tmp_path / "epoch_3.pt")
    with pytest.raises(ModelError, match=r"does not say which activation.*add --quick-gelu .* or --no-quick-gelu"):
        convert(tmp_path / "epoch_3.pt", tmp_path / "out")
    folder = convert(tmp_path / "epoch_3.pt", tmp_path / "out", Wishes(quick_gelu=False))
    encodes_like(folder, plain)
    assert json.loads((folder / "nast.json").read_text())["quick_gelu"] is False


def test_a_hugging_face_state_dict_gives_transformers_own_embeddings_and_the_cards_licence(tmp_path):
    theirs = named_like_hugging_face()
    held = theirs.state_dict() | {"text_model.embeddings.position_ids": torch.arange(77)[None]}
    torch.save(held, tmp_path / "RadCLIP.pth")
    folder = convert(tmp_path / "RadCLIP.pth", tmp_path / "out")
    ids = open_clip.get_tokenizer("ViT-B-32")(TEXTS)  # pads with 0, which a causal tower never sees from the end token
    model = load_model(folder, device="cpu")
    with torch.inference_mode():
        texts = F.normalize(theirs.get_text_features(input_ids=ids).pooler_output, dim=-1)
        pixels = model.preprocess(PHOTO)[None]
        images = F.normalize(theirs.get_image_features(pixel_values=pixels).pooler_output, dim=-1)
    assert (model.encode_texts(TEXTS) - texts).abs().max() <= 1e-5
    assert (model.encode_images([PHOTO]) - images).abs().max() <= 1e-5
    assert (model.card.name, model.report.unused_keys) == ("RadCLIP", ())


def test_the_bundled_tokenizer_gives_openai_ids():
    ids = openai_tokenizer()("There is no pneumothorax, right?")["input_ids"]
    expected = open_clip.get_tokenizer("ViT-B-32")(["There is no pneumothorax, right?"])[0]
    assert ids == expected[: len(ids)].tolist()


def test_chexzero_is_told_by_its_name_and_pads_images_with_black_to_its_own_mean(tmp_path):
    torch.save(native().state_dict(), tmp_path / "best_64_5e-05_original_22000_0.864.pt")
    model = load_model(convert(tmp_path / "best_64_5e-05_original_22000_0.864.pt", tmp_path / "out"), device="cpu")
    assert (model.card.name, model.card.licence) == ("CheXzero", "MIT")
    square = Image.new("RGB", (28, 28))
    square.paste(PHOTO.resize((19, 28), Image.Resampling.BICUBIC), (4, 0))
    values = torch.from_numpy(np.asarray(square).copy()).permute(2, 0, 1).float()
    assert (model.preprocess(PHOTO) - (values - 101.48761) / 83.43944).abs().max() <= 1e-4  # zero_shot.py's numbers


def unimed(folder: Path) -> tuple[Path, torch.nn.Module]:
    """(the authors' .pt with BiomedBERT's config and vocabulary beside it, the model whose weights it holds)."""
    text = open_clip_bert._text()
    model = open_clip_bert.write_without_weights(
        folder, {"embed_dim": 16, "vision_cfg": VISION, "text_cfg": text, "quick_gelu": True}
    )
    (folder / "open_clip_config.json").unlink()
    state = {f"module.{name.replace('text.', 'text_encoder.')}": value for name, value in model.state_dict().items()}
    state["module.text_encoder.transformer.embeddings.position_ids"] = torch.arange(512)[None]
    torch.save({"epoch": 10, "name": "unimed", "state_dict": state}, folder / "unimed_clip_vit_b16.pt")
    return folder / "unimed_clip_vit_b16.pt", model.eval()


def test_unimed_becomes_an_open_clip_folder_with_the_bert_files_that_lay_beside_it(tmp_path):
    source, theirs = unimed(tmp_path / "theirs")
    folder = convert(source, tmp_path / "out")
    ids = BertTokenizer.from_pretrained(source.parent)(TEXTS, padding=True, return_tensors="pt")["input_ids"]
    encodes_like(folder, theirs, ids)
    model = load_model(folder, device="cpu")
    assert (model.card.name, model.card.family) == ("UniMed-CLIP", "open_clip BERT")
    assert model.report.warnings == ()


def test_unimed_without_its_berts_files_says_which_and_where_and_takes_them_from_a_folder(tmp_path):
    source, _ = unimed(tmp_path / "theirs")
    bert = tmp_path / "bert"
    bert.mkdir()
    for name in ("config.json", "vocab.txt"):
        shutil.move(source.parent / name, bert / name)
    with pytest.raises(ModelError, match=r"config\.json and vocab\.txt of microsoft/BiomedNLP.*--companions"):
        convert(source, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))
    assert (
        load_model(convert(source, tmp_path / "out", Wishes(companions=bert)), device="cpu").encode_texts(TEXTS).shape
    )


@pytest.mark.parametrize("tower", ["swin", "resnet"])
def test_cxr_clips_checkpoint_becomes_a_folder_that_encodes_as_the_checkpoint_itself_does(tmp_path, tower):
    place = cxr_clip.write(tmp_path / "theirs", tower=tower, original=True, projection="mlp", pooling="bos")
    itself, source = load_model(place, device="cpu"), next(place.glob("*.tar"))
    folder = convert(source, tmp_path / "out", known_as="cxr-clip")
    model = load_model(folder, device="cpu")
    assert model.fingerprint == itself.fingerprint
    # equal weights; where they lie in memory may move the last digit
    torch.testing.assert_close(model.encode_texts(TEXTS), itself.encode_texts(TEXTS), atol=1e-6, rtol=0)
    if tower == "swin":  # the ResNet's would only take longer
        torch.testing.assert_close(model.encode_images([PHOTO]), itself.encode_images([PHOTO]), atol=1e-6, rtol=0)
    assert model.card.licence.startswith("CC BY-NC 4.0")
    assert (folder / "vision").exists() == (tower == "swin")


def test_a_pickle_that_needs_code_is_refused_by_name_and_the_choice_that_is_spelled_out_works(tmp_path, monkeypatch):
    place = cxr_clip.write(tmp_path / "theirs", original=True)
    source = place / "swin_mcc.tar"
    (tmp_path / "omegaish.py").write_text("class DictConfig(dict):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import omegaish

    torch.save(torch.load(source, weights_only=True) | {"config": omegaish.DictConfig()}, source)
    with pytest.raises(ModelError) as caught:
        convert(source, tmp_path / "out")
    message = str(caught.value)
    assert re.search(r"needs more than weights to load: it asks for omegaish\.DictConfig", message)
    assert "nothing was loaded. Your choice: ask its authors for safetensors; or, if you trust them" in message
    assert not list(tmp_path.glob("*out*"))

    (code,) = shlex.split(message.split("with python -c ")[1].split(" (the packages")[0])
    exec(code, {})
    kept = Path(message.rsplit("then convert ", 1)[1])
    with pytest.raises(ModelError, match="add --pooling eos"):
        convert(kept, tmp_path / "out")
    folder = convert(kept, tmp_path / "out", Wishes(pooling="eos"))
    (place / "swin_mcc.tar").unlink()
    kept.unlink()
    expected = load_model(cxr_clip.write(place), device="cpu")
    assert load_model(folder, device="cpu").fingerprint == expected.fingerprint


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nothing", b"<!DOCTYPE html>", b"no", b"\x80\x02}q"])
def test_a_broken_file_is_one_sentence(tmp_path, content):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ModelError, match="cut off or is not a torch file"):
        convert(tmp_path / "x.pt", tmp_path / "out")


@pytest.mark.parametrize("zipped", [True, False])
def test_a_trap_is_refused_by_the_name_of_what_it_calls_and_does_not_spring(tmp_path, zipped):
    surprise = Surprise(tmp_path / "code ran")
    torch.save({"model": {"x": surprise}}, tmp_path / "trap.tar", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ModelError, match=r"it asks for posix\.mkdir.*nothing was loaded"):
        convert(tmp_path / "trap.tar", tmp_path / "out")
    assert not surprise.trace.exists()


def test_weights_of_another_model_an_existing_folder_and_an_unknown_name_are_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet.pth")
    with pytest.raises(ModelError, match=r"no CLIP.*fc\.weight"):
        convert(tmp_path / "resnet.pth", tmp_path / "out")
    with pytest.raises(ModelError, match="exists already"):
        convert(tmp_path / "resnet.pth", tmp_path)
    with pytest.raises(ModelError, match="no known model is called 'radclp'; did you mean radclip"):
        convert(tmp_path / "resnet.pth", tmp_path / "out", known_as="radclp")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelError, match="holds a list of other things than named weights"):
        convert(tmp_path / "list.pth", tmp_path / "out")


def test_what_does_not_load_is_not_left_behind(tmp_path):
    state = native().state_dict()
    state.pop("ln_final.bias")
    torch.save(state, tmp_path / "mine.pt")
    with pytest.raises(ModelError, match=r"ln_final\.bias"):
        convert(tmp_path / "mine.pt", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.pt"]


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    torch.save(native().state_dict(), tmp_path / "mine.pt")
    with pytest.raises(ModelError, match=r"cannot be written \(Not a directory\)"):
        convert(tmp_path / "mine.pt", tmp_path / "mine.pt" / "out")


def test_a_file_system_that_takes_no_more_bytes_leaves_nothing_behind(tmp_path):
    torch.save(native().state_dict(), tmp_path / "mine.pt")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))  # bytes that any file may have
    try:
        with pytest.raises(
            ModelError, match=r"cannot be written \(.*too large.*\); make room, or choose another place"
        ):
            convert(tmp_path / "mine.pt", tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.pt"]


def test_heads_of_a_bert_come_from_its_config_and_not_from_shapes(tmp_path):
    source, _ = unimed(tmp_path / "theirs")
    assert load_model(convert(source, tmp_path / "out"), device="cpu").text.n_heads == TINY_TEXT["num_attention_heads"]
