"""open_clip:ARCH/PRETRAINED: open_clip's architectures with weights on this machine, and never a random model.

The architecture is a tiny one, added to open_clip's own list as its users add theirs; its tags are entries of
open_clip's table, and their files lie in a hub cache laid out by hand.
"""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from huggingface_hub import constants
from open_clip.pretrained import _PRETRAINED, _pcfg, _slpcfg
from safetensors.torch import save_file
from torch.nn import functional as F

from nast_core import load_model
from nast_core.errors import ModelError
from tests.checkpoints import loud
from tests.writers import open_clip_siglip

pytestmark = pytest.mark.slow  # open_clip's own archives

TEXTS = ["There is no edema.", "A large effusion."]
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 28, "layers": 2, "width": 32, "head_width": 16, "patch_size": 14},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2},
}


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module", autouse=True)
def tiny(tmp_path_factory):
    """tiny-clip, an architecture that open_clip knows for as long as these tests run."""
    folder = tmp_path_factory.mktemp("architectures")
    (folder / "tiny-clip.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder)
    _PRETRAINED["tiny-clip"] = {
        "mine": _pcfg(hf_hub="me/tiny/", quick_gelu=True),
        "other": _slpcfg(hf_hub="me/other/weights.bin"),
        "by_address": _pcfg("https://example.org/models/tiny.pt"),
    }
    yield
    del _PRETRAINED["tiny-clip"]


def model(**changes: object) -> torch.nn.Module:
    return loud(open_clip.CLIP(**TINY, **changes)).eval()


def in_cache(repository: str, **contents: object) -> Path:
    """The snapshot folder of a repository in the hub's cache."""
    base = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text("b" * 40)
    (base / "snapshots" / ("b" * 40)).mkdir(parents=True)
    return base / "snapshots" / ("b" * 40)


def refused(spec: str) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(spec, device="cpu")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@torch.inference_mode()
@pytest.mark.parametrize("name", ["epoch_3.pt", "weights.safetensors"])
def test_a_weights_file_gives_open_clips_own_model_and_embeddings(tmp_path, name):
    theirs = model()
    if name.endswith(".pt"):
        state = {f"module.{key}": value for key, value in theirs.state_dict().items()}
        torch.save({"epoch": 3, "name": "run", "state_dict": state, "optimizer": {"state": {}}}, tmp_path / name)
    else:
        save_file(theirs.state_dict(), tmp_path / name)
    itself = open_clip.create_model("tiny-clip", pretrained=str(tmp_path / name))
    loaded = load_model(f"open_clip:tiny-clip/{tmp_path / name}", device="cpu")
    expected = F.normalize(itself.eval().encode_text(open_clip.get_tokenizer("tiny-clip")(TEXTS)), dim=-1)
    assert (loaded.encode_texts(TEXTS) - expected).abs().max() <= 1e-6
    assert loaded.card.name == f"open_clip:tiny-clip/{tmp_path / name}"
    relative = load_model(f"open_clip:tiny-clip/{name}", device="cpu")  # as seen from here
    assert relative.fingerprint == loaded.fingerprint


def test_a_file_of_an_architecture_whose_tags_differ_in_normalisation_is_loaded_with_a_warning(tmp_path):
    torch.save(model().state_dict(), tmp_path / "w.pt")
    (warning,) = [w for w in load_model("open_clip:tiny-clip/w.pt", device="cpu").report.warnings if "normalised" in w]
    assert "OpenAI's mean and std are used" in warning


def test_a_cached_tag_brings_its_activation_and_its_normalisation():
    save_file(model(quick_gelu=True).state_dict(), in_cache("me/tiny") / "open_clip_model.safetensors")
    loaded = load_model("open_clip:tiny-clip/mine", device="cpu")
    assert loaded.report.rows["Activation"] == "quick_gelu"
    assert loaded.report.warnings == ()
    torch.save(model().state_dict(), in_cache("me/other") / "weights.bin")
    loaded = load_model("open_clip:tiny-clip/other", device="cpu")
    assert loaded.report.rows["Activation"] == "gelu"
    normalise = loaded.transform.transforms[-1]
    assert tuple(normalise.mean) == tuple(normalise.std) == (0.5, 0.5, 0.5)


def test_a_tag_that_is_not_here_says_how_to_fetch_it_or_to_give_a_path():
    said = refused("open_clip:tiny-clip/mine")
    assert "are not on this machine; run 'hf download me/tiny open_clip_model.safetensors'" in said
    assert said.endswith("or write open_clip:tiny-clip/PATH with the path of a file that has them")
    assert "run 'hf download me/other weights.safetensors'" in refused("open_clip:tiny-clip/other")
    assert "get https://example.org/models/tiny.pt" in refused("open_clip:tiny-clip/by_address")


def test_an_architecture_alone_or_with_an_unknown_tag_is_refused_with_the_tags_there_are():
    for spec, reason in {
        "open_clip:tiny-clip": "which weights is not said",
        "open_clip:tiny-clip/": "which weights is not said",
        "open_clip:tiny-clip/laion9b": "there is no tag or file 'laion9b'",
    }.items():
        said = refused(spec)
        assert reason in said
        assert "without weights the model would be random" in said
        assert said.endswith("mine, other, by_address")


def test_a_mistyped_architecture_gets_the_nearest_names():
    assert "no architecture 'ViTB32'; did you mean ViT-" in refused("open_clip:ViTB32/openai")
    assert "no architecture ''" in refused("open_clip:")


def test_openais_archive_in_the_cache_is_to_be_converted_first(tmp_path):
    (tmp_path / ".cache" / "clip").mkdir(parents=True)
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / ".cache" / "clip" / "tiny.pt"))
    said = refused("open_clip:tiny-clip/by_address")
    assert f"'nast model convert {tmp_path}/.cache/clip/tiny.pt --out FOLDER'" in said


def test_a_tokenizer_comes_from_the_hubs_cache_or_is_asked_for(tmp_path):
    written = open_clip_siglip.write(tmp_path / "siglip")
    config = json.loads((written / "open_clip_config.json").read_text())["model_cfg"]
    config["text_cfg"]["hf_tokenizer_name"] = "me/words"
    (tmp_path / "tiny-siglip.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "tiny-siglip.json")
    weights = next(path for path in written.iterdir() if path.suffix in (".bin", ".safetensors"))
    spec = f"open_clip:tiny-siglip/{weights}"
    assert "the tokenizer of me/words, which is not on this machine; run 'hf download me/words" in refused(spec)
    words = in_cache("me/words")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (words / name).write_bytes((written / name).read_bytes())
    expected = load_model(written, device="cpu")
    assert torch.equal(load_model(spec, device="cpu").encode_texts(TEXTS), expected.encode_texts(TEXTS))


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    state = model().state_dict()
    torch.save(state | {"ln_final.weight": torch.ones(24)}, tmp_path / "w.pt")
    assert "ln_final.weight" in refused("open_clip:tiny-clip/w.pt")


def test_a_file_of_weights_that_is_replaced_or_fetched_anew_makes_another_model(tmp_path):
    from nast_core.opening import stamp_of

    (tmp_path / "own.pt").write_bytes(b"one")
    before = stamp_of("open_clip:tiny-clip/own.pt")
    (tmp_path / "own.pt").write_bytes(b"two, and longer")
    assert stamp_of("open_clip:tiny-clip/own.pt") != before
    absent = stamp_of("open_clip:tiny-clip/mine")
    (in_cache("me/tiny") / "open_clip_model.safetensors").write_bytes(b"fetched")
    assert stamp_of("open_clip:tiny-clip/mine") != absent
