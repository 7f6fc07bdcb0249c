"""For tests of what must be refused: copies of the tiny checkpoints to damage, and what the refusal says.
Light, as ../conftest.py."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nast_core.errors import ModelError


@pytest.fixture
def copied(folders, tmp_path) -> Callable[..., Path]:
    """Copies a family's tiny checkpoint to where it may be damaged."""

    def copy(family: str = "Hugging Face CLIP") -> Path:
        return Path(shutil.copytree(folders[family], tmp_path / "model"))

    return copy


@pytest.fixture
def refusal() -> Callable[..., str]:
    """The message with which a folder is refused, after checking that it is one line of readable length."""

    from nast_core import load_model

    def load(folder: Path | str, **options: str) -> str:
        with pytest.raises(ModelError) as caught:
            load_model(folder, **{"device": "cpu", **options})
        message = str(caught.value)
        assert "\n" not in message
        assert 30 < len(message.replace(str(folder), "")) < 400
        return message

    return load


@pytest.fixture
def edit() -> Callable[[Path, Callable[[dict], object]], None]:
    """Changes a JSON file in place."""

    def change_file(path: Path, change: Callable[[dict], object]) -> None:
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))

    return change_file


@pytest.fixture(scope="session")
def whole_folders(tmp_path_factory) -> dict[str, Path]:
    """Family -> tiny checkpoint, of every layout that loads."""
    from tests import hostile

    base = tmp_path_factory.mktemp("whole")
    for family, write in hostile.WRITERS.items():
        (base / family / "model").mkdir(parents=True)
        write(base / family / "model")
    return {family: base / family / "model" for family in hostile.WRITERS}


@pytest.fixture
def trapped(whole_folders, tmp_path, monkeypatch) -> Iterator[Callable[[str], Path]]:
    """Copies a good folder with a trap in it; from then on nothing may leave, and the trap must not go off."""
    from tests import hostile

    hostile.shut(monkeypatch)
    canaries = []

    def copy(family: str) -> Path:
        made = Path(shutil.copytree(whole_folders[family], tmp_path / "model"))
        canaries.append(hostile.plant(made))
        return made

    yield copy
    assert not [canary for canary in canaries if canary.exists()]
