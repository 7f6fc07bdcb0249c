"""Building items or claims on the Data page: what to build, a look at it before, and the build."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.data import browse, tables
from dashboard.parts import asking, fields, item_cards, jobs, memo, widgets
from dashboard.parts.text import plain
from nast_core.claims.source_names import BY_PATH, SOURCES
from nast_core.data.studies import SPLITS
from nast_core.files.stamps import stamp

if TYPE_CHECKING:
    from nast_core.benchmark.builder import Built
    from nast_core.benchmark.items import Item
    from nast_core.claims.claim import Example
    from nast_core.data.labels import LabelTable
    from nast_core.runs.status import Status
    from nast_core.work.kinds import BuildClaimsRecipe, BuildItemsRecipe

_SPLITS: dict[str, str] = {"all": "all patients"} | {split: split for split in SPLITS}
_LOOK, _READ = 3, 40  # items shown before a build; reports read to show claims


def build_items() -> None:
    """Controls, preview and build of multiple-choice items."""
    recipe, may_write = _items_recipe()
    place = st.container()
    _preview_items(recipe)
    with place:  # above the preview, drawn after it: what cannot be shown cannot be built
        _build(recipe, may_write)


def build_claims() -> None:
    """Controls, preview and build of claims."""
    recipe, may_write = _claims_recipe()
    place = st.container()
    _preview_claims(recipe)
    with place:
        _build(recipe, may_write)


def _items_recipe() -> tuple[BuildItemsRecipe, bool]:
    from nast_core.data.label_words import by_path, label_sources
    from nast_core.work.kinds import BuildItemsRecipe

    source, count, seed, split = st.columns([4, 2, 2, 2])
    known = {name: entry["label"] for name, entry in label_sources().items()}
    labels = _choice(source, "Labels from", known, "labels")
    n = count.number_input("Items", 1, 1_000_000, 500, 100, key="data-n", bind="query-params")
    seeded = seed.number_input(
        "Seed", 0, 10_000, 0, key="data-seed", bind="query-params", help="Equal seeds, equal items."
    )
    part = _choice(split, "Patients", _SPLITS, "split", start="test" if labels == "phantom" else "all")
    table = None
    if by_path(labels):
        table = asking.field(
            st,
            "Label table",
            key="data-table-path",
            placeholder="/data/mimic-cxr-2.0.0-chexpert.csv.gz",
            help=(
                "MIMIC-CXR's own file, or a CSV (.gz, .zip) with study, patient and condition columns holding 1, 0, -1"
                " or nothing."
            ),
        )
        if not table:
            widgets.empty("Give the path of the label table; the preview follows.")
    writing = _writer()
    with st.expander("Images and balance", icon=":material/tune:"):
        images = asking.field(
            st,
            "Folder of the dataset's images",
            key="data-images",
            disabled=labels == "phantom",
            help="In the dataset's own layout. Items name the images found there; items without one are still items.",
        )
        only, balance = st.columns(2)
        images_only = only.toggle("Only studies whose image is there", key="data-images-only", bind="query-params")
        balanced = balance.toggle(
            "Balance conditions and number of negations",
            key="data-balance",
            bind="query-params",
            help="Every condition and number of negations equally often, as far as the table has studies for it.",
        )
    out, may_write = _out(f"{labels}-{n}-{seeded}.items.jsonl")
    chosen: dict[str, Any] = {
        "labels": labels,
        "table": widgets.path(table) if table else None,
        "n": int(n),
        "seed": int(seeded),
        "out": out,
        "split": None if part == "all" else part,
        "images": widgets.path(images) if images and labels != "phantom" else None,
        "images_only": images_only and bool(images),
        "balance": balanced,
        **writing,
    }
    return jobs.made(BuildItemsRecipe, chosen), may_write


def _claims_recipe() -> tuple[BuildClaimsRecipe, bool]:
    from nast_core.work.kinds import BuildClaimsRecipe

    source, count, seed, split = st.columns([4, 2, 2, 2])
    chosen = _choice(source, "Claims from", SOURCES, "source")
    n = count.number_input(
        "Studies",
        0,
        1_000_000,
        1000 if chosen == "phantom" else 0,
        100,
        key=f"data-studies-{chosen}",
        bind="query-params",
        help="Several statements a study. 0: all.",
    )
    seeded = seed.number_input(
        "Seed", 0, 10_000, 0, key="data-seed", bind="query-params", help="Equal seeds, equal files."
    )
    part = _choice(split, "Patients", _SPLITS, "claims-split")
    reports = None
    if chosen == BY_PATH:
        reports = asking.field(
            st,
            "Reports",
            key="data-reports",
            placeholder="/data/mimic-cxr-reports",
            help=(
                "MIMIC-CXR's folder of reports, Open-i's XML (folder or .tgz), PadChest's table, or a CSV with study_id"
                " and text."
            ),
        )
        if not reports:
            widgets.empty("Give the path of the reports; the preview follows.")
    balanced = st.toggle(
        "Balance, so that wording alone does not tell the truth", value=True, key="data-balanced", bind="query-params"
    )
    out, may_write = _out(f"{chosen}-{n or 'all'}-{seeded}.claims.jsonl")
    settings = {
        "source": chosen,
        "reports": widgets.path(reports) if reports else None,
        "n": int(n) or None,
        "seed": int(seeded),
        "split": None if part == "all" else part,
        "balanced": balanced,
        "out": out,
    }
    return jobs.made(BuildClaimsRecipe, settings), may_write


def _choice(place: Any, label: str, options: dict[str, str], key: str, start: str | None = None) -> str:
    """A selectbox over ``options``; ``start`` is where it begins, not a default, so that links name the choice."""
    key = f"data-{key}"
    if start:
        fields.start(**{key: start})
    return place.selectbox(label, list(options), format_func=options.__getitem__, key=key, bind="query-params")


def _writer() -> dict[str, Any]:
    """Who writes the options, as fields of the recipe."""
    from nast_core.benchmark.writers import TemplateWriter

    writers = {TemplateWriter.name: "template grammar, offline", "llm": "language model, at an endpoint"}
    writer = fields.one_of(
        st,
        "Writer",
        writers,
        key="data-writer",
        help=(
            "Whoever writes, a parser that did not write reads every option back; what it does not read as the labels"
            " is rejected."
        ),
    )
    if writer == "template":
        return {"writer": "template"}
    where, model, jobs, ask, answer = st.columns([4, 3, 2, 2, 2])
    base_url = asking.field(
        where,
        "Base URL",
        key="data-llm-url",
        placeholder="http://localhost:8000/v1",
        help=(
            "Any OpenAI-compatible endpoint; empty for the environment's (NAST_LLM_URL, OPENAI_BASE_URL), else OpenAI's"
            " own."
        ),
    )
    name = model.text_input("Model", key="data-llm-model", bind="query-params").strip()
    at_once = jobs.number_input(
        "At a time", 1, 64, 8, key="data-llm-jobs", bind="query-params", help="Questions on their way."
    )
    told = "Per million tokens, in your currency; the card then says what the build cost."
    prices = [
        place.number_input(label, 0.0, key=f"data-llm-price-{key}", bind="query-params", help=told)
        for place, label, key in ((ask, "Price, prompts", "prompt"), (answer, "Price, answers", "answer"))
    ]
    st.caption(
        f"Sent to {plain(_endpoint(base_url or None))}: three condition names, 1 or 0 for each, and words to choose"
        " from; never an image, a report or an id. A key goes only to the endpoint that the environment, where the app"
        " was started, names: NAST_LLM_KEY to NAST_LLM_URL, OPENAI_API_KEY to OPENAI_BASE_URL or else OpenAI's own."
    )
    if not name:
        widgets.empty("Name the model; what is sent to it is shown next.")
    return {
        "writer": "llm",
        "base_url": base_url or None,
        "llm_model": name,
        "jobs": int(at_once),
        "prices": tuple(prices) if any(prices) else None,
    }


def _endpoint(base_url: str | None) -> str:
    """Where a press of the button sends questions, and with whose key."""
    from nast_core.benchmark.llm_access import access_to

    with widgets.advice():
        return access_to(base_url).told


def _out(name: str) -> tuple[Path, bool]:
    """Where the file goes, and whether it may be written there."""
    where, called = st.columns([3, 2])
    folder = asking.field(where, "Folder", key="data-folder", placeholder=str(item_cards.home()))
    file = called.text_input("File name", key="data-name", placeholder=name).strip() or name
    called_so = Path(file).name or name
    if not called_so.endswith(".jsonl"):
        called_so += ".jsonl"
    out = widgets.path(str((widgets.path(folder) if folder else item_cards.home()).absolute() / called_so))
    replace = True
    if out.is_file():
        replace = st.checkbox(f"Replace the file that is there: {plain(out)}", key=f"data-replace-{out}")
    return out, replace


@memo.shared("Reading the labels")
def _labels(
    spec: str, count: int, split: str | None, images: Path | None, images_only: bool, stamped: str
) -> LabelTable:
    from nast_core.benchmark.sources import labelled_studies

    return labelled_studies(spec, count, split=split, images=images, images_only=images_only)


def _stamped(path: Path | None) -> str:
    return stamp(path) if path else ""


def _table(recipe: BuildItemsRecipe) -> LabelTable:
    count = recipe.n if recipe.labels == "phantom" else 0  # only the number of phantoms depends on it
    return _labels(recipe.labels_spec, count, recipe.split, recipe.images, recipe.images_only, _stamped(recipe.table))


@memo.copied("Writing the first items")
def _first_items(_table: LabelTable, recipe_json: str, labels: str, seed: int, balance: bool, count: int) -> Built:
    from nast_core.benchmark.builder import build_items
    from nast_core.benchmark.writers import writer_named

    return build_items(
        _table.studies, count, writer_named("template", labels), seed=seed, source=_table.source, balance=balance
    )


def first_items(recipe: BuildItemsRecipe, count: int = _LOOK) -> list[Item]:
    """The first items that the template writer would give to this build."""
    asked = f"{recipe.model_dump_json(exclude={'out'})} {_stamped(recipe.table)}"
    count = min(count, recipe.n)
    return _first_items(_table(recipe), asked, recipe.labels_spec, recipe.seed, recipe.balance, count).items


def _preview_items(recipe: BuildItemsRecipe) -> None:
    st.subheader("A look before the build")
    with widgets.advice():
        table = _table(recipe)
    counts = table.counts
    st.caption(
        f"{len(table.studies):,} eligible studies (at least 3 absent and 2 present conditions)"
        + (f", of {counts['studies']:,}" if "studies" in counts else "")
        + (f"; {counts['uncertain_labels']:,} uncertain labels are not used" if counts.get("uncertain_labels") else "")
        + "."
    )
    for note in table.notes:
        with st.container(border=True):
            st.text(note)  # labels of a file: text, never Markdown
    if recipe.writer == "llm":
        _preview_llm(recipe, table)
        return
    with widgets.advice():
        items = first_items(recipe)
    st.caption(f"The first {len(items)} of the {recipe.n:,} items, as the build will have them.")
    _draw(items, recipe.images)


def _draw(items: list[Item], images: Path | None) -> None:
    for item in items:
        with st.container(border=True):
            st.markdown(f"**{plain(item.question)}** {item_cards.badges(item)}")
            item_cards.draw_item(
                item, images=str(images) if images else None, picture=bool(images) or item.source == "phantom"
            )


def _preview_llm(recipe: BuildItemsRecipe, table: LabelTable) -> None:
    """What the endpoint is asked first, and its answer where the user wants one now."""
    import numpy as np

    from nast_core.benchmark.builder import build_items, task_of
    from nast_core.benchmark.design import draw_plans
    from nast_core.benchmark.llm import prompt
    from nast_core.work.build_items import writer_of

    with widgets.advice():
        plan = next(draw_plans(table.studies, np.random.default_rng(recipe.seed), balance=recipe.balance))
    with st.expander("What the endpoint is sent for the first item", icon=":material/outgoing_mail:", expanded=True):
        for message in prompt(task_of(plan, recipe.seed, 0)):
            st.caption(message["role"])
            st.code(message["content"], language=None, wrap_lines=True, height=180)
    if st.button(
        "Ask it now", icon=":material/send:", help="The answer is kept, and the build does not ask for it again."
    ):
        with widgets.advice(), st.spinner("Asking"):
            built = build_items(
                table.studies,
                1,
                writer_of(recipe, patience=1),
                seed=recipe.seed,
                source=table.source,
                balance=recipe.balance,
            )
        for draft in built.turned_down:
            st.warning(
                f"Draft {draft.attempt} turned down, {plain(draft.reason)}: {plain(draft.said[0])}",
                icon=":material/undo:",
            )
        _draw(built.items, recipe.images)


@memo.copied("Reading the first reports")
def _first_claims(source: str, split: str | None, seed: int, stamped: str) -> list[Example]:
    from nast_core.claims.build import build_examples
    from nast_core.claims.sources import read_source

    read = read_source(source, split=split, seed=seed, most=_READ)  # type: ignore[arg-type]
    return build_examples(read.studies, seed=seed, balanced=False).examples


def _preview_claims(recipe: BuildClaimsRecipe) -> None:
    st.subheader("A look before the build")
    with widgets.advice():
        examples = _first_claims(recipe.source_spec, recipe.split, recipe.seed, _stamped(recipe.reports))
    st.caption(
        f"Statements from {_READ} studies, before balancing. Each contradicts its neighbour in one attribute. "
        "A star marks a cue held out of training lines."
    )
    st.dataframe(tables.claim_rows(examples), hide_index=True, height=360)


def _build(recipe: BuildItemsRecipe | BuildClaimsRecipe, may_write: bool) -> None:
    """The build as a run of its own: a button, its progress, or what came of it."""
    jobs.offer(
        recipe,
        None,
        _press(recipe),
        key="data-build",
        icon=":material/build:",
        disabled=not may_write,
        note=(
            f"Goes to {plain(recipe.out)}, with the dataset card beside it. It runs on its own and goes on when this"
            " page is closed; cancelled, it leaves no file behind."
        ),
        ready=partial(_make_room, recipe),
        ended=partial(_built, recipe),
    )


def _make_room(recipe: BuildItemsRecipe | BuildClaimsRecipe) -> None:
    """An old success would be found again in place of a new file."""
    from nast_core.files.writing import need_writable
    from nast_core.runs.store import RunStore
    from nast_core.work.identity import identity

    need_writable(recipe.out)
    store = RunStore()
    for row in list(store.alike(identity(recipe, store.root).key)):
        if row.status.state == "finished":
            store.delete(row.run.id)


def _built(recipe: BuildItemsRecipe | BuildClaimsRecipe, status: Status) -> None:
    """What was built, and the way to it; nothing where the file is gone again."""
    if not recipe.out.is_file():
        return
    figures = "; ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in status.figures.items())
    done, go = st.columns([5, 1], vertical_alignment="center")
    done.success(
        f"Built: {plain(recipe.out)}. {plain(figures[:1].upper() + figures[1:])}.", icon=":material/check_circle:"
    )
    go.button("Look through it", icon=":material/search:", on_click=_open, args=(recipe.out,), width="stretch")


def _press(recipe: BuildItemsRecipe | BuildClaimsRecipe) -> str:
    """What the button does; one that sends something names where to."""
    if recipe.kind == "build-claims" or recipe.writer == "template":
        return "Build"
    return f"Write {recipe.n:,} items with {plain(recipe.llm_model or '')} at {plain(_endpoint(recipe.base_url))}"


def _figure(value: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3f}"


def _open(path: Path) -> None:
    st.session_state["data-do"] = "browse"
    browse.open_file(path)
