"""A model folder runs nothing and reaches nowhere: hostile folders of every family, written here, with no way out."""

import json
import os
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models.convert import convert
from nast_core.models.layouts import Wishes
from tests.hostile import WRITERS, edit, refusal

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("family", list(WRITERS))
def test_a_good_folder_of_every_family_loads_with_sockets_refused_and_runs_nothing_that_lies_in_it(trapped, family):
    made = trapped(family)
    model = load_model(made, device="cpu")
    assert model.encode_texts(["There is no edema."]).shape == (1, model.text.dim)


CONFIGS = {  # every config file of every family, which a library would read
    "clip": ("config.json", "tokenizer_config.json", "preprocessor_config.json"),
    "siglip": ("config.json", "tokenizer_config.json", "preprocessor_config.json"),
    "dual": ("config.json", "tokenizer_config.json", "preprocessor_config.json"),
    "chinese": ("config.json", "tokenizer_config.json", "preprocessor_config.json"),
    "cxr-clip": ("text/config.json", "vision/config.json"),
    "medclip": ("text/config.json", "vision/config.json"),
    "open_clip": ("open_clip_config.json",),
    "open_clip-bert": ("config.json", "tokenizer_config.json", "open_clip_config.json"),
    "open_clip-siglip": ("tokenizer_config.json", "open_clip_config.json"),
    "coca": ("open_clip_config.json",),
}
CLASSES = ("AutoConfig", "AutoModel", "AutoImageProcessor")
CODE = {
    "auto_map": {"auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]} | dict.fromkeys(CLASSES, "evil.Evil")},
    "auto_map of a hub": {"auto_map": dict.fromkeys(CLASSES, "attacker/repo--evil.Evil")},
    "trust_remote_code": {"trust_remote_code": True},
    "_target_": {"_target_": "os.system"},
    "_attn_implementation": {"_attn_implementation": "attacker/kernel"},
    "quantization_config": {"quantization_config": {"quant_method": "evil"}},
}


@pytest.mark.parametrize("named", list(CODE))
@pytest.mark.parametrize(("family", "name"), [(family, name) for family, names in CONFIGS.items() for name in names])
def test_a_config_that_names_code_is_refused_by_the_keys_name_before_any_library_sees_it(trapped, family, name, named):
    made = trapped(family)
    edit(made / name, lambda config: config.update(CODE[named]))
    said = refusal(made)
    assert said.startswith(f"{made / name} has {next(iter(CODE[named]))} ")
    assert "was not loaded" in said


def in_model(**keys):
    return lambda config: config["model_cfg"].update(keys)


def in_text(**keys):
    return lambda config: config["model_cfg"]["text_cfg"].update(keys)


def in_vision(**keys):
    return lambda config: config["model_cfg"]["vision_cfg"].update(keys)


OPEN_CLIP = {
    "tokenizer_kwargs with code": (in_text(tokenizer_kwargs={"trust_remote_code": True}), "trust_remote_code"),
    "tokenizer_kwargs unlisted": (in_text(tokenizer_kwargs={"use_fast": False}), "use_fast"),
    "tokenizer_kwargs of a file": (in_text(tokenizer_kwargs={"tokenizer_file": "/etc/passwd"}), "tokenizer_file"),
    "tokenizer_kwargs of a folder": (in_text(tokenizer_kwargs={"subfolder": "../other"}), "subfolder"),
    "tokenizer_kwargs of a revision": (in_text(tokenizer_kwargs={"revision": "evil"}), "revision"),
    "BERT by a hub": (in_text(hf_model_name="hf-hub:attacker/bert"), "hf_model_name"),
    "BERT by a path": (in_text(hf_model_name="/tmp/bert"), "hf_model_name"),
    "BERT above": (in_text(hf_model_name="../bert"), "hf_model_name"),
    "BERT at home": (in_text(hf_model_name="~/bert"), "hf_model_name"),
    "BERT by its config": (in_text(hf_model_config={"auto_map": {"AutoModel": "evil.Evil"}}), "auto_map"),
    "tokenizer by a hub": (in_text(hf_tokenizer_name="local-dir:/tmp"), "hf_tokenizer_name"),
    "tokenizer by a path": (in_text(hf_tokenizer_name="/etc"), "hf_tokenizer_name"),
    "timm by a hub": (in_vision(timm_model_name="hf-hub:attacker/vit"), "timm_model_name"),
    "timm by a folder": (in_vision(timm_model_name="local-dir:/tmp/vit"), "timm_model_name"),
    "timm by a path": (in_vision(timm_model_name="/tmp/vit"), "timm_model_name"),
    "timm's checkpoint": (in_vision(checkpoint_path="/tmp/evil.pth"), "checkpoint_path"),
    "timm's own config": (in_vision(pretrained_cfg={"file": "/tmp/evil.pth"}), "pretrained_cfg"),
    "timm's keywords": (in_vision(timm_model_kwargs={"x": 1}), "timm_model_kwargs"),
    "a weights path": (in_model(pretrained_image_path="/tmp/evil.pth"), "pretrained_image_path"),
    "a class": (in_model(_target_="os.system"), "_target_"),
    "too many layers": (in_text(layers=1_000_000), "layers"),
    "too wide": (in_text(width=10**9), "width"),
    "no width": (in_text(width=0), "width"),
    "a word for a number": (in_text(context_length="²"), "context_length"),
    "too many words": (in_text(vocab_size=10**12), "vocab_size"),
    "huge images": (in_vision(image_size=10**7), "image_size"),
    "negative images": (in_vision(image_size=-1), "image_size"),
    "a huge bias": (in_model(init_logit_bias=1e300), "init_logit_bias"),
    "wide towers": (in_vision(width=32_768, layers=256), "hold"),
}


@pytest.mark.parametrize("kind", list(OPEN_CLIP))
@pytest.mark.parametrize("family", ["open_clip", "open_clip-bert", "open_clip-siglip"])
def test_open_clips_config_is_read_by_its_listed_keys_alone(trapped, family, kind):
    change, named = OPEN_CLIP[kind]
    made = trapped(family)
    edit(made / "open_clip_config.json", change)
    if kind == "wide towers":
        said = refusal(made) if family == "open_clip" else "hold"  # timm's towers have no width of the config's
        assert "describes a model of" in said or said == "hold"
    else:
        assert named in refusal(made)


def in_tower(tower, **keys):
    return lambda config: config[tower].update(keys)


HUGGING_FACE = {
    "a million layers": in_tower("text_config", num_hidden_layers=1_000_000),
    "an endless width": in_tower("text_config", hidden_size=10**15),
    "no layers": in_tower("text_config", num_hidden_layers=0),
    "negative heads": in_tower("text_config", num_attention_heads=-4),
    "layers as text": in_tower("text_config", num_hidden_layers="²"),
    "layers as a list": in_tower("text_config", num_hidden_layers=[3]),
    "an activation by its path": in_tower("text_config", hidden_act="os.system"),
    "an epsilon without end": in_tower("text_config", layer_norm_eps=1e300),
    "an image of no size": in_tower("vision_config", image_size=0),
    "an image without end": in_tower("vision_config", image_size=10**8),
    "patches of text": in_tower("vision_config", patch_size="14"),
    "a tower that is none": lambda config: config.update(text_config="bert"),
    "a wide model of few weights": in_tower(
        "text_config", hidden_size=32_768, num_attention_heads=4, num_hidden_layers=256
    ),
    "many words": in_tower("text_config", vocab_size=2_000_000, max_position_embeddings=131_072),
}


@pytest.mark.parametrize("kind", list(HUGGING_FACE))
@pytest.mark.parametrize("family", ["clip", "siglip", "dual", "chinese"])
def test_numbers_that_no_model_has_are_refused_before_a_model_is_made(trapped, family, kind):
    made = trapped(family)
    edit(made / "config.json", HUGGING_FACE[kind])
    said = refusal(made)
    assert "could not be loaded as a Hugging Face" in said or "has a text model of type None" in said


@pytest.mark.parametrize("kind", ["timm_wrapper", "timm_backbone", "hf-hub:attacker/vit", "clip", "unknown", 7])
def test_an_image_model_that_wraps_others_or_is_not_listed_is_refused(trapped, kind):
    made = trapped("dual")
    edit(made / "config.json", in_tower("vision_config", model_type=kind, architecture="hf-hub:attacker/vit"))
    assert "attacker" in refusal(made) or "model_type" in refusal(made)


TOKENIZER = {
    "a class by its path": {"tokenizer_class": "evil.Evil"},
    "a stranger's class": {"tokenizer_class": "EvilTokenizer"},
    "a vocabulary elsewhere": {"vocab_file": "/etc/passwd"},
    "a vocabulary above": {"vocab_file": "../vocab.txt"},
    "a cache": {"cache_dir": "/tmp"},
    "ids without end": {"added_tokens_decoder": {"1000000000000": {"content": "x"}}},
    "extra ids": {"extra_ids": 10**9},
    "a token that is a number": {"eos_token": 3},
}


@pytest.mark.parametrize("kind", list(TOKENIZER))
@pytest.mark.parametrize("family", ["clip", "dual", "open_clip-bert"])
def test_a_tokenizers_config_is_read_by_its_listed_keys_alone(trapped, family, kind):
    made = trapped(family)
    edit(made / "tokenizer_config.json", lambda config: config.update(TOKENIZER[kind]))
    assert next(iter(TOKENIZER[kind])) in refusal(made)


PREPROCESSOR = {
    "a class by its path": {"image_processor_type": "evil.Evil"},
    "another class of the library": {"image_processor_type": "Trainer"},
    "a size without end": {"size": {"height": 10**9, "width": 10**9}},
    "a size of nothing": {"size": {}},
    "deviations of 0": {"image_std": [0, 0, 0]},
    "no means": {"image_mean": []},
    "a mean as text": {"image_mean": "0.5"},
    "a filter of no kind": {"resample": 99},
}


@pytest.mark.parametrize("kind", list(PREPROCESSOR))
@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_preprocessing_is_read_by_its_listed_keys_alone(trapped, family, kind):
    made = trapped(family)
    edit(made / "preprocessor_config.json", lambda config: config.update(PREPROCESSOR[kind]))
    said = refusal(made)
    assert said.startswith(f"{made}/preprocessor_config.json does not load")
    assert next(iter(PREPROCESSOR[kind])) in said


def test_templates_and_generation_settings_are_never_read(trapped):
    made = trapped("clip")
    (made / "chat_template.jinja").write_text("{{ cycler.__init__.__globals__.os.system('touch ran') }}")
    edit(made / "tokenizer_config.json", lambda config: config.update(chat_template="{{ 1/0 }}", never_heard_of="x"))
    (made / "generation_config.json").write_text("{")
    assert load_model(made, device="cpu").text.n_layers == 3


def test_biovils_published_auto_map_is_left_aside_and_its_code_is_not_run(trapped):
    made = trapped("biovil")
    edit(
        made / "config.json",
        lambda config: config.update(auto_map={"AutoModel": "evil.Evil", "AutoConfig": "evil.Evil"}),
    )
    named = {"tokenizer_class": "CXRBertTokenizer", "auto_map": {"AutoTokenizer": ["evil.Evil", None]}}
    (made / "tokenizer_config.json").write_text(json.dumps(named))
    assert load_model(made, device="cpu").card.family == "BioViL"


# --- weights


def test_an_index_of_shards_names_files_beside_it_only(trapped):
    made = trapped("clip")
    index = made / "model.safetensors.index.json"
    tensors = load_file(made / "model.safetensors")
    (made / "model.safetensors").rename(made.parent / "stolen.safetensors")
    for shard in (
        "../stolen.safetensors",
        str(made.parent / "stolen.safetensors"),
        index.name,
        "config.json",
        "",
        "a" * 5000,
    ):
        index.write_text(json.dumps({"weight_map": dict.fromkeys(tensors, shard)}))
        assert "model.safetensors.index.json" in refusal(made)
    index.write_text(json.dumps({"weight_map": {str(n): f"{n}.safetensors" for n in range(5000)}}))
    assert "names 5,000 files" in refusal(made)


def test_shards_that_are_whole_load_as_one_file_does(trapped):
    made = trapped("clip")
    tensors = load_file(made / "model.safetensors")
    before = load_model(made, device="cpu").fingerprint
    halves = [dict(list(tensors.items())[i::2]) for i in (0, 1)]
    for number, half in enumerate(halves):
        save_file(half, made / f"model-{number}.safetensors", {"format": "pt"})
    named = {name: f"model-{number}.safetensors" for number, half in enumerate(halves) for name in half}
    (made / "model.safetensors.index.json").write_text(json.dumps({"weight_map": named}))
    (made / "model.safetensors").unlink()
    assert load_model(made, device="cpu").fingerprint == before


@pytest.mark.parametrize("family", ["clip", "open_clip", "medclip", "biovil"])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop"])
def test_weights_that_are_no_regular_file_are_refused_and_never_waited_for(trapped, family, kind):
    made = trapped(family)
    for path in [path for path in made.iterdir() if path.suffix in (".safetensors", ".bin", ".pt")]:
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        else:
            path.symlink_to("/dev/zero" if kind == "device" else path)
    said = refusal(made)
    assert {"pipe": "is a pipe", "device": "is a device", "loop": "weights"}[kind] in said


@pytest.mark.parametrize(
    "name", ["nast.json", "config.json", "tokenizer_config.json", "preprocessor_config.json", "tokenizer.json"]
)
def test_a_pipe_or_a_device_in_the_place_of_a_config_is_refused(trapped, name):
    made = trapped("clip")
    (made / name).unlink(missing_ok=True)
    os.mkfifo(made / name)
    assert "is a pipe" in refusal(made)
    (made / name).unlink()
    (made / name).symlink_to("/dev/zero")
    assert "is a device" in refusal(made)


@pytest.mark.parametrize("family", ["open_clip", "medclip"])
def test_a_zip_bomb_is_refused_unread(trapped, family):
    made = trapped(family)
    path = next(path for path in made.iterdir() if path.suffix == ".bin")
    whole = zipfile.ZipFile(path)
    with zipfile.ZipFile(made / "packed", "w", zipfile.ZIP_DEFLATED) as packed:
        for member in whole.infolist():
            packed.writestr(member.filename, whole.read(member))
        with packed.open(f"{whole.namelist()[0].split('/')[0]}/data/999", "w") as bomb:
            for _ in range(100):
                bomb.write(bytes(1_000_000))
    (made / "packed").rename(path)
    assert "would unpack to" in refusal(made)


@pytest.mark.parametrize("family", ["open_clip", "medclip", "open_clip-bert"])
def test_a_tensor_that_claims_more_than_its_file_holds_is_refused(trapped, family):
    made = trapped(family)
    path = next(path for path in made.iterdir() if path.suffix == ".bin")
    torch.save(torch.load(path, weights_only=True) | {"logit_scale": torch.ones(1).expand(10**6, 10**6)}, path)
    assert "claims (1000000, 1000000) for 'logit_scale'" in refusal(made)


def test_a_tokenizer_whose_normalizer_multiplies_a_text_is_refused(trapped):
    made = trapped("clip")
    step = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    edit(made / "tokenizer.json", lambda file: file.update(normalizer={"type": "Sequence", "normalizers": [step] * 12}))
    assert "makes 1,000,000,000,000 characters of one" in refusal(made)


@pytest.mark.parametrize(
    "text", ['{"a": NaN}', '{"a": ' + "9" * 5000 + "}", "[" * 10_000, '{"a": ' * 5000, '{"name": "\\ud800"}', "﻿{}x"]
)
@pytest.mark.parametrize("name", ["config.json", "nast.json", "preprocessor_config.json", "tokenizer_config.json"])
def test_json_that_breaks_readers_is_one_sentence(trapped, name, text):
    made = trapped("clip")
    (made / name).write_text(text, errors="surrogatepass")
    assert name in refusal(made)


@pytest.mark.parametrize(
    "record", [{"name": 7}, {"name": ["x"]}, {"licence": {}}, {"conditions": "Edema"}, {"fingerprint": 1}]
)
def test_a_card_of_wrong_types_is_refused_by_the_keys_name(trapped, record):
    made = trapped("clip")
    (made / "nast.json").write_text(json.dumps(record))
    assert next(iter(record)) in refusal(made)


@pytest.mark.parametrize("shape", [(), (3,), (0, 0), (2, 3, 4)])
@pytest.mark.parametrize(
    "name", ["positional_embedding", "visual.conv1.weight", "text_projection", "visual.positional_embedding"]
)
def test_a_bare_checkpoint_of_odd_shapes_is_refused_and_leaves_no_folder(trapped, tmp_path, name, shape):
    made = trapped("open_clip")
    path = made / "open_clip_pytorch_model.bin"
    torch.save(torch.load(path, weights_only=True) | {name: torch.zeros(shape)}, path)
    with pytest.raises(ModelError) as caught:
        convert(path, tmp_path / "out", Wishes(quick_gelu=True))
    assert "\n" not in str(caught.value)
    assert not [place for place in tmp_path.iterdir() if place.name != "model"]


def test_a_bare_checkpoint_that_claims_more_than_it_holds_is_refused(trapped, tmp_path):
    path = trapped("open_clip") / "open_clip_pytorch_model.bin"
    wide = {"positional_embedding": torch.ones(1).expand(10**6, 10**6)}
    torch.save(torch.load(path, weights_only=True) | wide, path)
    with pytest.raises(ModelError, match=r"claims \(1000000, 1000000\) for 'positional_embedding'"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize("keys", [{"context_length": 8192}, {"context_length": 10**6}])
def test_a_mask_larger_than_any_models_is_never_made(trapped, keys):
    made = trapped("open_clip")
    edit(made / "open_clip_config.json", in_text(width=4096, **keys))
    assert refusal(made)
