"""Known models as data: what each card says, and what is said when its files are not here."""

import shutil

import pytest

from nast_core.errors import ModelError
from nast_core.models import load_model, zoo
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


def test_a_hub_that_cannot_be_reached_is_one_sentence_and_leaves_no_folder():
    card = zoo.find_card("pubmedclip")  # HF_HUB_OFFLINE=1 in the tests: nothing is asked of the network
    with pytest.raises(ModelError, match="could not be fetched"):
        zoo.download(card)
    assert not card.folder.exists()


def test_a_model_that_is_on_no_hub_says_so():
    with pytest.raises(ModelError, match="not on the hub"):
        zoo.download(zoo.find_card("medclip"))
