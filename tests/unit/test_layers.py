"""Reading the layers: probe, lens, direct contributions and patch lens, on towers worked out by hand and tiny CLIPs."""

import zlib
from itertools import product

import numpy as np
import pytest
import torch
import xarray as xr
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F

from nast_core.compare.layers import lens_changes, probe_changes, told
from nast_core.errors import ModelError, PairError
from nast_core.interpret import lens as lens_module
from nast_core.interpret.ablation import sink
from nast_core.interpret.attention import attention_patterns, value_weighted_patterns
from nast_core.interpret.contributions import contributions, direct_contributions, of_the_negation
from nast_core.interpret.effects import patched_pairs
from nast_core.interpret.lens import equivalent_of, lens, mean_jacobians, moved, story, would_be_embeddings
from nast_core.interpret.logistic import C, fit, standardised
from nast_core.interpret.patch_lens import Cell, patch
from nast_core.interpret.probe import design, last_token, probe, probe_pairs
from nast_core.interpret.probe_summary import sentence, summarise
from nast_core.models.description import lacking
from nast_core.negation.pairs import PolarityPair, align, denial_pairs
from tests.toys import ToyBlock, ToyTower, toy

pytestmark = pytest.mark.slow

FINDINGS = {"Edema": "edema", "Pneumothorax": "pneumothorax", "Fracture": "fracture", "Cardiomegaly": "cardiomegaly",
            "Atelectasis": "atelectasis", "Consolidation": "consolidation"}  # fmt: skip
CUES = ("no", "without", "no evidence of", "absent", "free of")
PAIRS = [
    PolarityPair(affirmative=f"some kind of {turn} {noun}", negated=f"{cue} {turn} {noun}", finding=finding)
    for (finding, noun), cue, turn in product(FINDINGS.items(), CUES, ("one", "other"))
]
PAIR = PolarityPair(affirmative="there is some edema .", negated="there is no edema .", finding="Edema")
LONG = PolarityPair(
    affirmative="frontal view . there is a pleural effusion .", negated="frontal view . there is no pleural effusion ."
)


def parity(text: str, position: int) -> list[float]:
    """Two signs whose product is the polarity: no line through them tells it."""
    u = 1 if " other " in text else -1
    return [u, u * (1 if "some kind of" in text else -1), zlib.crc32(text.split()[-1].encode()) % 7, 0]


def write_product(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([0 * x[..., 0], 0 * x[..., 0], 0 * x[..., 0], x[..., 0] * x[..., 1]], -1)


def erase(x: torch.Tensor) -> torch.Tensor:
    return x * torch.tensor([0, 0, 0, -1.0], dtype=x.dtype)


def nothing(x: torch.Tensor) -> torch.Tensor:
    return 0 * x


def values(found, place="pooled"):
    said = summarise(found)
    rows = said["layers" if place == "pooled" else "finding_token"]
    return {name: [row[name]["value"] for row in rows] for name in ("held_out_findings", "held_out_cues", "control")}


class TestProbe:
    def test_names_the_one_layer_that_carries_the_sign(self):
        tower = ToyTower([ToyBlock(write_product), ToyBlock(erase), ToyBlock(nothing)], parity)
        model = toy(tower)
        found = probe(model, probe_pairs(PAIRS, tower).usable)
        for place in ("pooled", "finding"):
            read = values(found, place)
            assert read["held_out_findings"] == pytest.approx([0.5, 1, 0.5, 0.5])
            assert read["held_out_cues"] == pytest.approx([0.5, 1, 0.5, 0.5])
        said = summarise(found)
        assert said["held_out"] == ["absent", "free of"]
        assert said["layers"][1]["held_out_findings"] == {"value": 1, "low": 1, "high": 1, "n": 36}
        assert said["layers"][1]["held_out_cues"]["n"] == 24
        assert said["sentence"] == (
            "The tower knows in layer 1 and loses it after, for cues it has met; for “absent” in layer 1 and loses it "
            "after; for “free of” in layer 1 and loses it after."
        )

    def test_finds_nothing_where_no_layer_carries_it_and_its_control_is_a_coin(self):
        tower = ToyTower([ToyBlock(nothing), ToyBlock(write_product)], parity)
        found = probe(toy(tower), probe_pairs(PAIRS, tower).usable, shufflings=400)
        read = values(found)
        assert read["held_out_findings"][:2] == pytest.approx([0.5, 0.5])
        assert np.abs(np.array(read["control"]) - 0.5).max() < 0.06

    def test_answers_as_scikit_learn_does_on_the_same_states(self):
        rng = np.random.default_rng(0)
        x = standardised(torch.from_numpy(rng.normal(size=(120, 12)) * rng.uniform(0.1, 9, 12) + 3).float())
        y = (x[:, 0].numpy() + rng.normal(size=120) > 0) * 2.0 - 1
        used = rng.random((120, 3)) < 0.7
        signs = np.stack([y, rng.permutation(y), -y], 1)
        for c in (C, 30.0):
            found = fit(x, torch.from_numpy(signs).float(), torch.from_numpy(used).float(), c=c).logits(x).numpy()
            for problem in range(3):
                some = used[:, problem]
                theirs = LogisticRegression(C=c, tol=1e-10, max_iter=10_000)
                theirs.fit(x.numpy()[some], signs[some, problem])
                expected = theirs.decision_function(x.numpy())
                assert np.abs(found[:, problem] - expected).max() < 1e-2 * np.abs(expected).max()
                clear = np.abs(expected) > 2e-2 * np.abs(expected).max()
                assert ((found[:, problem] > 0) == (expected > 0))[clear].all()

    def test_a_feature_that_is_constant_but_for_rounding_says_nothing(self):
        x = torch.tensor([[1.0, 5], [1 + 1e-7, 7]])
        assert standardised(x).flatten().tolist() == pytest.approx([0, -(0.5**0.5), 0, 0.5**0.5])

    def test_sees_no_cue_and_no_finding_that_it_is_asked_about(self):
        tower = ToyTower([ToyBlock(nothing)], parity)
        plan = design(probe_pairs(PAIRS, tower).usable)
        assert plan.held_out == ("absent", "free of")
        assert plan.asked.reshape(len(FINDINGS), -1).tolist() == [[False] * 6 + [True] * 4] * len(FINDINGS)
        assert (np.ptp(plan.fold.reshape(len(FINDINGS), -1), axis=1) == 0).all()  # a finding lies in one fold
        assert design(probe_pairs(PAIRS, tower).usable, ["no"]).held_out == ("no",)

    def test_pairs_of_one_cue_or_of_one_finding_are_asked_what_they_can_be(self):
        tower = ToyTower([ToyBlock(write_product)], parity)
        one_cue = [
            PolarityPair(
                affirmative=f"some kind of {n} {turn} {noun}", negated=f"no {n} {turn} {noun}", finding=finding
            )
            for (finding, noun), n, turn in product(FINDINGS.items(), "ab", ("one", "other"))
        ]
        said = summarise(probe(toy(tower), probe_pairs(one_cue, tower).usable))
        assert np.isnan(said["layers"][1]["held_out_cues"]["value"])
        assert said["layers"][1]["held_out_findings"]["value"] == 1
        assert "every pair denies with 'no': no cue can be held out" in said["notes"][0]
        one_finding = [
            PolarityPair(
                affirmative=f"some kind of {n} {turn} edema", negated=f"{cue} {n} {turn} edema", finding="Edema"
            )
            for cue, n, turn in product(CUES, "ab", ("one", "other"))
        ]
        said = summarise(probe(toy(tower), probe_pairs(one_finding, tower).usable))
        assert np.isnan(said["layers"][1]["held_out_findings"]["value"])
        assert said["layers"][1]["held_out_cues"]["value"] == 1
        assert "no finding can be held out" in said["notes"][0]

    def test_refuses_what_it_cannot_learn_from(self):
        tower = ToyTower([ToyBlock(nothing)], parity)
        with pytest.raises(PairError, match="at least 20 pairs to learn from and to be asked about, and got 19"):
            design(probe_pairs(PAIRS[:19], tower).usable)
        with pytest.raises(PairError, match="no pair denies with 'nope'; the pairs' cues are absent, free of, no"):
            design(probe_pairs(PAIRS, tower).usable, ["nope"])
        with pytest.raises(PairError, match="all 5 cues are held out"):
            design(probe_pairs(PAIRS, tower).usable, CUES)
        alike = [PolarityPair(affirmative=f"a {n} edema", negated=f"no {n} edema", finding="Edema") for n in range(20)]
        with pytest.raises(PairError, match="all 20 pairs deny 'Edema' with 'no', so nothing can be held out"):
            design(probe_pairs(alike, tower).usable)

    def test_pairs_without_a_negator_and_equal_texts_are_listed_with_the_reason(self):
        tower = ToyTower([ToyBlock(nothing)], parity)
        plain, equal = (PolarityPair(affirmative="an edema", negated=negated) for negated in ("some edema", "no edema"))
        equal = equal.model_copy(update={"affirmative": "No  edema"})
        found = probe_pairs([plain, equal, PAIR], tower)
        assert [reason.split(";")[0] for _, reason in found.refused] == [
            "the negated text has no negator: 'some edema'",
            "the two texts are equal: 'no edema'",
        ]
        assert [one.cue for one in found.usable] == ["no"]

    def test_a_text_that_names_no_finding_is_counted_and_not_asked_about_there(self):
        tower = ToyTower([ToyBlock(write_product)], parity)
        strange = PolarityPair(affirmative="some kind of thing", negated="no thing", finding="Edema")
        found = probe(toy(tower), probe_pairs([*PAIRS, strange], tower).usable)
        assert np.isnan(found.correct.sel(place="finding").values[:, -1]).all()
        assert not np.isnan(found.correct.sel(place="pooled").values[:, -1]).any()
        assert "1 pairs have a text that names no finding" in summarise(found)["notes"][0]

    def test_the_findings_last_token_is_found_wherever_it_stands(self, tiny):
        for text, word in (("There is no edema.", "edema"), ("Pleural effusion is absent.", "effusion")):
            tokens = tiny.text.tokenize([text])
            at = last_token(tokens, 0, "Edema" if word == "edema" else "Pleural Effusion")
            end = text.lower().index(word) + len(word)
            assert tokens.offsets[0][at][1] == end
        assert last_token(tiny.text.tokenize(["The heart is normal"]), 0, "scanner") is not None  # another finding's
        assert last_token(tiny.text.tokenize(["no gizmo there"]), 0, "Gizmo") is not None
        assert last_token(tiny.text.tokenize(["nothing to see"]), 0, "Gizmo") is None

    def test_says_where_knowledge_begins_and_ends_in_words(self):
        def rows(*accuracies):
            return [{"layer": n, "held_out_findings": {"value": v}} for n, v in enumerate(accuracies)]

        def cue(name, held_out, *accuracies):
            return {
                "cue": name,
                "held_out": held_out,
                "layers": [{"layer": n, "value": v} for n, v in enumerate(accuracies)],
            }

        cues = [
            cue("no", False, 0, 0.5, 0.9, 1),
            cue("absent", True, 0.5, 0.5, 0.5, 0.5),
            cue("free of", True, 1, 0.5, 0.9, 0.6),
        ]
        assert sentence(rows(0.5, 0.6, 0.97, 0.99), cues) == (
            "The tower knows from layer 2 on, for cues it has met; for “free of” in layer 2 and loses it after; for "
            "“absent” never."
        )
        assert sentence(rows(0.99, 0.6, 0.5, 0.5), [cue("no", False, 1, 0.6, 0.5, 0.5)]) == (
            "No layer knows it of the cues it has met (at least 80% right): layer 1 comes nearest with 60%."
        )


class TestContributions:
    def test_of_a_one_layer_tower_are_those_worked_out_by_hand(self):
        """Tokens (1, 0) and (0, 2); the head adds half of each, the MLP (1, 0): last (1.5, 3), read along (1, 0)."""
        tower = ToyTower(
            [ToyBlock(lambda x: torch.tensor([1.0, 0], dtype=x.dtype).expand_as(x), out=1)],
            lambda text, position: [1, 0] if position == 0 else [0, 2],
        )
        image = torch.tensor([[1.0, 0]], dtype=torch.float64)
        found, _ = direct_contributions(toy(tower, scale=10), ["no edema"], image)
        length = (1.5**2 + 3**2) ** 0.5
        assert found.heads[0, 0, 0].tolist() == pytest.approx([5 / length, 0])
        assert found.mlps[0].tolist() == pytest.approx([10 / length])
        assert (float(found.embedding[0]), float(found.rest[0])) == pytest.approx((0, 0))
        assert float(found.score[0]) == pytest.approx(15 / length)

    def test_add_up_to_the_score_and_their_difference_to_that_of_the_scores(self, model64):
        pairs = [align(pair, model64.text) for pair in (PAIR, LONG)]
        images = F.normalize(torch.randn(2, model64.text.dim, dtype=torch.float64), dim=-1)
        found = contributions(model64, pairs, images)
        assert float(abs(found.delta).max()) < 1e-9
        for name, texts in (("s_affirmative", "affirmative"), ("s_negated", "negated")):
            vectors = model64.encode_texts([getattr(pair.pair, texts) for pair in pairs])
            assert np.abs(found[name].values - model64.score_each(vectors, images).numpy()).max() < 1e-9
        parts = of_the_negation(found)
        total = (
            parts["heads"].sum(("layer", "head", "position")) + parts.mlps.sum("layer") + parts.embedding + parts.rest
        )
        assert np.abs(total.values + found.d.values).max() < 1e-9
        assert not found["heads"].sel(position=slice(pairs[0].length, None)).values[0].any()  # past a text's end

    def test_over_several_images_are_their_mean(self, model64):
        pair = [align(PAIR, model64.text)]
        images = F.normalize(torch.randn(1, 3, model64.text.dim, dtype=torch.float64), dim=-1)
        together = contributions(model64, pair, images)
        alone = [contributions(model64, pair, images[:, i])["heads"].values for i in range(3)]
        assert np.abs(together["heads"].values - np.mean(alone, 0)).max() < 1e-9


class TestLens:
    def test_at_the_last_layer_is_the_embedding_itself(self, model64):
        texts = [PAIR.negated, LONG.affirmative]
        jacobians = mean_jacobians(model64, texts)
        assert torch.equal(jacobians[-1], torch.eye(model64.text.width, dtype=torch.float64))
        ends = model64.encode_texts(texts)
        for vectors in would_be_embeddings(model64, texts, jacobians).values():
            assert (vectors[:, -1] - ends).abs().max() < 1e-9

    def test_carries_a_state_by_the_mean_of_how_the_last_state_moves_with_it(self, model64):
        tower, texts = model64.text, [PAIR.negated, LONG.affirmative]
        jacobians = mean_jacobians(model64, texts)
        nudge = torch.randn(tower.width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        for layer in range(tower.n_layers):
            moved = torch.zeros(tower.width, dtype=torch.float64)
            for text in texts:
                tokens = tower.tokenize([text])
                at = int(tokens.pooled[0])
                with torch.inference_mode():
                    state = tower.states(tokens)[layer]
                    ends = []
                    for step in (1e-5, -1e-5):
                        changed = state.clone()
                        changed[0, at] += step * nudge
                        ends.append(tower.run(changed, tokens, layer)[0, at])
                moved += (ends[0] - ends[1]) / 2e-5 / len(texts)
            assert (jacobians[layer] @ nudge - moved).abs().max() < 1e-6 * moved.abs().max() + 1e-9

    def test_of_many_texts_each_gives_some_rows_by_turns(self, model64, monkeypatch):
        texts = [PAIR.negated, LONG.affirmative]  # in order of length
        whole = [mean_jacobians(model64, [text]) for text in texts]
        monkeypatch.setattr(lens_module, "_A_ROW", 1)
        shared = mean_jacobians(model64, texts)
        for turn in (0, 1):
            assert (shared[:, turn::2] - whole[turn][:, turn::2]).abs().max() < 1e-12

    def test_gives_a_pairs_own_texts_its_equivalent_and_the_nearest_phrases(self, tiny):
        pairs = [PAIR, LONG]
        bank = ["There is no edema.", "there is some edema .", PAIR.negated]
        found = lens(tiny, pairs, None, bank=bank)
        assert found.cosine.dims == ("way", "pair", "form", "layer", "target")
        assert found.cosine.sel(form="negated", target="negated").values[0, :, -1] == pytest.approx([1, 1], abs=1e-5)
        assert found.equivalent.values[0] == equivalent_of(PAIR) != ""
        assert np.isnan(found.cosine.sel(target="equivalent").values[0, 1]).all()  # LONG names no finding
        assert found.nearest_cosine.values[0, 0, 1, -1, 0] == pytest.approx(1, abs=1e-5)
        layers = story(tiny, PAIR.negated, None, bank, 2)
        assert len(layers) == tiny.text.n_layers + 1
        assert layers[-1][0][1] == pytest.approx(1, abs=1e-5)

    def test_refuses_a_tower_that_pools_several_positions(self, tmp_path):
        from nast_core import load_model
        from tests.writers import cxr_clip

        model = load_model(cxr_clip.write(tmp_path / "m", pooling="mean"), device="cpu")
        with pytest.raises(PairError, match="has no would-be embedding at a layer: the embedding is the mean of"):
            mean_jacobians(model, [PAIR.negated])
        with pytest.raises(PairError, match="is no sum of direct contributions: the embedding is the mean of"):
            direct_contributions(model, [PAIR.negated], torch.zeros(1, model.text.dim))
        assert {"embedding lens", "direct contributions"} <= lacking(model).keys()


class TestPatchLens:
    def test_on_the_diagonal_is_the_tracer(self, model64):
        pair = align(PAIR, model64.text)
        (traced,) = patched_pairs(model64.text, [pair])
        for layer, position in product(range(model64.text.n_layers + 1), pair.positions):
            found = patch(model64.text, PAIR.negated, PAIR.affirmative, Cell(layer, position), Cell(layer, position))
            assert (found.patched - traced.vectors[layer, 0, position]).abs().max() < 1e-9
        image = F.normalize(torch.ones(model64.text.dim, dtype=torch.float64), dim=0)
        assert found.effect(image) == pytest.approx(float(traced.effect(image)[layer, 0, position]))

    def test_writes_any_state_of_any_sentence_anywhere(self, model64):
        tower = model64.text
        there, here = tower.tokenize([LONG.negated]), tower.tokenize([PAIR.affirmative])
        found = patch(tower, LONG.negated, PAIR.affirmative, Cell(1, 4), Cell(2, 3))
        with torch.inference_mode():
            state = tower.states(here)[2].clone()
            state[0, 3] = tower.states(there)[1][0, 4]
            expected = F.normalize(tower.readout(tower.run(state, here, 2), here), dim=-1)[0]
        assert (found.patched - expected).abs().max() < 1e-12
        with pytest.raises(
            PairError, match=r"layers 0 to \d+ and positions 0 to \d+; there is no layer 99, position 0"
        ):
            patch(tower, PAIR.negated, PAIR.affirmative, Cell(99, 0), Cell(0, 0))


class TestAttentionByValue:
    def test_weighs_each_share_by_the_length_of_what_the_head_writes(self, model64):
        (found,), (plain,) = (
            value_weighted_patterns(model64, [PAIR.negated]),
            attention_patterns(model64, [PAIR.negated]),
        )
        tower, tokens = model64.text, model64.text.tokenize([PAIR.negated])
        size = tower.width // tower.n_heads
        with torch.inference_mode():
            block, hidden = tower.blocks[1], tower.states(tokens)[1]
            value = block.key_value(block.attention_in(hidden))[1][0]
            zero = block.attention_out(torch.zeros_like(value[:1]))
            for head in range(tower.n_heads):
                own = torch.zeros_like(value)
                own[:, head * size : (head + 1) * size] = value[:, head * size : (head + 1) * size]
                length = (block.attention_out(own) - zero).norm(dim=-1).numpy()
                assert np.abs(found[1, head] - plain[1, head] * length[: plain.shape[-1]]).max() < 1e-9


class TestSink:
    def test_a_sunk_head_looks_from_the_pooled_position_at_the_start_and_itself_only(self, model64):
        tower, tokens = sink(model64, [(2, 1)]).text, model64.text.tokenize([PAIR.negated, LONG.negated])
        with torch.inference_mode():
            held, whole = list(tower.attention(tokens)), list(model64.text.attention(tokens))
        for row, at in enumerate(tokens.pooled.tolist()):
            seen = held[1][row, 0, at]
            assert float(seen[0] + seen[at]) == pytest.approx(1)
            assert float(seen[0] / seen[at]) == pytest.approx(float(whole[1][row, 0, at, 0] / whole[1][row, 0, at, at]))
            assert torch.equal(held[1][row, 0, :at], whole[1][row, 0, :at])  # from elsewhere it looks as ever
        assert torch.equal(held[1][:, 1:], whole[1][:, 1:])
        assert torch.equal(held[0], whole[0])

    def test_is_another_model_that_answers_and_is_not_traced(self, model64):
        sunk = sink(model64, [(2, 1), (3, 2)])
        assert sunk.fingerprint != model64.fingerprint
        assert (sunk.encode_texts([LONG.negated]) - model64.encode_texts([LONG.negated])).abs().max() > 1e-9
        with pytest.raises(ModelError, match="kept from looking about"):
            patched_pairs(sunk.text, [align(PAIR, sunk.text)])
        with pytest.raises(ModelError, match="there is no head 99 in layer 1"):
            sink(model64, [(1, 99)])


def test_denials_of_the_grammar_keep_the_number_of_words():
    pairs = denial_pairs(["Edema", "Support Devices"])
    assert {"No edema.", "Edema is not seen.", "Free of edema."} <= {pair.negated for pair in pairs}
    assert all(len(pair.affirmative.split()) == len(pair.negated.split()) for pair in pairs)


def test_before_and_after_says_where_knowledge_moved():
    """B erases in its third layer what both have written in the first: known in the middle, lost at the readout."""
    a, b = (
        toy(ToyTower([ToyBlock(write_product), ToyBlock(nothing), ToyBlock(last)], parity)) for last in (nothing, erase)
    )
    asked = [probe_pairs(PAIRS, model.text).usable for model in (a, b)]
    of_a, of_b = (probe(model, pairs) for model, pairs in zip((a, b), asked, strict=True))
    changes = probe_changes(of_a, of_b)
    moved = changes[(changes.place == "pooled") & (changes.measure == "held_out_findings")]
    assert moved.change.tolist() == pytest.approx([0, 0, 0, -0.5])
    assert moved.n.tolist() == [36] * 4
    assert told(moved) == "largest at layer 3, -0.50 [-0.50, -0.50] (n = 36); told from 0 at 1 of 4 layers"
    assert str(summarise(of_a)["sentence"]).startswith("The tower knows from layer 1 on")
    assert str(summarise(of_b)["sentence"]).startswith("The tower knows in layers 1 to 2 and loses it after")
    looked = [lens(model, PAIRS, None) for model in (a, b)]
    of_itself = (both := lens_changes(*looked))[both.target == "negated"]
    assert of_itself.a.tolist()[-1] == of_itself.b.tolist()[-1] == pytest.approx(1)
    assert of_itself.change.tolist() == pytest.approx((of_itself.b - of_itself.a).tolist())


def test_changes_are_of_the_pairs_that_both_were_asked_about_in_whatever_order():
    model = toy(ToyTower([ToyBlock(write_product), ToyBlock(nothing), ToyBlock(nothing)], parity))
    whole, part = lens(model, PAIRS, None), lens(model, PAIRS[:3:-1], None)
    changes = lens_changes(whole, part)
    assert changes.n.tolist() == [len(PAIRS) - 4] * len(changes)
    assert changes.change.abs().max() < 1e-9


def test_what_the_negation_moves_is_the_denials_way_less_the_statements():
    cosine = xr.DataArray(
        np.array([[[[0.6, 0.7]], [[0.1, 0.1]], [[0.8, 0.3]]], [[[0.6, 0.2]], [[0.1, 0.1]], [[0.8, 0.9]]]])[None, ...],
        dims=("way", "form", "target", "pair", "layer"),
        coords={
            "way": ["plain"],
            "form": ["affirmative", "negated"],
            "target": ["affirmative", "negated", "equivalent"],
        },
    )
    by_layer = moved(xr.Dataset({"cosine": cosine}), "plain")
    # layer 0: both lie nearer to the equivalent, alike; layer 1: (0.9 - 0.2) - (0.3 - 0.7)
    assert [one.value for one in by_layer] == pytest.approx([0, 1.1])


def test_towers_of_other_depth_are_not_subtracted():
    short, deep = (toy(ToyTower([ToyBlock(nothing)] * n, parity)) for n in (1, 3))
    changes = lens_changes(lens(short, PAIRS, None), lens(deep, PAIRS, None))
    assert changes.change.isna().all()
    assert "differ in depth" in told(changes)
