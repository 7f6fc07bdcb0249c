"""What a review shows and gives: agreement, conflicts and their verdicts, and what is accepted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.data import charts
from dashboard.parts import memo, widgets
from dashboard.parts.text import plain
from dashboard.review import mappings
from dashboard.review.judging import REVIEWER

if TYPE_CHECKING:
    from dashboard.review.subjects import Opened, Subject
    from nast_core.review.agreement import Agreement
    from nast_core.review.judgements import Case, Verdict
    from nast_core.review.outcome import Outcome
    from nast_core.statistics.rates import Rate


def _standing(opened: Opened) -> Outcome:
    """How they stand. Who still judges them in this session stays blind to the others."""
    from nast_core.review.judgements import file_name
    from nast_core.review.outcome import outcome

    with widgets.advice():
        standing = outcome(opened.items, opened.reviews)
    me = st.session_state.get(REVIEWER, "")
    mine = next((judged for name, judged in standing.judged.items() if me and file_name(name) == file_name(me)), None)
    if mine is not None and len(mine) < len(opened.items):
        widgets.empty(
            f"{me}, you have {len(opened.items) - len(mine):,} {opened.of.many} left to judge. What the others say"
            " is shown when you are done, so that you judge blind; to look at once, change the name under Judge."
        )
    if not standing.judged:
        widgets.empty(f"Nobody has judged these {opened.of.many} yet. Begin under Judge.")
    return standing


@memo.copied("Resampling patients")
def _agreement(verdicts: dict[str, dict[str, Verdict]], _items: list[Case], key: str) -> Agreement:
    from nast_core.review.agreement import agreement

    return agreement(verdicts, _items)


def agree(opened: Opened) -> None:
    """Progress of each reviewer, alpha and kappas, and how two reviewers' verdicts fall."""
    standing = _standing(opened)
    columns = st.columns(max(len(standing.judged), 4))
    for column, (name, judged) in zip(columns, standing.judged.items(), strict=False):
        column.metric(plain(name), f"{len(judged):,} of {len(opened.items):,}", border=True)
    if len(standing.judged) < 2:
        widgets.empty("Agreement takes two reviewers. Let another judge the same file, here or on a shared folder.")
    result = _agreement(standing.verdicts, opened.items, str(opened.path))
    if not result.alpha.n:
        widgets.empty(f"No {opened.of.one} has been judged by two yet.")
    st.metric("Krippendorff's alpha, all reviewers", _value(result.alpha))
    st.caption(
        _range(result.alpha) + f", {opened.of.many} judged by at least two. Nominal, missing judgements allowed."
    )
    _draw_pairs(result, opened.of)
    _draw_verdicts(result, opened.of)


def _draw_pairs(result: Agreement, of: Subject) -> None:
    """Kappa and share of same verdicts, of every two reviewers."""
    table = pd.DataFrame(
        [
            {
                "reviewers": f"{first} and {second}",
                "kappa": pair.kappa.value,
                "kappa, low": pair.kappa.low,
                "kappa, high": pair.kappa.high,
                "same verdict, %": 100 * pair.same.value,
                "low, %": 100 * pair.same.low,
                "high, %": 100 * pair.same.high,
                "n": pair.kappa.n,
            }
            for (first, second), pair in result.pairs.items()
        ]
    )
    numbers = {name: st.column_config.NumberColumn(format="%.2f") for name in table if name.startswith("kappa")}
    numbers |= {name: st.column_config.NumberColumn(format="%.1f") for name in table if name.endswith("%")}
    st.dataframe(table, hide_index=True, column_config=numbers)
    st.caption(
        f"Kappa: Cohen's, unweighted. 95 % intervals by bootstrap over {of.drawn} (2,000 resamples, seed 0). Where"
        f" nearly every {of.one} is {of.labels['correct']}, alpha and kappa are low even among reviewers who hardly"
        " ever differ: read them beside the share of same verdicts. Empty: undefined, for one verdict was given"
        " throughout."
    )


def _draw_verdicts(result: Agreement, of: Subject) -> None:
    """How the verdicts of two reviewers fall."""
    pairs = {f"{first} and {second}": (first, second) for (first, second), pair in result.pairs.items() if pair.kappa.n}
    if not pairs:
        return
    chosen = st.selectbox("Two reviewers", list(pairs), key="review-pair") if len(pairs) > 1 else next(iter(pairs))
    names, pair = pairs[chosen], result.pairs[pairs[chosen]]
    verdicts = tuple(of.labels.values())
    left, _ = st.columns([3, 2])
    with left:
        widgets.figure(
            charts.verdict_map(
                pair.table,
                names,
                verdicts,
                title="How two reviewers' verdicts fall",
                subtitle=f"{of.many} that both have judged, n = {pair.kappa.n:,}",
                of=of.many,
            ),
            key="review-verdicts",
            data=pd.DataFrame(
                [
                    {names[0]: a, names[1]: b, of.many: int(pair.table[i, j])}
                    for i, a in enumerate(verdicts)
                    for j, b in enumerate(verdicts)
                ]
            ),
            how_to_read="On the diagonal: the same verdict from both; off it are the conflicts.",
            alt=f"Counts of the verdicts of {names[0]} and {names[1]}",
        )


def _value(rate: Rate) -> str:
    return "undefined" if rate.value != rate.value else f"{rate.value:.2f}"


def _range(rate: Rate) -> str:
    interval = "" if rate.value != rate.value else f"95 % interval {rate.ends('.2f')}, "
    return f"{interval}n = {rate.n:,}"


def settle(opened: Opened) -> None:
    """Those on which reviewers differ, each with what they said, and the verdict of somebody who has not judged."""
    standing, of = _standing(opened), opened.of
    differing = [i for i in opened.items if len({j.verdict for j in standing.on(i.item_id).values()}) > 1]
    open_ones = standing.having("conflict")
    if not differing:
        widgets.empty(f"No {of.one} is in conflict: wherever two have judged, they agree.")
    st.caption(
        f"{len(differing):,} {of.many} with differing verdicts; {len(differing) - len(open_ones):,} of them settled."
    )
    name = st.text_input(
        "Adjudicator", key="review-adjudicator", placeholder=f"Somebody who has not judged these {of.many}"
    ).strip()
    only_open = st.toggle("Only those still open", value=True, key="review-open") and open_ones
    shown = open_ones if only_open else differing
    ids = [item.item_id for item in shown]
    picked = st.selectbox(of.one.capitalize(), ids, key="review-conflict")
    item = shown[ids.index(picked)]
    of.draw(item, opened)
    _draw_said(opened, standing, item)
    comment = st.text_input("Reason (optional)", key=f"review-reason-{item.item_id}")
    wording = of.wording(item, opened, "settled") if of.wording else ""
    if not name:
        widgets.hint(f"Type the adjudicator's name to settle this {of.one}.")
    with st.container(horizontal=True):
        for button in of.buttons:
            if button.offered(wording, key=f"review-settle-{button.name}", disabled=not name):
                with widgets.advice():
                    opened.reviews.adjudicate(item, name, button.verdict, comment, wording or "")
                st.rerun()


def _draw_said(opened: Opened, standing: Outcome, item: Case) -> None:
    """Who says what of one, and who settled it."""
    lines = [(who, judgement) for who, judgement in standing.on(item.item_id).items()]
    if item.item_id in standing.settled:
        last = standing.settled[item.item_id]
        lines.append((f"{last.reviewer} (adjudicator)", last))
    rows = [
        {"who": who, "verdict": opened.of.labels[line.verdict], "comment": line.comment}
        | ({"better wording": line.wording} if opened.of.wording else {})
        for who, line in lines
        if line.verdict is not None
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True)


def finish(opened: Opened) -> None:
    """How many are accepted, all judgements as CSV, and what is accepted as a file, or in the vocabulary."""
    from nast_core.review.outcome import STATES, judgements_csv, outcome

    standing, of = _standing(opened), opened.of
    least = st.number_input(
        f"Reviewers {'an' if of.one[0] in 'aeiou' else 'a'} {of.one} needs",
        1,
        max(len(standing.judged), 2),
        2,
        key="review-least",
        bind="query-params",
        width=220,
    )
    standing = outcome(opened.items, opened.reviews, least=int(least))
    table = pd.DataFrame([{"group": state, "series": of.many, "n": len(standing.having(state))} for state in STATES])
    widgets.figure(
        charts.count_bars(
            table,
            title=f"What became of the {of.many}",
            subtitle=f"{len(opened.items):,} {of.many}, {len(standing.judged)} reviewers",
            label=of.many,
        ),
        key="review-outcome",
        data=table,
        alt=f"{of.many.capitalize()} by outcome of the review",
        how_to_read=(
            f"Accepted: judged {of.labels['correct']} by all of that many reviewers, or by the adjudicator. Conflicts"
            " wait for the adjudicator."
        ),
    )
    st.download_button(
        "All judgements as CSV",
        judgements_csv(opened.items, opened.reviews),
        f"{opened.path.stem}-judgements.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    if of is mappings.MAPPINGS:
        mappings.record(opened, standing)
    else:
        _write_items(opened, int(least))


def _write_items(opened: Opened, least: int) -> None:
    from nast_core.review.outcome import write_accepted

    target = opened.path.with_suffix(".accepted.jsonl")
    where, go = st.columns([5, 2], vertical_alignment="bottom")
    out = where.text_input("File for the accepted items", str(target), key=f"review-out-{opened.path}").strip() or str(
        target
    )
    if go.button("Write the accepted items", icon=":material/save:", key="review-write", width="stretch"):
        with widgets.advice():
            accepted = write_accepted(opened.path, widgets.path(out), least=least)
        st.success(f"{len(accepted):,} items written: {plain(widgets.path(out))}", icon=":material/check_circle:")
    st.caption(
        "Also on the command line: nast review agreement --items FILE, and nast review accepted --items FILE --out"
        " FILE."
    )
