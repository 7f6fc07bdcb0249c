"""Exact tracing of one pair on a CLIP of ViT-B/32 size, random weights, against the loop it replaces."""

import time

import torch
from torch.nn import functional as F
from transformers import CLIPConfig, CLIPModel

from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.interpret.tracing import patched_vectors
from nast_core.models.huggingface_clip import HuggingFaceTextTower
from nast_core.negation.pairs import PolarityPair, align
from tests.perf.timing import best

PAIR = PolarityPair(
    affirmative="there is some pleural fluid at bases .", negated="there is no pleural fluid at bases ."
)


def _clip() -> tuple[CLIPModel, HuggingFaceTextTower]:
    torch.manual_seed(0)
    tokenizer = fit_tokenizer(corpus(500), vocabulary=1400)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    model = CLIPModel(CLIPConfig(text_config={"projection_dim": 512, **ends})).eval().requires_grad_(False)
    return model, HuggingFaceTextTower(model, tokenizer)


@torch.inference_mode()
def tracing_against_the_plain_loop() -> list[tuple[str, str, str]]:
    model, tower = _clip()
    pair = align(PAIR, tower)
    tokens, source = tower.tokenize([PAIR.affirmative]), tower.states(tower.tokenize([PAIR.negated]))
    pixels = torch.randn(1, 3, 224, 224)

    def text_run(layer: int, position: int) -> torch.Tensor:
        hidden = tower.run(tower.embed(tokens), tokens, 0, layer).clone()
        hidden[0, position] = source[layer, 0, position]
        return F.normalize(tower.readout(tower.run(hidden, tokens, layer), tokens), dim=-1)[0]

    cells = [(layer, position) for layer in range(tower.n_layers + 1) for position in range(pair.length)]
    began = time.perf_counter()
    expected = torch.stack([text_run(*cell) for cell in cells])
    text_loop = time.perf_counter() - began
    image = best(lambda: model.get_image_features(pixel_values=pixels))
    plain_text = best(lambda: tower.encode(tokens))
    (found,) = patched_vectors(tower, [pair])
    ours = best(lambda: patched_vectors(tower, [pair]), repeats=5)
    off = float((found.flatten(0, 1) - expected).abs().max())
    full_loop = text_loop + len(cells) * (image + plain_text)  # the reference runs image and both texts every time
    shape = f"ViT-B/32, {pair.length} tokens, {len(cells)} cells, float32"
    return [
        ("Exact tracing, one pair", f"{ours:.3f} s, off by {off:.0e} at most", shape),
        ("against the text tower run once per cell", f"{text_loop / ours:.0f} times faster", f"loop {text_loop:.1f} s"),
        ("against image and both texts run once per cell", f"{full_loop / ours:.0f} times faster",
         f"loop {full_loop:.1f} s: text loop measured, image tower and second text measured once and multiplied"),
    ]  # fmt: skip
