"""The phantom world: the same patient from the same seed at any size, and every finding where its label says."""

from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from nast_core.data.drawing import attenuation, occupancy, render
from nast_core.data.phantom import CONDITIONS, PREVALENCE, SPLITS, Finding, phantoms, sample_phantom
from nast_core.encoding.images import open_image, phantom_name, phantom_of
from nast_core.encoding.showcase import image_names, phantom_names
from nast_core.errors import ImageError
from tests.words import CHEXPERT_CONDITIONS

SIDED = {"Lung Lesion", "Consolidation", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Fracture"}
CLEAN = next(p for p in map(sample_phantom, range(1000)) if not p.findings)
PEOPLE = [sample_phantom(seed) for seed in range(3000)]


def with_finding(condition: str, number: int = 3) -> list:
    """Phantoms that have a condition, each with everything else taken away."""
    having = ((p, p.finding(condition)) for p in PEOPLE)
    return [p.model_copy(update={"findings": (f,)}) for p, f in islice(((p, f) for p, f in having if f), number)]


def test_equal_seeds_give_equal_patients_and_equal_pixels_whatever_was_drawn_between():
    first = render(sample_phantom(7), 112)
    for other in (8, 9):
        render(sample_phantom(other), 112)
        render(sample_phantom(7), 64)
    assert sample_phantom(7) == sample_phantom(7)
    assert (render(sample_phantom(7), 112) == first).all()


def test_no_two_seeds_share_a_picture():
    drawn = {render(sample_phantom(seed), 32).tobytes() for seed in (*range(60), *range(2_000_000, 2_000_060))}
    assert len(drawn) == 120


def test_splits_are_disjoint_and_asking_past_the_end_is_refused():
    seeds = {name: set(split) for name, split in SPLITS.items()}
    assert set(seeds) == {"train", "validation", "test"}
    assert len(set.union(*seeds.values())) == sum(map(len, seeds.values()))
    assert [p.seed for p in phantoms("test", 3, start=5)] == [2_000_005, 2_000_006, 2_000_007]
    with pytest.raises(IndexError, match="split 'test' has 100000 phantoms"):
        phantoms("test", 2, start=99_999)


@pytest.mark.parametrize("seed", [0, 3, 11, 2_000_123])
def test_a_patient_is_the_same_at_112_and_at_512_pixels(seed):
    patient = sample_phantom(seed)
    small = attenuation(patient, 112)
    large = np.asarray(Image.fromarray(attenuation(patient, 512)).resize((112, 112), Image.Resampling.BOX))
    stranger = attenuation(sample_phantom(seed + 1), 112)
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.95
    assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > np.corrcoef(small.ravel(), stranger.ravel())[0, 1]


@pytest.mark.parametrize("size", [1, 2, 7, 33, 112, 200])
def test_any_size_gives_a_square_8_bit_picture(size):
    picture = render(PEOPLE[1], size)
    assert picture.shape == (size, size)
    assert picture.dtype == np.uint8
    assert size < 7 or np.ptp(picture) > 100  # bone is bright and air is dark


def test_labels_say_exactly_which_findings_there_are():
    assert set(CONDITIONS) <= set(CHEXPERT_CONDITIONS)
    for patient in PEOPLE[:300]:
        names = [finding.condition for finding in patient.findings]
        assert len(set(names)) == len(names)
        assert patient.labels == {condition: int(condition in names) for condition in CONDITIONS}
        assert all(patient.finding(condition) is not None for condition in names)
        assert patient.patient_id == f"phantom-{patient.seed}"


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_condition_is_as_frequent_as_stated_and_independent_of_the_others(condition):
    table = np.array([list(p.labels.values()) for p in PEOPLE])
    place = CONDITIONS.index(condition)
    assert table[:, place].mean() == pytest.approx(PREVALENCE, abs=0.03)  # three standard errors
    others = np.delete(table, place, axis=1).sum(1)
    assert abs(np.corrcoef(table[:, place], others)[0, 1]) < 0.06


def test_findings_carry_a_side_a_zone_and_a_severity_where_they_have_one():
    for finding in (finding for patient in PEOPLE for finding in patient.findings):
        is_device = finding.condition == "Support Devices"
        assert (finding.severity is None) == is_device
        assert (finding.device is not None) == is_device
        assert (finding.zone is not None) == (finding.condition in SIDED)
        if finding.condition in SIDED:
            assert finding.side in (
                ("left", "right", "bilateral") if finding.condition == "Pleural Effusion" else ("left", "right")
            )
        else:
            assert (finding.side is not None) == (finding.device == "pacemaker")


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_finding_changes_pixels_and_only_its_own_row_of_the_occupancy(condition):
    for patient in with_finding(condition):
        cells = occupancy(patient, 14)
        assert cells.shape == (len(CONDITIONS), 14, 14)
        assert cells[CONDITIONS.index(condition)].any()
        assert not np.delete(cells, CONDITIONS.index(condition), axis=0).any()
        bare = patient.model_copy(update={"findings": ()})
        assert (render(patient, 112) != render(bare, 112)).mean() > 0.005


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("condition", sorted(SIDED))
def test_a_sided_finding_lies_on_its_own_side_with_the_patients_right_at_the_viewers_left(condition, side):
    having = [p for p in with_finding(condition, 40) if p.findings[0].side == side][:5]
    for patient in having:
        columns = occupancy(patient, 16)[CONDITIONS.index(condition)].sum(0)
        viewers_left, viewers_right = columns[:8].sum(), columns[8:].sum()
        own, other = (viewers_left, viewers_right) if side == "right" else (viewers_right, viewers_left)
        assert own > 0
        assert other <= 0.1 * own


def test_a_bilateral_effusion_lies_on_both_sides():
    both = [p for p in with_finding("Pleural Effusion", 60) if p.findings[0].side == "bilateral"]
    assert both
    for patient in both[:3]:
        columns = occupancy(patient, 16)[CONDITIONS.index("Pleural Effusion")].sum(0)
        assert min(columns[:8].sum(), columns[8:].sum()) > 0.4 * max(columns[:8].sum(), columns[8:].sum())


@pytest.mark.parametrize("condition", sorted({"Lung Lesion", "Consolidation", "Fracture"}))
def test_a_zone_is_higher_up_for_upper_than_for_lower(condition):
    def height(zone: str) -> float:
        finding = Finding(condition=condition, side="left", zone=zone, severity="moderate")
        cells = occupancy(CLEAN.model_copy(update={"findings": (finding,)}), 16)[CONDITIONS.index(condition)]
        return float(np.nonzero(cells)[0].mean())

    assert height("upper") + 1 < height("mid") < height("lower") - 1


@pytest.mark.parametrize("condition", [c for c in CONDITIONS if c != "Support Devices"])
def test_a_severe_finding_changes_more_than_a_mild_one(condition):
    def change(severity: str) -> float:
        finding = Finding(condition=condition, side="left", zone="mid", severity=severity)
        patient = CLEAN.model_copy(update={"findings": (finding,)})
        return float(np.abs(attenuation(patient, 112) - attenuation(CLEAN, 112)).sum())

    assert change("severe") > change("moderate") > change("mild") > 0


def test_a_phantom_is_found_by_its_name_and_any_other_name_is_a_file(tmp_path):
    patient = sample_phantom(2_000_001)
    assert phantom_of(phantom_name(patient)) == patient
    assert (np.asarray(open_image("phantom:2000001", size=64)) == render(patient, 64)).all()
    assert [phantom_of(name) for name in ("phantom:", "phantom:-3", "phantom:x", "1.png", "")] == [None] * 5
    with pytest.raises(ImageError, match="say which folder holds it"):
        open_image("a.png")
    with pytest.raises(ImageError):
        open_image("a.png", tmp_path)


def test_drawing_on_an_opened_phantom_leaves_the_next_one_clean():
    first = open_image("phantom:2000002", size=32)
    first.paste(255, (0, 0, 32, 32))
    assert (np.asarray(open_image("phantom:2000002", size=32)) == render(sample_phantom(2_000_002), 32)).all()


def test_the_images_of_template_pairs_are_validation_phantoms_that_have_the_finding():
    for condition in CONDITIONS:
        assert all(
            p.labels[condition] and p.seed in SPLITS["validation"] for p in map(phantom_of, phantom_names(condition))
        )
    pairs = [
        SimpleNamespace(pair=SimpleNamespace(finding=f, image=i))
        for f, i in (("Edema", None), ("Edema", None), ("", "a.png"))
    ]
    first, second, own = image_names(pairs)
    assert first != second
    assert phantom_of(first).labels["Edema"] == phantom_of(second).labels["Edema"] == 1
    assert own == "a.png"
