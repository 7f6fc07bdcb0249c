"""The terms of the loss, this project's four and the paper's two (method.md sections 4 and 4b).

Pure functions of unit vectors; logits are scale x cosine.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F


class Targets(NamedTuple):
    """What a batch asks of its texts, as tensors on the model's device; see Batch."""

    images: Float[Tensor, "image dim"]
    captions: Int[Tensor, " caption"]
    fits: Bool[Tensor, "caption image"]
    ranked: Int[Tensor, "pair 2"]
    better: Int[Tensor, "pair image"]
    spoken: Int[Tensor, " pair"]
    holds: Int[Tensor, "text image"]
    kept: Int[Tensor, " kept"]
    frozen: Float[Tensor, "kept dim"]  # what the frozen encoder says of the kept texts
    denials: Int[Tensor, "denial 2"]


def losses(texts: Float[Tensor, "text dim"], targets: Targets, scale: float) -> dict[str, Float[Tensor, ""]]:
    """Every term of one batch, by name (objective claims)."""
    logits = scale * texts @ targets.images.T  # [text, image]
    true, false = targets.ranked.unbind(-1)
    return {
        "caption": caption_loss(logits[targets.captions], targets.fits),
        "same_image": same_image_loss(logits[true] - logits[false], targets.better),
        "across_image": across_image_loss(logits, targets.holds),
        "alignment": alignment_loss(texts[targets.kept], targets.frozen),
    }


def caption_loss(logits: Float[Tensor, "caption image"], fits: Bool[Tensor, "caption image"]) -> Float[Tensor, ""]:
    """CLIP's InfoNCE, both ways; row i is the caption of image i, and further images are there to be told from it.

    Departure: an image of which a caption is known to hold is not held against it. "No edema" is true of most images. 0
    where there is no caption.
    """
    if not len(logits):
        return logits.sum()
    own = torch.eye(*fits.shape, dtype=torch.bool, device=fits.device)
    logits = logits.masked_fill(fits & ~own, float("-inf"))
    target = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits[:, : len(logits)].T, target)) / 2


def same_image_loss(margins: Float[Tensor, "pair image"], better: Int[Tensor, "pair image"]) -> Float[Tensor, ""]:
    """-log P(of two texts that contradict each other, the one that an image bears out scores above the other).

    ``margins``: logit of the first less that of the second; ``better``: 1 where the first is borne out, -1 the second,
    0 neither or unknown. Every pair of texts counts alike, and in it the images of either side together as much as the
    other side's: a finding is absent far more often than present, and a text must not win for that. 0 where no image
    tells.
    """
    first, second = better == 1, better == -1
    sides = first.any(-1).int() + second.any(-1).int()
    if not sides.any():
        return margins.sum() * 0
    wrong = _mean_where(F.softplus(-margins), first) + _mean_where(F.softplus(margins), second)  # [pair]
    return (wrong[sides > 0] / sides[sides > 0]).mean()


def _mean_where(values: Float[Tensor, "row column"], which: Bool[Tensor, "row column"]) -> Float[Tensor, " row"]:
    """Mean of the chosen values of each row; 0 where none is."""
    return (values * which).sum(-1) / which.sum(-1).clamp(min=1)


def across_image_loss(logits: Float[Tensor, "text image"], holds: Int[Tensor, "text image"]) -> Float[Tensor, ""]:
    """-log P(an image where a text holds above one where it does not), over all such pairs of images.

    Every text counts alike. Images of which a text is unknown (-1) take no part; a text with no image on one of the
    sides has no pair. 0 where no text has one. It is a smooth 1 - AUROC of each text, "X" and "no X" alike: what makes
    a cue read, and not muted. Ranking an image's texts the same way was tried and dropped: it slowed the questions
    down.
    """
    losses = []
    for row, truth in zip(logits, holds, strict=True):  # text by text: only pairs that count are made, a fifth of all
        present, denied = row[truth == 1], row[truth == 0]
        if len(present) and len(denied):
            losses.append(F.softplus(denied[None, :] - present[:, None]).mean())
    return torch.stack(losses).mean() if losses else logits.sum() * 0


def alignment_loss(now: Float[Tensor, "text dim"], frozen: Float[Tensor, "text dim"]) -> Float[Tensor, ""]:
    """Mean of 1 - cosine to the frozen encoder's vector of the same text; 0 where there is no text."""
    return (1 - (now * frozen).sum(-1)).mean() if len(now) else now.sum()


def paper_losses(texts: Float[Tensor, "text dim"], targets: Targets, scale: float) -> dict[str, Float[Tensor, ""]]:
    """The paper's two terms of one batch, by name (objective paper)."""
    logits = scale * texts @ targets.images.T  # [text, image]
    text, image = targets.denials.unbind(-1)
    own = torch.eye(
        len(text), dtype=torch.bool, device=logits.device
    )  # the plain InfoNCE: all others are held against it
    true, false = targets.ranked.unbind(-1)
    return {
        "negated_captions": caption_loss(logits[text][:, image], own),
        "claims": claim_loss(logits[true, targets.spoken], logits[false, targets.spoken], true, targets.spoken),
    }


def claim_loss(
    true: Float[Tensor, " pair"], false: Float[Tensor, " pair"], text: Int[Tensor, " pair"], image: Int[Tensor, " pair"]
) -> Float[Tensor, ""]:
    """-log of a true claim's share among all claims about its image that stand beside it: the softmax of its logit.

    A row a pair of a true claim and one that contradicts it, ``true`` and ``false`` their logits on ``image``; pairs of
    one ``text`` and ``image`` are one choice among several claims. Mean over choices; 0 where there is none.
    """
    if not len(true):
        return true.sum()
    _, choice = torch.unique(torch.stack([text, image]), dim=1, return_inverse=True)
    of_choice = choice == torch.arange(int(choice.max()) + 1, device=choice.device)[:, None]  # [choice, pair]
    margins = (false - true).expand(of_choice.shape).masked_fill(~of_choice, float("-inf"))
    return F.softplus(margins.logsumexp(-1)).mean()  # -log(e^t / (e^t + sum e^f))
