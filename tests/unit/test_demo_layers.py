"""What the demos' layers know, in sentences: from made-up figures, and docs/results.md from docs/layers.json."""

from pathlib import Path

from nast_core.claims.way_groups import HELD_OUT, TAUGHT
from nast_core.demo.study.layers import section, sentences
from nast_core.demo.study.tables import markdown
from nast_core.files.documents import read_json

DOCS = Path(__file__).resolve().parents[2] / "docs"


def figure(value: float) -> dict:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 40}


def probe_row(layer: int, findings: float, cues: float) -> dict:
    return {"layer": layer, "held_out_findings": figure(findings), "held_out_cues": figure(cues)}


def lens_row(layer: int, equivalent: float, affirmative: float, moved: float) -> dict:
    of = {"equivalent": equivalent, "affirmative": affirmative, "negated": 1.0, "moved": moved}
    return {"layer": layer, "jacobian": {name: figure(value) for name, value in of.items()}}


PROBE = {
    "sentence": "The tower knows from layer 1 on.",
    "pairs": 40,
    "layers": [probe_row(0, 0.5, 0.5), probe_row(1, 0.9, 0.6), probe_row(2, 0.8, 0.7)],
}
LENS = {"pairs": 40, "layers": [lens_row(0, 0.7, 0.6, 0.0), lens_row(1, 0.8, 0.6, -0.2), lens_row(2, 0.5, 1.0, 0.1)]}
PARTS = {
    "pairs": 40,
    "difference": figure(-0.5),
    "all_mlps": figure(-0.4),
    "all_heads": figure(-0.1),
    "mlps": [figure(0.1) | {"layer": 1}, figure(-0.5) | {"layer": 2}],
    "heads": [figure(-0.05) | {"layer": 1, "head": 3}, figure(0.02) | {"layer": 2, "head": 1}],
}
WORDING = {TAUGHT: figure(0.2), HELD_OUT: figure(0.1)}


def test_every_model_that_is_there_gets_a_sentence_for_each_thing_that_it_can():
    whole = {"probe": PROBE, "lens": LENS, "contributions": PARTS, "wording": WORDING}
    known, meant, made, *rest = sentences(
        {"one": whole, "gone": {"absent": "not built"}, "bent": whole | {"contributions": {"lacking": "it bends"}}}
    )
    assert "The tower knows from layer 1 on: probes" in known
    assert "0.80 (0.79 to 0.81) (layer 2)" in known
    assert "at most 0.70 (0.69 to 0.71) (layer 2)" in known
    assert "AUROC of 0.20 (0.19 to 0.21) by taught cues and of 0.10 (0.09 to 0.11) by held-out ones" in known
    assert (
        "stopped after layer 1, a denial has a cosine of 0.80" in meant
    )  # where the negation moves most, not the text
    assert "makes -0.200 (-0.210 to -0.190), the most before the last layer" in meant
    assert "that of layer 2 alone -0.50" in made
    assert "head 3 of layer 1 with -0.05" in made
    assert [one.split(":")[0] for one in rest] == ["`bent`", "`bent`"]


def test_without_their_file_the_study_says_nothing_of_layers(tmp_path):
    assert section(tmp_path) == []


def test_the_results_page_is_what_its_files_say():
    assert (DOCS / "results.md").read_text("utf-8") == markdown(read_json(DOCS / "results.json"), section(DOCS))
    outcome = read_json(DOCS / "layers.json")
    assert outcome["sentences"] == sentences(outcome["models"])
    assert len(outcome["sentences"]) == 5
