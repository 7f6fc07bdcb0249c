"""Whole fine-tunings of a tiny CLIP on phantoms: the result, and what interruptions, processes and full disks do to
it."""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import load_file
from transformers import CLIPModel

from nast_core import load_model
from nast_core.benchmark.items import write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.run import run_benchmark
from nast_core.claims.examples import read_claims
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named, open_image
from nast_core.errors import DataError, ModelError
from nast_core.files.netcdf import save_dataset
from nast_core.finetune.recipe import FinetuneError
from nast_core.models.encoder import DualEncoder
from nast_core.opening import load_finetuned
from nast_core.recipe import Cancelled
from nast_core.work.export import export
from nast_core.work.finetune import finetune
from nast_core.work.precision import noted, said
from tests.finetuning import Notes, recipe, write_phantom_claims

ROOT = Path(__file__).resolve().parents[2]
IN_A_PROCESS = """
import json, os, sys
from pathlib import Path
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.work.finetune import finetune
from nast_core.work.precision import noted, said
from tests.finetuning import Notes
notes = Notes()
finetune(FinetuneRecipe.model_validate_json(sys.argv[1]), Path(sys.argv[2]), notes)
if path := os.environ.get("NOTES"):
    Path(path).write_text(json.dumps([values for _, values in sorted(notes.steps.items())]))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory, folders):
    """(claims of phantoms, a tiny CLIP); runs beside them share the images' features."""
    folder = tmp_path_factory.mktemp("world")
    return write_phantom_claims(folder / "claims.jsonl"), folders["Hugging Face CLIP"]


@pytest.fixture(scope="module")
def whole(world, tmp_path_factory):
    """A run that nothing interrupted, to compare with."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    notes = Notes()
    figures = finetune(recipe(*world, learning_rate=1e-2), folder, notes)
    return folder, notes, figures


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter" / "adapter_model.safetensors")


def moves_by_hand(folder: Path) -> dict[str, torch.Tensor]:
    """What an adapter adds to each matrix of the base, alpha / rank x B A; none is nothing."""
    tensors = weights(folder)
    moves = {}
    for name, a in tensors.items():
        if ".lora_A." in name:
            b = tensors[name.replace(".lora_A.", ".lora_B.")]
            assert b.abs().max() > 0, name
            matrix = name.removeprefix("base_model.model.").replace(".lora_A.weight", ".weight")
            moves[matrix] = 16 / 8 * b @ a
    return moves


def furthest(a: Path, b: Path) -> float:
    """The largest difference between two adapters' weights."""
    first, second = weights(a), weights(b)
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


def start(asked, folder: Path, **more: str) -> subprocess.Popen:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | more
    return subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, asked.model_dump_json(), str(folder)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_leaves_an_adapter_that_loads_as_the_tuned_model(whole, world):
    folder, notes, figures = whole
    assert len(notes.curve("loss")) == 6
    assert figures["steps"] == 6
    assert {0, 3, 6} == {step for step, values in notes.steps.items() if "validation_claim_ranking" in values}
    base, tuned = load_model(world[1], device="cpu"), load_finetuned(folder, device="cpu")
    for name, moved in moves_by_hand(folder).items():
        before, after = base.module.get_parameter(name), tuned.module.get_parameter(name)
        assert torch.allclose(after, before + moved, atol=1e-6), name
    texts = ["There is no edema.", "Edema."]
    assert not torch.equal(tuned.encode_texts(texts), base.encode_texts(texts))
    assert tuned.fingerprint != base.fingerprint
    assert json.loads((folder / "summary.json").read_text())["after"]["alignment"] == figures["alignment"] < 1
    card = (folder / "adapter" / "README.md").read_text()
    for part in (base.fingerprint, "24 training and 8 validation studies", "rank 8", "6 of 6 steps", "## Limits"):
        assert part in card


def write_trace(path: Path, base: DualEncoder) -> Path:
    """Spread over the negator and the finding: half of 0.8, 0.4 and 0 in its three layers."""
    cte = np.zeros((1, 4, 3))
    cte[0, 1:, 1] = [0.8, 0.4, 0.0]
    cte[0, 1:, 0] = 9.0  # before the negator: does not count
    role = np.array([["before", "negator", "finding first"]], object)
    traced = xr.Dataset(
        {"cte": (("pair", "layer", "position"), cte), "d": ("pair", [-2.0]), "role": (("pair", "position"), role)},
        coords={"layer": np.arange(4)},
        attrs={"model": "tiny", "model_fingerprint": base.fingerprint},
    )
    save_dataset(path, traced)
    return path


@pytest.mark.parametrize(("arm", "expected"), [("nast", [1.9, 1.0, 0.1]), ("inverse", [0.1, 1.0, 1.9])])
def test_a_trace_reaches_the_optimizer_and_the_runs_record(world, tmp_path, arm, expected):
    # c / mean(c) = 2, 1, 0 and w = 0.1 + 0.9 x that
    write_trace(tmp_path / "trace.nc", load_model(world[1], device="cpu"))
    asked = recipe(*world, arm=arm, trace=tmp_path / "trace.nc", steps=1, learning_rate=1e-2)
    finetune(asked, tmp_path / "run", Notes())
    state = torch.load(tmp_path / "run" / "checkpoint" / "last.pt", weights_only=True)
    rates = [group["initial_lr"] for group in state["optimizer"]["param_groups"]]
    assert rates == pytest.approx([1e-2 * weight for weight in expected])
    assert json.loads((tmp_path / "run" / "adapter" / "nast.json").read_text())["layer_weights"] == pytest.approx(
        expected
    )
    layers = json.loads((tmp_path / "run" / "summary.json").read_text())["layers"]
    assert [layer["weight"] for layer in layers] == pytest.approx(expected)


def test_the_papers_preset_leaves_the_weakest_layer_and_says_where_its_update_lies(world, tmp_path):
    trace = write_trace(tmp_path / "trace.nc", load_model(world[1], device="cpu"))
    notes = Notes()
    finetune(recipe(*world, preset="paper", trace=trace, steps=3), tmp_path / "run", notes)
    layers = json.loads((tmp_path / "run" / "summary.json").read_text())["layers"]
    assert [layer["weight"] for layer in layers] == pytest.approx([1, 0.5, 0])
    assert layers[2]["change"] == layers[2]["share"] == 0 < min(layers[0]["share"], layers[1]["share"])
    assert sum(layer["share"] for layer in layers) == pytest.approx(1)
    first = notes.steps[1]
    assert first["loss"] == pytest.approx((first["loss_negated_captions"] + first["loss_claims"]) / 2, rel=1e-5)
    assert set(notes.curve("learning_rate")) == {3e-3}  # fixed, from the first step on
    card = (tmp_path / "run" / "adapter" / "README.md").read_text()
    assert "100.0 % of the update lies in the three of 3 layers" in card
    assert "0.5 x InfoNCE of single denials + 0.5 x softmax of the true claim" in card
    assert "| NAST (quoted, second-hand) | 49.5 | 65.7 | 55.6 | 4.2 |" in card


def test_a_tuned_model_finds_the_images_of_its_base_in_the_cache_and_none_of_its_texts(whole, world, tmp_path):
    cache = VectorCache(tmp_path)
    base, tuned = load_model(world[1], device="cpu"), load_finetuned(whole[0], device="cpu")
    assert cache.images(tuned).folder == cache.images(base).folder
    assert cache.texts(tuned).folder != cache.texts(base).folder
    picture = [open_image("phantom:5", size=base.image_size)]
    assert torch.equal(base.encode_images(picture), tuned.encode_images(picture))


def test_every_layer_moved_and_the_summary_says_how_far(whole, world):
    layers = json.loads((whole[0] / "summary.json").read_text())["layers"]
    moved, base = moves_by_hand(whole[0]), load_model(world[1], device="cpu").module
    assert len(layers) == 3
    for number, layer in enumerate(layers):
        own = f"text_model.encoder.layers.{number}."
        change = sum(float(move.square().sum()) for name, move in moved.items() if name.startswith(own))
        size = sum(float(p.square().sum()) for name, p in base.named_parameters() if name.startswith(own))
        assert change > 0
        assert (layer["layer"], layer["change"]) == (number + 1, pytest.approx((change / size) ** 0.5, rel=1e-4))


def test_arms_see_the_same_batches_and_a_frozen_one_changes_nothing(world, whole, tmp_path):
    notes = Notes()
    figures = finetune(recipe(*world, arm="frozen"), tmp_path / "frozen", notes)
    assert not notes.curve("loss")
    assert all(figures[name] == figures[f"{name}_before"] for name in ("claim_ranking", "alignment"))
    base, same = load_model(world[1], device="cpu"), load_finetuned(tmp_path / "frozen", device="cpu")
    assert torch.equal(base.encode_texts(["No edema."]), same.encode_texts(["No edema."]))
    again = Notes()
    finetune(recipe(*world, learning_rate=1e-5, scale="gradient"), tmp_path / "other", again)
    assert again.curve("loss")[0] == whole[1].curve("loss")[0]


def test_figures_of_validation_items_are_the_benchmarks_own(world, tmp_path):
    items = phantom_items(40, split="validation")
    write_items(items, tmp_path / "items.jsonl")
    figures = finetune(recipe(*world, items=tmp_path / "items.jsonl", steps=2), tmp_path / "run", Notes())
    expected = run_benchmark(load_finetuned(tmp_path / "run", device="cpu"), items).summary
    for name in ("acc_affirmative", "acc_negated"):
        assert figures[name] == pytest.approx(expected[name]["value"])
    assert figures["gap_points"] == pytest.approx(expected["gap_points"]["value"])


def test_images_are_encoded_once_for_all_runs_and_for_the_benchmark(world, tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_CACHE", str(tmp_path / "cache"))
    finetune(recipe(*world, steps=1), tmp_path / "first", Notes())
    images = DualEncoder.encode_images

    def none_to_encode(self, pictures, **options):
        asked = list(pictures)
        assert not asked, "images were encoded again"
        return images(self, asked, **options)

    monkeypatch.setattr(DualEncoder, "encode_images", none_to_encode)
    finetune(recipe(*world, steps=1, seed=1), tmp_path / "second", Notes())
    trained = [study.image for study in read_claims(world[0])]
    tuned = load_finetuned(tmp_path / "second", device="cpu")
    assert encode_named(tuned, trained[:3], cache=VectorCache(tmp_path / "cache"))[0]


@pytest.mark.long
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_killed_run_goes_on_to_the_weights_of_an_uninterrupted_one(world, whole, tmp_path, method):
    asked = recipe(*world, learning_rate=1e-2, method=method, checkpoint_every=1)
    if method == "full":
        finetune(asked, tmp_path / "whole", Notes())
    checkpoint = tmp_path / "killed" / "checkpoint" / "last.pt"
    with start(asked, tmp_path / "killed") as process:  # twice and more, and at any other moment: tests/faults
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.002)
        assert process.poll() is None
        process.kill()
    assert not (tmp_path / "killed" / "adapter").exists()
    with start(asked, tmp_path / "killed") as process:
        assert process.wait() == 0
    if method == "lora":
        assert furthest(tmp_path / "killed", whole[0]) <= 1e-6
    else:
        ours, theirs = (load_file(tmp_path / name / "adapter" / "layers.safetensors") for name in ("killed", "whole"))
        assert max(float((ours[name] - theirs[name]).abs().max()) for name in theirs) <= 1e-6


class Stopping(Notes):
    """Asks to stop once a step has been reported."""

    def __init__(self, step: int):
        super().__init__()
        self.stop_at = step

    def progress(self, done: int, total: int, label: str = "") -> None:
        if label == "Training" and done == self.stop_at:
            raise Cancelled


def test_a_cancelled_run_ends_at_the_next_step_and_goes_on_from_its_last_checkpoint(world, whole, tmp_path):
    asked = recipe(*world, learning_rate=1e-2)
    stopping = Stopping(5)
    with pytest.raises(Cancelled):
        finetune(asked, tmp_path / "run", stopping)
    assert max(stopping.steps) == 5
    notes = Notes()
    finetune(asked, tmp_path / "run", notes)
    assert sorted(notes.steps) == [0, 5, 6]  # the checkpoint is of step 4
    assert furthest(tmp_path / "run", whole[0]) <= 1e-6


def test_in_bf16_it_learns_nearly_the_same_and_keeps_its_weights_in_float32(world, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})  # torch computes it on any CPU
    notes = Notes()
    finetune(recipe(*world, learning_rate=1e-2, precision="bf16"), tmp_path / "run", notes)
    assert notes.curve("loss") != whole[1].curve("loss")
    assert notes.curve("loss") == pytest.approx(whole[1].curve("loss"), rel=0.02)
    assert {tensor.dtype for tensor in weights(tmp_path / "run").values()} == {torch.float32}
    assert said(noted(tmp_path / "run")) == "training: bf16, as asked"
    assert (
        "- Precision: training: bf16, as asked; weights in float32." in (tmp_path / "run/adapter/README.md").read_text()
    )


def test_a_checkpoint_of_another_recipe_is_not_continued(world, tmp_path):
    with pytest.raises(Cancelled):
        finetune(recipe(*world), tmp_path / "run", Stopping(2))
    with pytest.raises(FinetuneError, match="of another recipe or another model"):
        finetune(recipe(*world, learning_rate=0.5), tmp_path / "run", Notes())
    (tmp_path / "run" / "checkpoint" / "last.pt").write_bytes(b"PK\x03\x04 half of it")
    with pytest.raises(FinetuneError, match="cannot be read as a checkpoint"):
        finetune(recipe(*world), tmp_path / "run", Notes())


@pytest.mark.long
def test_two_processes_give_the_losses_and_weights_of_one(world, tmp_path):
    asked = recipe(*world, learning_rate=2e-3)  # at larger rates steps grow and multiply what is only rounding
    alone = Notes()
    finetune(asked, tmp_path / "alone", alone)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "GLOO_SOCKET_IFNAME": "lo"}
    both = [
        start(
            asked.model_copy(update={"num_processes": 2}),
            tmp_path / "run",
            **group,
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            LOCAL_WORLD_SIZE="2",
            ACCELERATE_USE_CPU="true",
            NOTES=str(tmp_path / f"notes-{rank}.json"),
        )
        for rank in range(2)
    ]
    assert [process.wait() for process in both] == [0, 0], both[0].stderr.read()
    expected = alone.curve("loss")
    for rank in range(2):
        found = json.loads((tmp_path / f"notes-{rank}.json").read_text())
        assert [values["loss"] for values in found if "loss" in values] == pytest.approx(expected, abs=1e-5)
    assert furthest(tmp_path / "run", tmp_path / "alone") <= 1e-4


@pytest.fixture
def little_room():
    """While open, no file may grow past so many bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_last_good_checkpoint(world, whole, tmp_path, little_room):
    class Filling(Notes):
        def progress(self, done: int, total: int, label: str = "") -> None:
            if label == "Training" and done == 3:
                little_room(4000)

    asked = recipe(*world, learning_rate=1e-2)
    with pytest.raises(DataError, match=r"last\.pt cannot be written"):
        finetune(asked, tmp_path / "run", Filling())
    little_room(resource.RLIM_INFINITY)
    assert [path.name for path in (tmp_path / "run" / "checkpoint").iterdir()] == ["last.pt"]
    notes = Notes()
    finetune(asked, tmp_path / "run", notes)
    assert sorted(notes.steps) == [0, 3, 4, 5, 6]
    assert furthest(tmp_path / "run", whole[0]) <= 1e-6


def test_early_stopping_goes_back_to_the_best_validation_since_captions_joined(world, tmp_path):
    asked = recipe(
        *world, learning_rate=1.0, warmup=0, steps=40, validate_every=1, patience=2, optimizer="sgd",
        statements_first=0.1,
    )  # fmt: skip
    notes = Notes()
    figures = finetune(asked, tmp_path / "run", notes)
    losses = notes.curve("validation_loss")
    judged = losses[asked.statement_steps - 1 :]
    best = asked.statement_steps + judged.index(min(judged))
    assert asked.statement_steps == 4
    assert figures["steps"] == best + 2 < 40
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["best_step"] == best


MEMORY = """
import resource, sys
from pathlib import Path
from nast_core.finetune.recipe import FinetuneError, FinetuneRecipe
from nast_core.work.finetune import finetune
from nast_core.work.precision import noted, said
from tests.finetuning import Notes

class Tight(Notes):
    def progress(self, done, total, label=""):
        if label == "Training":
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 350 * 2**20, -1))

try:
    finetune(FinetuneRecipe.model_validate_json(sys.argv[1]), Path(sys.argv[2]), Tight())
except FinetuneError as error:
    print(error)
"""


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="the limit on memory is Linux's")
def test_a_batch_too_large_for_the_memory_is_refused_with_one_that_fits(world, tmp_path):
    asked = recipe(world[0], "demo", batch_size=24, claims_per_image=8, method="full", validation_studies=2)
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    environment["MALLOC_MMAP_THRESHOLD_"] = "131072"  # freed memory goes back to the system, as a GPU's does
    ran = subprocess.run(
        [sys.executable, "-c", MEMORY, asked.model_dump_json(), str(tmp_path / "run")],
        env=environment,
        capture_output=True,
        text=True,
    )
    # which size still fits is up to the allocator: on some machines none does after the first failure
    fits, none = r"; .*do: set batch_size to \d+", r", nor does one of 2; use a smaller model"
    said = rf"a batch of 24 studies does not fit into the memory of cpu({fits}|{none})"
    assert re.search(said, ran.stdout), ran.stdout + ran.stderr[-2000:]


def test_a_validation_item_of_a_trained_patient_is_refused(world, tmp_path):
    item = phantom_items(1, split="validation")[0]
    trained = json.loads(world[0].read_text().splitlines()[0])["patient_id"]
    write_items([item.model_copy(update={"patient_id": trained})], tmp_path / "items.jsonl")
    with pytest.raises(DataError, match=f"1 patients of the validation items are trained on, first {trained}"):
        finetune(recipe(*world, items=tmp_path / "items.jsonl"), tmp_path / "run", Notes())


def test_images_that_cannot_be_read_are_left_out_and_named(world, tmp_path):
    lines = [json.loads(line) for line in world[0].read_text().splitlines()]
    gone = lines[0]["study_id"]
    changed = [line | ({"image": "gone.png"} if line["study_id"] == gone else {}) for line in lines]
    (tmp_path / "claims.jsonl").write_text("\n".join(map(json.dumps, changed)))
    finetune(recipe(tmp_path / "claims.jsonl", world[1], images=tmp_path, steps=1), tmp_path / "run", Notes())
    assert "gone.png" in json.loads((tmp_path / "run" / "summary.json").read_text())["unreadable"]
    none = [line | {"image": f"{line['study_id']}.png"} for line in lines]
    (tmp_path / "claims.jsonl").write_text("\n".join(map(json.dumps, none)))
    with pytest.raises(DataError, match="fewer than 2 train studies have an image that can be read"):
        finetune(recipe(tmp_path / "claims.jsonl", world[1], images=tmp_path, steps=1), tmp_path / "none", Notes())


@pytest.mark.parametrize("tracker", ["mlflow", "wandb", "tensorboard"])
def test_a_tracker_that_is_not_installed_is_named_with_how_to_get_it(world, tmp_path, tracker):
    if find_spec(tracker):
        pytest.skip(f"{tracker} is installed here")
    with pytest.raises(FinetuneError, match=f"{tracker} is not installed; install it with: pip install {tracker}"):
        finetune(recipe(*world, tracker=tracker), tmp_path / "run", Notes())


def test_tensorboard_gets_the_curves(world, tmp_path):
    pytest.importorskip("tensorboard", reason="pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    notes = Notes()
    finetune(recipe(*world, tracker="tensorboard", steps=2), tmp_path / "run", notes)
    events = EventAccumulator(str(tmp_path / "run" / "nast")).Reload()
    assert [event.value for event in events.Scalars("loss")] == pytest.approx(notes.curve("loss"))


def test_mlflow_gets_the_curves_in_a_store_it_can_read(world, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="pip install mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notes = Notes()
    finetune(recipe(*world, tracker="mlflow", steps=2), tmp_path / "run", notes)
    client = mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    (run,) = client.search_runs([client.get_experiment_by_name("nast").experiment_id])
    assert [m.value for m in client.get_metric_history(run.info.run_id, "loss")] == pytest.approx(notes.curve("loss"))


def test_an_adapter_is_refused_for_any_other_base(whole, folders):
    with pytest.raises(
        ModelError, match=r"was trained on .* and .* has fingerprint .*; give the model it was trained on"
    ):
        load_finetuned(whole[0], device="cpu", base=str(folders["open_clip"]))


def test_a_folder_without_an_adapter_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no adapter that 'nast finetune' finished"):
        load_finetuned(tmp_path, device="cpu")


def test_the_exported_folder_loads_with_transformers_as_the_tuned_model(whole, tmp_path):
    folder = export(whole[0], tmp_path / "exported")
    tuned = load_finetuned(whole[0], device="cpu")
    library = CLIPModel.from_pretrained(folder).eval()
    tokens = tuned.text.tokenize(["There is no edema."])
    with torch.no_grad():
        theirs = library.get_text_features(input_ids=tokens.ids).pooler_output
        assert (theirs - tuned.text.encode(tokens)).abs().max() <= 1e-5
    with pytest.raises(DataError, match="exists already; give the name of a new folder"):
        export(whole[0], folder)


def test_the_exported_folder_loads_with_open_clip_as_the_tuned_model(world, folders, tmp_path):
    import open_clip

    finetune(recipe(world[0], folders["open_clip"], steps=2, learning_rate=1e-2), tmp_path / "run", Notes())
    folder = export(tmp_path / "run", tmp_path / "exported")
    tuned = load_finetuned(tmp_path / "run", device="cpu")
    library, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}", require_pretrained=True)
    tokens = tuned.text.tokenize(["There is no edema."])
    with torch.no_grad():
        theirs = library.eval().encode_text(torch.nn.functional.pad(tokens.ids, (0, 77 - tokens.ids.shape[1])))
        assert (theirs - tuned.text.encode(tokens)).abs().max() <= 1e-4
