"""The Review page: two people judge, blind to one another; agreement, a conflict settled, accepted items."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from nast_core.benchmark.dataset import build_dataset
from nast_core.benchmark.items import read_items, write_items
from nast_core.benchmark.writers import writer_named
from nast_core.review.judgements import Reviews, reading_order, review_folder

PAGE = str(Path(__file__).resolve().parents[2] / "pages" / "review.py")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("built") / "items.jsonl"
    build_dataset("phantom", path, writer_named("template", "phantom"), count=3)
    return path.read_bytes()


@pytest.fixture
def items(built, tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    path = tmp_path / "mine.items.jsonl"
    path.write_bytes(built)
    return path


def page(path: Path | None = None, view: str = "Judge", reviewer: str = "") -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params["review-view"] = view
    if path:
        at.query_params["review-items"] = str(path)
    at.run()
    if reviewer:
        at.text_input(key="review-name").set_value(reviewer).run()
    return at


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


def press(at: AppTest, key: str) -> AppTest:
    return next(b for b in at.button if b.key == key).click().run()


def judge_all(path: Path, reviewer: str, *verdicts: str) -> None:
    for item, verdict in zip(read_items(path), verdicts, strict=True):
        Reviews(path).judge(item, reviewer, verdict)


def test_a_newcomer_starts_on_the_demo_items(items):
    at = page()
    assert "start on the demo items" in at.info[0].value
    press(at, "review-demo")
    assert not at.exception
    assert "24 items" in texts(at.caption)
    assert "Type your name" in at.info[0].value


def test_each_press_is_saved_at_once_in_the_reviewers_own_order(items):
    at = page(items, reviewer="Ada")
    order = [item.item_id for item in reading_order(read_items(items), "Ada")]
    comment = next(box for box in at.text_input if (box.key or "").startswith("review-comment-"))
    comment.set_value("left and right are swapped").run()
    press(at, "review-wrong")
    press(at, "review-correct")
    kept = [(line.item_id, line.verdict, line.comment) for line in Reviews(items).of("Ada")]
    assert kept == [(order[0], "wrong", "left and right are swapped"), (order[1], "correct", "")]


def test_back_takes_the_last_judgement_back_with_its_comment(items):
    at = page(items, reviewer="Ada")
    next(box for box in at.text_input if (box.key or "").startswith("review-comment-")).set_value("hm").run()
    press(at, "review-unclear")
    press(at, "review-undo")
    assert [line.verdict for line in Reviews(items).of("Ada")] == ["unclear", None]
    assert next(box.value for box in at.text_input if (box.key or "").startswith("review-comment-")) == "hm"
    press(at, "review-correct")
    press(at, "review-correct")
    press(at, "review-correct")
    assert "All items are judged" in at.success[0].value


def test_a_name_that_has_judged_before_is_asked_about_and_goes_on_at_the_first_unjudged(items):
    first = reading_order(read_items(items), "Ada")[0]
    Reviews(items).judge(first, "Ada", "correct")
    at = page(items, reviewer="ada")
    assert "A reviewer called Ada has judged 1 of these items" in at.warning[0].value
    assert not [b for b in at.button if b.key == "review-correct"]
    press(at, "review-me")
    press(at, "review-wrong")
    assert [line.item_id for line in Reviews(items).of("Ada")] == [
        i.item_id for i in reading_order(read_items(items), "Ada")
    ][:2]


def test_an_item_that_changed_comes_again(items):
    judge_all(items, "Ada", "correct", "correct", "correct")
    changed = read_items(items)
    changed[1] = changed[1].model_copy(update={"question": "What is seen?"})
    write_items(changed, items)
    at = page(items, reviewer="Ada")
    press(at, "review-me")
    assert "1 of your judgements no longer count" in texts(at.caption)
    assert "What is seen?" in texts(at.markdown)


def test_who_still_judges_does_not_see_the_others(items):
    judge_all(items, "Bob", "wrong", "wrong", "correct")
    at = page(items, reviewer="Ada")
    press(at, "review-correct")
    for view in ("Agreement", "Conflicts", "Outcome"):
        at.segmented_control(key="review-view").set_value(view).run()
        assert "2 items left to judge" in at.info[0].value
        assert "Bob" not in texts(at.markdown) + texts(at.caption)
        assert not at.dataframe


def test_agreement_is_shown_with_interval_and_n(items):
    judge_all(items, "Ada", "correct", "wrong", "wrong")
    judge_all(items, "Bob", "correct", "wrong", "correct")
    at = page(items, "Agreement")
    assert not at.exception
    # 6 verdicts, 3 and 3; observed disagreement 2, expected (36 - 18)/5 = 3.6: alpha 4/9; kappa (2/3 - 4/9)/(5/9) = 0.4
    alpha = next(metric for metric in at.metric if "alpha" in metric.label)
    assert alpha.value == "0.44"
    assert "n = 3" in texts(at.caption)
    table = at.dataframe[0].value
    assert table.kappa[0] == pytest.approx(0.4)
    assert table["same verdict, %"][0] == pytest.approx(200 / 3)


def test_a_conflict_is_settled_by_a_third_and_accepted_items_are_written(items):
    judge_all(items, "Ada", "correct", "wrong", "wrong")
    judge_all(items, "Bob", "correct", "wrong", "correct")
    at = page(items, "Conflicts")
    at.text_input(key="review-adjudicator").set_value("Bob").run()
    press(at, "review-settle-correct")
    assert "'Bob' has judged these items" in at.error[0].value
    at.text_input(key="review-adjudicator").set_value("Cai").run()
    press(at, "review-settle-correct")
    assert "1 of them settled" in texts(at.caption)
    at = page(items, "Outcome")
    press(at, "review-write")
    accepted = items.with_suffix(".accepted.jsonl")
    everything = read_items(items)
    assert read_items(accepted) == [everything[0], everything[2]]


def test_judgements_that_cannot_be_saved_are_one_sentence_and_nothing_is_lost(items):
    at = page(items, reviewer="Ada")
    review_folder(items).write_text("a file in the folder's place")
    press(at, "review-correct")
    assert not at.exception
    assert "judgements cannot be kept" in at.error[0].value


@pytest.mark.parametrize(("name", "said"), [("...", "no reviewer's name"), ("Adjudication", "give another name")])
def test_a_name_that_is_none_is_refused(items, name, said):
    assert said in page(items, reviewer=name).error[0].value


def test_a_file_that_holds_no_items_is_refused(tmp_path):
    (tmp_path / "x.jsonl").write_text('{"item_id": "1"}\n')
    assert "line 1: not an item" in page(tmp_path / "x.jsonl").error[0].value
