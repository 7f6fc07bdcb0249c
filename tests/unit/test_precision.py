"""bf16 where it is asked for: close to float32, kept apart from it, refused where it would be emulated, tried under
auto."""

import json
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from typer.testing import CliRunner

from nast_core import load_model
from nast_core.cli import app
from nast_core.encoding.cache import VectorCache, encode_distinct
from nast_core.encoding.images import encode_named
from nast_core.errors import ModelError
from nast_core.models import precision
from nast_core.models.precision import FLOAT32, Choice, choose, choose_for, computing, fused_is_slow, lacking, with_bf16
from nast_core.models.provenance import provenance
from nast_core.runs.reporter import Silent
from nast_core.work.encode import EncodeRecipe
from nast_core.work.finetune import finetune
from nast_core.work.in_process import run_in_process
from nast_core.work.kinds import BenchmarkRecipe, FinetuneRecipe, make_recipe
from nast_core.work.precision import FILE, in_precision, noted, said, settled
from tests.finetuning import Notes, recipe

pytestmark = pytest.mark.slow  # a run, commands, a real tower

CPU = torch.device("cpu")
TEXTS = ["There is no edema.", "Large left effusion.", "no pneumothorax"]
PHANTOMS = [f"phantom:{seed}" for seed in range(3)]
NEAR = 5e-4  # 1 - cosine; bf16 has 8 binary digits, so a product is off by 2e-3 of itself at most


@pytest.fixture(autouse=True)
def able(monkeypatch):
    """A processor with bf16, whatever the tests run on; torch computes the same without one, only slower."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    monkeypatch.setattr(precision, "_tried", {})


@pytest.fixture
def unable(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": False})


class Clock:
    """Time that passes only where work says so: ``float32`` and ``bf16`` seconds a thing."""

    def __init__(self, monkeypatch, float32: float, bf16: float):
        self.now, self.each, self.sizes = 0.0, (float32, bf16), []
        monkeypatch.setattr(precision.time, "process_time", lambda: self.now)

    def work(self, size: int, bf16: bool) -> None:
        self.sizes.append(size)
        self.now += size * self.each[bf16]


def test_vectors_in_bf16_are_near_those_in_float32_and_float32_stays_what_it_was(tiny):
    before = tiny.encode_texts(TEXTS), encode_named(tiny, PHANTOMS)[0]
    other = with_bf16(tiny, ["texts", "images"])
    texts, images = other.encode_texts(TEXTS), encode_named(other, PHANTOMS)[0]
    assert texts.dtype == torch.float32
    assert 0 < float((1 - (texts * before[0]).sum(-1)).max()) < NEAR
    for name in PHANTOMS:
        assert 0 < float(1 - images[name] @ before[1][name]) < NEAR
    assert torch.equal(tiny.encode_texts(TEXTS), before[0])
    assert with_bf16(other, []).encode_texts(TEXTS).equal(before[0])


def test_only_the_tower_that_is_named_computes_in_bf16(tiny):
    texts_only = with_bf16(tiny, ["texts"])
    assert not torch.equal(texts_only.encode_texts(TEXTS), tiny.encode_texts(TEXTS))
    assert encode_named(texts_only, PHANTOMS)[0]["phantom:0"].equal(encode_named(tiny, PHANTOMS)[0]["phantom:0"])
    assert provenance(texts_only, "x")["precision"] == "float32, texts in bf16"
    assert provenance(tiny, "x")["precision"] == "float32"


def test_what_is_traced_is_computed_in_float32_whatever_the_vectors_are_made_in(tiny):
    other = with_bf16(tiny, ["texts", "images"])
    tokens = tiny.text.tokenize(TEXTS)
    assert torch.equal(other.text.states(tokens), tiny.text.states(tokens))
    assert torch.equal(other.text.encode(tokens), tiny.text.encode(tokens))


def test_a_vector_of_another_precision_is_another_vector_in_the_cache(tiny, tmp_path):
    cache, other = VectorCache(tmp_path), with_bf16(tiny, ["texts"])
    assert cache.texts(tiny).folder != cache.texts(other).folder
    assert cache.images(tiny).folder == cache.images(other).folder
    own = encode_distinct(tiny, TEXTS, cache=cache)
    rounded = encode_distinct(other, TEXTS, cache=cache)
    assert not torch.equal(own[TEXTS[0]], rounded[TEXTS[0]])
    assert torch.equal(encode_distinct(tiny, TEXTS, cache=cache)[TEXTS[0]], own[TEXTS[0]])


def test_a_recipe_in_float32_is_asked_nothing_and_notes_nothing(tiny, tmp_path):
    assert in_precision(BenchmarkRecipe(), tiny, tmp_path, Silent()) is tiny
    assert not list(tmp_path.iterdir())
    assert choose("float32", CPU, ("m",), lambda size, bf16: pytest.fail("tried"), 8) == FLOAT32


@pytest.mark.parametrize(("bf16", "taken"), [(0.010, True), (0.017, True), (0.018, False), (0.030, False)])
def test_auto_takes_bf16_from_1_15_times_as_fast(monkeypatch, bf16, taken):
    clock = Clock(monkeypatch, 0.020, bf16)  # 0.020 / 0.0174 = 1.15
    choice = choose("auto", CPU, ("m", "texts"), clock.work, 64)
    assert choice.bf16 is taken
    assert choice.seconds == pytest.approx((0.020 * max(clock.sizes), bf16 * max(clock.sizes)))
    assert max(clock.sizes) * bf16 >= 0.2  # long enough to be timed
    assert "a batch takes" in choice.said


def test_it_is_tried_once_a_model_device_and_process_and_on_a_batch_at_most(monkeypatch):
    clock = Clock(monkeypatch, 2e-5, 1e-5)
    first = choose("auto", CPU, ("m", "texts"), clock.work, 64)
    tries = len(clock.sizes)
    assert max(clock.sizes) == 64
    assert choose("auto", CPU, ("m", "texts"), clock.work, 64) is first
    assert len(clock.sizes) == tries
    choose("auto", CPU, ("m", "images"), clock.work, 64)
    assert len(clock.sizes) == 2 * tries


def test_a_trial_lasts_about_a_second_unless_one_thing_takes_longer(monkeypatch):
    clock = Clock(monkeypatch, 0.12, 0.10)  # 1.2 times: no plain winner, so it goes on
    choose("auto", CPU, ("m", "texts"), clock.work, 64)
    assert clock.now < 4
    slow = Clock(monkeypatch, 5.0, 2.0)
    choose("auto", CPU, ("m", "images"), slow.work, 64)
    assert slow.sizes == [1] * 5  # cold, both; to find the batch; and one round


def test_a_real_tower_is_tried_on_both_its_parts(tiny):
    for part in precision.PARTS:
        choice = choose_for(tiny, "auto", part)
        assert choice.seconds is not None
        assert min(choice.seconds) > 0
        assert tiny.in_bf16 == frozenset()


def test_where_it_would_be_emulated_bf16_is_refused_and_auto_is_float32(unable, tiny):
    assert lacking(CPU) == "this CPU has no bf16 (AMX or AVX512-BF16)"
    with pytest.raises(ModelError, match=r"this CPU has no bf16 .*; give precision float32, or auto"):
        choose_for(tiny, "bf16", "texts")
    assert choose_for(tiny, "auto", "texts") == Choice(False, "since this CPU has no bf16 (AMX or AVX512-BF16)")


@pytest.mark.parametrize(
    ("name", "system", "has"), [("Apple M1 Pro", True, False), ("Apple M3", True, True), ("Apple M3", False, False)]
)
def test_apples_first_chips_and_systems_before_14_have_none(monkeypatch, name, system, has):
    monkeypatch.setattr(torch.backends.mps, "get_name", lambda: name)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: system)
    assert (lacking(torch.device("mps")) == "") is has


def test_a_command_that_asks_for_what_the_device_cannot_says_so_in_one_sentence(unable, folders, tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    (tmp_path / "t.txt").write_text("no edema\n")
    words = ["encode", "--model", str(folders["open_clip"]), "--texts", str(tmp_path / "t.txt"), "--device", "cpu"]
    done = CliRunner().invoke(app, [*words, "--precision", "bf16", "--out", str(tmp_path / "v.npz")])
    assert done.exit_code == 2
    assert [line for line in done.stderr.splitlines() if line.startswith("nast: ")] == [
        "nast: this CPU has no bf16 (AMX or AVX512-BF16), and emulated it is slower than float32; give precision "
        "float32, or auto"
    ]
    assert not (tmp_path / "v.npz").exists()


def test_a_fine_tune_that_asks_for_it_is_refused_before_it_reads_anything(unable, folders, tmp_path):
    asked = recipe(tmp_path / "there are no claims.jsonl", folders["Hugging Face CLIP"], precision="bf16")
    with pytest.raises(ModelError, match="this CPU has no bf16"):
        finetune(asked, tmp_path / "run", Notes())


@pytest.mark.parametrize("asked", ["bf16", "auto"])
@pytest.mark.parametrize("kind", ["trace", "attention"])
def test_kinds_that_look_for_small_differences_refuse_it(kind, asked):
    with pytest.raises(Exception, match=rf"precision {asked} is for encoding and fine-tuning; .* leave precision out"):
        make_recipe({"kind": kind, "precision": asked})


@pytest.mark.parametrize("asked", ["bf16", "auto"])
def test_a_model_is_not_loaded_in_it(folders, asked):
    with pytest.raises(ModelError, match="is for encoding and for fine-tuning"):
        load_model(folders["open_clip"], device="cpu", dtype=asked)


def test_the_jobs_of_an_array_may_not_choose_for_themselves(tmp_path):
    fields = {"images": tmp_path, "executor": {"name": "slurm", "array": 2}}
    assert EncodeRecipe(precision="bf16", **fields).precision == "bf16"
    with pytest.raises(ValidationError, match="may not choose for themselves: give precision bf16 or float32"):
        EncodeRecipe(precision="auto", **fields)


def test_a_run_notes_what_was_chosen_and_both_times_and_goes_on_as_it_began(folders, tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))
    (tmp_path / "t.txt").write_text("\n".join(TEXTS))
    asked = EncodeRecipe(
        model=str(folders["open_clip"]), device="cpu", texts=tmp_path / "t.txt", precision="auto", cache=False
    )
    run = run_in_process(asked, Silent())
    choice = noted(run.folder)["texts"]
    assert json.loads((run.folder / FILE).read_text())["texts"]["seconds"] == list(choice.seconds)
    assert said(noted(run.folder)) in run.log
    assert (
        f"texts: {'bf16' if choice.bf16 else 'float32'}, a batch takes"
        in CliRunner().invoke(app, ["runs", "show", run.id]).stdout
    )
    model = with_bf16(load_model(folders["open_clip"], device="cpu"), ["texts"] if choice.bf16 else [])
    assert torch.equal(torch.from_numpy(run.result["vectors"]), model.encode_texts(TEXTS))
    again = settled(asked, run.folder, Silent(), lambda: pytest.fail("chosen once more"))
    assert again == {"texts": choice}


def test_a_damaged_note_is_none(tmp_path):
    (Path(tmp_path) / FILE).write_text('{"texts": {"bf16": "perhaps"}}')
    assert noted(tmp_path) == {}


def test_a_fine_tune_may_train_whole_layers_in_bf16_since_the_weights_stay_in_float32():
    assert FinetuneRecipe(method="full", precision="bf16").precision == "bf16"


def test_plain_attention_stands_in_for_the_fused_one_where_bf16_gradients_are_slow(tiny, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 4, 5, 8, generator=generator, dtype=torch.float64) for _ in range(3))
    mask = torch.ones(5, 5, dtype=torch.bool).tril()[None, None]
    for hidden in (mask, None):
        fused = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=hidden)
        assert torch.allclose(tiny.text.weights(query, key, hidden) @ value, fused, atol=1e-12)
    learnt = query.requires_grad_()
    assert not fused_is_slow(learnt)  # in float32, and wherever no gradient is asked for, all is as ever
    with computing(CPU, bf16=True):
        assert fused_is_slow(learnt)
        assert not fused_is_slow(key)
    with computing(CPU, bf16=False):
        assert not fused_is_slow(learnt)
