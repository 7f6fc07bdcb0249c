"""nast model convert: bare state dicts become folders that load, and nothing in a file is run."""

import open_clip
import pytest
import torch
from transformers import CLIPConfig, CLIPModel

from nast_core.errors import ModelError
from nast_core.models import load_model
from nast_core.models.convert import convert, openai_tokenizer
from tests.conftest import loud

TEXTS = ["There is no edema.", "Intact ribs; a large effusion."]
WIDTH = 64  # one head: OpenAI's files do not say how many heads there are


def native() -> open_clip.CLIP:
    vision = {"image_size": 28, "layers": 2, "width": WIDTH, "head_width": 64, "patch_size": 14}
    text = {"context_length": 77, "vocab_size": 49408, "width": WIDTH, "heads": 1, "layers": 2}
    return loud(open_clip.CLIP(embed_dim=16, vision_cfg=vision, text_cfg=text, quick_gelu=True)).eval()


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


@torch.inference_mode()
def test_a_native_state_dict_gives_open_clips_own_embeddings(tmp_path):
    model = native()
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in model.state_dict().items()}}, tmp_path / "chexzero.pt"
    )
    loaded = load_model(convert(tmp_path / "chexzero.pt", tmp_path / "out"), device="cpu")
    expected = torch.nn.functional.normalize(model.encode_text(open_clip.get_tokenizer("ViT-B-32")(TEXTS)), dim=-1)
    assert (loaded.encode_texts(TEXTS) - expected).abs().max() <= 1e-5
    assert loaded.card.name == "chexzero"


@torch.inference_mode()
def test_a_hugging_face_state_dict_gives_transformers_own_embeddings(tmp_path):
    model = named_like_hugging_face()
    torch.save(
        model.state_dict() | {"text_model.embeddings.position_ids": torch.arange(77)[None]}, tmp_path / "RadCLIP.pth"
    )
    loaded = load_model(convert(tmp_path / "RadCLIP.pth", tmp_path / "out"), device="cpu")
    ids = open_clip.get_tokenizer("ViT-B-32")(TEXTS)  # pads with 0, which a causal tower never sees from the end token
    expected = torch.nn.functional.normalize(model.get_text_features(input_ids=ids).pooler_output, dim=-1)
    assert (loaded.encode_texts(TEXTS) - expected).abs().max() <= 1e-5


def test_the_bundled_tokenizer_gives_openai_ids():
    ids = openai_tokenizer()("There is no pneumothorax, right?")["input_ids"]
    expected = open_clip.get_tokenizer("ViT-B-32")(["There is no pneumothorax, right?"])[0]
    assert ids == expected[: len(ids)].tolist()


def test_a_torchscript_archive_is_refused_with_the_choice_spelled_out(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "openai.pt"))
    with pytest.raises(ModelError, match=r"TorchScript archive.*if you trust the file"):
        convert(tmp_path / "openai.pt", tmp_path / "out")


class Config:
    lr = 1


def test_a_pickle_with_other_objects_is_refused_by_name(tmp_path):
    torch.save({"model": native().state_dict(), "config": Config()}, tmp_path / "r50.tar")
    with pytest.raises(ModelError, match=r"needs more than weights.*Config"):
        convert(tmp_path / "r50.tar", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "cut off or is not a torch file"), (b"PK\x03\x04 nothing", "cut off or is not a torch file")],
)
def test_a_broken_file_is_one_sentence(tmp_path, content, said):
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(ModelError, match=said):
        convert(tmp_path / "x.pt", tmp_path / "out")


def test_weights_of_another_model_and_an_existing_folder_are_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "resnet.pth")
    with pytest.raises(ModelError, match=r"no CLIP.*fc\.weight"):
        convert(tmp_path / "resnet.pth", tmp_path / "out")
    with pytest.raises(ModelError, match="exists already"):
        convert(tmp_path / "resnet.pth", tmp_path)
