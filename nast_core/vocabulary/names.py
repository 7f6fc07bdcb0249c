"""The names of the vocabularies that come with NAST, without reading any: for help and recipes."""

from pathlib import Path

CHEXPERT = "chexpert"
SHIPPED = {CHEXPERT: "chest.yaml", "vindr": "vindr.yaml", "head-ct": "head_ct.yaml"}  # name -> file beside this one


def named(spec: str | Path) -> bool:
    """Whether a spec is a name, and not a path."""
    return str(spec) in SHIPPED
