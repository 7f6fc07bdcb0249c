"""A repaired model beside the model as it is: the switch between them, and what the parser split a text into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from dashboard.parts import datasets, fields, keeper
from dashboard.parts.text import plain
from nast_core.repair.methods import METHODS

if TYPE_CHECKING:
    from nast_core.repair.method import Method
    from nast_core.repair.splitting import Split

_READ = ["as it is", "repaired"]


def method_of(written: str) -> Method:
    """Of a method as recipes write it, numbers behind it or not."""
    return METHODS[written.partition("(")[0]]


def base_of(spec: str) -> str:
    """A spec without its repairs. Raises NastError where it names none that there is."""
    from nast_core.opening import repair_of

    while (found := repair_of(spec)) is not None:
        spec = found.base
    return spec


def choose() -> str | None:
    """The spec of the sidebar's model repaired, to stand beside it; None where it is looked at as it is."""
    own = keeper.spec()
    if base_of(own) != own:
        return None
    switch, by = st.columns([2, 4], vertical_alignment="bottom")
    if fields.one_of(switch, "The model", _READ, key="read") == _READ[0]:
        return None
    known = offered(own)
    chosen = by.selectbox(
        "Repaired by", list(known), format_func=lambda spec: plain(known[spec]), key="read-by", bind="query-params",
        help="Repairs whose strength the Repair page chose for this model come first; others at their usual strength.",
    )  # fmt: skip
    return chosen or None


def offered(own: str) -> dict[str, str]:
    """Spec -> what it is: finished repairs of the model, the newest first; then methods that learn nothing of it."""
    done = {spec: f"{repair}, of the Repair page" for spec, repair in finished(own).items()}
    words = words_behind()
    plainly = {
        f"{own}+{name}{words}": f"{name}: {method.said}" for name, method in METHODS.items() if method.fit is None
    }
    return done | plainly


def words() -> str:
    """How a repair names the chosen dataset's vocabulary."""
    from nast_core.vocabulary.file import FILE
    from nast_core.vocabulary.names import SHIPPED
    from nast_core.vocabulary.shipped import shipped

    own = datasets.vocabulary()
    return next((name for name in SHIPPED if shipped(name) == own), f"{datasets.spec()}/{FILE}")


def words_behind() -> str:
    """What stands behind a method for texts of the chosen dataset: its vocabulary, where it is not CheXpert's."""
    from nast_core.vocabulary.names import CHEXPERT

    name = words()
    return "" if name == CHEXPERT or {*name} & {*"(),"} else f"(vocabulary={name})"


def finished(own: str) -> dict[str, str]:
    """Finished repairs of a model, the newest first: spec -> the repair, with the strength that was chosen."""
    from nast_core.recipe import run_name
    from nast_core.repair.record import read_record
    from nast_core.runs.store import RunStore, settled
    from nast_core.work.kinds import RepairRecipe

    found: dict[str, str] = {}
    base = settled(RepairRecipe(model=own)).model  # as runs name it: a folder in full
    for row in RunStore().table().rows:
        if isinstance(row.recipe, RepairRecipe) and row.recipe.model == base and row.status.state == "finished":
            repair = read_record(row.run.folder).repair
            if repair not in found.values():
                found[run_name(row.run.id)] = repair
    return found


def strength_in(repair: str) -> float:
    """Of a repair as it is written: 0.62 of region(t=0.62)."""
    from nast_core.repair.spec import read_repair

    name, _, arguments = repair.removesuffix(")").partition("(")
    found = read_repair(name, arguments)
    return found.values[str(found.method.strength)]


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
