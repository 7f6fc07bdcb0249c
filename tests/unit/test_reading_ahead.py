"""Images read by other processes: what one process would have made of them, whatever becomes of the others."""

import logging
import os
import signal
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from nast_core.data import _pixels
from nast_core.encoding import images as sources
from nast_core.encoding import reading
from nast_core.encoding.cache import VectorCache
from nast_core.encoding.images import encode_named
from nast_core.encoding.reading import Prepared, read_ahead

pytestmark = pytest.mark.slow

SIZE = 4 * 3 * 28**2


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twenty radiographs of noise, a black one, one that is no image, one cut short, and an empty one."""
    rng = np.random.default_rng(0)
    for number in range(20):
        pixels = rng.integers(0, 256, (40 + number, 60), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    Image.new("L", (40, 40)).save(tmp_path / "black.png")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "short.png").write_bytes((tmp_path / "00.png").read_bytes()[:300])
    (tmp_path / "empty.dcm").touch()
    return tmp_path


@pytest.fixture
def names(folder) -> list[str]:
    return [*sorted(path.name for path in folder.iterdir()), "lost.png", "phantom:3", "phantom:nothing", "00.png"]


@pytest.fixture(autouse=True)
def nobody_stays():
    yield
    assert psutil.Process().children() == []


def read_by_hand(name: str) -> Prepared:
    return Prepared(name, name, torch.full((2,), float(name)))


def numbers(count: int) -> list[str]:
    return list(map(str, range(count)))


def test_two_processes_give_the_vectors_the_refusals_and_the_doubts_of_one(tiny, folder, names):
    alone, together = {}, {}
    vectors, failed = encode_named(tiny, names, folder, doubts=alone, workers=0)
    told: list[int] = []
    found, refused = encode_named(tiny, names, folder, doubts=together, workers=2, progress=told.append)
    assert list(found) == list(vectors)
    assert all(torch.equal(found[name], vectors[name]) for name in vectors)
    assert (refused, together) == (failed, alone)
    assert set(failed) == {"text.png", "short.png", "empty.dcm", "lost.png", "phantom:nothing"}
    assert list(alone) == ["black.png"]
    assert sum(told) == len(names) - 1  # one is named twice


def test_images_whose_vectors_are_kept_are_not_decoded_by_any_process(tiny, folder, names, tmp_path, monkeypatch):
    cache = VectorCache(tmp_path / "cache")
    first, _ = encode_named(tiny, names, folder, cache=cache, workers=2)

    def none(*_):
        raise AssertionError("an image was decoded again")

    monkeypatch.setattr(sources, "_load", none)
    good = [name for name in names if name in first]
    doubts: dict[str, str] = {}
    again, _ = encode_named(tiny, good, folder, cache=cache, workers=2, doubts=doubts)
    assert all(torch.equal(again[name], first[name]) for name in first)
    assert list(doubts) == ["black.png"]


def test_whoever_stops_half_way_leaves_no_process(tiny, folder, names):
    class Gone(BaseException):
        """As Streamlit ends a script."""

    def leave(count: int) -> None:
        raise Gone

    with pytest.raises(Gone):
        encode_named(tiny, names, folder, workers=2, progress=leave)
    assert psutil.Process().children() == []
    images = read_ahead(read_by_hand, numbers(100), workers=2, size=SIZE)
    assert next(images).name == "0"
    assert len(psutil.Process().children()) == 2
    images.close()
    assert psutil.Process().children() == []


def test_a_process_that_dies_costs_time_and_no_image(caplog):
    own = os.getpid()

    def read(name: str) -> Prepared:
        if name == "40" and os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        return read_by_hand(name)

    with caplog.at_level(logging.WARNING):
        found = list(read_ahead(read, numbers(100), workers=1, size=SIZE))
    assert [image.name for image in found] == numbers(100)
    assert [image.pixels.tolist() for image in found] == [[n, n] for n in range(100)]
    (said,) = caplog.messages
    assert said.startswith("the processes that read images ended (")
    assert said.endswith("this one goes on alone")


@pytest.mark.long
def test_a_process_that_stands_still_is_ended_and_its_images_are_read(monkeypatch, caplog):
    monkeypatch.setattr(reading, "_LONGEST", 1.0)
    own = os.getpid()

    def read(name: str) -> Prepared:
        if name == "9" and os.getpid() != own:
            threading.Event().wait()
        return read_by_hand(name)

    assert [image.name for image in read_ahead(read, numbers(20), workers=1, size=SIZE)] == numbers(20)
    assert len(caplog.messages) == 1


def test_shared_memory_that_others_fill_meanwhile_costs_no_image(monkeypatch, caplog):
    def full(self: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    found = list(read_ahead(read_by_hand, numbers(30), workers=2, size=SIZE))
    assert [image.name for image in found] == numbers(30)
    assert [message.split("; ")[-1] for message in caplog.messages] == ["1 go on", "this one goes on alone"]


def test_a_fault_in_the_code_comes_as_itself():
    def read(name: str) -> Prepared:
        return read_by_hand("no number" if name == "9" else name)

    with pytest.raises(ValueError, match=r"^could not convert string to float: 'no number'$"):
        list(read_ahead(read, numbers(20), workers=1, size=SIZE))


def test_a_process_forked_while_another_thread_decodes_an_image_has_a_lock_of_its_own(tiny, folder, names):
    held, over = threading.Event(), threading.Event()

    def hold() -> None:
        with _pixels._LOCK:
            held.set()
            over.wait(60)

    found: list[int] = []

    def encode() -> None:
        found.append(len(encode_named(tiny, names[:8], folder, workers=2)[0]))

    holder, encoder = threading.Thread(target=hold), threading.Thread(target=encode)
    holder.start()
    held.wait()
    encoder.start()
    encoder.join(30)
    in_time = found[:]
    over.set()
    holder.join()
    encoder.join()
    assert in_time == [8]


def test_what_is_drawn_by_chance_and_what_is_done_about_children_stays_as_it_was():
    before, handler = torch.get_rng_state(), signal.getsignal(signal.SIGCHLD)
    assert len(list(read_ahead(read_by_hand, numbers(30), workers=2, size=SIZE))) == 30
    assert torch.equal(torch.get_rng_state(), before)
    assert signal.getsignal(signal.SIGCHLD) == handler


def test_few_images_and_one_core_start_no_process(monkeypatch):
    monkeypatch.setattr(reading, "cores", lambda: 4)
    assert [reading._how_many(count, None) for count in (1, 95, 96, 10_000)] == [0, 0, 4, 4]
    assert [reading._how_many(count, 3) for count in (0, 2, 10)] == [0, 2, 3]
    monkeypatch.setattr(reading, "cores", lambda: 64)
    assert reading._how_many(10_000, None) == 32
    monkeypatch.setattr(reading, "cores", lambda: 1)
    assert reading._how_many(10_000, None) == 0
    monkeypatch.setattr(reading.sys, "platform", "darwin")
    assert reading._how_many(10_000, 8) == 0


def test_the_processes_of_a_run_share_its_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert reading.cores() == 8
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert reading.cores() == 2


def test_no_more_processes_are_started_than_shared_memory_has_room_for(monkeypatch, caplog):
    def room(megabytes: float) -> None:
        usage = type("Usage", (), {"free": int(megabytes * 2**20)})
        monkeypatch.setattr(reading.shutil, "disk_usage", lambda _: usage)

    group = 5 * 2**20
    room(1000)
    assert reading._that_fit(2, group) == (2, 8)  # 16 groups ahead in all
    assert reading._that_fit(32, group) == (32, 2)
    room(64)  # a container's: half of it holds 6 groups
    assert reading._that_fit(2, group) == (2, 3)
    assert caplog.messages == []
    assert reading._that_fit(16, group) == (3, 2)
    room(10)
    assert reading._that_fit(16, group) == (0, 2)
    assert caplog.messages[-1] == "/dev/shm has room for 0 processes that read images, not 16"
