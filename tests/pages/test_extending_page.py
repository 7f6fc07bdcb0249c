"""docs/extending/page.md, followed once: its two blocks, as they stand, are a page of the app."""

import re
import shutil
from pathlib import Path

from streamlit.testing.v1 import AppTest

from dashboard import navigation

ROOT = Path(__file__).resolve().parents[2]


def steps() -> list[tuple[str, str]]:
    """(file that a step touches, what goes into it)."""
    text = (ROOT / "docs" / "extending" / "page.md").read_text("utf-8")
    return re.findall(r"^\*\*\d\. .*?`((?:pages|dashboard)/\w+\.py)`.*?^```python\n(.*?)^```$", text, re.M | re.S)


def app(root: str) -> None:
    from pathlib import Path

    from dashboard import navigation

    navigation.show(Path(root))


def test_the_page_of_the_docs_takes_two_files_and_opens(tmp_path, monkeypatch):
    (page, code), (table, line) = steps()
    assert (page, table) == ("pages/nearness.py", "dashboard/navigation.py")
    shutil.copytree(ROOT / "pages", tmp_path / "pages", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "assets").symlink_to(ROOT / "assets")
    (tmp_path / page).write_text(code, "utf-8")
    added = eval(line, {"Page": navigation.Page})
    monkeypatch.setattr(navigation, "PAGES", (*navigation.PAGES, added))

    at = AppTest.from_function(app, args=(str(tmp_path),), default_timeout=180).run()
    at.switch_page(str(tmp_path / page)).run()
    assert not at.exception
    assert at.title[0].value == "Nearness of negations"
    (figure,) = at.get("plotly_chart")
    assert "Cosine of a text and its negation" in figure.proto.spec
    assert len(code.splitlines()) <= 40


def test_the_page_shows_the_engines_sentence_where_no_model_loads(tmp_path, monkeypatch):
    (page, code), _ = steps()
    (tmp_path / "nearness.py").write_text(code, "utf-8")
    at = AppTest.from_file(str(tmp_path / Path(page).name), default_timeout=60)
    at.session_state["model"] = "/no/such/folder"
    at.run()
    assert not at.exception
    assert "there is no folder /no/such/folder" in at.error[0].value
