"""The phantom world as a dataset: drawn as it is asked for, everything known of it."""

from collections.abc import Sequence
from pathlib import Path

from nast_core.benchmark.items import Item
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.claim import Example
from nast_core.claims.evidence import Evidence, evidence
from nast_core.claims.manner import Manner
from nast_core.claims.phantom import SPOKEN, phantom_studies
from nast_core.data.phantom import CONDITIONS, PREVALENCE, phantom_of
from nast_core.data.phantom import SPLITS as SEEDS
from nast_core.data.studies import PHANTOMS, SPLITS, Split
from nast_core.dataset.interface import too_few
from nast_core.negation.pairs import PolarityPair, template_pairs
from nast_core.negation.phrases import SEEN_DENIALS, UNSEEN_DENIALS
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest

TRAINING = 1000  # phantoms that are learnt from, where no number is asked for
WATCHED = 200  # validation questions with cues that training has, and as many with the others
_OTHER = 1_000_000  # keeps the seeds, and so the names, of the two kinds of questions apart


class PhantomWorld:
    """Drawings, not patients."""

    spec = PHANTOMS
    name = "Phantoms (drawn here)"
    picture = "phantom"
    drawn = True
    images: Path | None = None
    fingerprint = PHANTOMS
    splits: tuple[Split, ...] = SPLITS

    @property
    def vocabulary(self) -> Vocabulary:
        return chest()

    def items(self, split: Split, n: int, seed: int = 0) -> list[Item]:
        return phantom_items(n, seed=seed, split=split)

    def statements(self, splits: Sequence[Split], n: int, seed: int = 0) -> list[Example]:
        studies = [study for split in splits for study in phantom_studies(n, split=split, seed=seed)]
        return build_examples(studies, seed=seed).examples

    def evidence(self, split: Split, n: int, seed: int = 0) -> Evidence:
        return evidence(self.statements([split], n, seed), split)

    def pairs(self, conditions: Sequence[str] = (), *, present: bool | None = True) -> list[PolarityPair]:
        return template_pairs(conditions) if conditions else template_pairs()

    def images_for(self, condition: str, *, present: bool = True) -> list[str]:
        from nast_core.encoding.showcase import phantom_names  # torch comes along, which words need not

        return list(phantom_names(condition, present=present))

    def findings(self, image: str) -> str:
        phantom = phantom_of(image)
        if phantom is None:
            return ""
        said = (
            " ".join(filter(None, (one.severity, one.side, one.zone, one.condition.lower())))
            for one in phantom.findings
        )
        return ", ".join(said) or "no finding"

    def looked_at(self) -> Split:
        return "validation"

    def training(self, seed: int = 0) -> list[Example]:
        return phantom_training(TRAINING, seed)

    def watched(self, seed: int = 0) -> list[Item]:
        return phantom_questions(seed)

    def lacks(self) -> list[str]:
        having = round(PREVALENCE * sum(map(len, SEEDS.values())))  # of all phantoms, each a patient
        return too_few({name: having if name in CONDITIONS else 0 for name in chest().conditions})


def phantom_training(studies: int, seed: int, manner: Manner = SPOKEN) -> list[Example]:
    """Statements of drawn patients, in the demo world's own cues where nothing else is asked for: ``studies`` to learn
    from, an eighth as many to choose by."""
    people = [
        *phantom_studies(studies, split="train", seed=seed),
        *phantom_studies(max(100, studies // 8), split="validation", seed=seed),
    ]
    return build_examples(people, seed=seed, manner=manner).examples


def phantom_questions(seed: int) -> list[Item]:
    """Questions on validation phantoms, with cues that training has and with others."""
    seen = phantom_items(WATCHED, seed=seed, split="validation", denials=SEEN_DENIALS)
    unseen = phantom_items(WATCHED, seed=_OTHER + seed, split="validation", denials=UNSEEN_DENIALS)
    return [*seen, *unseen]
