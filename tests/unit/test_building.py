"""Builds as recipes: what they ask for, what they write, and that a cancelled one writes nothing."""

from pathlib import Path

import pytest

from nast_core.benchmark.card import card_path
from nast_core.benchmark.drafts import read_drafts
from nast_core.benchmark.items import read_items
from nast_core.claims.cue_sets import untaught
from nast_core.claims.examples import read_claims
from nast_core.finetune.data import texts_of
from nast_core.recipe import Cancelled, RunError
from nast_core.runs.reporter import FolderReporter, ask_to_stop
from nast_core.work.build_claims import BuildClaimsRecipe, build_claims
from nast_core.work.build_items import BuildItemsRecipe, build_items
from nast_core.work.identity import identity
from nast_core.work.kinds import make_recipe
from tests.llm_server import running_llm

pytestmark = pytest.mark.slow  # whole builds, as runs


class Heard(list):
    """What a run is told of its progress."""

    def note(self, done: int, total: int, label: str) -> None:
        self.append((done, total, label))


def test_a_recipe_of_items_writes_them_with_their_card_and_says_how_far_it_is(tmp_path):
    recipe, heard = BuildItemsRecipe(n=40, split="test", out=tmp_path / "made" / "items.jsonl"), Heard()
    figures = build_items(recipe, tmp_path, FolderReporter(tmp_path, heard.note))
    assert figures == {"items": 40, "rejected": 0, "written_again": figures["written_again"]}
    assert len(read_items(recipe.out)) == 40
    assert card_path(recipe.out).is_file()
    assert (heard[0][0], heard[-1]) == (0, (40, 40, "items"))


def test_a_model_at_an_endpoint_writes_items_its_lies_are_kept_and_its_tokens_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("NAST_LLM_KEY", "secret")
    heard = Heard()
    with running_llm(lambda question, before: "good" if before else "lying") as server:
        recipe = BuildItemsRecipe(
            n=5, writer="llm", base_url=server.url, llm_model="m", prices=(1, 2), out=tmp_path / "items.jsonl"
        )
        figures = build_items(recipe, tmp_path, FolderReporter(tmp_path, heard.note))
    assert figures == {"items": 5, "rejected": 0, "written_again": 5}
    kept = read_drafts(recipe.out)
    assert [(draft.attempt, draft.given_up) for draft in kept] == [(1, False)] * 5
    assert all("should be" in " ".join(draft.said) for draft in kept)
    assert heard[-1][2] == "items, 4,000 tokens"  # ten answers of 300 and 100
    assert "items.rejected.jsonl" in card_path(recipe.out).read_text()


def test_a_recipe_of_claims_writes_them_with_their_card(tmp_path):
    recipe = BuildClaimsRecipe(n=30, split="test", out=tmp_path / "claims.jsonl")
    figures = build_claims(recipe, tmp_path, FolderReporter(tmp_path, Heard().note))
    assert figures["statements"] == len(read_claims(recipe.out)) > 30
    assert (tmp_path / "claims.card.md").is_file()


def test_a_recipe_of_claims_says_them_by_the_cues_it_is_given_and_its_card_says_so(tmp_path):
    asked = {"cues": "without, not present", "contrasts": "off", "hard_affirmatives": 0.5}
    recipe = BuildClaimsRecipe(n=60, split="train", out=tmp_path / "claims.jsonl", **asked)
    build_claims(recipe, tmp_path, FolderReporter(tmp_path, Heard().note))
    said = [text for example in read_claims(recipe.out) for text in texts_of(example)]
    assert said
    assert untaught(said, recipe.manner) == {}
    card = (tmp_path / "claims.card.md").read_text()
    assert (
        "Said so: denied by absent, free of, negative for, not present, not seen, without; contrasts off; 50 % hard"
        in card
    )
    assert identity(recipe, tmp_path).key != identity(recipe.model_copy(update={"contrasts": "on"}), tmp_path).key


def test_a_cancelled_build_writes_nothing(tmp_path):
    folder, out = tmp_path / "run", tmp_path / "made" / "items.jsonl"
    folder.mkdir()
    ask_to_stop(folder)
    with pytest.raises(Cancelled):
        build_items(BuildItemsRecipe(n=40, out=out), folder, FolderReporter(folder, Heard().note))
    assert not out.parent.exists()


def test_paths_mean_the_same_from_any_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert BuildItemsRecipe(out=Path("a.jsonl")).out == tmp_path / "a.jsonl"


def test_a_build_is_known_by_its_table_and_needs_no_model(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("study_id,Edema\n1,1\n")
    recipe = BuildItemsRecipe(labels="table", table=table, out=tmp_path / "items.jsonl", model="no/such/model")
    before = identity(recipe, tmp_path)
    table.write_text("study_id,Edema\n1,0\n2,1\n")
    assert identity(recipe, tmp_path).key != before.key
    assert before.model == ""


@pytest.mark.parametrize(
    ("fields", "spec"),
    [
        ({"labels": "chexpert"}, "chexpert"),
        ({"labels": "mimic", "table": "/d/mimic.csv"}, "mimic:/d/mimic.csv"),
        ({"labels": "table", "table": "/d/own.csv"}, "/d/own.csv"),
    ],
)
def test_labels_are_given_as_the_builder_takes_them(fields, spec):
    assert BuildItemsRecipe(out="items.jsonl", **fields).labels_spec == spec


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "build-items", "writer": "llm"}, "needs a model; give llm_model"),
        ({"kind": "build-items", "labels": "mimic"}, "labels from 'mimic' are a file"),
        ({"kind": "build-claims", "source": "reports"}, "reports of one's own are a path"),
        ({"kind": "build-items", "writter": "llm"}, "did you mean 'writer'"),
        ({"kind": "build-items", "prices": [1, -1]}, "prices.1: Input should be greater than or equal to 0"),
    ],
)
def test_a_recipe_that_asks_for_what_cannot_be_says_so(fields, said):
    with pytest.raises(RunError, match=said):
        make_recipe({"out": "x.jsonl", **fields})
