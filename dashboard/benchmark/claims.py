"""Tab Claims: true statements against what contradicts them in one attribute; the same claims as Retrieval's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
import streamlit as st

from dashboard.benchmark import charts, choices
from dashboard.benchmark.slices import View
from dashboard.parts import asking, datasets, fields, keeper, memo, plots, splits, theme, widgets
from dashboard.parts.items import EVERY, evidence_for, evidence_in
from dashboard.parts.text import plain
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

    from nast_core.benchmark.slices import Slice
    from nast_core.claims.evidence import Evidence
    from nast_core.claims.run import ClaimsResult
    from nast_core.models import DualEncoder

_CUES = {"none": (theme.AFFIRMATIVE, ""), "seen": (theme.NEGATED, "/"), "unseen": (theme.NEGATED, "x")}


_COUNTS, _USUAL = [100, 200, 500, 1000], 200  # of studies


class Claims(NamedTuple):
    """What is asked, what names it, the folder of its images, and what figures are of."""

    asked: Evidence
    key: str
    folder: str | None
    of: str


def choose() -> Claims:
    """The chosen dataset's, or any claims file. What has none says so, and the page ends."""
    source, rest = st.expander("Claims", icon=":material/fact_check:").columns([1, 3])
    if fields.one_of(source, "From", choices.SOURCES, key="claims-from") == choices.SOURCES[0]:
        return _of_dataset(rest)
    where, beside = rest.columns(2)
    typed = asking.field(where, "claims.jsonl, of 'nast claims build'", key="claims-file")
    folder = asking.field(beside, "Folder of its images", key="claims-images") or None
    if not typed:
        widgets.empty("Give the path of a claims file, or choose the dataset.")
    path = widgets.path(typed)
    with widgets.advice():
        asked = evidence_in(path)
    of = path.name if asked.split == "all" else f"the {asked.split} lines of {path.name}"
    return Claims(asked, f"{path}-{stamp(path)}", folder, of)


def _of_dataset(place: DeltaGenerator) -> Claims:
    """Statements about one of its held-out splits."""
    from nast_core.errors import DatasetError

    dataset = datasets.chosen()
    part, count, seed = place.columns(3)
    split, drawn = splits.choose(part, dataset, key="claims-split"), 0
    splits.need_leave(dataset, split, "benchmark-claims")
    try:
        every = _USUAL if datasets.drawn() else len(evidence_for(dataset, EVERY, 0, split).images)
    except DatasetError as error:
        widgets.empty(f"{error}; choose another split or dataset, or give a claims file.")
    offered = _COUNTS if datasets.drawn() else splits.counts(_COUNTS, every)
    n = splits.how_many(count, "Studies", offered, _USUAL, key="claims-n")
    if datasets.drawn():
        drawn = int(seed.number_input("Seed", 0, 10_000, 0, key="claims-seed", bind="query-params"))
    images = str(dataset.images) if dataset.images else None
    asked, key = evidence_for(dataset, n, drawn, split), f"{dataset.fingerprint}-{split}-{n}-{drawn}"
    return Claims(asked, key, images, datasets.of_split(dataset, split))


def results(view: View, claims: Claims) -> dict[str, ClaimsResult]:
    """By spec; computed with progress where the models have not read these claims yet. Ends the page where none has."""
    by_spec = {}
    for spec, one in view.answers.items():
        name = ("claims", one.fingerprint, claims.key, claims.folder)
        result = memo.find(*name)
        if result is None:
            with widgets.advice():
                result = _compute(keeper.load(spec), claims, one.name)
            if result is None:
                continue
            memo.keep(result, *name)
        by_spec[spec] = result
    if not by_spec:
        widgets.end_page()
    return by_spec


def _compute(model: DualEncoder, claims: Claims, name: str) -> ClaimsResult | None:
    """None where it would take long and nobody has asked for it."""
    from nast_core.claims.ranking import statement_texts
    from nast_core.claims.run import run_evidence, work_units
    from nast_core.encoding.cache import default_cache
    from nast_core.runs.pace import duration

    asked = claims.asked
    total, done = work_units(asked), 0
    images = asked.images.image.tolist()
    seconds = choices.seconds_left(model, statement_texts(asked.examples), images, claims.folder)
    if seconds > choices.SOON and not st.button(
        f"Let {plain(name)} read the claims: at most {duration(seconds)}",
        icon=":material/play_arrow:",
        key=f"benchmark-read-{name}",
        help="The Stop button, top right, cancels it. What has been encoded is kept, and it goes on from there.",
    ):
        return None
    bar = st.progress(0.0, f"{plain(name)}: encoding images and statements")

    def tick(count: int) -> None:
        nonlocal done
        done += count
        bar.progress(min(done / total, 1.0), f"{plain(name)}: encoding images and statements, {done:,} of {total:,}")

    folder = widgets.path(claims.folder) if claims.folder else None
    result = run_evidence(model, asked, folder, cache=default_cache(), progress=tick)
    bar.empty()
    return result


def of_slice(table: pd.DataFrame, part: Slice, columns: dict[str, str]) -> pd.DataFrame:
    """Rows of a table in the slice, as far as the table has the part: ``columns`` maps a slice's part to its column."""
    for name, column in columns.items():
        if wanted := getattr(part, name):
            table = table[table[column].isin(wanted)]
    return table


def draw(view: View) -> None:
    claims = choose()
    by_spec = results(view, claims)
    columns = {"condition": "finding", "cue": "cue", "wording": "cues", "patient": "patient_id"}
    pairs = {spec: of_slice(one.pairs, view.part, columns) for spec, one in by_spec.items()}
    if any(table.correct.notna().sum() == 0 for table in pairs.values()):
        widgets.hint("No claim is in this slice; take one of its conditions away.")
        return
    ranked = {spec: _ranked(table, (spec, *view.key, *_count(table))) for spec, table in pairs.items()}
    detail = view.detail if view.detail in ranked else next(iter(ranked))
    table = pd.concat([one.assign(series=spec) for spec, one in ranked.items()]).rename(columns={"kind": "group"})
    left, right = st.columns(2, gap="medium")
    with left:
        everything = table[(table.cues == "all") & (table.n > 0)]
        widgets.figure(
            plots.rate_bars(
                everything,
                charts.model_styles(list(ranked)),
                title="Claim ranking by kind of contradiction",
                subtitle=f"{claims.of}: {_counted(everything)}; 95 % intervals over patients",
                label="ranked rightly (%)",
                chance=0.5,
            ),
            key="benchmark-claims",
            data=everything,
            how_to_read=(
                "For one image, a true statement should score above one that is false in polarity, location or "
                "severity. 50 % is chance. A tie counts as wrong."
            ),
            alt="Accuracy of claim ranking by kind and model",
        )
    with right:
        apart = table[(table.series == detail) & (table.cues != "all") & (table.n > 0)].assign(series=lambda t: t.cues)
        widgets.figure(
            plots.rate_bars(
                apart,
                _CUES,
                title=f"By the cue in the texts: {view.answers[detail].name}",
                subtitle=f"{claims.of}: {_counted(apart)}; 95 % intervals over patients",
                label="ranked rightly (%)",
                chance=0.5,
            ),
            key="benchmark-claims-cues",
            data=apart,
            how_to_read=(
                "Blue: neither text has a cue of negation. Orange: one of them has; unseen cues are kept out of every "
                "training text. A fall from seen to unseen means that wording was learnt, not negation."
            ),
            alt="Accuracy of claim ranking by kind and cue",
        )
    if view.part.negations:
        st.caption("The number of negations is a property of questions; it does not slice claims.")
    _more(by_spec[detail], pairs[detail])


def _count(table: pd.DataFrame) -> tuple[str, ...]:
    return str(len(table)), str(table.index.to_numpy().sum()), str(table.correct.sum())


def _counted(table: pd.DataFrame) -> str:
    return ", ".join(f"{group} n = {n:,}" for group, n in table.groupby("group", sort=False).n.max().items())


@memo.copied()
def _ranked(_table: pd.DataFrame, key: tuple) -> pd.DataFrame:
    from nast_core.claims.ranking import by_kind

    return by_kind(_table)


def _more(result: ClaimsResult, pairs: pd.DataFrame) -> None:
    ranking = result.summary["ranking"]
    auc = pd.DataFrame(
        [
            {
                "kind": kind,
                "cues": cues,
                "auc": rates["auc"]["value"],
                "auc low": rates["auc"]["low"],
                "auc high": rates["auc"]["high"],
                "blind accuracy": rates["blind"]["value"],
                "pairs": rates["auc"]["n"],
            }
            for kind, groups in ranking.items()
            if isinstance(groups, dict)
            for cues, rates in groups.items()
        ]
    )
    with st.expander("Across images, and blind (all claims, whatever the slice)"):
        st.dataframe(auc[auc.pairs > 0].round(3), hide_index=True)
        st.caption(
            "AUC: a true statement of any image above a contradiction of any image. Blind: with the mean image; 0.5 is"
            " chance."
        )
    with st.expander("Wrongly ranked claims"):
        wrong = pairs[pairs.correct == 0]
        st.dataframe(
            wrong[["image", "finding", "kind", "true", "false", "score_true", "score_false"]].round(2), hide_index=True
        )
        st.caption(f"{len(wrong):,} of {int(pairs.correct.notna().sum()):,} pairs of this slice.")


def sliced_retrieval(result: ClaimsResult, part: Slice) -> ClaimsResult:
    """Queries of the slice; the gallery they are looked up in stays whole."""
    from nast_core.negation.phrases import HELD_OUT_CUES

    forward = result.retrieval.images_for_statement
    kinds = forward.cue.map(lambda cue: "none" if cue is None else "unseen" if cue in HELD_OUT_CUES else "seen")
    forward = of_slice(forward.assign(cues=kinds), part, {"cue": "cue", "wording": "cues", "patient": "patient_id"})
    backward = of_slice(result.retrieval.statements_for_image, part, {"patient": "patient_id"})
    return replace(
        result,
        retrieval=replace(
            result.retrieval,
            images_for_statement=forward.reset_index(drop=True),
            statements_for_image=backward.reset_index(drop=True),
        ),
    )
