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
            help="'demo', 'demo-tuned', run:ID of a fine-tune, a model's folder, or a name from the Models page.",
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
        _show_dataset(len(uploads()))
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


def _show_dataset(mine: int) -> None:
    """What is chosen, and what cannot be shown of it."""
    from nast_core.dataset.folder import FolderDataset
    from nast_core.dataset.opened import labels_changed

    dataset = datasets.if_there()
    more = f" and {mine} of yours" if mine else ""
    if not isinstance(dataset, FolderDataset):
        what = "phantoms, which are drawings" if dataset is not None else "none: the dataset cannot be used"
        st.caption(f"Images: {what}{more}")
        return
    manifest = dataset.manifest
    st.markdown(
        f"**{plain(manifest.name)}**  \n:gray[{manifest.patients:,} patients, {manifest.image_count:,} images{more}]"
    )
    looked_at = dataset.looked_at()
    st.caption(f"Looked at: its {looked_at} split. Fingerprint `{dataset.fingerprint[:12]}`")
    if changed := labels_changed(manifest):
        st.warning(plain(changed), icon=":material/warning:")
    if lacks := dataset.lacks():
        with st.expander("What it cannot show", icon=":material/visibility_off:"):
            for text in lacks:
                st.caption(plain(text))
