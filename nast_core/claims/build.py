"""From studies and what is known of them to a file of examples. Source: ours."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from nast_core.claims.anatomy import SEVERITIES, Anatomy, anatomy
from nast_core.claims.claim import Claim, Example, Kind
from nast_core.claims.manner import Manner
from nast_core.claims.statements import Pair, location_pair, polarity_pair, severity_pair
from nast_core.claims.study import Study
from nast_core.claims.truth import holds
from nast_core.claims.wording import Voice
from nast_core.data.studies import split_of
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

_OF_A_KIND = 3  # polarity examples of present findings, and of absences, of a phantom
_SHARES = {"laterality": 0.3, "zone": 0.15, "severity": 0.15}  # how often a statement of polarity says so
_SIDES = ("left", "right")


@dataclass
class Built:
    """The examples, and what was left out on the way."""

    examples: list[Example]
    notes: Counter = field(default_factory=Counter)


def build_examples(
    studies: Iterable[Study],
    *,
    seed: int = 0,
    balanced: bool = True,
    manner: Manner | None = None,
    vocabulary: Vocabulary | None = None,
) -> Built:
    """Every study's examples, in the studies' order; equal seeds give equal examples.

    ``manner``: how they are said; by default with all of the grammar's cues, the held-out ones where a study is not
    trained on.

    ``balanced``: of each split and finding, as many pairs are true one way round as the other (present against absent,
    left against right, small against large), and no pair has its only denial in the contradiction. Reports deny most
    findings nearly always and call most effusions small: without balance, most of their pairs are ranked rightly by
    wording alone. The surplus is set aside at random and counted.
    """
    examples: list[Example] = []
    vocabulary, manner = given(vocabulary), manner or Manner()
    for study in studies:
        rng = np.random.default_rng([seed, crc32(study.study_id.encode())])
        split = study.split or split_of(study.patient_id)
        seen: set[str] = set()
        for claim, (true, false) in _pairs(study, Voice(split, rng, study.drawn, manner, vocabulary)):
            if true.text in seen:
                continue
            seen.add(true.text)
            examples.append(
                Example(
                    study_id=study.study_id,
                    patient_id=study.patient_id,
                    image=study.image,
                    split=split,
                    claim=true.claim.model_copy(update={"sentence": claim.sentence, "span": claim.span}),
                    text=true.text,
                    cue=true.cue,
                    contradictions=(false,),
                )
            )
    built = Built(examples)
    return _balance(built, np.random.default_rng(seed)) if balanced else built


def _pairs(study: Study, voice: Voice) -> Iterator[tuple[Claim, Pair]]:
    """(source, pair): statements of polarity, then of place and grade of what is present."""
    facts = study.claims
    for claim in _propositions(study, voice):
        yield claim, polarity_pair(claim, voice)
    for fact in facts:
        if fact.polarity == "present":
            for make in (location_pair, severity_pair):
                if pair := make(fact, facts, voice):
                    yield fact, pair


def _propositions(study: Study, voice: Voice) -> Iterator[Claim]:
    """True claims whose polarity is at stake."""
    rng, can = voice.rng, anatomy(voice.vocabulary)
    if not study.drawn:
        yield from (_in_part(fact, rng, can) for fact in study.claims)
        return
    present = [fact for fact in study.claims if fact.polarity == "present"]
    for place in rng.permutation(len(present))[:_OF_A_KIND]:
        yield _in_part(present[place], rng, can)
    imagined = (_imagined(fact.finding, rng, can) for fact in study.claims)
    denied = [claim for claim in imagined if holds(claim, study.claims, voice.vocabulary) is False]
    for place in rng.permutation(len(denied))[:_OF_A_KIND]:
        yield denied[place].model_copy(update={"polarity": "absent"})


def _in_part(fact: Claim, rng: np.random.Generator, anatomies: Mapping[str, Anatomy]) -> Claim:
    """The fact with only some of its attributes said. What is denied as a whole is denied in any part: "no left
    effusion" where there is none. What is denied in part stays so: "no large effusion" is not "no effusion"."""
    attributes = {name: getattr(fact, name) for name in _SHARES}
    if fact.polarity == "present":
        some = {name: value if rng.random() < _SHARES[name] else None for name, value in attributes.items()}
        return fact.model_copy(update={**some, "only": False})
    if any(attributes.values()):
        return fact
    part = _imagined(fact.finding, rng, anatomies)
    return part.model_copy(update={"polarity": "absent", "sentence": fact.sentence, "span": fact.span})


def _imagined(finding: str, rng: np.random.Generator, anatomies: Mapping[str, Anatomy]) -> Claim:
    """A presence with attributes drawn as they are told, to see whether it is false."""
    can, has = anatomies[finding], {name: rng.random() < share for name, share in _SHARES.items()}
    return Claim.model_validate(
        {
            "finding": finding,
            "polarity": "present",
            "laterality": _SIDES[rng.integers(2)] if can.sided and has["laterality"] else None,
            "zone": can.zones[rng.integers(len(can.zones))] if can.zones and has["zone"] else None,
            "severity": SEVERITIES[rng.integers(3)] if can.grades and has["severity"] else None,
        }
    )


def _balance(built: Built, rng: np.random.Generator) -> Built:
    rows: list[int] = []
    turned: dict[tuple, dict[tuple, list[int]]] = {}
    for i, example in enumerate(built.examples):
        (other,) = example.contradictions
        if other.kind != "polarity" and (example.cue is None) != (other.cue is None):
            built.notes["pairs set aside: only the contradiction denies something"] += 1
            continue
        assert other.claim is not None  # as statements.py makes them
        true, false = (_at_stake(claim, other.kind) for claim in (example.claim, other.claim))
        key = example.split, example.claim.finding, other.kind, *sorted([true, false])
        turned.setdefault(key, {true: [], false: []})[true].append(i)
    for (*_, kind, _, _), ways in turned.items():
        least = min(map(len, ways.values()))
        for places in ways.values():
            rows += rng.permutation(places)[:least].tolist()
            if len(places) > least:
                built.notes[f"pairs set aside: {kind}, more often true one way round"] += len(places) - least
    return Built([built.examples[i] for i in sorted(rows)], built.notes)


def _at_stake(claim: Claim, kind: Kind) -> tuple[str, ...]:
    """What a pair of that kind turns round."""
    attributes = tuple(getattr(claim, name) for name in _SHARES)
    own = {
        "polarity": (claim.polarity, *attributes),
        "severity": (claim.severity,),
        "location": (claim.laterality, claim.zone),
    }
    return tuple(value or "" for value in own[kind])


def counts(examples: Sequence[Example]) -> Counter:
    """Examples by split and kind."""
    return Counter(
        (example.split, contradiction.kind) for example in examples for contradiction in example.contradictions
    )
