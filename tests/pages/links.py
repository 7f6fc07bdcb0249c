"""Opening the app by an address, as a person does who trusts it."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard.parts import correcting

ROOT = Path(__file__).resolve().parents[2]
APP = str(ROOT / "dashboard" / "app.py")


def by_link(page: str = "home", **params: str) -> AppTest:
    """The whole app at an address, before anything is pressed."""
    at = AppTest.from_file(APP, default_timeout=180)
    for name, value in params.items():
        at.query_params[name] = value
    at.run()
    return at if page == "home" else at.switch_page(str(ROOT / "pages" / f"{page}.py")).run()


def correct(at: AppTest, place: str, text: str, *, add: str = "", undo: bool = False, **states: str) -> AppTest:
    """Opens "Read wrongly?" under a text, says what it says of its findings, and of one more, and saves;
    or takes it back."""
    said = correcting.kept().corrections.of(text)
    key = correcting.key_of(place, text, said)
    at.session_state[key] = True
    at.run()
    for condition, state in states.items():
        at.button_group(key=f"{key}-{condition}").set_value(state)
    if add:
        at.selectbox(key=f"{key}-add").set_value(add)
    return at.button(key=f"{key}-{'undo' if undo else 'save'}").click().run()


def asks(at: AppTest) -> bool:
    return any(button.key == "link-load" for button in at.button)


def opened(at: AppTest) -> AppTest:
    """What the link names is loaded at a press, if it was not before."""
    return at.button(key="link-load").click().run() if asks(at) else at
