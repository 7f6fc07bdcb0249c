"""The results as Markdown that reads like a short paper: question, method, pictures, a table, what is claimed."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from nast_core.demo.wording.plan import REFERENCE, Cell
from nast_core.demo.wording.results import (
    LEAST_FALSE,
    LEAST_HELD_OUT,
    MOST_APART,
    MOST_LOSS,
    TESTED,
    finite,
    winner,
)
from nast_core.statistics.seeds import rate_of

_COLUMNS = {
    "taught": "taught",
    "held_out": "held out",
    "never": "never taught",
    "thirty": "thirty in no text",
    "false_denial": "false denial",
    "pseudo": "pseudo-negation",
    "gap_points": "gap (points)",
    "acc_negated": "negated, own cues (%)",
    "acc_negated_unseen": "negated, held-out cues (%)",
    "zero_shot": "zero-shot AUROC",
    "retrieval_map": "retrieval mAP (%)",
}
_PERCENT = ("acc_negated", "acc_negated_unseen", "retrieval_map")
_BAR = {
    "held_out": f"held-out denials at {LEAST_HELD_OUT} or more",
    "negated": f"negated accuracy on held-out cues within {MOST_APART:g} points of the own ones",
    "false_denial": f"false denial at {LEAST_FALSE} or more",
    "zero_shot": f"zero-shot AUROC down by at most {MOST_LOSS:g} point",
    "retrieval": f"retrieval down by at most {MOST_LOSS:g} point",
}
_ASKED = {  # part -> what is asked, and the cells that answer
    "a": "Is it how many cues are taught, or which kind?",
    "b": "Do contrasts (“on the left, not on the right”) get in the way?",
    "c": "Do hard affirmatives (“evidence of X”, “positive for X”) keep affirmations from being read as denials?",
    "d": "Do layer weights by CTE help, where the taught cues are read alike?",
    "e": "Do whole layers carry over better than LoRA?",
    "f": "Does a tower without language do the same?",
    "g": "Which objective carries over?",
    "h": "What do pseudo-negations in the texts cost the denials, and gain?",
}


def markdown(results: dict[str, Any]) -> str:
    """The whole page. What is not measured yet is said to be missing."""
    lines = [
        "---",
        "hide: [toc]",
        "---",
        "",
        "# Does a tower that is taught some ways to say “no” read the others?",
        "",
        *_standing(results),
        "",
        "## Question",
        "",
        *_wrapped(
            "A CLIP's text tower is taught to read denials by some cues. Which others does it read afterwards, what "
            "decides that, and at what price? Reading a new denial is worth nothing to a tower that takes every new "
            "frame for one: so no figure of unseen denials stands here without *false denial* beside it, the AUROC of "
            "affirmations in frames that no training text has."
        ),
        "",
        "## Method",
        "",
        *_method(results),
        "",
        "## Results",
        "",
        *_pictures(results),
        *_table_of_cells(results),
        "",
        *_answers(results),
        "## What is claimed, and what is not",
        "",
        *(line for sentence in claims(results) for line in _item(sentence)),
        "",
        "## On your own model",
        "",
        *_commands(results),
        "",
    ]
    return "\n".join(lines)


def _standing(results: dict[str, Any]) -> list[str]:
    whole = results["done"] == results["of"]
    return _wrapped(
        f"**{results['done']} of {results['of']} cells measured{'' if whole else ' so far'}.** Made by `nast demo "
        f"wording --docs docs`, which goes on where it stopped; every figure is in wording.json beside this page. "
        f"{results['machine']}; {results['minutes']:.0f} minutes, piece by piece, the longest cell "
        f"{results['longest']:.1f}; by revision {results['revision']}."
    )


def _method(results: dict[str, Any]) -> list[str]:
    plan = results["plan"]
    taught = (
        f"The text layers of `{plan['model']}` are fine-tuned for {plan['steps']} steps of {plan['batch_size']} "
        f"studies, {plan['statement_steps']} of them on single statements, about {plan['train_studies']:,} drawn "
        "radiographs. Cells differ in how statements are said (`nast claims build --cues`) or in the recipe, and in "
        f"nothing else; what one changes, it changes of `{REFERENCE}`: eight cues, five before the noun and three "
        "behind it, and no contrasts. Random sets of cues are drawn by the seed, as many before the noun as behind; "
        "of one seed the larger holds the smaller. “absent”, “free of”, “not seen” and “negative for” are *held "
        "out* of every training text; the grammar's other cues that a cell does not teach are *never taught*. Every "
        "training text is searched, by the parser and for plain words, for cues that it must not have. A set of all "
        "32 denials would teach the held-out ones too, so the broadest here has the other 28. *Thirty in no text* are "
        "denials such as “we see no X”, the same for every cell. `distilled` learns from text alone; `repaired` and "
        "`rewritten` are not trained: a parser splits every denial off the text."
    )
    chosen = (
        f"Rates are chosen on {plan['validation_studies']} validation studies, by the AUROC of taught cues after "
        f"{plan['tuning_steps']} steps, the same budget for every schedule. Test phantoms are opened after that, by "
        f"the finished cells, and nothing is chosen by them: {plan['test_studies']} studies, {plan['test_items']} "
        f"questions with the demo world's own five cues and {plan['unseen_items']} with the held-out ones. Mean over "
        "seeds, with the 95 % t-interval; tests are paired over seeds, p after Holm's correction over all pairs of "
        "a figure."
    )
    return [*_wrapped(taught), "", *_wrapped(chosen)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False)


def _item(text: str) -> list[str]:
    """Of a list."""
    return textwrap.wrap(f"- {text}", 118, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _pictures(results: dict[str, Any]) -> list[str]:
    shown = (
        ("a", "number", "What was not taught, and false denial, by the number of cues taught"),
        ("", "price", "Held-out denials of every cell against its false denial"),
        ("h", "breadth", "Breadth on both sides"),
    )
    lines = []
    for part, name, said in shown:
        if not part or part in results["parts"]:
            lines += [f"![{said}](wording-{name}.svg)", "", f"*{said}.*", ""]
    return lines


def _table_of_cells(results: dict[str, Any]) -> list[str]:
    """A row a base and a cell."""
    rows = [
        [f"base `{model}`", "", *("none" if not finite(base[name]) else _plain(name, base[name]) for name in _COLUMNS)]
        for model, base in results["bases"].items()
    ]
    rows += [
        [name, str(len(cell["seeds"])), *(_said(figure, cell["test"][figure]) for figure in _COLUMNS)]
        for name, cell in results["cells"].items()
    ]
    return _table(["cell", "seeds", *_COLUMNS.values()], rows)


def _plain(name: str, value: float) -> str:
    return f"{100 * value:.1f}" if name in _PERCENT else f"{value:.1f}" if name == "gap_points" else f"{value:.3f}"


def _said(name: str, estimate: dict[str, Any]) -> str:
    if not estimate["n"]:
        return "none"
    scale, digits = (100, 1) if name in _PERCENT else (1, 1) if name == "gap_points" else (1, 3)
    return rate_of(estimate).times(scale).interval(f".{digits}f")


def _answers(results: dict[str, Any]) -> list[str]:
    """A question of each part, with its tests in words."""
    lines = []
    for part in results["parts"]:
        lines += [f"**{_ASKED[part]}**", ""]
        told = [
            f"{figure.replace('_', ' ')} {row['mean']:+.3f} ({_ends(row)}), {_p(row['p_holm'])}: {row['first']} "
            f"against {row['second']}, {row['n']} seed{'s' * (row['n'] != 1)}"
            for figure in TESTED
            for row in results["tests"][figure]
            if row["part"] == part
        ]
        lines += [line for sentence in told for line in _item(sentence)] or ["Not measured yet."]
        if part == "d" and results["level"]:
            lines += _level(results["level"])
        lines.append("")
    return lines


def _level(level: dict[str, Any]) -> list[str]:
    """Schedules where the taught cues are read alike."""
    lines = [f"- on validation, where taught cues first reach {level['auroc']:.3f}: unseen denials, false denial"]
    for name, own in level["cells"].items():
        unseen, false = (rate_of(own[figure]).interval(".3f") for figure in ("unseen", "false"))
        lines.append(f"    - {'uniform' if name == REFERENCE else name}: {unseen}, {false}")
    return lines


def _ends(row: dict[str, Any]) -> str:
    return "one seed" if math.isnan(row["low"]) else f"{row['low']:+.3f} to {row['high']:+.3f}"


def _p(value: float) -> str:
    return "p not to be had" if math.isnan(value) else "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def claims(results: dict[str, Any]) -> list[str]:
    """Plain sentences, each from the figures alone."""
    cells, base = results["cells"], results["bases"].get(results["plan"]["model"])
    if not cells or not base:
        return ["Nothing yet: no cell is measured."]
    sentences = []
    passed = [name for name, parts in results["bar"].items() if all(parts.values())]
    reached = {part: sum(parts[part] for parts in results["bar"].values()) for part in _BAR}
    count = len(results["bar"])
    sentences.append(
        f"The bar is met by {', '.join(passed)}."
        if passed
        else "No cell meets the whole bar: "
        + "; ".join(f"{_BAR[part]}: {reached[part]} of {count}" for part in _BAR)
        + "."
    )
    if name := winner(cells, results["plan"]["model"]):
        test = cells[name]["test"]
        sentences.append(
            f"By validation alone, {name} is to be taken: on test phantoms held-out denials go from "
            f"{base['held_out']:.3f} to {test['held_out']['mean']:.3f}, false denial from "
            f"{base['false_denial']:.3f} to {test['false_denial']['mean']:.3f}."
        )
    sure = [row for rows in results["tests"].values() for row in rows if row["p_holm"] < 0.05]
    tried = sum(map(len, results["tests"].values()))
    if fewest := min((row["n"] for rows in results["tests"].values() for row in rows), default=0):
        sentences.append(
            f"Of {tried} comparisons {len(sure)} are sure at p below 0.05 after Holm, with {fewest} seeds or more."
            if fewest > 1
            else "Some comparisons have one seed, and one seed tells nothing apart."
        )
    sentences.append(
        "Not claimed: anything of photographs of patients, of texts outside this grammar, or of another tower; the "
        "images are drawings."
    )
    return sentences


def _commands(results: dict[str, Any]) -> list[str]:
    name = winner(results["cells"], results["plan"]["model"])
    told = f"The texts of `{name or REFERENCE}`{', which validation chose' if name else ''}:"
    options = results["cells"][name]["options"] if name else Cell(name=REFERENCE, parts="").options
    return [
        told,
        "",
        "```bash",
        f"nast claims build --source phantom {options} --out claims.jsonl",
        "nast finetune recipe.yaml   # kind: finetune, model: FOLDER, data: claims.jsonl, method: full",
        "nast claims run --model run:ID --base FOLDER --out results   # denials cue by cue, false denial beside them",
        "```",
        "",
        "From reports of your own, `nast dataset build --reports ... --cues ...` says the same; which cues a model was",
        "taught stands in its card, and every later figure tells taught and untaught cues apart by it.",
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return (
        ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1), *body]
        if body
        else ["Not measured yet."]
    )
