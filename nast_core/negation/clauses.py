"""Where one clause of a report sentence ends and the next begins, by rules over its words. Source: ours.

A cue of denial reaches as far as its clause. Reports join clauses by little more than commas ("no effusion, mild
atelectasis"), and list what one cue denies with the same commas ("no effusion, atelectasis, or fracture"): what
follows a comma or an "and" decides. Where nothing decides ("no effusion, atelectasis at the bases") the clause is open.
"""

from typing import Literal, NamedTuple

from nast_core.negation.words import classes, ends_of_more

Opening = Literal["new", "open"]


_ANSWERED = (["no"], ["none"], ["yes"], ["nil"])  # "effusion - no, ...": the whole of what is said of it


class _Joint(NamedTuple):
    kind: str  # hard, and, or, comma
    start: int  # where the next clause would begin
    content: int  # first token after the joining words


class Named(NamedTuple):
    """A naming, in tokens [start, end)."""

    start: int
    end: int
    normal: bool  # said of what is absent: "clear lungs"
    device: bool = False


def clauses(words: list[str], names: list[Named]) -> list[tuple[int, Opening]]:
    """First token of each clause, and whether it surely is one or may go on with the one before.
    ``words`` in lower case."""
    words = list(words)
    for start, end, *_ in names:  # "enlarged" in a name is no predicate; the last word tells singular from plural
        words[start : end - 1] = [""] * (end - 1 - start)
    joints = _joints(words, _asides(words, names))
    ends_in_or = _ends_in_or(joints)
    first_name = {name.start: name for name in names}
    starts: list[tuple[int, Opening]] = [(0, "new")]
    left = _Left(words)
    place = 0
    for number, joint in enumerate(joints):
        end = joints[number + 1].start if number + 1 < len(joints) else len(words)
        left.grow(joint.start)
        while place < len(names) and names[place].start < joint.content:
            place += 1
        inside = place
        while inside < len(names) and names[inside].end <= end:
            inside += 1
        right = words[joint.content : end]
        if joint.kind == "comma" and left.verb and number + 1 < len(joints) and joints[number + 1].kind == "and":
            later = joints[number + 2].start if number + 2 < len(joints) else len(words)
            if _shared_behind(words, joints[number + 1], later, names[place:inside], names, inside):
                starts.append((joint.start, "new"))
                left.restart(joint.start)
                continue
        if joint.kind == "comma" and words[joint.start] == "," and words[joint.start - 1 : joint.start] in _ANSWERED:
            starts.append((joint.start, "new"))
            left.restart(joint.start)
            continue
        opening = _opening(joint, right, left, names[place:inside], first_name, ends_in_or[number])
        if opening:
            starts.append((joint.start, opening))
            if opening == "new":
                left.restart(joint.start)
    return starts


def _shared_behind(
    words: list[str], joint: _Joint, end: int, before: list[Named], names: list[Named], number: int
) -> bool:
    """ ", effusion and edema are absent": two subjects of one predicate, behind a clause that has its own."""
    if not before or number >= len(names) or names[number].end > end or names[number].start < joint.content:
        return False
    return _predicate(words[joint.content : end], joint.content, [names[number]]) in classes()["plurals"]


class _Left:
    """What the clause so far holds, grown token by token, so that long clauses are read once."""

    def __init__(self, words: list[str]) -> None:
        self.words, self.place = words, 0
        self.denied = self.speaks = self.verb = self.adjectives = False

    def restart(self, place: int) -> None:
        self.place = place
        self.denied = self.speaks = self.verb = self.adjectives = False

    def grow(self, end: int) -> None:
        for word in self.words[self.place : end]:
            self.denied |= word in classes()["cues"]
            self.adjectives = word in classes()["cues"] or (self.adjectives and _adjective(word))
            self.verb |= _verb(word)
            self.speaks |= _verb(word) or word in classes()["states"] or word == "there"
        self.place = max(self.place, end)


def _adjective(word: str) -> bool:
    return (
        word in classes()["goes_on"] or word in classes()["affirms"] or word in ("displaced", "evidence", "of", "any")
    )


def _verb(word: str) -> bool:
    return word in classes()["auxiliaries"] or word in classes()["verbs"]


def _asides(words: list[str], names: list[Named]) -> set[int]:
    """Where brackets open around a finding of its own: "no pneumothorax (small effusion)"."""
    asides, start = set(), None
    starts = {name.start for name in names}
    for place, word in enumerate(words):
        if word == "(":
            start = place
        elif word == ")":
            start = None
        elif place in starts and start is not None:
            asides.add(start)
    return asides


def _joints(words: list[str], asides: set[int]) -> list[_Joint]:
    joints, i = [], 0
    while i < len(words):
        start, kind = i, None
        if i in asides:
            joints.append(_Joint("hard", i, i + 1))
            i += 1
            continue
        if words[i] in (",", "-", "/") and words[i - 1 : i] != ["("]:
            kind, i = "comma" if words[i] != "/" else "or", i + 1
        if i < len(words) and (ahead := _joining(words, i)):
            kind, length = ahead
            i += length
        if kind:
            joints.append(_Joint(kind, start, i))
        i = max(i, start + 1)
    return joints


def _joining(words: list[str], i: int) -> tuple[str, int] | None:
    word, known = words[i], classes()
    before = words[i - 1] if i else ""
    if word in known["ends"] and (word, before) not in (
        ("yet", "not"),
        ("but", "all"),
        ("but", "everything"),
        ("but", "anything"),
    ):
        return "hard", 1
    for phrase in ends_of_more().get(word, ()):
        if tuple(words[i : i + len(phrase)]) == phrase and before not in ("not", "n't"):
            return "hard", len(phrase)
    if tuple(words[i : i + 3]) == ("in", "the", "absence"):
        return "hard", 0
    if tuple(words[i : i + 3]) == ("as", "well", "as"):
        return "and", 3
    if word == "unlikely" and words[i + 1 : i + 2] == ["to"]:  # of an opacity that is there, what it is not
        return "hard", 0
    if word == "post" and any(w in known["procedures"] for w in words[i + 1 : i + 5]):
        return "hard", 1
    if tuple(words[i : i + 3]) in (("there", "is", "now"), ("there", "are", "now")) and before not in (
        "that",
        "because",
        "if",
    ):
        return "hard", 0
    if word == "yet" and before not in ("not", "n't"):
        return "hard", 1
    sure = bool({"certainty", "confidence"} & set(words[i + 1 : i + 3]))  # "cannot with certainty be excluded"
    if word == "with" and before not in known["keeps_with"] and not sure:
        return "hard", 1
    if word in known["joints_and"]:
        return "and", 1
    if word in known["joints_or"]:
        return "or", 1
    return None


def _ends_in_or(joints: list[_Joint]) -> list[bool]:
    """Of each joint, whether the next that is no comma is an "or"."""
    flags, ends = [False] * len(joints), False
    for number in range(len(joints) - 1, -1, -1):
        flags[number] = ends
        if joints[number].kind != "comma":
            ends = joints[number].kind == "or"
    return flags


def _opening(
    joint: _Joint, right: list[str], left: _Left, inside: list[Named], first_name: dict[int, Named], list_of_or: bool
) -> Opening | None:
    if joint.kind == "hard":
        return "new"
    if joint.kind == "or" or not right:
        return None
    known = classes()
    if right[0] in {"which", "who", "that"}:
        auxiliary = right[1:2] and right[1] in known["auxiliaries"] and right[1] not in known["modals"]
        return "new" if auxiliary and inside and left.denied else None  # "no change in the heart, which is enlarged"
    if joint.kind == "comma" and left.adjectives:
        return None  # "no acute, displaced fracture"
    if right[0] in classes()["cues"] and not (right[0] in ("resolved", "removed", "absent") and not inside):
        return "new"
    if right[:2] == ["positive", "for"] or right[0] in ("only", "just", "merely", "simply", "rather", "instead"):
        return "new"
    if inside and joint.kind == "comma" and left.denied and any(map(_verb, right[: inside[0].start - joint.content])):
        return "new"  # "no effusion, the heart is enlarged"
    verb = _predicate(right, joint.content, inside)
    if verb is not None and not (list_of_or and joint.kind == "comma" and not _fragment(right)):
        shared = verb in known["plurals"] and not _plural(right[inside[0].end - 1 - joint.content])
        if joint.kind == "comma":
            if verb in known["exists"] and verb not in known["placed"] and left.denied and not _affirmed(right, inside):
                return "open"
            return None if shared and not left.speaks else "new"
        complete = left.speaks or left.denied
        return "new" if complete and not (left.denied and shared and not left.verb) else None
    if not inside and right[0] in {"now", "today", "currently", "others"} and any(map(_verb, right)):
        return "new"  # "and now there is"
    if not inside and right[0] in known["prepositions"] and any(map(_verb, right)) and set(right) & known["sides"]:
        return "new" if left.denied else None  # "and on the right it is small"
    if not inside and joint.kind == "comma" and right[0] in known["auxiliaries"] | {"now", "currently", "previously"}:
        return "new"
    if list_of_or:
        return None
    if right[0] in known["openers"]:
        return "new" if left.denied or any(map(_verb, right)) else None
    if not left.denied:
        return None
    first = first_name.get(joint.content)
    if (first is not None and first.normal) or right[0] in known["affirms"]:
        return "new"
    if joint.kind != "comma" or not inside:
        return None
    return _fragment_behind_denial(right, joint.content, inside)


def _fragment_behind_denial(right: list[str], offset: int, inside: list[Named]) -> Opening | None:
    """ "No effusion, ..." and no verb: whether what follows is said to be there, or denied too."""
    known = classes()
    before, behind = right[: inside[0].start - offset], right[inside[-1].end - offset :]
    if any(word in known["affirms"] for word in before[:2]) or any(word in known["placed"] for word in behind[:5]):
        return "new"
    if any(word not in known["goes_on"] and not word.endswith("ly") for word in before):
        return "open"
    if any(word in known["side_of_body"] for word in behind[:5]):
        return "open"
    if inside[-1].device and behind[:1] and behind[0] not in known["exists"] and behind[0][:1].isalnum():
        return "new"  # ", tip above the carina": it is told where a device is, or how
    return None


def _affirmed(right: list[str], inside: list[Named]) -> bool:
    known = classes()
    return right[0] in known["affirms"] or right[0] in known["openers"] or any(map(_verb, right))


def _fragment(right: list[str]) -> bool:
    return right[0] in classes()["openers"]


def _predicate(right: list[str], offset: int, inside: list[Named]) -> str | None:
    """The first verb or state after a naming that the stretch holds; None where there is no such thing."""
    if not inside:
        return None
    exists = classes()["exists"]
    return next(
        (w for w in right[inside[0].end - offset :] if _verb(w) or w in classes()["states"] or w in exists), None
    )


def _plural(word: str) -> bool:
    return word.endswith("s") and not word.endswith("sis") and not word.endswith("ous")
