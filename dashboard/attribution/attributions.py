"""The attribution page: what it computes, once for each pair, image and method, and its tables."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.parts import datasets, memo, pace, widgets
from dashboard.parts.pairs import set_key
from dashboard.parts.pictures import Picture, for_model, image_vector
from nast_core.errors import NastError
from nast_core.negation.forms import FORMS

if TYPE_CHECKING:
    import xarray as xr

    from nast_core.dataset.interface import Dataset
    from nast_core.interpret.attribution_image import Method
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

METHODS: dict[Method, str] = {
    "occlusion": "Occlusion",
    "integrated_gradients": "Integrated gradients",
    "grad_cam": "Grad-CAM",
}
HOW_TO_READ: dict[Method, str] = {
    "occlusion": (
        "Red: the score falls when a window here is covered with grey, so what is seen there raises it. Blue: it rises."
    ),
    "integrated_gradients": (
        "Red raises the score, blue lowers it, against an even grey image; a map adds up to that change."
    ),
    "grad_cam": (
        "Red: the last feature map here pushes the score up, to first order. Blue: down. Coarse cells, drawn smooth."
    ),
}
_AT_ONCE = 0.7  # seconds without a progress bar
_CANCELLED = "attribution-cancelled"


def widest(model: DualEncoder, pairs: tuple[AlignedPair, ...]) -> int:
    """Index of the pair whose texts differ most in score on the image that the page first shows with it.

    The first one where encoding all of them takes long.
    """
    dataset = datasets.chosen()
    findings = {pair.pair.finding for pair in pairs}
    if pace.seconds(model, images=len(findings), texts=2 * len(pairs)) > pace.AT_ONCE:
        return 0
    return _widest(model, model.fingerprint, dataset, dataset.fingerprint, pairs, set_key(pairs))


@memo.copied()
def _widest(
    _model: DualEncoder,
    fingerprint: str,
    _dataset: Dataset,
    data: str,
    _pairs: tuple[AlignedPair, ...],
    key: tuple[str, ...],
) -> int:
    from nast_core.encoding.images import encode_named
    from nast_core.interpret.effects import text_vectors

    names = [_dataset.images_for(pair.pair.finding)[0] for pair in _pairs]
    images, _ = encode_named(_model, names, _dataset.images)
    ends = text_vectors(_model, _pairs)
    gaps = [
        float(abs((one[0] - one[1]) @ images[name].to(one.dtype))) if name in images else -1.0
        for one, name in zip(ends, names, strict=True)
    ]
    return int(np.argmax(gaps))


def tokens(model: DualEncoder, pair: AlignedPair, picture: Picture) -> xr.Dataset | None:
    """Token attributions of one pair on one image; None where there are none, and the page has said why."""
    import torch

    from nast_core.interpret.attribution_text import attribute_tokens, evaluations

    vector = torch.from_numpy(image_vector(model, picture))[None]
    return _once(
        (model.fingerprint, pair.pair.affirmative, pair.pair.negated, picture.name, "tokens"),
        "Attributing to tokens",
        evaluations(),
        lambda tick: attribute_tokens(model, [pair], vector, progress=tick),
    )


def regions(
    model: DualEncoder, pair: AlignedPair, picture: Picture, method: Method, patches: float | None
) -> xr.Dataset | None:
    """Image attributions of one pair; None where there are none, and the page has said why.

    ``patches``: side of the occluding window; None for the usual one.
    """
    from nast_core.interpret.attribution_image import attribute_image, evaluations
    from nast_core.interpret.occlusion_windows import windows_of

    image = for_model(model, picture)
    windows = windows_of(model)
    if patches is not None and patches * windows.patch <= model.image_size:
        windows = windows_of(model, patches, min(windows.stride / windows.patch, patches))
    shown = ("covered", model.fingerprint, picture.name, windows)
    seen = memo.find(*shown)
    vectors = list(seen or ())  # another pair on the same image costs a product
    result = _once(
        (model.fingerprint, pair.pair.affirmative, pair.pair.negated, picture.name, method, windows),
        METHODS[method],
        evaluations(model, method, windows=windows),
        lambda tick: attribute_image(
            model, [pair], [image], method=method, windows=windows, progress=tick, covered=vectors
        ),
    )
    if result is not None and method == "occlusion" and seen is None and vectors:
        memo.keep(tuple(vectors), *shown)
    return result


def window_choices(model: DualEncoder) -> tuple[list[int], int]:
    """Sides of an occluding window to choose from, in patches, and the usual one: no other is above half the image."""
    from nast_core.interpret.occlusion_windows import windows_of

    windows = windows_of(model)
    usual = max(1, windows.window // windows.patch)
    unit = max(1, usual // 2)
    fitting = {n * unit for n in (1, 2, 3, 4) if n * unit * windows.patch <= model.image_size / 2}
    return sorted(fitting | {usual}), usual


def squares(model: DualEncoder) -> int:
    """Side, in preprocessed pixels, of the squares that pixels are summed over: at most 16 along a side."""
    from nast_core.interpret.occlusion_windows import windows_of

    return windows_of(model).stride


def settings(result: xr.Dataset, square: int) -> str:
    """How the maps were made, for a chart's subtitle."""
    attrs = result.attrs
    match attrs["method"]:
        case "occlusion":
            return (
                f"windows of {attrs['window']} px ({attrs['window'] / attrs['patch']:g} patches) of the preprocessed"
                f" image, moved by {attrs['stride']} px; 1 pair, 1 image"
            )
        case "integrated_gradients":
            shown = f"summed over squares of {square} px" if square > 1 else "each pixel of the preprocessed image"
            delta = percent(worst_share(result))
            return (
                f"{shown}; {int(result.n_steps.max())} steps, convergence delta {delta} of the change; 1 pair, 1 image"
            )
        case _:
            rows, columns = result.sizes["row"], result.sizes["column"]
            return f"last feature map, {rows} x {columns} cells, with its sign; 1 pair, 1 image"


def _once(key: tuple, label: str, total: int, work: Callable[[Callable[[int], None]], xr.Dataset]) -> xr.Dataset | None:
    """The result of ``work``, found again when asked twice. What takes long shows its progress and can be cancelled.

    Streamlit ends a running script at its next call once a widget changes; every ``tick`` is such a call, so a click on
    Cancel, or on anything else, stops the work within one batch.
    """
    if (result := memo.find("attribution", *key)) is not None:
        return result
    if st.session_state.get(_CANCELLED) == key:
        st.info(f"{label} was cancelled.", icon=":material/stop_circle:")
        st.button("Compute", key=f"attribution-compute-{label}", icon=":material/play_arrow:", on_click=_forget_cancel)
        return None
    place, began, done = st.empty(), time.monotonic(), 0
    bar = None

    def tick(count: int) -> None:
        nonlocal bar, done
        done += count
        spent = time.monotonic() - began
        if bar is None and spent > _AT_ONCE:
            with place.container(horizontal=True, vertical_alignment="center"):
                bar = st.progress(0.0)
                st.button(
                    "Cancel", key=f"attribution-cancel-{label}", icon=":material/stop:", on_click=_cancel, args=(key,)
                )
        if bar is not None:
            bar.progress(min(done / total, 1.0), f"{label}: {_left(done, total, spent)}")

    try:
        result = work(tick)
    except NastError as error:  # the page goes on: another method may work
        with place.container():
            widgets.fault(error)
        return None
    place.empty()
    return memo.keep(result, "attribution", *key)


def _left(done: int, total: int, spent: float) -> str:
    if done >= total:
        return "taking more steps, until the attributions add up"
    return f"{done} of {total} forward passes, about {spent / done * (total - done):.0f} s left"


def _cancel(key: tuple) -> None:
    st.session_state[_CANCELLED] = key


def _forget_cancel() -> None:
    st.session_state[_CANCELLED] = None


def worst_share(result: xr.Dataset) -> float:
    """The larger convergence delta of the two texts, as a share of the change of score; NaN where neither has one."""
    shares = result.delta_share.values
    return float(np.nanmax(shares)) if np.isfinite(shares).any() else float("nan")


def percent(share: float) -> str:
    """A small share as people read it."""
    if np.isnan(share):
        return "undefined"
    return "< 0.01 %" if share < 1e-4 else f"{100 * share:.2g} %"


def completeness_table(result: xr.Dataset) -> pd.DataFrame:
    """Whether each text's token attributions add up to the change of its score."""
    one = result.isel(pair=0)
    return pd.DataFrame(
        {
            "text": one.form.values,
            "baseline": one.s_baseline.values,
            "sum of tokens": one.token_attribution.sum("position").values,
            "S": [float(one.s_affirmative), float(one.s_negated)],
            "delta": [f"{v:+.0e}" for v in one.delta.values],
            "of the change": [percent(v) for v in one.delta_share.values],
            "steps": one.n_steps.values,
        }
    )


def token_table(result: xr.Dataset) -> pd.DataFrame:
    one = result.isel(pair=0)
    shown = np.flatnonzero(np.isfinite(one.token_attribution.values[0]))
    columns: dict[str, object] = {
        "position": shown,
        "role": one.role.values[shown],
        "special": one.special.values[shown],
    }
    for form in FORMS:
        part = one.sel(form=form)
        columns |= {f"token_{form}": part.token.values[shown], form: part.token_attribution.values[shown]}
    table = pd.DataFrame(columns)
    table["difference"] = table.affirmative - table.negated
    return table


@dataclass(frozen=True)
class Maps:
    """Image attributions of both texts and of their difference, and where their cells lie on the image."""

    values: np.ndarray  # [panel, row, column]: affirmative, negated, difference
    y: np.ndarray  # edges, as shares of the image's height
    x: np.ndarray

    @property
    def cropped(self) -> bool:
        """Whether the model leaves out some of the image."""
        return max(self.x[0], self.y[0]) > 0.005 or min(self.x[-1], self.y[-1]) < 0.995

    def table(self) -> pd.DataFrame:
        rows, columns = (axis.ravel() for axis in np.indices(self.values.shape[1:]))
        places = {
            "top": self.y[rows],
            "bottom": self.y[rows + 1],
            "left": self.x[columns],
            "right": self.x[columns + 1],
        }
        names = (*FORMS, "difference")
        values = {name: panel.ravel() for name, panel in zip(names, self.values, strict=True)}
        return pd.DataFrame({"row": rows, "column": columns, **places, **values})


def maps(result: xr.Dataset, square: int = 1) -> Maps:
    """``square``: side, in cells, of the squares that values are summed over."""
    one = result.isel(pair=0)
    values = one.image_attribution.values
    y = np.append(one.top.values, one.bottom.values[-1]) / float(one.image_height)
    x = np.append(one.left.values, one.right.values[-1]) / float(one.image_width)
    down, across = (np.arange(0, size, square) for size in values.shape[1:])
    values = np.add.reduceat(np.add.reduceat(values, down, axis=1), across, axis=2)
    values = np.stack([*values, values[0] - values[1]])
    return Maps(values, y[[*down, -1]], x[[*across, -1]])
