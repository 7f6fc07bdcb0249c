"""Downloads by the real hub client from a small hub on this machine: whole, refused, cut off, resumed, on a full
disk."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from huggingface_hub import _tree_cache, constants

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models import fetching, zoo
from nast_core.models.fetching import fetch
from nast_core.models.hub import plan_download
from tests.hub_server import Repository, commit_of, files_of, running_hub

pytestmark = pytest.mark.slow  # a hub of its own, and disks that fill

ROOT = Path(__file__).resolve().parents[2]
PUBMED = "flaviagiammarino/pubmed-clip-vit-base-patch32"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Opens a hub with the given repositories, and makes it the one that the client asks; models/ is below tmp_path."""
    monkeypatch.chdir(tmp_path)
    opened = []

    def open_hub(repositories: dict[str, Repository]) -> None:
        opened.append(running_hub(repositories))
        address = opened[-1].__enter__()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )

    yield open_hub
    for server in opened:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def clip(folders) -> dict[str, bytes]:
    """A tiny CLIP as a repository has it, beside what nobody needs to load it."""
    useless = {"tf_model.h5": b"x" * 100, "flax_model.msgpack": b"x", "onnx/model.onnx": b"x", ".gitattributes": b"x"}
    return files_of(folders["Hugging Face CLIP"]) | useless | {"pytorch_model.bin": b"the same weights again"}


def test_a_known_model_comes_whole_with_progress_and_loads(hub, clip, folders):
    hub({PUBMED: Repository(clip)})
    plan = plan_download("pubmedclip")
    wanted = files_of(folders["Hugging Face CLIP"])
    assert (plan.count, plan.total) == (len(wanted), sum(map(len, wanted.values())))
    seen: list[tuple[int, int]] = []
    folder = fetch(plan, lambda done, total: seen.append((done, total)))
    assert folder == zoo.find_card("pubmedclip").folder
    assert {path.name for path in folder.iterdir()} == {*wanted, "nast.json"}
    assert seen == sorted(seen)
    assert seen[-1] == (plan.total, plan.total)
    model = load_model("pubmedclip", device="cpu")
    expected = load_model(folders["Hugging Face CLIP"], device="cpu")
    assert torch.equal(model.encode_texts(["No edema."]), expected.encode_texts(["No edema."]))
    assert (model.card.name, model.card.revision) == ("PubMedCLIP", commit_of(PUBMED))
    assert sorted(path.name for path in folder.parent.iterdir()) == ["pubmedclip"]


def test_any_hub_id_comes_into_a_folder_of_its_name(hub, clip):
    hub({"me/my-clip": Repository(clip)})
    assert fetch(plan_download("me/my-clip@main")) == Path("models/me--my-clip")
    assert load_model("me/my-clip", device="cpu").card.name == "me/my-clip"
    with pytest.raises(ModelError, match="is there already; to fetch me/my-clip again, move that folder away"):
        plan_download("me/my-clip")


def test_what_a_model_needs_of_another_repository_comes_along(hub):
    card = zoo.find_card("biomedclip")
    bert = card.companions[0]
    own = {name: name.encode() for name in card.files}
    hub({card.hub: Repository(own), bert.hub: Repository({"config.json": b"{}", "pytorch_model.bin": b"not this"})})
    folder = fetch(plan_download("BiomedCLIP"))
    assert {path.name for path in folder.iterdir()} == {*own, "config.json", "nast.json"}
    assert (folder / "config.json").read_bytes() == b"{}"


def test_a_bare_checkpoint_comes_beside_its_folder_and_the_next_step_is_told(hub):
    hub({"zluvolyote/RadCLIP": Repository({"RadCLIP.pth": b"weights", "README.md": b"read"})})
    plan = plan_download("radclip")
    assert (fetch(plan) / "RadCLIP.pth").read_bytes() == b"weights"
    convert = "run 'nast model convert models/radclip-checkpoint/RadCLIP.pth --out models/radclip', then type radclip"
    assert plan.next_step == convert
    assert not zoo.find_card("radclip").folder.exists()


def test_gated_absent_and_empty_repositories_are_one_sentence_each(hub, clip):
    hub({"google/medsiglip-448": Repository(clip, gated=True), "me/notes": Repository({"README.md": b"hello"})})
    with pytest.raises(ModelError, match=r"is gated: accept its terms at https://huggingface\.co/google/medsiglip-448"):
        fetch(plan_download("medsiglip"))
    with pytest.raises(ModelError, match=r"the hub has no model nobody/nothing, or it is private: check the name"):
        plan_download("nobody/nothing")
    with pytest.raises(ModelError, match=r"me/notes on the hub holds no weights that can be loaded, only README\.md"):
        plan_download("me/notes")
    with pytest.raises(ModelError, match="no known model is called 'medsigclip'; did you mean medsiglip"):
        plan_download("medsigclip")
    assert not Path("models/medsiglip").exists()


def test_a_connection_that_drops_is_taken_up_where_it_broke_off(hub, clip, monkeypatch):
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)  # bytes the client keeps at a time
    repository = Repository(clip, drops=1)
    hub({PUBMED: repository})
    folder = fetch(plan_download("pubmedclip"))
    kept = len(clip["model.safetensors"]) // 2 // 1000 * 1000
    asked = [row for row in repository.asked if row.startswith("model.safetensors")]
    assert asked == ["model.safetensors 0", f"model.safetensors {kept}"]
    assert (folder / "model.safetensors").read_bytes() == clip["model.safetensors"]


def test_a_connection_that_keeps_dropping_leaves_no_model_and_the_next_try_keeps_what_came_whole(
    hub, clip, monkeypatch
):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)  # the client waits a second before each try
    repository = Repository(clip, drops=1000)
    hub({PUBMED: repository})
    with pytest.raises(ModelError, match=r"could not be fetched from http://127.*what came whole is kept"):
        fetch(plan_download("pubmedclip"))
    assert not zoo.find_card("pubmedclip").folder.exists()
    assert zoo.on_this_machine(zoo.find_card("pubmedclip")) is None
    first, repository.drops = len(repository.asked), 0
    fetch(plan_download("pubmedclip"))
    assert repository.asked[first:] == ["model.safetensors 0"]
    assert load_model("pubmedclip", device="cpu").card.name == "PubMedCLIP"


def test_half_a_download_is_not_taken_for_the_model_when_the_hub_is_gone(hub, clip, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    hub({PUBMED: Repository(clip, drops=1000)})
    plan = plan_download("pubmedclip")
    with pytest.raises(ModelError):
        fetch(plan)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    )
    with pytest.raises(ModelError, match="could not be fetched from http://127"):
        plan_download("pubmedclip")
    with pytest.raises(ModelError, match="could not be fetched"):
        fetch(plan)
    shutil.rmtree("models/.pubmedclip.incoming/.cache")  # without its notes, and in a new process,
    _tree_cache._IN_MEMORY_TREE_CACHE.clear()  # the client takes the folder for whole
    with pytest.raises(ModelError, match=r"model\.safetensors of .* did not come whole \(0 of .* bytes\)"):
        fetch(plan)
    assert not plan.folder.exists()


def test_two_at_once_do_not_fetch_the_same_model(hub, clip):
    hub({PUBMED: Repository(clip, seconds=1.0)})
    plan, started = plan_download("pubmedclip"), threading.Event()
    first = threading.Thread(target=lambda: fetch(plan, lambda done, total: started.set()))
    first.start()
    assert started.wait(20)
    with pytest.raises(ModelError, match="is being fetched already, by another window or process"):
        fetch(plan)
    first.join(20)
    assert plan.folder.exists()


def test_a_model_larger_than_the_disk_is_refused_before_a_byte_comes(hub, clip, monkeypatch):
    repository = Repository(clip)
    hub({PUBMED: repository})
    monkeypatch.setattr(fetching, "_ROOM", 2**60)
    with pytest.raises(ModelError, match=r"PubMedCLIP has \d+\.\d [kM]B and the disk of .* free; make room"):
        fetch(plan_download("pubmedclip"))
    assert repository.asked == []


_ON_A_SMALL_DISK = """
import os, pathlib, resource, subprocess, sys, threading, time
place, own = pathlib.Path(sys.argv[1]), sys.argv[2] == "True"
if own:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(place)], check=True)
os.chdir(place)
from nast_core.errors import ModelError
from nast_core.models.fetching import fetch
from nast_core.models.hub import plan_download

def fill():
    while not list(place.rglob("*.incomplete")):
        time.sleep(0.01)
    with open("filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(2**16))
        except OSError:
            pass

plan = plan_download("me/my-clip")
if own:
    threading.Thread(target=fill, daemon=True).start()
else:  # no file may grow beyond this
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**18, resource.RLIM_INFINITY))
try:
    fetch(plan)
except ModelError as error:
    print(error)
print(sorted(p.name for p in pathlib.Path("models").rglob("*") if p.is_file() and not p.name.endswith(".lock")))
"""


def test_a_disk_that_becomes_full_half_way_leaves_nothing_and_says_so(clip, tmp_path):
    large = clip | {"model.safetensors": os.urandom(4 * 2**20)}
    disk, script = tmp_path / "disk", tmp_path / "small_disk.py"
    disk.mkdir()
    script.write_text(_ON_A_SMALL_DISK)
    own = (
        shutil.which("unshare")
        and not subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode
    )
    command = [sys.executable, str(script), str(disk), str(bool(own))]
    with running_hub({"me/my-clip": Repository(large, seconds=1.5)}) as address:
        settings = {
            "HF_ENDPOINT": address,
            "HF_HUB_OFFLINE": "0",
            "PYTHONPATH": str(ROOT),
            "HF_HOME": str(tmp_path / "hf"),
        }
        done = subprocess.run(
            ["unshare", "-rm", *command] if own else command,  # a mount that is seen, and ends, with the process
            env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "the disk became full while me/my-clip was fetched, and what had come was removed; make room and try again",
        "[]",
    ]


def test_the_card_of_a_download_says_where_it_came_from_and_under_which_licence(hub, clip):
    hub({PUBMED: Repository(clip)})
    record = json.loads((fetch(plan_download("pubmedclip")) / "nast.json").read_text())
    assert record == {"name": "PubMedCLIP", "hub": PUBMED, "revision": commit_of(PUBMED), "licence": "MIT"}
