"""The sidebar: what is loaded, on every page."""

import streamlit as st

from dashboard.parts import asking, datasets, keeper, widgets
from dashboard.parts.pictures import accept_uploads, uploads
from dashboard.parts.text import plain


def choose(build: st.Page) -> None:
    """Where the model and the data come from, and the user's own images. ``build``: the page that builds datasets."""
    with st.sidebar, st.container(key="app-chosen"):  # room.css keeps it in view
        asking.field(
            st,
            "Model",
            value=keeper.START,
            key="model",
            help="'demo', 'demo-tuned', 'demo-language', run:ID of a fine-tune, a model's folder, or a name from the"
            " Models page; with +METHOD behind it, the same repaired.",
        )
        asking.one_of(
            st,
            "Dataset",
            datasets.offered(),
            key="dataset",
            help="Whose images, questions and statements every page uses: drawn phantoms, or a folder that"
            " 'nast dataset build' or the Data page made. A path can be typed.",
        )
        st.page_link(
            build,
            label="Build one",
            icon=":material/add:",
            query_params={"data-do": "Build a dataset"},
            width="stretch",
        )
        _name_dataset()
    with st.sidebar:
        files = st.file_uploader(
            "Your own images",
            accept_multiple_files=True,
            key="files",
            help="PNG, JPEG or DICOM. Read on this machine, kept for this session only; nothing is sent anywhere.",
        )
        accept_uploads(files or [])


def show_nothing() -> None:
    """The sidebar where no model is loaded."""
    st.sidebar.caption("No model is loaded. Research use only; not a medical device.")


def show_loaded() -> None:
    """Card, fingerprint and self-test of the loaded model, and the images at hand."""
    model = keeper.model_if_loaded()
    if model is None:
        show_nothing()
        return
    with st.sidebar:
        st.markdown(
            f"**{plain(model.card.name)}**  \n:gray[{plain(model.card.family)}, {model.parameters / 1e6:.1f} M"
            " parameters]"
        )
        st.caption(
            f"Fingerprint `{model.fingerprint[:12]}` · {plain(model.text.device)} · {str(model.dtype).split('.')[-1]}"
        )
        _show_lacking()
        if mine := len(uploads()):
            st.caption(f"Your own images: {mine}")
        for warning in model.report.warnings:
            st.warning(plain(warning), icon=":material/warning:")
        widgets.ticks(keeper.checks(), title="Self-test")
        with st.expander("Load report", icon=":material/description:"):
            rows = {"Licence": model.card.licence, **model.report.rows}
            rows["Logit scale"] = f"{model.logit_scale:.1f}" if model.logit_scale else "none: scores are cosines"
            rows["Keys not used"] = ", ".join(model.report.unused_keys) or "none"
            for name, value in rows.items():
                st.markdown(f":gray[{plain(name)}]  \n{plain(value)}")
        st.caption("Research use only; not a medical device.")


def _name_dataset() -> None:
    """What is chosen, by its name and not by its path: how large, and which split a model is looked at on."""
    from nast_core.dataset.folder import FolderDataset

    if datasets.drawn():  # said without opening it: the page comes first
        st.caption("Images: phantoms, which are drawings")
        return
    dataset = datasets.if_there()
    if not isinstance(dataset, FolderDataset):
        st.caption("Images: none: the dataset cannot be used")
        return
    manifest = dataset.manifest
    st.markdown(
        f"**{plain(manifest.name)}**  \n:gray[{manifest.patients:,} patients, {manifest.image_count:,} images found;"
        f" {dataset.looked_at()} split in use]",
        help=f"Figures of other splits say so. Fingerprint `{dataset.fingerprint[:12]}`.",
    )


def _show_lacking() -> None:
    """What cannot be shown of the dataset, and whether its labels have changed."""
    from nast_core.dataset.folder import FolderDataset
    from nast_core.dataset.opened import labels_changed

    dataset = datasets.if_there()
    if dataset is None:
        return
    if isinstance(dataset, FolderDataset) and (changed := labels_changed(dataset.manifest)):
        st.warning(plain(changed), icon=":material/warning:")
    if lacks := dataset.lacks():
        with st.expander("What the dataset cannot show", icon=":material/visibility_off:"):
            for text in lacks:
                st.caption(plain(text))
