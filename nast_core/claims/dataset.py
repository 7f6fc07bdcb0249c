"""One build from a source to files: claims with their contradictions, and their card beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nast_core.claims.build import Built, build_examples
from nast_core.claims.card import card_path, claims_card
from nast_core.claims.claim import Kind
from nast_core.claims.examples import write_claims
from nast_core.claims.guessing import guesses
from nast_core.claims.manner import Manner
from nast_core.claims.sources import read_source
from nast_core.claims.study import Source
from nast_core.data.studies import Split
from nast_core.errors import DataError
from nast_core.files.gate import shown
from nast_core.files.writing import whole_folder, write_text
from nast_core.progress import Far
from nast_core.statistics.rates import Rate
from nast_core.vocabulary.beside import beside, write_beside
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given


@dataclass(frozen=True)
class ClaimSet:
    source: Source
    built: Built
    guessed: Mapping[Kind, Rate]
    claims: Path
    card: Path


def build_claims(
    source: str,
    out: Path,
    *,
    split: Split | None = None,
    n: int | None = None,
    seed: int = 0,
    balanced: bool = True,
    progress: Far | None = None,
    vocabulary: Vocabulary | None = None,
    manner: Manner | None = None,
) -> ClaimSet:
    """Writes the claims of ``source`` to ``out`` and their card beside it, together or not at all. Equal arguments give
    equal files.

    ``source``, ``n`` and ``seed``: see read_source; ``balanced`` and ``manner``: see build_examples; ``split``: only
    its lines. Raises DataError for what is no source, and where no claim could be made.
    """
    vocabulary = given(vocabulary)
    content = read_source(source, split=split, n=n, seed=seed, progress=progress, vocabulary=vocabulary)
    built = build_examples(content.studies, seed=seed, balanced=balanced, manner=manner, vocabulary=vocabulary)
    if split:
        built = Built([example for example in built.examples if example.split == split], built.notes)
    if not built.examples:
        raise DataError(
            f"no claim could be made of the {len(content.studies)} studies of {shown(source)!r}"
            f"{' in that split' if split else ''}; give more studies{', or do not balance them' if balanced else ''}"
        )
    guessed = guesses(built.examples, seed=seed)
    with whole_folder(out.parent, [beside(out).name, card_path(out).name, out.name]) as temporary:
        write_claims(built.examples, temporary / out.name)
        write_beside(temporary / out.name, vocabulary)
        card = claims_card(content, built, guessed, seed=seed, balanced=balanced, vocabulary=vocabulary, manner=manner)
        write_text(temporary / card_path(out).name, card)
    return ClaimSet(content, built, guessed, out, card_path(out))
