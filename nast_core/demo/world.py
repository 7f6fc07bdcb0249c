"""Phantoms on disk: pixels, and the truth that an image tower is warmed up on. Source: ours."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8
from tqdm import tqdm

from nast_core.data.drawing import occupancy, render
from nast_core.data.phantom import CONDITIONS, SEVERITIES, SPLITS, Phantom, sample_phantom
from nast_core.files.arrays import read_arrays, save_arrays

_CHUNK = 500
FACTS = 8  # per condition: present, left, right, three zones, at least moderate, severe


class World(NamedTuple):
    """A run of phantoms of one split, side by side."""

    phantoms: list[Phantom]
    pixels: UInt8[np.ndarray, "image size size"]
    cells: Bool[np.ndarray, "image condition grid grid"]  # where each finding shows; empty for grid 0
    facts: Bool[np.ndarray, "image fact"]


def _draw(seeds: Sequence[int], size: int, grid: int) -> dict[str, np.ndarray]:
    people = [sample_phantom(seed) for seed in seeds]
    return {
        "pixels": np.stack([render(person, size) for person in people]),
        "cells": np.stack([occupancy(person, grid) if grid else np.zeros((0, 0, 0), bool) for person in people]),
    }


def load_world(split: str, start: int, count: int, *, size: int, grid: int, cache: Path, workers: int) -> World:
    """``count`` phantoms of a split from its ``start``-th, drawn once and kept in ``cache``.

    An interrupted drawing goes on at the chunk where it stopped.
    """
    cache.mkdir(parents=True, exist_ok=True)
    seeds = list(SPLITS[split][start : start + count])
    chunks = [seeds[i : i + _CHUNK] for i in range(0, count, _CHUNK)]
    paths = [cache / f"{split}-{chunk[0]}-{len(chunk)}-{size}-{grid}.npz" for chunk in chunks]
    missing = [(chunk, path) for chunk, path in zip(chunks, paths, strict=True) if not path.exists()]
    if missing:
        draw = partial(_draw, size=size, grid=grid)
        with ExitStack() as stack:
            several = workers > 1 and len(missing) > 1  # a process costs more than one chunk's drawing
            pool = (
                stack.enter_context(ProcessPoolExecutor(workers, mp_context=get_context("spawn"))) if several else None
            )
            pieces = (pool.map if pool else map)(draw, [chunk for chunk, _ in missing])
            for (_, path), block in tqdm(zip(missing, pieces, strict=True), f"Draw {split}", len(missing)):
                save_arrays(path, block)
    blocks = [read_arrays(path, ("pixels", "cells"), absent="build again") for path in paths]
    people = [sample_phantom(seed) for seed in seeds]
    return World(
        people,
        np.concatenate([block["pixels"] for block in blocks]),
        np.concatenate([block["cells"] for block in blocks]),
        np.stack([facts(person) for person in people]),
    )


def facts(phantom: Phantom) -> Bool[np.ndarray, " fact"]:
    """What is true of a phantom, FACTS binary values a condition."""
    table = np.zeros((len(CONDITIONS), FACTS), bool)
    for finding in phantom.findings:
        row = table[CONDITIONS.index(finding.condition)]
        row[0] = True
        row[1] = finding.side in ("left", "bilateral")
        row[2] = finding.side in ("right", "bilateral")
        if finding.zone:
            row[3 + ("upper", "mid", "lower").index(finding.zone)] = True
        if finding.severity:
            row[6:8] = [SEVERITIES.index(finding.severity) >= level for level in (1, 2)]
    return table.ravel()
