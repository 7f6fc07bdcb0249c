"""A vocabulary of 200 conditions: loaded, and read by, against CheXpert's 13.
Times are of the processor, on one core."""

import time
from itertools import product

from nast_core.claims.openi import read_reports
from nast_core.negation.lexicon import Lexicon
from nast_core.negation.parser import _mentions, parse
from nast_core.negation.words import plain
from nast_core.terms.check import check
from nast_core.vocabulary.file import parse_vocabulary, vocabulary_text
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest

CONDITIONS = 200
_HEADS = (
    "opacity",
    "effusion",
    "nodule",
    "calcification",
    "thickening",
    "dilatation",
    "fracture",
    "mass",
    "cyst",
    "edema",
)
_PLACES = (
    "apical", "basal", "hilar", "left", "right", "upper lobe", "lower lobe", "pleural", "cardiac", "rib", "aortic",
    "azygos", "bronchial", "tracheal", "septal", "retrocardiac", "paraspinal", "diaphragmatic", "gastric", "thoracic",
)  # fmt: skip


def large() -> Vocabulary:
    """The 13 as they are, and so many more conditions in the words of real ones that sentences are full of their
    beginnings: three phrases, two equivalents and a pattern each."""
    plain_13 = chest().model_dump(by_alias=True)
    entries, taken = dict(plain_13["conditions"]), {n.text for entry in chest().entries.values() for n in entry.nouns}
    for place, head in product(_PLACES, _HEADS):
        if f"{place} {head}" in taken or len(entries) == CONDITIONS:
            continue
        entries[f"{place} {head}".capitalize()] = {
            "nouns": [["", f"{place} {head}", "is"]],
            "names": {
                "phrases": [f"{head} of the {place} region", f"{place} sided {head}"],
                "patterns": [rf"(small|large) (\w+ )?{head} at the {place} (region|zone)s?"],
            },
            "equivalents": [f"normal {place} contour for {head}", f"regular {place} outline as to {head}"],
        }
    return Vocabulary.model_validate(plain_13 | {"name": "large", "conditions": entries})


def _seconds(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def two_hundred_conditions() -> list[tuple[str, str, str]]:
    vocabulary = large()
    assert len(vocabulary.conditions) == CONDITIONS
    text = vocabulary_text(vocabulary)
    loaded = _seconds(lambda: Lexicon(parse_vocabulary(text)))
    reports = [report.text for report in read_reports(None)[0]]
    sentences = [plain(one) for report in reports[:1000] for one in report.replace("\n", " ").split(". ")]

    def read(words: Vocabulary) -> float:
        list(_mentions("warm up", words))
        return min(_seconds(lambda: [list(_mentions(one, words)) for one in sentences]) for _ in range(2))

    small, many = read(chest()), read(vocabulary)
    whole = _seconds(lambda: [parse(report) for report in reports])
    whole_large = _seconds(lambda: [parse(report, vocabulary) for report in reports])
    read_back = _seconds(lambda: check(vocabulary))
    each = 1e6 / len(sentences)
    return [
        (f"a file of {CONDITIONS} conditions, loaded, checked and made ready", f"{loaded:.1f} s", "at most 20 s"),
        ("every phrase of it read back ('nast vocabulary check')", f"{read_back:.1f} s", "at most 20 s"),
        (
            f"a sentence of Open-i, read by {CONDITIONS} conditions",
            f"{many * each:.0f} µs, {many / small:.2f} times that of 13",
            "at most 3 times",
        ),
        (f"Open-i, {len(reports):,} reports, read by 13", f"{whole:.1f} s", "under 30 s"),
        (f"the same by {CONDITIONS}", f"{whole_large:.1f} s", "under 30 s"),
    ]
