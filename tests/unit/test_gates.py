"""One gate a kind of file: mutations of good files pass it or are refused in one sentence, and nothing reads past a
gate."""

import ast
import json
import os
import random
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nast_core.benchmark.items import read_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.benchmark.reference import import_reference, reference_json
from nast_core.claims.build import build_examples
from nast_core.claims.examples import read_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.compare.kept import read_kept
from nast_core.compare.tables import moved_layers
from nast_core.encoding.cache import Shelf
from nast_core.errors import DataError, NastError
from nast_core.files.arrays import read_arrays, read_tensors, save_arrays, save_tensors
from nast_core.files.documents import parse_json, parse_yaml, read_json, read_yaml
from nast_core.files.gate import as_path, read_bytes, read_text, regular
from nast_core.files.jsonl import append_line
from nast_core.files.netcdf import read_dataset, save_dataset
from nast_core.files.parquet import read_parquet, write_parquet
from nast_core.files.states import save_state
from nast_core.finetune.checkpoint import load_checkpoint
from nast_core.finetune.weights import check_trace, read_trace
from nast_core.interpret.patched_runs import read_vectors
from nast_core.negation.corrections import keep, read_corrections
from nast_core.negation.pairs import read_pairs
from nast_core.review.judgements import Reviews
from nast_core.work.kinds import read_recipe

ROOT = Path(__file__).parents[2]


class Tower:
    n_layers = 3


class Model:
    fingerprint, text = "f", Tower()
    card = type("Card", (), {"name": "a model"})


def _trace() -> xr.Dataset:
    rng = np.random.default_rng(0)
    return xr.Dataset(
        {"cte": (("pair", "layer", "position"), rng.random((2, 4, 5))), "d": ("pair", [1.0, 2.0])},
        coords={"layer": [0, 1, 2, 3], "role": (("pair", "position"), np.full((2, 5), "before", object))},
        attrs={"model_fingerprint": "f"},
    )


def _vectors(path: Path) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in {
            "pair": np.arange(2),
            "vectors": np.zeros((2, 3, 1, 4, 8)),
            "ends": np.zeros((2, 2, 8)),
        }.items():
            file[name] = value


def _review(path: Path) -> None:
    (path.parent / "items.review").mkdir(exist_ok=True)
    line = {"item_id": "a", "item_hash": "0", "reviewer": "Ann", "verdict": "correct", "time": "2026-01-01T00:00:00Z"}
    append_line(path.parent / "items.review" / "ann.jsonl", json.dumps(line))
    path.write_bytes((path.parent / "items.review" / "ann.jsonl").read_bytes())


def _read_review(path: Path) -> None:
    (path.parent / "items.review").mkdir(exist_ok=True)
    (path.parent / "items.review" / "ann.jsonl").write_bytes(path.read_bytes())
    Reviews(path.parent / "items.jsonl").reviewers()


def _read_shelf(path: Path) -> None:
    folder = path.parent / "shelf"
    folder.mkdir(exist_ok=True)
    (folder / f"{'0' * 32}.safetensors").write_bytes(path.read_bytes())
    shelf = Shelf(folder)
    for digest in list(shelf._place)[:3]:
        shelf.get(digest.hex())
    shelf.get("no edema")


def _chunk(path: Path) -> None:
    import hashlib

    digest = np.frombuffer(hashlib.sha256(b"no edema").digest(), np.uint8)[None].copy()
    save_tensors(path, {"digests": torch.from_numpy(digest), "vectors": torch.zeros(1, 4)})


def _layers(path: Path) -> None:
    path.write_text(json.dumps({"layers": [{"layer": 1, "weight": 1.0, "change": 0.5}]}))


STATE = {name: {} for name in ("identity", "parameters", "optimizer", "schedule", "progress", "best")} | {
    "identity": "i"
}
PAIR = {"affirmative": "there is severe edema.", "negated": "there is no edema.", "finding": "Edema", "image": "a.png"}
RECIPE = (
    "kind: trace\nmodel: demo\npairs: pairs.jsonl\ncomponent: head\nwindow: 2\nseed: 3\nexecutor: {name: slurm, "
    "gpus: 1}\n"
)


class Kind(NamedTuple):
    write: object
    read: object
    text: bool = False


KINDS = {
    "items": Kind(lambda p: p.write_text("".join(i.model_dump_json() + "\n" for i in phantom_items(3))), read_items,
    True),
    "reference": Kind(lambda p: p.write_text(reference_json(phantom_items(2))), import_reference, True),
    "pairs": Kind(lambda p: p.write_text(json.dumps(PAIR) + "\n"), read_pairs, True),
    "claims": Kind(
        lambda p: p.write_text("".join(
            e.model_dump_json(exclude_none=True) + "\n" for e in build_examples(phantom_studies(12)).examples[:3]
        )), read_claims, True),
    "corrections": Kind(lambda p: keep(p, "No edema.", {"Edema": "present", "Fracture": "absent"}), read_corrections,
    True),
    "recipe": Kind(lambda p: p.write_text(RECIPE), read_recipe, True),
    "review": Kind(_review, _read_review, True),
    "JSON": Kind(lambda p: p.write_text(json.dumps({"a": [1, 2.5, "x\u00e9", None], "b": {"c": True}})), read_json,
    True),
    "YAML": Kind(lambda p: p.write_text("a: [1, 2.5, x]\nb: {c: true}\n"), read_yaml, True),
    "layers that moved": Kind(_layers, lambda p: moved_layers({"A": p}), True),
    "trace": Kind(lambda p: save_dataset(p, _trace()), lambda p: read_trace(p, Model())),
    "patched vectors": Kind(_vectors, lambda p: read_vectors(p, 1)),
    "parquet": Kind(lambda p: write_parquet(p, pd.DataFrame({"a": [1, 2], "b": ["x", None]})),
    lambda p: read_parquet(p, ["a"])),
    "npz": Kind(lambda p: save_arrays(p, {"pixels": np.zeros((3, 4), np.uint8)}), lambda p: read_arrays(p, ["pixels"])),
    "safetensors": Kind(lambda p: save_tensors(p, {"vectors": torch.zeros(2, 4)}),
    lambda p: read_tensors(p, ["vectors"])),
    "a chunk of the cache": Kind(_chunk, _read_shelf),
    "checkpoint": Kind(lambda p: save_state(p, STATE), lambda p: load_checkpoint(p, "i", torch.device("cpu"))),
}  # fmt: skip


def refused(read, path: Path) -> str | None:
    """What a reader says of a file; None where it takes it. Anything but a NastError of one readable sentence fails."""
    try:
        read(path)
    except NastError as error:
        said = str(error)
        assert "\n" not in said
        assert 20 < len(said) < 1_500, said
        assert said.encode()
        return said
    return None


NASTY = [
    "9" * 5000, "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "null", "true", '""', '"²"', '"\\u0000"',
    '"\\ud800"',
    "[]", "{}", "[" * 100_000, "[" * 300 + "]" * 300, '{"a":' * 5_000, '"' + "n" * 5_000 + '"', "-0", "1" * 30, "\x00",
    "\ufeff",
    '{"layer": []}', "[[[]]]", "&a [*a]", "!!python/object:os.system "
        "x", "!!binary x", "2026-13-01", "0x" + "f" * 5000, "? x", "<<: 1",
]  # fmt: skip


def mutated(good: bytes, kind: Kind, rng: random.Random) -> bytes:
    """A good file with bytes flipped, cut, doubled or, where it is text, a value replaced by what no reader expects."""
    b = bytearray(good)
    way = rng.randrange(7 if kind.text else 5)
    place = rng.randrange(len(b))
    if way == 0:
        return bytes(b[:place])
    if way == 1:
        for _ in range(rng.choice([1, 3, 20])):
            b[rng.randrange(len(b))] = rng.randrange(256)
    if way == 2:
        b[place : place + 8] = rng.choice([b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7])
    if way == 3:
        b[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(40)))
    if way == 4:
        return bytes(b + b[:place])
    if way >= 5:
        ends = [i for i, c in enumerate(good) if chr(c) in ':,[{}]"\n ']
        start = rng.choice(ends)
        end = next((i for i in ends if i > start), len(b))
        b[start + 1 : max(end, start + 1)] = rng.choice(NASTY).encode()
    return bytes(b)


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> dict[str, bytes]:
    found = {}
    for name, kind in KINDS.items():
        path = tmp_path_factory.mktemp("good") / "file"
        kind.write(path)
        kind.read(path)
        found[name] = path.read_bytes()
    return found


@pytest.mark.parametrize("name", KINDS)
@settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@pytest.mark.slow
@given(seed=st.integers(0, 2**32))
def test_a_mutation_of_a_good_file_is_read_or_refused_in_one_sentence(good, tmp_path, name, seed):
    path = tmp_path / "file"
    path.write_bytes(mutated(good[name], KINDS[name], random.Random(seed)))
    refused(KINDS[name].read, path)


@pytest.mark.parametrize("name", KINDS)
def test_what_is_no_file_of_its_kind_is_refused_in_one_sentence(good, tmp_path, name):
    read = KINDS[name].read
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "empty").touch()
    (tmp_path / "zeros").write_bytes(bytes(2000))
    (tmp_path / "latin").write_bytes("é".encode("latin-1") * 50)
    places = [
        tmp_path / name for name in ("pipe", "loop", "empty", "zeros", "latin", "missing", "empty/below", "n" * 300)
    ]
    places += [tmp_path, Path("/"), Path("/dev/zero"), tmp_path / "a\0b"]
    may = {("YAML", "empty")}  # nothing is a value
    for path in places:
        if name in ("a chunk of the cache", "review"):
            continue
        said = refused(read, path)
        assert said or (name, path.name) in may or (name == "checkpoint" and not os.path.lexists(path)), path


def test_parsers_take_what_is_ordinary_and_bound_the_rest():
    assert parse_json('{"a": [1, 2.5, "é", null, 10000000000000000000000000000000]}')["a"][:2] == [1, 2.5]
    assert parse_yaml("a: [1, 2.5, é]") == {"a": [1, 2.5, "é"]}
    for text in ("[" * 65 + "]" * 65, "NaN", "1e999", "1" * 41, '"\\ud800"', '{"a": -Infinity}'):
        with pytest.raises(ValueError, match=r"deep|finite|digits|half"):
            parse_json(text)
    for text in ("a: &x [1]\nb: *x", ".nan", "[" * 70 + "]" * 70, "1" * 60, "!!python/name:os.system"):
        with pytest.raises(ValueError, match=r"alias|finite|deep|digits|YAML|constructor"):
            parse_yaml(text)


def test_a_file_that_grows_past_what_is_read_of_its_kind_is_refused(tmp_path):
    (tmp_path / "large").write_bytes(bytes(1001))
    with pytest.raises(NastError, match=r"1,001 bytes, and at most 1,000"):
        read_bytes(tmp_path / "large", most=1000)
    with pytest.raises(NastError, match="at most 10 are read"):
        read_text(Path("/proc/self/status"), most=10)  # says that it has no bytes at all


def test_no_file_stays_open_after_a_refusal(tmp_path):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert refused(read_json, tmp_path)
        assert refused(read_json, Path("/dev/zero"))
    assert len(os.listdir("/proc/self/fd")) == before


# netCDF that says more than it holds


def _declares(path: Path, shape: tuple[int, ...], **options) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("cte", shape, "f8", chunks=(1,) * (len(shape) - 1) + (1024,), **options)


def test_arrays_that_say_more_than_fits_are_refused_before_they_are_unfolded(tmp_path):
    import resource

    for number, shape in enumerate([(2**40,), (10**6, 10**6), (2**62,)]):
        _declares(tmp_path / f"{number}.nc", shape, compression="gzip")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said = refused(read_dataset, tmp_path / f"{number}.nc")
        assert said
        assert "and at most" in said
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


def test_many_cells_that_name_one_long_text_are_refused(tmp_path, monkeypatch):
    from nast_core.files import netcdf

    save_dataset(tmp_path / "a.nc", xr.Dataset({"role": (("a", "b"), np.full((40, 50), "x" * 1000, object))}))
    assert read_dataset(tmp_path / "a.nc").sizes == {"a": 40, "b": 50}
    monkeypatch.setattr(netcdf, "MOST", 10**6)
    monkeypatch.setattr(netcdf, "regular", lambda *_, **__: 0)
    said = refused(read_dataset, tmp_path / "a.nc")
    assert said
    assert "says that it holds" in said


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.drop_vars("d"), lambda t: t.drop_vars("layer"), lambda t: t.drop_vars("cte"),
        lambda t: t.rename(pair="image"), lambda t: t.isel(pair=slice(0)), lambda t: t.assign(d=("pair", ["a", "b"])),
        lambda t: t.assign_coords(layer=[0, 1, 2, np.nan]), lambda t: t.assign_coords(layer=list("abcd")),
        lambda t: t.assign(cte=t.cte.expand_dims("extra")), lambda t: t.isel(layer=[0, 2, 1, 3]),
            lambda t: t.isel(layer=slice(1)),
    ],
)  # fmt: skip
def test_a_trace_without_its_arrays_and_axes_is_one_sentence(change):
    check_trace(_trace(), Model())
    assert refused(lambda _: check_trace(change(_trace()), Model()), Path())


# nothing reads past a gate

READS = {"json": {"load", "loads"}, "yaml": {"load", "safe_load", "load_all", "full_load", "safe_load_all"},
         "xr": {"open_dataset", "load_dataset", "open_mfdataset", "open_dataarray"}, "torch": {"load"},
         "np": {"load", "loadtxt", "genfromtxt"},
         "h5py": {"File"}, "pickle": {"load", "loads"}, "zipfile": {"ZipFile"}, "tarfile": {"open"}, "gzip": {"open"},
         "pd": {"read_csv", "read_parquet", "read_table", "read_json", "read_excel", "read_pickle",
         "read_hdf"}}  # fmt: skip
BARE = {"safe_open", "load_file", "open"}
METHODS = {"read_text", "read_bytes"}
ALLOWED = {  # module, or room with a slash: why it may read without nast_core/files
    "nast_core/files/": "the gates themselves",
    "nast_core/models/": "model folders: a gate of their own, which also keeps code out",
    "nast_core/work/export.py": "adapters are models' files",
    "nast_core/work/identity.py": "the bytes of whatever a recipe names, hashed and not parsed",
    "nast_core/encoding/cache.py": "the code that draws phantoms, hashed: what comes with NAST",
    "nast_core/data/": "images, tables and archives: gates of their own",
    "nast_core/compare/tables.py": "json.loads of a table that pandas has just written out",
    "nast_core/commands/runs.py": "json.loads of a status that pydantic has just written out",
    "dashboard/parts/memo.py": "its own results, from memory",
    "dashboard/parts/memory.py": "the container's limit on memory, a few digits of the system's",
    "dashboard/serving.py": "the app's own settings, beside the script",
    "dashboard/data/browse.py": "an upload's and a file's first bytes, to tell items from claims",
}
PACKAGE_DATA = "files"  # importlib.resources: what comes with NAST


def reads_past_a_gate(source: str) -> list[str]:
    """Calls in a module that read a file, or the text of one, without a gate."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        call = node.func
        if isinstance(call, ast.Name) and call.id in BARE:
            found.append(f"{node.lineno}: {call.id}")
        if isinstance(call, ast.Attribute):
            of = call.value
            owner = of.id if isinstance(of, ast.Name) else ""
            modes = [str(a.value) for a in node.args if isinstance(a, ast.Constant)]
            named = owner in READS and call.attr in READS[owner] and not any(mode[:1] in "wax" for mode in modes)
            opened = (
                call.attr == "open" and owner not in READS and (not node.args or any(mode[:1] == "r" for mode in modes))
            )
            package = PACKAGE_DATA in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            if (named or opened or call.attr in METHODS) and not package:
                found.append(f"{node.lineno}: {ast.unparse(call)[:60]}")
    return found


@pytest.mark.slow
def test_every_module_reads_files_through_a_gate():
    past = {}
    for path in [*ROOT.glob("nast_core/**/*.py"), *ROOT.glob("dashboard/**/*.py"), *ROOT.glob("pages/**/*.py")]:
        name = path.relative_to(ROOT).as_posix()
        if not any(name.startswith(allowed) for allowed in ALLOWED) and (
            found := reads_past_a_gate(path.read_text("utf-8"))
        ):
            past[name] = found
    assert past == {}, "read these by nast_core.files, or say in ALLOWED why not"


def test_the_rule_sees_what_it_is_to_see_and_its_exceptions_are_still_needed():
    for line in ("json.loads(path.read_text())", "yaml.safe_load(text)", "xr.open_dataset(p)", "torch.load(p)",
        "open('a')", "pd.read_csv(p)",
                 "path.read_bytes()", "path.open('rb')", "safe_open(p, 'pt')", "np.load(p)",
                 "h5py.File(p)"):  # fmt: skip
        assert reads_past_a_gate(line), line
    for line in (
        "yaml.safe_load(files('nast_core').joinpath('a.yaml').read_text('utf-8'))",
        "json.dumps(1)",
        "path.open('w')",
        "read_json(path)",
    ):
        assert not reads_past_a_gate(line), line
    for allowed in ALLOWED:
        modules = (
            [ROOT / allowed]
            if allowed.endswith(".py")
            else [*ROOT.glob(f"{allowed}*.py"), *ROOT.glob(f"{allowed}/**/*.py")]
        )
        assert any(reads_past_a_gate(module.read_text("utf-8")) for module in modules), allowed


def test_paths_are_such_as_a_file_can_have(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path(" ~/a ") == tmp_path / "a"
    assert as_path(tmp_path / "none" / "a").name == "a"
    for typed in ("a\0b", "n" * 5000, "\udcff", "~nobody-of-this-name/x"):
        assert refused(as_path, typed)  # type: ignore[arg-type]


def test_a_kept_comparison_that_is_broken_is_none(tmp_path):
    (tmp_path / "about.json").write_text("[" * 100_000)
    assert read_kept(tmp_path) is None


def test_a_file_of_more_bytes_than_its_reader_takes_is_refused_before_it_is_opened(tmp_path):
    path = tmp_path / "table.csv"
    path.write_bytes(b"abc")
    assert regular(path, most=3) == 3
    with pytest.raises(DataError, match=r"table\.csv has 3 bytes, and at most 2 are read of such a file"):
        regular(path, most=2)
