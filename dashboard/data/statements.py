"""Looking through claims on the Data page: the statements that fit, their balance, and ways out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.data import beside, charts, tables
from dashboard.parts import correcting, memo, widgets
from dashboard.parts.items import claims_of
from dashboard.parts.marks import HOW, marked
from dashboard.parts.text import plain

if TYPE_CHECKING:
    from nast_core.claims.claim import Example
    from nast_core.statistics.rates import Rate

CLAIM_VIEWS = {"items": "Statements", "balance": "Balance", "guessing": "Guessing", "card": "Card", "export": "Export"}


def show(path: Path, views: dict[str, str] = CLAIM_VIEWS) -> None:
    """One file of claims."""
    examples = claims_of(path)
    view = beside.choose_view(views)
    if view == "card":
        beside.card(path)
        return
    shown = _filter_claims(examples)
    people = f"{len(shown):,} true statements of {len({e.patient_id for e in shown}):,} patients"
    st.caption(f"{people}, of {len(examples):,} statements in all.")
    if not shown:
        widgets.empty("No statement fits these filters; take one away.")
    if view == "items":
        _one_claim(shown)
    elif view == "balance":
        _claim_balance(shown, people)
    elif view == "guessing":
        _claim_guessing(shown, path)
    else:
        _export_claims(shown, path)


def _filter_claims(examples: list[Example]) -> list[Example]:
    from nast_core.claims.claim import KINDS
    from nast_core.data.studies import SPLITS

    cues = {cue for e in examples for cue in (e.cue, *(other.cue for other in e.contradictions)) if cue}
    one, two, three, four = st.columns(4)
    five, six, _ = st.columns([1, 1, 2])
    return tables.filter_claims(
        examples,
        findings=one.multiselect(
            "Finding",
            sorted({e.claim.finding for e in examples}),
            key="data-findings",
            bind="query-params",
            placeholder="any",
        ),
        kinds=two.multiselect("Contradicted in", KINDS, key="data-kinds", bind="query-params", placeholder="any"),
        cues=three.multiselect(
            "Cue (* held out of training)",
            sorted(cues),
            key="data-claim-cues",
            bind="query-params",
            placeholder="any",
            format_func=tables.starred,
        ),
        text=four.text_input(
            "Text",
            key="data-text",
            bind="query-params",
            placeholder="in a text, report or id",
            icon=":material/search:",
        ),
        polarity=five.selectbox(
            "True statement",
            ["", "present", "absent"],
            format_func=lambda state: state or "any",
            key="data-polarity",
            bind="query-params",
        ),
        splits=six.multiselect("Split", SPLITS, key="data-splits", bind="query-params", placeholder="any"),
    )


def _one_claim(examples: list[Example]) -> None:
    """The statements as a table, and the one of the chosen row as it is read."""

    def take_row() -> None:
        for row in st.session_state["data-claim-rows"].selection.rows[:1]:
            st.session_state["data-claim"] = row + 1

    st.dataframe(
        tables.claim_rows(examples),
        hide_index=True,
        height=420,
        key="data-claim-rows",
        on_select=take_row,
        selection_mode="single-row",
    )
    st.caption(
        "A row is a true statement and what contradicts it in one attribute. A star marks a cue held out of training"
        " lines."
    )
    rows = [(example, other) for example in examples for other in example.contradictions]
    if not rows:
        return
    if st.session_state.get("data-claim", 1) > len(rows):
        st.session_state["data-claim"] = 1
    number = st.number_input(
        f"Row, of {len(rows):,}",
        1,
        len(rows),
        key="data-claim",
        bind="query-params",
        help="Or click a row above.",
        width=200,
    )
    example, other = rows[number - 1]
    texts = {
        "Source sentence": example.claim.sentence,
        "True statement": example.text,
        f"Contradiction ({other.kind})": other.text,
    }
    for heading, text in texts.items():
        if text:
            st.markdown(f":gray[{heading}]&nbsp;&nbsp;{marked(text)}")
            correcting.control(text, f"claim-{heading}")
    st.caption(HOW)
    _dispute(example)


def _dispute(example: Example) -> None:
    from nast_core.claims.corrected import disputed

    change = disputed(example, correcting.kept().corrections)
    if change:
        st.warning(
            f"You read {plain(change.condition)} as {change.person} where this line has another state. It can be left"
            " out on Export.",
            icon=":material/flag:",
        )


def _claim_balance(examples: list[Example], people: str) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        table = tables.claim_balance(examples)
        if table.empty:
            widgets.hint("No pair of these differs in polarity.")
        else:
            widgets.figure(
                charts.count_bars(
                    table, title="True statements of polarity pairs, by finding", subtitle=people, label="statements"
                ),
                key="data-claims-findings",
                data=table,
                alt="Counts by finding and polarity",
                how_to_read=(
                    "How often each finding is said to be present, or denied, where that is true. Half and half:"
                    " polarity alone gives nothing away."
                ),
            )
    with right:
        table = tables.claim_cues(examples)
        if not table.empty:
            widgets.figure(
                charts.count_bars(table, title="Cues (* held out of training)", subtitle=people, label="statements"),
                key="data-claims-cues",
                data=table,
                alt="Counts by cue",
                how_to_read="How often each wording of denial stands in a true statement, and in a contradiction.",
            )


@memo.copied("Guessing from the wording alone")
def _guess_claims(_examples: list[Example], key: str) -> dict[str, Rate]:
    from nast_core.claims.guessing import guesses

    return {str(kind): rate for kind, rate in guesses(_examples).items()}


def _claim_guessing(examples: list[Example], path: Path) -> None:
    from nast_core.claims.guessing import LEAST_PAIRS

    guessed = _guess_claims(examples, beside.key_of(path, [e.text for e in examples]))
    if not guessed:
        widgets.empty(f"At least {LEAST_PAIRS} pairs of a kind are needed to teach a guesser anything.")
    counted = ", ".join(f"{kind} n = {rate.n:,}" for kind, rate in guessed.items())
    beside.guess_figure(guessed, 0.5, f"which of two statements is true; {counted}; 95 % intervals over patients")


def _export_claims(examples: list[Example], path: Path) -> None:
    from nast_core.claims.corrected import disputed

    corrections = correcting.kept().corrections
    sound = [example for example in examples if disputed(example, corrections) is None] if corrections else examples
    if len(sound) < len(examples) and st.toggle(
        f"Leave out the {len(examples) - len(sound):,} that you read otherwise", value=True, key="data-claims-sound"
    ):
        examples = sound
    st.caption(f"The {len(examples):,} statements that fit the filters above.")
    name = path.name.removesuffix(".jsonl").removesuffix(".claims")
    lines = "".join(e.model_dump_json(exclude_none=True) + "\n" for e in examples)
    with st.container(horizontal=True):
        for label, text, file, kind in (
            ("JSONL, for this app and nast", lines, f"{name}.claims.jsonl", "application/jsonl"),
            ("CSV, a row a pair", tables.claim_rows(examples).to_csv(index=False), f"{name}.csv", "text/csv"),
        ):
            st.download_button(label, text, file, kind, icon=":material/download:", on_click="ignore")
