"""Regular expressions of a vocabulary: such as cannot run away. Source: ours.

A pattern is tried at every word of every report, so what it may cost is bounded before it is ever tried: one character
may be repeated without end, a group only a few times, and two endless repeats have something between them that neither
takes.
"""

import re
import re._constants as sre
import re._parser as sre_parser
from collections.abc import Iterable
from typing import Any

LONGEST = 1000  # characters
MOST_TIMES = 12  # that a group may be repeated; repeats within repeats multiply
_ENDLESS = 1000  # a repeat of so many times or more is one without end
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)
_LOOKS = (sre.ASSERT, sre.ASSERT_NOT)
_ONE = (sre.LITERAL, sre.NOT_LITERAL, sre.IN, sre.CATEGORY, sre.ANY)


def what_runs_away(pattern: str, *, empty: bool = False) -> str | None:
    """Why a pattern cannot be taken, as half a sentence; None for one that can.
    ``empty``: it may match no character."""
    if len(pattern) > LONGEST:
        return f"has {len(pattern):,} characters, and at most {LONGEST:,} are taken"
    try:
        tree = sre_parser.parse(pattern, re.IGNORECASE)
        re.compile(pattern, re.IGNORECASE)
    except (re.error, RecursionError, OverflowError) as fault:
        return f"is no regular expression ({fault})"
    if not empty and tree.getwidth()[0] == 0:
        return "matches an empty text"
    if not empty and any(_anything(op, value) for op, value in tree):
        return "takes any sign, as '.' does; say \\w for a letter, or write the words out"
    return _sequence(tree, 1)


def _anything(op: Any, value: Any) -> bool:
    """Whether an item takes nearly every sign, and so would reach over the whole of a report."""
    if op in (sre.ANY, sre.NOT_LITERAL):
        return True
    if op is sre.IN:
        return value[0][0] is sre.NEGATE
    if op in _REPEATS:
        return any(_anything(*one) for one in value[2])
    if op is sre.SUBPATTERN:
        return any(_anything(*one) for one in value[-1])
    if op is sre.BRANCH:
        return any(_anything(*one) for branch in value[1] for one in branch)
    return op in _LOOKS and any(_anything(*one) for one in value[1])


def _sequence(items: Iterable[Any], times: int) -> str | None:
    """``times``: how often what holds these items may be repeated."""
    endless = False  # whether a repeat without end has come since the last character that had to be there
    for op, value in items:
        if op in _REPEATS:
            least, most, inner = value
            inner = list(inner)
            single = len(inner) == 1 and inner[0][0] in _ONE
            if most >= _ENDLESS and not single:
                return "repeats a group without end; say {0,3}, or write the words out"
            if most >= _ENDLESS and endless:
                return "has two repeats without end beside one another; put a character between them"
            if most < _ENDLESS and times * most > MOST_TIMES and not single:
                return f"repeats groups {times * most} times, and at most {MOST_TIMES} are taken"
            if not single and (wrong := _sequence(inner, times * max(1, min(most, _ENDLESS)))):
                return wrong
            if most > 1 and not single and _ends_endless(inner) and not _separates(*inner[0]):
                return "repeats a group that ends in a repeat without end; begin or end it with a space"
            endless = _ends_endless([(op, value)]) or (endless and (least == 0 or not _separates(*inner[0])))
        elif op is sre.SUBPATTERN:
            inner = list(value[-1])
            if wrong := _sequence(inner, times):
                return wrong
            endless = _ends_endless(inner) or (endless and not _separates(op, value))
        elif op is sre.BRANCH:
            for branch in value[1]:
                if wrong := _sequence(branch, times):
                    return wrong
            endless = any(_ends_endless(list(branch)) for branch in value[1]) or endless
        elif op in _LOOKS:
            if wrong := _sequence(value[1], times):
                return wrong
        elif op in _ONE:
            endless = endless and not _separates(op, value)
        elif op is not sre.AT:
            return f"uses {str(op).lower().replace('_', ' ')}, which is not taken; write the words out"
    return None


def _ends_endless(items: list[Any]) -> bool:
    """Whether what comes last may be a repeat without end."""
    for op, value in reversed(items):
        if op in _REPEATS:
            least, most, inner = value
            if most >= _ENDLESS or _ends_endless(list(inner)):
                return True
            if least:
                return False
        elif op is sre.SUBPATTERN:
            return _ends_endless(list(value[-1]))
        elif op is sre.BRANCH:
            return any(_ends_endless(list(branch)) for branch in value[1])
        elif op in _ONE and _separates(op, value):
            return False
    return False


def _separates(op: Any, value: Any) -> bool:
    """Whether an item has to be there, and no repeat of letters could take it: a space, a slash."""
    if op is sre.LITERAL:
        return not chr(value).isalnum() and chr(value) not in "_-'"
    if op is sre.SUBPATTERN:
        inner = list(value[-1])
        return bool(inner) and _separates(*inner[0])
    return op is sre.IN and all(_separates(*one) for one in value)
