"""Nothing in the forward pass assumes the CPU: run on the meta device, where a stray CPU tensor is an error."""

import pytest
import torch

from nast_core import load_model
from nast_core.interpret.attention import negator_column
from nast_core.interpret.patching import rows_of
from nast_core.interpret.tracing import BLOCKS, _trace_group
from nast_core.negation.pairs import PolarityPair, align

PAIR = PolarityPair(affirmative="There is some edema.", negated="There is no edema.")


@pytest.mark.parametrize(
    "family", ["Hugging Face CLIP", "open_clip"]
)  # padding masks of BERT towers are read on the host
@torch.inference_mode()
def test_states_attention_tracing_and_images_stay_on_the_models_device(family, folders):
    model = load_model(folders[family], device="cpu")
    pair = align(PAIR, model.text)
    model.module.to("meta")
    tower = model.text
    tokens = tower.tokenize([PAIR.affirmative, PAIR.negated])
    assert tokens.ids.device.type == "meta"
    assert tower.states(tokens).shape == (tower.n_layers + 1, 2, pair.length, tower.width)
    assert tower.encode(tokens).device.type == "meta"
    assert negator_column(tower, tokens, [pair.negator] * 2).shape[0] == tower.n_layers
    source, _ = tower.components(tower.tokenize([PAIR.negated]), "block")
    rows = rows_of(BLOCKS, tower, pair)
    clean, traced = _trace_group(tower, BLOCKS, tower.tokenize([PAIR.affirmative]), source, rows, pair.pooled)
    assert clean.shape == (1, tower.dim)
    assert traced.shape == (1, tower.n_layers + 1, len(rows), tower.dim)
    assert traced.device.type == "meta"
    pixels = torch.empty(1, 3, model.image_size, model.image_size, device="meta")
    assert model.encode_pixels(pixels).shape == (1, tower.dim)


def test_an_automatic_device_is_one_this_machine_has():
    from nast_core.models.registry import pick_device

    chosen = pick_device("auto").type
    assert chosen == ("cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu")
