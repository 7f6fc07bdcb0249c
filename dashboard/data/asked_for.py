"""What the Data page builds: labels or reports, how many, who writes, and where the file goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.parts import asking, fields, item_cards, jobs, manners, vocabularies, widgets
from dashboard.parts.text import plain
from nast_core.claims import source_names
from nast_core.data import label_names
from nast_core.data.studies import SPLITS
from nast_core.dataset.folder import is_dataset

if TYPE_CHECKING:
    from nast_core.work.build_dataset import BuildDatasetRecipe
    from nast_core.work.kinds import BuildClaimsRecipe, BuildItemsRecipe

_SPLITS: dict[str, str] = {"all": "all patients"} | {split: split for split in SPLITS}


def items() -> tuple[BuildItemsRecipe, bool]:
    """The items to build, and whether their file may be written."""
    from nast_core.data.label_words import by_path, label_sources
    from nast_core.work.kinds import BuildItemsRecipe

    source, count, seed, split = st.columns([4, 2, 2, 2])
    known = {name: entry["label"] for name, entry in label_sources().items()}
    labels = _choice(source, "Labels from", known, "labels")
    n = count.number_input("Items", 1, 1_000_000, 500, 100, key="data-n", bind="query-params")
    seeded = seed.number_input(
        "Seed", 0, 10_000, 0, key="data-seed", bind="query-params", help="Equal seeds, equal items."
    )
    part = _choice(split, "Patients", _SPLITS, "split", start="test" if labels == label_names.DRAWN else "all")
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
    words = {} if labels == label_names.DRAWN else _words()
    writing = _writer()
    with st.expander("Images and balance", icon=":material/tune:"):
        images = asking.field(
            st,
            "Folder of the dataset's images",
            key="data-images",
            disabled=labels == label_names.DRAWN,
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
        "images": widgets.path(images) if images and labels != label_names.DRAWN else None,
        "images_only": images_only and bool(images),
        "balance": balanced,
        **words,
        **writing,
    }
    return jobs.made(BuildItemsRecipe, chosen), may_write


def claims() -> tuple[BuildClaimsRecipe, bool]:
    """The claims to build, and whether their file may be written."""
    from nast_core.work.kinds import BuildClaimsRecipe

    source, count, seed, split = st.columns([4, 2, 2, 2])
    chosen = _choice(source, "Claims from", source_names.SOURCES, "source")
    n = count.number_input(
        "Studies",
        0,
        1_000_000,
        1000 if chosen == source_names.DRAWN else 0,
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
    if chosen == source_names.BY_PATH:
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
    words = {} if chosen == source_names.DRAWN else _words()
    balanced = st.toggle(
        "Balance, so that wording alone does not tell the truth", value=True, key="data-balanced", bind="query-params"
    )
    said = manners.choose(key="data-said-", start="all")
    out, may_write = _out(f"{chosen}-{n or 'all'}-{seeded}.claims.jsonl")
    settings = {
        **said,
        "source": chosen,
        "reports": widgets.path(reports) if reports else None,
        "n": int(n) or None,
        "seed": int(seeded),
        "split": None if part == "all" else part,
        "balanced": balanced,
        "out": out,
        **words,
    }
    return jobs.made(BuildClaimsRecipe, settings), may_write


def dataset() -> tuple[BuildDatasetRecipe, bool]:
    """The dataset to build, and whether its folder is free."""
    from nast_core.work.build_dataset import BuildDatasetRecipe

    labels, table = _labels_of_files()
    where, beside = st.columns(2)
    images = asking.field(
        where,
        "Folder of its images",
        key="data-images",
        placeholder="/data/images",
        help="In the dataset's own layout; folders in it are looked through. Images stay where they are.",
    )
    reports = asking.field(
        beside,
        "Reports (optional)",
        key="data-reports",
        help="MIMIC-CXR's folder of reports, or a CSV with study_id and text: statements then name side and grade.",
    )
    if not images:
        widgets.empty("Give the folder of the images that the label table names.")
    settings = _words() | _sizes() | manners.choose(key="data-said-", start="all")
    name, out = _folder("my-dataset" if table and labels == label_names.OWN else labels)
    chosen = {
        "labels": labels,
        "table": widgets.path(table) if table else None,
        "images": widgets.path(images).absolute(),
        "reports": widgets.path(reports).absolute() if reports else None,
        "name": name,
        "out": out,
        **settings,
    }
    free = not os.path.lexists(out)
    recipe = jobs.made(BuildDatasetRecipe, chosen)
    if not free and not is_dataset(out):
        widgets.hint(f"{out} exists already, and is no dataset; give another name.")
    return recipe, free


def _labels_of_files() -> tuple[str, str]:
    """Where labels are from, and the path of their table; empty for the one that comes with torchxrayvision."""
    from nast_core.data.label_words import by_path, label_sources

    source, path = st.columns([1, 2])
    known = {name: entry["label"] for name, entry in label_sources().items() if name != label_names.DRAWN}
    labels = _choice(source, "Labels from", known, "dataset-labels", start=label_names.OWN)
    table = asking.field(
        path,
        "Label table",
        key="data-table-path",
        placeholder="/data/labels.csv" if by_path(labels) else "empty: the copy that comes with torchxrayvision",
        help=(
            "A dataset's own table, or a CSV (.gz, .zip) with patient_id, study_id, image and a column a condition that"
            " holds 1, 0, -1 or nothing; split, where patients are to stay in the splits they have."
        ),
    )
    if by_path(labels) and not table:
        widgets.empty("Give the path of the label table, and the folder of its images.")
    return labels, table


def _words() -> dict[str, Any]:
    """The vocabulary that is built with, as a field of the recipe."""
    spec = vocabularies.choose(st, key="data-vocabulary")
    vocabularies.read(spec)  # whose fault is said before anything else
    return {"vocabulary": Path(spec) if vocabularies.ships(spec) else widgets.path(spec).absolute()}


def _sizes() -> dict[str, Any]:
    """How many questions, which patients where, and by which seed, as fields of the recipe."""
    from nast_core.work.build_dataset import BuildDatasetRecipe

    usual = BuildDatasetRecipe.model_fields
    questions, seed, *parts = st.columns(5)
    n = questions.number_input(
        "Questions",
        1,
        1_000_000,
        usual["items"].default,
        100,
        key="data-questions",
        bind="query-params",
        help="About test images, at most; half as many about validation images.",
    )
    seeded = seed.number_input(
        "Seed", 0, 10_000, 0, key="data-seed", bind="query-params", help="Equal seeds, equal sets."
    )
    shares = [
        place.number_input(
            f"Share of {split}",
            0.0,
            100.0,
            float(share),
            5.0,
            key=f"data-share-{split}",
            bind="query-params",
            help="Of patients, where the table names no split.",
        )
        for place, split, share in zip(parts, SPLITS, usual["shares"].default, strict=True)
    ]
    return {"items": int(n), "seed": int(seeded), "shares": tuple(shares)}


def _folder(name: str) -> tuple[str, Path]:
    """What the dataset is called, and its folder."""
    where, called = st.columns([3, 2])
    folder = asking.field(where, "Folder to put it in", key="data-folder", placeholder=str(item_cards.home()))
    said = called.text_input("Name", key="data-called", placeholder=name).strip() or name
    if Path(said).name != said:
        widgets.refuse(f"{said} is no name of a folder; give one without slashes.")
    return said, widgets.path(str((widgets.path(folder) if folder else item_cards.home()).absolute() / said))


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
        f"Sent to {plain(endpoint(base_url or None))}: three condition names, 1 or 0 for each, and words to choose"
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


def endpoint(base_url: str | None) -> str:
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
