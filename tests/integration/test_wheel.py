"""'pip install .' from a clean clone: the same commands and the same app, anywhere else on the disk."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.browser_tools import ROOT, wait_for_answer
from tests.faults.session import Answer, Session

pytestmark = [pytest.mark.slow, pytest.mark.long]
MOST = 24 * 2**20  # bytes of the wheel; the demo CLIP, which may have 20 MB, is nearly all of it


@dataclass(frozen=True)
class Installed:
    """An environment of its own with the wheel in it; what the wheel needs, it sees in the tests' own."""

    source: list[str]  # files of the source distribution
    wheel: Path
    bin: Path
    elsewhere: Path  # an empty folder

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "NAST_MODEL")}

    def nast(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(self.bin / "nast"), *words]
        return subprocess.run(
            command, cwd=self.elsewhere, env=self.environment, capture_output=True, text=True, timeout=120
        )


def built(kind: str, source: Path, out: Path) -> Path:
    """The one distribution of a kind, sdist or wheel, made by the backend that pyproject.toml names."""
    code = f"import sys; from setuptools import build_meta; build_meta.build_{kind}(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = out.iterdir()
    return made


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    clone = folder / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", ".", ":!docs", ":!.venv*"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    source = built("sdist", clone, folder / "sdist")
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        archive.extractall(folder / "unpacked", filter="data")
    wheel = built("wheel", next((folder / "unpacked").iterdir()), folder / "wheels")
    venv.create(folder / "env", symlinks=True)
    python = folder / "env" / "bin" / "python"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--no-deps",
        "--no-index",
        "--quiet",
        str(wheel),
    ]
    subprocess.run(pip, check=True)
    (site,) = (folder / "env" / "lib").glob("python*/site-packages")
    (site / "tests-own.pth").write_text(
        sysconfig.get_path("purelib") + "\n"
    )  # after pip, which would find this package there
    (folder / "elsewhere").mkdir()
    return Installed(names, wheel, python.parent, folder / "elsewhere")


def test_the_wheel_holds_the_app_and_the_demo_inside_the_one_package(installed):
    with zipfile.ZipFile(installed.wheel) as archive:
        names = archive.namelist()
    inside = {name.removeprefix("nast_core/_app/") for name in names if name.startswith("nast_core/_app/")}
    listed = subprocess.run(
        ["git", "ls-files", "dashboard", "pages", "assets"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert inside == {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"nast_core"}
    assert installed.wheel.stat().st_size < MOST
    assert not [name for name in installed.source if name.startswith("tests/") or name.endswith(".pyc")]
    assert "assets/demo-tuned/adapter/adapter_model.safetensors" in inside
    assert any(name.startswith("assets/demo-tuned/compared/") for name in inside)


def test_the_demo_is_loaded_from_another_folder(installed):
    said = installed.nast("model", "info", "demo", "--json")
    assert said.returncode == 0, said.stderr
    assert all(tick["passed"] for tick in json.loads(said.stdout)["self_test"])
    where = subprocess.run(
        [installed.bin / "python", "-c", "import nast_core; print(nast_core.__file__)"],
        cwd=installed.elsewhere, env=installed.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(installed.bin.parent))


def test_the_comparison_of_the_demo_with_its_fine_tune_is_found_from_another_folder(installed):
    said = installed.nast("model", "list")
    assert "comes with NAST; type demo-tuned" in said.stdout
    code = (
        "import sys; from nast_core.compare.travelling import PAIRS, QUESTIONS, read_travelling as read\n"
        "found = [read('demo', 'demo-tuned', QUESTIONS, split, PAIRS) for split in ('validation', 'test')]\n"
        "print([len(one.items) for one in found], 'torch' in sys.modules)"
    )
    read = subprocess.run(
        [installed.bin / "python", "-c", code],
        cwd=installed.elsewhere, env=installed.environment, capture_output=True, text=True,
    )  # fmt: skip
    assert read.stdout.strip() == "[1000, 1000] False", read.stderr


def test_sentences_that_only_the_repository_has_are_asked_for_in_one_sentence(installed):
    said = installed.nast("negation", "report")
    assert said.returncode == 2
    assert "the labelled sentences are in tests/parser of the repository" in said.stderr
    assert len(said.stderr.splitlines()) == 1
    assert list(installed.elsewhere.iterdir()) == []


def test_the_app_draws_its_first_page_with_the_model_it_was_started_with_for_this_machine_alone(installed, tmp_path):
    with zipfile.ZipFile(installed.wheel) as archive:
        demo = [name for name in archive.namelist() if name.startswith("nast_core/_app/assets/demo-clip/")]
        archive.extractall(tmp_path, demo)
    model = str((tmp_path / demo[0]).parent)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [str(installed.bin / "nast"), "app", "--port", str(port), "--no-browser", "--model", model]
    with subprocess.Popen(
        words, cwd=installed.elsewhere, env=installed.environment, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            wait_for_answer(f"http://localhost:{port}", server)
            with urlopen(f"http://localhost:{port}", timeout=20) as answer:
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
            refused = installed.nast("app", "--port", str(port))
            pages = asyncio.run(drawn(f"http://localhost:{port}", {}, {"model": model}, {"model": "demo"}))
        finally:
            server.terminate()
        said = server.stdout.read()
    for page in pages:
        assert page.exceptions == page.errors == []
        assert b"what this link names" not in page.drawn
        assert b"Research use only; not a medical device." in page.drawn
    assert [model.encode() in page.drawn for page in pages] == [
        True,
        True,
        True,
    ]  # the field; over the demo too, as what it begins with
    assert [page.drawn.count(b"Fingerprint") for page in pages] == [1, 1, 1]
    assert refused.returncode == 2
    assert f"port {port} cannot be used" in refused.stderr
    assert f"http://localhost:{port}" in said
    assert "0.0.0.0" not in said


async def drawn(address: str, *queries: dict[str, str]) -> list[Answer]:
    async with Session(address) as session:
        return [await session.open("", **query) for query in queries]


def test_a_model_that_is_none_is_answered_before_the_app_is_started(installed):
    said = installed.nast("app", "--model", "no/such/folder/here")
    assert said.returncode == 2
    assert said.stderr.startswith("nast: there is no folder no/such/folder/here")
