"""DualEncoder: an image tower and a text tower that meet in one dot product."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from types import MappingProxyType

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from nast_core.models.precision import Part, computing
from nast_core.models.remembering import Remembered
from nast_core.models.tower import TextTower
from nast_core.progress import Tick


def _unit(vectors: Tensor) -> Tensor:
    """Normalised, in float32 or wider: scores are compared to many digits."""
    wide = vectors if vectors.dtype == torch.float64 else vectors.float()
    return F.normalize(wide, dim=-1)


@dataclass(frozen=True)
class Card:
    """Where a model came from."""

    name: str
    source: str  # folder, hub id or "demo"
    family: str
    licence: str = "not stated"
    revision: str = ""
    conditions: tuple[str, ...] = ()  # what it was trained to know, where that is on record
    fingerprint: str = ""  # what the weights should hash to, where that is on record
    taught: frozenset[str] | None = None  # cues by which its training texts deny, where they are on record


@dataclass(frozen=True)
class LoadReport:
    """What was found in a model's files, and what was not used: shown on load."""

    rows: dict[str, str]
    unused_keys: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class DualEncoder(ABC):
    """A loaded medical CLIP. Holds weights and tokenizer; keeps no result."""

    card: Card
    text: TextTower
    report: LoadReport
    fingerprint: str  # sha256 over names, shapes and bytes of every weight
    logit_scale: float | None  # multiplies the cosine; None: the model has no scale and S is the cosine
    logit_bias: float = 0.0
    image_size: int = 224
    parameters: int = 0
    dtype: torch.dtype = torch.float32
    image_fingerprint: str = ""  # of a model with the very same image tower, whose image vectors are this one's too
    in_bf16: frozenset[Part] = frozenset()  # whose vectors are made in bf16; nothing else is, whatever stands here
    unit_texts: bool = True  # whether vectors of texts have length 1; False: their length is part of the score
    limits: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # ability -> why it is lacking
    remembered: Remembered | None = None  # vectors of texts, where a piece of work asks for the same ones again

    @property
    @abstractmethod
    def module(self) -> torch.nn.Module:
        """The library's own model, which holds every weight."""

    @abstractmethod
    def preprocess(self, image: Image.Image) -> Float[Tensor, "channel height width"]:
        """The family's own resize, crop and normalisation."""

    @abstractmethod
    def encode_pixels(self, pixels: Float[Tensor, "image channel height width"]) -> Float[Tensor, "image dim"]:
        """Joint-space vectors of preprocessed images, not normalised."""

    @torch.inference_mode()
    def encode_images(
        self,
        images: Iterable[Image.Image | Tensor],
        *,
        batch_size: int = 64,
        progress: Tick | None = None,
    ) -> Float[Tensor, "image dim"]:
        """Unit vectors of images, on the CPU; read as they come: never more than one batch in memory.

        A tensor is taken for an image that ``preprocess`` has been at.
        """
        vectors: list[Tensor] = []
        batch: list[Tensor] = []

        def flush() -> None:
            pixels = torch.stack(batch).to(self.text.device, self.dtype)
            with computing(self.text.device, "images" in self.in_bf16):
                vectors.append(_unit(self.encode_pixels(pixels)))
            if progress:
                progress(len(batch))
            batch.clear()

        for image in images:
            batch.append(image if isinstance(image, Tensor) else self.preprocess(image))
            if len(batch) == batch_size:
                flush()
        if batch:
            flush()
        # brought over at the end, not batch by batch: a card goes on while the next batch is put together
        return torch.cat(vectors).cpu() if vectors else torch.empty(0, self.text.dim)

    @torch.inference_mode()
    def encode_texts(
        self,
        texts: Sequence[str],
        *,
        batch_size: int | None = None,
        progress: Tick | None = None,
    ) -> Float[Tensor, "text dim"]:
        """Unit vectors of texts, on the CPU. A text that occurs twice is encoded once; batches hold texts of like
        length.

        ``batch_size``: by default 64 on a CPU, whose caches larger batches outgrow, and 256 elsewhere.
        """
        encode = partial(self._encode_texts, batch_size=batch_size, progress=progress)
        if texts and self.remembered is not None and self.remembered.of(self):
            return self.remembered.all_of(texts, encode)
        return encode(texts)

    def _encode_texts(
        self, texts: Sequence[str], *, batch_size: int | None, progress: Tick | None
    ) -> Float[Tensor, "text dim"]:
        if not texts:
            return torch.empty(0, self.text.dim)
        unique, vectors = list[str](), []
        for batch in self.text_batches(texts, batch_size or (64 if self.text.device.type == "cpu" else 256)):
            unique += batch
            with computing(self.text.device, "texts" in self.in_bf16):
                vectors.append(_unit(self.text.encode(self.text.tokenize(batch))))
            if progress:
                progress(len(batch))
        place = {text: i for i, text in enumerate(unique)}
        return torch.cat(vectors).cpu()[torch.tensor([place[text] for text in texts])]

    def text_batches(self, texts: Iterable[str], size: int) -> Iterator[list[str]]:
        """Each text once, in batches of like length; where padding would change an embedding, of equal token counts."""
        yield from self._text_batches(self._by_length(set(texts)), size)

    def _by_length(self, texts: Iterable[str]) -> list[str]:
        """In order of token counts, so that little of a batch is padding; equal sets give equal orders."""
        ordered = sorted(texts, key=lambda text: (len(text), text))
        counts = self.text.tokenize(ordered).mask.sum(1).tolist()
        return [ordered[row] for row in sorted(range(len(ordered)), key=counts.__getitem__)]

    def _text_batches(self, unique: list[str], size: int) -> Iterator[list[str]]:
        """Consecutive batches; where padding would change an embedding, of equal token counts only."""
        if self.text.padding != "averaged":
            yield from (unique[start : start + size] for start in range(0, len(unique), size))
            return
        tokens = {text: self.text.tokenize([text]).ids.shape[1] for text in unique}
        for _, same in groupby(sorted(unique, key=tokens.__getitem__), key=tokens.__getitem__):
            group = list(same)
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def score(
        self, texts: Float[Tensor, "text dim"], images: Float[Tensor, "image dim"]
    ) -> Float[Tensor, "text image"]:
        """S(t, i) of unit vectors: logit_scale x cosine (+ bias), or the cosine where there is no scale."""
        return texts @ images.T * (self.logit_scale or 1.0) + self.logit_bias

    def score_each(self, texts: Float[Tensor, "*row dim"], images: Float[Tensor, "*#row dim"]) -> Float[Tensor, "*row"]:
        """S of every text with the image in its own row.
        Equal vectors score equally to the last bit: a tie stays one."""
        return (texts * images).sum(-1) * (self.logit_scale or 1.0) + self.logit_bias
