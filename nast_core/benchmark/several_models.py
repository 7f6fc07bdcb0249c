"""Several models on the same items: their figures in one table, and paired tests between them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from nast_core.benchmark.run import BenchmarkResult
from nast_core.benchmark.scoring import wide
from nast_core.errors import NastError
from nast_core.files.writing import whole_folder
from nast_core.negation.forms import FORMS
from nast_core.statistics.rates import Rate, difference, holm, mcnemar

FIGURES = ("acc_affirmative", "acc_negated", "gap_points", "blind_affirmative", "blind_negated")


def each_model(
    specs: Sequence[str], run: Callable[[str], BenchmarkResult]
) -> Iterator[tuple[str, BenchmarkResult | NastError]]:
    """``run`` of one model after another, so that one at a time is in memory. One that fails on a user's mistake gives
    its error, and the others go on."""
    for spec in dict.fromkeys(specs):
        try:
            yield spec, run(spec)
        except NastError as error:
            yield spec, error


def model_table(results: Mapping[str, BenchmarkResult], errors: Mapping[str, str] | None = None) -> pd.DataFrame:
    """A row a model: name, fingerprint, FIGURES each with its _low and _high, n, unscored, ties; affirmative against
    negated by the exact McNemar test, p_value and p_holm (corrected over the models); and why one has no figures."""
    rows: list[dict[str, Any]] = []
    for spec, result in results.items():
        summary = result.summary
        row = {
            "model": spec,
            "name": summary["provenance"]["model"],
            "fingerprint": summary["provenance"]["model_fingerprint"],
        }
        for figure in FIGURES:
            value = Rate(**summary[figure])
            row |= {figure: value.value, f"{figure}_low": value.low, f"{figure}_high": value.high}
        row |= {"n": summary["acc_affirmative"]["n"], "unscored": summary["unscored"], "ties": summary["ties"]}
        rows.append(row | {"p_value": summary["mcnemar"]["p_value"]})
    table = pd.DataFrame(rows)
    if rows:
        table["p_holm"] = holm(table.p_value)
    failed = pd.DataFrame([{"model": spec, "error": reason} for spec, reason in (errors or {}).items()])
    return pd.concat([table, failed], ignore_index=True)


def model_tests(scored: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Every two models, b - a, per form and for the gap, on the items that both could score.

    Columns: a, b, form, change, low, high (points; 95 % interval over patients), n; and per form the exact McNemar
    test: only_a, only_b (items that one of them alone has right), p_value and p_holm, corrected over all tests of the
    table.
    """
    forms = list(FORMS)
    tables = {name: wide(table).dropna(subset=forms) for name, table in scored.items()}
    rows: list[dict[str, Any]] = []
    for a, b in combinations(tables, 2):
        both = tables[a].index.intersection(tables[b].index, sort=False)
        first, second = tables[a].loc[both], tables[b].loc[both]
        for form in (*FORMS, "gap"):
            old, new = (t[form] if form in t else t.affirmative - t.negated for t in (first, second))
            change = difference(new, old, first.patient_id, scale=100)
            row = {
                "a": a,
                "b": b,
                "form": form,
                "change": change.value,
                "low": change.low,
                "high": change.high,
                "n": change.n,
            }
            if form in FORMS:
                test = mcnemar(old, new)
                row |= {"only_a": test.only_first, "only_b": test.only_second, "p_value": test.p_value}
            rows.append(row)
    columns = ["a", "b", "form", "change", "low", "high", "n", "only_a", "only_b", "p_value"]
    table = pd.DataFrame(rows, columns=columns).astype({"only_a": "Int64", "only_b": "Int64", "p_value": float})
    return table.assign(p_holm=holm(table.p_value))


def folders(specs: Sequence[str], out: Path) -> dict[str, Path]:
    """A folder below ``out`` for each model, named after it."""
    places: dict[str, Path] = {}
    for spec in dict.fromkeys(specs):
        name = re.sub(r"[^\w.-]+", "-", spec).strip("-.") or "model"
        taken = {path.name.lower() for path in places.values()}
        unique, number = name, 2
        while unique.lower() in taken:
            unique, number = f"{name}-{number}", number + 1
        places[spec] = out / unique
    return places


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Each as NAME.csv; together or not at all."""
    with whole_folder(folder, [f"{name}.csv" for name in tables]) as temporary:
        for name, table in tables.items():
            table.to_csv(temporary / f"{name}.csv", index=False)
