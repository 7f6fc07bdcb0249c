"""The lists of what is read of a config are complete, and no call of a library goes round them."""

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from open_clip import get_model_config, list_models
from transformers import PreTrainedConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from nast_core.errors import ModelError
from nast_core.models import allowed, trunks
from nast_core.models.allowed import taken
from nast_core.models.families import chinese_clip, huggingface_clip, siglip, vision_text_dual
from nast_core.models.model_files import read_json
from nast_core.models.open_clip_config import _Model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_every_call_of_from_pretrained_and_of_torch_load_is_a_safe_one():
    unsafe = []
    for path in sorted((ROOT / "nast_core").rglob("*.py")) + sorted((ROOT / "dashboard").rglob("*.py")):
        for call in [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]:
            said = {key.arg: key.value.value for key in call.keywords if isinstance(key.value, ast.Constant)}
            name = getattr(call.func, "attr", getattr(call.func, "id", ""))
            owner = getattr(getattr(call.func, "value", None), "id", "")
            fetches = name in ("from_pretrained", "HFTokenizer")
            if fetches and not (said.get("trust_remote_code") is False and said.get("local_files_only") is True):
                unsafe.append(f"{path.name}:{call.lineno}")
            if (owner, name) == ("torch", "load") and said.get("weights_only") is not True:
                unsafe.append(f"{path.name}:{call.lineno}")
            if name in ("read_text", "read_bytes", "open") and "models" in path.parts and owner == "json":
                unsafe.append(f"{path.name}:{call.lineno}")
    assert not unsafe


def test_the_listed_keys_are_all_that_transformers_own_configs_have():
    common = {field.name for field in dataclasses.fields(PreTrainedConfig)}
    unneeded = {"use_cache", "classifier_dropout", "tie_word_embeddings", "_out_features", "_out_indices",
        "pool_scales"} | {
        "add_fpn", "reshape_hidden_states", "apply_layernorm", "semantic_loss_ignore_index",
    }  # fmt: skip
    schemas = {
        "clip": huggingface_clip.ClipConfig, "clip_text_model": allowed.TextTower,
        "clip_vision_model": allowed.ImageTower,
        "siglip": siglip.SiglipConfig, "siglip_text_model": siglip._Text, "siglip_vision_model": siglip._Image,
        "siglip2_vision_model": siglip._Image, "chinese_clip": chinese_clip.ChineseConfig,
        "chinese_clip_text_model": allowed.Bert,
        "chinese_clip_vision_model": allowed.ImageTower, "bert": trunks.BertKeys, "roberta": vision_text_dual._Text,
        "swin": allowed.Swin,
    }  # fmt: skip
    schemas |= dict.fromkeys(
        ("vit", "deit", "beit", "dinov2", "swinv2", "convnext", "convnextv2", "resnet"), vision_text_dual._Image
    )
    for kind, schema in schemas.items():
        own = {field.name for field in dataclasses.fields(CONFIG_MAPPING[kind])} - common - unneeded
        assert not {
            key
            for key in own - schema.model_fields.keys()
            if not key.startswith("auxiliary") and not key.startswith("use_aux")
        }, kind


def test_every_architecture_that_open_clip_ships_passes_the_listed_keys():
    for name in list_models():
        config = get_model_config(name)
        kept = taken(_Model, config, name)
        assert json.loads(json.dumps(kept)) == json.loads(json.dumps(config)), name


def test_a_config_is_refused_wherever_the_key_stands_and_whatever_reads_it(tmp_path):
    path = tmp_path / "anything.json"
    path.write_text(json.dumps({"a": [{"b": {"auto_map": {"AutoModel": "evil.Evil"}}}]}))
    with pytest.raises(ModelError, match="has auto_map"):
        read_json(path)
