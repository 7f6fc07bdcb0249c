"""What claims can be built from, by name: for recipes and pages, which read none of it. ``sources`` reads them."""

from typing import Literal

SourceName = Literal["phantom", "openi", "padchest", "reports"]
SOURCES: dict[str, str] = {
    "phantom": "Phantoms (drawn here)",
    "openi": "Open-i reports",
    "padchest": "PadChest labels by sentence",
    "reports": "Reports by path (MIMIC-CXR, CSV)",
}
DRAWN, BY_PATH = "phantom", "reports"
