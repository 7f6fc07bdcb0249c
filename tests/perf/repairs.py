"""Repairs: their texts against the same texts unrepaired, what has to be learnt first, and the search of a strength.

The texts are the negated options of questions about phantoms, each a denial but for one in eight; the parser reads each
of them anew. The demo's text tower is tiny, so that the parser weighs there what it does nowhere else; beside it stands
one of BERT-base's size, random weights.
"""

import tempfile
from pathlib import Path

from nast_core.benchmark.phantoms import phantom_items
from nast_core.dataset.opened import open_dataset
from nast_core.models import DualEncoder
from nast_core.negation import parser
from nast_core.opening import load_model
from nast_core.repair import fitting, splitting
from nast_core.repair.evaluate import evaluate, sample_of
from nast_core.repair.methods import METHODS
from nast_core.repair.repaired import repair_model
from nast_core.repair.spec import read_repair
from nast_core.repair.strength import strength_curve, strengths
from tests.perf.finetune import write_biomedclip_size
from tests.perf.timing import in_turns

ITEMS, QUESTIONS, SOME = 300, 300, 200
BARS = {"rewrite": 1.1, "steer": 1.3, "sink": 1.3}  # others: 2.2


def repairs_against_the_model_as_it_is() -> list[tuple[str, str, str]]:
    base = load_model("demo", device="cpu")
    texts = list(dict.fromkeys(text for item in phantom_items(ITEMS, seed=5) for text in item.negated))
    rows, fitted = [], {}
    for name in METHODS:
        (fitted[name],) = in_turns(lambda name=name: _fit(base, name), repeats=1)
        rows.append(_encoding(base, name, texts, "the demo CLIP"))
    with tempfile.TemporaryDirectory() as folder:
        large = load_model(write_biomedclip_size(Path(folder)), device="cpu")
        rows += [_encoding(large, name, texts[:SOME], "BERT-base") for name in BARS]
    for name in ("steer", "adapter"):
        rows.append((f"Fitting `{name}` on the demo", f"{fitted[name]:.0f} s", "once a model; bar 60 s"))
    model = repair_model(base, read_repair("region"))
    sample = sample_of(base, open_dataset("phantoms"), "validation", QUESTIONS)
    one, search = in_turns(
        lambda: evaluate({"region": model}, sample), lambda: strength_curve(model, sample), repeats=1
    )
    rows.append(
        (
            f"Choosing among {len(strengths(model))} strengths",
            f"{search / one:.2f} times one evaluation",
            f"{QUESTIONS} questions, one evaluation {one:.1f} s; bar 1.2",
        )
    )
    return rows


def _encoding(base: DualEncoder, name: str, texts: list[str], called: str) -> tuple[str, str, str]:
    model = repair_model(base, read_repair(name))

    def repaired() -> None:
        splitting.split.cache_clear()
        parser._read_short.cache_clear()
        model.encode_texts(texts)

    own, over = in_turns(lambda: base.encode_texts(texts), repaired)
    return (
        f"Texts repaired by `{name}`, {called}",
        f"{over / own:.2f} times the time",
        f"{len(texts):,} texts as they are: {own:.1f} s; bar {BARS.get(name, 2.2)}",
    )


def _fit(base, name: str) -> None:
    fitting._held.clear()
    repair_model(base, read_repair(name))
