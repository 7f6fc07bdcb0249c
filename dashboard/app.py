"""NAST Dashboard: streamlit run dashboard/app.py, from any folder.

The server imports this file once, for ``app``; each session then runs it as its script.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # Streamlit puts only this file's own folder on the path
    sys.path.insert(0, str(ROOT))

from dashboard import serving
from dashboard.parts import collecting

collecting.settle()
serving.settle_options()

if __name__ == "__main__":
    from dashboard import navigation

    navigation.show(ROOT)
else:
    from starlette.middleware import Middleware
    from streamlit.starlette import App

    serving.skip_components_of_packages()
    app = App(Path(__file__).resolve(), middleware=[Middleware(serving.Guard)], lifespan=serving.opening)
