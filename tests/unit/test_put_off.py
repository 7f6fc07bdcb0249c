"""transformers without its unused parts: the same model to the last bit, real things for whoever asks, and a way
back."""

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from nast_core.errors import ModelError
from nast_core.models import put_off
from nast_core.models.put_off import Later, collection_paused, quickly, unused_parts

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
ENCODE = """
import sys
from nast_core.models import put_off
if sys.argv[1] == "plain":
    put_off.quickly = lambda work: work()
from nast_core import load_model
from nast_core.encoding.images import phantom_image
from nast_core.interpret.selftest import self_test
model = load_model("demo")
texts, images = model.encode_texts(["No edema.", "There is an effusion."]), model.encode_images([phantom_image(3, 150)])
print(texts.numpy().tobytes().hex(), images.numpy().tobytes().hex(), model.fingerprint, model.report)
print([(check.name, check.figure) for check in self_test(model)])
from nast_core.interpret import attribution
there = [part for part in (*put_off.PARTS, "matplotlib", "transformers.models") if part in sys.modules]
print(*there, file=sys.stderr)
import transformers
print(transformers.models.clip.CLIPModel is type(model.module), transformers.models.bert.BertConfig().model_type)
print(load_model("demo-tuned").fingerprint)
print("torch._dynamo" in sys.modules, file=sys.stderr)
"""


def encoded(how: str) -> subprocess.CompletedProcess:
    words = [sys.executable, "-W", "ignore", "-c", ENCODE, how]
    return subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)


@pytest.mark.long
def test_the_demo_is_the_same_to_the_last_bit_and_none_of_the_parts_was_imported():
    plain, quick = encoded("plain"), encoded("quick")
    assert quick.stdout == plain.stdout
    assert quick.stderr.split() == ["False"]  # a fine-tune's PEFT asks for some of them, and not for the compiler
    assert "\nTrue bert\n" in quick.stdout  # the list of models is whole for who asks later
    assert {"torch._dynamo", "matplotlib", "True"} <= set(plain.stderr.split())  # else nothing would be put off


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """A package ``bulky`` that may be put off, and a way to import source as a module of the name ``asking``."""
    (tmp_path / "bulky").mkdir()
    (tmp_path / "bulky" / "__init__.py").write_text("class Kind(int): ...\ndef double(x): return 2 * x\n")
    (tmp_path / "bulky" / "inner.py").write_text("names = ['a', 'b']\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def run(source: str, asking: str = "transformers.asking") -> dict:
        space = {"__name__": asking}
        exec(source, space)
        return space

    yield run
    for name in set(sys.modules) - before:
        if name.startswith("bulky"):
            del sys.modules[name]


def test_a_name_that_is_put_off_is_imported_when_something_is_done_with_it(parts):
    with unused_parts(["bulky"]):
        space = parts("from bulky import Kind, double\nfrom bulky.inner import names")
    assert type(space["double"]) is Later
    assert "bulky" not in sys.modules
    assert space["double"](4) == 8
    assert list(space["names"]) == ["a", "b"]
    assert "b" in space["names"]
    assert len(space["names"]) == 2
    assert isinstance(space["Kind"](3), space["Kind"])
    assert issubclass(sys.modules["bulky"].Kind, space["Kind"])
    assert isinstance(space["Kind"], type)


def test_whoever_else_asks_gets_the_real_part_at_once(parts):
    with unused_parts(["bulky"]):
        space = parts("from bulky import double", asking="sklearn.utils")
        module = parts("import bulky", asking="transformers.asking")["bulky"]
    assert type(space["double"]) is not Later
    assert module is sys.modules["bulky"]


def test_a_module_that_was_imported_whole_leads_to_the_real_one_later(parts):
    with unused_parts(["bulky"]):
        module = parts("import bulky.inner as inner")["inner"]
    assert module.names == ["a", "b"]


def test_modules_of_a_package_are_imported_without_its_own_code_until_something_of_it_is_wanted(parts, monkeypatch):
    monkeypatch.setattr(put_off, "_SHELVES", ("bulky",))
    with unused_parts([]):
        space = parts("from bulky.inner import names\nimport bulky")
        assert space["names"] == ["a", "b"]
        assert space["bulky"].inner is sys.modules["bulky.inner"]
        assert "Kind" not in vars(sys.modules["bulky"])
        assert parts("from bulky import double", asking="somebody.else")["double"](4) == 8
        assert "Kind" in vars(sys.modules["bulky"])
    assert space["bulky"].double(2) == 4
    assert sys.modules["bulky.inner"].names is space["names"]  # imported once


def test_a_package_whose_code_nobody_wanted_is_imported_whole_by_the_next_who_asks(parts, monkeypatch):
    monkeypatch.setattr(put_off, "_SHELVES", ("bulky",))
    with unused_parts([]):
        space = parts("from bulky.inner import names")
    assert "bulky" not in sys.modules
    assert parts("from bulky import double", asking="transformers.asking")["double"](4) == 8
    assert parts("from bulky.inner import names")["names"] is space["names"]


def test_what_fails_is_done_again_plainly(parts):
    tried = []

    def work():
        tried.append(put_off._Finder.at_work is not None)
        if tried[-1]:
            raise TypeError("a Later will not do here")
        return "done"

    assert quickly(work) == "done"
    assert tried == [True, False]


def test_a_folder_that_is_at_fault_is_not_read_twice():
    tried = []

    def work():
        tried.append(1)
        raise ModelError("the folder has no weights")

    with pytest.raises(ModelError, match="no weights"):
        quickly(work)
    assert tried == [1]


def test_the_search_for_garbage_is_as_before_when_the_last_pause_ends():
    assert gc.isenabled()
    with collection_paused():
        with collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
