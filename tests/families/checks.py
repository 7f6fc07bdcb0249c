"""What every model family must pass, on a tiny checkpoint written by the family's own library.

A family's test file calls ``passes_every_check(folder)`` and adds what is special to it.
"""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from nast_core import load_model
from nast_core.data.drawing import render
from nast_core.data.phantom import sample_phantom
from nast_core.errors import PairError, RepairError
from nast_core.finetune.lora import attach_lora, load_lora, merge_lora
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.contributions import contributions
from nast_core.interpret.effects import patched_pairs, trace
from nast_core.interpret.lens import mean_jacobians, would_be_embeddings
from nast_core.interpret.patch_lens import Cell, patch
from nast_core.interpret.plan import PatchPlan
from nast_core.interpret.selftest import self_test, trace_checks
from nast_core.models import DualEncoder
from nast_core.models.description import no_contributions, no_lens
from nast_core.negation.pairs import PolarityPair, align
from nast_core.repair import steer
from nast_core.repair.repaired import repair_model
from nast_core.repair.spec import read_repair
from tests.plain import patched_everywhere

TEXTS = ["There is no edema.", "Findings: a large pleural effusion on the left; intact ribs.", "no pneumothorax"]
SHORT = PolarityPair(affirmative="There is some edema.", negated="There is no edema.")
LONG = PolarityPair(
    affirmative="Frontal view. There is a pneumothorax.", negated="Frontal view. There is no pneumothorax."
)


def passes_every_check(folder: Path, work: Path) -> None:
    model = load_model(folder, device="cpu", dtype="float64")
    equals_the_library(model)
    runs_layer_by_layer(model)
    attends_to_shares(model)
    patches_one_row(model)
    traces_like_the_plain_loop(model)
    holds_its_identities(model)
    reads_its_layers(model)
    takes_lora_on_the_text_tower_only(folder, work)
    is_repaired(model)


@torch.inference_mode()
def equals_the_library(model: DualEncoder) -> None:
    tower = model.text
    for texts in (*([text] for text in TEXTS), *([TEXTS] if tower.padding != "averaged" else [])):
        tokens = tower.tokenize(texts)
        assert (tower.encode(tokens) - tower.library_embedding(tokens)).abs().max() <= 1e-9
    alone = torch.cat([model.encode_texts([text]) for text in TEXTS])
    assert (model.encode_texts(TEXTS) - alone).abs().max() <= 1e-9
    images = model.encode_images([Image.fromarray(render(sample_phantom(seed), 200)) for seed in (1, 2)])
    assert images.shape == (2, tower.dim)
    assert (images[0] - images[1]).abs().max() > 1e-6


@torch.inference_mode()
def runs_layer_by_layer(model: DualEncoder) -> None:
    tower, tokens = model.text, model.text.tokenize([TEXTS[1]])
    states = tower.states(tokens)
    assert len(states) == tower.n_layers + 1
    whole = tower.encode(tokens)
    for layer in range(tower.n_layers + 1):
        assert (tower.finish(list(states[: layer + 1]), tokens) - whole).abs().max() <= 1e-12


@torch.inference_mode()
def attends_to_shares(model: DualEncoder) -> None:
    tokens = model.text.tokenize(TEXTS if model.text.padding != "averaged" else TEXTS[:1])
    count = 0
    for weights in model.text.attention(tokens):
        assert weights.shape[1] == model.text.n_heads
        assert (weights.sum(-1) - 1).abs().max() <= 1e-12
        count += 1
    assert count == model.text.n_layers


@torch.inference_mode()
def patches_one_row(model: DualEncoder) -> None:
    """A state written into one text of a batch leaves the other texts as they were."""
    tower = model.text
    tokens = tower.tokenize([LONG.affirmative] * 3)
    states = list(tower.states(tokens)[:2])
    changed = [state.clone() for state in states]
    position = int(tower.tokenize([LONG.affirmative]).mask.sum()) - 2
    changed[-1][1, position] += torch.randn(tower.width, generator=torch.Generator().manual_seed(0)).double()
    plain, patched = tower.finish(states, tokens), tower.finish(changed, tokens)
    assert (plain[[0, 2]] - patched[[0, 2]]).abs().max() <= 1e-12
    assert (plain[1] - patched[1]).abs().max() > 1e-9


PLANS = (
    PatchPlan(),
    PatchPlan(window=2),
    PatchPlan(component="attention"),
    PatchPlan(component="mlp", positions="all", window=3),
    PatchPlan(component="attention", positions="negator", window=2),
    PatchPlan(component="head", positions="all"),
    PatchPlan(component="head", positions="negator", window=2),
)


@torch.inference_mode()
def traces_like_the_plain_loop(model: DualEncoder) -> None:
    pairs = [align(pair, model.text) for pair in (SHORT, LONG)]
    if model.text.padding == "fixed":  # 64 positions each, so that the plain loop takes minutes: the longer plans only
        pairs = pairs[:1]
    for plan in PLANS:
        if model.text.padding == "fixed" and plan.positions == "each" and plan != PatchPlan():
            continue
        for pair, found in zip(pairs, patched_pairs(model.text, pairs, plan), strict=True):
            live = list(pair.positions) if plan.positions == "each" else [0]
            off = (found.vectors - patched_everywhere(model.text, pair, plan))[:, :, live]
            assert off.abs().max() <= 1e-9, plan


def holds_its_identities(model: DualEncoder) -> None:
    pairs = [align(pair, model.text) for pair in (SHORT, LONG)]
    images = F.normalize(torch.randn(2, model.text.dim, generator=torch.Generator().manual_seed(3)), dim=-1)
    traced = trace(model, pairs, images, min_gap=1e-9)
    failed = [c for c in (*self_test(model), *trace_checks(traced, pairs, model.text, tolerance=1e-4)) if not c.passed]
    assert not failed, failed
    nsa = negator_selective_attention(model, pairs)
    assert nsa.nsa.shape == (2, model.text.n_layers, model.text.n_heads)
    assert bool((abs(nsa.nsa) <= 1).all())


def reads_its_layers(model: DualEncoder) -> None:
    """Patch lens on the diagonal is the tracer; lens and contributions end in the embedding and the score, or say why
    not."""
    pair, layer = align(SHORT, model.text), model.text.n_layers - 1
    (traced,) = patched_pairs(model.text, [pair])
    for position in (pair.negator[0], pair.pooled):
        found = patch(model.text, SHORT.negated, SHORT.affirmative, Cell(layer, position), Cell(layer, position))
        assert (found.patched - traced.vectors[layer, 0, position]).abs().max() <= 1e-9
    if no_lens(model):
        assert not model.text.pools_one_position
        with pytest.raises(PairError, match="no would-be embedding"):
            mean_jacobians(model, [SHORT.negated])
    else:
        carries_a_state_to_the_embedding(model)
    if no_contributions(model):
        with pytest.raises(PairError, match="no sum of direct contributions"):
            contributions(model, [pair], model.encode_texts([LONG.negated]))
    else:
        found = contributions(model, [pair], model.encode_texts([LONG.negated]))
        scored = model.score_each(model.encode_texts([SHORT.negated]), model.encode_texts([LONG.negated]))
        assert abs(float(found.s_negated[0]) - float(scored)) <= 1e-9
        assert float(abs(found.delta).max()) <= 1e-9


def carries_a_state_to_the_embedding(model: DualEncoder) -> None:
    """The lens at the last layer is the embedding, and before it a small step is carried as the tower carries it."""
    tower, tokens = model.text, model.text.tokenize([SHORT.negated])
    jacobians, at, layer = mean_jacobians(model, [SHORT.negated]), int(tokens.pooled[0]), tower.n_layers - 2
    for vectors in would_be_embeddings(model, [SHORT.negated], jacobians).values():
        assert (vectors[:, -1] - model.encode_texts([SHORT.negated])).abs().max() <= 1e-9
    step = torch.randn(tower.width, generator=torch.Generator().manual_seed(0)).double() * 1e-5
    ends = []
    with torch.inference_mode():
        for sign in (1, -1):
            state = tower.states(tokens)[layer].clone()
            state[0, at] += sign * step
            ends.append(tower.run(state, tokens, layer)[0, at])
    moved = (ends[0] - ends[1]) / 2
    assert (jacobians[layer] @ step - moved).abs().max() <= 1e-6 * moved.abs().max()


def takes_lora_on_the_text_tower_only(folder: Path, work: Path) -> None:
    """Attaches to the text tower, learns, is saved, reloads bit-equal, and merges."""
    model = load_model(folder, device="cpu", dtype="float32")
    image = Image.fromarray(render(sample_phantom(1), 200))
    seen = model.encode_images([image])
    tokens = model.text.tokenize(TEXTS[:1])
    before = model.text.library_embedding(tokens).detach()
    adapted = attach_lora(model, rank=2)
    learning = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert learning
    assert not [name for name in learning if "visual" in name or "vision" in name or "image" in name]
    optimizer = torch.optim.Adam(learning.values(), lr=1e-2)
    for _ in range(3):
        optimizer.zero_grad()
        F.normalize(model.text.library_embedding(tokens), dim=-1)[:, 0].sum().backward()
        optimizer.step()
    with torch.no_grad():
        after = model.text.library_embedding(tokens)
        assert (after - before).abs().max() > 1e-6
        assert torch.equal(model.encode_images([image]), seen)
        adapted.save_pretrained(work / "adapter")
        again = load_model(folder, device="cpu", dtype="float32")
        reloaded = load_lora(again, work / "adapter")
        reloaded.eval()
        saved = {name: p for name, p in reloaded.named_parameters() if "lora_" in name}
        assert saved.keys() == learning.keys()
        assert all(torch.equal(saved[name], learning[name]) for name in saved)
        # PEFT adds and subtracts the adapters of an nn.MultiheadAttention in place at every call: the base drifts by
        # rounding
        limit = 1e-5 * max(1, float(after.abs().max()))
        assert (again.text.library_embedding(tokens) - after).abs().max() <= limit
        merge_lora(reloaded)
        assert (again.text.library_embedding(tokens) - after).abs().max() <= limit
        assert (again.text.encode(tokens) - after).abs().max() <= limit


def is_repaired(model: DualEncoder) -> None:
    """By ``subtract``, and by ``steer`` where one state is pooled; else it is said why not."""
    denied, plain = TEXTS[0], TEXTS[1]
    own = model.encode_texts([plain])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steer, "TEXTS", 24)
        for name in ("subtract", "steer"):
            if name == "steer" and not model.text.pools_one_position:
                with pytest.raises(RepairError, match="no single state holds it"):
                    repair_model(model, read_repair(name))
                continue
            repaired = repair_model(model, read_repair(name))
            vectors = repaired.encode_texts([plain, denied])
            assert torch.equal(vectors[:1], own)
            assert (vectors[1:] - model.encode_texts([denied])).abs().max() > 1e-6
