"""Whatever a model's config files say, the model loads or one sentence says why not: mutations of good files."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from nast_core import load_model
from nast_core.errors import NastError
from tests.hostile import LOCALS_OF_LIBRARIES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


ODD = (
    None,
    "",
    "²",
    -1,
    0,
    3,
    10**9,
    10**40,
    1e308,
    float("nan"),
    True,
    [],
    {},
    [[]],
    {"": None},
    "x" * 3000,
    "../x",
    "\0",
    "hf-hub:a/b",
    "None",
)


def _places(value, at=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*at, key)
            yield from _places(inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value[:3]):
            yield (*at, number)
            yield from _places(inner, (*at, number))


@st.composite
def damage(draw, whole):
    """A good JSON file with up to three of its values changed, added or taken away, or its text cut off."""
    value = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        *way, last = draw(st.sampled_from(places))
        inner = value
        for step in way:
            inner = inner[step]
        match draw(st.sampled_from(("change", "change", "remove", "add"))):
            case "change":
                inner[last] = draw(st.sampled_from(ODD))
            case "remove":
                del inner[last]
            case "add" if isinstance(inner, dict):
                inner[draw(st.sampled_from(("auto_map", "pretrained", "checkpoint_path", "x")))] = draw(
                    st.sampled_from(ODD)
                )
    text = json.dumps(value)
    return text if draw(st.integers(0, 9)) else text[: len(text) // 2]


MUTATED = [
    ("clip", "config.json"), ("clip", "tokenizer_config.json"), ("clip", "preprocessor_config.json"),
    ("siglip", "config.json"),
    ("dual", "config.json"), ("chinese", "tokenizer_config.json"), ("medclip", "vision/config.json"),
    ("cxr-clip", "text/config.json"),
    ("open_clip", "open_clip_config.json"), ("open_clip-bert", "open_clip_config.json"),
    ("open_clip-siglip", "open_clip_config.json"),
    ("coca", "open_clip_config.json"),
]  # fmt: skip


@pytest.mark.parametrize(("family", "name"), MUTATED)
def test_whatever_a_config_says_the_model_loads_or_one_sentence_says_why_not(trapped, family, name):
    made = trapped(family)
    whole = json.loads((made / name).read_text())

    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(damage(whole))
    def holds(text):
        (made / name).write_text(text)
        try:
            load_model(made, device="cpu")
        except NastError as error:
            said = str(error)
            assert "\n" not in said
            assert not [word for word in LOCALS_OF_LIBRARIES if word in said], said

    holds()


@pytest.mark.parametrize("whole", [{"weight_map": {"logit_scale": "model.safetensors"}, "metadata": {"total_size": 3}}])
def test_whatever_an_index_of_shards_says_the_model_loads_or_one_sentence_says_why_not(trapped, whole):
    made = trapped("clip")
    whole["weight_map"] = dict.fromkeys(load_file(made / "model.safetensors"), "whole.safetensors")
    (made / "model.safetensors").rename(made / "whole.safetensors")

    @settings(max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(damage(whole))
    def holds(text):
        (made / "model.safetensors.index.json").write_text(text)
        try:
            load_model(made, device="cpu")
        except NastError as error:
            assert "\n" not in str(error)

    holds()
