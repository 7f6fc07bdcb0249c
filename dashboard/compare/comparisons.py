"""What the Compare page computes: two models loaded, and all that is between them; kept, so that a link opens it at once."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.compare import charts, report
from dashboard.finetune import prepare
from dashboard.parts import keeper, memo, widgets
from dashboard.parts.items import phantom_items
from dashboard.parts.pairs import alignment
from dashboard.parts.text import code, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nast_core.claims.evidence import Evidence
    from nast_core.compare.tables import Comparison
    from nast_core.compare.two_models import SharedPairs
    from nast_core.data.studies import Split
    from nast_core.models import DualEncoder
    from nast_core.negation.pairs import AlignedPair

STUDIES = 200  # phantoms that claims are made about
VERDICTS = ("fixed", "broken", "right in both", "wrong in both", "unscored")  # in A and B, as Comparison.items has them


class Two(NamedTuple):
    a: DualEncoder
    b: DualEncoder


def tuned() -> dict[str, str]:
    """Finished fine-tunes, newest first: spec -> what it is."""
    from nast_core.finetune.recipe import FinetuneRecipe
    from nast_core.recipe import run_name
    from nast_core.runs.store import RunStore

    rows = RunStore().table().rows
    return {
        run_name(row.run.id): f"{row.recipe.arm}, seed {row.recipe.seed}, {row.recipe.method}, on {row.recipe.model}"
        for row in rows
        if isinstance(row.recipe, FinetuneRecipe) and row.status.state == "finished"
    }


def list_tuned(known: dict[str, str]) -> None:
    """Folded away, in words: the browser would load all of the data grid for it before it paints a page."""
    if known:
        with st.expander(f"Finished fine-tunes: {len(known)}", icon=":material/tune:"):
            rows = [f"| {code(spec)} | {plain(said)} |" for spec, said in known.items()]
            st.markdown("\n".join(["| to type or choose | what it is |", "| --- | --- |", *rows]))


def load(a: str, b: str) -> Two:
    """Both models; one that does not load is a sentence, and the page ends."""
    with widgets.advice():
        return Two(keeper.load(a), keeper.load(b))


@memo.shared("Aligning the pairs")
def _shared(_a: DualEncoder, _b: DualEncoder, fingerprints: tuple[str, str], count: int) -> SharedPairs:
    from nast_core.compare.two_models import shared_pairs, spread

    texts = [one.pair for one in alignment(_a).aligned]
    return spread(shared_pairs(_a, _b, texts), count)


def shared(two: Two, count: int) -> SharedPairs:
    with widgets.advice():
        return _shared(two.a, two.b, (two.a.fingerprint, two.b.fingerprint), count)


@memo.shared("Drawing patients and what is true of them")
def told(split: Split) -> Evidence:
    """Claims about phantoms of a split."""
    from nast_core.compare.claims import phantom_evidence

    return phantom_evidence(STUDIES, split)


class Asked(NamedTuple):
    """What is compared, before anything is loaded."""

    a: str  # demo, a folder, a hub id or run:ID
    b: str
    questions: int
    split: Split
    pairs: int

    @property
    def specs(self) -> dict[str, str]:
        return {"A": self.a, "B": self.b}

    @property
    def identity(self) -> tuple:
        """A model counts by its files as they are now. What a name comes to stand for meanwhile: see ``confirm``."""
        from nast_core.opening import stamp_of

        return *self, *map(stamp_of, self.specs.values())


def comparison(asked: Asked) -> Comparison:
    """Everything compared: as it was found before, here or on disk, else computed under a progress bar."""
    from nast_core.compare.kept import keep, kept_folder, read_kept
    from nast_core.compare.tables import summary_files

    if found := memo.find("comparison", *asked.identity):
        return found
    with widgets.advice():
        summaries = summary_files(asked.specs)  # a run that is gone is said so, kept or not
    folder = kept_folder(*asked.identity)
    found = read_kept(folder) if folder else None
    if found is None:
        found = _compared(asked, summaries)
        if folder:
            keep(found, folder)
    return memo.keep(found, "comparison", *asked.identity)


def confirm(found: Comparison, asked: Asked, two: Two) -> None:
    """The names still stand for the weights that were compared; else it is compared anew."""
    from nast_core.compare.kept import forget, kept_folder

    if [found.about[model]["model_fingerprint"] for model in "ab"] != [model.fingerprint for model in two]:
        memo.forget("comparison", *asked.identity)
        if folder := kept_folder(*asked.identity):
            forget(folder)
        st.rerun()


def _recorded(summaries: dict[str, Path], moved: pd.DataFrame) -> None:
    """What the fine-tunes themselves wrote down when they ended: there at once, to look at while the rest is computed."""
    from nast_core.runs.store import RunStore

    if not summaries:
        return
    with widgets.advice():
        rows = [RunStore().open(path.parent.name).read() for path in summaries.values()]
    st.caption(
        "What the run wrote down when it ended, on its own validation studies; everything else is being compared."
    )
    st.dataframe(prepare.results(rows), hide_index=True, column_config=prepare.RESULT_COLUMNS)
    st.plotly_chart(
        charts.moved_bars(moved, title="Which layers moved", subtitle="norm of the change / norm of the weights"),
        key="recorded-moved",
    )


def _compared(asked: Asked, summaries: dict[str, Path]) -> Comparison:
    from nast_core.compare.tables import moved_layers

    bar, meanwhile = st.progress(0.0, "Loading the models"), st.empty()
    with widgets.advice(), meanwhile.container():
        moved = moved_layers(summaries)
        _recorded(summaries, moved)

    from nast_core.compare import two_models
    from nast_core.compare.claims import claim_changes
    from nast_core.encoding.cache import default_cache
    from nast_core.encoding.images import encode_named

    two = load(asked.a, asked.b)
    pairs, true = shared(two, asked.pairs), told(asked.split)
    items = phantom_items(asked.questions, 0, asked.split)
    images = list(dict.fromkeys([*two_models.needed_images(pairs, items), *true.images.image]))
    done, total = 0, 2 * len(images)

    def encoded(count: int) -> None:
        nonlocal done
        done += count
        bar.progress(min(done / total, 1.0) / 2, f"Encoding images: {done:,} of {total:,}")

    def compared(_: int) -> None:
        nonlocal done
        done += 1
        bar.progress(0.5 + min((done - total) / two_models.STEPS, 1.0) / 2, "Comparing attention, effects and answers")

    with widgets.advice():
        vectors_a, vectors_b = (
            encode_named(model, images, cache=default_cache(), progress=encoded)[0] for model in (two.a, two.b)
        )
        done = total
        bar.progress(0.5, "Comparing claims, AUROC and retrieval")
        claims = claim_changes(two.a, two.b, true, vectors_a, vectors_b)
        found = two_models.compare(
            two.a, two.b, pairs, items, vectors_a, vectors_b, parameters=moved, claims=claims, progress=compared
        )
    bar.empty()
    meanwhile.empty()
    return replace(found, about=found.about | {"studies": len(true.images), "statements": len(true.examples)})


def names(found: Comparison) -> dict[str, str]:
    """A and B as they are called in charts."""
    return {model: f"{model}: {found.about[model.lower()]['model']}" for model in ("A", "B")}


def headline(found: Comparison) -> list[tuple[str, str, str]]:
    """The answer in four figures: what it is, its value, and its interval or test."""
    changes = found.changes.set_index("form")
    cards = []
    for form, name in (("negated", "Accuracy, negated"), ("affirmative", "Accuracy, affirmative"), ("gap", "Gap")):
        row = changes.loc[form]
        test = "" if form == "gap" else f", McNemar p = {row.p_value:.2g}"
        cards.append(
            (
                f"{name}, B - A",
                f"{row.change:+.1f} points",
                f"{row.low:+.1f} to {row.high:+.1f}, n = {row.n:,.0f}{test}",
            )
        )
    heads = found.heads.dropna(subset="change")
    if len(heads):
        top = heads.loc[heads.change.abs().idxmax()]
        cards.append(
            (
                "Attention, mean |B - A| of a head",
                f"{heads.change.abs().mean():.3f}",
                (
                    f"largest at layer {top.layer:.0f}, head {top['head']:.0f}: {top.change:+.3f} ({top.low:+.3f} to"
                    f" {top.high:+.3f}), n = {top.n:.0f} pairs"
                ),
            )
        )
    return cards


def pattern_table(own: dict[str, AlignedPair], form: str, a: np.ndarray, b: np.ndarray) -> pd.DataFrame:
    """The data behind the two patterns [query, key], a row a cell."""
    parts = []
    for model, values in (("A", a), ("B", b)):
        query, key = np.indices(values.shape)
        pieces = np.array(getattr(own[model], f"pieces_{form}"), dtype=object)
        cells = {
            "query": pieces[query.ravel()],
            "key": pieces[key.ravel()],
            "query_position": query.ravel(),
            "key_position": key.ravel(),
            "attention": values.ravel(),
        }
        parts.append(pd.DataFrame(cells).assign(model=model))
    return pd.concat(parts, ignore_index=True)


def answer(row: pd.Series, model: str) -> pd.Series:
    """One model's answer to an item, as ``draw_options`` takes it."""
    own = f"_{model.lower()}"
    mine = {name.removesuffix(own): row[name] for name in row.index if name.endswith(own)}
    return pd.Series({"form": row.form, **mine})


def recipes(specs: dict[str, str]) -> dict[str, str]:
    """Of the models that are runs, their recipes as JSON."""
    from nast_core.recipe import run_of
    from nast_core.runs.store import RunStore

    runs = {model: run for model, spec in specs.items() if (run := run_of(spec)) is not None}
    return {model: RunStore().open(run).recipe.model_dump_json(indent=2) for model, run in runs.items()}


def report_of(found: Comparison, asked: Asked, sections: Sequence[report.Section], link: str) -> str:
    """The comparison as one HTML file."""
    return report.html(found, asked.specs, sections, headline(found), recipes(asked.specs), link)


def archive(found: Comparison) -> bytes:
    """Every table as CSV, in one zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, table in found.tables.items():
            packed.writestr(f"{name}.csv", table.to_csv(index=False))
    return buffer.getvalue()
