"""The repaired model: the base with its image side untouched, whose texts with a denial are read by a method.

A text without a denial gets the very vector that the base gives it. Source: ours.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from nast_core.errors import RepairError
from nast_core.models.encoder import DualEncoder, LoadReport
from nast_core.models.precision import with_bf16
from nast_core.models.remembering import remembering
from nast_core.progress import Tick
from nast_core.repair.fitting import fits
from nast_core.repair.method import NOTHING, Asked
from nast_core.repair.spec import Repair, reader
from nast_core.repair.splitting import Split, split
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import open_vocabulary

_LIMITS = {
    "its own mechanism": "attention, tracing and attribution look into the base's text tower, as it is without this "
    "repair of {works}",
    "weights of its own": "a repair changes how texts are read, not weights, so there is nothing to fine-tune or to "
    "write as a model folder; fine-tune the base and repair what comes out",
    "languages but English": "the parser reads English; a denial in another language is left as it is",
}


class Repaired(DualEncoder):
    """A model with a repair over it. Weights are the base's own."""

    def __init__(
        self, base: DualEncoder, repair: Repair, vocabulary: Vocabulary, fitted: Mapping[str, Tensor] = NOTHING
    ):
        method = repair.method
        limits = _LIMITS | {"its own mechanism": _LIMITS["its own mechanism"].format(works=method.works)}
        super().__init__(
            card=replace(
                base.card, name=f"{base.card.name} + {repair}", source=f"{base.card.source}+{repair}", fingerprint=""
            ),
            text=base.text,
            report=LoadReport(
                base.report.rows | {"Repair": f"{repair}: {method.said}"},
                base.report.unused_keys,
                base.report.warnings,
            ),
            fingerprint=_fingerprint(base, repair, vocabulary),
            logit_scale=base.logit_scale,
            logit_bias=base.logit_bias,
            image_size=base.image_size,
            parameters=base.parameters + sum(value.numel() for value in fitted.values()),
            dtype=base.dtype,
            image_fingerprint=base.image_fingerprint or base.fingerprint,
            in_bf16=base.in_bf16,
            limits=MappingProxyType({**base.limits, **limits, **method.limits}),
            unit_texts=method.unit,
        )
        self.base, self.repair, self.vocabulary, self.fitted = base, repair, vocabulary, fitted

    @property
    def module(self) -> torch.nn.Module:
        return self.base.module

    def preprocess(self, image: Image.Image) -> Float[Tensor, "channel height width"]:
        return self.base.preprocess(image)

    def encode_pixels(self, pixels: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image dim"]:
        return self.base.encode_pixels(pixels)

    def split(self, text: str) -> Split:
        """What the parser makes of a text: what is affirmed, and what is denied."""
        return split(text, self.vocabulary)

    def at(self, strength: float) -> "Repaired":
        """The same at another strength; weights and what was fitted are shared.
        Raises RepairError for one out of range."""
        return Repaired(self.base, self.repair.at(strength), self.vocabulary, self.fitted)

    def over(self, base: DualEncoder) -> "Repaired":
        """The same repair over another of its base: one that remembers, or makes its vectors in another precision."""
        return Repaired(base, self.repair, self.vocabulary, self.fitted)

    def _encode_texts(
        self, texts: Sequence[str], *, batch_size: int | None, progress: Tick | None
    ) -> Float[Tensor, "text wide"]:
        """Of ``discount`` a text has several vectors side by side, of ``subtract`` not of length 1."""
        base = remembering(with_bf16(self.base, self.in_bf16))  # what several texts affirm or deny is encoded once
        encode = partial(base.encode_texts, batch_size=batch_size)
        unique = list(dict.fromkeys(texts))
        splits = {text: self.split(text) for text in unique}
        denying = [one for one in splits.values() if one.denied]
        plain = [text for text in unique if not splits[text].denied]
        parts = [_wide(encode(plain), self.repair.method.blocks)]  # by themselves: a batch moves a vector's last digits
        if progress and plain:
            progress(len(plain))
        if denying:
            asked = Asked(base, denying, self.repair.values, encode, self.vocabulary, self.fitted)
            parts.append(self.repair.method.vectors(asked))
            if progress:
                progress(len(denying))
        if not plain:
            parts = parts[1:] or parts
        place = {text: row for row, text in enumerate([*plain, *(one.text for one in denying)])}
        return torch.cat(parts)[torch.tensor([place[text] for text in texts], dtype=torch.long)]

    def score(
        self, texts: Float[Tensor, "text dim"], images: Float[Tensor, "image dim"]
    ) -> Float[Tensor, "text image"]:
        if (cosines := self.repair.method.cosines) is None:
            return super().score(texts, images)
        cosine = cosines(texts, lambda block: block @ images.T, self.repair.values)
        return cosine * (self.logit_scale or 1.0) + self.logit_bias

    def score_each(self, texts: Float[Tensor, "*row dim"], images: Float[Tensor, "*#row dim"]) -> Float[Tensor, "*row"]:
        if (cosines := self.repair.method.cosines) is None:
            return super().score_each(texts, images)
        cosine = cosines(texts, lambda block: (block * images).sum(-1), self.repair.values)
        return cosine * (self.logit_scale or 1.0) + self.logit_bias


def repair_model(base: DualEncoder, repair: Repair, vocabulary: Vocabulary | None = None) -> Repaired:
    """A loaded model with a repair over it; what the method has to learn of the model beforehand is learnt here.
    ``vocabulary``: the repair's, where it is at hand.

    Raises RepairError for a model that the method cannot repair, and for a repair of a repair of the same kind.
    """
    method = repair.method
    if isinstance(base, Repaired) and base.repair.method.works == method.works:
        raise RepairError(
            f"{base.card.name} is repaired already, by {base.repair.name}, and {method.name} works on {method.works} "
            "too, so that one of the two would never see a denial; give one of them"
        )
    if method.cannot is not None and (why := method.cannot(base)):
        raise RepairError(f"{method.name} cannot repair {base.card.name}: {why}; take another method")
    vocabulary = vocabulary or open_vocabulary(repair.vocabulary)
    return Repaired(base, repair, vocabulary, fits(base, repair, vocabulary))


def has_weights_to_train(model: DualEncoder) -> None:
    """Raises RepairError for a repaired model."""
    if isinstance(model, Repaired):
        raise RepairError(
            f"{model.card.name} is a repaired model, which has no weights of its own to train; fine-tune its base, and "
            f"repair what comes out: run:ID+{model.repair.name}"
        )


def _fingerprint(base: DualEncoder, repair: Repair, vocabulary: Vocabulary) -> str:
    """Another one as soon as a text may get another vector: the parser is part of the model. What is fitted follows
    from these."""
    values = sorted((name, float(value)) for name, value in repair.values.items())
    whole = f"{base.fingerprint} repaired by {repair.name} {values} {vocabulary.fingerprint} {reader(repair)}"
    return hashlib.sha256(whole.encode()).hexdigest()


def _wide(vectors: Float[Tensor, "text dim"], blocks: int) -> Float[Tensor, "text wide"]:
    """With nothing in the blocks behind the first."""
    return F.pad(vectors, (0, vectors.shape[1] * (blocks - 1))) if blocks > 1 else vectors
