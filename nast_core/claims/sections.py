"""Which parts of a report state what the image shows, told from its headings however they are written. Source: ours.

A heading may be in any case, on its own line or inline, with a colon, a dash or nothing after it, misspelt by a letter,
or in Markdown. Time is linear in the length of a report: a heading is short, and is looked for where one can end.
"""

import re
from functools import lru_cache
from typing import Literal, NamedTuple

Kind = Literal["findings", "impression", "aside", "banner", "place"]
Read = Literal[
    "findings", "impression alone", "last paragraph without a heading", "whole text, without headings", "none"
]
"""What was read of a report."""

_KINDS: dict[Kind, str] = {
    "findings": "finding|findings|report|result|results|narrative|interpretation|observation|observations|"
    "description|radiographic report|body of report|discussion",
    "impression": "impression|impressions|conclusion|conclusions|opinion|opinions|summary|assessment|imp|"
    "concl|final impression|final diagnosis|radiological diagnosis|radiologic diagnosis|"
    "radiographic diagnosis",
    "aside": "indication|indications|ind|history|hx|clinical history|clinical information|clinical info|"
    "clinical data|clinical details|clinical detail|clinical indication|clinical question|clinical statement|"
    "clinical context|clinical background|background|clinical|diagnosis|diagnoses|comparison|comparisons|"
    "compared|compare|prior|priors|prior study|prior studies|previous study|technique|techniques|"
    "recommendation|recommendations|recommend|recommended|suggestion|suggestions|advice|plan|follow up|"
    "followup|exam|examination|examinations|exams|study|procedure|procedures|protocol|modality|reason|"
    "reason for exam|reason for examination|reason for study|reason for this examination|signs and symptoms|"
    "symptoms|presenting complaint|complaint|chief complaint|question|request|order|wet read|wetread|"
    "preliminary read|preliminary report|preliminary impression|preliminary interpretation|notification|"
    "notifications|communication|addendum|addenda|final addendum|dictated by|transcribed by|signed|signed by|"
    "electronically signed by|attending|radiologist|physician|referring physician|date|date of exam|"
    "accession|accession number|patient|name|mrn|dob|age|sex|gender|views|view|number of views|"
    "number of images|dose|radiation dose|contrast|quality|disclaimer|copies to|cc|medical condition",
    "banner": "final report|radiology report|chest radiology report|final",
    "place": "lung|lungs|lungs and pleura|lung fields|airways|airway|pleura|pleural|pleural space|"
    "pleural spaces|heart|cardiac|cardiac silhouette|cardiomediastinal silhouette|cardiomediastinum|"
    "mediastinum|hila|hilum|bone|bones|osseous structures|soft tissues|soft tissue|chest wall|tubes|lines|"
    "lines and tubes|tubes and lines|support devices|devices|diaphragm|abdomen|upper abdomen|vessels|"
    "pulmonary vasculature|vasculature|trachea|other|others",
}
_KNOWN: dict[str, Kind] = {name: kind for kind, names in _KINDS.items() for name in names.split("|")}
_VIEWS = frozenset(
    re.findall(
        r"\w+",
        "chest thorax cxr pa ap lateral lat frontal upright portable single two one three view views radiograph "
        "radiographs radiography x ray xray rays film films and of the supine semi erect digital plain bedside "
        "posteroanterior anteroposterior 1 2 3",
    )
)
_ASIDE = (
    "prior",
    "previous",
    "old",
    "earlier",
    "outside",
    "clinical",
    "admitting",
    "referring",
    "working",
    "provisional",
    "preliminary",
    "presenting",
    "past",
    "known",
)  # of whose findings and diagnoses the image shows nothing
_SIGNED = re.compile(r"\b(?:MD|M\.D\.|Dr\.?|[Rr]adiologist|[Dd]ictated|[Ss]igned|[Aa]pproved|[Tt]ranscribed)(?:\b|\s)")
_NO_HEADING = frozenset(
    re.findall(
        r"\w+", "of are is was were with to from and consistent suggest suggests suggestive as in on by for has have"
    )
)  # what goes on with the sentence: "Findings are ...", "HISTORY OF ..."
_BARE = frozenset(
    re.findall(
        r"\w+",
        "findings impression impressions conclusion indication history comparison technique recommendation "
        "recommendations",
    )
)  # headings that may go without a colon or a line of their own
_LEAST = 6  # letters of a name that may be misspelt
_LONGEST = 60  # characters of a heading
_MARK = r"[ \t>*_#•]*(?:[-–][ \t]+)?(?:\d{1,2}[.)][ \t]+)?[*_]*"
_WORDS = r"[A-Za-z0-9][A-Za-z0-9 ,/&()'.-]{0,59}?"
_ENDED = re.compile(r"[*_ \t]*(?::|[ \t](?:[-–—]+|=)(?=[ \t\n]|$)|[—–])[*_]*")
_TAGS = re.compile(r"</?(?:b|i|u|p|strong|em|h[1-6]|br|div|span|li|ul)(?: [^<>]{0,80})?/?>", re.IGNORECASE)
_BRACKETS = re.compile(r"^([ \t]*)\[([A-Za-z ]{4,40})\][ \t]*:?", re.MULTILINE)
_BOLD = re.compile(r"\*\*|(?<![_\w])__(?=[A-Za-z])|(?<=[A-Za-z:.])__(?!_)")


class Sections(NamedTuple):
    """What a report states, and from which part that was taken."""

    text: str
    read: Read


class _Head(NamedTuple):
    start: int
    end: int
    kind: Kind
    opens: bool  # begins a paragraph


def stated(text: str) -> Sections:
    """The findings and the impression of a report.

    Indication, history, comparison, technique, recommendation and the like are never facts. Headings that are not known
    (LUNGS:) go on with the section that they stand in. A report without a findings heading gives its last paragraph
    without a heading, and its impression; a text without headings is read whole.
    """
    text = _BRACKETS.sub(_unbracketed, _BOLD.sub("", _TAGS.sub("\n", text.replace("\r\n", "\n").replace("\r", "\n"))))
    heads = _heads(text)
    if not any(head.kind != "place" for head in heads):
        return Sections(text, "whole text, without headings")
    parts: list[tuple[int, str]] = []  # place and text of what states something
    loose = _paragraphs(text[: heads[0].start], 0)  # paragraphs without a heading, in no section that states anything
    has_findings, state = False, "banner"
    structured = not any(head.kind == "findings" for head in heads)
    for head, end in zip(heads, [*(head.start for head in heads[1:]), len(text)], strict=True):
        if head.kind != "place":
            state = head.kind
        elif state in ("aside", "banner") and structured and head.opens:  # LUNGS: after the history is no history
            state = "findings"
        start = head.start if head.kind == "place" else head.end
        body = text[start:end].strip()
        if state in ("findings", "impression"):
            has_findings = has_findings or (state == "findings" and bool(body))
            parts += [(start, body)] if body else []
        else:  # what follows on a heading belongs to it, up to a blank line
            loose += _paragraphs(text[start:end], start)[state == "aside" :]
    with_words = [one for one in loose if re.search("[A-Za-z]{2}", one[1])]
    if not has_findings and with_words:
        unsigned = [one for one in with_words if not _SIGNED.search(one[1])]
        parts = sorted([*parts, (unsigned or with_words)[-1]])
        return Sections(_text_of(parts), "last paragraph without a heading")
    if not parts:
        return Sections("", "none")
    return Sections(_text_of(parts), "findings" if has_findings else "impression alone")


def _unbracketed(found: re.Match[str]) -> str:
    """ "[FINDINGS]" as a heading; "[Name]", as names are blanked out, as it is."""
    words = found[2].lower().split()
    return f"{found[1]}{found[2]}:" if words and words[-1] in _BARE else found[0]


def _text_of(parts: list[tuple[int, str]]) -> str:
    return "\n\n".join(part for _, part in parts)


def _paragraphs(text: str, start: int) -> list[tuple[int, str]]:
    """(place, paragraph) of those that are not blank."""
    return [
        (start + match.start(), match.group().strip()) for match in re.finditer(r"\S(?:[^\n]|\n(?![ \t]*\n))*", text)
    ]


def _heads(text: str) -> list[_Head]:
    """Every heading of a known kind, in order."""
    heads: list[_Head] = []
    at = 0
    blank_before = True
    for line in text.split("\n"):
        heads += _in_line(line, at, blank_before)
        blank_before = not line.strip()
        at += len(line) + 1
    return heads


def _in_line(line: str, at: int, opens: bool) -> list[_Head]:
    heads: list[_Head] = []
    lead = re.match(_MARK, line)
    begin = lead.end() if lead else 0
    if whole := _whole_line(line[begin:]):
        return [_Head(at, at + len(line), whole, opens)]
    if bare := _bare(line[begin:], first=True):
        kind, length = bare
        heads.append(_Head(at, at + begin + length, kind, opens))
        begin += length
    # a heading ends in a colon or a dash, and begins where a line, a sentence or what follows a heading begins
    since = begin
    for mark in _ENDED.finditer(line, begin):
        phrase_at = max(since, mark.start() - _LONGEST)
        cut = max(line.rfind(stop, phrase_at, mark.start()) for stop in (". ", "; ", "? ", "! ", ".  "))
        start = max(phrase_at, cut + 2) if cut >= 0 else phrase_at
        whole_phrase = start == since or cut >= 0
        head = _of_phrase(
            line[start : mark.start()], whole_phrase, opens and start == begin and not heads, mark.group()
        )
        if head:
            kind, offset = head
            lies_at = start + offset
            heads.append(
                _Head(
                    at + (0 if lies_at == begin and not heads else lies_at), at + mark.end(), kind, opens and not heads
                )
            )
            since = mark.end()
            while since < len(line) and line[since] in " \t*_":
                since += 1
    for stop in re.finditer(r"(?:[.;?!)]|(?<=[a-z]))[ \t]+(?=[A-Z]{4,}[ \t]+[A-Z0-9])", line):
        if all(head.end <= at + stop.end() or head.start > at + stop.end() for head in heads) and (
            bare := _bare(line[stop.end() :], first=False)
        ):
            heads.append(_Head(at + stop.end(), at + stop.end() + bare[1], bare[0], False))
    return sorted(heads)


def _whole_line(line: str) -> Kind | None:
    """A heading with a line to itself, without a colon."""
    name = line.rstrip(" \t*#=-–—").removesuffix(".").removesuffix(":").strip(" \t*")
    return _kind(name) if name and len(name) <= _LONGEST and ":" not in name and _kind(name) != "place" else None


def _bare(line: str, *, first: bool) -> tuple[Kind, int] | None:
    """A heading with nothing after it but the text: "FINDINGS Small effusion.";
    at the start of a line also "Findings Small"."""
    match = re.match(r"(?:CLINICAL[ \t]+|Clinical[ \t]+)?([A-Z][A-Za-z]{3,14})[ \t]+([A-Za-z0-9]+)", line)
    if not match:
        return None
    name, following = match.groups()
    kind = _kind(name)
    if kind not in ("findings", "impression", "aside") or name.lower() not in _BARE:
        return None
    if following.lower() in _NO_HEADING or not (following[0].isupper() or following[0].isdigit() or name.isupper()):
        return None
    if not name.isupper() and not first:
        return None
    if _kind(following) in ("findings", "impression") or re.match(r"[A-Za-z ]{0,40}:", line):
        return None  # the first words of a longer heading
    return kind, match.start(2)


def _of_phrase(phrase: str, whole: bool, opens: bool, mark: str) -> tuple[Kind, int] | None:
    """(kind, where in the phrase it begins) of the heading that a phrase before a colon or a dash is, or ends in."""
    stripped = phrase.strip(" \t*_")
    lead = len(phrase) - len(phrase.lstrip(" \t*_"))
    words = stripped.split()
    if not words:
        return None
    if whole and len(stripped) <= _LONGEST:
        kind = _kind(stripped)
        if kind:
            return kind, lead
        if words[0].lower() in _ASIDE and _kind(words[-1]) in ("findings", "impression", "aside"):
            return "aside", lead
        if ":" in mark and opens and _is_view(stripped):
            return "findings", lead
        last = _kind(words[-1])
        if last in ("findings", "impression", "aside") and (len(words) <= 3 or words[-1][0].isupper()) and ":" in mark:
            return last, lead
        if _kind(words[0]) == "aside" and len(words) <= 6 and ":" in mark and words[0][0].isupper():
            return "aside", lead
    for count in range(min(4, len(words)), 0, -1):  # without a boundary before it, only as headings are written
        name = " ".join(words[-count:])
        kind = _kind(name)
        if kind and kind != "place" and name[0].isupper() and ":" in mark and len(name) >= _LEAST - 1:
            return kind, phrase.rindex(words[-count]) if count == 1 else _start_of(phrase, count)
    return None


def _start_of(phrase: str, words: int) -> int:
    return [match.start() for match in re.finditer(r"\S+", phrase)][-words]


def _is_view(name: str) -> bool:
    """CHEST, TWO VIEWS: the name of the examination before what it shows."""
    words = re.findall(r"[a-z0-9]+", name.lower())
    return (
        1 <= len(words) <= 8
        and set(words) <= _VIEWS
        and bool({"chest", "thorax", "cxr", "radiograph", "view", "views"} & set(words))
    )


@lru_cache(maxsize=4096)
def _kind(name: str) -> Kind | None:
    """The kind of a heading; of one that joins several, the kind that states something."""
    plain = " ".join(re.sub(r"[^a-z0-9/&, ]+", " ", name.lower()).split()).strip(" ,/&")
    if not plain or len(plain) > _LONGEST:
        return None
    if kind := _kind_of(plain):
        return kind
    parts = [part for part in re.split(r" ?(?:/|&|,|\band\b) ?", plain) if part]
    kinds = [_kind_of(part) for part in parts]
    if len(parts) < 2 or None in kinds:
        return None
    return next((kind for kind in kinds if kind in ("findings", "impression")), kinds[0])


def _kind_of(name: str) -> Kind | None:
    if kind := _KNOWN.get(name):
        return kind
    if len(name) < _LEAST:
        return None
    return next(
        (kind for known, kind in _KNOWN.items() if kind != "place" and len(known) >= _LEAST and _one_off(name, known)),
        None,
    )


def _one_off(name: str, known: str) -> bool:
    """Whether two words differ by one letter more, less or other, or by two that changed places."""
    if abs(len(name) - len(known)) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(name, known, strict=False)) if a != b), min(len(name), len(known)))
    rest, other = name[at:], known[at:]
    return (
        rest[1:] == other
        or rest == other[1:]
        or rest[1:] == other[1:]
        or (rest[:2] == other[1::-1] and rest[2:] == other[2:])
    )
