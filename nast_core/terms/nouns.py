"""Nouns of a condition, told from its name: what a writer can put into a sentence. Source: ours."""

import re
from collections.abc import Mapping
from typing import Literal

from nast_core.data.label_words import plain
from nast_core.vocabulary.cues import CUES
from nast_core.vocabulary.model import Noun

_LONGEST = 60  # characters
_ASIDE = re.compile(r"\s*\([^()]*\)")
_SHORT = 5  # letters of a word in capitals that is taken for a short form: ILD, COPD
_OFTEN = 0.2  # share of a noun's namings with an article before it, above which it is one that takes it
_OF_A_KIND = re.compile(
    r"(edema|oedema|ema|sis|itis|ia|tion|ment|ing|megaly|pathy|ness|ism|disease|blood|fluid|air|shift|congestion|change|failure|loss|"
    r"collapse|hemorrhage|haemorrhage|deviation|damage|trauma|stenosis)$"
)  # endings of what is not counted: "there is edema", "there is cardiomegaly"
_COUNTED = re.compile(r"(hernia|lesion|effusion|dislocation|granulation|malformation|deformation)$")  # of them, what is


def nouns_of(name: str, articles: Mapping[str, Mapping[str, int]] | None = None) -> tuple[Noun, ...]:
    """At least one. "Nodule/Mass" has two; ``articles``: noun -> how often reports put "a", "an" or nothing before
    it."""
    bare = _ASIDE.sub("", name).strip() or name
    texts = [_lowered(part) for part in re.split(r"\s*/\s*", bare)]
    texts = [text for text in texts if _usable(text)] or [_lowered(re.sub(r"[^\w ]+", " ", name))]
    return tuple(_noun(text, (articles or {}).get(text, {})) for text in dict.fromkeys(texts))


def _usable(text: str) -> bool:
    return len(text) > 2 and text[-1:].isalnum() and text[:1].isalnum() and text.casefold() not in CUES


def _lowered(text: str) -> str:
    """In lower case but for short forms: "Enlarged PA" is "enlarged PA"."""
    words = [word if word.isupper() and len(word) <= _SHORT else word.lower() for word in text.split()]
    return " ".join(words)[:_LONGEST].rstrip()


def _noun(text: str, articles: Mapping[str, int]) -> Noun:
    last = text.split()[-1]
    if last.islower() and plain(last) != last and last.endswith("s"):
        return Noun("", text, "are")
    article: Literal["a", "an"] = "an" if text[0].casefold() in "aeiou" else "a"
    if total := sum(articles.values()):
        counted = 1 - articles.get("", 0) / total > _OFTEN
    else:
        counted = not last.isupper() and (_COUNTED.search(last) is not None or _OF_A_KIND.search(last) is None)
    return Noun(article if counted else "", text, "is")
