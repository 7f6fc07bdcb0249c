"""Tracing on CLIPs of the real shapes, random weights, against the loops that it replaces.

A loop runs the whole CLIP, image and both texts, once for every patch: its patched text is measured for every cell,
its image and its second text once and multiplied.
"""

import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from transformers import (
    AutoTokenizer,
    BertConfig,
    CLIPConfig,
    CLIPModel,
    VisionTextDualEncoderConfig,
    VisionTextDualEncoderModel,
    ViTConfig,
)

from nast_core import load_model
from nast_core.demo.captions import corpus
from nast_core.demo.tokenizer import fit_tokenizer
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.effects import patched_pairs, trace
from nast_core.interpret.gradients import attribution_trace
from nast_core.interpret.patching import rows_of
from nast_core.interpret.plan import PatchPlan
from nast_core.models.encoder import Card, DualEncoder, LoadReport
from nast_core.models.families.huggingface_clip import HuggingFaceTextTower
from nast_core.models.families.vision_text_dual import DualBertTextTower
from nast_core.models.hf_folder import HuggingFaceEncoder
from nast_core.models.tower import TextTower
from nast_core.negation.pairs import AlignedPair, PolarityPair, align, align_all, template_pairs
from tests.perf.memory import measured
from tests.perf.timing import best
from tests.plain import patched

PAIR = PolarityPair(
    affirmative="there is some pleural fluid at bases .", negated="there is no pleural fluid at bases ."
)
TWELVE = PolarityPair(
    affirmative="there is some pleural effusion on the left side today .",
    negated="there is no pleural effusion on the left side today .",
)
HEADS = PatchPlan(component="head", positions="all")
HEADS_BY_POSITION = PatchPlan(component="head")
BATCH = 16  # pairs: what a set is traced in
Row = tuple[str, str, str]


def _encoder(model, tower: TextTower) -> DualEncoder:
    common = {"card": Card("random", "", ""), "report": LoadReport({}), "fingerprint": "", "logit_scale": 100.0}
    return HuggingFaceEncoder(model.eval().requires_grad_(False), None, text=tower, **common)


def vit_b_32() -> DualEncoder:
    torch.manual_seed(0)
    tokenizer = fit_tokenizer(corpus(500), vocabulary=1400)
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    model = CLIPModel(CLIPConfig(text_config={"projection_dim": 512, **ends}))
    model.set_attn_implementation("eager")  # the reference's loop asks for attentions, which only this gives
    return _encoder(model, HuggingFaceTextTower(model, tokenizer))


def biomedclip_size() -> DualEncoder:
    from tests.writers import vision_text_dual  # and with it open_clip, which a lent card's machine lacks

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = AutoTokenizer.from_pretrained(vision_text_dual.write(Path(folder) / "tiny"))
    config = VisionTextDualEncoderConfig.from_vision_text_configs(ViTConfig(), BertConfig(), projection_dim=512)
    model = VisionTextDualEncoderModel(config)
    return _encoder(model, DualBertTextTower(model, tokenizer))


@torch.inference_mode()
def tracing_against_the_plain_loop() -> list[Row]:
    model = vit_b_32()
    pair = align(PAIR, model.text)
    rows = _against_loop(model, pair, PatchPlan(), "Exact block tracing, ViT-B/32")
    rows += _efficiency(model, pair)
    rows += _against_loop(model, pair, HEADS, "Head tracing, ViT-B/32")
    rows += _against_loop(biomedclip_size(), None, PatchPlan(), "Exact block tracing, BERT-base and ViT-B/16")
    return rows


def _against_loop(model: DualEncoder, pair: AlignedPair | None, plan: PatchPlan, name: str) -> list[Row]:
    tower = model.text
    pair = pair or align(TWELVE, tower)
    heads = range(tower.n_heads) if plan.component == "head" else [None]
    sets = [[p] for p in range(pair.length)] if plan.positions == "each" else [pair.positions]
    cells = [
        (layer, head, at) for layer in range(plan.first_layer, tower.n_layers + 1) for head in heads for at in sets
    ]
    some = cells[:: max(1, len(cells) // 40)]  # every cell costs the same: a sample is timed, and all of it compared
    source = tower.components(tower.tokenize([pair.pair.negated]), plan.component)[0]
    source = source if plan.component == "block" else [None, *source]
    began = time.perf_counter()
    expected = [patched(tower, pair, plan.component, [layer], at, head, source) for layer, head, at in some]
    cell = (time.perf_counter() - began) / len(some)
    text = best(lambda: tower.encode(tower.tokenize([pair.pair.negated])))
    image = best(lambda: model.encode_pixels(torch.randn(1, 3, 224, 224)))
    ours = best(lambda: patched_pairs(tower, [pair] * BATCH, plan)) / BATCH
    (found,) = patched_pairs(tower, [pair], plan)
    off = 0.0
    for (layer, head, at), vector in zip(some, expected, strict=True):
        got = found.vectors[layer - plan.first_layer, head or 0, at[0] if plan.positions == "each" else 0]
        off = max(off, float((got - vector).abs().max()))
    whole, text_only = len(cells) * (cell + text + image), len(cells) * cell
    return [
        (name, f"{whole / ours:.0f} times faster per pair, off by {off:.0e} at most",
         f"whole CLIP once per patch: {whole:.1f} s against {ours * 1000:.0f} ms; {pair.length} tokens, {len(cells)} "
         f"patches, batches of {BATCH} pairs, float32; {len(some)} of the loop's patches timed and compared"),
        (f"{name}: text alone", f"{text_only / ours:.0f} times faster per "
            "pair", f"text tower once per patch: {text_only:.1f} s"),
    ]  # fmt: skip


def necessary_multiply_adds(tower: TextTower, pair: AlignedPair) -> int:
    """Of exact block tracing of one pair in a causal tower: every distinct state computed once, the last block's only
    at the pooled position; keys, values and queries of positions that a patch leaves alone are not computed again."""
    width, length = tower.width, pair.length
    starts = [row.positions[0] for row in rows_of(PatchPlan(), tower, pair)]
    held = sum(length - start for start in starts)  # tokens of one layer's rows
    sees = sum(position + 1 for start in starts for position in range(start, length))  # keys that they look at
    total = 2 * length * (tower.n_layers - 1) * 12 * width**2  # both clean runs but for their last blocks
    for block in range(1, tower.n_layers):
        total += block * (12 * width**2 * held + 2 * width * sees) - 3 * width**2 * (held - len(starts))
    last = tower.n_layers * len(starts)
    total += tower.n_layers * held * 2 * width**2 + last * (10 * width**2 + 2 * width * length + width * tower.dim)
    return total


def multiply_adds_of_heads(tower: TextTower, pair: AlignedPair) -> int:
    """As ``necessary_multiply_adds``, of head tracing with all positions of a head swapped together: of the head's own
    block the output projection of its channels and the MLP, and every block after it."""
    width, length, layers = tower.width, pair.length, tower.n_layers
    start = rows_of(HEADS, tower, pair)[0].positions[0]
    held, sees = length - start, sum(position + 1 for position in range(start, length))
    own, whole = width * (width // tower.n_heads) + 8 * width**2, 12 * width**2 * held + 2 * width * sees
    last = 2 * width**2 * held + 10 * width**2 + 2 * width * length
    total = own  # of the last block's heads: at the pooled position alone
    for block in range(1, layers):
        total += own * held + (layers - 1 - block) * whole + last
    clean = 2 * length * (layers - 1) * 12 * width**2
    return clean + tower.n_heads * (total + layers * width * tower.dim)


def _efficiency(model: DualEncoder, pair: AlignedPair) -> list[Row]:
    a, b = torch.randn(2048, model.text.width), torch.randn(model.text.width, 4 * model.text.width)
    speed = 2 * a.shape[0] * b.numel() / best(lambda: [a @ b for _ in range(10)], 5) * 10
    ours = best(lambda: patched_pairs(model.text, [pair] * BATCH), 5) / BATCH
    count = necessary_multiply_adds(model.text, pair)
    share = 2 * count / speed / ours
    return [
        ("Exact block tracing: share of matrix speed", f"{share:.0%}",
         f"{count / 1e9:.2f} thousand million multiply-adds necessary a pair, {speed / 1e9:.0f} GFLOP/s measured, "
             f"{ours * 1000:.0f} ms a pair"),
    ]  # fmt: skip


def images_attribution_and_attention() -> list[Row]:
    model = vit_b_32()
    pair = align(PAIR, model.text)
    pairs = [pair] * BATCH
    images = F.normalize(torch.randn(1000, model.text.dim), dim=-1)
    one = best(lambda: trace(model, pairs, images[:BATCH]), 5)
    many = best(lambda: trace(model, pairs, images.expand(BATCH, -1, -1)), 5)
    rows = [
        (
            "A thousand images instead of one",
            f"{many / one:.3f} times the time",
            f"{BATCH} pairs, ViT-B/32, cached image features",
        )
    ]
    for plan, name in ((PatchPlan(), "blocks"), (HEADS_BY_POSITION, "heads by positions")):
        some = pairs if plan.component == "block" else pairs[:2]
        exact = best(lambda plan=plan, some=some: trace(model, some, images[: len(some)], plan=plan)) / len(some)
        estimate = best(lambda plan=plan: attribution_trace(model, pairs, images[:BATCH], plan=plan)) / BATCH
        rows.append(
            (f"Attribution patching, {name}", f"{exact / estimate:.1f} times faster than our exact path",
             f"{estimate * 1000:.0f} ms against {exact * 1000:.0f} ms a pair, ViT-B/32")
        )  # fmt: skip
    return rows + _attention(model)


def _attention(model: DualEncoder) -> list[Row]:
    templates = align_all(template_pairs(), model.text).aligned
    pairs = [templates[i % len(templates)] for i in range(1000)]
    sample, pixels = pairs[::50], torch.randn(1, 3, 224, 224)

    @torch.inference_mode()
    def loop(whole: bool) -> None:
        for pair in sample:
            for text in (pair.pair.affirmative, pair.pair.negated):
                tokens = model.text.tokenize([text])
                inputs = {"input_ids": tokens.ids, "attention_mask": tokens.mask.long(), "output_attentions": True}
                if whole:
                    model.module(pixel_values=pixels, **inputs)
                else:
                    model.module.text_model(**inputs)

    ours = best(lambda: negator_selective_attention(model, pairs), 1)
    reference, text_only = (best(lambda w=w: loop(w), 1) * len(pairs) / len(sample) for w in (True, False))
    return [
        ("NSA over 1,000 pairs, ViT-B/32", f"{reference / ours:.1f} times faster",
         f"whole CLIP, one pair at a time, output_attentions: {reference:.0f} s against {ours:.1f} s ({len(sample)} "
             "pairs of the loop measured)"),
        ("NSA over 1,000 pairs: text alone", f"{text_only / ours:.2f} times faster", "text tower, one text at a "
            f"time: {text_only:.0f} s"),
    ]  # fmt: skip


def what_the_page_waits_for() -> list[Row]:
    """The demo's whole template set, and one pair of it: what the tracing page computes before it can draw."""
    model = load_model("demo", device="cpu")
    pairs = align_all(template_pairs(model.card.conditions), model.text).aligned
    images = F.normalize(torch.randn(len(pairs), model.text.dim), dim=-1)
    whole = best(lambda: trace(model, pairs, images))
    one = best(lambda: trace(model, pairs[:1], images[:1]), 5)
    return [
        ("The page's template set", f"{whole:.2f} s", f"{len(pairs)} pairs, demo CLIP, block outputs; at most 3 s "
            "wanted"),
        ("The page's single pair", f"{one:.3f} s", "at most 0.3 s wanted"),
    ]  # fmt: skip


def memory_of_many_pairs() -> list[Row]:
    few, some, many = (measured(n) for n in (50, 2500, 5000))
    more = (many["bytes"] - few["bytes"]) / 2**20
    linear = many["seconds"] / (2 * some["seconds"])
    return [
        ("Peak memory, 5,000 pairs against 50", f"{more:+.0f} MiB", f"demo CLIP; {few['bytes'] / 2**20:.0f} MiB for "
            "50 pairs"),
        ("Time, 5,000 pairs against twice 2,500", f"{linear:.2f} times", f"{many['seconds']:.0f} s"),
    ]  # fmt: skip
