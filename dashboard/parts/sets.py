"""Where data sets lie."""

import os
from pathlib import Path


def home() -> Path:
    """The folder that data sets go to where the user names none: $NAST_DATA, or ./datasets."""
    return Path(os.environ.get("NAST_DATA") or "datasets").expanduser().absolute()
