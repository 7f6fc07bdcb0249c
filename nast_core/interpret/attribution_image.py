"""Image attributions: which regions of an X-ray make the score of a text, by captum."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from nast_core.errors import PairError
from nast_core.interpret.attribution import (
    MAX_STEPS,
    N_STEPS,
    Integral,
    Line,
    check_precision,
    completeness,
    fixed,
    integrate,
    score_variables,
    scores,
)
from nast_core.interpret.captum_methods import Occlusion
from nast_core.interpret.field_of_view import check_picture, field_of_view
from nast_core.interpret.grad_cam import FormScore, grad_cam
from nast_core.interpret.occlusion_windows import Windows, windows_of
from nast_core.interpret.pair_coordinates import pair_coordinates
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.negation.forms import FORMS
from nast_core.negation.pairs import AlignedPair
from nast_core.progress import Tick

Method = Literal["occlusion", "integrated_gradients", "grad_cam"]
METHODS: dict[Method, str] = {
    "occlusion": "logits: fall of S when a window is covered, mean over the windows that cover a cell",
    "integrated_gradients": "logits per preprocessed pixel, summed over channels",
    "grad_cam": "logits per cell of the last feature map, to first order",
}
"""Each method with the unit of its values."""
_IN_FLIGHT = {"cpu": 150e6}  # weights x images of 224 px at once: one ViT-B, since more at once gain nothing there
_IN_FLIGHT_ELSEWHERE = 2.4e9  # 16 images of a ViT-B, 3 GB with what the backward pass keeps


def attribute_image(
    model: DualEncoder,
    pairs: Sequence[AlignedPair],
    images: Sequence[Image.Image],
    *,
    method: Method = "occlusion",
    windows: Windows | None = None,
    n_steps: int = N_STEPS,
    max_steps: int = MAX_STEPS,
    progress: Tick | None = None,
    covered: list[Tensor] | None = None,
) -> xr.Dataset:
    """Attribution of S(affirmative) and S(negated) to regions of each pair's image; positive where a region raises S.

    occlusion: S less S with a window covered. integrated_gradients: over pixels. For both, where nothing is shown
    stands the image's own mean, by channel: black would be air, and air is a finding. grad_cam: the gradient of S,
    averaged over the last feature map, times that map, summed over its channels.

    Args:
        images: one a pair, as ``read_image`` gives them.
        windows: for occlusion; by default what ``windows_of`` gives.
        progress: called with the number of images just encoded, of about ``evaluations``. What it raises ends the work.
        covered: for occlusion, vectors [batch, dim] of the covered images, which no text changes: those of an earlier
            call with the same model, images and windows are used, and those that are missing are added.
    Returns:
        Dataset: ``image_attribution`` [pair, form, row, column], in the unit that METHODS says; ``top``, ``bottom``
        [pair, row], ``left``, ``right`` [pair, column]: where each cell lies, in pixels of the image given;
        ``image_width``, ``image_height`` [pair]; ``s_affirmative``, ``s_negated``, ``d`` [pair], logits; for
        integrated_gradients also ``s_baseline``, ``delta``, ``delta_share``, ``n_steps`` [pair, form].
    Raises:
        PairError: no pair, or not one image a pair. AttributionError: half precision, or an image tower that this
        method cannot take.
    Source: Zeiler and Fergus 2014 (arXiv:1311.2901); Sundararajan et al. 2017 (arXiv:1703.01365); Selvaraju et al. 2017
        (arXiv:1610.02391). Departure: Grad-CAM keeps its sign (no ReLU), so that the two texts can be subtracted.
    """
    check_precision(model)
    if not pairs or len(images) != len(pairs):
        raise PairError(f"attribution needs one image a pair; got {len(pairs)} pairs and {len(images)} images")
    windows = windows or windows_of(model)
    maps: list[Map] = []
    ends: list[np.ndarray] = []
    places: list[dict[str, np.ndarray]] = []
    encode = _remembering(model, covered) if covered is not None and method == "occlusion" else model.encode_pixels
    for pair, image in zip(pairs, images, strict=True):
        pixels = model.preprocess(image)
        check_picture(model, pixels.shape)
        pixels = pixels[None].to(model.text.device, model.dtype)
        score = _score(model, pair, encode, progress)
        match method:
            case "occlusion":
                saliency = _occlusion(score, pixels, windows, batch_size(model))
            case "integrated_gradients":
                saliency = _integrated_gradients(model, score, pixels, n_steps, max_steps)
            case "grad_cam":
                saliency = _even(grad_cam(model, score, pixels), pixels)
        with torch.no_grad():
            ends.append(score(pixels)[0].double().cpu().numpy())
        maps.append(saliency)
        places.append(_place(model, image, saliency))
    integrals = [one.integrals for one in maps if one.integrals]
    unit = {"units": METHODS[method]}
    return xr.Dataset(
        {
            "image_attribution": (("pair", "form", "row", "column"), np.stack([m.values for m in maps]), unit),
            **{
                name: (_PLACES[name], np.stack([p[name] for p in places]), {"units": "px of the image"})
                for name in _PLACES
            },
            **score_variables(np.stack(ends)),
            **(completeness(integrals) if integrals else {}),
        },
        coords={**pair_coordinates(pairs), "form": list(FORMS)},
        attrs={**provenance(model, "attribution"), "method": method, **_settings(method, windows)},
    )


def evaluations(model: DualEncoder, method: Method, *, windows: Windows | None = None, n_steps: int = N_STEPS) -> int:
    """Images to encode for one pair, if integrated gradients need no more than ``n_steps``."""
    match method:
        case "occlusion":
            return (windows or windows_of(model)).count(model.image_size) + 2
        case "integrated_gradients":
            return len(FORMS) * (n_steps + 2) + 1
        case "grad_cam":
            return len(FORMS) + 1


def batch_size(model: DualEncoder) -> int:
    """Images in flight: few for a large model, so that memory is bounded and progress is seen."""
    each = model.parameters * (model.image_size / 224) ** 2
    limit = _IN_FLIGHT.get(model.text.device.type, _IN_FLIGHT_ELSEWHERE)
    return int(min(max(limit // each, 1), 16))


@dataclass(frozen=True)
class Map:
    """What a method found on one image."""

    values: Float[np.ndarray, "form row column"]
    rows: Float[np.ndarray, " row+1"]  # edges of the cells, in preprocessed pixels
    columns: Float[np.ndarray, " column+1"]
    integrals: tuple[Integral, ...] = ()


def _remembering(model: DualEncoder, covered: list[Tensor]) -> Callable[[Tensor], Tensor]:
    """encode_pixels for batches that come in the same order in every call."""
    known = iter(tuple(covered))

    def encode(pixels: Tensor) -> Tensor:
        vectors = next(known, None)
        if vectors is None:
            vectors = model.encode_pixels(pixels)
            covered.append(vectors.detach())
        return vectors

    return encode


def _score(
    model: DualEncoder,
    pair: AlignedPair,
    encode: Callable[[Tensor], Tensor],
    progress: Tick | None,
) -> FormScore:
    texts = fixed(model, model.encode_texts([pair.pair.affirmative, pair.pair.negated]))

    def score(pixels: Tensor) -> Tensor:
        values = scores(model, encode(pixels), texts)
        if progress:
            progress(len(pixels))
        return values

    return score


def _occlusion(score: FormScore, pixels: Tensor, windows: Windows, batch: int) -> Map:
    channels, height, width = pixels.shape[1:]
    falls = Occlusion(score).attribute(
        pixels,
        (channels, windows.window, windows.window),
        (channels, windows.stride, windows.stride),
        baselines=_mean(pixels),
        perturbations_per_eval=batch,
    )
    # all channels of a pixel are covered at once and hold one value, and so do all pixels of a cell
    cells = falls[:, 0, :: windows.cell, :: windows.cell].double().cpu().numpy()
    return Map(cells, windows.edges(height), windows.edges(width))


def _integrated_gradients(model: DualEncoder, score: FormScore, pixels: Tensor, n_steps: int, max_steps: int) -> Map:
    def of(form: int) -> Line:
        return Line(lambda x: score(x)[:, form], _mean(pixels), pixels)

    lines = [of(form) for form in range(len(FORMS))]
    integrals = integrate(
        model, lines, batch=batch_size(model), n_steps=n_steps, max_steps=max_steps, advice="; occlusion needs none"
    )
    return _even(np.stack([one.attribution.sum(0).numpy() for one in integrals]), pixels, tuple(integrals))


def _mean(pixels: Tensor) -> Tensor:
    return pixels.mean((2, 3), keepdim=True).expand_as(pixels).contiguous()


def _even(values: np.ndarray, pixels: Tensor, integrals: tuple[Integral, ...] = ()) -> Map:
    """A map of equal cells over the whole preprocessed image."""
    (rows, columns), (height, width) = values.shape[1:], pixels.shape[2:]
    return Map(values, np.linspace(0, height, rows + 1), np.linspace(0, width, columns + 1), integrals)


_PLACES: dict[str, tuple[str, ...]] = {
    "top": ("pair", "row"),
    "bottom": ("pair", "row"),
    "left": ("pair", "column"),
    "right": ("pair", "column"),
    "image_width": ("pair",),
    "image_height": ("pair",),
}


def _place(model: DualEncoder, image: Image.Image, saliency: Map) -> dict[str, np.ndarray]:
    view = field_of_view(model, image.size)
    y, x = view.top + view.down * saliency.rows, view.left + view.across * saliency.columns
    sides = {"image_width": np.array(image.width), "image_height": np.array(image.height)}
    return {"top": y[:-1], "bottom": y[1:], "left": x[:-1], "right": x[1:], **sides}


def _settings(method: Method, windows: Windows) -> dict[str, str | int]:
    if method == "grad_cam":
        return {}
    sliding = {"patch": windows.patch, "window": windows.window, "stride": windows.stride}
    return {"baseline": "the image's own mean, by channel", **(sliding if method == "occlusion" else {})}
