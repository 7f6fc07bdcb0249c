"""For tests of pages: what a page would offer as a run on a busy machine is computed at once, and no first look comes
before."""

import pytest

from dashboard import serving

serving.skip_components_of_packages()  # as the app does, before its first page


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr("dashboard.benchmark.choices.SOON", float("inf"))
    monkeypatch.setattr("dashboard.parts.pace.AT_ONCE", float("inf"))
