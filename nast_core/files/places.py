"""Where the app lies: beside this package in a checkout, inside it once installed (setup.py puts it there)."""

from pathlib import Path

from nast_core.files.writing import user_cache

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "_app"

HOME = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent  # holds dashboard, pages and assets
APP = HOME / "dashboard" / "app.py"
DEMO_FOLDER = HOME / "assets" / "demo-clip"
TUNED_FOLDER = HOME / "assets" / "demo-tuned"  # a finished fine-tune of it, as a run's folder

DEMO, DEMO_TUNED = "demo", "demo-tuned"
EMBEDDED = {DEMO: DEMO_FOLDER, DEMO_TUNED: TUNED_FOLDER}  # the models that come with NAST: spec -> folder
DEMO_LANGUAGE = "demo-language"  # built on this machine: its text encoder is fetched, and not ours to give away
OWN_NAMES = (*EMBEDDED, DEMO_LANGUAGE)  # specs that are NAST's own, and no folder of that name


def language_folder() -> Path:
    """Where ``demo-language`` lies once it is built: with what NAST can make again."""
    return user_cache() / DEMO_LANGUAGE
