"""Foreign text, shown as text: what files, links and people say is never read as Markdown, HTML or a chart's template.

Every name, question, path or message that this app did not write itself goes through ``plain`` where Streamlit reads
Markdown, and through ``chart`` where plotly reads its own subset of HTML. Tables, code blocks and fields show text as
it is.
"""

import re
import unicodedata
from html import escape

_BREAK = "\u2060"  # word joiner: nothing to be seen, no line is broken there; what it parts is no pattern any more
_SIGNS = re.compile(r"[\\`*\[\]<>{$|~&]")
_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # inside a word it means nothing
_START = re.compile(r"[#+=-]|\d+[.)](?=\s|$)")  # a heading, a list, a rule
_COLOURS = "red|orange|yellow|green|blue|violet|gr[ae]y|rainbow|primary"
_DIRECTIVE = re.compile(rf":(?=:|{_COLOURS}|small|help|shimmer)")  # Streamlit shows any other name as it is
# The rest is found in the text after escapes are gone, so that no backslash helps.
_FOUND_LATER = re.compile(
    r":(?=[+-]1:|100:|1234:|[-_][\w-]*:|[\w+/-]*[^\W\d][\w+/-]*:)"  # :smile:, :material/home:
    r"|(?<=http):(?=//)|(?<=https):(?=//)|(?<=www)(?=\.)|@(?=[\w-]+\.)"  # bare addresses become links
    r"|(?<!\S)[<>~-](?=[>=-]{1,2}(?!\S))",  # -> and the like become arrows and dashes
    re.IGNORECASE,
)
_UNSEEN = {"Cc", "Cf", "Cs"}  # control, format (which turns the direction of text) and half a character
_RULE = re.compile(r"\|[|: -]+\|")  # below a table's head
_MARK = re.compile(r"#{1,4} |- ")
_WHOLE = re.compile(r"\*\*([^*]+)\*\*|`([^`]+)`|([^*`]+|[*`])")
_NOT_CODE = re.compile(r"[`|]|:material/")  # ends it, ends a table's cell, is replaced even in it
_JOINERS = {"\u200c", "\u200d", "\u2060", "\u00ad"}  # format signs that words are written with


def plain(text: object) -> str:
    """Markdown that shows ``text`` as it is, in one line; what cannot be seen in it (control signs) is written out."""
    line = " ".join(_visible(str(text)).split())
    line = _FOUND_LATER.sub(lambda match: match[0] + _BREAK, line)
    line = _UNDERSCORE.sub(r"\\_", _DIRECTIVE.sub(r"\\:", _SIGNS.sub(r"\\\g<0>", line)))
    start = _START.match(line)
    if start is None:
        return line
    number, sign = start[0][:-1], start[0][-1]
    return f"{number}\\{sign}{line[start.end() :]}"


def code(text: object) -> str:
    """``text`` as inline code; what inline code cannot hold is shown as ``plain`` shows it."""
    line = " ".join(_visible(str(text)).split())
    return f"`{line}`" if line and not _NOT_CODE.search(line) else plain(text)


def document(markdown: str) -> str:
    """A dataset card's headings (two levels smaller), lists, tables, bold and code; all else is shown as it is."""
    return "\n".join(map(_line, markdown.splitlines()))


def _line(line: str) -> str:
    if _RULE.fullmatch(line):
        return line
    if line.startswith("|"):
        return "|".join(map(_words, line.split("|")))
    mark = _MARK.match(line)
    if mark is None:
        return _words(line)
    return ("##" if "#" in mark[0] else "") + mark[0] + _words(line[mark.end() :])


def _words(text: str) -> str:
    """Text of which whole bold and code stay what they are."""
    return "".join(
        f"**{plain(bold)}**" if bold else code(inline) if inline else part(rest)
        for bold, inline, rest in _WHOLE.findall(text)
    )


def part(text: str) -> str:
    """``plain`` of a piece of a line, with the spaces at either end that part it from what stands beside it."""
    if not text:
        return ""
    shown = plain(text)
    return f"{' ' * text[0].isspace()}{shown}{' ' * text[-1].isspace()}" if shown else " "


def chart(text: object) -> str:
    """``text`` for a chart's titles, ticks, names and hover texts."""
    return escape(_visible(str(text)), quote=False).replace("%{", f"%{_BREAK}{{")


def _visible(text: str) -> str:
    return "".join(
        sign if sign.isspace() or unicodedata.category(sign) not in _UNSEEN or sign in _JOINERS else ascii(sign)[1:-1]
        for sign in text
    )
