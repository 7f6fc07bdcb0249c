"""Where one clause of a report sentence ends and the next begins, by rules over spaCy tokens. Source: ours.

A cue of denial reaches as far as its clause. Reports join clauses by little more than commas ("no effusion, mild
atelectasis"), and list what one cue denies with the same commas ("no effusion, atelectasis, or fracture"): what
follows a comma or an "and" decides.
"""

from typing import NamedTuple

from spacy.tokens import Doc


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split(" "))


_HARD = _words(
    ". ; ! ? but however although though while whereas yet except despite besides following after given because"
)
_HARD_PAIRS = {
    ("apart", "from"),
    ("aside", "from"),
    ("other", "than"),
    ("due", "to"),
    ("secondary", "to"),
    ("in", "the", "setting"),
    ("with", "the", "exception"),
    ("in", "the", "absence"),
}
_AND, _OR = {"and", "plus"}, {"or", "nor"}
_KEEPS_WITH = {"consistent", "compatible", "associated", "along", "together", "concordant", "correlate"}
_CUES = {"no", "not", "without", "absence", "free", "negative", "devoid", "neither", "never", "lack", "lacks", "absent"}
_OPENERS = {"there", "a", "an", "the", "some", "this", "these", "we"}
_VERBS = _words(
    "is are was were has have had remains remain appears appear shows show showed demonstrates demonstrate reveals "
    "persists persist may might could can cannot does do did contains overlies overlie"
)
_PLURAL = {"are", "were", "have", "remain", "appear", "persist", "do"}
_STATES = _words("seen noted present absent identified visible evident removed resolved unchanged")
_QUALITIES = _words(
    "mild moderate severe small large tiny trace minimal marked stable unchanged persistent new old healed chronic "
    "acute subtle dense faint bilateral left right increased decreased improved worsening with positive"
)


class _Joint(NamedTuple):
    kind: str  # hard, with, and, or, comma
    start: int  # where the next clause would begin
    content: int  # first token after the joining words


class _Named(NamedTuple):
    start: int  # tokens, [start, end)
    end: int
    normal: bool  # "clear lungs", said of what is absent


def clause_starts(doc: Doc, namings: list[tuple[int, int, bool]]) -> list[int]:
    """Token positions at which a clause begins, 0 included. ``namings``: start, end (tokens) of findings and of
    normal phrases, and whether it is one of these."""
    words = [token.lower_ for token in doc]
    joints = _joints(words)
    names = [_Named(*naming) for naming in namings]
    for start, end, _ in names:  # "enlarged" in a name is no predicate; the last word tells singular from plural
        words[start : end - 1] = [""] * (end - 1 - start)
    starts = [0]
    for number, joint in enumerate(joints):
        end = joints[number + 1].start if number + 1 < len(joints) else len(words)
        right = words[joint.content : end]
        if joint.kind == "hard" or (
            joint.kind in ("comma", "and") and _splits(words, joints, number, right, starts[-1], names)
        ):
            starts.append(joint.start)
    return starts


def _joints(words: list[str]) -> list[_Joint]:
    found, i = [], 0
    while i < len(words):
        start, kind = i, None
        if words[i] == ",":
            kind, i = "comma", i + 1
        if i < len(words) and (ahead := _joining(words, i)):
            kind, length = ahead
            i += length
        if kind:
            found.append(_Joint(kind, start, i))
        i = max(i, start + 1)
    return found


def _joining(words: list[str], i: int) -> tuple[str, int] | None:
    word = words[i]
    if word in _HARD:
        return "hard", 1
    for pair in _HARD_PAIRS:
        if tuple(words[i : i + len(pair)]) == pair:
            return "hard", 0 if pair[-1] == "absence" else len(pair)
    if tuple(words[i : i + 3]) == ("as", "well", "as"):
        return "and", 3
    if word == "unlikely" and words[i + 1 : i + 2] == ["to"]:  # of an opacity that is there, what it is not
        return "hard", 0
    if word == "with" and not (i and words[i - 1] in _KEEPS_WITH):
        return "hard", 1
    if word in _AND:
        return "and", 1
    if word in _OR:
        return "or", 1
    return None


def _splits(
    words: list[str], joints: list[_Joint], number: int, right: list[str], clause: int, namings: list[_Named]
) -> bool:
    joint = joints[number]
    if not right or right[0] in {"which", "who", "that"}:
        return False
    if right[0] in _CUES or right[:2] == ["positive", "for"]:
        return True
    left = words[clause : joint.start]
    denied = bool(_CUES & set(left))
    list_of_or = joint.kind == "comma" and _ends_in_or(joints, number)
    if (verb := _predicate(right, joint.content, namings)) is not None:
        if joint.kind == "comma":
            return True
        told = bool((_VERBS | _STATES | {"there"}) & set(left)) or denied
        shared = denied and verb in _PLURAL and not _plural_naming(words, joint.content, namings)
        return told and not (shared and not (_VERBS & set(left)))
    if list_of_or:
        return False
    if right[0] in _OPENERS:
        return denied or bool(_VERBS & set(right))
    normal = any(name.normal and name.start == joint.content for name in namings)
    return denied and (normal or right[0] in _QUALITIES)


def _ends_in_or(joints: list[_Joint], number: int) -> bool:
    for joint in joints[number + 1 :]:
        if joint.kind != "comma":
            return joint.kind == "or"
    return False


def _predicate(right: list[str], offset: int, namings: list[_Named]) -> str | None:
    """The first verb or state after a naming that the stretch holds; None where there is no such thing."""
    named = [name.end - offset for name in namings if name.start >= offset and name.end <= offset + len(right)]
    if not named:
        return None
    return next((word for word in right[named[0] :] if word in _VERBS or word in _STATES), None)


def _plural_naming(words: list[str], offset: int, namings: list[_Named]) -> bool:
    last = next(words[name.end - 1] for name in namings if name.start >= offset)
    return last.endswith("s") and not last.endswith("sis") and not last.endswith("ous")
