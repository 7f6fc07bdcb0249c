"""The work of each kind: what lands in a run's folder is what the engine gives."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from nast_core import load_model
from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.build import build_examples
from nast_core.claims.claim import KINDS
from nast_core.claims.examples import read_claims, write_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.claims.run import run_claims
from nast_core.encoding.showcase import image_names, images_for_pairs
from nast_core.errors import BenchmarkError, DataError, ImageError, PairError
from nast_core.interpret.attention import negator_selective_attention
from nast_core.interpret.effects import trace
from nast_core.interpret.gradients import attribution_trace
from nast_core.interpret.patched_runs import read_vectors
from nast_core.interpret.plan import PatchPlan
from nast_core.negation.corrections import Correction
from nast_core.negation.pairs import align_all, read_pairs
from nast_core.work.alignment import AlignmentRecipe, alignment
from nast_core.work.attention import AttentionRecipe, attention
from nast_core.work.benchmark import BenchmarkRecipe, benchmark
from nast_core.work.claims import ClaimsRecipe
from nast_core.work.claims import claims as score_claims
from nast_core.work.trace import TraceRecipe
from nast_core.work.trace import trace as trace_run

pytestmark = pytest.mark.slow  # runs whole

PAIRS = [
    {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema"},
    {"affirmative": "an effusion", "negated": "some other text", "finding": ""},
    {"affirmative": "rib fracture is present", "negated": "rib fracture is absent", "finding": "Fracture"},
]


class Listening:
    """A Reporter that keeps what it is told."""

    def __init__(self):
        self.said: list[tuple[int, int, str]] = []
        self.lines: list[str] = []

    def progress(self, done: int, total: int, label: str = "") -> None:
        self.said.append((done, total, label))

    def metrics(self, step: int, **values: float) -> None: ...

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def report() -> Listening:
    return Listening()


@pytest.fixture
def fields(folders, pairs) -> dict:
    return {"model": str(folders["Hugging Face CLIP"]), "device": "cpu", "pairs": pairs}


@pytest.fixture
def pairs(tmp_path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(pair) + "\n" for pair in PAIRS))
    return path


@pytest.fixture
def aligned(tiny, pairs):
    return align_all(read_pairs(pairs), tiny.text).aligned


def opened(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as result:
        return result.load()


def test_attention_is_that_of_the_pairs_that_align_and_the_others_are_in_the_log(
    fields, tiny, aligned, tmp_path, report
):
    figures = attention(AttentionRecipe(**fields), tmp_path, report)
    expected = negator_selective_attention(tiny, aligned)
    found = opened(tmp_path / "attention.nc")
    np.testing.assert_allclose(found.nsa, expected.nsa, atol=1e-6)
    assert figures == {"pairs": 2, "largest_nsa": pytest.approx(float(expected.nsa.mean("pair").max()), abs=1e-6)}
    assert json.loads(found.attrs["recipe"])["kind"] == "attention"
    assert "not used: 'some other text'" in report.lines[0]
    assert report.said[-1] == (2, 2, "pairs")


@pytest.mark.parametrize("component", ["block", "head"])
def test_a_trace_is_that_of_the_engine_and_its_patched_vectors_are_kept(
    fields, tiny, aligned, tmp_path, report, component
):
    recipe = TraceRecipe(**fields, component=component)
    trace_run(recipe, tmp_path, report)
    plan = PatchPlan(component=component, positions="all" if component == "head" else "each")
    expected = trace(tiny, aligned, images_for_pairs(tiny, aligned), plan=plan)
    expected = expected.assign_coords(scored_on=("pair", image_names(aligned)))
    xr.testing.assert_allclose(opened(tmp_path / "trace.nc").drop_attrs(), expected.drop_attrs(), atol=1e-4)
    assert read_vectors(tmp_path / "vectors.h5", 1) is not None


def test_a_trace_by_attribution_says_how_well_it_agrees_with_the_exact_one(fields, tiny, aligned, tmp_path, report):
    trace_run(TraceRecipe(**fields, method="attribution"), tmp_path, report)
    found = opened(tmp_path / "trace.nc")
    expected = attribution_trace(tiny, aligned, images_for_pairs(tiny, aligned))
    np.testing.assert_allclose(found.cte, expected.cte, atol=1e-4)
    assert found.attrs["agreement_pairs"] == 2
    assert not (tmp_path / "vectors.h5").exists()


def test_a_trace_can_be_averaged_over_a_folder_of_images_or_made_on_one(fields, tiny, aligned, tmp_path, report):
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pictures = [Image.fromarray(rng.integers(0, 256, (28, 28), np.uint8)) for _ in range(2)]
    for name, picture in zip("ab", pictures, strict=True):
        picture.save(folder / f"{name}.png")
    vectors = tiny.encode_images(pictures)
    trace_run(TraceRecipe(**fields, images=folder), tmp_path, report)
    several = trace(tiny, aligned, vectors.expand(2, -1, -1))
    np.testing.assert_allclose(opened(tmp_path / "trace.nc").d, several.d, atol=1e-4)
    trace_run(TraceRecipe(**fields, image=folder / "b.png"), tmp_path, report)
    one = trace(tiny, aligned, vectors[1:].expand(2, -1))
    np.testing.assert_allclose(opened(tmp_path / "trace.nc").d, one.d, atol=1e-4)
    with pytest.raises(DataError, match="there is no folder"):
        trace_run(TraceRecipe(**fields, images=tmp_path / "none"), tmp_path, report)


def test_pairs_that_cannot_be_used_and_images_that_cannot_be_read_are_one_sentence(fields, pairs, tmp_path, report):
    pairs.write_text(json.dumps(PAIRS[0] | {"image": "lost.png"}) + "\n")
    with pytest.raises(ImageError, match=r"1 images of the pairs cannot be read; first 'lost\.png'"):
        trace_run(TraceRecipe(**fields), tmp_path, report)
    pairs.write_text(json.dumps(PAIRS[1]) + "\n")
    with pytest.raises(PairError, match="none of the 1 pairs can be used with this model; first: "):
        attention(AttentionRecipe(**fields), tmp_path, report)


def test_a_benchmark_run_answers_as_the_engine_does(fields, tiny, tmp_path, report):
    items = phantom_items(12, seed=3)
    write_items(items, tmp_path / "items.jsonl")
    del fields["pairs"]
    figures = benchmark(BenchmarkRecipe(**fields, items=tmp_path / "items.jsonl"), tmp_path, report)
    expected = run_benchmark(tiny, items)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert figures["acc_negated"] == summary["acc_negated"]["value"] == expected.summary["acc_negated"]["value"]
    assert summary["gap_points"] == expected.summary["gap_points"]
    rows = pd.read_parquet(tmp_path / "items.parquet")
    np.testing.assert_allclose(rows.score_A, expected.scored.score_A, atol=1e-4)
    assert [said[2] for said in report.said][-1] == "texts"


def test_a_benchmark_without_items_asks_about_phantoms(fields, tmp_path, report):
    del fields["pairs"]
    benchmark(BenchmarkRecipe(**fields, n=8, seed=3, split="validation"), tmp_path, report)
    rows = pd.read_parquet(tmp_path / "items.parquet")
    assert rows.item_id.unique().tolist() == [item.item_id for item in phantom_items(8, seed=3, split="validation")]


def test_a_run_counts_the_items_that_rest_on_a_persons_reading(fields, tmp_path, report):
    items = phantom_items(4, seed=3)
    said = Correction(text=items[1].negated[0], condition="Fracture", state="not said")
    items[1] = items[1].model_copy(update={"corrected": (said,)})
    write_items(items, tmp_path / "items.jsonl")
    del fields["pairs"]
    benchmark(BenchmarkRecipe(**fields, items=tmp_path / "items.jsonl"), tmp_path, report)
    assert json.loads((tmp_path / "summary.json").read_text())["corrected"] == 1


@pytest.mark.parametrize("kept", [False, True])
def test_a_run_counts_and_lists_the_images_that_show_nothing_also_when_their_vectors_are_kept(
    fields, tmp_path, report, monkeypatch, kept
):
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "cache") if kept else "off")
    Image.new("L", (64, 64)).save(tmp_path / "black.png")
    items = [
        item.model_copy(update={"image": "black.png"} if n == 1 else {})
        for n, item in enumerate(phantom_items(4, seed=3))
    ]
    write_items(items, tmp_path / "items.jsonl")
    del fields["pairs"]
    for _ in range(2):
        recipe = BenchmarkRecipe(**fields, items=tmp_path / "items.jsonl", images=tmp_path)
        benchmark(recipe, tmp_path, report)
        assert json.loads((tmp_path / "summary.json").read_text())["warnings"] == 1
        told = json.loads((tmp_path / "warnings.json").read_text())
        assert told == {"black.png": "It shows almost one value, so nothing can be told from it."}
        rows = pd.read_parquet(tmp_path / "items.parquet")
        assert set(rows[rows.warning != ""].item_id) == {items[1].item_id}


def test_images_that_are_nowhere_are_one_sentence(fields, tmp_path, report):
    items = [item.model_copy(update={"image": "lost.png"}) for item in phantom_items(2, seed=3)]
    write_items(items, tmp_path / "items.jsonl")
    del fields["pairs"]
    with pytest.raises(BenchmarkError, match=r"no item could be scored: 1 images cannot be read; first 'lost\.png'"):
        benchmark(BenchmarkRecipe(**fields, items=tmp_path / "items.jsonl"), tmp_path, report)


@pytest.fixture(scope="module")
def claims(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("claims") / "claims.jsonl"
    write_claims(build_examples(phantom_studies(30, split="test", seed=1), seed=1).examples, path)
    return path


@pytest.fixture(scope="module")
def wordy(folders):
    """A tiny model that reads texts as long as claims can be."""
    return load_model(folders["open_clip"], device="cpu")


def test_a_claims_run_ranks_as_the_engine_does(folders, wordy, claims, tmp_path, report):
    recipe = ClaimsRecipe(model=str(folders["open_clip"]), device="cpu", claims=claims, seed=2)
    figures = score_claims(recipe, tmp_path, report)
    expected = run_claims(wordy, read_claims(claims), seed=2).summary
    summary = json.loads((tmp_path / "summary.json").read_text())
    for kind in KINDS:
        assert summary["ranking"][kind]["all"]["accuracy"]["n"] == expected["ranking"][kind]["all"]["accuracy"]["n"]
        assert figures[f"{kind}_accuracy"] == pytest.approx(expected["ranking"][kind]["all"]["accuracy"]["value"])
    assert figures["negated_prompt_auroc"] == pytest.approx(
        expected["negated_prompt_auroc"]["there is no"]["macro"]["value"], abs=1e-3
    )
    assert len(pd.read_parquet(tmp_path / "pairs.parquet")) == expected["ranking"]["pairs"]


def test_alignment_with_the_model_itself_has_changed_by_nothing(folders, wordy, claims, tmp_path, report):
    model = str(folders["open_clip"])
    plain = {"model": model, "device": "cpu", "claims": claims}
    figures = alignment(AlignmentRecipe(**plain, base=model), tmp_path, report)
    assert figures["zero_shot_auroc_change"] == figures["affirmative_map_change"] == 0
    assert figures["text_cosine"] == pytest.approx(1, abs=1e-6)
    alone = alignment(AlignmentRecipe(**plain), tmp_path, report)
    assert alone == {name: pytest.approx(figures[name]) for name in ("zero_shot_auroc", "affirmative_map")}
    summary = json.loads((tmp_path / "summary.json").read_text())
    expected = run_claims(wordy, read_claims(claims)).summary["alignment"]
    assert summary["affirmative_retrieval"]["mAP"]["value"] == pytest.approx(
        expected["affirmative_retrieval"]["mAP"]["value"], abs=1e-4
    )
