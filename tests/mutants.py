"""``make mutants``: one-line faults in the engine's important lines, and whether the tests that must notice do.

    python -m tests.mutants            all of them
    python -m tests.mutants retrieval  those with the word in their line, fault or tests

A mutant is a piece of text that stands once in nast_core, wherever its module is, and what is written there instead. It
is tried in a copy of the repository, so an interrupted run leaves nothing behind. It dies where its tests fail. A line
that has gone, or stands twice, is no mutant any more, and is said.
"""

import argparse
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("nast_core", "dashboard", "pages", "tests")
LINKED = ("assets", "docs", "pyproject.toml", "README.md", "requirements.txt")
LIBRARIES = (  # what most tests load, once for all
    *(
        "open_clip",
        "peft",
        "accelerate",
        "hypothesis",
        "xarray",
        "sklearn.metrics",
        "scipy.stats",
        "scipy.sparse",
        "captum.attr",
    ),
    *(
        "transformers.models.clip",
        "transformers.models.siglip",
        "transformers.models.bert",
        "pydicom",
        "plotly.graph_objects",
    ),
)
LONGEST = 60  # seconds of one test; a fault that hangs is noticed


@dataclass(frozen=True)
class Mutant:
    """``text``, which stands once in the engine, becomes ``fault``;
    ``tests``: a file, test_ left out, and words for -k."""

    text: str
    fault: str
    tests: str
    equivalent: str = ""  # why no test can tell; then it must live

    @property
    def name(self) -> str:
        return f"{self.text!r} -> {self.fault!r} ({self.tests})"

    @property
    def selection(self) -> list[str]:
        name, _, words = self.tests.partition(" ")
        (file,) = ROOT.glob(f"tests/*/test_{name}.py")
        return [str(file.relative_to(ROOT)), *(["-k", words] if words else [])]


MUTANTS = (
    # rates and intervals
    Mutant(
        "known = ~np.isnan(values)\n    sums, sizes",
        "known = np.ones_like(values, bool)\n    sums, sizes",
        "statistics",
    ),
    Mutant(
        "means.append((weight @ sums) / (weight @ sizes))",
        "means.append((weight @ sums) / weight.sum(1)[:, None])",
        "statistics",
    ),
    Mutant("np.nanpercentile(means, [2.5, 97.5], axis=0)", "np.nanpercentile(means, [5, 95], axis=0)", "statistics"),
    Mutant("((first == 0) & (second == 1)).sum())", "((first == 0) & (second == 0)).sum())", "statistics"),
    Mutant("p[order] * np.arange(len(order), 0, -1)", "p[order] * len(order)", "statistics"),
    Mutant("np.minimum(np.maximum.accumulate(p[order]", "np.minimum((p[order]", "statistics"),
    Mutant("up_to - 0.5 * tied", "up_to - 1.0 * tied", "auroc"),
    Mutant("if len(np.unique(truth[known])) < 2:", "if not len(truth[known]):", "auroc"),
    # what an effect is, and how it is averaged
    Mutant(
        "return (a @ image - vectors.double() @ image) / ((a - n) @ image)",
        "return (vectors.double() @ image - n @ image) / ((a - n) @ image)",
        "tracing negator_of_the_embedding",
    ),
    Mutant("defined = (a - n).abs() >= self.min_gap", "defined = (a - n) >= self.min_gap", "patching over_those_where"),
    Mutant('if average == "mean_ratio" else abs(d)', 'if average == "mean_ratio" else d', "tracing whatever_its_sign"),
    Mutant(".where(effect.notnull())\n    return (effect", "\n    return (effect", "finetune_weights"),
    Mutant(
        'return cte.where(role == "negator").max(axis)',
        'return cte.where(role == "negator").mean(axis)',
        "finetune_weights",
    ),
    Mutant(
        'return cte if role is None else cte.where(~role.isin(["before", "padding"]))', "return cte", "finetune_weights"
    ),
    Mutant(
        "for p in pair.positions if not tower.causal or p >= pair.differing[0])",
        "for p in pair.positions if not tower.causal or p > pair.differing[0])",
        "tracing plain_loop",
    ),
    Mutant('return 0 if self.component == "block" else 1', "return 1", "tracing negator_of_the_embedding"),
    Mutant("negated - affirmative), (absolute, negated)", "affirmative - negated), (absolute, negated)", "attention"),
    Mutant("allowed[row, : pair.negator[-1] + 1] = False", "allowed[row, : pair.negator[0]] = False", "attention"),
    Mutant("* query.shape[-1] ** -0.5", "* 1.0", "parity attention_equals"),
    Mutant(
        "dtype=torch.bool, device=self.device).tril()[None, None]",
        "dtype=torch.bool, device=self.device)[None, None]",
        "parity attention_equals",
    ),
    # how fast a layer learns
    Mutant(
        "weights = floor + (1 - floor) * shaped / shaped.mean()",
        "weights = floor + (1 - floor) * shaped / shaped.max()",
        "finetune_weights",
    ),
    Mutant("shaped = effect**temperature", "shaped = effect", "finetune_weights"),
    Mutant("inverse = weights.max() + weights.min() - weights", "inverse = weights", "finetune_weights"),
    Mutant("value = value.sel(layer=value.layer >= 1)", "value = value.isel(layer=slice(0, -1))", "finetune_weights"),
    Mutant('float(weight) if recipe.scale == "learning_rate" else 1.0', "1.0", "finetune_parameters"),
    Mutant("parameter.grad.mul_(float(weight))", "parameter.grad.mul_(1.0)", "finetune_parameters"),
    Mutant(
        "norms, sizes = np.sqrt(squares).T",
        "norms, sizes = squares.T",
        "finetune_parameters",
    ),
    # what training asks for
    Mutant(
        'logits = logits.masked_fill(fits & ~own, float("-inf"))',
        'logits = logits.masked_fill(fits & own, float("-inf"))',
        "finetune_losses",
    ),
    Mutant("_mean_where(F.softplus(-margins), first)", "_mean_where(F.softplus(margins), first)", "finetune_losses"),
    Mutant(
        "losses.append(F.softplus(denied[None, :] - present[:, None]).mean())",
        "losses.append(F.softplus(present[:, None] - denied[None, :]).mean())",
        "finetune_losses",
    ),
    Mutant(
        "return (1 - (now * frozen).sum(-1)).mean() if len(now)",
        "return (now * frozen).sum(-1).mean() if len(now)",
        "finetune_losses",
    ),
    Mutant("better[-1][column] = 1", "better[-1][column] = -1", "finetune_data batch_names"),
    # what is measured of a training
    Mutant(
        "right = scores[true, image] > scores[false, image]",
        "right = scores[true, image] >= scores[false, image]",
        "finetune_evaluation",
    ),
    Mutant(">= own[:, None]).sum(1) <= 5).mean()", ">= own[:, None]).sum(1) <= 6).mean()", "finetune_evaluation"),
    Mutant(
        "present * (present + 1) / 2) / (present * denied)",
        "present * (present + 1) / 2) / (present * (present + denied))",
        "finetune_evaluation",
    ),
    Mutant("right = ((scores >= own).sum(-1) == 1)", "right = ((scores > own).sum(-1) == 0)", "finetune_evaluation"),
    # questions and claims
    Mutant(
        "np.where(unknown, np.nan, (choice == answer) & ~tie)",
        "np.where(unknown, np.nan, choice == answer)",
        "scoring tie",
    ),
    Mutant(
        "np.where(unknown, np.nan, (chosen != true).sum(-1))",
        "np.where(unknown, np.nan, (chosen > true).sum(-1))",
        "scoring by_hand",
    ),
    Mutant(
        "np.where(true.isna(), np.nan, (true > false).astype(float))",
        "np.where(true.isna(), np.nan, (true >= false).astype(float))",
        "claims_scoring a_tie_is_wrong",
    ),
    Mutant(
        "order = np.lexsort((relevant, np.where(known, -scores, np.inf)), axis=-1)",
        "order = np.lexsort((-relevant, np.where(known, -scores, np.inf)), axis=-1)",
        "claims_scoring tie_goes",
    ),
    Mutant(
        "measures[(count == 0) | (count == candidates)] = np.nan",
        "measures[count == 0] = np.nan",
        "claims_scoring precision_by_hand",
    ),
    Mutant("return None if opposite is None else not opposite", "return opposite", "claims_truth"),
    Mutant(
        "if _implies(fact, claim) and (fact.only or not claim.only):",
        "if _implies(claim, fact) and (fact.only or not claim.only):",
        "claims_truth",
    ),
    Mutant("return False if _implies(claim, denied) else None", "return False", "claims_truth"),
    # pairs, sentences, labels
    Mutant(
        "outside = [p for p in differing if p not in span]",
        "outside = [p for p in differing if p in ()]",
        "pairs outside",
    ),
    Mutant("if count_a != count_n:", "if count_a > count_n:", "pairs unequal"),
    Mutant(
        "zip(conditions, row, strict=True) if state in (ABSENT, PRESENT)",
        "zip(conditions, row, strict=True)",
        "labels only_certain",
    ),
    Mutant("if turned is None:", "if True:", "parser kind"),
    Mutant(
        'carried = replace(governor, open=True) if opening == "open" and governor else None',
        "carried = None",
        "parser kind",
    ),
    # models, images, files, runs
    Mutant(
        "torch.stack([states[1], states[2], states[-1]]).mean((0, 2))",
        "torch.stack([states[0], states[2], states[-1]]).mean((0, 2))",
        "medclip plain_forward_pass_of_that",
    ),
    Mutant(
        "images.T * (self.logit_scale or 1.0) + self.logit_bias", "images.T * (self.logit_scale or 1.0)", "siglip score"
    ),
    Mutant(
        "torch.cat(vectors).cpu()[torch.tensor([place[text] for text in texts])]",
        "torch.cat(vectors).cpu()",
        "parity encode_texts",
    ),
    Mutant('inverted = ds.PhotometricInterpretation == "MONOCHROME1"', "inverted = False", "dicom monochrome1"),
    Mutant("if status.st_size > most:", "if status.st_size < 0:", "gates more_bytes"),
    Mutant("| os.O_NONBLOCK)  # opening a pipe would wait", ")  # opening a pipe would wait", "gates no_file"),
    Mutant(
        "whole_text = json.dumps([text, model, sorted(data.items()), recipe.version])",
        "whole_text = json.dumps([text, sorted(data.items()), recipe.version])",
        "runs other_weights",
    ),
    Mutant(
        "by_chance = (shares.sum(-1) * shares.sum(-2)).sum(-1)",
        "by_chance = (shares.sum(-1) * shares.sum(-1)).sum(-1)",
        "review kappa_of_resampled",
    ),
)


class NoMutant(Exception):
    """A line that cannot be tried: it has gone, or stands more than once."""


def place(mutant: Mutant, sources: dict[Path, str]) -> Path:
    """The module that a mutant's text stands in."""
    found = [path for path, text in sources.items() for _ in range(text.count(mutant.text))]
    if len(found) != 1:
        where = f"stands in {', '.join(path.name for path in found)}" if found else "is not in nast_core"
        raise NoMutant(f"{mutant.text!r} {where}; write in tests/mutants.py what the line is now")
    return found[0]


def copy_into(folder: Path) -> None:
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)


def run_tests(folder: Path, words: list[str], *, keep_bytecode: bool) -> int:
    """pytest's exit code for tests of the copy, in a process of their own that has the libraries loaded already."""
    child = multiprocessing.get_context("fork").Process(target=_child, args=(folder, words, keep_bytecode))
    child.start()
    child.join()
    assert child.exitcode is not None
    return child.exitcode


def _child(folder: Path, words: list[str], keep_bytecode: bool) -> None:
    import pytest

    os.chdir(folder)
    sys.dont_write_bytecode = not keep_bytecode  # a fault's bytecode must not outlive it
    for name in [name for name in sys.modules if name.partition(".")[0] in COPIED]:
        del sys.modules[name]
    sys.path[:] = [str(folder), *(entry for entry in sys.path if Path(entry or ".").resolve() not in (ROOT, folder))]
    os.environ["PYTHONPATH"] = str(folder)
    log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.exit(pytest.main([*words, "-x", "-q", "--no-header", "-p", "no:randomly", f"--timeout={LONGEST}"]))


@contextmanager
def standing(path: Path, text: str, fault: str) -> Iterator[None]:
    """While open, the module holds the fault; afterwards it is as it was, its time too, so that its bytecode is good
    again."""
    was, about = path.read_text("utf-8"), path.stat()
    aside = [(pyc, pyc.with_suffix(".aside")) for pyc in path.parent.glob(f"__pycache__/{path.stem}.*.pyc")]
    for pyc, other in aside:
        pyc.rename(other)
    path.write_text(was.replace(text, fault), "utf-8")
    try:
        yield
    finally:
        path.write_text(was, "utf-8")
        os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
        for pyc, other in aside:
            other.rename(pyc)


def together(mutants: Sequence[Mutant]) -> list[str]:
    """All their tests as one call of pytest."""
    files = dict.fromkeys(mutant.selection[0] for mutant in mutants)
    each = dict.fromkeys(" and ".join(f"test_{mutant.tests}".split()) for mutant in mutants)
    return [*files, "-k", " or ".join(f"({words})" for words in each)]


def main(words: list[str]) -> int:
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    if not chosen:  # no test at all would be all of them to pytest
        print(f"mutants: none has {' and '.join(map(repr, words))} in its line, fault or tests", file=sys.stderr)
        return 2
    sources = {path: path.read_text("utf-8") for path in sorted((ROOT / "nast_core").rglob("*.py"))}
    try:
        places = [place(mutant, sources).relative_to(ROOT) for mutant in chosen]
    except NoMutant as gone:
        print(f"mutants: {gone}", file=sys.stderr)
        return 2
    for library in LIBRARIES:
        importlib.import_module(library)

    wrong, begun = 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="nast-mutants-") as name:
        folder = Path(name).resolve()
        copy_into(folder)
        if run_tests(folder, together(chosen), keep_bytecode=True):
            print(f"mutants: their tests fail without any fault:\n{tail(folder)}", file=sys.stderr)
            return 2
        print(f"without a fault every test passes ({time.monotonic() - begun:.0f} s)", flush=True)
        for mutant, module in zip(chosen, places, strict=True):
            start = time.monotonic()
            with standing(folder / module, mutant.text, mutant.fault):
                code = run_tests(folder, mutant.selection, keep_bytecode=False)
            outcome = {0: "lives", 1: "dies"}.get(code, f"breaks the tests (exit code {code}):\n{tail(folder)}\n")
            wrong += outcome != ("lives" if mutant.equivalent else "dies")
            print(
                f"{outcome:<6} {time.monotonic() - start:5.1f} s  {module}: {mutant.name} {mutant.equivalent}",
                flush=True,
            )
    print(f"{len(chosen)} mutants, {wrong} not as they should be ({(time.monotonic() - begun) / 60:.1f} min)")
    return int(wrong > 0)


def tail(folder: Path) -> str:
    return "\n".join((folder / "log.txt").read_text("utf-8", "replace").splitlines()[-12:])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("words", nargs="*", help="only those with every word in their line, fault or tests")
    sys.exit(main(parser.parse_args().words))
