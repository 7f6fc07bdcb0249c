"""One payload in every field of every page: nothing of it reaches the browser as Markdown, HTML or a chart's
template."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from streamlit.testing.v1 import AppTest

from nast_core.benchmark.drafts import TurnedDown, write_drafts
from nast_core.benchmark.items import Item, read_items, write_items
from nast_core.benchmark.phantoms import phantom_items
from nast_core.claims.build import build_examples
from nast_core.claims.examples import write_claims
from nast_core.claims.phantom import phantom_studies
from nast_core.review.judgements import Reviews
from tests.pages.links import ROOT, by_link, opened

PAYLOAD = (
    "![i](http://127.0.0.1:9/x.png) :red[r] :material/rocket: [l](http://127.0.0.1:9/l) $x$ <img "
    "src=http://127.0.0.1:9/y.png> `c` **b** :tada: http://127.0.0.1:9/bare"
)
RAW = ("![i](", ":red[r]", ":material/rocket:", "[l](", "$x$", "<img", "`c`", "**b**", ":tada:", "http://127")
# Fields of Streamlit's messages that its page never reads as Markdown: what is typed, chosen from, copied, or named for
# itself.
LITERAL = {
    "TextInput": {"default", "value", "placeholder"},
    "Selectbox": {"options", "raw_value", "placeholder"},
    "MultiSelect": {"options", "raw_values", "placeholder"},
    "Slider": set(),
    "Code": {"code_text"},
    "Text": {"body"},
    "DownloadButton": {"url"},
    "PlotlyChart": {"spec", "config"},  # see charts
    "Html": {"body"},  # see html
}
NEVER = {
    "id",
    "element_id",
    "user_key",
    "query_param_key",
    "form_id",
    "url",
    "data",
    "hash",
    "markup",
    "alt_text",
    "alt",
}


def said(message: Message) -> Iterator[tuple[str, str]]:
    """(place, text) of all that a message hands to the page's Markdown."""
    name = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        if field.name in NEVER or field.name in LITERAL.get(name, ()) or name.startswith("Arrow"):
            continue
        many = value if field.is_repeated else [value]
        for one in many:
            if field.type == FieldDescriptor.TYPE_STRING:
                yield f"{name}.{field.name}", one
            elif field.type == FieldDescriptor.TYPE_MESSAGE and isinstance(one, Message):
                yield from said(one)


def nodes(node) -> Iterator:
    yield node
    for child in getattr(node, "children", {}).values():
        yield from nodes(child)


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for one in value.values() for text in strings(one))
    elif isinstance(value, list):
        yield from (text for one in value for text in strings(one))


def clean(at: AppTest, *, seen: bool = True, kept: tuple[str, ...] = ()) -> AppTest:
    """No part of the payload but what is ``kept`` is read as anything but text;
    ``seen``: and it is there, to be read by a person."""
    assert not at.exception, at.exception
    found = False
    for node in nodes(at._tree):
        proto = getattr(node, "proto", None)
        if not isinstance(proto, Message):
            continue
        for place, text in said(proto):
            assert not [raw for raw in RAW if raw in text.replace(r"\<", "") and raw not in kept], (place, text)
            found = found or "rocket" in text
        if proto.DESCRIPTOR.name == "PlotlyChart":
            for text in strings(json.loads(proto.spec)):
                assert "<img" not in text, text
        if proto.DESCRIPTOR.name == "Html":
            assert "<img" not in proto.body, proto.body
        found = found or "rocket" in str(proto)
    assert found or not seen, "the payload is nowhere to be seen"
    return at


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("NAST_DATA", str(tmp_path / "sets"))
    monkeypatch.setenv("NAST_RUNS", str(tmp_path / "runs"))


@pytest.fixture
def items(tmp_path) -> Path:
    """Items whose every free text is the payload, and which still can be scored."""
    made = []
    for number, item in enumerate(phantom_items(12, seed=3, split="validation")):
        texts = {
            form: tuple(f"{text} {PAYLOAD}" for text in getattr(item, form)) for form in ("negated", "affirmative")
        }
        names = {
            "item_id": f"{number} {PAYLOAD}",
            "patient_id": f"p{number} {PAYLOAD}",
            "study_id": f"s{number} {PAYLOAD}",
        }
        conditions = tuple(f"{condition} {PAYLOAD}" for condition in item.conditions)
        cues = tuple(f"{cue} {PAYLOAD}" if cue else "" for cue in item.cues)
        fields = item.model_dump() | texts | names | {"conditions": conditions, "cues": cues, "question": PAYLOAD}
        made.append(Item.model_validate(fields))
    path = tmp_path / "sets" / "evil :material-rocket **b**.items.jsonl"
    path.parent.mkdir(parents=True)
    write_items(made, path)
    return path


ADDRESSES = [
    ("home", {"model": PAYLOAD}),
    ("models", {"other": PAYLOAD}),
    ("benchmark", {"with": PAYLOAD, "n": "200"}),
    ("benchmark", {"from": "a file", "items": PAYLOAD}),
    ("compare", {"a": PAYLOAD}),
    ("compare", {"b": PAYLOAD}),
    ("data", {"data-do": "Look through a file", "data-file": PAYLOAD}),
    ("data", {"data-labels": "A CSV of your own", "data-table-path": PAYLOAD}),
    ("data", {"data-do": "Build claims", "data-source": "Reports by path (MIMIC-CXR, CSV)", "data-reports": PAYLOAD}),
    ("data", {"data-folder": PAYLOAD}),
    ("review", {"review-items": PAYLOAD}),
    ("finetune", {"finetune-by": "text alone", "finetune-texts": "these and reports", "distil-reports": PAYLOAD}),
    ("finetune", {"train-on": "my files", "claims": PAYLOAD, "train-images": PAYLOAD, "train-items": PAYLOAD}),
]


@pytest.mark.parametrize(
    ("page", "params"), ADDRESSES, ids=lambda value: value if isinstance(value, str) else next(iter(value))
)
def test_what_an_address_names_is_asked_for_and_refused_as_text(page, params):
    at = clean(by_link(page, **params))
    clean(opened(at))


@pytest.mark.parametrize("page", ["attention", "tracing", "attribution"])
def test_typed_pairs_are_text_in_errors(page):
    clean(
        by_link(
            page,
            **{
                "pair-source": "typed",
                "affirmative": f"some {PAYLOAD}"[:60],
                "negated": "no :red[r] $x$ <img :material/rocket:",
            },
        ),
        seen=False,
    )


def test_a_typed_pair_that_aligns_is_text_in_charts_and_tooltips():
    pair = {"affirmative": "some <img src=x> :red[r] $x$", "negated": "no <img src=x> :red[r] $x$"}
    for page in ("attention", "tracing", "attribution"):
        clean(by_link(page, **{"pair-source": "typed", **pair}), seen=False)


def test_sentences_on_the_models_page_are_text():
    clean(
        by_link(
            "models", sentence=f"no {PAYLOAD}"[:60], said=PAYLOAD[:60], denied=PAYLOAD[-60:], equivalent=PAYLOAD[40:100]
        ),
        seen=False,
    )


@pytest.mark.parametrize("view", ["Items", "Balance", "Guessing", "Card", "Rejected drafts", "Export"])
def test_items_are_looked_through_as_text(items, view):
    first = read_items(items)[0]
    items.with_suffix(".card.md").write_text(
        f"# {PAYLOAD}\n\n- {PAYLOAD}\n\n| {PAYLOAD} | n |\n| --- | --- |\n| {PAYLOAD} | 1 |\n"
    )
    write_drafts(
        [
            TurnedDown(
                item_id=PAYLOAD,
                conditions=first.conditions,
                assignments=first.assignments,
                attempt=1,
                given_up=True,
                reason=PAYLOAD,
                said=(PAYLOAD, "x"),
                negated=first.negated,
                affirmative=first.affirmative,
            )
        ],
        items,
    )
    clean(
        opened(by_link("data", **{"data-do": "Look through a file", "data-file": str(items), "data-view": view})),
        seen=view != "Guessing",
        kept=("`c`", "**b**") if view == "Card" else (),
    )


def test_items_are_reviewed_as_text(items):
    for name in (f"Ada {PAYLOAD}"[:80], f"Bob {PAYLOAD}"[:80]):
        for number, item in enumerate(read_items(items)):
            Reviews(items).judge(item, name, "wrong" if number % 2 and name[0] == "B" else "correct", PAYLOAD)
    for view in ("Agreement", "Conflicts", "Outcome"):
        clean(opened(by_link("review", **{"review-view": view, "review-items": str(items)})))
    at = opened(by_link("review", **{"review-items": str(items)}))
    clean(at.text_input(key="review-name").set_value(f"Ada {PAYLOAD}"[:80]).run())


@pytest.mark.parametrize("tab", ["Questions", "Distance and bias", "Items"])
def test_items_are_asked_as_text(items, tab):
    at = opened(
        by_link(
            "benchmark", **{"from": "a file", "items": str(items), "tab": tab, "slice-name": PAYLOAD, "with": "demo"}
        )
    )
    clean(at)
    at.multiselect(key="slice-negations").set_value([1, 2]).run()
    clean(at)


def test_claims_are_looked_through_and_ranked_as_text(tmp_path):
    examples = build_examples(phantom_studies(8, split="validation", seed=0), seed=0).examples
    evil = [e.model_copy(update={"study_id": f"s{n} {PAYLOAD}", "patient_id": f"p{n} {PAYLOAD}",
        "text": f"{e.text} {PAYLOAD}",
                                 "claim": e.claim.model_copy(update={"finding": f"{e.claim.finding} {PAYLOAD}"})})
            for n, e in enumerate(examples)]  # fmt: skip
    path = tmp_path / "evil.claims.jsonl"
    write_claims(evil, path)
    for view in ("Statements", "Balance"):
        clean(opened(by_link("data", **{"data-do": "Look through a file", "data-file": str(path), "data-view": view})))
    clean(
        opened(by_link("benchmark", **{"n": "200", "tab": "Claims", "claims-from": "a file", "claims-file": str(path)}))
    )


def test_a_models_name_and_an_uploads_are_text(folders, tmp_path):
    named = tmp_path / ":red[r] $x$ **b** :material-rocket: `c`"
    named.symlink_to(folders["Hugging Face CLIP"])
    at = clean(opened(by_link("models", model=str(named))))
    upload = at.file_uploader(key="files")
    clean(upload.upload(f"{PAYLOAD.replace('/', '-')}.png", b"no image", "image/png").run())


@pytest.mark.long
def test_broken_runs_are_text(tmp_path):
    run = tmp_path / "runs" / "finetune-:red[r] $x$ **b**"
    run.mkdir(parents=True)
    (run / "recipe.json").write_text(json.dumps({"kind": PAYLOAD}))
    (run / "status.json").write_text(json.dumps({"state": PAYLOAD}))
    clean(by_link("finetune"), seen=False)


def test_every_call_that_is_read_as_markdown_has_its_foreign_texts_escaped():
    """A reader's aid: the pages' texts are walked above; here the page's own home of escaping stays the only one."""
    homes = [path.name for path in (ROOT / "dashboard").rglob("*.py") if r"\\\g<" in path.read_text("utf-8")]
    assert homes == ["text.py"]
