"""What the app remembers: the loaded model, the images, and results by what they depend on.

Heavy imports happen inside functions: a page paints its title before torch is loaded.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard.parts.text import plain
from dashboard.parts.widgets import advice, path

if TYPE_CHECKING:
    import xarray as xr
    from PIL import Image

    from nast_core.benchmark.items import Item
    from nast_core.benchmark.run import BenchmarkResult
    from nast_core.interpret.selftest import Check
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair, Alignment, PolarityPair

DEMO = "demo"
START = os.environ.get("NAST_MODEL") or DEMO  # what is loaded first; 'nast app --model' says it
_KEPT = 16  # finished benchmarks
_LOADING = threading.Lock()  # cache_resource does not stop two first visitors from loading twice


@st.cache_resource(max_entries=3, show_spinner="Loading the model")  # the sidebar's, and two to compare
def _load(spec: str, stamp: float) -> DualEncoder:
    """The one place that keeps models, for all sessions: what falls out of it is freed at once."""
    from nast_core.opening import load_model

    with _LOADING:
        return load_model(spec)


@st.cache_data(max_entries=16, show_spinner="Testing the model")
def _checks(_model: DualEncoder, fingerprint: str) -> tuple[Check, ...]:
    from nast_core.interpret.selftest import self_test

    return self_test(_model)


def stamp(spec: str) -> float:
    """Changes when a folder's files do, so that a replaced checkpoint is loaded anew."""
    folder = os.path.expanduser(spec)
    if spec == DEMO or not os.path.isdir(folder):  # neither raises, whatever was typed
        return 0.0
    times = [0.0]
    with suppress(OSError):  # the loader says what is wrong with it
        for entry in os.scandir(folder):
            with suppress(OSError):  # a link to nothing
                times.append(entry.stat().st_mtime)
    return max(times)


def spec() -> str:
    return (st.session_state.get("model") or START).strip()


def load(spec: str) -> DualEncoder:
    """A model, kept for all sessions. Raises NastError where it does not load."""
    return _load(spec, stamp(spec))


def model() -> DualEncoder:
    """The chosen model; on a folder that does not load, its reason in one sentence, and the page ends."""
    with advice():
        return load(spec())


def model_if_loaded() -> DualEncoder | None:
    """The chosen model, or None where it does not load; the page has said why."""
    from nast_core.errors import NastError

    try:
        return load(spec())
    except NastError:
        return None


def checks() -> tuple[Check, ...]:
    """The self-test of the chosen model."""
    with advice():
        chosen = model()
        return _checks(chosen, chosen.fingerprint)


@dataclass(frozen=True)
class Picture:
    """An image a page can show and a model can read."""

    name: str  # phantom:SEED, or the sha256 of an upload
    title: str
    image: Image.Image  # for the eye
    warnings: tuple[str, ...] = ()


@st.cache_data(max_entries=16, show_spinner=False)
def _read_upload(content: bytes, name: str):
    from nast_core.data.images import read_image

    return read_image(content, name=name)


def uploads() -> list[Picture]:
    """The user's own images that could be read."""
    return st.session_state.get("pictures", [])


def accept_uploads(files: list) -> None:
    """Reads uploaded files; each that is no image gets its sentence, and the others stay."""
    from nast_core.errors import ImageError

    pictures = []
    for file in files:
        try:
            read = _read_upload(file.getvalue(), file.name)
        except ImageError as error:
            said = str(error)
            st.error(plain(said if file.name in said else f"{file.name}: {said}"), icon=":material/broken_image:")
            continue
        pictures.append(Picture(read.sha256, read.name, read.pixels, read.warnings))
        for warning in read.warnings:
            st.caption(f":material/info: {plain(read.name)}: {plain(warning)}")
    st.session_state["pictures"] = pictures


@st.cache_data(max_entries=32, show_spinner=False)
def phantom_picture(seed: int) -> Picture:
    from nast_core.encoding.images import phantom_image

    return Picture(f"phantom:{seed}", f"phantom {seed}", phantom_image(seed, 512))


def phantom_title(seed: int) -> str:
    from nast_core.data.phantom import sample_phantom

    findings = sample_phantom(seed).findings
    said = ", ".join(" ".join(filter(None, (f.severity, f.side, f.zone, f.condition.lower()))) for f in findings)
    return said or "no finding"


@st.cache_data(max_entries=256, show_spinner=False)
def _image_vector(_model: DualEncoder, fingerprint: str, name: str, _picture: Picture) -> np.ndarray:
    from nast_core.encoding.images import open_image, phantom_of

    image = open_image(name, size=_model.image_size) if phantom_of(name) else _picture.image
    return _model.encode_images([image])[0].numpy()


def image_vector(encoder: DualEncoder, picture: Picture) -> np.ndarray:
    """A picture's unit vector; phantoms are drawn anew at the model's own size."""
    return _image_vector(encoder, encoder.fingerprint, picture.name, picture)


def image_vectors(encoder: DualEncoder, names: tuple[str, ...]) -> np.ndarray:
    """Unit vectors [image, dim] of pictures by title: the user's own, and phantoms."""
    mine = {picture.title: picture for picture in uploads()}
    pictures = [mine[n] if n in mine else phantom_picture(int(n.split()[1])) for n in names]
    return np.stack([image_vector(encoder, picture) for picture in pictures])


@st.cache_data(max_entries=8, show_spinner=False)
def _alignment(_model: DualEncoder, fingerprint: str, conditions: tuple[str, ...]) -> Alignment:
    from nast_core.negation.pairs import align_all, template_pairs

    return align_all(template_pairs(conditions), _model.text)


def alignment(encoder: DualEncoder) -> Alignment:
    """Template pairs of the conditions a model knows: those that align under its tokenizer, and those refused."""
    from nast_core.negation.phrases import CHEXPERT_CONDITIONS

    return _alignment(encoder, encoder.fingerprint, tuple(encoder.card.conditions) or CHEXPERT_CONDITIONS)


@st.cache_data(max_entries=64, show_spinner=False)
def align_pair(_model: DualEncoder, fingerprint: str, pair: PolarityPair) -> AlignedPair:
    from nast_core.negation.pairs import align

    return align(pair, _model.text)


@st.cache_data(max_entries=8, show_spinner="Reading the attention of every head")
def attention(
    _model: DualEncoder, fingerprint: str, _pairs: tuple[AlignedPair, ...], key: tuple[str, ...]
) -> xr.Dataset:
    from nast_core.interpret.attention import negator_selective_attention

    return negator_selective_attention(_model, _pairs)


@st.cache_data(max_entries=16, show_spinner=False)
def patterns(_model: DualEncoder, fingerprint: str, texts: tuple[str, ...]) -> list[np.ndarray]:
    from nast_core.interpret.attention import attention_patterns

    return attention_patterns(_model, texts)


@st.cache_data(max_entries=4, show_spinner="Writing the questions")
def phantom_items(count: int, seed: int, split: str) -> list[Item]:
    from nast_core.benchmark.phantoms import phantom_items

    return phantom_items(count, seed=seed, split=split)


@st.cache_data(max_entries=4, show_spinner="Reading the questions")
def file_items(path: str, stamp: float) -> list[Item]:
    from nast_core.benchmark.items import read_items

    return read_items(Path(path))


@st.cache_resource
def _finished() -> dict[tuple, BenchmarkResult]:
    """Benchmarks by what they depend on; cache_data would not let a progress bar be drawn while it computes."""
    return {}


def benchmark(encoder: DualEncoder, items: list[Item], key: str, images: str | None = None) -> BenchmarkResult:
    """The model's answers to ``items``, which ``key`` names; found again when asked twice."""
    from nast_core.benchmark.run import run_benchmark, work_units
    from nast_core.encoding.cache import default_cache

    finished, name = _finished(), (encoder.fingerprint, key, images)
    if name not in finished:
        total, done = work_units(items), 0
        bar = st.progress(0.0, "Encoding images and texts")

        def tick(count: int) -> None:
            nonlocal done
            done += count
            bar.progress(min(done / total, 1.0), f"Encoding images and texts: {done:,} of {total:,}")

        folder = path(images) if images else None
        result = run_benchmark(encoder, items, folder, cache=default_cache(), progress=tick)
        bar.empty()
        while len(finished) >= _KEPT:
            finished.pop(next(iter(finished)))
        finished[name] = result
    return finished[name]


@st.cache_data(max_entries=16, show_spinner=False)
def layer_interval(values: np.ndarray, key: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval over pairs of a mean, for values [pair, layer]."""
    from nast_core.statistics.rates import patient_bootstrap

    means = patient_bootstrap(values, [str(i) for i in range(len(values))])
    low, high = np.nanpercentile(means, [2.5, 97.5], axis=0)
    return low, high
