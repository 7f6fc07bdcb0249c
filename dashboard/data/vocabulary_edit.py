"""A condition of a vocabulary edited: its words as fields, checked as one types, saved whole, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from dashboard.parts import memo, widgets
from dashboard.parts.text import plain
from nast_core.errors import NastError

if TYPE_CHECKING:
    from nast_core.terms.remark import Remark
    from nast_core.vocabulary.changing import Opened
    from nast_core.vocabulary.editing import Fields, Wording
    from nast_core.vocabulary.model import Vocabulary

_NEW = "a new condition"
_ZONES = ("upper", "mid", "lower")
_PART = "Parted by semicolons."


def edit(opened: Opened) -> None:
    """The condition that is chosen, or a new one; saved only where it passes the checks."""
    from nast_core.vocabulary.editing import edited

    vocabulary = opened.vocabulary
    name, new = _choose(vocabulary)
    if not name:
        widgets.empty("Give the new condition a name, as a column of a table may have it.")
    _noted(opened, name)
    fields = _fields(vocabulary, name)
    try:
        result = edited(vocabulary, name, fields)
    except NastError as error:
        widgets.fault(f"This cannot be saved: {error}.")
        result = None
    passes = result is not None and _passes(result, name)
    changed = passes and (result != vocabulary or new)
    with st.container(horizontal=True):
        _save(opened, result, name, off=not changed)
        _undo(opened)
        _remove(opened, name, off=new)
    st.caption(
        f"The file: {plain(opened.path)}. What the fields do not show, such as patterns, and its comments stay as they"
        " are there; the file as it was before a change is kept beside it."
    )


def condition(place: Any, names: list[str]) -> str:
    """The condition that is looked at, in browsing and editing alike."""
    key = "data-vocabulary-condition"
    if "data-vocabulary-condition-next" in st.session_state:  # a widget's value may only be set before it is drawn
        st.session_state[key] = st.session_state.pop("data-vocabulary-condition-next")
    if st.session_state.get(key, names[0]) not in names:
        st.session_state[key] = names[0]  # another vocabulary was looked at before
    return place.selectbox("Condition", names, key=key, bind="query-params")


def _noted(opened: Opened, name: str) -> None:
    """What the file says beside the condition, and at its end: a draft's count of what reports say."""
    from nast_core.vocabulary.splicing import notes

    found = notes(opened.text, opened.vocabulary)
    for label, lines in (("Notes on it in the file", found.get(name)), ("Notes at the end of the file", found.get(""))):
        if lines:
            with st.expander(f"{label}: {len(lines):,}", icon=":material/notes:"):
                st.code("\n".join(lines), language=None, wrap_lines=True)


def _choose(vocabulary: Vocabulary) -> tuple[str, bool]:
    """Name of the condition, and whether it is a new one."""
    which, called = st.columns(2)
    chosen = condition(which, [*vocabulary.conditions, _NEW])
    if chosen != _NEW:
        return chosen, False
    name = called.text_input("Its name", key="data-vocabulary-name", live=True).strip()
    return name, name not in vocabulary


def _fields(vocabulary: Vocabulary, name: str) -> Fields:
    """The fields as they are now; keys change with what is saved, so that a saved condition shows itself."""
    from nast_core.vocabulary.editing import Fields, fields_of

    was = fields_of(vocabulary, name) if name in vocabulary else Fields(nouns="", equivalents=())
    at = f"{name}-{hash(was)}"

    def words(place, label: str, field: str, help: str) -> str:
        return place.text_input(label, getattr(was, field), key=f"data-word-{field}-{at}", live=True, help=help)

    others = [other for other in vocabulary.conditions if other != name]
    nouns = words(st, "Nouns", "nouns", f"With a, an or the where they take one; (are) behind a plural. {_PART}")
    names = words(st, "Further names", "names", f"As reports say it, for the parser alone. {_PART}")
    left, right = st.columns(2, gap="medium")
    normal = words(left, "Normal, for the parser", "normal", f"What says its absence affirmatively in reports. {_PART}")
    borderline = words(left, "Borderline", "borderline", f"Neither present nor absent. {_PART}")
    other = words(left, "Another thing", "other", f"What has its words and is another thing. {_PART}")
    with right:
        equivalents = _equivalents(was, others, at)
    one, two, three = st.columns(3)
    grades = words(one, "Grades", "grades", f"Three words, mild to severe, or none. {_PART}")
    columns = words(two, "Columns of tables", "columns", f"Beside its name: columns of label tables. {_PART}")
    zones = three.multiselect("Zones", _ZONES, was.zones, key=f"data-word-zones-{at}")
    implies = one.multiselect("Implies", others, was.implies, key=f"data-word-implies-{at}")
    excludes = two.multiselect("Excludes", others, was.excludes, key=f"data-word-excludes-{at}")
    sided = three.toggle("May be on one side", was.sided, key=f"data-word-sided-{at}")
    return Fields(
        nouns=nouns,
        equivalents=equivalents,
        names=names,
        normal=normal,
        borderline=borderline,
        other=other,
        grades=grades,
        sided=sided,
        zones=tuple(zones),
        implies=tuple(implies),
        excludes=tuple(excludes),
        columns=columns,
    )


def _equivalents(was: Fields, others: list[str], at: str) -> tuple[Wording, ...]:
    """A row for each, and one for another."""
    from nast_core.vocabulary.editing import Wording

    rows = []
    for number, one in enumerate([*was.equivalents, Wording("")]):
        text, apart = st.columns([3, 2])
        shown: Literal["collapsed", "visible"] = "collapsed" if number else "visible"
        said = text.text_input(
            "Equivalents of its absence",
            one.text,
            key=f"data-word-equivalent-{number}-{at}",
            live=True,
            label_visibility=shown,
            placeholder="another, said without a negation",
            help="What is there where it is absent; empty: it goes." if not number else None,
        )
        without = apart.multiselect(
            "Not with",
            others,
            one.not_with,
            key=f"data-word-apart-{number}-{at}",
            label_visibility=shown,
            help="Conditions that it would contradict." if not number else None,
        )
        rows.append(Wording(said, tuple(without)))
    return tuple(rows)


@memo.copied()
def _remarks(_vocabulary: Vocabulary, fingerprint: str, name: str) -> list[Remark]:
    from nast_core.terms.check import check

    remarks = check(_vocabulary, read=[name])  # of others, what is remarked beside this one alone
    return [remark for remark in remarks if remark.condition in (name, "") or name in remark.said]


def _passes(vocabulary: Vocabulary, name: str) -> bool:
    """Says what the checks find in the condition's words, each in every construction of the grammar; whether it can be
    saved so."""
    remarks = _remarks(vocabulary, vocabulary.fingerprint, name)
    grave = [remark for remark in remarks if remark.grave]
    for remark in remarks:
        said = f"**{plain(remark.condition or vocabulary.name)}**: {plain(remark.said)}"
        if remark.grave:
            st.error(f"This cannot be saved. {said}.", icon=":material/cancel:")
        else:
            st.warning(f"{said}.", icon=":material/warning:")
    if not grave:
        st.success("The parser reads each of its phrases, however the grammar says it.", icon=":material/check_circle:")
    return not grave


def _save(opened: Opened, result: Vocabulary | None, name: str, *, off: bool) -> None:
    from nast_core.vocabulary import changing

    if st.button("Save", type="primary", icon=":material/save:", disabled=off, key="data-vocabulary-save"):
        assert result is not None  # the button is off otherwise
        with widgets.advice():
            changing.save(opened, result)
        st.toast(f"Saved: {plain(name)}", icon=":material/check:")
        _look_at(name)


def _undo(opened: Opened) -> None:
    from nast_core.vocabulary import changing

    there = changing.copy_path(opened.path).is_file()
    if st.button("Undo the last change", icon=":material/undo:", disabled=not there, key="data-vocabulary-undo"):
        with widgets.advice():
            changing.undo(opened.path)
        st.toast("The vocabulary is as it was before", icon=":material/undo:")
        st.rerun()


def _remove(opened: Opened, name: str, *, off: bool) -> None:
    from nast_core.vocabulary import changing, editing

    if st.button("Remove this condition", icon=":material/delete:", disabled=off, key="data-vocabulary-remove"):
        with widgets.advice():
            changing.save(opened, editing.without(opened.vocabulary, name))
        st.toast(f"Removed: {plain(name)}; it can be undone", icon=":material/delete:")
        st.rerun()


def _look_at(name: str) -> None:
    """The next run shows this condition."""
    st.session_state["data-vocabulary-condition-next"] = name
    st.rerun()
