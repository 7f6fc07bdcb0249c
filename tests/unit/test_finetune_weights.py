"""Layer weights by hand, the arms, and traces that cannot say where to train."""

import numpy as np
import pytest
import xarray as xr

from nast_core.errors import DataError
from nast_core.files.netcdf import save_dataset
from nast_core.finetune.arms import arm_weights
from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe
from nast_core.finetune.weights import (
    check_trace,
    layer_effect,
    layer_weights,
    min_max_weights,
    read_trace,
    recipe_weights,
)

NAN = float("nan")


def test_weights_follow_the_formula_of_the_method():
    # mean(c) = 2, so floor 0.1 gives 0.1 + 0.9 * (0.5, 1, 1.5), whose mean is 1
    assert layer_weights(np.array([1.0, 2.0, 3.0]), floor=0.1) == pytest.approx([0.55, 1.0, 1.45])
    # temperature 2: c' = 1, 4, 9 with mean 14/3
    assert layer_weights(np.array([1.0, 2.0, 3.0]), floor=0.5, temperature=2) == pytest.approx(
        [0.5 + 3 / 28, 0.5 + 12 / 28, 0.5 + 27 / 28]
    )


def test_an_effect_that_is_negative_by_rounding_alone_counts_as_none():
    assert list(layer_weights(np.array([2.0, 1.0, -1e-16]))) == list(layer_weights(np.array([2.0, 1.0, 0.0])))
    with pytest.raises(FinetuneError, match="negative in layer 3"):
        layer_weights(np.array([2.0, 1.0, -1e-3]))


def test_temperature_zero_and_floor_one_are_uniform():
    effect = np.array([0.1, 5.0, 0.3])
    assert layer_weights(effect, temperature=0) == pytest.approx([1, 1, 1])
    assert layer_weights(effect, floor=1) == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ([NAN, NAN], "undefined (NaN) in every layer"),
        ([1.0, NAN, NAN], "undefined (NaN) in layers 2, 3"),
        ([1.0, -0.5], "negative in layer 2 (least -0.5)"),
        ([0.0, 0.0], "0 in every layer"),
    ],
)
def test_an_effect_that_gives_no_weights_is_refused(effect, said):
    with pytest.raises(FinetuneError) as caught:
        layer_weights(np.array(effect))
    assert said in str(caught.value)


def test_a_weight_of_zero_is_refused_with_what_to_raise():
    with pytest.raises(FinetuneError, match="layer weight of layer 2 is 0; raise the floor above 0"):
        layer_weights(np.array([1.0, 0.0, 3.0]), floor=0.0)


def test_the_papers_weights_run_from_0_to_1_and_its_exponent_sharpens_them():
    effect = np.array([1.0, 2.0, 5.0])
    assert min_max_weights(effect) == pytest.approx([0, 0.25, 1])
    assert min_max_weights(effect, exponent=2) == pytest.approx([0, 0.0625, 1])
    assert min_max_weights(effect, exponent=0) == pytest.approx([1, 1, 1])
    assert min_max_weights(-effect) == pytest.approx([1, 0.75, 0])  # a negative effect is only a small one


@pytest.mark.parametrize(
    ("effect", "said"),
    [
        ([NAN, 1.0], r"undefined \(NaN\) in layer 1"),
        ([0.3, 0.3], "0.3 in every layer"),
        ([0.0, 0.0], "0 in every layer"),
    ],
)
def test_an_effect_that_tells_no_layers_apart_gives_the_paper_no_weights(effect, said):
    with pytest.raises(FinetuneError, match=said):
        min_max_weights(np.array(effect))


def test_inverse_turns_the_weights_upside_down_and_keeps_their_mean():
    weights = np.array([0.4, 1.0, 1.6])
    assert arm_weights("inverse", weights) == pytest.approx([1.6, 1.0, 0.4])
    skewed = np.array([0.5, 0.5, 2.0])  # turned: 2, 2, 0.5 with mean 1.5
    assert arm_weights("inverse", skewed) == pytest.approx([4 / 3, 4 / 3, 1 / 3])


def test_random_is_the_same_weights_in_an_order_that_the_seed_draws():
    weights = np.arange(1.0, 13.0)
    first, again, other = (arm_weights("random", weights, seed=seed) for seed in (0, 0, 1))
    assert sorted(first) == list(weights)
    assert list(first) == list(again)
    assert list(first) != list(other)
    assert list(first) != list(weights)


def test_uniform_is_one_everywhere_and_frozen_trains_nothing():
    weights = np.array([0.5, 1.5])
    assert list(arm_weights("uniform", weights)) == [1, 1]
    assert list(arm_weights("frozen", weights)) == [0, 0]


def a_trace(cte: np.ndarray, d: list[float], **attrs: object) -> xr.Dataset:
    """[pair, layer 0..L, position] with the negator at position 1."""
    pairs, layers, positions = cte.shape
    role = np.array([["before", "negator", *["finding first"] * (positions - 2)]] * pairs, object)
    return xr.Dataset(
        {"cte": (("pair", "layer", "position"), cte), "d": ("pair", d), "role": (("pair", "position"), role)},
        coords={"layer": np.arange(layers)},
        attrs={"model": "tiny", "component": "block", "positions": "each"} | attrs,
    )


def test_layer_zero_is_left_out_and_pairs_weigh_by_their_gap():
    cte = np.zeros((2, 3, 3))
    cte[:, 0, 1] = 1
    cte[0, 1:, 1] = [0.8, 0.2]
    cte[1, 1:, 1] = [0.4, 0.0]
    traced = a_trace(cte, [1.0, 3.0])
    assert layer_effect(traced, "negator", "mean_ratio") == pytest.approx([0.6, 0.1])
    assert layer_effect(traced, "negator", "ratio_mean") == pytest.approx([0.5, 0.05])  # (0.8 + 3 x 0.4) / 4
    assert layer_effect(traced, "negator_out", "ratio_mean") == pytest.approx([0.5, 0.95])
    # std over positions 1 and 2 is half their distance
    assert layer_effect(traced, "std", "mean_ratio") == pytest.approx([0.3, 0.05])


def test_an_undefined_pair_takes_no_part_and_a_layer_without_pairs_is_nan():
    cte = np.full((2, 3, 3), NAN)
    cte[0, 1, 1] = 0.8
    for average in ("ratio_mean", "mean_ratio"):
        assert layer_effect(a_trace(cte, [1.0, 0.0]), "negator", average) == pytest.approx([0.8, NAN], nan_ok=True)


def test_a_negator_of_two_tokens_counts_by_the_stronger_one():
    cte = np.zeros((1, 2, 4))
    cte[0, 1] = [0.9, 0.1, 0.7, 0.3]
    traced = a_trace(cte, [1.0])
    traced["role"] = (("pair", "position"), np.array([["before", "negator", "negator", "finding first"]], object))
    assert layer_effect(traced, "negator") == pytest.approx([0.7])


def test_in_a_trace_of_heads_the_summary_runs_over_heads():
    traced = xr.Dataset(
        {"cte_head": (("pair", "layer", "head"), [[[0.1, 0.5], [-0.3, 0.1]]]), "d": ("pair", [1.0])},
        coords={"layer": [1, 2]},
    )
    assert layer_effect(traced, "max") == pytest.approx([0.5, 0.1])
    assert layer_effect(traced, "mean_abs") == pytest.approx([0.3, 0.2])
    with pytest.raises(DataError, match="'negator' has no meaning for a trace of heads; choose std or max or mean_abs"):
        layer_effect(traced, "negator")


def test_a_trace_of_another_model_is_refused_with_both_fingerprints(tiny):
    with pytest.raises(FinetuneError) as caught:
        check_trace(a_trace(np.zeros((1, 4, 3)), [1.0], model_fingerprint="abcdef0123456789"), tiny)
    assert "tiny (fingerprint abcdef012345)" in str(caught.value)
    assert f"fingerprint {tiny.fingerprint[:12]}" in str(caught.value)


def test_a_trace_that_lacks_layers_is_refused(tiny):
    short = a_trace(np.zeros((1, 3, 3)), [1.0], model_fingerprint=tiny.fingerprint)
    with pytest.raises(FinetuneError, match="has layers 1 to 2 and the text tower has 3"):
        check_trace(short, tiny)


def test_what_is_no_trace_is_refused(tiny, tmp_path):
    with pytest.raises(FinetuneError, match="make one with 'nast trace'"):
        read_trace(tmp_path / "none.nc", tiny)
    (tmp_path / "text.nc").write_text("layer,cte")
    with pytest.raises(FinetuneError, match=r"text\.nc cannot be read as netCDF"):
        read_trace(tmp_path / "text.nc", tiny)
    save_dataset(tmp_path / "nsa.nc", xr.Dataset({"nsa": ("pair", [1.0])}))
    with pytest.raises(FinetuneError, match="holds nsa and no cte"):
        read_trace(tmp_path / "nsa.nc", tiny)


def test_a_recipe_takes_its_weights_from_a_file_or_from_a_run(tiny, tmp_path):
    cte = np.zeros((1, 4, 3))
    cte[0, :, 1] = [1.0, 1.0, 2.0, 3.0]
    save_dataset(tmp_path / "trace-1" / "trace.nc", a_trace(cte, [1.0], model_fingerprint=tiny.fingerprint))
    for trace in (tmp_path / "trace-1" / "trace.nc", "run:trace-1"):
        recipe = FinetuneRecipe(data="claims.jsonl", arm="nast", trace=trace, summary="negator", floor=0.1)
        assert recipe_weights(recipe, tiny, tmp_path) == pytest.approx([0.55, 1.0, 1.45])
    paper = FinetuneRecipe(preset="paper", trace="run:trace-1", summary="negator", exponent=2)
    assert recipe_weights(paper, tiny, tmp_path) == pytest.approx([0, 0.25, 1])
    uniform = FinetuneRecipe(data="claims.jsonl", trace="nowhere.nc")
    assert list(recipe_weights(uniform, tiny, tmp_path)) == [1, 1, 1]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"arm": "nast"}, "takes its layer weights from a trace"),
        ({"precision": "float16"}, "give float32, bf16 or auto"),
        ({"method": "full", "precision": "bfloat16"}, "rounds most updates away"),
        ({"caption_weight": 0, "same_image_weight": 0, "across_image_weight": 0}, "nothing is learnt"),
        ({"floor": 0}, "greater than 0"),
        ({"preset": "paper"}, "arm 'paper' takes its layer weights from a trace"),
        ({"preset": "nast"}, "preset"),
        ({"objective": "paper", "balance": 1.5}, "less than or equal to 1"),
        ({"batch_size": 1}, "greater than or equal to 2"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(fields, said):
    with pytest.raises(ValueError, match=said):
        FinetuneRecipe(data="claims.jsonl", **fields)


def test_a_preset_lies_beneath_what_the_recipe_says_itself():
    asked = FinetuneRecipe(preset="paper", trace="run:t", learning_rate=1e-3, balance=0.25)
    assert (asked.arm, asked.scale, asked.method, asked.objective) == ("paper", "gradient", "lora", "paper")
    assert (asked.decay, asked.optimizer, asked.learning_rate, asked.balance) == ("none", "adamw", 1e-3, 0.25)
    assert FinetuneRecipe(preset="paper", arm="uniform").arm == "uniform"
    assert FinetuneRecipe.model_validate_json(asked.model_dump_json()) == asked
