"""What a method of repair is: its name, what may be turned on it, and how it makes the vectors of texts with a denial.

A method's file lies beside this one and ends in its ``Method``; methods.py lists them. Nothing here imports torch:
pages and the command line read the table before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from nast_core.models.encoder import DualEncoder
    from nast_core.repair.splitting import Split
    from nast_core.vocabulary.model import Vocabulary

    Encode = Callable[[Sequence[str]], Tensor]
    Fitted = Mapping[str, Tensor]
    Dot = Callable[[Tensor], Tensor]

Works = Literal["vectors", "states"]
"""What a method changes. vectors: those that the text tower gave, or the texts that it is given, so of any model.
states: what goes on inside the tower."""

STRENGTHS: Mapping[Works, int] = {  # how many are tried where one is chosen
    "vectors": 20,  # the base's vectors serve them all
    "states": 6,  # each takes every text with a denial through the tower again
}
NOTHING: Fitted = MappingProxyType({})


class Parameter(NamedTuple):
    """A number that may be turned. The first of a method is its strength."""

    default: float
    low: float
    high: float
    said: str  # what it is, as a clause
    tried: tuple[float, float] = (0.0, 1.0)  # between which a strength is looked for
    whole: bool = False  # counted, not measured


@dataclass(frozen=True)
class Asked:
    """Texts with a denial, and what their vectors are made with."""

    base: DualEncoder
    splits: Sequence[Split]
    values: Mapping[str, float]
    encode: Encode  # the base's unit vectors [text dim]; a text that was asked for before is not encoded again
    vocabulary: Vocabulary
    fitted: Fitted = field(default_factory=dict)

    @property
    def own(self) -> Tensor:
        """e_c [text dim]: the texts' own vectors."""
        return self.encode([one.text for one in self.splits])

    @property
    def affirmative(self) -> Tensor:
        """e_A [text dim]."""
        return self.encode([one.affirmative for one in self.splits])

    @property
    def denied(self) -> list[Tensor]:
        """e(N_1..k) of each text [concept dim]."""
        every = self.encode([concept for one in self.splits for concept in one.concepts])
        return list(every.split([len(one.concepts) for one in self.splits]))


@dataclass(frozen=True)
class Method:
    """One way to repair a model."""

    name: str
    said: str  # what it does, as a clause
    source: str
    works: Works
    vectors: Callable[[Asked], Tensor]  # of texts with a denial: [text dim], or wider where ``cosines`` reads them
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)  # ability -> why it is lacking
    cannot: Callable[[DualEncoder], str] | None = None  # why a model cannot be so repaired; empty where it can
    fit: Callable[[DualEncoder, Vocabulary], dict[str, Tensor]] | None = None  # what is learnt of a model beforehand
    fits: tuple[str, ...] = ()  # names of what ``fit`` gives
    cosines: Callable[[Tensor, Dot, Mapping[str, float]], Tensor] | None = None  # where a score is no dot product
    blocks: int = 1  # how many vectors side by side a text has
    unit: bool = True  # whether vectors have length 1

    @property
    def strength(self) -> str | None:
        """The name of the parameter that is its strength; None where it has none."""
        return next(iter(self.parameters), None)
