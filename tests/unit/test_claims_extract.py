"""Claims from sentences in the manner of reports, labelled by hand; and what must make no claim."""

import pytest

from nast_core.claims.extract import extract, sentences
from nast_core.claims.study import consistent

# sentence -> claims in reading order: finding, then - for absent, then side, zone and severity where they are said
LABELLED = {
    # plain presence, with what is said of it
    "There is a small left pleural effusion.": "Pleural Effusion left mild",
    "Large right-sided pleural effusion.": "Pleural Effusion right severe",
    "Moderate bilateral pleural effusions.": "Pleural Effusion bilateral moderate",
    "Trace effusions are present on both sides.": "Pleural Effusion bilateral mild",
    "A tiny apical pneumothorax remains on the right.": "Pneumothorax right mild",
    "There is marked cardiomegaly.": "Cardiomegaly severe",
    "The heart is mildly enlarged.": "Cardiomegaly mild",
    "The cardiac silhouette is enlarged.": "Cardiomegaly",
    "Patchy opacity in the right lower lobe.": "Lung Opacity right lower",
    "Streaky left basilar opacities.": "Lung Opacity left lower",
    "Bibasilar atelectasis, mild.": "Atelectasis bilateral lower",
    "Subsegmental atelectasis at the left lung base.": "Atelectasis left lower",
    "Dense consolidation of the right upper lobe.": "Consolidation right upper severe",
    "Consolidation in the lingula.": "Consolidation left",
    "Right middle lobe pneumonia.": "Pneumonia right mid",
    "A 7 mm nodule is seen in the left upper lobe.": "Lung Lesion left upper",
    "Multiple pulmonary nodules in both lungs.": "Lung Lesion bilateral",
    "Moderate pulmonary edema.": "Edema moderate",
    "Healed fractures of the left ribs.": "Fracture left",
    "There is an old right clavicle fracture.": "Fracture right",
    "Right apical pleural thickening.": "Pleural Other right",
    "The mediastinum is widened.": "Enlarged Cardiomediastinum",
    "The endotracheal tube ends above the carina.": "Support Devices",
    "Airspace disease in the left mid lung.": "Lung Opacity left mid",
    # denial, before and behind
    "No pleural effusion.": "Pleural Effusion -",
    "No effusion or pneumothorax.": "Pleural Effusion -; Pneumothorax -",
    "No focal consolidation, effusion, or pneumothorax is seen.": "Consolidation -; Pleural Effusion -; Pneumothorax -",
    "Without evidence of pulmonary edema.": "Edema -",
    "Pneumothorax is absent.": "Pneumothorax -",
    "A pleural effusion is not seen.": "Pleural Effusion -",
    "Negative for pneumonia.": "Pneumonia -",
    "The lungs are free of consolidation.": "Consolidation -",
    "There is no pneumothorax on the right.": "Pneumothorax - right",
    "No left effusion.": "Pleural Effusion - left",
    "There is no effusion on either side, bilaterally.": "Pleural Effusion -",
    "The heart is not enlarged.": "Cardiomegaly -",
    "Neither effusion nor pneumothorax is identified.": "Pleural Effusion -; Pneumothorax -",
    "Interval resolution of the right pneumothorax.": "Pneumothorax - right",
    # denial that is limited to a grade leaves the others open
    "No large pleural effusion.": "Pleural Effusion - severe",
    "No significant effusion.": "Pleural Effusion - severe",
    "No pneumothorax or large pleural effusion.": "Pneumothorax -; Pleural Effusion - severe",
    "No sizable effusion or pneumothorax.": "Pleural Effusion - severe; Pneumothorax - severe",
    # absence said affirmatively
    "The lungs are clear.": "Lung Opacity -",
    "The left lung is clear.": "Lung Opacity - left",
    "Heart size is normal.": "Cardiomegaly -",
    "The cardiomediastinal silhouette is within normal limits.": "Enlarged Cardiomediastinum -; Cardiomegaly -",
    "The osseous structures are intact.": "Fracture -",
    # several findings, each with its own scope
    "Stable cardiomegaly without edema.": "Cardiomegaly; Edema -",
    "Small right effusion, but no pneumothorax.": "Pleural Effusion right mild; Pneumothorax -",
    "No pneumothorax. Small left effusion.": "Pneumothorax -; Pleural Effusion left mild",
    "Left lower lobe atelectasis with a small effusion.": "Atelectasis left lower; Pleural Effusion mild",
    "Right pleural effusion and left basilar atelectasis.": "Pleural Effusion right; Atelectasis left lower",
    "Bilateral effusions with bibasilar opacities, right greater than left.": (
        "Pleural Effusion bilateral; Lung Opacity bilateral lower"
    ),
    "Opacities in the right and left midlung.": "Lung Opacity bilateral mid",
    "No acute, displaced rib fractures; mild cardiomegaly.": "Cardiomegaly mild",
    "No change in the moderate left effusion.": "Pleural Effusion left moderate",
    "A large, not small, effusion on the right.": "Pleural Effusion right severe",
    "An effusion on the right rather than on the left.": "Pleural Effusion right",
    # what a denial does not touch
    "Feeding tube removed, tiny left pneumothorax.": "Pneumothorax left mild",
    "Edema resolved, small effusion.": "Edema -; Pleural Effusion mild",
    "Almost complete resolution of the left lower lobe pneumonia.": "Pneumonia left lower",
    "The tip of the endotracheal tube is not visible.": "Support Devices",
    "Pneumothorax: none. Effusion: small, left.": "Pneumothorax -; Pleural Effusion",
    "No meaningful change in the bilateral opacities.": "Lung Opacity bilateral",
    "No effusion, chest tube in place.": "Pleural Effusion -; Support Devices",
    "Opacity in the left base not seen on the previous film.": "Lung Opacity left lower",
    "No cavitation of the right apical mass.": "Lung Lesion right upper",
    "No suspicious opacity, pneumothorax.": "Pneumothorax -",
    "Blunted costophrenic angle with a small right pleural effusion.": "Pleural Effusion right mild",
    "Perihilar nodule on the right.": "Lung Lesion right mid",
    "No pneumothorax, atelectasis at the bases.": "Pneumothorax -",
    "No PICC line is seen.": "",
    # doubt, limits and namesakes make no claim
    "Pneumonia cannot be excluded.": "",
    "Possible small left effusion.": "",
    "Opacity at the left base may represent atelectasis.": "Lung Opacity left lower",
    "Right basilar atelectasis or infiltrate.": "",
    "The differential diagnosis includes pneumonia and edema.": "",
    "No new consolidation.": "",
    "No acute fracture.": "",
    "No acute pneumonia.": "Pneumonia -",
    "No suspicious nodules.": "",
    "No XXXX infiltrates.": "",
    "Borderline cardiomegaly.": "",
    "The remainder of the lungs is clear.": "",
    "A small pericardial effusion is noted.": "",
    "There is a calcified mediastinal mass.": "",
    "Interstitial thickening at the bases.": "Lung Opacity bilateral lower",
    "The chest tube has been removed.": "",
    "History of pneumonia.": "",
    "Nodules on the prior chest CT are not well seen.": "",
    "The patient is rotated and the film is underexposed.": "",
}


def in_short(claim) -> str:
    said = [claim.finding, "-" if claim.polarity == "absent" else None, claim.laterality, claim.zone, claim.severity]
    return " ".join(filter(None, said))


@pytest.mark.parametrize(("sentence", "expected"), LABELLED.items())
def test_a_sentence_claims_what_a_reader_says_it_does(sentence, expected):
    assert "; ".join(map(in_short, extract(sentence).claims)) == expected


def test_every_claim_points_at_the_words_that_made_it():
    text = "FINE WORDS FIRST. There is a small left pleural effusion. The heart is not enlarged, though. "
    claims = extract(text).claims
    assert [claim.sentence[slice(*claim.span)] for claim in claims] == ["pleural effusion", "enlarged"]
    assert claims[0].sentence == "There is a small left pleural effusion."


def test_what_makes_no_claim_is_counted_by_reason():
    found = extract(
        "Possible effusion. No new nodules. Borderline cardiomegaly. Pericardial effusion. Otherwise clear lungs."
    )
    assert not found.claims
    assert found.left_out == {
        "in doubt": 1,
        "denied with a limit": 1,
        "borderline or of the past": 1,
        "another thing of that name": 1,
        "said of the rest only": 1,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. No effusion. 2. Clear lungs.", ["No effusion.", "Clear lungs."]),
        ("Heart size\nis normal.\n\nNo effusion", ["Heart size is normal.", "No effusion"]),
        ("A 2.0 cm nodule.Small effusion; no edema.", ["A 2.0 cm nodule.", "Small effusion;", "no edema."]),
        ("  ", []),
    ],
)
def test_sentences_end_at_full_stops_and_not_in_numbers(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "text", ["", ".", "...", "effusion", "No", "\x00\ufffd", "(" * 500, "no " * 2000, "Ärztlicher Befund: ohne."]
)
def test_odd_text_is_read_without_a_crash(text):
    assert all(claim.sentence for claim in extract(text).claims)


def known(text: str) -> list[str]:
    return sorted(map(in_short, consistent(extract(text).claims)))


def test_repetitions_are_merged_into_the_most_exact_and_denials_into_the_most_general():
    assert known("Pleural effusion on the left. Small left effusion. Effusion.") == ["Pleural Effusion left mild"]
    assert known("No large effusion. No effusion.") == ["Pleural Effusion -"]
    assert known("Left effusion. Small right effusion.") == ["Pleural Effusion left", "Pleural Effusion right mild"]


def test_a_finding_that_is_both_stated_and_denied_is_dropped_and_others_are_kept():
    assert known("There is an effusion. No effusion. No edema.") == ["Edema -"]
    assert known("No large effusion. Small left effusion.") == [
        "Pleural Effusion - severe",
        "Pleural Effusion left mild",
    ]
    assert known("No pneumothorax on the left. Right pneumothorax.") == ["Pneumothorax - left", "Pneumothorax right"]


def test_a_heart_has_one_size_and_an_effusion_may_have_a_second_place():
    only = {
        claim.finding: claim.only for claim in consistent(extract("Mild cardiomegaly. Small left effusion.").claims)
    }
    assert only == {"Cardiomegaly": True, "Pleural Effusion": False}
