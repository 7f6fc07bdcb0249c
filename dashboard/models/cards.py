"""What the Models page shows of the loaded model and of the known ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.parts import finetunes
from dashboard.parts.text import code, plain

if TYPE_CHECKING:
    from nast_core.models import DualEncoder
    from nast_core.models.zoo import ZooCard

_PARTS = {  # part -> rows of the anatomy, and what the page calls them there
    "Text tower": {
        "Text tower": "Layers", "Pooling": "Pooling", "Context": "Context", "Padding": "Padding",
        "Layer norm": "Layer norm", "Activation": "Activation", "Tokenizer": "Tokenizer", "Prompts": "Prompts",
        "Batches": "Batches", "BERT's config": "BERT's config",
    },
    "Joint space": {
        "Joint space": "Vectors", "Projection": "Projection", "Logit scale": "Logit scale", "Logit bias": "Logit bias",
        "Parameters": "Parameters",
    },
    "Image tower": {
        "Image tower": "Layers", "Preprocessing": "Preparation", "Image normalisation": "Normalisation",
    },
}  # fmt: skip


def parts(model: DualEncoder) -> dict[str, dict[str, str]]:
    """The model's anatomy as the page lays it out: part -> name -> what it is. What belongs to no tower comes last."""
    from nast_core.models.description import anatomy

    rows = anatomy(model)
    laid_out = {
        part: {label: rows.pop(name) for name, label in names.items() if name in rows} for part, names in _PARTS.items()
    }
    return {**laid_out, "Files": rows}


def lacking_text(model: DualEncoder) -> str:
    """What the model cannot do, as Markdown."""
    from nast_core.models.description import lacking

    lines = [
        f":orange[:material/block:] **No {plain(what)}.** {plain(why[0].upper() + why[1:])}."
        for what, why in lacking(model).items()
    ]
    return "  \n".join(lines) or "Nothing is lacking: attention, tracing, attribution and LoRA work in full."


def others_got(model: DualEncoder) -> pd.DataFrame:
    """Published figures of the loaded model beside what is measured here; no rows where none is known."""
    from nast_core.models.description import compared
    from nast_core.models.zoo import find_card

    return pd.DataFrame(
        [
            {"figure": row.name, "others got": row.others, "here": row.here, "stated in": row.source}
            for row in compared(model, find_card(model.card.name))
        ]
    )


def as_list(rows: dict[str, str]) -> str:
    """Names beside values, as HTML; a hash is shortened."""
    cells = "".join(
        f'<div style="opacity:.6">{escape(name)}</div>'
        f'<div style="overflow-wrap:anywhere">{escape(value[:16] if name == "Fingerprint" else value)}</div>'
        for name, value in rows.items()
    )
    return (
        '<div style="display:grid;grid-template-columns:minmax(5.5rem,auto) 1fr;gap:.35rem'
        f' .9rem;font-size:.9rem">{cells}</div>'
    )


@dataclass(frozen=True)
class Choice:
    """A model that could be loaded or fetched: a known one, or whatever was typed."""

    spec: str
    about: str  # Markdown; empty for what is not known
    where: str  # Markdown: where it is, or what to do
    loadable: bool
    fetchable: bool
    buildable: bool = False  # here, as a run


def choices() -> list[str]:
    """Known models by name, finished fine-tunes among them; on this machine first."""
    from nast_core.models.specs import OURS
    from nast_core.models.zoo import on_this_machine, zoo

    here = {card.name: on_this_machine(card) is not None for card in zoo()}
    return [*(name for name in here if here[name]), *OURS, *finetunes.finished(), *(n for n in here if not here[n])]


def choice(typed: str) -> Choice:
    """What is known of a known model, a fine-tune, a folder, a hub id or open_clip:ARCH/PRETRAINED. Loads nothing."""
    from nast_core.errors import ModelError
    from nast_core.files.places import DEMO_LANGUAGE
    from nast_core.models import specs
    from nast_core.models.hub import HUB_ID
    from nast_core.models.zoo import find_card, how_to_get
    from nast_core.opening import finetune_of
    from nast_core.recipe import RunError

    card = find_card(typed)
    spec, about = (card.slug, _about(card)) if card else (typed, plain(specs.OURS.get(typed, "")))
    try:
        if (run := finetune_of(spec)) is not None:
            return Choice(spec, about, _on_this_machine(run.folder), True, False)
        location = specs.find(spec)
    except RunError as error:
        return Choice(spec, about, f":material/error: {plain(error)}", False, False)
    except ModelError as error:
        if spec == DEMO_LANGUAGE:
            return Choice(spec, about, f":material/build: {plain(error)}", False, False, True)
        if card:
            return Choice(spec, about, f":material/folder_open: {plain(how_to_get(card))}", False, card.hub is not None)
        if HUB_ID.fullmatch(typed.partition("@")[0]):
            where = "There is no such folder. If it is a hub id, Download fetches it into models/."
            return Choice(spec, about, f":material/folder_open: {where}", False, True)
        return Choice(spec, about, f":material/error: {plain(error)}", False, False)
    return Choice(spec, about, _on_this_machine(location.folder), True, False)


def _on_this_machine(folder: Path | None) -> str:
    where = f"On this machine, in {code(folder)}." if folder else "open_clip knows where its files are."
    return f":green[:material/check_circle:] {where} Load uses it on every page."


def _about(card: ZooCard) -> str:
    gate = " Its terms must be accepted on the hub first." if card.gated else ""
    return "  \n".join(
        (
            f"**{card.name}** · {card.licence}.{gate}",
            f":gray[Trained on] {card.trained_on}",
            (
                f":gray[Text tower] {card.text}, {card.context} tokens · :gray[images] {card.image_size} px · "
                f":gray[family] {card.family}"
            ),
            f":gray[Paper] [{card.paper}]({paper_link(card.paper)})" + (f" · {card.note}" if card.note else ""),
        )
    )


def paper_link(paper: str) -> str:
    kind, _, number = paper.partition(":")
    return f"https://arxiv.org/abs/{number}" if kind == "arXiv" else f"https://doi.org/{number}"


def zoo_table() -> pd.DataFrame:
    """Known models side by side."""
    from nast_core.models.zoo import on_this_machine, zoo

    return pd.DataFrame(
        {
            "here": on_this_machine(card) is not None,
            "model": card.name,
            "type": card.slug,
            "licence": card.licence + (" (gated)" if card.gated else ""),
            "trained on": card.trained_on,
            "text tower": card.text,
            "context": card.context,
            "image px": card.image_size,
            "family": card.family,
            "paper": paper_link(card.paper),
        }
        for card in zoo()
    )


def fetch_model(name: str, planned: Callable[[str], object], progress: Callable[[float, str], object]) -> str:
    """Downloads a model; where it is, in a sentence. Raises ModelError where the hub cannot be reached or refuses.

    ``planned`` is told what will come before it does; ``progress`` the share done and the same in words.
    """
    from nast_core.models.fetching import fetch
    from nast_core.models.hub import plan_download, size_text

    plan = plan_download(name)
    planned(
        f"{plan.name}: {plan.count} files, {size_text(plan.total)}, from https://huggingface.co/{plan.sources[0].hub}"
    )

    def told(done: int, total: int) -> None:
        progress(done / max(total, 1), f"{plan.name}: {size_text(done)} of {size_text(total)}")

    folder = fetch(plan, told)
    return f"{plan.name} is in {folder}." if plan.ready else f"It is in {folder}; next, {plan.next_step}."
