"""The ``nast`` command end to end on a tiny checkpoint: what it writes, and what it says to a user's mistake."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import open_clip
import pandas as pd
import pytest
import torch
import xarray as xr
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from nast_core.cli import app
from tests.writers import biovil

pytestmark = pytest.mark.slow  # every command

PAIRS = (
    {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"},
    {"affirmative": "rib fracture is present", "negated": "rib fracture is absent", "finding": "Fracture"},
)
RATE = {"value", "low", "high", "n"}


def nast(*words: object, code: int = 0):
    """Runs the command in this process; fails on any other exit code and on any exception but an exit."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == code, result.output
    return result


def mistake(*words: object) -> str:
    """The one line of advice that ends a command with exit code 2."""
    lines = nast(*words, code=2).stderr.splitlines()
    assert sum(line.startswith("nast: ") for line in lines) == 1
    assert lines[-1].startswith("nast: ")
    assert "Traceback" not in "".join(lines)
    return lines[-1]


@pytest.fixture
def model(folders) -> Path:
    return folders["Hugging Face CLIP"]


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    return path


@pytest.fixture(scope="module")
def items(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "deep" / "items.jsonl"
    nast("benchmark", "build", "--labels", "phantom", "--n", 12, "--seed", 5, "--out", path)
    return path


def test_model_info_of_a_folder_says_what_it_is_and_ticks_every_check(folders):
    for family, folder in folders.items():
        said = nast("model", "info", folder, "--device", "cpu").stdout
        for part in (family, "3 layers x 4 heads", "28 px", "Fingerprint", "pre-norm", "14.2", "Parameters"):
            assert part in said
        assert re.search(r"^Keys not used +none$", said, re.MULTILINE)
        assert said.count("\nok ") == 7
        assert "FAILED" not in said


def test_model_info_as_json_holds_the_same_machine_readable(model):
    record = json.loads(nast("model", "info", model, "--json").stdout)
    assert record["Family"] == "Hugging Face CLIP"
    assert len(record["Fingerprint"]) == 64
    assert [tick["passed"] for tick in record["self_test"]] == [True] * 7


def test_model_info_of_the_demo_passes_its_self_test():
    record = json.loads(nast("model", "info", "demo", "--json").stdout)
    assert record["Text tower"].startswith("12 layers x 8 heads")
    assert all(tick["passed"] for tick in record["self_test"])


def test_model_info_says_what_a_family_cannot_do(tmp_path):
    said = nast("model", "info", biovil.write(tmp_path / "model")).stdout
    assert re.search(r"^no logit scale +BioViL's checkpoints hold no logit scale", said, re.MULTILINE)


def test_model_list_names_every_known_model_with_its_licence_and_the_way_to_it(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(model, "models/pubmedclip")
    said = nast("model", "list").stdout
    assert "MedSigLIP (Hugging Face SigLIP; Health AI Developer Foundations terms; gated; arXiv:2507.05201)" in said
    assert "on this machine: models/pubmedclip; type pubmedclip" in said
    assert "comes with NAST; type demo-tuned" in said
    cards = {card["type"]: card for card in json.loads(nast("model", "list", "--json").stdout)}
    assert cards["pubmedclip"]["folder"] == "models/pubmedclip"
    assert cards["medclip"]["folder"] is None
    assert Path(cards["demo-tuned"]["folder"], "adapter", "nast.json").is_file()
    assert cards["radclip"]["checkpoints"] == ["RadCLIP.pth"]


def test_model_convert_writes_a_folder_that_loads_and_says_what_it_took_for_granted(tmp_path):
    text = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}
    vision = {"image_size": 28, "layers": 1, "width": 64, "head_width": 64, "patch_size": 14}
    torch.save(open_clip.CLIP(8, vision, text, quick_gelu=True).state_dict(), tmp_path / "mine.pt")
    said = nast("model", "convert", tmp_path / "mine.pt", "--out", tmp_path / "out").stdout
    for part in ("quick_gelu     True", "converted_from mine.pt", f"'nast model info {tmp_path / 'out'}'"):
        assert part in said
    assert "1 layers x 1 heads" in nast("model", "info", tmp_path / "out").stdout


def test_mistakes_about_models_are_one_line_and_exit_code_2(tmp_path):
    (tmp_path / "resnet.pth").write_bytes(b"no")
    convert = ("model", "convert", "--out", tmp_path / "out")
    assert "there is no file /no.pt; give the path of a checkpoint" in mistake(*convert, "/no.pt")
    assert "is a folder; give a file" in mistake(*convert, tmp_path)
    assert "there is no folder /none; check its name" in mistake(
        *convert, tmp_path / "resnet.pth", "--companions", "/none"
    )
    assert "no known model is called 'radclp'; did you mean radclip" in mistake(
        *convert, tmp_path / "resnet.pth", "--as", "radclp"
    )
    assert "is not a torch file" in mistake(*convert, tmp_path / "resnet.pth")
    assert "HF_HUB_OFFLINE is set" in mistake("model", "download", "pubmedclip")
    assert "did you mean medsiglip" in mistake("model", "download", "medsigclip")
    assert "fetch it first with 'nast model download me/clip'" in mistake("model", "info", "me/clip")
    assert "which weights is not said" in mistake("model", "info", "open_clip:ViT-B-32")


@pytest.mark.parametrize("words", [("model", "convert", "/no/such.pt", "--out", "/tmp/x")])
def test_a_path_that_is_not_there_is_answered_before_anything_heavy_is_imported(words):
    code = (
        f"import sys; from nast_core.cli import app\ntry:\n    app({list(words)!r})\n"
        "except SystemExit as stop:\n    print(stop.code, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "2 False\n"
    assert done.stderr.startswith("nast: there is no file /no/such.pt")


def test_attention_writes_nsa_by_pair_layer_and_head(model, pairs, tmp_path):
    out = tmp_path / "new" / "nsa.nc"
    said = nast("attention", "--model", model, "--pairs", pairs, "--out", out)
    with xr.open_dataset(out, engine="h5netcdf") as result:
        assert result.nsa.dims == result.nsa_absolute.dims == ("pair", "layer", "head")
        assert result.nsa.shape == (2, 3, 4)
        assert result.negated.values.tolist() == [pair["negated"] for pair in PAIRS]
        assert result.cue.values.tolist() == ["no", "absent"]
        best = result.nsa.mean("pair").argmax(("layer", "head"))
        top = (int(best["layer"]) + 1, int(best["head"]) + 1, float(result.nsa.mean("pair").max()))
    assert f"layer {top[0]:>2} head {top[1]:>2}  NSA {top[2]:.3f}" in said.stdout.splitlines()[0]
    assert "2 pairs align, 0 do not" in said.stderr


@pytest.mark.parametrize("own_image", [False, True])
def test_trace_writes_cte_by_pair_layer_and_position(model, pairs, tmp_path, own_image):
    out, options = tmp_path / "cte.nc", []
    if own_image:
        Image.fromarray(np.arange(900, dtype=np.uint8).reshape(30, 30)).save(tmp_path / "x.png")
        options = ["--image", tmp_path / "x.png"]
    said = nast("trace", "--model", model, "--pairs", pairs, "--out", out, *options).stdout
    with xr.open_dataset(out, engine="h5netcdf") as result:
        assert result.cte.dims == ("pair", "layer", "position")
        assert result.layer.values.tolist() == [0, 1, 2, 3]
        assert result.role.values[0].tolist()[:4] == ["before", "before", "before", "negator"]
        assert result.d.values == pytest.approx((result.s_affirmative - result.s_negated).values)
        assert float(result.cte[0, 0, 3]) == pytest.approx(1, abs=0.01)  # the negator of "there is no edema."
        assert result.attrs["kind"] == "trace"
        assert len(result.attrs["model_fingerprint"]) == 64
    assert said.count("ok: CTE = ") == 3
    assert "2 pairs: " in said
    assert ", 0 undefined (|d| < 0.001)" in said


def test_trace_uses_the_image_that_a_pair_names(model, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)).save(tmp_path / name)
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(PAIRS[0] | {"image": name}) + "\n" for name in ("a.png", "b.png", "a.png")))
    nast("trace", "--model", model, "--pairs", pairs, "--out", tmp_path / "cte.nc")
    with xr.open_dataset(tmp_path / "cte.nc", engine="h5netcdf") as result:
        first, second, third = result.d.values
    assert first == third != second


def test_without_pairs_the_template_pairs_are_used(model, tmp_path):
    said = nast("attention", "--model", model, "--out", tmp_path / "nsa.nc").stderr
    with xr.open_dataset(tmp_path / "nsa.nc", engine="h5netcdf") as result:
        assert len(set(result.finding.values.tolist())) == 13
        assert f"{result.sizes['pair']} pairs align" in said


def test_benchmark_build_writes_one_item_a_line_and_the_seed_decides(items, tmp_path):
    again, other = tmp_path / "again.jsonl", tmp_path / "other.jsonl"
    nast("benchmark", "build", "--n", 12, "--seed", 5, "--out", again)
    nast("benchmark", "build", "--n", 12, "--seed", 6, "--out", other)
    assert len(items.read_text().splitlines()) == 12
    assert items.read_text() == again.read_text() != other.read_text()


def test_benchmark_run_writes_the_summary_and_a_row_for_every_item_and_form(model, items, tmp_path):
    said = nast("benchmark", "run", "--model", model, "--items", items, "--out", tmp_path / "out").stdout
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert {"acc_affirmative", "acc_negated", "gap_points", "mcnemar", "ties", "unscored", "provenance"} <= set(summary)
    assert all(set(summary[name]) == RATE for name in ("acc_affirmative", "acc_negated", "gap_points", "blind_negated"))
    rows = pd.read_parquet(tmp_path / "out" / "items.parquet")
    assert rows.groupby("form").size().to_dict() == {"affirmative": 12, "negated": 12}
    by_form = rows.groupby("form").correct.mean()
    assert summary["acc_negated"]["value"] == pytest.approx(by_form["negated"])
    assert summary["gap_points"]["value"] == pytest.approx(100 * (by_form["affirmative"] - by_form["negated"]))
    assert f"{'acc_negated':<18} {by_form['negated']:.3f}" in said


def test_a_bad_model_or_device_is_one_line_and_exit_code_2(model, tmp_path):
    for command in (("model", "info"), ("attention", "--out", tmp_path / "x.nc", "--model")):
        assert "there is no folder /no/where" in mistake(*command, "/no/where")
    assert "no device 'tpu'" in mistake("model", "info", model, "--device", "tpu")


@pytest.mark.parametrize("command", ["attention", "trace"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"affirmative": "a"}', "line 1: not a pair (negated: Field required)"),
        ("{", "line 1: not a pair (not JSON"),
        ("", "has no pairs"),
        (json.dumps({"affirmative": "an edema", "negated": "severe edema"}), "none of the 1 pairs can be used"),
    ],
)
def test_a_bad_file_of_pairs_is_one_line_and_exit_code_2(model, tmp_path, command, content, said):
    (tmp_path / "pairs.jsonl").write_text(content)
    assert said in mistake(command, "--model", model, "--pairs", tmp_path / "pairs.jsonl", "--out", tmp_path / "x.nc")
    assert not (tmp_path / "x.nc").exists()


def test_a_bad_image_is_one_line_and_exit_code_2(model, pairs, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    assert "bad.png" in mistake(
        "trace", "--model", model, "--pairs", pairs, "--image", tmp_path / "bad.png", "--out", tmp_path / "x.nc"
    )
    pairs.write_text(json.dumps(PAIRS[0] | {"image": "lost.png"}))
    assert "1 images of the pairs cannot be read" in mistake(
        "trace", "--model", model, "--pairs", pairs, "--out", tmp_path / "x.nc"
    )


def test_bad_items_and_images_that_are_nowhere_are_one_line_and_exit_code_2(model, items, tmp_path):
    run = ("benchmark", "run", "--model", model, "--out", tmp_path / "out", "--items")
    assert "make one with 'nast benchmark build'" in mistake(*run, tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text("{}")
    assert "line 1: not an item (item_id: Field required)" in mistake(*run, tmp_path / "bad.jsonl")
    one = json.loads(items.read_text().splitlines()[0]) | {"image": "lost.png"}
    (tmp_path / "lost.jsonl").write_text(json.dumps(one))
    assert "no item could be scored: 1 images cannot be read" in mistake(*run, tmp_path / "lost.jsonl")
    assert "unknown label source 'mimic'" in mistake(
        "benchmark", "build", "--labels", "mimic", "--out", tmp_path / "i.jsonl"
    )


def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_2(model, pairs, items, tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    out = tmp_path / "file" / "result"
    for command in (
        ("attention", "--model", model, "--pairs", pairs, "--out", out),
        ("attention", "--model", model, "--pairs", pairs, "--out", tmp_path / "folder"),
        ("benchmark", "build", "--n", 2, "--out", out),
        ("benchmark", "run", "--model", model, "--items", items, "--out", out),
    ):
        assert "cannot be written" in mistake(*command)
    assert [path.name for path in tmp_path.rglob("*.part")] == []


@pytest.mark.parametrize(
    "words", [("attention",), ("trace", "--nonsense"), ("benchmark", "build", "--n", "0", "--out", "x")]
)
def test_wrong_options_end_with_exit_code_2(words):
    nast(*words, code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("model", "info"),
        ("model", "list"),
        ("model", "download"),
        ("model", "convert"),
        ("attention",),
        ("trace",),
        ("benchmark", "build"),
        ("benchmark", "run"),
    ],
)
def test_every_command_has_help_with_an_example(words):
    assert "Example: nast " + " ".join(words) in " ".join(nast(*words, "--help").stdout.split())


def test_the_self_test_fails_and_exit_code_is_1_when_the_embeddings_are_not_numbers(copied):
    path = copied() / "model.safetensors"
    tensors = load_file(path)
    tensors["text_projection.weight"] = torch.full_like(
        tensors["text_projection.weight"], 3e38
    )  # finite, but no sum of it is
    save_file(tensors, path, {"format": "pt"})
    assert "FAILED" in nast("model", "info", path.parent, code=1).stdout
