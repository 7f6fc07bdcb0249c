"""How wording is read: by hand for a made-up model, against a plain loop, and the words themselves against the
parser."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from nast_core.benchmark.grammar import grammar
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.negated_prompts import negated_prompt_auroc
from nast_core.claims.way_groups import (
    AFFIRMED,
    CONTRAST,
    FALSE_DENIAL,
    HELD_OUT,
    NEVER,
    PSEUDO,
    TAUGHT,
    UNSEEN,
    WAY_GROUPS,
)
from nast_core.claims.ways import TAUGHT_HERE, Way, ways
from nast_core.claims.wording import CONTRAST_CUES
from nast_core.claims.wording_figures import taught_cues, wording_changes, wording_figures, wording_texts
from nast_core.claims.wording_of_items import known_of, wording_of_items
from nast_core.data.phantom import sample_phantom
from nast_core.dataset.phantom_world import phantom_training
from nast_core.demo.captions import caption
from nast_core.negation.lexicon import denying_cues
from nast_core.negation.parser import parse
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.vocabulary.shipped import chest

pytestmark = pytest.mark.slow
NAN = float("nan")
CONDITIONS = ["Edema", "Fracture"]
AMOUNT = torch.linspace(0, 1, 20)
IMAGES = torch.stack([AMOUNT, 1 - AMOUNT], dim=1)
PRESENCE = np.where(np.arange(20) >= 10, 1.0, 0.0)[:, None].repeat(2, 1)
PATIENTS = [f"p{i}" for i in range(20)]


class Reads:
    """Each image says how much there is, and ``reading`` how a text is taken: 1 affirms, -1 denies."""

    def __init__(self, reading, taught=None):
        self.reading = reading
        self.card = SimpleNamespace(taught=taught)

    def encode_texts(self, texts, *, progress=None):
        return torch.tensor([[float(self.reading(text)), 0.0] for text in texts])

    def score(self, texts, images):
        return texts @ images.T


def found(reading, presence=PRESENCE, **options):
    return wording_figures(Reads(reading), IMAGES, presence, PATIENTS, CONDITIONS, resamples=50, **options)


def groups(figures) -> dict[str, float]:
    table = figures.groups()
    return table[(table.side == "both") & (table.condition == "macro")].set_index("group").value.to_dict()


def everything_denied(text: str) -> float:
    return -1.0


def only_no(text: str) -> float:
    """Takes a text for a denial where it has the word "no", and for nothing else."""
    return -1.0 if re.search(r"\bno\b", text.lower()) else 1.0


def test_a_tower_that_takes_every_text_for_a_denial_has_all_denials_and_no_affirmation():
    assert groups(found(everything_denied)) == {
        TAUGHT: 1,
        CONTRAST: 1,
        HELD_OUT: 1,
        NEVER: 1,
        FALSE_DENIAL: 0,
        PSEUDO: 0,
    }


def test_a_tower_that_hears_no_cue_has_no_denial_and_every_affirmation():
    assert groups(found(lambda text: 1.0)) == {
        TAUGHT: 0,
        CONTRAST: 0,
        HELD_OUT: 0,
        NEVER: 0,
        FALSE_DENIAL: 1,
        PSEUDO: 1,
    }


def test_a_tower_that_hears_only_no_by_hand():
    figures = found(only_no)
    # taught: "no", "no evidence of", "no sign of" of five with "without" and "absence of"; never: no signs of, no
    # indication of, of 22; pseudo: no change in, no doubt about, of 7
    by_group = groups(figures)
    assert by_group[TAUGHT] == pytest.approx(3 / 5)
    assert by_group[HELD_OUT] == 0
    assert by_group[NEVER] == pytest.approx(2 / 22)
    assert by_group[FALSE_DENIAL] == 1
    assert by_group[PSEUDO] == pytest.approx(5 / 7)
    wordings = figures.wordings(["macro"]).set_index("wording")
    assert (wordings.value["no"], wordings.value["absent"], wordings.value["no change in"]) == (1, 0, 0)
    assert (wordings.side["no"], wordings.side["absent"], wordings.side["free of"]) == ("before", "behind", "before")
    assert wordings.n["no"] == 20


def test_a_mean_over_a_side_is_over_the_cues_of_that_side():
    def behind(text: str) -> float:
        return -1.0 if text.endswith(("absent.", "not seen.")) else 1.0

    table = found(behind).groups()
    table = table[table.condition == "macro"].set_index(["group", "side"])
    assert table.value[HELD_OUT, "behind"] == 1
    assert table.value[HELD_OUT, "before"] == 0
    assert table.value[HELD_OUT, "both"] == 0.5
    assert table.ways[HELD_OUT, "both"] == 4


def test_what_a_model_was_taught_decides_the_group_of_a_cue_and_of_a_frame():
    assert taught_cues(Reads(only_no)) == TAUGHT_HERE
    assert taught_cues(Reads(only_no, frozenset({"free of"})), Reads(only_no, frozenset({"no"}))) == {"free of", "no"}
    figures = wording_figures(
        Reads(everything_denied, frozenset({"free of"})), IMAGES, PRESENCE, PATIENTS, CONDITIONS, resamples=10
    )
    by_cue = figures.wordings(["macro"]).set_index("wording").group
    assert (by_cue["free of"], by_cue["absent"], by_cue["no"], by_cue["not"]) == (TAUGHT, HELD_OUT, NEVER, CONTRAST)
    framed = found(everything_denied, taught={"no", "presence of"}).wordings(["macro"]).set_index("wording").group
    assert (framed["presence of"], framed["known"]) == (AFFIRMED, FALSE_DENIAL)


def noisy(seed: int):
    """A model whose texts and images are noise, and labels of which some are unknown."""
    rng = np.random.default_rng(seed)
    texts = wording_texts(CONDITIONS)
    vectors = dict(zip(texts, torch.from_numpy(rng.normal(size=(len(texts), 3))).float(), strict=True))
    images = torch.from_numpy(rng.normal(size=(30, 3))).float()
    presence = rng.integers(2, size=(30, 2)).astype(float)
    presence[:4, 1] = NAN
    return vectors, images, presence


def test_figures_are_those_of_a_plain_loop():
    vectors, images, presence = noisy(0)
    patients = [f"p{i // 2}" for i in range(30)]
    figures = wording_figures(
        Reads(only_no), images, presence, patients, CONDITIONS, taught={"no"}, texts=vectors, resamples=20, seed=3
    )

    def area(way, condition: str, rows) -> float:
        column = CONDITIONS.index(condition)
        texts = ways(condition)[way].towards
        score = np.mean([[float(vectors[text] @ images[row]) for row in rows] for text in texts], 0)
        truth = np.array([presence[row, column] for row in rows])
        truth = 1 - truth if way.says == "denial" else truth
        known = ~np.isnan(truth)
        return roc_auc_score(truth[known], score[known])

    every = list(ways("Edema"))
    means = {way: np.mean([area(way, condition, range(30)) for condition in CONDITIONS]) for way in every}
    macro = figures.wordings(["macro"]).set_index("wording")
    assert len(macro) == len(every) == 51
    for way in every:
        assert macro.value[way.name] == pytest.approx(means[way], abs=1e-6)
    held_out = [way for way in every if way.name in HELD_OUT_CUES]
    assert groups(figures)[HELD_OUT] == pytest.approx(np.mean([means[way] for way in held_out]), abs=1e-6)

    # the interval: patients drawn, their images side by side
    rng, names = np.random.default_rng(3), sorted(set(patients))
    drawn = rng.integers(len(names), size=(20, len(names)), dtype=np.int32)
    laid = [[i for place in row for i in range(30) if patients[i] == names[place]] for row in drawn]
    absent = next(way for way in every if way.name == "absent")
    resampled = [np.mean([area(absent, condition, rows) for condition in CONDITIONS]) for rows in laid]
    low, high = np.percentile(resampled, [2.5, 97.5])
    assert (macro.low["absent"], macro.high["absent"]) == pytest.approx((low, high), abs=1e-6)


def test_the_mean_over_held_out_cues_is_that_of_the_negated_prompts():
    vectors, images, presence = noisy(1)

    class Known(Reads):
        def encode_texts(self, texts, *, progress=None):
            return torch.stack([vectors.get(text, torch.ones(3)) for text in texts])

    patients = [f"p{i}" for i in range(30)]
    prompts = negated_prompt_auroc(Known(only_no), images, presence, patients, CONDITIONS, resamples=20).summary()
    table = wording_figures(Known(only_no), images, presence, patients, CONDITIONS, resamples=20).groups()
    both = table[table.side == "both"].set_index(["group", "condition"])
    for ours, theirs in ((HELD_OUT, "unseen cues"), (TAUGHT, "seen cues")):
        for condition in ("macro", *CONDITIONS):
            for name in ("value", "low", "high", "n"):
                expected = prompts[theirs][condition][name]
                assert both.loc[(ours, condition), name] == pytest.approx(expected, abs=1e-6)


def test_a_change_is_paired_and_what_either_was_taught_counts_for_both():
    a, b = found(lambda text: 1.0, taught={"no"}), found(everything_denied, taught={"no", "free of"})
    table = wording_changes(a, b).set_index(["group", "wording"])
    assert (table.a[TAUGHT, "free of"], table.b[TAUGHT, "free of"], table.change[TAUGHT, "free of"]) == (0, 1, 1)
    assert table.change[FALSE_DENIAL, "mean"].tolist() == [-1, -1, -1]  # both sides of the noun, and each
    same = wording_changes(a, a)
    assert (same.change == 0).all()
    assert (same.low == 0).all()


def test_a_condition_that_all_images_have_tells_nothing_and_is_left_out_of_means():
    presence = PRESENCE.copy()
    presence[:, 1] = 1
    figures = found(everything_denied, presence)
    table = figures.wordings().set_index(["wording", "condition"])
    assert np.isnan(table.value["absent", "Fracture"])
    assert table.value["absent", "macro"] == table.value["absent", "Edema"] == 1
    summary = figures.summary()
    assert summary["wordings"]["absent"] == {
        "value": 1, "low": 1, "high": 1, "n": 20, "group": HELD_OUT, "side": "behind",
    }  # fmt: skip
    assert summary["groups"][FALSE_DENIAL]["value"] == 0
    assert summary["groups"][FALSE_DENIAL]["sides"].keys() == {"before", "behind"}


def test_without_a_condition_there_are_no_figures_and_no_error():
    figures = wording_figures(Reads(only_no), IMAGES, PRESENCE[:, :0], PATIENTS, [], resamples=10)
    assert figures.table().empty
    assert figures.summary()["groups"] == {}
    assert wording_changes(figures, figures).empty


def test_of_a_benchmarks_images_is_known_what_their_right_options_say():
    items = phantom_items(60, seed=1)
    known = known_of(items, chest())
    assert len(known.images) == len(set(known.images)) == len({item.image for item in items})
    for item in items:
        row = known.images.index(item.image)
        assert known.patients[row] == item.patient_id
        for condition, state in zip(item.conditions, item.assignments[item.answer_index], strict=True):
            if condition in known.conditions:
                assert known.presence[row, known.conditions.index(condition)] == state
    assert np.isnan(known.presence).mean() > 0.5  # of most conditions no question asks
    assert known.conditions
    for column in known.presence.T:
        assert min((column == 1).sum(), (column == 0).sum()) >= 5
    assert known_of(items[:4], chest()).conditions == ()

    dim = len(known.images)
    vectors = dict(zip(known.images, torch.eye(dim), strict=True))
    truth = torch.from_numpy(np.nan_to_num(known.presence, nan=0.5)).float()

    class Knows(Reads):
        """Says of a text how present its condition is in each image, and hears no cue."""

        def encode_texts(self, texts, *, progress=None):
            column = {text: place for place, name in enumerate(known.conditions) for text in wording_texts([name])}
            return torch.stack([truth[:, column[text]] for text in texts])

    found = wording_of_items(Knows(only_no), known, vectors, {}, chest())
    assert groups(found) == {TAUGHT: 0, CONTRAST: 0, HELD_OUT: 0, NEVER: 0, FALSE_DENIAL: 1, PSEUDO: 1}
    del vectors[known.images[0]]  # one that could not be read
    assert wording_of_items(Knows(only_no), known, vectors, {}, chest()).images == dim - 1


# the words


@pytest.mark.parametrize("condition", chest().conditions)
def test_every_text_says_to_the_parser_what_its_way_says(condition):
    for way, prompt in ways(condition).items():
        for text in prompt.towards:
            states = {mention.state for mention in parse(text) if condition in mention.conditions}
            if way.denies:
                assert states == {"absent"}, text
            elif way.says == "affirmation":
                assert states == {"present"}, text
            else:
                assert states in ({"present"}, {"uncertain"}), text


def test_ways_are_the_same_for_every_condition_and_have_names_of_their_own():
    every = {tuple(ways(condition)) for condition in chest().conditions}
    assert len(every) == 1
    names = [way.name for way in next(iter(every))]
    assert len(names) == len(set(names))
    assert {way.group(TAUGHT_HERE) for way in next(iter(every))} == set(WAY_GROUPS) - {AFFIRMED}


def test_no_training_text_has_a_frame_of_false_denial_or_a_cue_that_is_not_taught():
    rng = np.random.default_rng(0)
    texts = [text for one in phantom_training(60, 0) if one.split == "train" for text in
             (one.text, *(other.text for other in one.contradictions))]  # fmt: skip
    texts += [caption(sample_phantom(i), rng, negated_share=0.3) for i in range(2000)]
    together = "\n".join(texts).lower()
    for frame in [one.frame for one in grammar().affirming]:
        assert not re.search(rf"\b{frame}\b", together), frame
    for cue in [way.name for way in ways("Edema") if way.group(TAUGHT_HERE) in UNSEEN]:
        assert not re.search(rf"\b{cue}\b", together), cue
    assert {cue.text for text in texts for cue in denying_cues(text)} == TAUGHT_HERE | CONTRAST_CUES
    assert re.search(r"\bno\b", together)  # the search can find


def test_a_way_that_stands_on_neither_record_is_never_taught():
    assert Way("denial", "devoid of", "before").group({"no"}) == NEVER
