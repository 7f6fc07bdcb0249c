"""Claims, AUROC and retrieval of two models, against plain loops over single texts and images."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from nast_core import load_model
from nast_core.claims.prompts import denial_prompt
from nast_core.compare.claims import claim_changes, wordings_between
from nast_core.dataset.opened import open_dataset
from nast_core.encoding.images import encode_named
from nast_core.errors import BenchmarkError

pytestmark = pytest.mark.slow  # two models on the same claims, several times


@pytest.fixture(scope="module")
def demo():
    return load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def other():
    """The demo with another last text projection: nothing of its texts is as it was."""
    changed = load_model("demo", device="cpu")
    torch.manual_seed(0)
    weight = changed.module.text_projection.weight
    weight.copy_(weight + 0.3 * weight.std() * torch.randn_like(weight))
    return changed


@pytest.fixture(scope="module")
def world(demo):
    asked = open_dataset("phantoms").evidence("validation", 30)
    return asked, encode_named(demo, asked.images.image)[0]


@pytest.fixture(scope="module")
def changes(demo, other, world):
    asked, images = world
    return claim_changes(demo, other, asked, images, images).set_index("measure")


def _score(model, text: str, image) -> float:
    return float(model.score(model.encode_texts([text]), image[None])[0, 0])


@pytest.mark.parametrize("kind", ["polarity", "location", "severity"])
def test_ranking_is_the_share_of_contradictions_below_their_true_statement(demo, other, world, changes, kind):
    asked, images = world
    shares = []
    for model in (demo, other):
        right = [
            _score(model, e.text, images[e.image]) > _score(model, c.text, images[e.image])
            for e in asked.examples
            for c in e.contradictions
            if c.kind == kind
        ]
        shares.append(np.mean(right))
    row = changes.loc[f"ranking, {kind}"]
    assert [row.a, row.b, row.change] == pytest.approx([*shares, shares[1] - shares[0]])
    assert row.n == len(right)
    assert row.low <= row.change <= row.high


def test_the_denials_auroc_is_that_of_absence_averaged_over_conditions(other, world, changes):
    asked, images = world
    values = []
    for condition in asked.conditions:
        presence = asked.presence_of([condition])[:, 0]
        (text,) = denial_prompt(condition).towards
        score = [_score(other, text, images[name]) for name in asked.images.image]
        known = ~np.isnan(presence)
        values.append(roc_auc_score(1 - presence[known], np.array(score)[known]))
    assert changes.loc["AUROC of “there is no X”", "b"] == pytest.approx(np.mean(values))


def test_a_model_compared_with_itself_has_not_changed(demo, world):
    asked, images = world
    same = claim_changes(demo, demo, asked, images, images)
    assert (same[["change", "low", "high"]] == 0).all(axis=None)
    assert len(same) == 11


def test_images_that_one_model_could_not_read_are_left_out_for_both(demo, other, world, changes):
    asked, images = world
    gone = asked.images.image.iloc[0]
    fewer = claim_changes(demo, other, asked, images, {n: v for n, v in images.items() if n != gone})
    of_gone = sum(c.kind == "polarity" for e in asked.examples if e.image == gone for c in e.contradictions)
    assert fewer.set_index("measure").n["ranking, polarity"] == changes.n["ranking, polarity"] - of_gone
    with pytest.raises(BenchmarkError, match="none of the claims' images can be read"):
        claim_changes(demo, other, asked, images, {})


@pytest.mark.long
def test_wordings_are_compared_on_the_same_images_and_a_model_with_itself_changes_nothing(demo, other, world):
    asked, images = world
    found = wordings_between(demo, other, asked, images, images)
    assert found.change.to_numpy() == pytest.approx((found.b - found.a).to_numpy(), nan_ok=True)
    assert found[found.wording == "mean"].group.drop_duplicates().tolist() == [
        "taught", "in contrasts", "held out", "never taught", "false denial", "pseudo-negation",
    ]  # fmt: skip
    assert set(found[found.group == "held out"].wording) == {"mean", "absent", "not seen", "free of", "negative for"}
    prompts = claim_changes(demo, other, asked, images, images).set_index("measure")
    zero_shot, false_denial = (
        prompts.a["zero-shot AUROC"], found[(found.wording == "presence of") & (found.side == "before")].a.item(),
    )  # fmt: skip
    assert abs(zero_shot - false_denial) < 0.2  # the demo takes a new frame for presence, as it does any
    assert (wordings_between(demo, demo, asked, images, images).change == 0).all()
