"""The Compare page on the demo CLIP and a copy of it whose fourth text layer was changed a little."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest

from dashboard.compare import asked_for, comparisons, scores, take_along
from dashboard.parts import memo
from nast_core.models.specs import DEMO_FOLDER
from tests.finetuning import recipe, write_phantom_claims

ROOT = Path(__file__).resolve().parents[2]
PAGE = str(ROOT / "pages" / "compare.py")


@pytest.fixture(scope="module")
def changed(tmp_path_factory) -> Path:
    folder = Path(shutil.copytree(DEMO_FOLDER, tmp_path_factory.mktemp("models") / "changed"))
    path = next(folder.glob("*.safetensors"))
    weights = load_file(path)
    for name, value in weights.items():
        if name.startswith("text_model.encoder.layers.3.self_attn") and name.endswith("weight"):
            weights[name] = value * 1.6
    save_file(weights, path, {"format": "pt"})
    return folder


def page(**params: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=180)
    for name, value in {"compare-n": "200", "compare-pairs": "12", **params}.items():
        at.query_params[name] = value
    return at.run()


def texts(elements) -> str:
    return " ".join(element.value for element in elements)


def test_a_fresh_install_shows_the_demo_beside_its_fine_tune_and_computes_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    monkeypatch.setattr(comparisons, "_compute", lambda *_: pytest.fail("computed"))
    at = AppTest.from_file(PAGE, default_timeout=180).run()
    assert not at.exception
    assert not at.error
    assert (at.selectbox(key="a").value, at.selectbox(key="b").value) == ("demo", "demo-tuned")
    assert [metric.label for metric in at.metric][:3] == [
        "Accuracy, negated, B - A",
        "Accuracy, affirmative, B - A",
        "Gap, B - A",
    ]
    assert float(at.metric[0].value.split()[0]) > 10
    assert "500 questions about validation phantoms" in texts(at.caption)
    wording = next(table.value for table in at.dataframe if "group" in table.value.columns).set_index("group")
    assert wording.b["taught"] > 0.9
    assert (wording.a["false denial"], wording.b["false denial"]) == pytest.approx((1, 1), abs=0.05)
    at.segmented_control(key="split").set_value("test").run()  # as is its comparison on the other split
    assert not at.exception
    assert "500 questions about test phantoms" in texts(at.caption)


def test_beside_a_model_of_ones_own_the_demos_fine_tune_is_offered_and_not_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # where no language demo was built
    at = AppTest.from_file(PAGE, default_timeout=180)
    at.session_state["model"] = "/some/model"
    at.run()
    assert not at.exception
    assert at.selectbox(key="a").value == "/some/model"
    assert at.selectbox(key="b").value is None
    assert at.selectbox(key="b").options == ["demo-tuned", "demo"]
    assert "Name two models" in at.info[0].value


@pytest.mark.parametrize(
    ("b", "said"), [("/no/such/folder", "no folder /no/such/folder"), ("run:none", "no run 'none'")]
)
def test_a_model_that_does_not_load_is_one_sentence(b, said):
    at = page(a="demo", b=b)
    assert not at.exception
    assert said in at.error[0].value


@pytest.mark.long
def test_a_link_reopens_the_comparison_with_its_choices(changed):
    at = page(a="demo", b=str(changed), **{"compare-layer": "5", "compare-head": "2", "verdict": "broken"})
    assert not at.exception
    assert not at.error
    assert (at.selectbox(key="compare-layer").value, at.selectbox(key="compare-head").value) == (5, 2)
    assert [metric.label for metric in at.metric][:3] == [
        "Accuracy, negated, B - A",
        "Accuracy, affirmative, B - A",
        "Gap, B - A",
    ]
    broken = int(texts(at.caption).split("broken: ")[1].split()[0])
    assert broken == len(at.selectbox(key="compare-item").options) > 0
    assert texts(at.markdown).count("true]") == 2  # the item's options, as A and as B scored them
    negated, affirmative, gap = (float(metric.value.split()[0]) for metric in at.metric[:3])
    assert gap == pytest.approx(affirmative - negated, abs=0.11)


@pytest.mark.long
def test_what_a_run_wrote_down_is_shown_before_anything_is_computed(monkeypatch, tmp_path):
    import json

    import streamlit as st

    from nast_core.work.executors import run

    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("NAST_CACHE", "off")
    monkeypatch.setattr(comparisons, "load", lambda *_: st.stop())  # as far as the models, which take long to load
    done = run(recipe(write_phantom_claims(tmp_path / "claims.jsonl"), arm="frozen"))
    at = page(a="demo", b=f"run:{done.id}")
    assert not at.exception
    assert not at.error
    written = json.loads((done.folder / "summary.json").read_text())
    shown = at.dataframe[-1].value.set_index("figure")
    assert shown.loc["claim ranking", "before"] == written["before"]["claim_ranking"]
    assert shown.loc["claim ranking", "change"] == 0
    assert "wrote down when it ended" in texts(at.caption)


def compared(changed):

    return comparisons.comparison(asked_for.Asked("demo", str(changed), 200, "validation", 12))


@pytest.mark.long
def test_the_report_is_one_file_that_needs_no_network_and_escapes_what_users_typed(changed):
    from dashboard.compare import report
    from dashboard.parts import plots

    specs = {"A": "demo", "B": f"{changed}<script>"}
    found, second = compared(changed), comparisons.load("demo", str(changed)).b
    bars = plots.accuracy_bars(found.accuracy, title="Accuracy", subtitle="200 questions")
    text = report.html(
        found, specs, [report.Section(bars, "Higher is better.")], scores.figures(found), {"B": "{}"}, "link"
    )
    assert "<script>" not in text.split("<style>")[0]
    assert "&lt;script&gt;" in text
    assert 'src="http' not in text
    assert "<link" not in text
    assert second.fingerprint in text
    assert "torch " in text
    assert "items, 400 rows" in text


@pytest.mark.long
def test_the_archive_holds_every_table(changed):
    import io
    import zipfile

    found = compared(changed)
    packed = zipfile.ZipFile(io.BytesIO(take_along.archive(found)))
    assert set(packed.namelist()) == {f"{name}.csv" for name in found.tables}
    assert packed.read("changes.csv").decode().startswith("form,a,b,change,low,high,n")


@pytest.mark.long
def test_a_kept_comparison_is_read_instead_of_computed_and_another_checkpoint_has_none(changed, monkeypatch, tmp_path):
    import os

    from nast_core.compare import kept

    monkeypatch.setattr(kept, "code_revision", lambda: "abc")
    monkeypatch.setenv("NAST_CACHE", str(tmp_path))
    asked, found = asked_for.Asked("demo", str(changed), 200, "validation", 12), compared(changed)
    kept.keep(found, kept.kept_folder(*asked.identity))
    memo.STORE.clear()
    monkeypatch.setattr(comparisons, "_compute", lambda *_: pytest.fail("computed again"))
    again = compared(changed)
    assert again.changes.equals(found.changes)
    assert comparisons.names(again) == comparisons.names(found)
    calls: list[bool] = []
    monkeypatch.setattr(comparisons.st, "rerun", lambda: calls.append(True))
    comparisons.confirm(again, asked, comparisons.load("demo", str(changed)))
    assert not calls
    comparisons.confirm(
        again, asked, comparisons.load("demo", "demo")
    )  # as where a name has come to stand for other weights
    assert calls
    assert kept.read_kept(kept.kept_folder(*asked.identity)) is None
    before = asked.identity
    os.utime(next(changed.glob("*.safetensors")), (1, 10**10))
    assert asked.identity != before
