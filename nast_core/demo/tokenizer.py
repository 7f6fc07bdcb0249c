"""A small CLIP tokenizer fitted to the phantom world's language. Source: ours; layout: OpenAI CLIP's."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

from tokenizers import pre_tokenizers
from transformers import CLIPTokenizer

BOS, EOS, END = "<|startoftext|>", "<|endoftext|>", "</w>"
Word = tuple[str, ...]


def fit_tokenizer(texts: Iterable[str], vocabulary: int = 1028) -> CLIPTokenizer:
    """Lower-case byte-level BPE in CLIP's own format; start and end tokens get the two largest ids.

    Whole words come out as one token each where they are common, negation cues among them; any other word is
    spelled in pieces, so no text is out of vocabulary. The same texts give the same ids on every machine, which
    the tokenizers library's own trainer does not promise: it breaks ties by the order of a hash map.
    """
    backend = CLIPTokenizer().backend_tokenizer
    words: Counter[Word] = Counter()
    for text in texts:
        for word, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text)):
            words[(*word[:-1], word[-1] + END)] += 1
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(letter + END for letter in alphabet)]
    merges = _merges(words, vocabulary - len(pieces) - 2)
    ids = {piece: i for i, piece in enumerate([*pieces, *map("".join, merges), BOS, EOS])}
    return CLIPTokenizer(vocab=ids, merges=merges, model_max_length=64)


def _merges(words: Counter[Word], count: int) -> list[tuple[str, str]]:
    """The most frequent neighbours, joined, again and again; among equals the first in the alphabet."""
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, times in words.items():
            for pair in pairwise(word):
                pairs[pair] += times
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = Counter({_joined(word, best): times for word, times in words.items()})
    return merges


def _joined(word: Word, pair: tuple[str, str]) -> Word:
    pieces: list[str] = []
    for piece in word:
        if pieces and (pieces[-1], piece) == pair:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(pieces)
