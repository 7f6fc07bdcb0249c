"""A finished audit: the verdict, the files to hand on, and each part with its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.audit.document import Audit, Figure, Part
    from nast_core.work.audit import Audited

_ICONS = {
    "good": ":green[:material/check_circle:]",
    "bad": ":red[:material/error:]",
    "mixed": ":orange[:material/contrast:]",
    "open": ":gray[:material/help:]",
}
_MOST = 32_000_000  # bytes of a file that is handed on
_TYPES = {"audit.html": "text/html", "audit.json": "application/json", "card.md": "text/markdown"}


def draw(audited: Audited) -> None:
    """All of it, the verdict first."""
    from nast_core.audit.html import heading

    audit = audited.audit
    st.subheader(plain(f"Does {audit.model.name} read “no”?"), anchor=False)
    _verdict(audit)
    st.caption(
        plain(f"{heading(audit)}. Model {audit.model.fingerprint[:12]}, dataset {audit.dataset.fingerprint[:12]}")
    )
    _files(audited)
    st.subheader("What it rests on", anchor=False)
    for name, part in audit.parts.items():
        _part(name, part)


def _verdict(audit: Audit) -> None:
    from nast_core.audit.html import rests_on

    lines = [
        f"{number}. {_ICONS[one.tone]} {plain(one.text)} :gray[({rests_on(one)}; [chart](#audit-{one.part}))]"
        for number, one in enumerate(audit.verdict, 1)
    ]
    st.markdown("\n".join(lines) or "None of the parts that were asked for says anything of itself.")


def _files(audited: Audited) -> None:
    from nast_core.files.gate import read_bytes

    with st.container(horizontal=True):
        for name, kind in _TYPES.items():
            st.download_button(
                name,
                read_bytes(audited.folder / name, most=_MOST),
                name,
                kind,
                key=f"audit-{name}",
                icon=":material/download:",
                on_click="ignore",
            )


def _part(name: str, part: Part) -> None:
    from nast_core.audit.svg import DARK, LIGHT, heading, picture

    st.subheader(part.title, anchor=f"audit-{name}")
    if part.reason:
        lead = "Left out" if part.state == "left out" else "Not all of it could be done"
        st.warning(plain(f"{lead}: {part.reason}"), icon=":material/do_not_disturb_on:")
    for chart in part.charts:
        drawn = picture(chart)
        st.markdown(f"**{plain(heading(chart))}**")
        st.image(drawn.file(DARK if st.context.theme.type == "dark" else LIGHT), alt=drawn.told)
        st.caption(plain(chart.reads))
    if part.figures:
        with st.expander(f"Figures: {len(part.figures)}", icon=":material/table:"):
            st.dataframe(_table(part.figures), hide_index=True)
    if part.facts:
        with st.expander("What else is known of it", icon=":material/description:"):
            for what, said in part.facts.items():
                st.markdown(f":gray[{plain(what)}]  \n{plain(said)}")


def _table(figures: dict[str, Figure]) -> pd.DataFrame:
    from nast_core.audit.names import named

    return pd.DataFrame(
        {"figure": name, "what it is": named(name).title, **figure.model_dump()} for name, figure in figures.items()
    )
