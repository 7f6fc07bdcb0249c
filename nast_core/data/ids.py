"""Names of patients, studies and images as tables hold them, and what spreadsheets make of them. Source: ours."""

import pandas as pd

_WHOLE = r"(\d+)\.0+"
_CUT = r"\d(?:[.,]\d+)?[eE]\+\d+"


def plain_ids(column: "pd.Series[str]") -> tuple["pd.Series[str]", int, int | None]:
    """(ids without blanks around them and without the ".0" of a spreadsheet's number, how many had one, position of the
    first that a spreadsheet cut: 5.00E+07 has lost its digits)."""
    column = column.fillna("").str.strip()
    whole = column.str.fullmatch(_WHOLE)
    cut = column.str.fullmatch(_CUT).to_numpy(bool)
    if count := int(whole.sum()):
        column = column.where(~whole, column.str.replace(r"\.0+$", "", regex=True))
    return column, count, int(cut.argmax()) if cut.any() else None


def cut_id(name: str, value: str) -> str:
    """What to say of an id whose digits a spreadsheet cut off."""
    return f"{name} is {value!r}, which a spreadsheet made of a longer number; export the ids as text"
