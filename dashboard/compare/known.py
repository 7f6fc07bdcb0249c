"""Did the knowledge move, or only the readout: probe and lens of A beside those of B."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.compare import charts, comparisons
from dashboard.layers import knowing, meaning, readings
from dashboard.parts.text import plain
from nast_core.compare import layers
from nast_core.models.description import no_lens

if TYPE_CHECKING:
    from dashboard.compare.comparisons import Two, View

_MEASURES = {"held_out_findings": "held-out findings", "held_out_cues": "held-out cues"}
_TARGETS = {"affirmative": "to X", "equivalent": "to what says no X affirmatively"}


def draw(view: View) -> None:
    """Asked for by a switch, since two probes take their time; runs, where that is long."""
    if not st.toggle(
        "Is it known, and only not read out? Look into the layers of both",
        key="compare-known",
        bind="query-params",
        help="Probe and lens of the Layers page, of A and of B. What takes long is offered as a run.",
    ):
        return
    two = comparisons.load(view.asked.a, view.asked.b)
    _draw_probes(view, two)
    _draw_lenses(view, two)


def _draw_probes(view: View, two: Two) -> None:
    specs = (view.asked.a, view.asked.b)
    probes = [readings.probed(model, spec, view.asked.dataset) for model, spec in zip(two, specs, strict=True)]
    found = [one for one in probes if one is not None]
    if len(found) < len(probes):
        return
    table = pd.concat(
        [knowing.by_layer(one.summary["layers"]).assign(model=model) for model, one in zip("AB", found, strict=True)]
    )
    for model, one in zip("AB", found, strict=True):
        st.markdown(f"**{model}**: {plain(one.summary['sentence'])}")
    changes = layers.probe_changes(found[0].pairs, found[1].pairs)
    pooled = changes[changes.place == "pooled"]
    _draw_changes({said: pooled[pooled.measure == one] for one, said in _MEASURES.items()})
    view.sections.draw(
        charts.layer_lines(
            table.rename(columns={"measure": "series"}),
            _MEASURES,
            view.names,
            title="Denials told from statements, by layer",
            subtitle=f"polarity probes, {found[0].summary['pairs']} pairs; bands: 95 % interval over pairs",
            label="share read rightly",
            line_at=0.5,
        ),
        key="compare-probes",
        data=table,
        how_to_read=(
            "Lines alike and scores apart: what was known stayed, and only what is read out of it changed. Lines apart:"
            " the knowledge itself moved, from the layer on where they part. 0.5 is chance."
        ),
        alt="Lines of probe accuracy by layer, A beside B",
    )


def _draw_lenses(view: View, two: Two) -> None:
    specs = (view.asked.a, view.asked.b)
    for model, name in zip(two, "AB", strict=True):
        if why := no_lens(model):
            st.caption(f"No lens, for the layers of {name} have no would-be embedding: {plain(why)}.")
            return
    lenses = [readings.looked(model, spec, view.asked.dataset) for model, spec in zip(two, specs, strict=True)]
    found = [one for one in lenses if one is not None]
    if len(found) < len(lenses):
        return
    table = pd.concat(
        [meaning.of_set(one, "jacobian", "negated").assign(model=model) for model, one in zip("AB", found, strict=True)]
    )
    changes = layers.lens_changes(found[0].pairs, found[1].pairs, "jacobian")
    _draw_changes({said: changes[changes.target == one] for one, said in _TARGETS.items()})
    view.sections.draw(
        charts.layer_lines(
            table.rename(columns={"target": "series"}),
            _TARGETS,
            view.names,
            title="What denials would mean if they stopped there",
            subtitle=f"Jacobian lens, means of {found[0].summary['pairs']} pairs; bands: 95 % interval over pairs",
            label="cosine",
        ),
        key="compare-lenses",
        data=table,
        how_to_read=(
            "How near a denial comes to what it denies, and to what says the same without a negation. Where B leaves A"
            " in the last layers alone, the readout changed; where they part early, the way there did."
        ),
        alt="Lines of the lens's cosine by layer, A beside B",
    )


def _draw_changes(by_measure: dict[str, pd.DataFrame]) -> None:
    """What the bands cannot show: both were asked about the same pairs, so changes are subtracted pair by pair."""
    st.markdown(
        "\n".join(f"- B − A on the same pairs, {plain(said)}: {layers.told(one)}" for said, one in by_measure.items())
    )
