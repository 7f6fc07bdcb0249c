"""The Audit page: what it offers, and what it shows of a finished audit; Home leads to it."""

from base64 import b64decode

import pytest

from nast_core import load_model
from nast_core.runs.store import RunStore
from nast_core.work.audit import AuditRecipe, write_files
from nast_core.work.identity import identity
from tests.audits import audit, part, parts
from tests.pages.links import by_link, opened

pytestmark = pytest.mark.slow


def markdown(at) -> str:
    return " ".join(element.value for element in at.markdown)


@pytest.fixture
def finished():
    """The page's own audit of the demo, with made-up figures."""
    recipe, store = AuditRecipe(model="demo", quick=True), RunStore()
    run = store.create(recipe, identity(recipe, store.root, load_model("demo", device="cpu").fingerprint))
    found = parts(probe=part("probe", reason="no pair can be learnt from"))
    write_files(audit(found), run.folder)
    run.set_status(run.written_status.model_copy(update={"state": "finished"}))
    yield run
    store.discard(run)


def test_home_leads_to_the_audit():
    at = by_link()
    assert not at.exception
    assert "Audit this model" in [link.proto.label for link in at.get("page_link")]


def test_the_page_offers_the_audit_with_what_it_will_take():
    at = opened(by_link("audit"))
    assert not at.exception
    (label,) = [button.label for button in at.button if button.key == "audit-run"]
    assert "Audit this model (about" in label
    assert "goes on where it stopped" in " ".join(one.value for one in at.caption)


def test_a_finished_audit_is_shown_with_its_verdict_files_and_parts(finished):
    at = opened(by_link("audit"))
    assert not at.exception
    said = markdown(at)
    assert "negation costs 49.0 points" in said
    assert "n = 200, seed 0; [chart](#audit-benchmark)" in said
    assert "Left out: no pair can be learnt from" in at.warning[0].value
    assert [one.value for one in at.subheader if "Causal tracing" in one.value]
    assert "audit-run" not in [button.key for button in at.button]
    charts = [chart for one in finished.result.audit.parts.values() for chart in one.charts]
    pictures = [image for drawn in at.get("image") for image in drawn.proto.imgs]
    assert len(pictures) == len(charts) > 0
    for image in pictures:
        svg = b64decode(image.url.removeprefix("data:image/svg+xml;base64,")).decode()
        assert "--text:" in svg  # its colours go with it: an image takes none from the page
        assert "<style>" in svg
