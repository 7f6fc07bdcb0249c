"""What every dataset answers: what pages, recipes and commands ask of the one that is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nast_core.benchmark.items import Item
    from nast_core.claims.claim import Example
    from nast_core.claims.evidence import Evidence
    from nast_core.data.studies import Split
    from nast_core.negation.pairs import PolarityPair
    from nast_core.vocabulary.model import Vocabulary

LEAST_PATIENTS = 5  # with a condition, for figures of it to be shown


class Dataset(Protocol):
    """Studies with their labels and images, and what is asked and said of them."""

    @property
    def spec(self) -> str:
        """As a recipe names it: phantoms, or the path of a folder."""

    @property
    def name(self) -> str:
        """As a page names it."""

    @property
    def picture(self) -> str:
        """What one of its images is called, as in "a phantom with its finding"."""

    @property
    def drawn(self) -> bool:
        """Whether its patients are nobody: drawn, as many as are asked for."""

    @property
    def images(self) -> Path | None:
        """The folder that image names are under; None where images are drawn."""

    @property
    def fingerprint(self) -> str:
        """Another text as soon as a figure may come out otherwise."""

    @property
    def vocabulary(self) -> Vocabulary:
        """Its conditions, and the words for them."""

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those that have a study with an image."""

    def items(self, split: Split, n: int, seed: int = 0) -> list[Item]:
        """At most ``n`` questions about a split's images. Raises DatasetError where it has none."""

    def statements(self, splits: Sequence[Split], n: int, seed: int = 0) -> list[Example]:
        """Statements, true and false, about at most ``n`` studies of some splits.
        Raises DatasetError where there are none."""

    def evidence(self, split: Split, n: int, seed: int = 0) -> Evidence:
        """The same of one split, with what the labels say of its images; without a statement, that alone. Raises
        DatasetError where there is neither."""

    def pairs(self, conditions: Sequence[str] = (), *, present: bool | None = True) -> list[PolarityPair]:
        """Polarity pairs of the conditions that ``images_for`` has images of; of ``conditions`` alone, where any are
        given.

        ``present``: False, of those that some images have and some lack; None, of all, to be looked at without an
        image. Raises DatasetError where there are none."""

    def images_for(self, condition: str, *, present: bool = True) -> list[str]:
        """Names of images that have a finding, or lack it, to look at a model with: never a test patient's."""

    def findings(self, image: str) -> str:
        """What is known to be seen in an image, in words; empty where nothing is known."""

    def looked_at(self) -> Split:
        """The split that ``images_for`` takes them from."""

    def training(self, seed: int = 0) -> list[Example]:
        """Statements to learn from and to choose by: of the train and validation splits.
        Raises DatasetError where there are none."""

    def watched(self, seed: int = 0) -> list[Item]:
        """Questions about validation images, to be looked at while a model learns; none where there are none."""

    def lacks(self) -> list[str]:
        """What cannot be shown of it and why, a sentence each."""


def too_few(patients: Mapping[str, int]) -> list[str]:
    """What cannot be shown of conditions that too few patients have: one sentence, or none.
    ``patients``: by condition."""
    few = [condition for condition, count in patients.items() if count < LEAST_PATIENTS]
    return [f"fewer than {LEAST_PATIENTS} patients have {', '.join(few)}: nothing is said of them alone"] if few else []
