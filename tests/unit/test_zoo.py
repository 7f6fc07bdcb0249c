"""Known models as data: what each card says, and what is said when its files are not here."""

import shutil

import pytest
from huggingface_hub import constants

from nast_core import load_model
from nast_core.errors import ModelError
from nast_core.models import zoo
from nast_core.models.hub import plan_download
from nast_core.models.registry import FAMILIES


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # models/ is looked for beside the app


def test_every_card_names_a_family_that_can_be_loaded_and_its_names_are_unique():
    assert {card.family for card in zoo.zoo()} <= set(FAMILIES)
    assert len({card.slug for card in zoo.zoo()}) == len(zoo.zoo())
    for card in zoo.zoo():
        assert card.licence
        assert card.paper.startswith(("arXiv:", "doi:"))
        assert card.files
        assert card.hub or card.source.startswith("https://")


def test_a_card_is_found_by_name_by_folder_name_and_by_hub_id():
    expected = zoo.find_card("BiomedCLIP")
    assert expected is not None
    assert zoo.find_card("biomedclip") == expected
    assert zoo.find_card("microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224") == expected
    assert zoo.find_card("nobody/nothing") is None


@pytest.mark.parametrize("name", ["pubmedclip", "medsiglip", "medclip"])
def test_a_known_model_that_is_not_here_says_which_files_to_put_where(name):
    card = zoo.find_card(name)
    with pytest.raises(ModelError) as caught:
        load_model(name)
    assert "is not on this machine" in str(caught.value)
    assert str(card.folder) in str(caught.value)
    assert card.files[0] in str(caught.value)
    assert ("accept its terms" in str(caught.value)) == card.gated


def test_files_put_into_its_folder_are_found_and_loaded_under_the_cards_name(folders):
    card = zoo.find_card("pubmedclip")
    shutil.copytree(folders["Hugging Face CLIP"], card.folder)
    model = load_model("pubmedclip", device="cpu")
    assert (model.card.name, model.card.licence) == ("PubMedCLIP", "MIT")


def test_offline_a_download_is_one_sentence_and_leaves_no_folder():
    card = zoo.find_card("pubmedclip")  # HF_HUB_OFFLINE=1 in the tests: nothing is asked of the network
    with pytest.raises(ModelError, match=r"could not be fetched, because HF_HUB_OFFLINE is set\. Put config\.json"):
        plan_download("pubmedclip")
    assert not card.folder.exists()


def test_a_model_that_is_on_no_hub_says_so_and_what_to_do_with_its_file():
    with pytest.raises(ModelError, match=r"not on the hub\. Get swint_\*\.tar or r50_\*\.tar .* 'nast model convert"):
        plan_download("cxr-clip")


def test_files_of_another_repository_are_asked_for_by_name_and_place():
    said = zoo.how_to_get(zoo.find_card("biomedclip"))
    assert "config.json from https://huggingface.co/microsoft/BiomedNLP" in said
    assert "into models/biomedclip/, then type biomedclip." in said
    said = zoo.how_to_get(zoo.find_card("medclip"))
    assert (
        "config.json and vocab.txt from https://huggingface.co/emilyalsentzer/Bio_ClinicalBERT into "
        "models/medclip/text/" in said
    )


def test_a_hub_id_in_the_cache_is_found_by_its_id_and_revision(folders, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    base = tmp_path / "hub" / "models--me--tiny"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text("c" * 40)
    shutil.copytree(folders["Hugging Face CLIP"], base / "snapshots" / ("c" * 40))
    for spec in ("me/tiny", "hf-hub:me/tiny", f"me/tiny@{'c' * 40}"):
        assert load_model(spec, device="cpu").card.name == "me/tiny"
    with pytest.raises(ModelError, match=r"nast model download me/tiny@v2"):
        load_model("me/tiny@v2")


def test_every_checkpoint_name_belongs_to_one_card_and_every_companion_says_its_files():
    names = [name for card in zoo.zoo() for name in card.checkpoints]
    assert len(names) == len(set(names))
    for card in zoo.zoo():
        assert all(companion.files for companion in card.companions)
        assert card.activation in (None, "quick_gelu", "gelu")
