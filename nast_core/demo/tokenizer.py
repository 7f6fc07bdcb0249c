"""A small CLIP tokenizer fitted to the phantom world's language. Source: ours; layout: OpenAI CLIP's."""

import json
from collections.abc import Iterable

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer

BOS, EOS = "<|startoftext|>", "<|endoftext|>"


def fit_tokenizer(texts: Iterable[str], vocabulary: int = 1200) -> CLIPTokenizer:
    """Lower-case byte-level BPE in CLIP's own format; start and end tokens get the two largest ids.

    Whole words come out as one token each where they are common, negation cues among them; any other word is
    spelled in pieces, so no text is out of vocabulary.
    """
    blank = CLIPTokenizer()
    fit = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    fit.normalizer, fit.pre_tokenizer = blank.backend_tokenizer.normalizer, blank.backend_tokenizer.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 2 - len(alphabet),
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    fit.train_from_iterator(texts, trainer)
    state = json.loads(fit.to_str())["model"]
    pieces = sorted(state["vocab"], key=state["vocab"].get)
    pieces += [f"{byte}</w>" for byte in alphabet if f"{byte}</w>" not in state["vocab"]]
    ids = {piece: i for i, piece in enumerate([*pieces, BOS, EOS])}
    return CLIPTokenizer(vocab=ids, merges=[tuple(merge) for merge in state["merges"]], model_max_length=64)
