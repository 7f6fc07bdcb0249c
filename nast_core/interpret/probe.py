"""Polarity probe: at which layer does the tower know that a finding is denied? Source: ours, method.md section 9.

A logistic probe a layer, of affirmative against negated texts, at two places: the pooled position, and the last token
of the finding. It learns from some cues and some findings and is asked about others: what it then gets right is not
the words it learnt. Controls learn from labels that are shuffled within pairs. Texts need not align.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from nast_core.errors import PairError, TextError
from nast_core.files.gate import shown
from nast_core.interpret.logistic import fit, standardised
from nast_core.interpret.plan import SHUFFLINGS
from nast_core.models.encoder import DualEncoder
from nast_core.models.provenance import provenance
from nast_core.models.tower import Hidden, TextTower, Tokens
from nast_core.negation.pairs import PolarityPair
from nast_core.negation.parser import parse
from nast_core.negation.phrases import HELD_OUT_CUES
from nast_core.progress import Tick
from nast_core.vocabulary.cues import find_cues
from nast_core.vocabulary.model import Vocabulary

if TYPE_CHECKING:
    import xarray as xr

PLACES = ("pooled", "finding")
LEAST = 20  # pairs
_FOLDS = 5  # of findings
_BATCH = 64


class ProbePair(NamedTuple):
    """A pair that a probe can learn from, and the cue that its negated text denies with."""

    pair: PolarityPair
    cue: str


class ProbePairs(NamedTuple):
    usable: tuple[ProbePair, ...]
    refused: tuple[tuple[PolarityPair, str], ...]


def probe_pairs(pairs: Sequence[PolarityPair], tower: TextTower) -> ProbePairs:
    """Pairs that need not align; those that cannot be learnt from are listed, each with the reason."""
    usable, refused = [], []
    for pair in pairs:
        cues, texts = find_cues(pair.negated), [pair.affirmative, pair.negated]
        why = ""
        if not cues:
            why = f"the negated text has no negator: {shown(pair.negated)!r}; use a cue such as 'no' or 'without'"
        elif pair.affirmative.lower().split() == pair.negated.lower().split():
            why = f"the two texts are equal: {shown(pair.negated)!r}; the second must deny what the first states"
        else:
            try:
                tower.tokenize(texts)
            except TextError as error:
                why = str(error)
        if why:
            refused.append((pair, why))
        else:
            usable.append(ProbePair(pair, cues[0].text))
    return ProbePairs(tuple(usable), tuple(refused))


class Design(NamedTuple):
    """What each probe learns from and what it is asked: cues that are held out of all, findings by fold."""

    held_out: tuple[str, ...]  # cues
    fold: Int[np.ndarray, " pair"]  # -1 throughout where there is one finding, and none can be held out
    asked: Bool[np.ndarray, " pair"]  # whether a pair's cue is held out
    notes: tuple[str, ...]

    @property
    def folds(self) -> int:
        return max(int(self.fold.max()) + 1, 1)


def design(pairs: Sequence[ProbePair], held_out: Sequence[str] = (), *, seed: int = 0) -> Design:
    """Which cues and findings are held out.

    Cues: ``held_out``; without, those of HELD_OUT_CUES where the pairs have them and others, else the rarer half.
    Raises PairError for fewer than LEAST pairs, for a cue that no pair has, and where nothing can be held out.
    """
    if len(pairs) < LEAST:
        raise PairError(
            f"a probe needs at least {LEAST} pairs to learn from and to be asked about, and got {len(pairs)}; give more"
        )
    cues = [one.cue for one in pairs]
    kinds = sorted(set(cues), key=lambda cue: (cues.count(cue), cue))
    if unknown := [cue for cue in held_out if cue not in kinds]:
        raise PairError(f"no pair denies with {shown(unknown[0])!r}; the pairs' cues are {', '.join(sorted(kinds))}")
    if held_out and len(set(held_out)) == len(kinds):
        raise PairError(f"all {len(kinds)} cues are held out, so that none is left to learn from; hold out fewer")
    kept_apart = [cue for cue in kinds if cue in HELD_OUT_CUES]
    if not 0 < len(kept_apart) < len(kinds):
        kept_apart = kinds[: len(kinds) // 2]
    apart = tuple(sorted(set(held_out) or set(kept_apart)))
    findings = sorted({one.pair.finding for one in pairs})
    notes = []
    if not apart:
        notes.append(f"every pair denies with {kinds[0]!r}: no cue can be held out, and nothing is said of other cues")
    if len(findings) == 1:
        notes.append(f"every pair is about {findings[0] or 'one finding'!r}: no finding can be held out")
    if len(notes) == 2:
        raise PairError(
            f"all {len(pairs)} pairs deny {shown(findings[0] or 'one finding')!r} with {kinds[0]!r}, so nothing can be "
            "held out to ask a probe about; give pairs of several cues or findings"
        )
    order = np.random.default_rng(seed).permutation(len(findings))
    of = {findings[int(i)]: turn % _FOLDS if len(findings) > 1 else -1 for turn, i in enumerate(order)}
    fold = np.array([of[one.pair.finding] for one in pairs])
    return Design(apart, fold, np.array([cue in apart for cue in cues]), tuple(notes))


def probe(
    model: DualEncoder,
    pairs: Sequence[ProbePair],
    vocabulary: Vocabulary | None = None,
    *,
    held_out: Sequence[str] = (),
    shufflings: int = SHUFFLINGS,
    seed: int = 0,
    progress: Tick | None = None,
) -> "xr.Dataset":
    """Which of each pair's two texts the probes of every layer read rightly.

        correct[place, layer, pair]: 1 both, 0.5 one, 0 none of the pair's texts; NaN where a text names no finding
        denied[place, layer, pair]: 1 where the negated text is read as negated, 0 where as affirmative

    Every pair is asked about by probes that saw neither its finding nor, where its cue is held out, its cue.

    Returns:
        Dataset with ``correct``, ``denied`` and ``control`` [place, layer, shuffling], shares in [0, 1]; layer 0 is the
        embedding.
        ``control``: the same of held-out findings, mean over pairs, of probes that learnt from shuffled labels.
    Raises:
        PairError: as ``design``.
    """
    import xarray as xr

    plan = design(pairs, held_out, seed=seed)
    texts = [text for one in pairs for text in (one.pair.affirmative, one.pair.negated)]
    states, named = states_of(model, texts, [one.pair.finding for one in pairs for _ in "an"], vocabulary, progress)
    problems = _Problems(plan, shufflings, seed)
    scored = [
        [problems.scored(layer, _both(named) if name == "finding" else None) for layer in states[place]]
        for place, name in enumerate(PLACES)
    ]
    correct, denied, control = (np.stack([[one[i] for one in of] for of in scored]) for i in range(3))
    text = {"units": "share of a pair's texts"}
    return xr.Dataset(
        {
            "correct": (("place", "layer", "pair"), correct, text),
            "denied": (("place", "layer", "pair"), denied, {"units": "share of negated texts"}),
            "control": (("place", "layer", "shuffling"), control, text),
        },
        coords={
            "place": list(PLACES),
            "layer": np.arange(model.text.n_layers + 1),
            **{
                name: ("pair", np.array(values, dtype=object))
                for name, values in (
                    ("affirmative", texts[::2]),
                    ("negated", texts[1::2]),
                    ("finding", [one.pair.finding for one in pairs]),
                    ("cue", [one.cue for one in pairs]),
                )
            },
            "asked_cue": ("pair", plan.asked),
            "fold": ("pair", plan.fold),
        },
        attrs={
            **provenance(model, "probe"),
            "held_out": "; ".join(plan.held_out),
            "notes": " | ".join([*plan.notes, *_said_of_places(model, named)]),
            "shufflings": shufflings,
            "seed": seed,
        },
    )


def _both(named: Bool[np.ndarray, " text"]) -> Bool[np.ndarray, " pair"]:
    return named[::2] & named[1::2]


def _said_of_places(model: DualEncoder, named: Bool[np.ndarray, " text"]) -> list[str]:
    said, missing = [], int((~_both(named)).sum())
    if missing:
        said.append(f"{missing} pairs have a text that names no finding: they are not asked about at its last token")
    if not model.text.pools_one_position:
        said.append(f"the embedding is the {model.text.pooling}: a layer's mean over the real positions stands for it")
    return said


@torch.inference_mode()
def states_of(
    model: DualEncoder,
    texts: Sequence[str],
    findings: Sequence[str],
    vocabulary: Vocabulary | None = None,
    progress: Tick | None = None,
) -> tuple[Float[Tensor, "place layer text width"], Bool[np.ndarray, " text"]]:
    """Every layer's state at the pooled position and at the last token of the finding that a text is about.

    The second: whether a text names its finding; where not, its states there are 0.
    """
    tower, told = model.text, dict(zip(texts, findings, strict=True))
    rows: dict[str, int] = {text: row for row, text in enumerate(told)}
    states = torch.zeros(len(PLACES), tower.n_layers + 1, len(told), tower.width)
    named = np.zeros(len(told), bool)
    for batch in model.text_batches(list(told), _BATCH):
        tokens = tower.tokenize(batch)
        at = [last_token(tokens, row, told[text], vocabulary) for row, text in enumerate(batch)]
        where = torch.tensor([rows[text] for text in batch])
        layers = tower.states(tokens)
        states[0][:, where] = torch.stack([pooled_state(tower, one, tokens) for one in layers]).float().cpu()
        place = torch.tensor([position or 0 for position in at], device=layers.device)
        there = layers[:, torch.arange(len(batch), device=layers.device), place].float().cpu()
        has = torch.tensor([position is not None for position in at])
        states[1][:, where] = there * has[:, None]
        named[where.numpy()] = has.numpy()
        if progress:
            progress(len(batch))
    again = [rows[text] for text in texts]
    return states[:, :, again], named[again]


def pooled_state(tower: TextTower, hidden: Hidden, tokens: Tokens) -> Float[Tensor, "text width"]:
    """A layer's state where the embedding is read; the mean of the real positions where several are."""
    if tower.pools_one_position:
        return hidden[torch.arange(len(hidden), device=hidden.device), tokens.pooled]
    real = tokens.mask[..., None].to(hidden.dtype)
    return (hidden * real).sum(1) / real.sum(1)


def last_token(tokens: Tokens, row: int, finding: str, vocabulary: Vocabulary | None = None) -> int | None:
    """Position of the last token of the words that name a finding; None where a text has none.

    They are the parser's for that condition; without, of any condition, or the finding's name as it stands.
    """
    text = tokens.texts[row]
    read = parse(text, vocabulary)
    about = [mention for mention in read if finding in mention.conditions] or read
    if about:
        start, end = about[-1].start, about[-1].end
    elif finding and (start := text.casefold().find(finding.casefold())) >= 0:
        end = start + len(finding)
    else:
        return None
    own = [p for p, (a, b) in enumerate(tokens.offsets[row]) if a < b and a < end and b > start]
    return own[-1] if own else None


class _Problems:
    """The probes of one layer, fitted together: one a fold of findings, then one a shuffling."""

    def __init__(self, plan: Design, shufflings: int, seed: int):
        pairs, folds = len(plan.fold), plan.folds
        rng = np.random.default_rng([seed, 1])
        self.plan, self.folds = plan, folds
        self.several = bool(plan.fold[0] >= 0)  # findings
        self.of = np.r_[np.arange(folds), np.arange(shufflings) % folds]  # the fold that each leaves out
        self.learnt = ~plan.asked[:, None] & (plan.fold[:, None] != self.of)
        if self.several:
            self.tested = ~plan.asked[:, None] & (plan.fold[:, None] == self.of)
        else:
            self.tested = np.repeat(plan.asked[:, None], len(self.of), 1)
        turns = np.ones((pairs, folds + shufflings), np.float32)  # -1: the affirmative text is called negated
        for problem in range(folds, folds + shufflings):
            own = rng.permutation(np.flatnonzero(self.learnt[:, problem]))
            half = len(own) // 2  # exactly: were one more called rightly than wrongly, the truth would still tell
            turns[own[:half], problem] = -1
            self.learnt[own[2 * half :], problem] = False
        self.turns = torch.from_numpy(turns)

    def scored(
        self, states: Float[Tensor, "text width"], known: Bool[np.ndarray, " pair"] | None
    ) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"], Float[np.ndarray, " shuffling"]]:
        """``correct``, ``denied`` and ``control`` of one layer; ``known``: pairs that have a state at this place."""
        plan, pairs = self.plan, len(self.plan.fold)
        known = np.ones(pairs, bool) if known is None else known
        some = torch.from_numpy(np.repeat(known & ~plan.asked, 2))
        if int(some.sum()) < 4:
            nothing = np.full(pairs, np.nan)
            return nothing, nothing, np.full(len(self.of) - self.folds, np.nan)
        x = standardised(states, states[some])
        own = torch.tensor([-1.0, 1.0]).repeat(pairs)[:, None]  # affirmative, negated
        used = torch.from_numpy(np.repeat(self.learnt & known[:, None], 2, 0)).float()
        fitted = fit(x, own * self.turns.repeat_interleave(2, 0), used)
        right = ((fitted.logits(x) > 0) == (own > 0)).float().reshape(pairs, 2, -1).numpy()
        mine = right[np.arange(pairs), :, plan.fold * self.several]  # by the probe that has not seen its finding
        asked = (known & (plan.asked | self.several))[:, None]
        mine = np.where(asked, mine, np.nan)
        tested = known[:, None] & self.tested
        counts = tested.sum(0)
        means = np.where(counts > 0, (right.mean(1) * tested).sum(0) / np.maximum(counts, 1), np.nan)
        return mine.mean(1), mine[:, 1], means[self.folds :]
