"""Repairs: each formula by hand and against a plain float64 version, and a repaired model as a model."""

import math
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nast_core.errors import NastError, RepairError
from nast_core.models.specs import repaired, unrepaired
from nast_core.opening import files_of, finetune_of, load_model, repair_of, stamp_of
from nast_core.recipe import references, with_references
from nast_core.repair import adapter, fitting, steer
from nast_core.repair.adapter import corrected, fitted
from nast_core.repair.discount import MOST, cosines
from nast_core.repair.method import Asked
from nast_core.repair.methods import METHODS
from nast_core.repair.project import NEUTRAL_WORDS, projected
from nast_core.repair.region import direction
from nast_core.repair.repaired import Repaired, repair_model
from nast_core.repair.spec import read_repair
from nast_core.repair.splitting import split
from nast_core.repair.steer import direction_of, turned
from nast_core.vocabulary.shipped import chest

pytestmark = pytest.mark.slow

DENYING = [
    "There is no pneumothorax.",
    "Findings: no pneumothorax; cardiomegaly.",
    "No edema, no consolidation and no fracture.",
]
PLAIN = ["There is a pneumothorax.", "Fully expanded lungs.", "Cannot exclude a small effusion.", "Normal heart size."]
EAST, NORTH = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])


@pytest.fixture(scope="module", autouse=True)
def few_texts_to_learn_from():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steer, "TEXTS", 100)
        patch.setattr(adapter, "TEXTS", 100)
        patch.setattr(fitting, "_held", OrderedDict())
        yield


@pytest.fixture(scope="module")
def demo():
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def demo64():
    return load_model("demo", device="cpu", dtype="float64")


def repair(model, written: str) -> Repaired:
    name, _, arguments = written.removesuffix(")").partition("(")
    return repair_model(model, read_repair(name, arguments))


# --- formulas by hand, in two dimensions -----------------------------------------------------------------------------


def test_projecting_takes_a_parallel_share_away_and_leaves_what_is_orthogonal():
    diagonal, none = (EAST + NORTH) / math.sqrt(2), torch.zeros(2)
    assert projected(diagonal, EAST[None], none, 1.0).tolist() == pytest.approx([0, 1])
    assert projected(NORTH, EAST[None], none, 1.0).tolist() == pytest.approx([0, 1])
    assert projected(EAST, EAST[None], none, 2.0).tolist() == pytest.approx([-1, 0])
    assert projected(EAST, EAST[None], NORTH, 1.0).tolist() == pytest.approx([0, 1])  # the anchor comes in its place
    both = torch.stack([EAST, EAST])
    assert projected(diagonal, both, none, 1.0).tolist() == pytest.approx([0, 1])  # P of equal columns is still P


def test_a_region_turns_away_by_the_bisector_and_ends_at_twice_its_width():
    quarter = math.cos(math.pi / 4)  # al = 45 degrees, th = 90 = 2 al: d = e_A
    assert direction(EAST[None], NORTH[None], quarter)[0].tolist() == pytest.approx([1, 0], abs=1e-7)
    third = math.cos(math.pi / 3)  # al = 60, th = 90: d = sin 105 e_A - sin 15 e_N
    turned = direction(EAST[None], NORTH[None], third)[0].tolist()
    assert turned == pytest.approx([math.sin(math.radians(105)), -math.sin(math.radians(15))])
    assert direction(EAST[None], EAST[None], third)[0].tolist() == [1, 0]  # one direction: nothing tells them apart
    assert direction(EAST[None], NORTH[None], 1.0)[0].tolist() == pytest.approx([1, 0])


def test_a_discount_is_none_for_a_score_of_0_and_all_for_a_score_of_1():
    def score(denied: torch.Tensor, lam: float) -> float:
        blocks = torch.zeros(1, 1 + MOST, 2)
        blocks[0, 0], blocks[0, 1] = EAST, denied
        return float(cosines(blocks.flatten(1), lambda block: (block * EAST).sum(-1), {"lam": lam}))

    assert score(NORTH, 1.0) == 1.0  # s(A) = 1, s(N) = 0
    assert score(EAST, 1.0) == 0.0  # s(N) = 1
    assert score(EAST, 0.5) == 0.5
    assert score(-EAST, 1.0) == 1.0  # relu
    assert score(EAST, 0.0) == 1.0


# --- formulas against plain float64 versions -------------------------------------------------------------------------


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x)


def plain(name: str, base, text: str, value: dict) -> np.ndarray:
    """Written from method.md section 8, with a loop and numpy."""

    def e(said: str) -> np.ndarray:
        return unit(base.encode_texts([said])[0].double().numpy())

    one = split(text)
    a, denied = e(one.affirmative), [e(concept) for concept in one.concepts]
    if name == "rewrite":
        return e(one.rewritten)
    if name == "project":
        matrix = np.stack(denied, 1)
        p = matrix @ np.linalg.inv(matrix.T @ matrix) @ matrix.T
        neutral = np.mean([e(word) for word in NEUTRAL_WORDS], 0) * value["anchor"]
        return unit(e(text) - value["lam"] * (p @ e(text) - len(denied) * neutral))
    if name == "region":
        al = np.arccos(value["t"])
        for n in denied:
            th = np.arccos(a @ n)
            a = (np.sin(al + th / 2) * a - np.sin(al - th / 2) * n) / np.sin(th) if th < 2 * al else a
        return a
    if name == "subtract":
        return a - value["lam"] * np.sum(denied, 0)
    blocks = [a, *denied] + [np.zeros_like(a)] * (MOST - len(denied))
    return np.concatenate(blocks)


@pytest.mark.parametrize(
    "written",
    [
        "rewrite",
        "project(1.9)",
        "project(0.6,anchor=0)",
        "region(0.7)",
        "region(0.92)",
        "subtract(0.3)",
        "discount(0.5)",
    ],
)
def test_a_method_gives_what_its_formula_says(written, demo64):
    model = repair(demo64, written)
    found = model.encode_texts(DENYING).double().numpy()
    expected = [plain(model.repair.name, demo64, text, model.repair.values) for text in DENYING]
    assert np.abs(found - np.stack(expected)).max() < 1e-7  # the towers' vectors are float64


def test_a_discounted_score_is_the_rule_on_cosines(demo):
    model = repair(demo, "discount(0.5)")
    images = torch.nn.functional.normalize(
        torch.randn(3, demo.text.dim, generator=torch.Generator().manual_seed(0)), dim=-1
    )
    text = DENYING[1]
    a, n = demo.encode_texts([split(text).affirmative, *split(text).concepts]) @ images.T
    expected = a * (1 - 0.5 * n.clamp(min=0)) * demo.logit_scale
    vectors = model.encode_texts([text])
    assert torch.allclose(model.score(vectors, images)[0], expected, atol=1e-5)
    assert torch.allclose(model.score_each(vectors.expand(3, -1), images), expected, atol=1e-5)
    known = demo.encode_texts(PLAIN)
    assert torch.equal(model.score(model.encode_texts(PLAIN), images), demo.score(known, images))


def test_a_state_is_turned_by_its_own_length():
    h = torch.tensor([3.0, 4.0])
    assert turned(h, EAST, 0.0).tolist() == [3, 4]
    assert turned(h, EAST, 1.0).tolist() == [5, 0]
    assert turned(h, EAST, 0.5).tolist() == [1.5 + 2.5, 2]


def test_an_adapter_that_knows_nothing_changes_nothing_and_a_taught_one_turns_vectors_towards_what_was_wanted():
    z = torch.nn.functional.normalize(torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), dim=-1)
    down = torch.ones(8, 6)
    assert torch.allclose(corrected(z, down, torch.zeros(6, 8)), z)
    share = torch.tanh(z @ down.T).double().numpy() @ np.eye(8, 6)
    expected = np.stack([unit(row) for row in z.double().numpy() + share])
    assert np.abs(corrected(z, down, torch.eye(6, 8)).numpy() - expected).max() < 1e-6
    learnt = fitted(z, -z)
    assert float((corrected(z, **learnt) * -z).sum(-1).mean()) > 0.9


def test_a_probe_finds_the_direction_that_tells_two_clouds_apart():
    cloud = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    truth = torch.tensor([0, 1]).repeat(100)
    found = torch.nn.functional.normalize(direction_of(cloud * 0.1 + (2 * truth[:, None] - 1) * NORTH, truth), dim=0)
    assert float(found @ NORTH) > 0.99


@torch.inference_mode()
def test_steering_is_the_formula_at_the_pooled_position_of_every_layer(model64):
    """Against a plain loop over blocks, one text at a time."""
    if not model64.text.pools_one_position:
        pytest.skip("no single state is pooled")
    model = repair(model64, "steer(0.3)")
    tower = model64.text
    for text in DENYING:
        tokens = tower.tokenize([text])
        hidden, mask = tower.embed(tokens), tower.attention_mask(tokens)
        for block, w in zip(tower.blocks, model.fitted["w"].double(), strict=True):
            hidden = tower.step(block, hidden, mask)
            at = int(tokens.pooled[0])
            h = hidden[0, at]
            hidden[0, at] = 0.7 * h + 0.3 * h.norm() * w
        expected = torch.nn.functional.normalize(tower.readout(hidden, tokens)[0], dim=0)
        assert (model.encode_texts([text])[0] - expected).abs().max() < 1e-9


@torch.inference_mode()
def test_a_sunk_head_sees_the_start_and_itself(model64):
    """Against the tower's own attention with a mask a head."""
    model = repair(model64, "sink(3)")
    tower, chosen = model64.text, model.fitted["heads"][:3].tolist()
    for text in DENYING:
        tokens = tower.tokenize([text])
        at, hidden, mask = int(tokens.pooled[0]), tower.embed(tokens), tower.attention_mask(tokens)
        length = tokens.ids.shape[1]
        for layer, block in enumerate(tower.blocks, start=1):
            seen = torch.ones(1, tower.n_heads, length, length, dtype=torch.bool)
            seen = seen if mask is None else seen & mask
            for _, head in [one for one in chosen if one[0] == layer]:
                seen[0, head - 1, at] = False
                seen[0, head - 1, at, [0, at]] = True
            hidden = tower.step(block, hidden, seen)
        expected = torch.nn.functional.normalize(tower.readout(hidden, tokens)[0], dim=0)
        assert (model.encode_texts([text])[0] - expected).abs().max() < 1e-9


def test_what_pools_no_single_position_is_refused_with_the_reason(tiny):
    import copy

    model = copy.copy(tiny)
    model.text = copy.copy(tiny.text)
    model.text.pools_one_position, model.text.pooling = False, "mean over tokens"
    with pytest.raises(RepairError, match="its embedding is the mean over tokens, so no single state holds it"):
        repair(model, "steer")
    assert bool(torch.isfinite(repair(model, "subtract").encode_texts(DENYING)).all())


# --- a repaired model is a model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_texts_without_a_denial_give_the_very_same_vectors(name, demo):
    model = load_model(f"demo+{name}", device="cpu")
    width = demo.text.dim
    own = demo.encode_texts(PLAIN)
    assert torch.equal(model.encode_texts(PLAIN)[:, :width], own)
    mixed = model.encode_texts([DENYING[0], *PLAIN, *DENYING])
    assert torch.equal(mixed[1 : 1 + len(PLAIN), :width], own)
    assert not torch.allclose(mixed[0, :width], demo.encode_texts([DENYING[0]])[0], atol=1e-5)


@pytest.mark.parametrize("written", ["project(0)", "steer(0)", "sink(0)", "adapter(0)"])
def test_a_strength_of_0_is_the_model_itself(written, demo):
    assert torch.equal(repair(demo, written).encode_texts(DENYING), demo.encode_texts(DENYING))


@pytest.mark.parametrize("name", METHODS)
def test_a_repaired_model_has_its_own_name_and_fingerprint_and_its_base_s_images(name, demo):
    model = load_model(f"demo+{name}", device="cpu")
    assert isinstance(model, Repaired)
    assert model.fingerprint != demo.fingerprint
    assert model.image_fingerprint == demo.fingerprint
    assert model.card.name == f"{demo.card.name} + {model.repair}"
    assert model.card.source == f"demo+{model.repair}"
    assert "weights of its own" in model.limits
    assert model.unit_texts == (name != "subtract")


def test_a_strength_and_a_vocabulary_change_the_fingerprint_and_the_same_ones_do_not(demo):
    prints = {repair(demo, one).fingerprint for one in ("region(0.7)", "region(0.8)", "region(0.7,vocabulary=vindr)")}
    assert len(prints) == 3
    assert repair(demo, "region(t=0.70)").fingerprint in prints
    assert repair(demo, "region(0.8)").at(0.7).fingerprint in prints


def test_a_text_that_occurs_twice_and_none_at_all_are_taken(demo):
    model = repair(demo, "region")
    twice = model.encode_texts([DENYING[0], PLAIN[0], DENYING[0]])
    assert torch.equal(twice[0], twice[2])
    assert model.encode_texts([]).shape == (0, demo.text.dim)
    counted = []
    model.encode_texts([*DENYING, *PLAIN, PLAIN[0]], progress=counted.append)
    assert sum(counted) == len(DENYING) + len(PLAIN)


# --- specs -----------------------------------------------------------------------------------------------------------


def test_a_spec_is_cut_at_its_repair_and_a_folder_with_a_plus_sign_is_not(tmp_path):
    assert repaired("demo+project") == ("demo", "project", "")
    assert repaired("open_clip:ViT-B-32/x+region(t=0.92)") == ("open_clip:ViT-B-32/x", "region", "t=0.92")
    assert repaired("demo") is None
    assert unrepaired("run:a-1+steer(0.1)+subtract") == ("run:a-1", "+steer(0.1)+subtract")
    folder = tmp_path / "mine+region"
    assert repaired(str(folder)) is not None
    folder.mkdir()
    assert repaired(str(folder)) is None
    assert repaired(f"{folder}+region(t=0.9)") == (str(folder), "region", "t=0.9")


@pytest.mark.parametrize("written", ["region(t=0.92)", "project(lam=1.9)", "project(lam=1,anchor=0)", "rewrite"])
def test_a_repair_is_written_as_it_is_read(written):
    name, _, arguments = written.removesuffix(")").partition("(")
    assert str(read_repair(name, arguments)) == written
    assert read_repair("region", "0.7").values == {"t": 0.7}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("demo+regoin", "there is no repair 'regoin'; did you mean 'region'?"),
        ("demo+region(s=0.5)", "region has no 's'"),
        ("demo+project(anchr=0)", "did you mean 'anchor'?"),
        ("demo+region(1.5)", "t has to be a number from 0 to 1, got '1.5'"),
        ("demo+region(nan)", "got 'nan'"),
        ("demo+region(much)", "got 'much'"),
        ("demo+region(t=0.5,t=0.6)", "t is given twice"),
        ("demo+rewrite(0.5)", "has no name"),
        ("demo+region+region", "is repaired already, by region"),
        ("demo+project+subtract", "is repaired already, by project"),
        ("demo+region(vocabulary=nowhere.yaml)", "there is no vocabulary 'nowhere.yaml'"),
    ],
)
def test_a_wrong_repair_is_refused_in_one_sentence(spec, said):
    with pytest.raises(NastError) as caught:
        load_model(spec, device="cpu")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_base_s_files_are_the_repaired_model_s_and_the_parser_s_too():
    assert set(files_of("demo")) < set(files_of("demo+region"))
    assert any(path.name == "scope.py" for path in files_of("demo+region"))
    assert stamp_of("demo+region") != stamp_of("demo")
    assert repair_of("demo+region(0.7)").base == "demo"
    assert finetune_of("demo+region") is None
    assert finetune_of("demo-tuned+subtract(0.2)").folder.name == "demo-tuned"


def test_a_run_that_a_repaired_spec_names_is_a_reference():
    text = '{"model": "run:a-1+subtract(0.5)", "trace": "run:b-2"}'
    assert references(text) == {"a-1", "b-2"}
    assert with_references(text, str.upper) == '{"model": "run:A-1+subtract(0.5)", "trace": "run:B-2"}'


def test_the_blind_score_moves_with_the_anchor():
    """Two options that deny one and three findings orthogonal to the image: an anchor towards it lifts the latter."""
    image, none = torch.tensor([1.0, 0, 0, 0]), torch.zeros(4)
    denied = torch.eye(4)[1:]

    def score(k: int, anchor: torch.Tensor) -> float:
        return float(projected(denied[:k].sum(0), denied[:k], anchor, 0.5) @ image.double())

    assert score(1, none) == score(3, none) == 0
    assert 0 < score(1, 0.2 * image) < score(3, 0.2 * image)


def test_equal_concepts_and_a_text_of_many_denials_are_taken(demo):
    many = "No edema, no fracture, no pneumothorax, no consolidation, no cardiomegaly, no pleural effusion."
    for name in METHODS:
        vectors = repair(demo, name).encode_texts([many])
        assert bool(torch.isfinite(vectors).all())


def test_a_method_sees_each_base_text_once():
    asked = []
    base = SimpleNamespace(text=SimpleNamespace(dim=2))

    def encode(texts):
        asked.extend(texts)
        return torch.eye(2)[torch.tensor([0] * len(texts))]

    one = Asked(base, [split(text) for text in DENYING], {"lam": 0.2}, encode, chest())
    assert METHODS["subtract"].vectors(one).shape == (3, 2)
    assert asked.count("Pneumothorax.") == 2  # of two texts: the model's own encoding keeps what was asked before
