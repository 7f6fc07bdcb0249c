"""Exact tracing against the plain loop it replaces, and the identities of method.md."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nast_core.finetune.weights import layer_effect
from nast_core.interpret.effects import patched_pairs, trace
from nast_core.interpret.profiles import by_role, head_means, layer_profile
from nast_core.interpret.summaries import layer_summary
from nast_core.negation.pairs import PolarityPair, align, align_all, template_pairs

PAIR = PolarityPair(affirmative="there is some edema .", negated="there is no edema .")
LONG = PolarityPair(
    affirmative="frontal view . there is a pleural effusion .", negated="frontal view . there is no pleural effusion ."
)


def vectors_of(tower, pairs, **options):
    return [one.vectors[:, 0] for one in patched_pairs(tower, pairs, **options)]


def plain_loop(tower, pair):
    """One whole run of the text tower per (layer, position), as in the reference scripts."""
    tokens, source = tower.tokenize([pair.pair.affirmative]), tower.states(tower.tokenize([pair.pair.negated]))
    vectors = torch.zeros(tower.n_layers + 1, pair.length, tower.dim, dtype=torch.float64)
    for layer in range(tower.n_layers + 1):
        for position in range(pair.length):
            hidden = tower.run(tower.embed(tokens), tokens, 0, layer).clone()
            hidden[0, position] = source[layer, 0, position]
            vectors[layer, position] = F.normalize(tower.readout(tower.run(hidden, tokens, layer), tokens), dim=-1)[0]
    return vectors


@pytest.mark.parametrize("pair", [PAIR, LONG])
def test_batched_tracing_equals_the_plain_loop_in_float64(model64, pair):
    aligned = align(pair, model64.text)
    with torch.inference_mode():
        expected = plain_loop(model64.text, aligned)
        (found,) = vectors_of(model64.text, [aligned])
    assert (found - expected).abs().max() <= 1e-9


def test_many_pairs_at_once_equal_one_pair_at_a_time(model64):
    pairs = align_all(template_pairs(["Edema", "Cardiomegaly"]), model64.text).aligned
    together = vectors_of(model64.text, pairs)
    for pair, found in zip(pairs, together, strict=True):
        (alone,) = vectors_of(model64.text, [pair], memory_budget=1)
        assert (found - alone).abs().max() <= 1e-12


def test_tracing_is_the_same_under_any_memory_budget(model64):
    pairs = align_all(template_pairs(["Edema"]), model64.text).aligned
    for roomy, tight in zip(
        vectors_of(model64.text, pairs), vectors_of(model64.text, pairs, memory_budget=1), strict=True
    ):
        assert (roomy - tight).abs().max() <= 1e-12


def traced(model, *pairs):
    aligned = [align(pair, model.text) for pair in pairs]
    images = F.normalize(torch.randn(len(pairs), model.text.dim, generator=torch.Generator().manual_seed(1)), dim=-1)
    return aligned, trace(model, aligned, images)


def test_effect_is_one_at_the_negator_of_the_embedding_and_at_the_pooled_token_of_the_last_layer(model64):
    aligned, result = traced(model64, PAIR, LONG)
    for row, pair in enumerate(aligned):
        assert float(result.cte[row, 0, pair.differing[0]]) == pytest.approx(1, abs=1e-6)
        assert float(result.cte[row, -1, pair.length - 1]) == pytest.approx(1, abs=1e-6)


def test_effect_is_exactly_zero_before_the_negator_in_a_causal_tower(model64):
    aligned, result = traced(model64, LONG)
    before = result.cte[0, :, : aligned[0].differing[0]]
    assert abs(before).max() < 1e-12


def test_effect_at_the_last_layer_is_zero_away_from_the_pooled_token(model64):
    aligned, result = traced(model64, LONG)
    assert abs(result.cte[0, -1, : aligned[0].length - 1]).max() < 1e-12


def test_effect_is_nan_and_counted_when_both_texts_score_alike(model64):
    aligned = [align(PAIR, model64.text)]
    a, n = model64.encode_texts([PAIR.affirmative, PAIR.negated])
    image = F.normalize(torch.randn(model64.text.dim, dtype=a.dtype), dim=-1)
    image = F.normalize(image - (image @ (a - n)) / ((a - n) @ (a - n)) * (a - n), dim=-1)
    result = trace(model64, aligned, image[None])
    assert bool(result.cte.isnull().all())


def test_shorter_pairs_are_nan_past_their_end_and_keep_their_roles(model64):
    aligned, result = traced(model64, PAIR, LONG)
    assert bool(result.cte[0, :, aligned[0].length :].isnull().all())
    assert list(result.role[0].values[: aligned[0].length]) == list(aligned[0].roles)


def hand_made(cte, d, role):
    import xarray as xr

    return xr.Dataset(
        {
            "cte": (("pair", "layer", "position"), np.array(cte, float)),
            "d": ("pair", np.array(d, float)),
            "role": (("pair", "position"), np.array(role, dtype=object)),
        },
        attrs={"min_gap": 1e-3},
    )


def test_ratio_mean_weighs_pairs_by_their_gap_and_mean_ratio_does_not():
    # two pairs, one layer, one token: effects 0.5 and 0.1 with gaps 1 and 3
    data = hand_made([[[0.5]], [[0.1]]], [1, 3], [["negator"], ["negator"]])
    assert float(by_role(data, "ratio_mean").sel(role="negator")[0]) == pytest.approx((0.5 * 1 + 0.1 * 3) / 4)
    assert float(by_role(data, "mean_ratio").sel(role="negator")[0]) == pytest.approx(0.3)
    assert np.isnan(float(by_role(data).sel(role="finding first")[0]))


def test_every_average_of_effects_weighs_pairs_by_the_size_of_their_gap_whatever_its_sign():
    # effects 0.5 and 0.1 with d of 1 and -0.5: (0.5 x 1 + 0.1 x 0.5) / 1.5; signed d would give 0.9
    data = hand_made([[[0.5]], [[0.1]]], [1, -0.5], [["negator"], ["negator"]])
    value = 0.55 / 1.5
    assert float(by_role(data, "ratio_mean").sel(role="negator")[0]) == pytest.approx(value)
    one_layer = data.assign_coords(layer=[1])
    assert layer_effect(one_layer, "negator", "ratio_mean") == pytest.approx([value])
    assert layer_profile(layer_summary(one_layer, "negator"), data.d, "ratio_mean").value[0] == pytest.approx(value)
    heads = data.rename(cte="cte_head", position="head").drop_vars("role")
    assert float(head_means(heads, "ratio_mean")[0, 0]) == pytest.approx(value)
    assert float(head_means(heads, "mean_ratio")[0, 0]) == pytest.approx(0.3)


def test_layer_summaries_of_a_hand_made_trace():
    # positions: before, negator, finding, end; only the last three count
    data = hand_made([[[9, 0.8, -0.2, 0.0]]], [1], [["before", "negator", "finding first", "end"]])
    values = np.array([0.8, -0.2, 0.0])
    assert float(layer_summary(data, "std")[0, 0]) == pytest.approx(values.std())
    assert float(layer_summary(data, "max")[0, 0]) == pytest.approx(0.8)
    assert float(layer_summary(data, "mean_abs")[0, 0]) == pytest.approx(1 / 3)
    assert float(layer_summary(data, "negator")[0, 0]) == pytest.approx(0.8)
    assert float(layer_summary(data, "negator_out")[0, 0]) == pytest.approx(0.2)
