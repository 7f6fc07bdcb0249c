"""The fine-tune that comes with NAST: a spec like any other, small, with figures that its comparison gives, found by
content."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import nast_core
from nast_core import load_model, opening
from nast_core.benchmark import phantoms
from nast_core.cli import app
from nast_core.compare import travelling
from nast_core.compare.shipping import CARD, measured
from nast_core.compare.travelling import PAIRS, QUESTIONS, asked_of, content_of, name_of, read_travelling
from nast_core.errors import ModelError
from nast_core.files.places import TUNED_FOLDER
from nast_core.models import specs

pytestmark = pytest.mark.slow
ASKED = ("demo", "demo-tuned", QUESTIONS, "test", PAIRS)


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """demo-tuned from a folder of the test's own; its comparisons stay where they are."""
    folder = Path(shutil.copytree(TUNED_FOLDER, tmp_path / "demo-tuned"))
    monkeypatch.setattr(opening, "TUNED_FOLDER", folder)
    monkeypatch.setitem(specs.EMBEDDED, "demo-tuned", folder)
    return folder


def test_the_spec_is_the_demo_with_another_text_tower():
    base, tuned = load_model("demo", device="cpu"), load_model("demo-tuned", device="cpu")
    assert tuned.card.name.startswith("demo CLIP, fine-tuned")
    assert tuned.card.source == "demo-tuned"
    assert tuned.card.conditions == base.card.conditions
    assert tuned.fingerprint != base.fingerprint
    assert tuned.image_fingerprint == base.fingerprint


def test_the_adapter_has_at_most_3_mb_and_nothing_in_its_folder_is_more_than_text_and_tensors():
    adapter = TUNED_FOLDER / "adapter"
    assert (adapter / "adapter_model.safetensors").stat().st_size <= 3_000_000
    assert {path.suffix for path in adapter.iterdir()} == {".json", ".md", ".safetensors"}
    assert sum(path.stat().st_size for path in TUNED_FOLDER.rglob("*") if path.is_file()) < 5_000_000
    texts = [path.read_text("utf-8") for path in TUNED_FOLDER.rglob("*") if path.suffix in (".json", ".md")]
    assert not [text for text in texts if "/work/" in text or "/tmp/" in text or "/home/" in text]


def test_without_it_the_spec_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setitem(specs.EMBEDDED, "demo-tuned", tmp_path / "gone" / "demo-tuned")
    with pytest.raises(ModelError, match="demo-tuned is not in assets/demo-tuned; make it with 'nast demo tune'"):
        load_model("demo-tuned")


def test_the_cards_figures_are_those_of_the_comparison_on_the_test_split():
    found, card = read_travelling(*ASKED), CARD.read_text("utf-8")
    assert "\n".join(measured(found)) in card
    assert "Phantoms are drawings, not patients" in card
    for form in ("affirmative", "negated"):  # the same figures, from each question's answer
        rows = found.items[found.items.form == form]
        a, b = (100 * (rows[f"choice_{model}"] == rows.answer).mean() for model in "ab")
        line = next(line for line in card.splitlines() if line.startswith(f"| MCQ accuracy, {form} (%) |"))
        assert f"| {a:.1f} (" in line
        assert f"| {b:.1f} (" in line
        assert f"| {b - a:+.1f} (" in line
        assert line.endswith(f"| {QUESTIONS} |")
    changes = found.changes.set_index("form").change
    assert changes["gap"] == pytest.approx(changes["affirmative"] - changes["negated"])
    assert changes["negated"] > 10


def test_its_comparison_is_found_by_the_files_of_both_models(copied):
    assert read_travelling(*ASKED) is not None
    before = name_of(*ASKED)
    card = copied / "adapter" / "README.md"
    card.write_text(card.read_text() + "more is said of it\n")
    assert name_of(*ASKED) == before
    path = copied / "adapter" / "adapter_model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert content_of("demo-tuned") != content_of("demo")
    assert name_of(*ASKED) != before
    assert read_travelling(*ASKED) is None


def test_its_comparison_is_found_by_what_is_asked(monkeypatch):
    assert read_travelling(*ASKED) is not None
    assert read_travelling("demo-tuned", "demo", *ASKED[2:]) is None
    assert read_travelling("demo", "demo-tuned", 200, "test", PAIRS) is None
    assert read_travelling("demo", "demo-tuned", QUESTIONS, "test", 24) is None
    assert read_travelling("demo", str(TUNED_FOLDER), *ASKED[2:]) is None
    asked_of.cache_clear()
    monkeypatch.setattr(phantoms, "JOINS", (" and ",))  # other questions under the same number, split and seed
    monkeypatch.setattr(travelling, "written_by", lambda: "other code")
    assert read_travelling(*ASKED) is None
    asked_of.cache_clear()


def test_what_is_noted_of_the_questions_is_what_they_are_hashed_to_and_is_of_this_code():
    kept = json.loads(travelling.ASKED.read_text("utf-8"))
    assert kept["written_by"] == travelling.written_by(), (
        "the code that writes the questions was changed; a fresh Compare takes 0.6 s more until "
        "'nast demo compare --asked' notes their hashes again, or, where they are others now, "
        "'nast demo compare' compares on them"
    )
    assert set(kept["asked"].values()) == {
        travelling.hash_of_asked(QUESTIONS, split, PAIRS) for split in ("validation", "test")
    }


@pytest.mark.parametrize("edited", ["benchmark/grammar.yaml", "vocabulary/chest.yaml", "data/phantom.py"])
def test_code_or_a_table_that_was_edited_is_other_code(tmp_path, monkeypatch, edited):
    before = travelling.written_by()
    package = Path(shutil.copytree(Path(nast_core.__file__).parent, tmp_path / "nast_core"))
    monkeypatch.setattr(travelling, "__file__", str(package / "compare" / "travelling.py"))
    assert travelling.written_by() == before  # wherever it is installed
    (package / edited).write_text((package / edited).read_text("utf-8") + "\n")
    assert travelling.written_by() != before


def test_whatever_is_imported_to_write_what_is_asked_counts_as_its_code():
    code = (
        "import sys; from nast_core.compare import travelling; before = set(sys.modules)\n"
        "travelling.hash_of_asked(5, 'validation', 2)\n"
        "print(*(name for name in set(sys.modules) - before if name.startswith('nast_core.')))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_folders = {  # what opens datasets that are folders, and reads their files
        *("dataset", "dataset.folder", "dataset.interface", "dataset.manifest", "dataset.opened", "dataset.study_file"),
        *("data.image_folders", "data.label_layouts", "data.label_words", "files.held", "files.jsonl"),
    }
    files = {name.removesuffix(".py").replace("/", ".") for name in travelling._FILES}
    imported = {name.removeprefix("nast_core.") for name in said.stdout.split()}
    assert {name for name in imported - of_folders - files if name.split(".")[0] not in travelling._FOLDERS} == set()


def test_no_other_comparison_lies_there():
    there = {path.name for path in travelling.FOLDER.iterdir()}
    assert there == {"asked.json"} | {
        name_of("demo", "demo-tuned", QUESTIONS, split, PAIRS) for split in ("validation", "test")
    }


def test_a_fresh_pages_headline_needs_neither_torch_nor_a_model():
    code = (
        "import sys\n"
        "from dashboard.compare import asked_for, comparisons, inside, item_changes, mechanism, one_head, scores, "
        "take_along\nfrom nast_core.compare.travelling import PAIRS, QUESTIONS, read_travelling\n"
        "found = read_travelling('demo', 'demo-tuned', QUESTIONS, 'validation', PAIRS)\n"
        "print([figure.value for figure in scores.figures(found)])\n"
        "heavy = {'torch', 'transformers', 'peft', 'scipy', 'sklearn', 'xarray'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr[-500:]
    assert "points" in said.stdout


def test_loading_it_says_nothing():
    code = "from nast_core import load_model; load_model('demo-tuned', device='cpu')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stderr == ""


def test_it_is_exported_by_name(tmp_path):
    said = CliRunner().invoke(app, ["export", "demo-tuned", "--out", str(tmp_path / "merged")])
    assert said.exit_code == 0, said.output
    a, b = load_model("demo-tuned", device="cpu"), load_model(tmp_path / "merged", device="cpu")
    assert a.fingerprint == b.fingerprint


@pytest.mark.long
def test_the_comparison_that_travels_is_the_one_that_is_made_today():
    from nast_core.compare.composing import Parts, compare_on, pairs_of
    from nast_core.compare.travelling import STUDIES
    from nast_core.dataset.opened import open_dataset

    a, b = load_model("demo", device="cpu"), load_model("demo-tuned", device="cpu")
    world = open_dataset("phantoms")
    items, claims = world.items("test", QUESTIONS), world.evidence("test", STUDIES)
    now, then = compare_on(a, b, Parts(pairs_of(a, b, world, PAIRS), items, claims)), read_travelling(*ASKED)
    for table, columns, near in (
        ("changes", "a b change", 0.5),
        ("claims", "a b change", 0.01),
        ("heads", "a b change", 0.01),
    ):
        for column in columns.split():
            np.testing.assert_allclose(now.tables[table][column], then.tables[table][column], atol=near)
    assert now.about["statements"] == then.about["statements"]
