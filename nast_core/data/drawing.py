"""Drawing a phantom: attenuation by anatomy and findings, then exposure and noise.

Everything is a smooth function of patient coordinates (u to the viewer's right, v downwards, both about
-1..1), so that one patient looks the same at 112 and at 512 pixels. Attenuation is additive: soft tissue,
minus air in the lungs, plus bone and metal; findings change the air or add to the sum.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from nast_core.data.phantom import CONDITIONS, Finding, Phantom

Map = Float[np.ndarray, "size size"]
_VIEWER = {"right": -1.0, "left": 1.0}  # the patient's right lung lies on the viewer's left
_ZONE_V = {"upper": -0.38, "mid": -0.06, "lower": 0.26}
_RIB_SPACING = 0.15
_GRADE = {"mild": 0.0, "moderate": 0.5, "severe": 1.0}


class Field(NamedTuple):
    """Patient coordinates of every pixel, and the edge width that one pixel can show."""

    u: Map
    v: Map
    pixel: float


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[Map, Map]:
    axis = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    return np.meshgrid(axis, axis)  # x, y


def _edge(distance: Map, softness: float) -> Map:
    """0 outside, 1 inside, linear across ``softness``: the cheapest anti-aliased edge."""
    return np.clip(distance * (1 / softness) + 0.5, 0, 1)


def _blob(field: Field, u: float, v: float, ru: float, rv: float) -> Map:
    """Gaussian bump of height 1."""
    return np.exp(-(((field.u - u) / ru) ** 2 + ((field.v - v) / rv) ** 2))


def _disc(field: Field, u: float, v: float, ru: float, rv: float, softness: float) -> Map:
    radius = np.sqrt(((field.u - u) / ru) ** 2 + ((field.v - v) / rv) ** 2)
    return _edge((1 - radius) * min(ru, rv), softness)


def _segment(field: Field, start: tuple[float, float], end: tuple[float, float], width: float) -> Map:
    """A straight line of the given width between two points."""
    du, dv = end[0] - start[0], end[1] - start[1]
    length2 = du * du + dv * dv
    along = np.clip(((field.u - start[0]) * du + (field.v - start[1]) * dv) / length2, 0, 1)
    distance = np.sqrt((field.u - start[0] - along * du) ** 2 + (field.v - start[1] - along * dv) ** 2)
    return _edge(width / 2 - distance, max(field.pixel, width / 2))


def _texture(rng: np.random.Generator, cells: int, size: int) -> Map:
    """Smooth noise, standard deviation about 1; the same pattern at every size."""
    coarse = rng.standard_normal((cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def _field(phantom: Phantom, size: int) -> Field:
    x, y = _grid(size)
    angle = np.float32(np.deg2rad(phantom.tilt))
    cos, sin = np.cos(angle), np.sin(angle)
    u = (x * cos + y * sin) / np.float32(phantom.width) - np.float32(phantom.turn)
    v = (y * cos - x * sin) / np.float32(phantom.height)
    return Field(u, v, 2 / size)


class Lungs(NamedTuple):
    """Both lungs as masks, and the distances that findings are placed by."""

    mask: Map  # 1 in either lung
    beside: Map  # |u|
    wall: Map  # distance inwards from the thoracic wall
    above: Map  # distance upwards from the diaphragm


def _lungs(field: Field, phantom: Phantom) -> Lungs:
    beside = np.abs(field.u)
    rise = np.minimum(field.v - 0.32, 0) / 1.13
    outer = 0.74 * np.sqrt(np.clip(1 - rise**2, 0, 1)) - 0.02
    inner = 0.10 + 0.05 * np.clip(field.v + 0.1, 0, 1)
    on_right = field.u < 0
    lift = np.where(on_right, 0.05, 0.0).astype(np.float32)
    if (collapse := phantom.finding("Atelectasis")) is not None:
        amount = 0.07 + 0.10 * _grade(collapse)  # volume loss pulls the diaphragm up
        lift = lift + np.where(on_right == (collapse.side == "right"), amount, 0).astype(np.float32)
    dome = 0.50 - lift + 0.22 * (np.clip((beside - 0.34) / 0.40, -0.8, 2) ** 2)
    wall, above = outer - beside, dome - field.v
    mask = _edge(np.minimum(np.minimum(wall, beside - inner), above), max(0.02, field.pixel))
    return Lungs(mask, beside, wall, above)


def _grade(finding: Finding) -> float:
    """Severity and extent as one number in 0..1."""
    return 0.75 * _GRADE[finding.severity or "moderate"] + 0.25 * finding.extent


def _side_mask(field: Field, side: float) -> Map:
    return _edge(field.u * side, 0.02)


def _sides(finding: Finding) -> tuple[float, ...]:
    return (-1.0, 1.0) if finding.side == "bilateral" else (_VIEWER[finding.side or "left"],)


def _place(finding: Finding, side: float, beside: float, across: float, down: float) -> tuple[float, float]:
    """Where a focal finding lies: the middle of its zone, moved by its offset."""
    return side * (beside + across * finding.offset[0]), _ZONE_V[finding.zone or "mid"] + down * finding.offset[1]


def _airspace(field: Field, lungs: Lungs, phantom: Phantom, cloud: Map) -> Map:
    """Share of the lungs' air that findings replace, 0..1."""
    clear = np.ones_like(field.u)
    for finding in phantom.findings:
        amount = _grade(finding)
        match finding.condition:
            case "Pleural Effusion":
                for side in _sides(finding):
                    level = 0.16 + 0.40 * amount + 0.16 * np.clip(lungs.beside - 0.25, 0, 1)  # meniscus
                    clear = clear * (1 - 0.97 * _edge(level - lungs.above, 0.05) * _side_mask(field, side))
            case "Consolidation":
                (side,) = _sides(finding)
                u, v = _place(finding, side, 0.40, 0.06, 0.05)
                radius = 0.20 + 0.08 * amount
                ragged = _disc(field, u, v, radius * 1.1, radius * 0.85, 0.10)
                bronchi = 1 - 0.45 * (np.cos(34 * (field.v - 0.5 * lungs.beside)) > 0.80)
                patchy = np.clip(0.78 + 0.16 * cloud, 0, 1)
                clear = clear * (1 - (0.62 + 0.3 * amount) * ragged * patchy * bronchi * _side_mask(field, side))
            case "Edema":
                haze = sum(_blob(field, s * 0.27, 0.02, 0.25, 0.36) for s in (-1, 1))
                streaks = 0.8 + 0.3 * cloud
                clear = clear * (1 - np.clip((0.42 + 0.38 * amount) * haze * streaks, 0, 0.9))
            case "Lung Lesion":
                (side,) = _sides(finding)
                radius = 0.075 + 0.05 * amount
                u, v = _place(finding, side, 0.48, 0.06, 0.06)
                clear = clear * (1 - 0.95 * _disc(field, u, v, radius, radius, max(0.02, field.pixel)))
            case "Atelectasis":
                (side,) = _sides(finding)
                v = 0.0 if finding.zone == "mid" else 0.22
                plate = _segment(field, (side * 0.16, v - 0.04), (side * 0.64, v + 0.06), 0.06 + 0.03 * amount)
                second = _segment(field, (side * 0.22, v + 0.10), (side * 0.58, v + 0.17), 0.045)
                clear = clear * (1 - (0.75 + 0.2 * amount) * np.maximum(plate, 0.9 * second))
            case _:
                pass
    return 1 - clear


def _pneumothorax(field: Field, lungs: Lungs, phantom: Phantom) -> tuple[Map, Map]:
    """(free air, pleural line): no markings outside the line, and the line itself."""
    finding = phantom.finding("Pneumothorax")
    if finding is None:
        zero = np.zeros_like(field.u)
        return zero, zero
    (side,) = _sides(finding)
    gap = 0.14 + 0.20 * _grade(finding) + 0.14 * np.clip(-field.v - 0.1, 0, 1)  # widest at the apex
    depth = np.minimum(lungs.wall, field.v + 0.80)
    here = _side_mask(field, side) * lungs.mask
    free = _edge(gap - depth, max(0.015, field.pixel)) * here
    line = _edge(0.017 - np.abs(depth - gap), max(0.012, field.pixel)) * here
    return free, line


def _ribs(field: Field, lungs: Lungs, phantom: Phantom) -> Map:
    phase = (field.v + 0.12 * lungs.beside - 0.62 * lungs.beside**2 + 0.86) / _RIB_SPACING
    gap = callus = 0.0
    if (finding := phantom.finding("Fracture")) is not None:
        (side,) = _sides(finding)
        at = 0.47
        broken = {"upper": 2.0, "mid": 4.0, "lower": 6.0}[finding.zone or "mid"]
        many = 1.0 + 0.75 * _GRADE[finding.severity or "mild"]  # half the number of broken ribs
        near = _edge(many - np.abs(phase - broken), 0.3) * _side_mask(field, side)
        phase = phase + 0.48 * _edge(lungs.beside - at, 0.02) * near  # step-off: the outer part sinks
        callus = near * np.exp(-(((lungs.beside - at) / 0.075) ** 2))
        gap = near * _edge(0.024 - np.abs(lungs.beside - at), max(0.012, field.pixel))
    band = np.clip((np.cos(2 * np.pi * phase) - 0.35) * 3.0, 0, 1)
    rim = np.clip(1 - np.abs(np.cos(2 * np.pi * phase) - 0.45) * 5, 0, 1)
    reach = _edge(lungs.wall + 0.06, 0.03) * _edge(0.75 - field.v, 0.2) * _edge(lungs.beside - 0.07, 0.03)
    ribs = (0.16 * band + 0.07 * rim) * reach
    return ribs * (1 - 0.9 * gap) + 0.90 * callus * np.clip(band + 0.4, 0, 1) * reach * (1 - gap)


def _devices(field: Field, phantom: Phantom) -> Map:
    finding = phantom.finding("Support Devices")
    if finding is None:
        return np.zeros_like(field.u)
    side = _VIEWER[finding.side or "left"]
    thin = 0.022
    if finding.device == "pacemaker":
        centre = (side * 0.52, -0.55)
        box = _disc(field, *centre, 0.12, 0.10, 0.015)
        lead1 = _segment(field, centre, (side * 0.12, -0.50), thin)
        lead2 = _segment(field, (side * 0.12, -0.50), (-0.10, 0.05), thin)
        lead3 = _segment(field, (-0.10, 0.05), (0.20, 0.36), thin)
        return 0.9 * np.maximum.reduce([box, lead1, lead2, lead3])
    if finding.device == "endotracheal tube":
        tube = _segment(field, (0.0, -1.0), (0.0, -0.40), 0.045)
        gastric = _segment(field, (0.035, -1.0), (0.06, 0.72), thin)
        return 0.8 * np.maximum(tube, gastric)
    neck = _segment(field, (-0.30, -1.0), (-0.16, -0.62), thin)
    descent = _segment(field, (-0.16, -0.62), (-0.10, 0.10), thin)
    lead = _segment(field, (-0.9, -0.30), (-0.62, -0.62), thin)
    patches = _disc(field, -0.62, -0.62, 0.05, 0.05, 0.01) + _disc(field, 0.66, -0.60, 0.05, 0.05, 0.01)
    return 0.85 * np.maximum.reduce([neck, descent, lead, np.minimum(patches, 1)])


def _markings(field: Field, rng: np.random.Generator, cloud: Map) -> Map:
    """Vessels that fan out from each hilum and thin towards the wall."""
    du, dv = np.abs(field.u) - 0.16, field.v - 0.03
    radius = np.sqrt(du * du + dv * dv) + 1e-3
    angle = np.arctan2(dv, du)
    phase = np.where(field.u < 0, *rng.uniform(0, 6.28, 2).astype(np.float32))
    fan = np.cos(15 * angle + 2.2 * cloud * radius + phase) + np.cos(23 * angle + 5 * radius)
    tree = (1.3 * np.clip(fan - 0.7, 0, 1) + 0.12) * np.exp(-radius / 0.24)
    hilum = 0.75 * np.exp(-(((du + 0.01) / 0.07) ** 2) - (dv / 0.13) ** 2)
    return tree + hilum * (1 + 0.5 * np.clip(fan, -1, 1))


def _mediastinum(field: Field, phantom: Phantom) -> Map:
    """Heart, great vessels and spine, as attenuation."""
    big = phantom.finding("Cardiomegaly")
    grow = 1.0 if big is None else 1.32 + 0.28 * _grade(big)
    heart = _disc(field, 0.10 * grow, 0.27 - 0.03 * (grow - 1), 0.285 * grow, 0.265 * (0.6 + 0.4 * grow), 0.06)
    atrium = _disc(field, -0.08, 0.24, 0.16 * (0.5 + 0.5 * grow), 0.20, 0.04)
    wide = phantom.finding("Enlarged Cardiomediastinum")
    half = 0.115 if wide is None else 0.225 + 0.08 * _grade(wide)
    band = _edge(half - np.abs(field.u) - 0.03 * np.clip(-field.v - 0.5, 0, 1), 0.03) * _edge(0.45 - field.v, 0.4)
    knob = _disc(field, half + 0.005, -0.30, 0.075, 0.085, 0.03)
    trachea = _edge(0.032 - np.abs(field.u), 0.02) * _edge(-0.30 - field.v, 0.1)
    spine = _edge(0.085 - np.abs(field.u), 0.02) * (0.8 + 0.2 * np.cos(field.v * (2 * np.pi / 0.125)))
    vessels = np.maximum.reduce([0.8 * atrium, 0.72 * band, 0.62 * knob])
    return 0.44 * np.maximum(heart, vessels) + 0.15 * spine - 0.13 * trachea


def attenuation(phantom: Phantom, size: int) -> Map:
    """Line integral of attenuation per pixel, arbitrary units: air 0, soft tissue about 1, metal above 2."""
    rng = np.random.default_rng([phantom.seed, 0xD4A3])
    field = _field(phantom, size)
    cloud = _texture(rng, 22, size)
    lungs = _lungs(field, phantom)
    shoulder = 0.97 - 0.55 * np.clip(-field.v - 0.62, 0, 1) - 0.10 * np.clip(field.v, 0, 1)
    body = _edge(shoulder - lungs.beside, 0.06)
    filled = _airspace(field, lungs, phantom, cloud)
    free, line = _pneumothorax(field, lungs, phantom)
    core = _mediastinum(field, phantom)
    air = lungs.mask * (1 - filled) * (1 - np.clip(core * 2.3, 0, 0.95))
    vessels = _markings(field, rng, cloud) * lungs.mask * (1 - free)
    belly = 0.25 * _edge(-lungs.above, 0.06)
    clavicle = sum(_segment(field, (s * 0.09, -0.60), (s * 0.62, -0.74), 0.055) for s in (-1, 1))
    total = body * (0.82 + 0.012 * cloud) + core * body + belly * body
    total += -0.66 * air - 0.17 * free * (1 - filled) + 0.34 * line + 0.34 * vessels * (1 - filled)
    total += _ribs(field, lungs, phantom) * body + 0.15 * clavicle + _devices(field, phantom)
    return total


def occupancy(phantom: Phantom, grid: int, *, threshold: float = 0.02) -> Bool[np.ndarray, "condition grid grid"]:
    """Where each finding shows: cells whose mean attenuation it changes by more than ``threshold``."""
    pixels = 7
    whole = attenuation(phantom, grid * pixels)
    cells = np.zeros((len(CONDITIONS), grid, grid), bool)
    for finding in phantom.findings:
        rest = tuple(f for f in phantom.findings if f is not finding)
        change = np.abs(whole - attenuation(phantom.model_copy(update={"findings": rest}), grid * pixels))
        mean = change.reshape(grid, pixels, grid, pixels).mean((1, 3))
        cells[CONDITIONS.index(finding.condition)] = mean > threshold
    return cells


def render(phantom: Phantom, size: int = 112) -> UInt8[np.ndarray, "size size"]:
    """The radiograph, 8 bit, bone bright; the same patient at every ``size`` in pixels.

    Beer-Lambert transmission, quantum noise that grows where little light arrives, and a display curve.
    """
    transmitted = np.exp(-1.55 * attenuation(phantom, size) * (2 - phantom.exposure))
    noise = np.random.default_rng([phantom.seed, size]).standard_normal((size, size), dtype=np.float32)
    transmitted += phantom.noise * noise * np.sqrt(transmitted.clip(0, 1) + 0.05)
    grey = 1 - np.power(transmitted.clip(0, 1), 0.72)
    return (255 * grey.clip(0, 1)).astype(np.uint8)
