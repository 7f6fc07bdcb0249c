"""A model's answers to a set of questions, the first of them at once where all of them take long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import memo, pace
from dashboard.parts.items import benchmark

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from nast_core.benchmark.items import Item
    from nast_core.benchmark.run import BenchmarkResult
    from nast_core.models import DualEncoder

_UNNOTICED = 0.1  # of pace.AT_ONCE: half a second more is worth no first look
_MOST = 8  # questions between two signs of progress; an interrupted page encodes no more than that again


def by_and_by(
    model: DualEncoder, items: list[Item], key: str, images: Path | None, first: Callable[[pd.DataFrame], None]
) -> BenchmarkResult:
    """As ``benchmark``. Where it takes long, ``first`` draws what the model answers to the first question, the others
    follow under a progress bar, and the page is drawn anew with all of them."""
    from nast_core.benchmark.scoring import distinct_texts

    name = ("answers", model.fingerprint, key, str(images))
    if (found := memo.find(*name)) is not None:
        return found
    if pace.seconds(model, images=len(items), texts=len(distinct_texts(items))) <= _UNNOTICED * pace.AT_ONCE:
        return benchmark(model, items, key, images)
    asked = _Asked(model, images)
    asked.encode(items[:1])
    first(asked.scored(items[:1]))
    bar, done, step = st.progress(0.0), 1, 1
    while done < len(items):
        bar.progress(done / len(items), f"Scoring all {len(items)} cases: {asked.counted(items)}")
        asked.encode(items[done : done + step])
        done, step = done + step, min(2 * step, _MOST)
    result = memo.keep(asked.result(items), *name)
    st.rerun()  # which ends this run of the page
    return result


class _Asked:
    """Vectors of the questions that were asked so far; those of an interrupted page are found in the cache."""

    def __init__(self, model: DualEncoder, images: Path | None):
        self._model, self._folder = model, images
        self._vectors: dict[str, Tensor] = {}
        self._texts: dict[str, Tensor] = {}
        self._failed: dict[str, str] = {}
        self._doubts: dict[str, str] = {}

    def encode(self, items: Sequence[Item]) -> None:
        from nast_core.benchmark.scoring import distinct_texts
        from nast_core.encoding.cache import default_cache, encode_distinct
        from nast_core.encoding.images import encode_named

        cache = default_cache()
        names = [item.image for item in items if item.image not in self._vectors and item.image not in self._failed]
        vectors, failed = encode_named(self._model, names, self._folder, cache=cache, doubts=self._doubts)
        texts = [text for text in distinct_texts(items) if text not in self._texts]
        self._vectors |= vectors
        self._failed |= failed
        self._texts |= encode_distinct(self._model, texts, cache=cache)

    def counted(self, items: Sequence[Item]) -> str:
        """How far it is, in images and texts."""
        from nast_core.benchmark.scoring import distinct_texts

        images, texts = len({item.image for item in items}), len(distinct_texts(items))
        return f"{len(self._vectors) + len(self._failed)} of {images} images, {len(self._texts)} of {texts} texts"

    def scored(self, items: Sequence[Item]) -> pd.DataFrame:
        from nast_core.benchmark.scoring import score_items

        return score_items(self._model, items, self._vectors, texts=self._texts)

    def result(self, items: Sequence[Item]) -> BenchmarkResult:
        from nast_core.benchmark.run import assess

        return assess(self._model, items, self._vectors, self._texts, self._failed, self._doubts)
