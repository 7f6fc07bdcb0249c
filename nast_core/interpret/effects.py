"""Causal tracing effects, CTE: from patched runs and images to numbers (method.md section 3)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from nast_core.errors import PairError
from nast_core.interpret.pair_coordinates import pair_coordinates
from nast_core.interpret.patching import position_sets
from nast_core.interpret.plan import PatchPlan
from nast_core.interpret.tracing import BLOCKS, Patched, patched_runs
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import TextTower
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick

if TYPE_CHECKING:
    import xarray as xr  # which takes half a second, with pandas: looking at one pair needs neither

MIN_GAP = 1e-3  # logits; below it S(a) and S(n) are equal to the noise of float32 and the ratio means nothing


@dataclass(frozen=True)
class PatchedPair:
    """One pair's patched runs, which any image can be scored against: the image meets a text only in a product.

    ``vectors`` [layer, head, position, dim]: unit vectors, the clean one at positions that carry no difference.
    Head is 1 where the component has none, position is 1 where the plan writes a set at once.
    """

    pair: AlignedPair
    plan: PatchPlan
    vectors: Float[Tensor, "layer head position dim"]
    affirmative: Float[Tensor, " dim"]
    negated: Float[Tensor, " dim"]

    def effect(self, image: Float[Tensor, " dim"]) -> Float[Tensor, "layer head position"]:
        return effect(self.vectors, self.affirmative, self.negated, image)


Keep = Callable[[int, PatchedPair], None]


def effect(
    vectors: Float[Tensor, "*cell dim"],
    affirmative: Float[Tensor, " dim"],
    negated: Float[Tensor, " dim"],
    image: Float[Tensor, " dim"],
) -> Float[Tensor, "*cell"]:
    """CTE on an image, or on a mean of images, which is ratio_mean over them. The scale and the bias cancel."""
    image, a, n = image.double(), affirmative.double(), negated.double()
    return (a @ image - vectors.double() @ image) / ((a - n) @ image)


def patched_pairs(
    tower: TextTower,
    pairs: Sequence[AlignedPair],
    plan: PatchPlan = BLOCKS,
    *,
    memory_budget: int | None = None,
) -> list[PatchedPair]:
    """The patched runs of a few pairs, kept: [layer x position x dim] floats each."""
    by_number: dict[int, PatchedPair] = {}
    for patched in patched_runs(tower, pairs, plan, memory_budget=memory_budget):
        by_number.update(zip(patched.pairs, _each(tower, pairs, plan, patched), strict=True))
    return [by_number[i] for i in range(len(pairs))]


def _each(tower: TextTower, pairs: Sequence[AlignedPair], plan: PatchPlan, patched: Patched) -> list[PatchedPair]:
    results = []
    for i, vectors, (affirmative, negated) in zip(patched.pairs, patched.vectors, patched.ends, strict=True):
        if plan.positions == "each":
            at = [position for (position,) in position_sets(plan, tower, pairs[i])]
            dense = affirmative.repeat(*vectors.shape[:2], pairs[i].length, 1)
            dense[:, :, at] = vectors
            vectors = dense
        results.append(PatchedPair(pairs[i], plan, vectors, affirmative, negated))
    return results


def trace(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Float[Tensor, "pair dim"] | Float[Tensor, "pair image dim"],
    *,
    plan: PatchPlan = BLOCKS,
    min_gap: float = MIN_GAP,
    memory_budget: int | None = None,
    keep: Keep | None = None,
    progress: Tick | None = None,
) -> "xr.Dataset":
    """Exact CTE of every pair's values on its own image, or on several images.

        cte[pair, l, p] = ( S(a, i) - S(a | h[l, p] <- h_n[l, p], i) ) / d,    d = S(a, i) - S(n, i)

    Over several images the numerator and d are each averaged (ratio_mean), over the images where \\|d\\| reaches
    ``min_gap``; a thousand images cost what one does.

    Args:
        images: unit vectors as ``encode_images`` gives them. For one set of images for all pairs, expand it.
        plan: component, positions written together, and window of layers.
        min_gap: least \\|d\\|, in logits, for which the ratio is defined; NaN below it.
        keep: called with each pair's number and patched runs, which are otherwise let go.
    Returns:
        Dataset: ``cte`` [pair, layer, position], no unit, NaN where undefined or past a text's end; without position
        where the plan writes a set at once; for heads ``cte_head`` [pair, layer, head(, position)]. ``d``,
        ``s_affirmative``, ``s_negated`` [pair], logits, means over images where there are several, and then also
        ``d_image`` [pair, image]; ``role`` [pair, position].
    Raises:
        PairError: no pair, or not one image, or set of images, a pair.
    """
    check_images(pairs, images)
    result = Effects(model, pairs, plan)
    scorer = ImageScores(model, images, min_gap)
    for patched in patched_runs(model.text, pairs, plan, memory_budget=memory_budget, progress=progress):
        for i, one in zip(patched.pairs, _each(model.text, pairs, plan, patched), strict=True):
            result.score(i, one, scorer)
            if keep:
                keep(i, one)
    return result.dataset(scorer, "exact")


def effects_of(
    model: DualEncoder,
    patched: PatchedPair,
    images: Float[Tensor, "pair dim"] | Float[Tensor, "pair image dim"],
    *,
    min_gap: float = MIN_GAP,
) -> "xr.Dataset":
    """As ``trace`` of one pair, from its patched runs, which another page may have made."""
    check_images([patched.pair], images)
    result, scorer = Effects(model, [patched.pair], patched.plan), ImageScores(model, images, min_gap)
    result.score(0, patched, scorer)
    return result.dataset(scorer, "exact")


def check_images(pairs: Sequence[AlignedPair], images: Tensor) -> None:
    if not pairs or len(images) != len(pairs):
        raise PairError(f"tracing needs one image a pair; got {len(pairs)} pairs and {len(images)} images")


class Gap(NamedTuple):
    affirmative: float
    negated: float
    d: float


class ImageScores:
    """S of both texts on each pair's images, and the mean of the images on which a pair is defined."""

    def __init__(self, model: DualEncoder, images: Tensor, min_gap: float):
        self.several = images.dim() == 3
        self.images = images if self.several else images[:, None]
        self.min_gap, self.scale, self.bias = min_gap, model.logit_scale or 1.0, model.logit_bias
        self.d = np.full(self.images.shape[:2], np.nan)
        self.means: dict[int, Gap] = {}

    def add(self, i: int, affirmative: Tensor, negated: Tensor) -> Tensor | None:
        """Scores pair ``i``; the mean of its images with a defined d, or None where there is none."""
        ends = torch.stack([affirmative, negated]).double()
        a, n = (self.images[i].double() @ ends.T * self.scale + self.bias).T
        self.d[i] = (a - n).numpy()
        defined = (a - n).abs() >= self.min_gap
        self.means[i] = Gap(*(float(x[defined].mean() if defined.any() else x.mean()) for x in (a, n, a - n)))
        return self.images[i][defined].double().mean(0) if defined.any() else None


class Effects:
    """Effects of every pair, filled as they come."""

    def __init__(self, model: DualEncoder, pairs: Sequence[AlignedPair], plan: PatchPlan):
        self.model, self.pairs, self.plan = model, pairs, plan
        length = max(p.length for p in pairs) if plan.positions == "each" else 1
        shape = (len(pairs), plan.layers(model.text), plan.heads(model.text), length)
        self.cte = np.full(shape, np.nan)

    def put(self, i: int, effect: Float[np.ndarray, "layer head position"]) -> None:
        at = list(self.pairs[i].positions) if self.plan.positions == "each" else [0]
        self.cte[i][:, :, at] = effect[:, :, at]

    def score(self, i: int, patched: PatchedPair, scorer: ImageScores) -> None:
        """Pair ``i`` on its images; its effects stay NaN where no d is defined."""
        image = scorer.add(i, patched.affirmative, patched.negated)
        if image is not None:
            self.put(i, patched.effect(image).numpy())

    def dataset(self, scores: ImageScores, method: str) -> "xr.Dataset":
        import xarray as xr

        plan, tower, length = self.plan, self.model.text, max(p.length for p in self.pairs)
        role = np.full((len(self.pairs), length), "padding", dtype=object)
        for row, pair in enumerate(self.pairs):
            role[row, : pair.length] = pair.roles
        name, dims, values = "cte", ["pair", "layer"], self.cte
        coords: dict[str, Any] = {
            **pair_coordinates(self.pairs),
            "layer": np.arange(plan.first_layer, tower.n_layers + 1),
        }
        coords["position"] = np.arange(length)
        if plan.component == "head":
            name, dims, coords["head"] = "cte_head", [*dims, "head"], np.arange(1, tower.n_heads + 1)
        else:
            values = values[:, :, 0]
        if plan.positions == "each":
            dims.append("position")
        else:
            values = values[..., 0]
        logits = {"units": "logits"}
        data: dict[str, Any] = {name: (tuple(dims), values, {"units": "share of d"})}
        for field in ("d", "s_affirmative", "s_negated"):
            of = [getattr(scores.means[i], field.removeprefix("s_")) for i in range(len(self.pairs))]
            data[field] = ("pair", np.array(of), logits)
        data["role"] = (("pair", "position"), role)
        if scores.several:
            data["d_image"] = (("pair", "image"), scores.d, logits)
        attrs = {**provenance(self.model, "trace"), **plan.model_dump(), "min_gap": scores.min_gap, "method": method}
        return xr.Dataset(data, coords=coords, attrs=attrs)


@torch.inference_mode()
def text_vectors(model: DualEncoder, pairs: Sequence[AlignedPair]) -> Float[Tensor, "pair form dim"]:
    """Unit vectors of each pair's affirmative and negated text."""
    both = model.encode_texts([t for p in pairs for t in (p.pair.affirmative, p.pair.negated)])
    return both.unflatten(0, (-1, 2))
