"""The verdict's rules, each on made-up figures on either side of its bounds."""

import pytest

from nast_core.audit import verdict
from nast_core.audit.verdict import RULES, UNTOLD, Found
from nast_core.statistics.rates import Rate
from tests.audits import part, parts, repaired


def said(rule, **changed):
    return RULES[rule](Found(parts(**changed)))


def gap(value, low, high):
    return part("benchmark", acc_affirmative=(0.9, 0.8, 1), acc_negated=(0.8, 0.7, 0.9), gap_points=(value, low, high))


@pytest.mark.parametrize(
    ("interval", "tone", "words"),
    [
        ((6.0, 0.1, 12.0), "bad", "negation costs 6.0 points (0.1 to 12.0)"),
        ((3.0, 1.0, 5.0), "good", "negation costs 3.0 points"),
        ((-3.0, -5.0, -1.0), "good", "not below affirmative"),
        ((0.0, -5.0, 5.0), "good", "no gap of more than 5 points"),
        ((0.0, -5.1, 5.0), "open", f"whether negation costs anything {UNTOLD}"),
    ],
)
def test_the_cost_is_told_by_the_gaps_interval(interval, tone, words):
    sentence = said("cost", benchmark=gap(*interval))
    assert sentence.tone == tone
    assert words in sentence.text
    assert sentence.part == "benchmark"
    assert (sentence.n, sentence.seed) == (200, 0)


@pytest.mark.parametrize(
    ("affirmative", "zero_shot", "blind"),
    [
        ((0.26, 0.22, 0.30), (0.48, 0.45, 0.52), True),
        ((0.26, 0.25, 0.30), (0.52, 0.50, 0.55), True),
        ((0.26, 0.251, 0.30), (0.48, 0.45, 0.52), False),  # better than guessing
        ((0.26, 0.22, 0.30), (0.60, 0.51, 0.65), False),  # findings are told apart, if not in questions
        ((0.26, 0.22, 0.30), None, True),  # claims were not asked for
    ],
)
def test_of_a_model_at_chance_nothing_is_told_by_its_scores(affirmative, zero_shot, blind):
    rates = {"acc_affirmative": affirmative, "acc_negated": (0.28, 0.24, 0.32), "gap_points": (-2, -7, 3)}
    own = {} if zero_shot is None else {"zero_shot": zero_shot}
    found = Found(parts(benchmark=part("benchmark", **rates), claims=part("claims", **own)))
    told = [sentence.rule for sentence in verdict.verdict(found)]
    assert (told[0] == "sight") == blind
    assert bool(verdict.OF_SCORES & set(told)) != blind
    assert "place" in told  # where a negator acts is told all the same
    if blind:
        text = verdict.verdict(found)[0].text
        assert text.startswith("Said affirmatively, 26% of the questions are answered rightly (2")
        assert "no better than chance" in text


@pytest.mark.parametrize(
    ("low", "high", "read"),
    [
        (0.3, 0.499, "as presence"),
        (0.3, 0.5, UNTOLD),
        (0.45, 0.55, "ignored"),
        (0.44, 0.55, UNTOLD),
        (0.51, 0.55, "ignored"),
        (0.501, 0.56, "read"),
        (0.5, 0.56, UNTOLD),
    ],
)
def test_a_cue_is_read_by_its_whole_interval(low, high, read):
    assert verdict.read_as(Rate((low + high) / 2, low, high, 100)) == read


def test_cues_are_named_in_their_groups():
    sentence = said("cues")
    assert sentence.text == (
        "Of 4 negation cues it reads 1 as presence (“no”), ignores 1 (“without”) and reads 1 rightly (“free of”); "
        f"of 1 it {UNTOLD}."
    )
    assert sentence.tone == "mixed"
    wide = said("cues", denials=part("denials", cue__no=(0.5, 0.3, 0.7)))
    assert wide.text == f"How any of 1 negation cues is read {UNTOLD}."
    assert wide.tone == "open"


@pytest.mark.parametrize(
    ("denials", "blind", "word"),
    [
        ((0.6, 0.51, 0.7), (0.26, 0.2, 0.3), "is reading"),
        ((0.5, 0.45, 0.55), (0.26, 0.2, 0.3), "is muting"),
        ((0.52, 0.45, 0.6), (0.26, 0.2, 0.3), UNTOLD),
        ((0.6, 0.51, 0.7), (0.4, 0.31, 0.5), "is wording"),
    ],
)
def test_a_gain_is_reading_muting_or_wording(denials, blind, word):
    own = part("repairs", **repaired("region", gained=(9, 5, 12), gap=(9, 6, 12), denials=denials, blind=blind))
    assert word in said("muting", repairs=own).text


def test_of_a_repair_that_gains_nothing_it_is_not_asked_whether_it_reads():
    own = part("repairs", **repaired("region", gained=(1, 0, 2), gap=(9, 6, 12), denials=(0.9, 0.8, 1)))
    assert said("muting", repairs=own) is None


@pytest.mark.parametrize(
    ("probe", "denials", "words"),
    [
        ((0.85, 0.8, 0.9), (0.5, 0.45, 0.549), "its readout loses it"),
        ((0.85, 0.8, 0.9), (0.6, 0.501, 0.7), "the score says so"),
        ((0.7, 0.6, 0.79), (0.5, 0.45, 0.54), "itself does not know"),
        ((0.8, 0.7, 0.9), (0.5, 0.45, 0.54), UNTOLD),
        ((0.55, 0.51, 0.6), (0.5, 0.45, 0.54), "no better than its control"),
    ],
)
def test_what_the_tower_knows_is_told_by_probe_and_denials_together(probe, denials, words):
    own = {
        "probe": part("probe", probe_findings=probe, probe_control=(0.5, 0.48, 0.52)),
        "denials": part("denials", denials=denials),
    }
    assert words in said("knowledge", **own).text


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ({"cte__1": (0.4, 0.3, 0.49), "cte__2": (0.2, 0.1, 0.3)}, "by layer 1;"),
        ({"cte__1": (0.5, 0.4, 0.6), "cte__2": (0.2, 0.1, 0.3)}, "by layers 1 to 2;"),
        ({"cte__1": (0.9, 0.8, 1.0), "cte__2": (0.5, 0.4, 0.5)}, f"leaves the negator {UNTOLD}"),
    ],
)
def test_layers_are_told_by_where_the_negators_own_effect_falls_under_a_half(layers, words):
    sentence = said("place", trace=part("trace", **layers))
    assert words in sentence.text
    assert "head 3 of layer 4" in sentence.text


@pytest.mark.parametrize(
    ("gained", "words"),
    [
        ((10.0, 0.1, 20.0), "the gap goes by 10.0 points (0.1 to 20.0)"),
        ((0.0, -1.0, 1.0), UNTOLD),
        ((-10.0, -20.0, -0.1), "No repair closes the gap"),
    ],
)
def test_a_repair_is_told_by_the_paired_change_of_the_gap(gained, words):
    own = part("repairs", **repaired("region", gained=gained, gap=(9, 6, 12), denials=(0.9, 0.8, 1)))
    assert words in said("repair", repairs=own).text


def test_the_price_of_a_repair_is_a_loss_only_where_the_intervals_say_so():
    before = {"repair__as_it_is__zero_shot": (0.98, 0.97, 0.99)}
    lost = repaired("region", gained=(9, 5, 12), gap=(9, 6, 12), denials=(0.9, 0.8, 1), zero=(0.7, 0.65, 0.75))
    kept = repaired("region", gained=(9, 5, 12), gap=(9, 6, 12), denials=(0.9, 0.8, 1), zero=(0.97, 0.95, 0.99))
    assert "0.98 -> 0.70, a loss" in said("repair", repairs=part("repairs", **before, **lost)).text
    assert "0.98 -> 0.97, no loss that can be told" in said("repair", repairs=part("repairs", **before, **kept)).text


@pytest.mark.parametrize(
    ("left", "denials", "words"),
    [
        ((3.0, 1.0, 5.0), (0.9, 0.51, 1.0), "hardly worth it"),
        ((7.0, 5.1, 9.0), (0.9, 0.51, 1.0), "still worth it"),
        ((3.0, 1.0, 5.0), (0.5, 0.45, 0.549), "still worth it"),
        ((5.0, 3.0, 7.0), (0.9, 0.51, 1.0), UNTOLD),
    ],
)
def test_training_is_worth_it_where_a_gap_or_unread_cues_are_left(left, denials, words):
    own = part("repairs", **repaired("region", gained=(9, 5, 12), gap=left, denials=denials))
    assert words in said("training", repairs=own).text


def test_fine_tunes_are_told_of_by_their_own_records():
    own = part("finetunes", **{"finetune__ft-1__acc_negated": (0.8,), "finetune__ft-2__acc_negated": (0.9,)})
    assert "the best of 2 fine-tunes on disk, ft-2, answers 90%" in said("training", finetunes=own).text


def test_limits_are_those_of_the_dataset_and_of_nothing_nothing_is_said():
    assert said("limits") is None
    told = RULES["limits"](Found(parts(), 200, ["no side.", "fewer than 5 patients have Fracture"]))
    assert told.text == "What this dataset cannot tell: no side; fewer than 5 patients have Fracture."


def test_a_verdict_has_at_most_eight_sentences_and_each_rests_on_a_part():
    told = verdict.verdict(Found(parts(), 200, ["no side"]))
    assert [one.rule for one in told] == [name for name in RULES if name != "sight"]
    assert len(told) == 8
    assert all(one.part in parts() for one in told)
    assert all(one.text.endswith(".") and "nan" not in one.text for one in told)


def test_of_four_patients_nothing_is_told():
    told = verdict.verdict(Found(parts(), 4, ["no side"]))
    assert [one.rule for one in told] == ["patients", "limits"]
    assert told[0].text == "Nothing can be told: the questions are of 4 patients, and figures need 5."
    assert len(verdict.verdict(Found(parts(), 5))) == 7


def test_parts_that_could_not_be_done_are_passed_over():
    assert verdict.verdict(Found({"benchmark": part("benchmark", reason="no questions")})) == ()
