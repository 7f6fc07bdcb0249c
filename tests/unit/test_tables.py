"""Names that several parts know live in one table each: what shows, takes or checks them derives from it."""

import ast
import inspect
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from typer.main import get_command

from dashboard.parts import theme
from nast_core.benchmark.items import Item
from nast_core.claims import sources
from nast_core.claims.source_names import BY_PATH, SOURCES, SourceName
from nast_core.cli import app
from nast_core.data import phantom
from nast_core.data.label_layouts import LAYOUTS
from nast_core.data.label_names import OWN, label_names
from nast_core.data.label_words import label_sources
from nast_core.data.studies import SPLITS, HeldOut, Split
from nast_core.finetune.arms import ARMS, TRACED_ARMS, Arm, arm_weights
from nast_core.finetune.recipe import FinetuneRecipe
from nast_core.interpret.plan import Method, PatchPlan, Positions
from nast_core.interpret.summaries import AVERAGES, SUMMARIES, Average
from nast_core.models.components import Component
from nast_core.negation.forms import FORMS
from nast_core.recipe import Recipe
from nast_core.repair.methods import METHODS
from nast_core.work.kinds import KINDS

ROOT = Path(__file__).resolve().parents[2]
TABLES = {  # by hand: a name that comes or goes is a decision, and stands in docs
    "arms": (ARMS, ["uniform", "nast", "inverse", "random", "frozen", "paper"]),
    "traced arms": (TRACED_ARMS, ["nast", "inverse", "random", "paper"]),
    "summaries": (SUMMARIES, ["std", "max", "mean_abs", "negator", "negator_out", "together"]),
    "averages": (AVERAGES, ["ratio_mean", "mean_ratio"]),
    "forms": (FORMS, ["affirmative", "negated"]),
    "splits": (SPLITS, ["train", "validation", "test"]),
    "labels": (label_sources(), ["phantom", "chexpert", "nih", "padchest", "mimic", "table"]),
    "claim sources": (SOURCES, ["phantom", "openi", "padchest", "reports"]),
    "repairs": (METHODS, ["rewrite", "project", "region", "subtract", "discount", "steer", "sink", "adapter"]),
    "kinds": (
        KINDS,
        [
            "attention",
            "trace",
            "probe",
            "lens",
            "contributions",
            "benchmark",
            "claims",
            "alignment",
            "encode",
            "dataset",
            "build-items",
            "build-claims",
            "build-language",
            "finetune",
            "repair",
            "audit",
        ],
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_holds_what_it_should_in_that_order(name):
    table, expected = TABLES[name]
    assert list(table) == expected


def test_names_that_a_type_checker_knows_are_those_of_the_tables():
    assert get_args(Arm) == tuple(ARMS)
    assert get_args(Average) == tuple(AVERAGES)
    assert get_args(Split) == SPLITS
    assert set(get_args(HeldOut)) == set(SPLITS) - {"train"}
    assert get_args(SourceName) == tuple(SOURCES)
    assert set(phantom.SPLITS) == set(SPLITS)
    assert set(FORMS) <= set(Item.model_fields)


def test_every_arm_and_form_has_its_colour_and_no_other_has():
    assert set(theme.ARMS) == set(ARMS)
    assert set(theme.FORMS) == set(FORMS)
    assert len({colour for colour, _ in theme.ARMS.values()}) == len(ARMS)


def test_every_arm_gives_weights_of_mean_1_or_trains_nothing():
    weights = np.array([0.5, 1.0, 1.5])
    for name, arm in ARMS.items():
        assert arm_weights(name, weights).mean() == pytest.approx(1.0 if arm.trains else 0.0)
        FinetuneRecipe(data=Path("claims.jsonl"), arm=name, trace=Path("trace.nc"))


def test_every_source_of_labels_has_what_is_said_of_it_and_a_layout_where_it_is_a_table():
    assert label_names() == list(label_sources())
    for entry in label_sources().values():
        assert {"label", "title", "licence"} <= set(entry)
    assert set(LAYOUTS) == set(label_sources()) - {"phantom", OWN}


def test_every_source_of_claims_is_read_or_refused_by_its_name():
    assert set(sources.NAMES) | {BY_PATH} == set(SOURCES)


def test_every_kind_is_told_of_and_its_recipe_knows_its_own_fields():
    for name, kind in KINDS.items():
        assert kind.name == name
        assert kind.label
        assert kind.gives
        recipe = kind.recipe
        assert recipe.how <= set(recipe.model_fields)
        assert Recipe.how <= recipe.how
        named = {*recipe.files, *recipe.models, *filter(None, [recipe.image_folder])}
        assert named <= set(recipe.model_fields) - recipe.how
        assert recipe.in_shares == (kind.share is not None)
        assert list(inspect.signature(kind.work).parameters) == ["recipe", "folder", "report", "model"]


def choices(command: str, option: str) -> list[str]:
    found = get_command(app)
    for word in command.split():
        found = found.commands[word]
    taken = next(one for one in found.params if option in one.opts).type_descriptor.annotation
    plain = [part for part in get_args(taken) if part is not type(None)]  # of Literal[...] | None, the Literal
    return list(get_args(plain[0])) if get_args(plain[0]) else plain


@pytest.mark.parametrize(
    ("command", "option", "expected"),
    [
        ("trace", "--component", get_args(Component)),
        ("trace", "--positions", get_args(Positions)),
        ("trace", "--method", get_args(Method)),
        ("claims run", "--split", SPLITS),
        ("claims build", "--split", SPLITS),
        ("benchmark run", "--split", get_args(HeldOut)),
        ("compare", "--split", get_args(HeldOut)),
    ],
)
def test_the_command_line_takes_the_names_of_the_engine(command, option, expected):
    assert choices(command, option) == list(expected)


@pytest.mark.parametrize(
    ("command", "option", "names"),
    [
        ("benchmark build", "--labels", set(label_sources()) - {OWN}),
        ("claims build", "--source", set(SOURCES) - {BY_PATH}),
    ],
)
def test_the_help_of_a_free_text_names_every_source(command, option, names):
    found = get_command(app)
    for word in command.split():
        found = found.commands[word]
    said = next(one for one in found.params if option in one.opts).help
    assert [name for name in names if name not in said] == []


def test_a_plan_can_say_all_that_is_named():
    for component in get_args(Component):
        for positions in get_args(Positions):
            PatchPlan(component=component, positions=positions)


LISTED = [list(expected) for _, expected in TABLES.values() if len(expected) > 1]
LISTED += [list(get_args(Component)), list(get_args(Positions))]
MAY = {  # file, below the root -> why it says names that stand in a table
    "nast_core/finetune/arms.py": "the table of arms",
    "nast_core/interpret/summaries.py": "the tables of summaries and averages",
    "nast_core/negation/forms.py": "the table of forms",
    "nast_core/data/studies.py": "the table of splits",
    "nast_core/claims/source_names.py": "the table of sources",
    "nast_core/models/components.py": "the table of components",
    "nast_core/interpret/plan.py": "the table of positions",
    "dashboard/parts/theme.py": "colours, complete by test",
}


def strings(node: ast.AST) -> list[str]:
    """The strings that a tuple, list, set, Literal or the keys of a dict give."""
    if isinstance(node, ast.Dict):
        parts = [key for key in node.keys if key is not None]
    elif isinstance(node, ast.Tuple | ast.List | ast.Set):
        parts = node.elts
    else:
        return []
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def second_lists(source: str) -> list[tuple[int, list[str]]]:
    """(line, names) of every literal list that holds all the names of a table, or all but one of a table of four or
    more.

    Of a table of two, as the forms, only a list of just these: an item has fields of their names among others.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        held = set(strings(node))
        for table in LISTED:
            if len(table) == 2:
                second = held == set(table) and not isinstance(node, ast.Dict)
            else:
                second = len(held & set(table)) >= len(table) - (len(table) > 3)
            if second:
                found.append((node.lineno, table))
    return found


OTHER_MEANING = {  # lists that happen to hold the same words, each with what it is
    "nast_core/data/phantom.py": "seeds by split; its keys are held above",
    "nast_core/claims/phantom.py": "shares by split, as numbers",
    "nast_core/claims/reports.py": "how tables spell the splits",
    "dashboard/tracing/traces.py": "texts of the components that the page offers",
}


@pytest.mark.slow
def test_no_second_list_of_the_same_names_stands_elsewhere():
    seen = {}
    for package in ("nast_core", "dashboard", "pages"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if name not in MAY and (lists := second_lists(path.read_text("utf-8"))):
                seen[name] = lists
    assert {name: lists for name, lists in seen.items() if name not in OTHER_MEANING} == {}
    assert [name for name in OTHER_MEANING if name not in seen] == []  # none is excused that is gone


def test_a_second_list_would_be_found():
    assert second_lists('ARMS = ("uniform", "nast", "inverse", "random", "frozen")\n') == [
        (1, ["uniform", "nast", "inverse", "random", "frozen", "paper"]),
        (1, ["nast", "inverse", "random", "paper"]),
    ]
    assert second_lists('Split = Literal["train", "validation", "test"]\n') == [(1, ["train", "validation", "test"])]
    assert second_lists('x = {"affirmative": 1}\n') == []
