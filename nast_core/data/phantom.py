"""Phantom patients: seeded ground truth for drawn frontal chest radiographs.

A phantom is a drawing, not a patient. ``sample_phantom(seed)`` decides everything that is true of one
(findings, side, zone, severity, body habitus, rotation, exposure); ``render`` in drawing.py turns that
truth into pixels, the same patient at any size. Conditions carry CheXpert's names. Source: ours.
"""

import re
from collections.abc import Iterable
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from nast_core.errors import DataError

Side = Literal["left", "right", "bilateral"]  # the patient's own side: his right is the viewer's left
Zone = Literal["upper", "mid", "lower"]
Severity = Literal["mild", "moderate", "severe"]
Device = Literal["pacemaker", "endotracheal tube", "central line"]

CONDITIONS: tuple[str, ...] = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Fracture",
    "Support Devices",
)
PREVALENCE = 0.32  # of each condition, independently: about 3 findings a patient, 84 % with at least 2
SEVERITIES: tuple[Severity, ...] = ("mild", "moderate", "severe")

_SIDED = {"Lung Lesion", "Consolidation", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Fracture"}
_BILATERAL_TOO = {"Pleural Effusion": 0.25}
_ZONES: dict[str, tuple[Zone, ...]] = {
    "Lung Lesion": ("upper", "mid", "lower"),
    "Consolidation": ("upper", "mid", "lower"),
    "Atelectasis": ("mid", "lower"),
    "Pneumothorax": ("upper",),
    "Pleural Effusion": ("lower",),
    "Fracture": ("upper", "mid", "lower"),
}
_DEVICES: tuple[Device, ...] = ("pacemaker", "endotracheal tube", "central line")


class Finding(BaseModel):
    """One thing that is present, and where and how much of it. Attributes are None where it has none."""

    model_config = ConfigDict(frozen=True)

    condition: str
    side: Side | None = None
    zone: Zone | None = None
    severity: Severity | None = None
    device: Device | None = None
    extent: float = 0.5  # 0..1, how far within its severity; drawn, never written in a text
    offset: tuple[float, float] = (0.0, 0.0)  # -1..1 each, from the middle of its zone: across and down


class Phantom(BaseModel):
    """Full ground truth of one drawn patient. Lengths are in half image widths, angles in degrees."""

    model_config = ConfigDict(frozen=True)

    seed: int
    findings: tuple[Finding, ...]
    width: float  # thorax width, 1 = average
    height: float  # thorax height, 1 = average
    tilt: float  # in-plane rotation of the patient, degrees
    turn: float  # midline shift by axial rotation, half image widths
    exposure: float  # 1 = average; higher = darker lungs
    noise: float  # quantum noise, standard deviation in grey levels of 0..1

    @property
    def patient_id(self) -> str:
        return f"phantom-{self.seed}"

    @property
    def labels(self) -> dict[str, int]:
        """Condition -> 1 present, 0 absent; every condition is known of a phantom."""
        present = {finding.condition for finding in self.findings}
        return {condition: int(condition in present) for condition in CONDITIONS}

    def finding(self, condition: str) -> Finding | None:
        return next((f for f in self.findings if f.condition == condition), None)


def _sample_finding(condition: str, rng: np.random.Generator) -> Finding:
    side: Side | None = None
    if condition in _SIDED:
        side = "bilateral" if rng.random() < _BILATERAL_TOO.get(condition, 0.0) else rng.choice(["left", "right"])
    zones = _ZONES.get(condition)
    is_device = condition == "Support Devices"
    device = _DEVICES[rng.integers(len(_DEVICES))] if is_device else None
    return Finding(
        condition=condition,
        side=rng.choice(["left", "right"]) if device == "pacemaker" else side,
        zone=zones[rng.integers(len(zones))] if zones else None,
        severity=None if is_device else SEVERITIES[rng.integers(3)],
        device=device,
        extent=round(float(rng.random()), 3),
        offset=(round(float(rng.uniform(-1, 1)), 3), round(float(rng.uniform(-1, 1)), 3)),
    )


def sample_phantom(seed: int) -> Phantom:
    """The patient that ``seed`` names; equal seeds give equal patients on every machine."""
    rng = np.random.default_rng([seed, 0x70A7])
    findings = tuple(_sample_finding(c, rng) for c in CONDITIONS if rng.random() < PREVALENCE)
    return Phantom(
        seed=seed,
        findings=findings,
        width=float(np.clip(rng.normal(1.0, 0.04), 0.9, 1.1)),
        height=float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08)),
        tilt=float(np.clip(rng.normal(0, 1.5), -4, 4)),
        turn=float(np.clip(rng.normal(0, 0.015), -0.04, 0.04)),
        exposure=float(np.clip(rng.normal(1.0, 0.07), 0.8, 1.2)),
        noise=float(rng.uniform(0.008, 0.022)),
    )


SPLITS: dict[str, range] = {
    "train": range(0, 1_000_000),
    "validation": range(1_000_000, 1_100_000),
    "test": range(2_000_000, 2_100_000),
}
"""Seeds of each split. Disjoint by construction: no phantom is in two splits."""


class SplitTooSmall(DataError, IndexError):
    """More phantoms are asked for than a split has."""


def phantoms(split: str, count: int, *, start: int = 0) -> Iterable[Phantom]:
    """``count`` phantoms of a split, from its ``start``-th. Raises SplitTooSmall past the split's end."""
    seeds = SPLITS[split][start : start + count]
    if len(seeds) < count:
        raise SplitTooSmall(
            f"split {split!r} has {len(SPLITS[split])} phantoms; asked for {start}..{start + count}; ask for fewer"
        )
    return (sample_phantom(seed) for seed in seeds)


PREFIX = "phantom:"
_SEED = re.compile("[0-9]{1,15}")


def phantom_name(phantom: Phantom) -> str:
    """As tables name its image."""
    return f"{PREFIX}{phantom.seed}"


def phantom_of(name: str) -> Phantom | None:
    """The phantom that an image's name stands for; None for any other image."""
    seed = name.removeprefix(PREFIX)
    return sample_phantom(int(seed)) if name.startswith(PREFIX) and _SEED.fullmatch(seed) else None
