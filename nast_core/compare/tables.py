"""What a comparison of two models found, as tables; apart from how they are computed, so that reading one loads
little."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nast_core.claims.way_groups import BOTH, MEAN
from nast_core.errors import DataError
from nast_core.files.documents import read_json
from nast_core.files.writing import whole_folder, write_json
from nast_core.opening import finetune_of


@dataclass(frozen=True)
class Comparison:
    """Tables of one comparison; every ``change`` is B - A.

    heads: layer, head, a, b, change, low, high, n (NSA, means over pairs; change only where the towers are alike).
    layers: model, summary, layer, value, low, high, n (CTE of block outputs; interval over pairs).
    accuracy: group, form, value, low, high, n (shares; interval over patients).
    changes: form or gap; a, b, change, low, high (points); fixed, broken, p_value, n (exact McNemar, A against B).
    items: a row per item and form: verdict, the choices and the scores (logits) of A and B.
    shifts: a row per text: 1 - cosine of A's and B's embedding; empty where their dimensions differ.
    shift_means: form or difference; value, low, high, n (interval over pairs).
    parameters: model, layer, weight, change, share: how far a fine-tune moved each layer from its own base, and the
    layer's part of the update (NaN, or no column, where the run or the comparison is older than the figure).
    claims: as ``claims.claim_changes`` gives it; wording: as ``claims.wordings_between`` does: group, side, wording
    ("mean" of a group), a, b and change with their intervals. Empty where no claims were asked.
    """

    about: dict[str, Any]
    heads: pd.DataFrame
    layers: pd.DataFrame
    accuracy: pd.DataFrame
    changes: pd.DataFrame
    items: pd.DataFrame
    shifts: pd.DataFrame
    shift_means: pd.DataFrame
    parameters: pd.DataFrame
    claims: pd.DataFrame
    wording: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        return {name: value for name, value in vars(self).items() if isinstance(value, pd.DataFrame)}

    def wording_means(self) -> pd.DataFrame:
        """Of ``wording``, a row a group."""
        return self.wording[(self.wording.wording == MEAN) & (self.wording.side == BOTH)]


MOVED = ["model", "layer", "weight", "change", "share"]


def moved_layers(summaries: Mapping[str, Path]) -> pd.DataFrame:
    """Layer weight w[l], relative change and share of the update of each text layer, from fine-tunes' summary.json by
    model (A, B).

    Raises DataError for a file that holds none.
    """
    rows = []
    for model, path in summaries.items():
        try:
            layers = read_json(path)["layers"]
            rows += [
                (
                    model,
                    int(row["layer"]),
                    *(float(row[name]) for name in ("weight", "change")),
                    float(row.get("share", "nan")),
                )
                for row in layers
            ]
        except (DataError, ValueError, KeyError, TypeError):
            raise DataError(
                f"{path} does not say which layers moved; it should be the summary of a fine-tune"
            ) from None
    return pd.DataFrame(rows, columns=MOVED)


def summary_files(specs: Mapping[str, str]) -> dict[str, Path]:
    """Of the models that are fine-tunes, ``run:ID`` or ``demo-tuned``, where their summary.json is."""
    runs = {model: finetune_of(spec) for model, spec in specs.items()}
    return {model: run.folder / "summary.json" for model, run in runs.items() if run is not None}


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """comparison.json (what was compared, and the changes) and a CSV a table; together or not at all."""
    changes = json.loads(comparison.changes.to_json(orient="records"))
    shift = json.loads(comparison.shift_means.to_json(orient="records"))
    with whole_folder(folder, [*(f"{name}.csv" for name in comparison.tables), "comparison.json"]) as temporary:
        for name, table in comparison.tables.items():
            table.to_csv(temporary / f"{name}.csv", index=False)
        write_json(temporary / "comparison.json", comparison.about | {"changes": changes, "embedding_shift": shift})
