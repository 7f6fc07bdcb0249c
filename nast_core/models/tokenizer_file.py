"""tokenizer.json before the tokenizers library sees it: its Rust code aborts the process, or works for minutes, on
some.

What it would make of a text is bounded: characters by the normaliser, tokens around it, tokens added to the vocabulary.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nast_core.errors import ModelError
from nast_core.models import model_files

MOST_ADDED = 20_000  # tokens beside the vocabulary: Gemma has 6,242, and 200,000 take 18 s
_GROWTH = 64  # characters that a normaliser may make of one
_AROUND = 64  # tokens that are put around a text
_SET_ANEW = ("truncation", "padding")  # by each call; until then they could pad a text to any length


def checked_content(path: Path) -> bytes:
    """The file without what each call sets anew. Raises ModelError for one that asks for more than any real one."""
    tokenizer = model_files.read_json(path)
    if (growth := _growth(tokenizer.get("normalizer"))) > _GROWTH:
        raise ModelError(f"{path} has a normalizer that makes {growth:,} characters of one; use the model's own")
    if isinstance(added := tokenizer.get("added_tokens"), list) and len(added) > MOST_ADDED:
        raise ModelError(f"{path} adds {len(added):,} tokens, and at most {MOST_ADDED:,} are read; use the model's own")
    if (around := _around(tokenizer.get("post_processor"))) > _AROUND:
        raise ModelError(f"{path} has a post_processor that puts {around:,} tokens around a text; use the model's own")
    for step in _steps(tokenizer.get("normalizer")):
        if step.get("type") == "Precompiled" and not _is_charsmap(step.get("precompiled_charsmap")):
            raise ModelError(f"{path} has a precompiled_charsmap that is none; use the model's own")
    return json.dumps({key: None if key in _SET_ANEW else value for key, value in tokenizer.items()}).encode()


def _steps(tree: Any) -> Iterator[dict[str, Any]]:
    """Every object in it, however deep."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _growth(normalizer: Any) -> int:
    growth = 1
    for step in _steps(normalizer):
        output = step.get("content") if step.get("type") == "Replace" else step.get("prepend")
        growth *= max(1, len(output)) if isinstance(output, str) else 1
    return growth


def _around(post_processor: Any) -> int:
    """Pieces of the templates, and the ids that one of them may stand for."""
    count = 0
    for step in _steps(post_processor):
        count += sum(len(step[key]) for key in ("single", "ids") if isinstance(step.get(key), list))
    return count


def _is_charsmap(value: Any) -> bool:
    """Whether it is sentencepiece's: the size of a trie of 4-byte units, the trie, and text that ends with a NUL.

    The library makes room for the stated size before it looks, and aborts the process where there is none.
    """
    try:
        content = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        return False
    size = int.from_bytes(content[:4], "little")
    return len(content) > 4 and size % 4 == 0 and size <= len(content) - 4
