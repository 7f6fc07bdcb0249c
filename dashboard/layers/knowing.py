"""Is it known: at which layer probes can tell a denial, of findings and cues that they have not met."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.layers import charts, readings
from dashboard.parts import fields, widgets
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.work.probe import Probed

_PLACES = {"layers": "pooled position", "finding_token": "finding's last token"}


def draw(model: DualEncoder) -> None:
    """The sentence, accuracy by layer, and by cue; or the run's offer. Of all pairs: no single one is looked at."""
    st.caption(
        "A probe asks one layer's state: is this text a denial? It learns from some findings and cues, and is asked"
        " about others. What it then gets right, the layer knows."
    )
    found = readings.probed(model)
    if found is None:
        return
    st.markdown(f"##### {plain(found.summary['sentence'])}")
    _draw_layers(found)
    _draw_cues(found)


def _draw_layers(found: Probed) -> None:
    said = found.summary
    place = fields.one_of(st, "Read at the", _PLACES, key="probe-at")
    table = by_layer(said[place])
    widgets.figure(
        charts.probe_lines(
            table,
            title=f"Denials told from statements, by layer: {_PLACES[place]}",
            subtitle=f"{said['pairs']} pairs, {said['findings']} findings; bands: 95 % interval over pairs",
        ),
        key="layers-probe",
        data=table,
        how_to_read=(
            "1: both texts of every pair are read rightly; 0.5 is chance. High for held-out findings: the layer knows a"
            " denial, whatever is denied. Low for held-out cues: it knows the words it met, not what they mean. The"
            f" grey band learnt from shuffled labels, {said['shufflings']} times, and should lie at 0.5."
        ),
        alt="Lines of probe accuracy by layer for held-out findings, held-out cues and the shuffled control",
    )
    for note in said["notes"]:
        st.caption(f":material/info: {plain(note)}.")


def _draw_cues(found: Probed) -> None:
    table = by_cue(found.summary["by_cue"])
    held_out = found.summary["held_out"]
    widgets.figure(
        charts.cue_map(
            table,
            title="The same by cue, at the pooled position",
            subtitle=f"probes never met the {len(held_out)} cues below the line" if held_out else "all cues were met",
        ),
        key="layers-cues",
        data=table,
        how_to_read=(
            "A row a cue: the share of its pairs' texts that are read rightly, on findings that the probe did not meet."
            " Bright in the middle and dark at the right: known on the way, and lost before the readout."
        ),
        alt="Heatmap of probe accuracy by cue and layer",
    )


def by_layer(rows: list[dict]) -> pd.DataFrame:
    """Of a probe's summary: layer, measure, value, low, high, n."""
    from nast_core.interpret.probe_summary import MEASURES

    return pd.DataFrame(
        [{"layer": row["layer"], "measure": measure, **row[measure]} for measure in MEASURES for row in rows]
    )


def by_cue(rows: list[dict]) -> pd.DataFrame:
    """Of a probe's summary: cue, held_out, layer, value, low, high, n, denied."""
    return pd.DataFrame(
        [{"cue": one["cue"], "held_out": one["held_out"], **row} for one in rows for row in one["layers"]]
    )
