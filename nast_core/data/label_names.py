"""The names of the sources of labels, without reading what labels.yaml says of them: for help that is printed at
once."""

import re
from pathlib import Path

DRAWN = "phantom"  # labels of what is drawn here
OWN = "table"  # a table that is nobody else's: told by its columns


def label_names() -> list[str]:
    """In the order of labels.yaml."""
    text = Path(__file__).with_name("labels.yaml").read_text("utf-8")
    return re.findall(r"^(\w+):$", text, re.MULTILINE)
