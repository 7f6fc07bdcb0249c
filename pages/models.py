"""Models: load or fetch one, what it is made of, how it reads a sentence, and the known medical CLIPs."""

import streamlit as st

from dashboard.models import cards, sentences
from dashboard.parts import asking, keeper, widgets
from dashboard.parts.text import plain
from nast_core.errors import NastError


def use(spec: str) -> None:
    asking.allow("model", spec)
    st.session_state["model"] = spec  # the sidebar's field


def choose() -> None:
    """A model to load on every page, or to fetch."""
    pick, write, load, fetch = st.columns([3, 3.4, 1.1, 1.4], vertical_alignment="bottom")
    name = pick.selectbox(
        "A known model", cards.choices(), index=None, placeholder="Choose one", key="fetch", bind="query-params"
    )
    other = asking.field(
        write, "or a folder, a hub id, open_clip:ARCH/PRETRAINED", key="other", placeholder="Type or paste"
    )
    typed = other or name
    chosen = cards.choice(typed) if typed else None
    load.button(
        "Load",
        icon=":material/deployed_code:",
        width="stretch",
        disabled=chosen is None or not chosen.loadable,
        on_click=use,
        args=(chosen.spec if chosen else "",),
    )
    stuck = chosen is not None and not chosen.fetchable
    wants = fetch.button("Download", icon=":material/download:", width="stretch", disabled=stuck)
    if chosen is None:
        return
    if chosen.about:
        st.markdown(chosen.about)
    st.caption(chosen.where)
    if wants:
        download(chosen.spec)
    if "fetched" in st.session_state:
        st.success(plain(st.session_state.pop("fetched")), icon=":material/check_circle:")


def download(spec: str) -> None:
    """Fetches a model under a bar; what the hub refuses is said, and the page goes on."""
    place = st.container()
    bar = place.progress(0.0, "Asking the hub")
    try:
        st.session_state["fetched"] = cards.fetch_model(
            spec, lambda said: place.caption(plain(said)), lambda share, said: bar.progress(share, plain(said))
        )
    except NastError as error:
        bar.empty()
        st.error(plain(error), icon=":material/error:")
    else:
        st.rerun()  # what is said above of the model has changed


def anatomy(model) -> None:
    """Towers, joint space, weights, what is lacking, and the self-test."""
    shown = cards.parts(model)
    for column, part in zip(st.columns(3, gap="small"), ("Text tower", "Joint space", "Image tower"), strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{part}**")
            st.html(cards.as_list(shown[part]))
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch"):
        st.markdown("**Weights and licence**")
        st.html(cards.as_list(shown["Files"]))
        st.markdown("**What it cannot do**")
        st.markdown(cards.lacking_text(model))
    with right.container(border=True, height="stretch"):
        checks = keeper.checks()
        st.markdown(f"**Self-test: {sum(check.passed for check in checks)} of {len(checks)} hold**")
        for check in checks:
            icon = ":green[:material/check_circle:]" if check.passed else ":red[:material/cancel:]"
            st.markdown(f"{icon} {plain(check.name)}: {plain(check.figure)}. :gray[{plain(check.meaning)}]")
    for warning in model.report.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    others = cards.others_got(model)
    if len(others):
        st.markdown("**What others got with this model**")
        st.dataframe(others, hide_index=True, width="stretch", height="content")
        st.caption("Published figures beside the same measured here. Empty: a figure of data that are not here.")


def sentence(model) -> None:
    """One sentence as the model reads it."""
    st.subheader("How it reads a sentence")
    text = st.text_input("Sentence", "There is no evidence of pleural effusion.", key="sentence", bind="query-params")
    with widgets.advice():
        tokens = sentences.read(model, text)
    st.html(sentences.chips(model, tokens))
    st.caption(
        "Each box is a token, with its position and id below. Orange and underlined: the negator. Blue ring: pooled. "
        + plain(sentences.pooled_in_words(model, tokens))
    )
    with st.expander("As a table", icon=":material/table_rows:"):
        st.dataframe(tokens, hide_index=True, width="stretch", height="content")


def three_sentences(model) -> None:
    """Is a negation nearer to what it means, or to what it denies?"""
    st.subheader("Is the negation nearer to its equivalent, or to what it denies?")
    texts = [
        column.text_input(label, value, key=key, bind="query-params")
        for column, label, value, key in zip(
            st.columns(3),
            ("Affirmative", "Its negation", "Affirmative equivalent of the negation"),
            ("There is a pneumothorax.", "Pneumothorax is absent.", "Fully expanded lungs."),
            ("said", "denied", "equivalent"),
            strict=True,
        )
    ]
    with widgets.advice():
        table = sentences.similarity(model, *texts)
    st.markdown(f"**{sentences.verdict(table)}**")
    widgets.figure(
        sentences.similarity_bars(table),
        key="similarity",
        data=table,
        how_to_read=(
            "Cosine of the texts' embeddings. A model that reads negation has the second bar longer than the first; "
            "the dotted line is what two affirmative sentences on different findings have in this model, on average."
        ),
        alt="Bars of the cosines between an affirmative sentence, its negation and its affirmative equivalent",
    )


def show(model) -> None:
    """The loaded model; a parameter, since what a page's own variables hold outlives its run."""
    st.subheader(f"Loaded: {plain(model.card.name)}")
    anatomy(model)
    sentence(model)
    three_sentences(model)


def known() -> None:
    """All known medical CLIPs side by side."""
    st.subheader("Known medical CLIPs")
    st.dataframe(
        cards.zoo_table(),
        hide_index=True,
        width="stretch",
        height="content",
        column_config={
            "here": st.column_config.CheckboxColumn("here", help="On this machine."),
            "paper": st.column_config.LinkColumn("paper", display_text=r"https://[^/]+/(?:abs/)?(.+)"),
        },
    )
    st.caption("Nothing is fetched by itself. Choose a name at the top of the page for its files and where they go.")


st.title("Models")
choose()
body, below = st.container(), st.container()
with below:  # drawn first: a model that does not load ends the page, and another can still be looked for
    known()
with body:
    show(keeper.model())
