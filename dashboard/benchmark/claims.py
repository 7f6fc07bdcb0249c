"""Tab Claims: true statements against what contradicts them in one attribute; the same claims as Retrieval's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.benchmark import charts, choices
from dashboard.benchmark.slices import View
from dashboard.parts import datasets, keeper, memo, plots, sources, theme, widgets
from dashboard.parts.items import EVERY, evidence_for, evidence_in

if TYPE_CHECKING:
    from nast_core.benchmark.slices import Slice
    from nast_core.claims.evidence import Evidence
    from nast_core.claims.retrieval import Retrieval
    from nast_core.models import DualEncoder
    from nast_core.work.results import Result

_CUES = {"none": (theme.AFFIRMATIVE, ""), "seen": (theme.NEGATED, "/"), "unseen": (theme.NEGATED, "x")}


_CLAIMS = sources.Kind(
    title="Claims",
    icon=":material/fact_check:",
    fields=sources.Fields(
        source="claims-from",
        file="claims-file",
        images="claims-images",
        split="claims-split",
        n="claims-n",
        seed="claims-seed",
    ),
    path="claims.jsonl, of 'nast claims build'",
    a_file="a claims file",
    setting="claims",
    count="Studies",
    counts=[100, 200, 500, 1000],
    usual=200,
    part="benchmark-claims",
)


def choose() -> sources.Chosen:
    """The chosen dataset's, or any claims file. What has none says so, and the page ends."""
    asked = sources.choose(_CLAIMS, lambda dataset, split: len(evidence_for(dataset, EVERY, 0, split).images))
    if asked.lacks:
        widgets.empty(f"{asked.lacks}; choose another split or dataset, or give a claims file.")
    return asked


def results(view: View, asked: sources.Chosen) -> dict[str, Result]:
    """By spec; a model that has not read these claims yet does so, or is offered as a run. With none the page ends."""
    by_spec = {}
    for spec, one in view.answers.items():
        name = ("claims", one.fingerprint, asked.key, asked.folder)
        result = memo.find(*name)
        if result is None:
            with widgets.advice():
                result = _read(keeper.load(spec), spec, asked)
            if result is None:
                continue
            memo.keep(result, *name)
        by_spec[spec] = result
    if not by_spec:
        widgets.end_page()
    return by_spec


def _evidence(asked: sources.Chosen) -> Evidence:
    recipe = asked.recipe
    if "claims" in recipe:
        return evidence_in(recipe["claims"])
    return evidence_for(datasets.chosen(), recipe["n"], recipe["seed"], recipe["split"])


def _read(model: DualEncoder, spec: str, asked: sources.Chosen) -> Result | None:
    """None where it would take long, and a run is offered."""
    from nast_core.claims.run import texts_of
    from nast_core.work.kinds import ClaimsRecipe
    from nast_core.work.results import measured

    def needed() -> tuple[list[str], list[str]]:
        known = _evidence(asked)
        return texts_of(known), known.images.image.tolist()

    recipe = ClaimsRecipe.model_validate({"model": spec, **asked.recipe})
    run = choices.done(recipe, model, needed, asked.folder, "Let {} read the claims: {}", key=f"benchmark-read-{spec}")
    return measured(run) if run else None


def said_of(result: Result, asked: sources.Chosen) -> str:
    """What figures are of: of a file, also which of its lines."""
    split = result.summary["split"]
    return asked.of if "dataset" in asked.recipe or split == "all" else f"the {split} lines of {asked.of}"


def of_slice(table: pd.DataFrame, part: Slice, columns: dict[str, str]) -> pd.DataFrame:
    """Rows of a table in the slice, as far as the table has the part: ``columns`` maps a slice's part to its column."""
    for name, column in columns.items():
        if wanted := getattr(part, name):
            table = table[table[column].isin(wanted)]
    return table


def draw(view: View) -> None:
    asked = choose()
    by_spec = results(view, asked)
    if not by_spec[next(iter(by_spec))].summary["ranking"]["pairs"]:
        widgets.hint(
            f"No statement is made about {asked.of}, so there is nothing to rank; what its labels tell is under"
            " Retrieval and alignment."
        )
        return
    columns = {"condition": "finding", "cue": "cue", "wording": "cues", "patient": "patient_id"}
    pairs = {spec: of_slice(one.tables["pairs"], view.part, columns) for spec, one in by_spec.items()}
    if any(table.correct.notna().sum() == 0 for table in pairs.values()):
        widgets.hint("No claim is in this slice; take one of its conditions away.")
        return
    ranked = {spec: _ranked(table, (spec, *view.key, *_count(table))) for spec, table in pairs.items()}
    detail = view.detail if view.detail in ranked else next(iter(ranked))
    of = said_of(by_spec[detail], asked)
    table = pd.concat([one.assign(series=spec) for spec, one in ranked.items()]).rename(columns={"kind": "group"})
    left, right = st.columns(2, gap="medium")
    with left:
        everything = table[(table.cues == "all") & (table.n > 0)]
        widgets.figure(
            plots.rate_bars(
                everything,
                charts.model_styles(list(ranked)),
                title="Claim ranking by kind of contradiction",
                subtitle=f"{of}: {_counted(everything)}; 95 % intervals over patients",
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
                subtitle=f"{of}: {_counted(apart)}; 95 % intervals over patients",
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


def _more(result: Result, pairs: pd.DataFrame) -> None:
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
    numbers = auc.columns.drop(["kind", "cues"])
    auc[numbers] = auc[numbers].astype(float)  # what is undefined is None in the summary
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


def sliced_retrieval(result: Result, part: Slice) -> Retrieval:
    """Queries of the slice; the gallery they are looked up in stays whole."""
    from nast_core.claims.retrieval import Retrieval
    from nast_core.negation.phrases import HELD_OUT_CUES

    forward, backward = result.tables["retrieval"], result.tables["images"]
    kinds = forward.cue.map(lambda cue: "none" if cue is None else "unseen" if cue in HELD_OUT_CUES else "seen")
    forward = of_slice(forward.assign(cues=kinds), part, {"cue": "cue", "wording": "cues", "patient": "patient_id"})
    backward = of_slice(backward, part, {"patient": "patient_id"})
    return Retrieval(forward.reset_index(drop=True), backward.reset_index(drop=True))
