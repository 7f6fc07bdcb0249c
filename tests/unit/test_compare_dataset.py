"""Two models compared on a dataset of one's own: its questions, its statements and labels, its pairs and its images."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pandas as pd
import pytest

from nast_core.benchmark.writers import writer_named
from nast_core.compare.composing import Parts, compare_on, gathered, pairs_of
from nast_core.compare.two_models import SharedPairs, needed_images, pictured
from nast_core.data.drawing import render
from nast_core.data.phantom import CONDITIONS, phantoms
from nast_core.dataset.build import Order, build_dataset
from nast_core.dataset.opened import open_dataset
from nast_core.errors import DatasetError, PairError
from nast_core.negation.pairs import PolarityPair
from tests.words import CHEXPERT_CONDITIONS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """90 patients with an image file and a row of labels each, a third of them in either held-out split."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("own")
    (folder / "images").mkdir()
    rows = []
    for number, phantom in enumerate(phantoms("test", 90)):
        Image.fromarray(render(phantom, 56)).save(folder / "images" / f"{number}.png")
        split = ("train", "validation", "test")[number % 3]
        about = {"patient_id": f"p{number}", "study_id": f"s{number}", "image": f"{number}.png", "split": split}
        rows.append(about | dict.fromkeys(CHEXPERT_CONDITIONS) | phantom.labels)
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    order = Order(str(folder / "labels.csv"), folder / "images", folder / "set", items=40)
    build_dataset(order, writer_named("template", order.labels))
    return folder / "set"


def test_everything_compared_is_the_datasets_and_its_images_are_read_from_its_folder(drawn, tiny):
    dataset = open_dataset(str(drawn))
    pairs, items = pairs_of(tiny, tiny, dataset, 6), dataset.items("test", 12)
    sample, failed, told = dataset.evidence("test", 200), {}, []
    found = compare_on(
        tiny, tiny, Parts(pairs, items, sample), dataset.images,
        having=dataset.images_for, failed=failed, told=lambda done, total, label: told.append((done, total, label)),
    )  # fmt: skip
    assert failed == {}
    assert {pair.pair.finding for pair in pairs.a} <= set(CONDITIONS)
    assert set(found.items.item_id) == {item.item_id for item in items}
    assert found.items.image.str.endswith(".png").all()
    assert found.about["studies"] == len(sample.images) == 30
    assert {"zero-shot AUROC", "retrieval, recall at 5", "ranking, polarity"} <= set(found.claims.measure)
    assert (found.changes.change == 0).all()
    assert told[-1][0] == told[-1][1]
    looked_at = {f"{number}.png" for number in range(1, 90, 3)}  # of the validation split
    assert set(needed_images(pairs, (), dataset.images_for)) <= looked_at


def test_zero_shot_auroc_is_by_the_tables_labels(drawn, tiny):
    dataset = open_dataset(str(drawn))
    sample = dataset.evidence("test", 200)
    truth = pd.read_csv(drawn.parent / "labels.csv").set_index("image")
    for column, condition in zip(sample.presence_of(["Edema", "Fracture"]).T, ("Edema", "Fracture"), strict=True):
        assert column.tolist() == truth.loc[sample.images.image, condition].tolist()


def test_where_too_few_images_have_a_condition_there_is_no_auroc_and_the_rest_is_compared(drawn, tiny):
    dataset = open_dataset(str(drawn))
    few = dataset.evidence("test", 4)
    assert few.conditions == []
    found = compare_on(
        tiny, tiny, Parts(pairs_of(tiny, tiny, dataset, 2), dataset.items("test", 4), few), dataset.images,
        having=dataset.images_for,
    )  # fmt: skip
    assert not found.claims.measure.str.contains("AUROC").any()
    assert "ranking, polarity" in set(found.claims.measure)


def test_what_a_dataset_lacks_is_told_and_kept_with_the_comparison(drawn, tiny):
    dataset = open_dataset(str(drawn))

    def none() -> NoReturn:
        raise DatasetError("it has no question")

    parts = gathered(lambda: pairs_of(tiny, tiny, dataset, 2), none, lambda: dataset.evidence("test", 30))
    assert (len(parts.pairs.a), parts.items, parts.lacks) == (2, (), {"questions": "it has no question"})
    found = compare_on(tiny, tiny, parts, dataset.images, having=dataset.images_for)
    assert found.about["lacks"] == parts.lacks
    assert "zero-shot AUROC" in set(found.claims.measure)
    assert len(found.heads)
    with pytest.raises(
        DatasetError, match="there is nothing to compare on: it has no question; it has no question; it"
    ):
        gathered(none, none, none)


def aligned(*findings: str, image: str | None = None) -> SharedPairs:
    made = tuple(
        SimpleNamespace(pair=PolarityPair(affirmative=f"some {f}", negated=f"no {f}", finding=f, image=image))
        for f in findings
    )
    return SharedPairs(made, made, ())


def test_a_pair_of_whose_finding_there_is_no_image_is_left_out_with_the_reason():
    def having(finding: str) -> Sequence[str]:
        return ["1.png"] if finding == "Edema" else []

    left = pictured(aligned("Edema", "Fracture", "Edema"), having)
    assert [one.pair.finding for one in left.a] == [one.pair.finding for one in left.b] == ["Edema", "Edema"]
    assert [(pair.finding, reason) for pair, reason in left.refused] == [
        ("Fracture", "there is no image of its finding")
    ]
    assert len(pictured(aligned("Fracture", image="own.png"), having).a) == 1
    with pytest.raises(PairError, match="none of the 1 pairs' findings"):
        pictured(aligned("Fracture"), having)
