"""Comparisons kept on disk come back as they were, and one that cannot be read is none."""

import numpy as np
import pandas as pd
import pytest

from nast_core.compare import kept
from nast_core.compare.kept import keep, kept_folder, read_kept
from nast_core.compare.tables import Comparison


def comparison(value: float) -> Comparison:
    tables = {name: pd.DataFrame({"form": ["negated"], "value": [value]}) for name in kept._tables()}
    tables["heads"] = pd.DataFrame({"layer": [1, 2], "change": [np.nan, value]})
    tables["items"] = pd.DataFrame({"item_id": ["a"], "choice_a": [None], "score_A_a": [np.float32(0.1)]})
    return Comparison(about={"pairs": 12, "same_weights": False}, **tables)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_CACHE", str(tmp_path))
    monkeypatch.setattr(kept, "code_revision", lambda: "abc")
    return tmp_path


def test_a_comparison_comes_back_as_it_was(cache):
    folder, found = kept_folder("a", "b", 12), comparison(0.25)
    assert read_kept(folder) is None
    keep(found, folder)
    again = read_kept(folder)
    assert again.about == found.about
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)


def test_other_models_sizes_and_code_have_other_folders(cache, monkeypatch):
    first = kept_folder("a", "b", 12)
    assert first == kept_folder("a", "b", 12)
    assert first != kept_folder("a", "b", 24)
    monkeypatch.setattr(kept, "code_revision", lambda: "abd")
    assert first != kept_folder("a", "b", 12)


def test_changed_code_and_a_cache_that_is_off_keep_nothing(cache, monkeypatch):
    monkeypatch.setattr(kept, "code_revision", lambda: "abc-dirty")
    assert kept_folder("a") is None
    monkeypatch.setattr(kept, "code_revision", lambda: "abc")
    monkeypatch.setenv("NAST_CACHE", "off")
    assert kept_folder("a") is None


def test_one_that_is_damaged_is_none_and_is_written_anew(cache):
    folder = kept_folder("a")
    keep(comparison(1), folder)
    (folder / "layers.parquet").write_bytes(b"half")
    assert read_kept(folder) is None
    keep(comparison(2), folder)
    assert read_kept(folder).layers.value.tolist() == [2]


def test_only_the_last_ones_stay(cache, monkeypatch):
    monkeypatch.setattr(kept, "_MOST", 2)
    for number in range(4):
        keep(comparison(number), kept_folder(number))
    assert len(list((cache / "comparisons").iterdir())) == 2
    assert read_kept(kept_folder(3)).layers.value.tolist() == [3]


def test_a_disk_that_cannot_be_written_costs_nothing(cache):
    (cache / "comparisons").write_text("a file in the way")
    keep(comparison(1), kept_folder("a"))
    assert read_kept(kept_folder("a")) is None
