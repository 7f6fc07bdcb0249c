"""A repaired model beside the model as it is: the switch between them, and what the parser split a text into."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import datasets, fields, keeper
from dashboard.parts.text import plain
from nast_core.opening import base_of
from nast_core.repair.methods import METHODS

if TYPE_CHECKING:
    from nast_core.repair.method import Method
    from nast_core.repair.spec import Repair
    from nast_core.repair.splitting import Split

_READ = ["as it is", "repaired"]


def method_of(written: str) -> Method:
    """Of a method as recipes write it, numbers behind it or not."""
    return METHODS[written.partition("(")[0]]


def choose() -> str | None:
    """The spec of the sidebar's model repaired, to stand beside it; None where it is looked at as it is."""
    own = keeper.spec()
    if base_of(own) != own:
        return None
    switch, by = st.columns([2, 4], vertical_alignment="bottom")
    if fields.one_of(switch, "The model", _READ, key="read") == _READ[0]:
        return None
    chosen = by.selectbox(
        "Repaired by",
        offered(own),
        key="read-by",
        bind="query-params",
        help="First those whose strength the Repair page chose for this model, then others at their usual strength. "
        + clauses(),
    )
    return behind(own, chosen) if chosen else None


def offered(own: str) -> list[str]:
    """Repairs as they are written: finished ones of the model, the newest first; then all that learn nothing of it."""
    return list(dict.fromkeys([*finished(own), *(name for name, method in METHODS.items() if method.fit is None)]))


def clauses() -> str:
    """Every method in a clause, as Markdown."""
    return "  \n".join(f"**{method.name}**: {method.said}." for method in METHODS.values())


def behind(spec: str, repair: str) -> str:
    """The spec of a model so repaired, texts read by the chosen dataset's words. Raises RepairError for no repair."""
    return replace(read(repair), vocabulary=words()).behind(spec)


def read(repair: str) -> Repair:
    """A repair as it is written: region(t=0.62)."""
    from nast_core.repair.spec import read_repair

    name, _, arguments = repair.removesuffix(")").partition("(")
    return read_repair(name, arguments)


def words() -> str:
    """How a repair names the chosen dataset's vocabulary."""
    from nast_core.vocabulary.file import FILE
    from nast_core.vocabulary.names import SHIPPED
    from nast_core.vocabulary.shipped import shipped

    own = datasets.vocabulary()
    return next((name for name in SHIPPED if shipped(name) == own), f"{datasets.spec()}/{FILE}")


def finished(own: str) -> list[str]:
    """Finished repairs of a model, the newest first, with the strength that was chosen."""
    from nast_core.repair.record import read_record
    from nast_core.runs.store import RunStore, settled
    from nast_core.work.kinds import RepairRecipe

    base = settled(RepairRecipe(model=own)).model  # as runs name it: a folder in full
    rows = (row for row in RunStore().table().rows if isinstance(row.recipe, RepairRecipe))
    done = (row for row in rows if row.recipe.model == base and row.status.state == "finished")
    return list(dict.fromkeys(read_record(row.run.folder).repair for row in done))


def split(text: str) -> Split:
    """What the parser makes of a text, by the chosen dataset's words."""
    from nast_core.repair import splitting

    return splitting.split(text, datasets.vocabulary())


def is_repaired(spec: str) -> bool:
    """Whether a spec that has been loaded is a repaired model's."""
    return base_of(spec) != spec


def draw_split(one: Split) -> None:
    """Under a sentence: what it affirms, what it denies and by which word, and what that is said affirmatively."""
    if not one.denied:
        st.caption("Split: nothing is denied, so the text is read as it is.")
        return
    denied = ", ".join(f"{plain(part.phrase)} (“{plain(part.cue)}”)" for part in one.denied)
    said = "nothing of its own, so a neutral text stands for it" if one.neutral else f"“{plain(one.affirmative)}”"
    st.caption(f"Split: affirmed, {said}; denied, {denied}. Said affirmatively: “{plain(one.rewritten)}”")
