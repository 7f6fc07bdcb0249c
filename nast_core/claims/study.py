"""A study and what is known of it: what every source gives, and what examples are built from."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from nast_core.claims.anatomy import anatomy
from nast_core.claims.claim import Claim
from nast_core.data.studies import Split
from nast_core.vocabulary.model import Vocabulary


@dataclass(frozen=True)
class Study:
    """A study and what is known of it."""

    study_id: str
    patient_id: str
    claims: tuple[Claim, ...]
    image: str | None = None
    split: Split | None = None  # None: told from the patient's name
    drawn: bool = False  # a phantom: everything is known of it, in the words of its drawing


@dataclass
class Source:
    """The studies of a source, and what was left out on the way, by reason."""

    name: str
    studies: list[Study]
    licence: str
    notes: Counter = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)  # file -> why it could not be read
    sections: Counter = field(default_factory=Counter)  # what was read of a report -> reports


def consistent(
    claims: Iterable[Claim], notes: Counter | None = None, vocabulary: Vocabulary | None = None
) -> tuple[Claim, ...]:
    """A report's claims without repetitions, and without the findings it both states and denies as a whole.

    A claim that another says more exactly is dropped. What has no sides has no second one: it gets ``only``. Findings
    dropped are counted in ``notes``.
    """
    agreeing: list[Claim] = []
    can = anatomy(vocabulary)
    by_finding: dict[str, list[Claim]] = {}
    for claim in claims:
        by_finding.setdefault(claim.finding, []).append(claim)
    for finding, of_finding in by_finding.items():
        present = [c for c in of_finding if c.polarity == "present"]
        absent = [c for c in of_finding if c.polarity == "absent"]
        if present and any(_denies(a, p) for a in absent for p in present):
            if notes is not None:
                notes["findings both stated and denied"] += 1
            continue
        exact = _most_exact(present) + _most_general(absent)
        if not can[finding].sided and len(present) and len({c.severity for c in _most_exact(present)}) == 1:
            exact = [c.model_copy(update={"only": True}) if c.polarity == "present" else c for c in exact]
        agreeing += exact
    return tuple(agreeing)


def _denies(absent: Claim, present: Claim) -> bool:
    """Whether a denial touches a presence: all that it denies is open or equal in what is present."""
    return all(getattr(absent, name) in (None, getattr(present, name)) for name in ("laterality", "zone", "severity"))


def _attributes(claim: Claim) -> set[tuple[str, str]]:
    names = ("laterality", "zone", "severity")
    return {(name, value) for name in names if (value := getattr(claim, name)) is not None}


def _most_exact(claims: list[Claim]) -> list[Claim]:
    exact: list[Claim] = []
    for claim in sorted(claims, key=lambda c: -len(_attributes(c))):  # stable: equal ones in reading order
        if not any(_attributes(claim) <= _attributes(other) for other in exact):
            exact.append(claim)
    return exact


def _most_general(claims: list[Claim]) -> list[Claim]:
    general: list[Claim] = []
    for claim in sorted(claims, key=lambda c: len(_attributes(c))):
        if not any(_attributes(other) <= _attributes(claim) for other in general):
            general.append(claim)
    return general
