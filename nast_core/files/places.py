"""Where the app lies: beside this package in a checkout, inside it once installed (setup.py puts it there)."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "_app"

HOME = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent  # holds dashboard, pages and assets
APP = HOME / "dashboard" / "app.py"
DEMO_FOLDER = HOME / "assets" / "demo-clip"
TUNED_FOLDER = HOME / "assets" / "demo-tuned"  # a finished fine-tune of it, as a run's folder

DEMO, DEMO_TUNED = "demo", "demo-tuned"
EMBEDDED = {DEMO: DEMO_FOLDER, DEMO_TUNED: TUNED_FOLDER}  # the models that come with NAST: spec -> folder
