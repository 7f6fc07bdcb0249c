"""What must hold of any loaded model before a figure of it is believed, each with its measured value.

Silent failures are what users of such tools suffer most: an attention mask in the wrong place, a patch that
changes nothing, padding that leaks, a tokenizer of another model. Every check here has caught one of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch.nn import functional as F

from nast_core.interpret.effects import patched_pairs
from nast_core.models.encoder import DualEncoder
from nast_core.models.tower import TextTower
from nast_core.negation.pairs import AlignedPair, align_all, template_pairs

if TYPE_CHECKING:
    import xarray as xr

_TOLERANCE = {torch.float64: 1e-9, torch.float32: 2e-5}
_PROBES = ("There is no pneumothorax.", "Findings: a left pleural effusion and normal heart size.", "No edema")


@dataclass(frozen=True)
class Check:
    """One tick: what was checked, whether it holds, and the figure that says so."""

    name: str
    passed: bool
    figure: str
    meaning: str


@torch.inference_mode()
def self_test(model: DualEncoder, pairs: Sequence[AlignedPair] = ()) -> tuple[Check, ...]:
    """Checks of the model as loaded; ``pairs`` defaults to template pairs that align under its tokenizer."""
    tower, limit = model.text, _TOLERANCE.get(model.dtype, 2e-2)
    tokens = tower.tokenize(_PROBES)
    ours, library = tower.encode(tokens), tower.library_embedding(tokens)
    checks = [
        _small("Same as the library", ours, library, limit, "layer by layer equals the original library's own call"),
        _padding(model, limit),
        _unit_norm(model),
        _pooled(model),
    ]
    pairs = list(pairs)[:4] or list(align_all(template_pairs(), tower).aligned)[:4]
    if pairs:
        checks += _patching(model, pairs, limit)
    else:
        checks.append(Check("Pairs align", False, "0 pairs", "no template pair aligns under this tokenizer"))
    checks.append(_hash(model))
    return tuple(checks)


def trace_checks(
    traced: "xr.Dataset", pairs: Sequence[AlignedPair], tower: TextTower, *, tolerance: float = 1e-2
) -> tuple[Check, ...]:
    """The identities of method.md section 3 on a finished trace, over its pairs that are defined.

    ``tolerance`` is a share of d: the float32 rounding of a score divided by a small d.
    """
    return identity_checks(traced.cte.values, pairs, tower, tolerance=tolerance)


def identity_checks(
    cte: Float[np.ndarray, "pair layer position"],
    pairs: Sequence[AlignedPair],
    tower: TextTower,
    *,
    tolerance: float = 1e-2,
) -> tuple[Check, ...]:
    """The same on bare effects of block outputs; a pair that is NaN throughout is undefined."""
    rows = [i for i in range(len(pairs)) if not np.isnan(cte[i]).all()]
    single = [i for i in rows if len(pairs[i].differing) == 1]
    start = [abs(cte[i, 0, pairs[i].differing[0]] - 1) for i in single]
    end = [abs(cte[i, -1, pairs[i].pooled] - 1) for i in rows]
    checks = [_identity("CTE = 1 at the negator, layer 0", start, tolerance)]
    if tower.pools_one_position:
        checks.append(_identity("CTE = 1 at the pooled token, last layer", end, tolerance))
    if tower.causal:
        prefix = [abs(cte[i, :, : pairs[i].differing[0]]).max() for i in rows if pairs[i].differing[0]]
        checks.append(_identity("CTE = 0 before the negator", prefix, tolerance))
    return tuple(checks)


def _identity(name: str, errors: Sequence[float], tolerance: float) -> Check:
    worst = max(errors, default=float("nan"))
    return Check(
        name,
        bool(worst <= tolerance),
        f"off by {worst:.0e} at most" if errors else "no pair is defined",
        f"{len(errors)} pairs",
    )


def _small(name: str, values: torch.Tensor, expected: torch.Tensor, limit: float, meaning: str) -> Check:
    scale = max(1.0, float(expected.abs().max()))
    worst = float((values - expected).abs().max()) / scale
    return Check(name, worst <= limit, f"off by {worst:.0e}", meaning)


def _hash(model: DualEncoder) -> Check:
    recorded, fingerprint = model.card.fingerprint, model.fingerprint
    known = "as its card records" if recorded else "none on record to compare with"
    wrong = f"its card records {recorded[:12]}: the weights were changed or rounded"
    same = not recorded or recorded == fingerprint
    return Check("Weights hash", same, fingerprint[:12], known if same else wrong)


def _padding(model: DualEncoder, limit: float) -> Check:
    tower, text = model.text, _PROBES[2]
    if tower.padding != "ignored":
        how = {
            "fixed": "every text is padded to the full context, and the padding is read",
            "averaged": "padding would enter the mean, so texts are never padded",
        }
        return Check("Padding as the family has it", True, tower.padding, how[tower.padding])
    length = tower.tokenize([text]).ids.shape[1]
    bare, padded = (
        tower.encode(tower.tokenize([text], pad_to=n)) for n in (None, min(length + 5, tower.context_length))
    )
    return _small("Padding changes nothing", padded, bare, limit, "five padding tokens leave an embedding as it was")


def _unit_norm(model: DualEncoder) -> Check:
    if not model.unit_texts:
        return Check("Embeddings as the repair has them", True, "any length", "a vector's length is part of its score")
    worst = float((model.encode_texts(_PROBES).norm(dim=-1) - 1).abs().max())
    return Check(
        "Embeddings have length 1", worst < 1e-5, f"off by {worst:.0e}", "the score is a cosine times the scale"
    )


def _pooled(model: DualEncoder) -> Check:
    tower, tokens = model.text, model.text.tokenize(_PROBES)

    def special(text: int, position: int) -> bool:
        padding_is_read = tower.padding == "fixed" and position == tower.context_length - 1
        return tokens.offsets[text][position] == (0, 0) and (bool(tokens.mask[text, position]) or padding_is_read)

    specials = [special(i, p) for i, p in enumerate(tokens.pooled.tolist())]
    ids = ", ".join(str(i) for i in sorted({int(tokens.ids[i, p]) for i, p in enumerate(tokens.pooled.tolist())}))
    return Check("Pooled token is there", all(specials), f"token id {ids}", tower.pooling)


def _patching(model: DualEncoder, pairs: Sequence[AlignedPair], limit: float) -> list[Check]:
    tower = model.text
    patched = patched_pairs(tower, pairs)
    at_negator = max(
        float((one.vectors[0, 0, one.pair.differing[0]] - one.negated).abs().max())
        for one in patched
        if len(one.pair.differing) == 1
    )
    moved = min(float((one.affirmative - one.negated).abs().max()) for one in patched)
    checks = [
        Check(
            "A patch takes effect",
            at_negator <= limit and at_negator < moved / 4,
            f"off by {at_negator:.0e}",
            "the negator's embedding alone turns the affirmative text into the negated one",
        ),
    ]
    if tower.causal:
        checks.append(_prefix(model, pairs))
    return checks


def _prefix(model: DualEncoder, pairs: Sequence[AlignedPair]) -> Check:
    """States before the negator, patched for real (the tracer skips them), must change nothing at all."""
    tower, pair = model.text, max(pairs, key=lambda p: p.differing[0])
    tokens = tower.tokenize([pair.pair.affirmative])
    clean = tower.states(tokens)
    source = tower.states(tower.tokenize([pair.pair.negated]))
    middle, position = tower.n_layers // 2, max(pair.differing[0] - 1, 0)
    hidden = clean[middle].clone()
    hidden[:, position] = source[middle][:, position]
    patched = F.normalize(tower.readout(tower.run(hidden, tokens, middle), tokens), dim=-1)
    plain = F.normalize(tower.readout(clean[-1], tokens), dim=-1)
    worst = float((patched - plain).abs().max())
    return Check(
        "Prefix patches change nothing", worst <= 1e-6, f"{worst:.0e}", "a causal tower cannot know the negator yet"
    )
