"""Reading the layers of a text tower of ViT-B/32's size, random weights, against the forward passes it is made of.

Seconds are the processor's where there is no card: what else runs on the machine does not count.
"""

import torch
from torch.nn import functional as F

from nast_core.interpret.contributions import contributions
from nast_core.interpret.lens import mean_jacobians, texts_for_jacobians, would_be_embeddings
from nast_core.interpret.patch_lens import Cell, patch
from nast_core.interpret.probe import probe, probe_pairs
from nast_core.models.encoder import DualEncoder
from nast_core.negation.pairs import PolarityPair, align_all, denial_pairs, template_pairs
from tests.perf.timing import best, in_turns
from tests.perf.tracing import vit_b_32

Row = tuple[str, str, str]
PAIRS, TEXTS = 1000, 200
_FRAMES = ("{}", "findings: {}", "impression: {}")


def _pairs() -> list[PolarityPair]:
    every = [*denial_pairs(), *template_pairs()]
    framed = [
        PolarityPair(affirmative=frame.format(p.affirmative), negated=frame.format(p.negated), finding=p.finding)
        for frame in _FRAMES
        for p in every
    ]
    return framed[:PAIRS]


def _texts(pairs: list[PolarityPair]) -> list[str]:
    return [text for pair in pairs for text in (pair.affirmative, pair.negated)]


@torch.inference_mode()
def _forward(model: DualEncoder, texts: list[str], *, states: bool = False) -> None:
    for batch in model.text_batches(texts, 64):
        tokens = model.text.tokenize(batch)
        (model.text.states if states else model.text.encode)(tokens)


def layers_against_forward_passes() -> list[Row]:
    model, pairs = vit_b_32(), _pairs()
    texts, usable = _texts(pairs), probe_pairs(pairs, model.text).usable
    kept, probed = in_turns(lambda: _forward(model, texts, states=True), lambda: probe(model, usable), repeats=1)
    aligned = (list(align_all(pairs, model.text).aligned) * 3)[:PAIRS]
    both = _texts([one.pair for one in aligned])
    images = F.normalize(torch.randn(PAIRS, model.text.dim), dim=-1)
    once = 64  # texts at a time, each as often as it comes

    @torch.inference_mode()
    def every() -> None:
        for start in range(0, len(both), once):
            model.text.encode(model.text.tokenize(both[start : start + once]))

    ran, shared = in_turns(every, lambda: contributions(model, aligned, images), repeats=1)
    through = texts_for_jacobians(model.text, texts, TEXTS)
    seen, carried = in_turns(lambda: _forward(model, through), lambda: mean_jacobians(model, through), repeats=1)
    return [
        ("Probe of all layers, 1,000 pairs", f"{probed / kept:.2f} times encoding their texts with all states kept",
         f"at most 1.5 wanted; {probed:.0f} s against {kept:.0f} s"),
        ("Direct contributions, 1,000 pairs", f"{shared / ran:.2f} times their forward passes",
         f"at most 3 wanted; {shared:.0f} s against {ran:.0f} s"),
        (f"Jacobian lens, {len(through)} texts", f"{carried / seen:.1f} times their forward passes",
         f"at most 25 wanted; {carried:.0f} s against {seen:.1f} s"),
    ]  # fmt: skip


def one_pair_of_the_page() -> list[Row]:
    model = vit_b_32()
    pair = align_all(template_pairs(["Edema"]), model.text).aligned[0]
    image = F.normalize(torch.randn(1, model.text.dim), dim=-1)
    jacobians = torch.eye(model.text.width).repeat(model.text.n_layers + 1, 1, 1)
    texts = [pair.pair.affirmative, pair.pair.negated]
    works = {
        "contributions": lambda: contributions(model, [pair], image),
        "lens": lambda: would_be_embeddings(model, texts, jacobians),
        "patch lens": lambda: patch(model.text, texts[1], texts[0], Cell(3, 2), Cell(5, 3)),
    }
    return [(f"One pair: {name}", f"{best(work, 5):.3f} s", "at most 0.5 s wanted") for name, work in works.items()]
