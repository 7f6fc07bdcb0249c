"""Negator-selective attention: against a plain loop, and by hand on a tower whose attention is written down."""

from types import SimpleNamespace
from zlib import crc32

import numpy as np
import pytest
import torch

from nast_core.errors import PairError
from nast_core.interpret.attention import attention_patterns, negator_selective_attention
from nast_core.models import Card, TextTower, Tokens
from nast_core.negation.pairs import PolarityPair, align, align_all, template_pairs

SHORT = PolarityPair(affirmative="some edema", negated="no edema", finding="Edema")
LONG = PolarityPair(
    affirmative="frontal view . there is a pleural effusion .", negated="frontal view . there is no pleural effusion ."
)
THREE_WORDS = PolarityPair(affirmative="there is some evidence of edema .", negated="there is no evidence of edema .")


def plain_nsa(model, pair) -> tuple[np.ndarray, np.ndarray]:
    """(selective, absolute) [layer, head] of one pair, by loops over layers, heads, queries and cue tokens."""
    (negated,) = attention_patterns(model, [pair.pair.negated])
    (affirmative,) = attention_patterns(model, [pair.pair.affirmative])
    layers, heads, length, _ = negated.shape
    selective, absolute = np.full((layers, heads), -np.inf), np.full((layers, heads), -np.inf)
    for layer in range(layers):
        for head in range(heads):
            for query in range(pair.negator[-1] + 1, length):
                looked = was = 0.0
                for key in pair.negator:
                    looked += negated[layer, head, query, key]
                    was += affirmative[layer, head, query, key]
                selective[layer, head] = max(selective[layer, head], looked - was)
                absolute[layer, head] = max(absolute[layer, head], looked)
    return selective, absolute


@pytest.mark.parametrize("pair", [SHORT, LONG, THREE_WORDS])
def test_nsa_equals_a_plain_loop_over_layers_heads_and_queries(model64, pair):
    aligned = align(pair, model64.text)
    result = negator_selective_attention(model64, [aligned])
    selective, absolute = plain_nsa(model64, aligned)
    assert abs(result.nsa.values[0] - selective).max() <= 1e-12
    assert abs(result.nsa_absolute.values[0] - absolute).max() <= 1e-12
    assert np.ptp(result.nsa.values) > 1e-3  # the heads differ, so that a swapped axis would show


def test_a_cue_of_several_words_is_summed_over_all_of_them(model64):
    aligned = align(THREE_WORDS, model64.text)
    assert aligned.cue.text == "no evidence of"
    assert [aligned.pieces_negated[p] for p in aligned.negator] == ["no", "evidence", "of"]
    (pattern,) = attention_patterns(model64, [THREE_WORDS.negated])
    start, last = aligned.negator[0], aligned.negator[-1]
    summed = pattern[:, :, last + 1 :, start : last + 1].sum(-1).max(-1)
    found = negator_selective_attention(model64, [aligned]).nsa_absolute.values[0]
    assert abs(found - summed).max() <= 1e-12
    assert (found > pattern[:, :, last + 1 :, start].max(-1)).all()  # more than the first word alone


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_a_short_pair_beside_a_long_one_keeps_its_value(model64, batch_size):
    pairs = [align(pair, model64.text) for pair in (SHORT, LONG, THREE_WORDS)]
    assert len({pair.length for pair in pairs}) == 3
    together = negator_selective_attention(model64, pairs, batch_size=batch_size)
    for row, pair in enumerate(pairs):
        alone = negator_selective_attention(model64, [pair])
        for name in ("nsa", "nsa_absolute"):
            assert abs(together[name].values[row] - alone[name].values[0]).max() <= 1e-12


def test_every_template_pair_gets_a_value_in_its_range(model64):
    pairs = align_all(template_pairs(["Edema", "Fracture"]), model64.text).aligned
    result = negator_selective_attention(model64, pairs)
    assert result.nsa.shape == (len(pairs), model64.text.n_layers, model64.text.n_heads)
    assert bool((abs(result.nsa) <= 1).all())
    assert bool(((result.nsa_absolute >= 0) & (result.nsa_absolute <= 1)).all())


def test_the_result_names_its_axes_its_pairs_and_its_model(model64):
    result = negator_selective_attention(model64, [align(SHORT, model64.text)])
    assert result.nsa.dims == ("pair", "layer", "head")
    assert result.layer.values.tolist() == [1, 2, 3]
    assert result["head"].values.tolist() == [1, 2, 3, 4]
    assert (result.cue.item(), result.finding.item(), result.negated.item()) == ("no", "Edema", "no edema")
    assert result.attrs["model_fingerprint"] == model64.fingerprint
    assert result.attrs["precision"] == "float64"


def test_nsa_of_no_pair_is_refused(model64):
    with pytest.raises(PairError, match="needs at least one"):
        negator_selective_attention(model64, [])


def test_a_pattern_is_cut_to_its_own_text(model64):
    short, long = attention_patterns(model64, [SHORT.negated, LONG.negated])
    (alone,) = attention_patterns(model64, [SHORT.negated])
    assert short.shape[-1] < long.shape[-1]
    assert abs(short - alone).max() <= 1e-12
    assert abs(short.sum(-1) - 1).max() <= 1e-12


class WordTower(TextTower):
    """One token a word, one layer, two heads; attention to position 1 is as written down, by text and query."""

    n_layers, n_heads, width, dim, context_length = 1, 2, 2, 2, 77
    pooling, blocks, device = "last", (), torch.device("cpu")

    def __init__(self, to_first_word: dict[str, list[list[float]]], *, causal: bool):
        self.to_first_word, self.causal = to_first_word, causal

    def tokenize(self, texts, *, pad_to=None):
        rows, spans = [], []
        for text in texts:
            words = text.split(" ")
            starts = np.cumsum([0, *(len(word) + 1 for word in words)])
            rows.append([1, *(crc32(word.encode()) + 3 for word in words), 2])
            spans.append(((0, 0), *((int(s), int(s) + len(w)) for s, w in zip(starts, words, strict=False)), (0, 0)))
        longest = max(map(len, rows))
        lengths = torch.tensor([len(row) for row in rows])
        return Tokens(
            ids=torch.tensor([row + [0] * (longest - len(row)) for row in rows]),
            mask=torch.arange(longest) < lengths[:, None],
            pooled=lengths - 1,
            offsets=tuple(span + ((0, 0),) * (longest - len(span)) for span in spans),
            texts=tuple(texts),
        )

    def attention(self, tokens):
        weights = torch.zeros(len(tokens), 2, *[tokens.ids.shape[1]] * 2, dtype=torch.float64)
        for row, text in enumerate(tokens.texts):
            for head, column in enumerate(self.to_first_word[text]):
                weights[row, head, : len(column), 1] = torch.tensor(column, dtype=torch.float64)
                weights[row, head, len(column) :, 1] = 1.0  # padding, where there is any, looks at nothing else
        yield weights

    def embed(self, tokens):
        raise NotImplementedError

    project = library_embedding = embed


def written_down(causal: bool) -> SimpleNamespace:
    tower = WordTower(
        {  # from:             start  no   edema  .    end
            "no edema .":    [[0.90, 0.95, 0.50, 0.20, 0.70], [0.10, 0.20, 0.30, 0.80, 0.10]],
            "mild edema .":  [[0.10, 0.05, 0.40, 0.15, 0.90], [0.00, 0.00, 0.25, 0.20, 0.30]],
            "no edema today or before .": [[0.0] * 8, [0.3] * 8],
            "mild edema today or before .": [[0.1] * 8, [0.1] * 8],
        },
        causal=causal,
    )  # fmt: skip
    return SimpleNamespace(
        text=tower, card=Card("toy", "here", "toy"), fingerprint="0", dtype=torch.float64, in_bf16=frozenset()
    )


def test_nsa_by_hand_in_a_causal_tower_looks_only_from_after_the_negator():
    model = written_down(causal=True)
    pair = align(PolarityPair(affirmative="mild edema .", negated="no edema ."), model.text)
    result = negator_selective_attention(model, [pair])
    # head 1, from edema, full stop and end: 0.50 - 0.40, 0.20 - 0.15, 0.70 - 0.90; head 2: 0.05, 0.60, -0.20
    assert result.nsa.values[0, 0].tolist() == pytest.approx([0.10, 0.60])
    assert result.nsa_absolute.values[0, 0].tolist() == pytest.approx([0.70, 0.80])


def test_nsa_by_hand_in_a_bidirectional_tower_looks_from_everywhere_but_the_negator():
    model = written_down(causal=False)
    pair = align(PolarityPair(affirmative="mild edema .", negated="no edema ."), model.text)
    result = negator_selective_attention(model, [pair])
    # head 1 gains its start token, 0.90 - 0.10; the negator's own 0.95 - 0.05 stays out
    assert result.nsa.values[0, 0].tolist() == pytest.approx([0.80, 0.60])
    assert result.nsa_absolute.values[0, 0].tolist() == pytest.approx([0.90, 0.80])


@pytest.mark.parametrize("causal", [True, False])
def test_padding_beside_a_longer_pair_is_never_looked_from(causal):
    model = written_down(causal)
    pairs = [
        align(PolarityPair(affirmative=f"mild {rest}", negated=f"no {rest}"), model.text)
        for rest in ("edema .", "edema today or before .")
    ]
    result = negator_selective_attention(model, pairs)
    assert result.nsa_absolute.values[0, 0].tolist() == pytest.approx([0.70, 0.80] if causal else [0.90, 0.80])
    assert result.nsa.values[1, 0].tolist() == pytest.approx([-0.1, 0.2])
