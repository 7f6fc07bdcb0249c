"""XML from files: of bounded size and depth, without entities of its own, in the encoding that its bytes show."""

import codecs
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

from nast_core.files.gate import MB

MOST = 4 * MB  # a report has a few thousand bytes
_DEPTH = 100
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")


def parse_xml(content: bytes) -> ElementTree.Element:
    """The root element of an XML file's bytes. Raises ValueError with half a sentence for anything else.

    A declaration may lie: what is UTF-8 is read as UTF-8, and only what is not by the encoding that is declared.
    """
    if len(content) > MOST:
        raise ValueError(f"it has more than {MOST:,} bytes")
    text = _decoded(content)
    if "<!ENTITY" in text:
        raise ValueError("it declares entities, which are not read (a few lines of them unfold to gigabytes)")
    parser: Any = ElementTree.XMLPullParser(events=("start", "end"))
    depth, root = 0, None
    try:
        for start in range(0, len(text), MB // 4):
            parser.feed(text[start : start + MB // 4])
            for event, element in parser.read_events():
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                if depth > _DEPTH:
                    raise ValueError(f"it is nested more than {_DEPTH} deep")
        parser.close()
    except ElementTree.ParseError as fault:
        raise ValueError(str(fault)) from None
    if root is None:
        raise ValueError("it holds no element")
    return root


def _decoded(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _by(encoding, content)
    if content[:2] in (b"<\0", b"\0<"):
        return _by("utf-16-le" if content[1:2] == b"\0" else "utf-16-be", content)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as fault:
        declared = _DECLARED.match(content.lstrip())
        name = declared[1].decode() if declared else "utf-8"
        if name.casefold() in ("utf-8", "utf8") or name.casefold().startswith(("utf", "ucs")):
            raise ValueError(f"it is not UTF-8 text ({fault.reason} at byte {fault.start})") from None
        return _by(name, content)


def _by(encoding: str, content: bytes) -> str:
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise ValueError(f"it is declared to be {encoding!r}, which is no encoding known here") from None
    except (UnicodeError, ValueError) as fault:
        raise ValueError(f"it cannot be read as {encoding} ({str(fault)[:80]})") from None
