"""Opening the app by an address, as a person does who trusts it."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
APP = str(ROOT / "dashboard" / "app.py")


def by_link(page: str = "home", **params: str) -> AppTest:
    """The whole app at an address, before anything is pressed."""
    at = AppTest.from_file(APP, default_timeout=180)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    return at if page == "home" else at.switch_page(str(ROOT / "pages" / f"{page}.py")).run()


def asks(at: AppTest) -> bool:
    return any(button.key == "link-load" for button in at.button)


def opened(at: AppTest) -> AppTest:
    """What the link names is loaded at a press, if it was not before."""
    return at.button(key="link-load").click().run() if asks(at) else at
