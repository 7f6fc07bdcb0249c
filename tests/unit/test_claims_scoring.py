"""Claim ranking, retrieval, negated prompts and alignment: by hand on a judge whose vectors are written down."""

import json
from math import isnan

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score
from torch.nn import functional as F

from nast_core.claims.alignment import compare_alignment, measure_alignment, zero_shot
from nast_core.claims.build import build_examples
from nast_core.claims.claim import Claim, Contradiction, Example
from nast_core.claims.evidence import evidence, without
from nast_core.claims.negated_prompts import GROUPS, negated_prompt_auroc
from nast_core.claims.phantom import phantom_studies
from nast_core.claims.prompts import denial_prompt, denial_prompts_by_cue, presence_prompt, prompt_scores
from nast_core.claims.ranking import by_column, by_kind, rank_claims, statement_texts, summarise_ranking
from nast_core.claims.retrieval import rank_quality, retrieve, summarise_retrieval
from nast_core.claims.run import run_claims, score_claims, write_results
from nast_core.encoding.cache import encode_distinct
from nast_core.encoding.images import phantom_of
from nast_core.errors import BenchmarkError, DataError
from nast_core.models.encoder import Card
from nast_core.negation.phrases import HELD_OUT_CUES

pytestmark = pytest.mark.slow  # whole measures

NAN = float("nan")


class Judge:
    """Stands in for a model: every text's vector is written down, or else given by its words."""

    def __init__(self, vectors=None, dim=2):
        self.vectors, self.dim, self.asked = vectors, dim, []

    def encode_texts(self, texts, *, progress=None):
        self.asked += texts
        return torch.stack([self._vector(text) for text in texts])

    def _vector(self, text):
        if self.vectors is not None:
            return torch.tensor(self.vectors[text]).float()
        seed = sum(map(ord, text))
        return F.normalize(torch.randn(self.dim, generator=torch.Generator().manual_seed(seed)), dim=0)

    def score(self, texts, images):
        return texts @ images.T * 10

    def score_each(self, texts, images):
        return (texts * images).sum(-1) * 10


def example(text, false, *, kind="polarity", cue=None, false_cue=None, image="x", patient="p1", **claim) -> Example:
    said = Claim(finding="Edema", polarity="present", **claim)
    wrong = Contradiction(text=false, kind=kind, cue=false_cue)
    return Example(
        study_id=f"s{image}", patient_id=patient, image=image, split="test", claim=said, text=text, cue=cue,
        contradictions=(wrong,),
    )  # fmt: skip


IMAGES = {"x": torch.tensor([1.0, 0.0]), "y": torch.tensor([0.0, 1.0])}
VECTORS = {  # score with x and with y, over ten
    "edema": (0.9, 0.1), "no edema": (0.5, 0.6), "edema is absent": (0.95, 0.2), "left": (0.3, 0.3),
    "right": (0.3, 0.3),
    "small": (0.2, 0.6), "large": (0.7, 0.3),
}  # fmt: skip
EXAMPLES = [
    example("edema", "no edema", false_cue="no"),  # 9 over 5: right
    example("edema", "edema is absent", false_cue="absent"),  # 9 under 9.5: wrong, an unseen cue
    example("no edema", "edema", cue="no", image="y", patient="p2"),  # 6 over 1: right
    example("left", "right", kind="location"),  # a tie: wrong
    example("small", "large", kind="severity", image="y", patient="p2"),  # 6 over 3: right; blind, 8 under 10: wrong
    example("edema", "no edema", false_cue="no", image="lost.png", patient="p3"),
]


@pytest.fixture(scope="module")
def ranked() -> pd.DataFrame:
    return rank_claims(Judge(VECTORS), EXAMPLES, IMAGES)


def test_a_pair_is_right_where_the_true_statement_scores_above_and_a_tie_is_wrong(ranked):
    assert ranked.correct.tolist()[:5] == [1, 0, 1, 0, 1]
    assert ranked.score_true.tolist()[:2] == pytest.approx([9, 9])
    assert ranked.score_false.tolist()[:2] == pytest.approx([5, 9.5])
    assert ranked.tie.tolist() == [False, False, False, True, False, False]


def test_a_pair_without_its_image_is_unscored_and_never_wrong(ranked):
    assert ranked[["score_true", "score_false", "correct", "blind_true", "blind_correct"]].iloc[5].isna().all()
    assert summarise_ranking(ranked)["unscored"] == 1


def test_blind_scores_use_the_mean_image(ranked):
    mean = F.normalize(torch.tensor([0.5, 0.5]), dim=0)
    assert ranked.blind_true[0] == pytest.approx(10 * float(torch.tensor(VECTORS["edema"]) @ mean))
    assert ranked.blind_correct.tolist()[:5] == [0, 0, 1, 0, 0]


def test_every_text_is_encoded_once():
    judge = Judge(VECTORS)
    rank_claims(judge, EXAMPLES, IMAGES)
    assert len(judge.asked) == len(set(judge.asked)) == len(statement_texts(EXAMPLES)) == 7


def test_kinds_and_seen_and_unseen_cues_are_scored_apart(ranked):
    found = summarise_ranking(ranked)
    accuracy = {
        k: {c: found[k][c]["accuracy"] for c in ("all", "seen", "unseen", "none")}
        for k in ("polarity", "location", "severity")
    }
    assert accuracy["polarity"]["all"]["value"] == pytest.approx(2 / 3)
    assert (accuracy["polarity"]["seen"]["value"], accuracy["polarity"]["seen"]["n"]) == (1, 2)
    assert (accuracy["polarity"]["unseen"]["value"], accuracy["polarity"]["unseen"]["n"]) == (0, 1)
    assert (accuracy["location"]["none"]["value"], accuracy["severity"]["none"]["value"]) == (0, 1)
    assert isnan(accuracy["location"]["seen"]["value"])
    assert accuracy["location"]["seen"]["n"] == 0
    assert found["ties"] == 1
    assert found["pairs"] == 6


def test_auc_compares_every_statement_with_every_contradiction(ranked):
    truth, scores = [1, 1, 1, 0, 0, 0], [9, 9, 6, 5, 9.5, 1]  # polarity: all but the three with 9.5 are right
    found = summarise_ranking(ranked)["polarity"]["all"]["auc"]
    assert found["value"] == pytest.approx(roc_auc_score(truth, scores)) == pytest.approx(6 / 9)
    assert found["n"] == 3


def test_patients_are_resampled_and_not_pairs():
    """Four pairs of one patient, all right, and one of another, wrong: half of the resamples hold both."""
    pairs = [example("edema", "no edema", patient="a") for _ in range(4)] + [example("no edema", "edema", patient="b")]
    found = summarise_ranking(rank_claims(Judge(VECTORS), pairs, IMAGES))["polarity"]["all"]["accuracy"]
    assert (found["value"], found["low"], found["high"]) == (0.8, 0, 1)


def test_figures_by_finding_and_cue(ranked):
    table = by_column(ranked, "cue").set_index(["kind", "cue"])
    assert table.value[("polarity", "no")] == 1
    assert table.value[("polarity", "absent")] == 0
    assert by_column(ranked, "finding").set_index("kind").n.to_dict() == {"polarity": 3, "location": 1, "severity": 1}


# retrieval


def test_recall_and_average_precision_by_hand():
    scores = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]] * 5)
    relevant = np.array(
        [
            [0, 1, 0, 1, 0, 0],  # second and fourth: (1/2 + 2/4) / 2
            [1, 0, 0, 0, 0, 1],  # first and sixth: (1 + 2/6) / 2
            [0, 0, 0, 0, 0, 0],  # nothing to find
            [-1, -1, 0, 1, 1, -1],  # the unknown stay out: 0, 1, 1
            [1, -1, 1, 1, 1, 1],  # nothing else to find
        ]
    )
    found = rank_quality(scores, relevant)
    assert found["R@1"].tolist() == pytest.approx([0, 1, NAN, 0, NAN], nan_ok=True)
    assert found["R@5"].tolist() == pytest.approx([1, 1, NAN, 1, NAN], nan_ok=True)
    assert found.AP.tolist() == pytest.approx([0.5, 2 / 3, NAN, (1 / 2 + 2 / 3) / 2, NAN], nan_ok=True)
    assert found.chance.tolist() == pytest.approx([1 / 3, 1 / 3, NAN, 2 / 3, NAN], nan_ok=True)


def test_a_tie_goes_against_the_model():
    assert rank_quality(np.array([[0.5, 0.5]]), np.array([[1, 0]]))["R@1"].tolist() == [0]


def test_average_precision_equals_scikit_learns_where_nothing_ties():
    rng = np.random.default_rng(0)
    scores, relevant = rng.random((300, 40)), rng.integers(-1, 2, size=(300, 40))
    found = rank_quality(scores, relevant)
    for row in range(300):
        known = relevant[row] >= 0
        assert found.AP[row] == pytest.approx(average_precision_score(relevant[row][known], scores[row][known]))
        best = relevant[row][known][np.argsort(-scores[row][known])]
        assert found["R@5"][row] == float(best[:5].any())


def test_both_directions_and_groups_of_cues_by_hand():
    scores = np.array([[3.0, 2, 1], [1, 2, 3], [3, 1, 2], [1, 3, 2]])  # statements with images
    holds = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 1, 1]])
    cues = [None, "no", "absent", None]
    images = pd.DataFrame({"image": ["a", "b", "c"], "patient_id": ["p", "q", "r"]})
    sources = pd.DataFrame({"statement": [0, 1, 2, 3, 3], "study_id": list("vwxyz"), "patient_id": list("pqrst")})
    found = summarise_retrieval(retrieve(scores, holds, cues, sources, images))
    forward = found["images_for_statement"]
    assert forward["affirmative"]["R@1"]["value"] == 1
    assert forward["affirmative"]["R@1"]["n"] == 3  # the fourth statement was said twice
    assert forward["negated"]["R@1"]["value"] == 0
    assert (forward["seen"]["mAP"]["value"], forward["unseen"]["mAP"]["value"]) == (
        pytest.approx(1 / 3), pytest.approx((1 / 2 + 2 / 3) / 2),
    )  # fmt: skip
    back = found["statements_for_image"]
    assert back["affirmative"]["R@1"]["value"] == 1  # a: 3 over 1; b: 3 over 2; c: 2 over 1
    # a's negated candidates: "no" with 1 (holds) under "absent" with 3; b: "no" 2 over "absent" 1 (holds); c: likewise
    assert back["negated"]["R@1"]["value"] == 0
    assert back["unseen"]["R@1"]["n"] == 0  # one candidate is no choice


# prompts


def test_prompts_are_the_conditions_nouns_against_its_normal_phrases():
    prompt = presence_prompt("Cardiomegaly")
    assert prompt.towards == ("There is cardiomegaly.", "There is an enlarged heart.", "There is cardiac enlargement.")
    assert "Normal heart size." in prompt.away
    assert denial_prompt("Support Devices").towards == ("There are no support devices.",)
    by_cue = denial_prompts_by_cue("Edema")
    assert by_cue["absent"].towards == ("Pulmonary edema is absent.",)
    assert by_cue["no"].towards == ("No pulmonary edema.", "There is no pulmonary edema.")


def test_a_prompts_score_is_the_mean_towards_less_the_mean_away():
    prompt = presence_prompt("Edema")
    vectors = dict.fromkeys(prompt.towards, (1.0, 0.0)) | dict.fromkeys(prompt.away, (0.0, 0.5))
    vectors[prompt.towards[0]] = (0.4, 0.0)
    found = prompt_scores(Judge(vectors), torch.stack(list(IMAGES.values())), [prompt])
    share = 10 * (len(prompt.towards) - 0.6) / len(prompt.towards)
    assert found[:, 0].tolist() == pytest.approx([share, -5])


class Reads:
    """A judge of edema: each image says how much there is, and each cue how it is read, 1 as a denial and -1 not at
    all."""

    def __init__(self, reading):
        self.reading = reading

    def encode_texts(self, texts, *, progress=None):
        return torch.tensor([[-float(self.reading(text)), 0.0] for text in texts])

    def score(self, texts, images):
        return texts @ images.T


def muted(text: str) -> float:
    """Reads "no" and its like, and takes the held-out cues for the finding itself."""
    return -1 if any(cue in text.lower() for cue in HELD_OUT_CUES) else 1


def test_negated_prompts_are_near_one_where_the_cue_is_read_and_zero_where_it_is_not():
    amount = torch.linspace(0, 1, 20)
    images = torch.stack([amount, 1 - amount], dim=1)
    presence = np.where(np.arange(20) >= 10, 1.0, 0.0)[:, None]
    found = negated_prompt_auroc(Reads(muted), images, presence, list(map(str, range(20))), ["Edema"]).summary()
    assert list(found) == list(GROUPS)
    macro = {group: rates["macro"] for group, rates in found.items()}
    assert [macro[group]["value"] for group in GROUPS] == [1, 1, 0]
    assert macro["seen cues"]["n"] == 20
    assert found["unseen cues"]["Edema"]["value"] == 0


def test_a_group_of_cues_is_the_mean_over_its_cues_and_macro_the_mean_over_conditions():
    def reading(text: str) -> float:
        return -1 if text.startswith(("Without", "No sign")) or "fracture" in text else 1

    amount = torch.linspace(0, 1, 20)
    presence = np.where(np.arange(20) >= 10, 1.0, 0.0)[:, None].repeat(2, 1)
    presence[:5, 1] = NAN
    found = negated_prompt_auroc(
        Reads(reading), torch.stack([amount, amount], 1), presence, list(map(str, range(20))), ["Edema", "Fracture"]
    )
    seen = found.summary()["seen cues"]
    assert seen["Edema"]["value"] == pytest.approx(3 / 5)  # of no, without, no evidence of, no sign of, absence of
    assert seen["Fracture"]["value"] == 0
    assert seen["Fracture"]["n"] == 15
    assert seen["macro"]["value"] == pytest.approx(seen["Edema"]["value"] / 2)


def test_zero_shot_auroc_equals_scikit_learns_and_leaves_the_unknown_out():
    rng = np.random.default_rng(0)
    images = F.normalize(torch.randn(60, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    presence = rng.integers(2, size=(60, 2)).astype(float)
    presence[:7, 1] = NAN
    judge = Judge(dim=8)
    found = zero_shot(judge, images, presence, list(map(str, range(60))), ["Edema", "Fracture"], resamples=50)
    scores = prompt_scores(judge, images, [presence_prompt("Edema"), presence_prompt("Fracture")])
    expected = [roc_auc_score(presence[:, 0], scores[:, 0]), roc_auc_score(presence[7:, 1], scores[7:, 1])]
    rates = found.rates()
    assert [rates["Edema"].value, rates["Fracture"].value] == pytest.approx(expected)
    assert rates["macro"].value == pytest.approx(np.mean(expected))
    assert (rates["Edema"].n, rates["Fracture"].n) == (60, 53)


# a whole file


def study(number: int, sick: bool) -> list[Example]:
    claim = Claim(finding="Edema", polarity="present" if sick else "absent")
    text, false = ("edema", "no edema") if sick else ("no edema", "edema")
    return [
        Example(
            study_id=f"s{number}", patient_id=f"p{number // 2}", image=f"{number}.png", split="test", claim=claim,
            text=text, cue=None if sick else "no",
            contradictions=(Contradiction(text=false, kind="polarity", cue="no" if sick else None),),
        )
    ]  # fmt: skip


FILE = [line for number in range(24) for line in study(number, number % 2 == 0)]
SEEN = {f"{n}.png": F.normalize(torch.tensor([1.0, n % 2 + n / 100]), dim=0) for n in range(24)}


def test_evidence_knows_what_is_in_which_image():
    asked = evidence(FILE)
    assert asked.split == "test"
    assert asked.conditions == ["Edema"]
    assert asked.presence_of(["Edema"])[:4, 0].tolist() == [1, 0, 1, 0]
    assert np.isnan(asked.presence).all(0).sum() == 12  # of the other conditions nothing is known
    gallery = asked.gallery()
    assert gallery.statements == ("edema", "no edema")
    assert gallery.holds[:, :4].tolist() == [[1, 0, 1, 0], [0, 1, 0, 1]]
    assert gallery.sources.statement.tolist() == [0, 1] * 12


def test_a_gallery_is_drawn_where_images_are_many(monkeypatch):
    monkeypatch.setattr("nast_core.claims.evidence.MOST_IMAGES", 10)
    first, again = evidence(FILE).gallery(1), evidence(FILE).gallery(1)
    assert len(first.images) == 10
    assert first.images.equals(again.images)
    assert len(first.sources) == 10


def test_the_split_is_test_where_there_is_one_and_the_whole_file_where_not():
    train = [line.model_copy(update={"split": "train"}) for line in FILE]
    assert evidence(train).split == "all"
    assert len(evidence([*train[:12], *FILE[12:]]).images) == 12
    with pytest.raises(DataError, match="no line of the claims is of split 'validation'; it has test"):
        evidence(FILE, "validation")


def test_lines_without_an_image_are_counted_and_a_file_of_none_but_those_refused():
    bare = [line.model_copy(update={"image": None}) for line in FILE]
    assert evidence([*FILE[:12], *bare[12:]]).imageless == 12
    with pytest.raises(DataError, match="none of the 24 claims names an image"):
        evidence(bare)
    twice = [*FILE, FILE[0].model_copy(update={"study_id": "other"})]
    with pytest.raises(DataError, match=r"the image '0\.png' stands for two studies"):
        evidence(twice)


class Two(Judge):
    """Knows the two statements of FILE, and of other texts whether they speak of presence."""

    fingerprint, logit_scale, card = "two", 10.0, Card("two", "two", "judge")

    def __init__(self, denies: float, turned: float = 0.0):
        super().__init__()
        self.denies, self.turned = denies, turned

    def _vector(self, text):
        denied = "no " in f"{text.lower()} " or text.startswith(("Crisp", "Sharp", "Normal"))
        side = self.denies if denied else -1.0
        return F.normalize(torch.tensor([0.5 + self.turned * (not denied), 0.5 + side * 0.4]), dim=0)


def test_a_model_that_reads_the_cue_and_one_that_does_not_are_told_apart(monkeypatch):
    monkeypatch.setattr("nast_core.claims.run.provenance", lambda model, kind: {"model": "judge"})
    asked = evidence(FILE)
    said = statement_texts(asked.examples)
    reads, ignores = (
        score_claims(model, asked, SEEN, encode_distinct(model, said), {}).summary for model in (Two(1.0), Two(-1.0))
    )
    assert reads["ranking"]["polarity"]["all"]["accuracy"]["value"] == 1
    assert reads["ranking"]["polarity"]["all"]["blind"]["value"] == 0.5
    assert reads["negated_prompt_auroc"]["there is no"]["macro"]["value"] == 1
    assert ignores["ranking"]["polarity"]["all"]["accuracy"]["value"] == 0  # the two texts tie
    assert ignores["negated_prompt_auroc"]["there is no"]["macro"]["value"] == 0
    for one, area in ((reads, 1), (ignores, 0)):
        assert one["wording"]["wordings"]["no"]["value"] == area
        assert one["wording"]["groups"]["false denial"]["value"] == 1
    assert reads["alignment"]["zero_shot_auroc"]["macro"]["value"] == 1
    assert reads["retrieval"]["images_for_statement"]["negated"]["R@1"]["value"] == 1
    assert ignores["retrieval"]["images_for_statement"]["negated"]["R@1"]["value"] == 0
    assert reads["images"] == 24


def test_alignment_before_and_after_is_paired_and_measures_how_far_texts_moved():
    asked = evidence(FILE)
    before, after = measure_alignment(Two(1.0), asked, SEEN), measure_alignment(Two(1.0, turned=0.3), asked, SEEN)
    same = compare_alignment(before, before)
    assert same["difference"]["zero_shot_auroc"]["macro"] == {"value": 0, "low": 0, "high": 0, "n": 24}
    assert same["text_cosine"]["value"] == pytest.approx(1)
    moved = compare_alignment(before, after)
    old, new = (torch.tensor([x, 0.1]) for x in (0.5, 0.8))
    assert moved["text_cosine"]["value"] == pytest.approx(float(F.cosine_similarity(old, new, dim=0)))
    assert moved["before"]["zero_shot_auroc"]["macro"]["value"] == before.zero_shot.rates()["macro"].value
    worse = measure_alignment(Two(-1.0), asked, SEEN)
    change = compare_alignment(before, worse)["difference"]["zero_shot_auroc"]["macro"]
    assert change["value"] == pytest.approx(
        worse.zero_shot.rates()["macro"].value - before.zero_shot.rates()["macro"].value
    )
    assert change["value"] < 0


def test_models_whose_text_vectors_cannot_be_compared_are_refused():
    asked = evidence(FILE)
    one = measure_alignment(Two(1.0), asked, SEEN)
    wide = measure_alignment(Judge(dim=3), asked, {name: torch.ones(3) for name in SEEN})
    with pytest.raises(BenchmarkError, match="text vectors of 2 and 3 numbers have no cosine"):
        compare_alignment(one, wide)


def test_images_that_cannot_be_read_are_left_out_and_listed(monkeypatch, tmp_path):
    monkeypatch.setattr("nast_core.claims.run.provenance", lambda model, kind: {"model": "judge"})
    seen = {name: vector for name, vector in SEEN.items() if name != "0.png"}
    asked = evidence(FILE)
    texts = encode_distinct(Two(1.0), statement_texts(asked.examples))
    result = score_claims(Two(1.0), asked, seen, texts, {"0.png": "damaged"})
    assert result.summary["images"] == 23
    assert result.summary["ranking"]["unscored"] == 1
    assert len(without(evidence(FILE), {"0.png"}).examples) == 23
    write_results(result, tmp_path)
    assert json.loads((tmp_path / "unreadable.json").read_text()) == {"0.png": "damaged"}
    assert len(pd.read_parquet(tmp_path / "pairs.parquet")) == 24
    for name in ("groups", "retrieval", "images", "prompts", "wording"):
        assert len(pd.read_parquet(tmp_path / f"{name}.parquet"))
    assert "NaN" not in (tmp_path / "summary.json").read_text()  # JSON has none


def test_no_readable_image_at_all_is_refused(tiny, tmp_path):
    with pytest.raises(BenchmarkError, match=r"no claim could be scored: 24 images cannot be read; first '0\.png'"):
        run_claims(tiny, FILE, tmp_path)


def test_accuracy_by_kind_and_cues_by_hand():
    rows = [
        ("polarity", "seen", 1.0, "a"), ("polarity", "unseen", 0.0, "b"), ("polarity", "unseen", np.nan, "c"),
        ("location", "none", 1.0, "a"),
    ]  # fmt: skip
    table = by_kind(pd.DataFrame(rows, columns=["kind", "cues", "correct", "patient_id"])).set_index(["kind", "cues"])
    assert table.loc[("polarity", "all"), ["value", "n"]].tolist() == [0.5, 2]
    assert table.loc[("polarity", "unseen"), ["value", "n"]].tolist() == [0, 1]
    assert table.loc[("location", "none"), ["value", "low", "high", "n"]].tolist() == [1, 1, 1, 1]
    assert table.loc[("severity", "all"), "n"] == 0
    assert isnan(table.loc[("severity", "all"), "value"])


@pytest.mark.parametrize(
    "lines",
    [
        lambda lines: lines[:1],  # one line: no finding is known both present and absent
        lambda lines: [line.model_copy(update={"contradictions": ()}) for line in lines],
        lambda lines: [line for line in lines if line.cue],  # no affirmative statement
        lambda lines: [line for line in lines if line.study_id == lines[0].study_id],
    ],
    ids=["one line", "no contradiction", "denials alone", "one study"],
)
def test_what_claims_are_too_few_for_is_undefined_and_the_rest_is_written(tiny, tmp_path, lines):
    examples = lines(build_examples(phantom_studies(30, split="test")).examples)
    write_results(run_claims(tiny, examples), tmp_path / "out")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["alignment"]["zero_shot_auroc"]["macro"]["n"] >= 0
    assert len(pd.read_parquet(tmp_path / "out" / "pairs.parquet")) == sum(len(e.contradictions) for e in examples)


def test_more_phantoms_than_a_split_has_are_one_sentence():
    with pytest.raises(DataError, match=r"split 'test' has 100000 phantoms; asked for 100001; ask for fewer"):
        phantom_studies(100_001, split="test")
    assert phantom_of("phantom:" + "9" * 5000) is None
