"""Components, heads, windows and image sets: against plain loops, a model worked out by hand, and random shapes."""

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from nast_core.errors import DataError, ModelError, PairError
from nast_core.interpret.ablation import ablate, head_means
from nast_core.interpret.effects import effects_of, patched_pairs, trace
from nast_core.interpret.gradients import agreement, attribution_trace
from nast_core.interpret.patched_runs import read_vectors, vector_file
from nast_core.interpret.plan import PatchPlan
from nast_core.interpret.profiles import counts, layer_profile, segment
from nast_core.interpret.summaries import layer_summary, offered
from nast_core.negation.pairs import PolarityPair, align, align_all, template_pairs
from tests.plain import patched_everywhere, values_of

PAIR = PolarityPair(affirmative="there is some edema .", negated="there is no edema .")
LONG = PolarityPair(
    affirmative="frontal view . there is a pleural effusion .", negated="frontal view . there is no pleural effusion ."
)
PLANS = st.builds(
    PatchPlan,
    component=st.sampled_from(["block", "attention", "mlp", "head"]),
    positions=st.sampled_from(["each", "negator", "all"]),
    window=st.integers(1, 4),
)


def random_images(model, *shape):
    values = torch.randn(*shape, model.text.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return F.normalize(values, dim=-1)


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS, budget=st.sampled_from([1, 40_000, 2**28]))
def test_any_plan_under_any_memory_budget_equals_the_plain_loop(model64, plan, budget):
    pairs = [align(PAIR, model64.text), align(LONG, model64.text)]
    for pair, found in zip(pairs, patched_pairs(model64.text, pairs, plan, memory_budget=budget), strict=True):
        with torch.inference_mode():
            expected = patched_everywhere(model64.text, pair, plan)
        assert (found.vectors - expected).abs().max() <= 1e-9


def test_a_window_that_reaches_past_the_last_layer_ends_there(model64):
    pairs = [align(PAIR, model64.text)]
    (long,), (longer,) = (
        patched_pairs(model64.text, pairs, PatchPlan(component="mlp", window=n)) for n in (model64.text.n_layers, 99)
    )
    assert torch.equal(long.vectors, longer.vectors)


def test_every_block_state_at_every_position_together_is_the_negated_text(model64):
    aligned = [align(PAIR, model64.text)]
    traced = trace(model64, aligned, random_images(model64, 1), plan=PatchPlan(positions="all"))
    assert np.abs(traced.cte.values - 1).max() < 1e-9


def test_attention_and_mlp_of_every_layer_together_are_all_that_the_negation_adds_to_the_embedding(model64):
    """Written into every layer, both branches and the embedding leave nothing of the affirmative text."""
    tower, pair = model64.text, align(PAIR, model64.text)
    x = tower.embed(tower.tokenize([PAIR.negated]))
    with torch.inference_mode():
        for attention, mlp in zip(
            values_of(tower, PAIR.negated, "attention")[1:], values_of(tower, PAIR.negated, "mlp")[1:], strict=True
        ):
            x = x + attention + mlp
        end = F.normalize(tower.readout(x, tower.tokenize([PAIR.negated])), dim=-1)[0]
    (kept,) = patched_pairs(tower, [pair])
    assert (end - kept.negated).abs().max() < 1e-9


def test_a_thousand_images_give_the_ratio_of_means_over_those_where_the_pair_is_defined(model64):
    pairs = align_all(template_pairs(["Edema"]), model64.text).aligned[:3]
    images, floor = random_images(model64, 40), 0.05
    traced = trace(model64, pairs, images.expand(3, -1, -1), min_gap=floor)
    for row, pair in enumerate(pairs):
        (one,) = patched_pairs(model64.text, [pair])
        scale = model64.logit_scale
        d = [float(scale * (one.affirmative - one.negated) @ image) for image in images]
        tops = [(scale * (one.affirmative - one.vectors[:, 0]) @ image).numpy() for image in images]
        used = [i for i, gap in enumerate(d) if abs(gap) >= floor]
        assert used
        expected = sum(tops[i] for i in used) / sum(d[i] for i in used)
        assert np.nanmax(np.abs(traced.cte[row, :, : pair.length].values - expected)) < 1e-9
        assert traced.d_image[row].values == pytest.approx(d)
        assert float(traced.d[row]) == pytest.approx(np.mean([d[i] for i in used]))


@pytest.mark.parametrize("plan", [PatchPlan(), PatchPlan(component="head", positions="all")])
@pytest.mark.parametrize("images", [1, 3])
def test_patched_runs_made_before_give_the_trace_of_their_pair(model64, plan, images):
    pair = align(LONG, model64.text)
    on = random_images(model64, 1, images) if images > 1 else random_images(model64, 1)
    traced = trace(model64, [pair], on, plan=plan)
    (one,) = patched_pairs(model64.text, [pair], plan)
    alone = effects_of(model64, one, on)
    assert alone.equals(traced)
    assert alone.attrs | {"created": ""} == traced.attrs | {"created": ""}  # a second may have passed between the two


def test_a_pair_that_scores_alike_on_every_image_is_undefined_and_counted(model64):
    aligned = [align(PAIR, model64.text), align(LONG, model64.text)]
    (first, _) = patched_pairs(model64.text, aligned)
    apart = F.normalize(first.affirmative - first.negated, dim=-1)
    images = random_images(model64, 5)
    images = F.normalize(images - (images @ apart)[:, None] * apart, dim=-1)  # no image can tell the first pair apart
    traced = trace(model64, aligned, images.expand(2, -1, -1))
    assert bool(traced.cte[0].isnull().all())
    assert not bool(traced.cte[1, :, : aligned[1].length].isnull().any())
    found = counts(traced)
    assert (found.pairs, found.undefined) == (2, 1)
    assert found.affirmative_higher + found.negated_higher == 1


def test_segments_part_the_defined_pairs_by_the_sign_of_d(model64):
    pairs = align_all(template_pairs(["Edema", "Cardiomegaly"]), model64.text).aligned
    traced = trace(model64, pairs, random_images(model64, len(pairs)))
    higher, lower = segment(traced, "affirmative higher"), segment(traced, "negated higher")
    assert higher.sizes["pair"] + lower.sizes["pair"] + counts(traced).undefined == len(pairs)
    assert bool((higher.d > 0).all())
    assert bool((lower.d < 0).all())


def test_a_layer_profile_weighs_pairs_alike_or_by_their_gap():
    # effects 0.5 and 0.1 with d of 1 and -3, and a third pair that is undefined
    values = xr.DataArray(np.array([[0.5], [0.1], [np.nan]]), dims=("pair", "layer"), coords={"layer": [4]})
    d = xr.DataArray(np.array([1.0, -3.0, 0.0]), dims="pair")
    alike, weighed = layer_profile(values, d, "mean_ratio"), layer_profile(values, d, "ratio_mean")
    assert alike.value[0] == pytest.approx(0.3)
    assert weighed.value[0] == pytest.approx((0.5 * 1 + 0.1 * 3) / 4)
    assert list(alike.n) == [2]
    assert list(alike.layer) == [4]
    # drawn with replacement from 0.5 and 0.1, the mean lies between them
    assert alike.low[0] == pytest.approx(0.1)
    assert alike.high[0] == pytest.approx(0.5)


def test_a_plan_that_writes_a_set_at_once_has_one_layer_summary_and_refuses_the_others(model64):
    aligned = [align(PAIR, model64.text)]
    plan = PatchPlan(component="attention", positions="negator")
    traced = trace(model64, aligned, random_images(model64, 1), plan=plan)
    assert list(offered(traced)) == ["together"]
    assert layer_summary(traced, "together").equals(traced.cte)
    for summary in ("std", "negator", "negator_out"):  # the last two would train the opposite layers
        with pytest.raises(
            DataError,
            match=f"{summary!r} has no meaning for a trace whose positions were written together; choose together",
        ):
            layer_summary(traced, summary)


def test_patched_vectors_are_kept_on_disk_within_their_budget_and_score_other_images(model64, tmp_path):
    aligned = [align(PAIR, model64.text), align(LONG, model64.text)]
    longest = max(p.length for p in aligned)
    size = 4 * (model64.text.n_layers + 1) * longest * model64.text.dim
    with vector_file(tmp_path / "v.h5", longest, budget=size) as keep:
        traced = trace(model64, aligned, random_images(model64, 2), keep=keep)
    kept = [read_vectors(tmp_path / "v.h5", i) for i in range(2)]
    assert sum(one is not None for one in kept) == 1
    row = next(i for i, one in enumerate(kept) if one is not None)
    other = random_images(model64, 3)[2]
    (fresh,) = patched_pairs(model64.text, [aligned[row]])
    found = kept[row].vectors[:, 0, : aligned[row].length] @ other.float()
    assert (found - (fresh.vectors[:, 0] @ other).float()).abs().max() < 1e-6
    assert traced.sizes["pair"] == 2


def test_a_file_that_holds_no_vectors_is_refused_by_name(tmp_path):
    (tmp_path / "v.h5").write_text("nothing")
    with pytest.raises(DataError, match=r"v\.h5 holds no patched vectors"):
        read_vectors(tmp_path / "v.h5", 0)


class TestAttributionPatching:
    def test_is_the_slope_of_the_score_towards_the_negated_value(self, model64):
        """Against a difference quotient: a thousandth of the way from h_a to h_n, times a thousand."""
        tower, pair, image = model64.text, align(PAIR, model64.text), random_images(model64, 1)
        estimate = attribution_trace(model64, [pair], image)
        tokens = tower.tokenize([PAIR.affirmative])
        with torch.inference_mode():
            clean, source = tower.states(tokens), tower.states(tower.tokenize([PAIR.negated]))
            score = lambda hidden, layer: float(  # noqa: E731
                F.normalize(tower.readout(tower.run(hidden, tokens, layer), tokens), dim=-1)[0] @ image[0]
            )
            gap = score(clean[0], 0) - score(source[0], 0)
            for layer in range(tower.n_layers + 1):
                for position in range(pair.length):
                    moved, step = clean[layer].clone(), 1e-4
                    moved[0, position] += step * (source[layer, 0, position] - clean[layer, 0, position])
                    slope = (score(clean[layer], layer) - score(moved, layer)) / step / gap
                    assert float(estimate.cte[0, layer, position]) == pytest.approx(slope, abs=2e-3)

    def test_of_a_head_at_all_positions_is_the_sum_over_positions(self, model64):
        pairs, images = [align(LONG, model64.text)], random_images(model64, 1)
        each = attribution_trace(model64, pairs, images, plan=PatchPlan(component="head"))
        together = attribution_trace(model64, pairs, images, plan=PatchPlan(component="head", positions="all"))
        assert np.abs(each.cte_head.sum("position").values - together.cte_head.values).max() < 1e-12

    def test_of_heads_adds_up_to_that_of_the_attention(self, model64):
        """The output projection is linear, so to first order the heads' effects sum to their attention's."""
        pairs, images = [align(LONG, model64.text)], random_images(model64, 1)
        heads = attribution_trace(model64, pairs, images, plan=PatchPlan(component="head"))
        attention = attribution_trace(model64, pairs, images, plan=PatchPlan(component="attention"))
        assert np.abs(heads.cte_head.sum("head").values - attention.cte.values).max() < 1e-9

    def test_does_not_depend_on_how_pairs_are_batched(self, model64):
        pairs = align_all(template_pairs(["Edema"]), model64.text).aligned
        images = random_images(model64, len(pairs), 3)
        roomy, tight = (attribution_trace(model64, pairs, images, memory_budget=n).cte for n in (2**28, 1))
        assert np.nanmax(np.abs(roomy.values - tight.values)) < 1e-10

    def test_is_shown_with_its_correlation_to_exact_tracing(self, model64):
        pairs = align_all(template_pairs(["Edema"]), model64.text).aligned
        close = agreement(model64, pairs, random_images(model64, len(pairs)), sample=4)
        assert close["pairs"] == 4
        assert -1 <= close["pearson"] <= 1
        assert close["cells"] > 50

    def test_over_a_window_of_layers_is_refused(self, model64):
        with pytest.raises(PairError, match="the window is 2; use window 1, or method exact"):
            attribution_trace(model64, [align(PAIR, model64.text)], random_images(model64, 1), plan=PatchPlan(window=2))


class TestAblation:
    def test_replaces_a_head_by_its_mean_and_nothing_else(self, model64):
        """Every text then encodes as a plain run does with the head's channels overwritten."""
        tower, pairs = model64.text, [align(PAIR, model64.text), align(LONG, model64.text)]
        with torch.inference_mode():
            outputs = [values_of(tower, text, "head") for p in pairs for text in (p.pair.affirmative, p.pair.negated)]
            mean = torch.cat([z[1][0] for z in outputs]).mean(0)
        means = head_means(tower, pairs)
        assert (means[0] - mean).abs().max() < 1e-12
        size = tower.width // tower.n_heads
        off = ablate(model64, [(1, 2)], means)

        class Overwritten:
            def __init__(self, block):
                self.block = block

            def __getattr__(self, name):
                return getattr(self.block, name)

            def attention_out(self, z):
                z = z.clone()
                z[..., size : 2 * size] = mean[size : 2 * size]
                return self.block.attention_out(z)

        tokens = tower.tokenize([LONG.negated])
        with torch.inference_mode():
            before = tower.encode(tokens)
            first = tower.step(Overwritten(tower.blocks[0]), tower.embed(tokens), tower.attention_mask(tokens))
            expected = tower.readout(tower.run(first, tokens, 1), tokens)
            assert (off.text.encode(tokens) - expected).abs().max() < 1e-12
            assert (off.text.encode(tokens) - before).abs().max() > 1e-6
            assert torch.equal(tower.encode(tokens), before)  # the model given stays as it is

    def test_is_another_model_to_every_cache(self, model64):
        means = head_means(model64.text, [align(PAIR, model64.text)])
        prints = {m.fingerprint for m in (model64, ablate(model64, [(1, 1)], means), ablate(model64, [(1, 2)], means))}
        assert len(prints) == 3

    def test_refuses_a_head_that_is_not_there(self, model64):
        means = head_means(model64.text, [align(PAIR, model64.text)])
        with pytest.raises(ModelError, match=r"no head 99 in layer 1; the text tower has \d+ layers of \d+ heads"):
            ablate(model64, [(1, 99)], means)
