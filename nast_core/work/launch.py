"""How another Python is started for the work of a run: it finds this package, and nothing in the folder it is started
from."""

import os
from pathlib import Path

SAFE = "-P"  # without it, ``python -m`` and multiprocessing's ``python -c`` look into the current folder first


def search_path() -> str:
    """PYTHONPATH: where this package is, then what the caller's own names from the root. An empty entry, which an
    ``export PYTHONPATH=$PYTHONPATH:...`` easily leaves, would be the current folder again."""
    own = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join([str(Path(__file__).resolve().parents[2]), *filter(os.path.isabs, own)])
