"""Words of findings misspelt by one letter or one pair of letters: "pneumothroax", "no evidance of". Source: ours."""

import re
from collections.abc import Set
from functools import lru_cache

from nast_core.negation.words import classes

_LONG = re.compile(r"(?<![\w-])[a-z]{7,}(?![\w-])")  # a letter more or less of a shorter word is another word


def spelt(text: str, known: Set[str] = frozenset()) -> tuple[str, list[int] | None]:
    """``text`` (lower case) as it is meant; of each of its characters, where it stands in ``text``, or None if all is
    right.

    ``known``: words that are meant as they stand, whatever they are near to.
    """
    wrong = [
        (m.start(), m.end(), right)
        for m in _LONG.finditer(text)
        if m.group() not in known and (right := _meant(m.group())) is not None
    ]
    if not wrong:
        return text, None
    parts: list[str] = []
    places: list[int] = []
    done = 0
    for start, end, right in wrong:
        parts += [text[done:start], right]
        places += [*range(done, start), *[start] * (len(right) - 1), end - 1]
        done = end
    return "".join([*parts, text[done:]]), [*places, *range(done, len(text) + 1)]


@lru_cache(maxsize=20_000)
def _meant(word: str) -> str | None:
    """The one word of scope.yaml's ``spelt`` that differs in one place;
    None where the word is right, or none is near."""
    if word in classes()["spelt"] or word in classes()["not_misspelt"]:
        return None
    near = [right for right in classes()["spelt"] if right[0] == word[0] and _near(word, right)]
    return near[0] if len(near) == 1 else None


def _near(word: str, right: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two are changed about;
    at the end it is another form of the word."""
    if abs(len(word) - len(right)) > 1:
        return False
    i = next((n for n, (a, b) in enumerate(zip(word, right, strict=False)) if a != b), min(len(word), len(right)))
    tails = [(word[i + 1 :], right[i + 1 :]), (word[i + 1 :], right[i:]), (word[i:], right[i + 1 :])]
    if word[i : i + 2] == right[i + 1 : i + 2] + right[i : i + 1]:
        tails.append((word[i + 2 :] or ".", right[i + 2 :] or "."))
    return any(a == b != "" for a, b in tails)
