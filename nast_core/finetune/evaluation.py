"""What is watched while a text tower learns: figures on validation studies, cheap enough for every few steps."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor

from nast_core.benchmark.items import Item
from nast_core.benchmark.scoring import distinct_texts
from nast_core.claims.choices import claim_accuracy
from nast_core.claims.claim import KINDS, Claim
from nast_core.claims.retrieval import rank_quality
from nast_core.finetune.data import Study, Truth
from nast_core.finetune.wording import WordingSample, wording_means, wording_sample
from nast_core.negation.forms import FORMS
from nast_core.negation.lexicon import denying_cues
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import given

Encode = Callable[[Sequence[str]], Float[Tensor, "text dim"]]
LEAST = 5  # images on each side for a statement's AUROC to count: with fewer it is mostly noise


@dataclass(frozen=True)
class Panel:
    """Validation studies as arrays, made once: every text there is, and what is asked of it."""

    texts: tuple[str, ...]
    images: Float[Tensor, "image dim"]
    ranked: Int[np.ndarray, "pair 3"]  # image, its true statement, a contradiction
    kinds: Sequence[str]  # of each pair
    statements: Int[np.ndarray, " statement"]
    negated: Bool[np.ndarray, " statement"]  # says by a negation cue that something is absent
    affirmative: Bool[np.ndarray, " statement"]  # has no cue
    foreign: Bool[np.ndarray, " statement"]  # its cue is in no training text
    holds: Int[np.ndarray, "statement image"]
    retrieved: Int[np.ndarray, "query 2"]  # image, an affirmative caption of it
    kept: Int[np.ndarray, " kept"]  # affirmative texts
    frozen: Float[Tensor, "kept dim"]
    items: Sequence[Item]
    item_images: Float[Tensor, "item dim"]
    options: Int[np.ndarray, "form item option"]  # texts of the items: affirmative, negated
    unseen: Bool[np.ndarray, " item"]  # an option, right or wrong, denies by a cue that no training text has
    worded: Int[np.ndarray, " wording"]  # texts of the sample of wordings
    wording: WordingSample


def make_panel(
    studies: Sequence[Study],
    numbers: Int[np.ndarray, " study"],
    truth: Truth,
    features: Mapping[str, Float[Tensor, " dim"]],
    items: Sequence[Item],
    frozen: Encode,
    trained_cues: Set[str],
    vocabulary: Vocabulary | None = None,
    *,
    taught: Set[str] = frozenset(),
) -> Panel:
    """``numbers`` are the studies' in ``truth``; ``frozen`` encodes with the weights before training. ``trained_cues``:
    every cue in training texts; ``taught``: those that deny a finding there; without, all of them."""
    texts: dict[str, int] = {}
    by_row: dict[int, tuple[Claim, str | None]] = {}
    ranked, kinds, retrieved, anchors = [], [], [], set()
    for column, study in enumerate(studies):
        for text in [caption.true.text for caption in study.captions if caption.true.affirmative][:1]:
            caption = texts.setdefault(text, len(texts))
            retrieved.append((column, caption))
            anchors.add(caption)
        for example in study.examples:
            true = texts.setdefault(example.text, len(texts))
            by_row[true] = (example.claim.meaning, example.cue)
            if example.cue is None:
                anchors.add(true)
            for other in example.contradictions:
                false = texts.setdefault(other.text, len(texts))
                ranked.append((column, true, false))
                kinds.append(other.kind)
                if other.claim:
                    by_row[false] = (other.claim.meaning, other.cue)
    for text in distinct_texts(items):
        texts.setdefault(text, len(texts))
    wording = wording_sample([study.examples for study in studies], taught or trained_cues, given(vocabulary))
    worded = np.array([texts.setdefault(text, len(texts)) for text in wording.texts], int)
    all_texts, kept_rows = tuple(texts), np.array(sorted(anchors), int)
    statements = np.array(sorted(by_row), int)
    images = torch.stack([features[study.image] for study in studies])
    return Panel(
        all_texts,
        images,
        np.array(ranked, int).reshape(-1, 3),
        kinds,
        statements,
        np.array([by_row[i][1] is not None and by_row[i][0].polarity == "absent" for i in statements], bool),
        np.array([by_row[i][1] is None for i in statements], bool),
        np.array([by_row[i][1] is not None and by_row[i][1] not in trained_cues for i in statements], bool),
        truth.of([by_row[i][0] for i in statements], numbers),
        np.array(retrieved, int).reshape(-1, 2),
        kept_rows,
        frozen([all_texts[i] for i in kept_rows]).cpu(),
        items,
        torch.stack([features[item.image] for item in items]) if items else images[:0],
        np.array([[[texts[t] for t in getattr(i, form)] for i in items] for form in FORMS], int),
        np.array([bool(_cues(item, vocabulary) - trained_cues) for item in items], bool),
        worded,
        wording,
    )


def _cues(item: Item, vocabulary: Vocabulary | None) -> set[str]:
    """By which any option denies."""
    return {cue.text for option in item.negated for cue in denying_cues(option, vocabulary)}


@torch.no_grad()
def measure(panel: Panel, encode: Encode) -> dict[str, float]:
    """Figures by name; what the validation file cannot tell is left out.

    claim_ranking, and by kind: share of contradictions that score below the true statement on its image, ties wrong.
    claim_affirmative, claim_negated: claims.choices, the true claim among four of its form.
    retrieval_denial_1, retrieval_denial_5: share of denials of which an image that it holds for is among the first.
    auroc_affirmative, auroc_negated: mean over statements of the AUROC of S for the images where they hold, without a
    cue and denying by one; 0.5 = the cue is ignored, 0 = read as its opposite. It comes also by whether training has
    the cue (seen, unseen). retrieval_5: share of affirmative captions whose image is among
    the first 5. alignment: mean cosine of affirmative texts to the frozen encoder's. acc_affirmative, acc_negated,
    gap_points: of the items, as the benchmark scores them; the last two also for the items all of whose cues training
    has (seen) and for the others (unseen). denial_..., false_denial, pseudo_negation: of a sample of wordings
    (wording.py).
    """
    vectors = encode(panel.texts).cpu()
    scores = (vectors @ panel.images.to(vectors).T).double().numpy()  # cosine orders as S does
    image, true, false = panel.ranked.T
    right = scores[true, image] > scores[false, image]
    figures = {"claim_ranking": right.mean()} if len(right) else {}
    for kind in KINDS:
        if (of_kind := np.array([k == kind for k in panel.kinds], bool)).any():
            figures[f"claim_ranking_{kind}"] = right[of_kind].mean()
    areas = auroc_rows(scores[panel.statements], panel.holds)
    kinds = {
        "auroc_affirmative": panel.affirmative,
        "auroc_negated": panel.negated,
        "auroc_negated_seen": panel.negated & ~panel.foreign,
        "auroc_negated_unseen": panel.negated & panel.foreign,
    }
    for name, rows in kinds.items():
        if np.isfinite(areas[rows]).any():
            figures[name] = np.nanmean(areas[rows])
    figures |= _as_the_paper(panel, scores[panel.statements])
    figures |= wording_means(auroc_rows(scores[panel.worded], panel.wording.holds), panel.wording.groups)
    if len(panel.retrieved):
        column, caption = panel.retrieved.T
        own = scores[caption, column]
        figures["retrieval_5"] = ((scores[caption] >= own[:, None]).sum(1) <= 5).mean()
    if len(panel.kept):
        figures["alignment"] = float((vectors[panel.kept] * panel.frozen).sum(-1).mean())
    if panel.items:
        figures |= _accuracies(panel, vectors)
    return {name: float(value) for name, value in figures.items()}


def _as_the_paper(panel: Panel, scores: Float[np.ndarray, "statement image"]) -> dict[str, float]:
    """Claim accuracy by form, and images found by a denial."""
    figures = {}
    for name, chosen in (("claim_affirmative", panel.affirmative), ("claim_negated", panel.negated)):
        if np.isfinite(shares := claim_accuracy(scores, panel.holds, chosen)).any():
            figures[name] = np.nanmean(shares)
    found = rank_quality(scores[panel.negated], panel.holds[panel.negated])
    for depth in (1, 5):
        if (right := found[f"R@{depth}"].dropna()).size:
            figures[f"retrieval_denial_{depth}"] = right.mean()
    return figures


def _accuracies(panel: Panel, vectors: Tensor) -> dict[str, float]:
    options = vectors[torch.from_numpy(panel.options)]  # [form, item, option, dim]
    scores = (options * panel.item_images.to(vectors)[None, :, None]).sum(-1)
    answer = torch.tensor([item.answer_index for item in panel.items]).expand(2, -1)[..., None]
    own = scores.gather(-1, answer)
    right = ((scores >= own).sum(-1) == 1).double().numpy()  # a tie for the best counts as wrong
    affirmative, negated = right.mean(1)
    figures = {"acc_affirmative": affirmative, "acc_negated": negated, "gap_points": 100 * (affirmative - negated)}
    for name, which in (("seen", ~panel.unseen), ("unseen", panel.unseen)):
        if which.any():
            figures[f"acc_negated_{name}"] = right[1, which].mean()
            figures[f"gap_points_{name}"] = 100 * (right[0, which] - right[1, which]).mean()
    return figures


def auroc_rows(
    scores: Float[np.ndarray, "statement image"], holds: Int[np.ndarray, "statement image"]
) -> Float[np.ndarray, " statement"]:
    """AUROC of each row's scores for the images where it holds (1) against those where it does not (0).

    By ranks (Mann-Whitney), ties half; NaN with fewer than LEAST images on a side.
    """
    areas = np.full(len(scores), np.nan)
    for row, (score, truth) in enumerate(zip(scores, holds, strict=True)):
        present, denied = int((truth == 1).sum()), int((truth == 0).sum())
        if min(present, denied) >= LEAST:
            ranks = rankdata(score[truth >= 0])
            areas[row] = (ranks[truth[truth >= 0] == 1].sum() - present * (present + 1) / 2) / (present * denied)
    return areas
