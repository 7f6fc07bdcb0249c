"""Files of one JSON object a line: read strictly, with the line number of the first fault."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from nast_core.errors import NastError, what_is_wrong
from nast_core.files.documents import parse_json
from nast_core.files.gate import MB, read_text, shown
from nast_core.files.writing import place_of, writing

Record = TypeVar("Record")
MOST = 4_000 * MB


def read_jsonl(
    path: Path,
    make: Callable[[object], Record],
    error: type[NastError],
    *,
    one: str,
    many: str,
    absent: str,
    empty: str,
    needed: str = "",
    log: bool = False,
) -> Iterator[tuple[int, Record]]:
    """(line number, record) of every line that is not blank, one at a time: a caller's own checks come in the file's
    order.

    ``one`` and ``many`` name a record; ``absent`` and ``empty`` say what to do where there is no file, or none in it;
    ``needed`` what a line has to hold. ``log``: the file grows by append_line, so it may be empty, and a last line
    without its end, which a crash cut off, is passed over. Raises ``error`` for the first line that ``make`` refuses,
    and for a file without any.
    """
    text = read_text(path, most=MOST, error=error, absent=absent)
    lines = text.split("\n")  # JSON strings may hold what splitlines() takes for an end
    if log:
        lines.pop()
    any_line = False
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = make(parse_json(line))
        except ValueError as fault:  # pydantic's ValidationError among them
            wanted = f"; needed: {needed}" if needed else ""
            raise error(f"{shown(path)}, line {number}: not {one} ({what_is_wrong(fault)}){wanted}") from None
        any_line = True
        yield number, record
    if not any_line and not log:
        raise error(f"{shown(path)} has no {many}; {empty}")


def append_line(path: Path, line: str) -> None:
    """Adds a line and waits until it is on the disk; half a line that a crash left behind is cut off first.

    The caller holds the file's lock. Raises DataError where it cannot be written; the file is then as it was.
    """
    with writing(path), place_of(path).open("a+b", buffering=0) as file:
        file.seek(0)
        end = file.read().rfind(b"\n") + 1
        file.truncate(end)
        try:
            content = memoryview(line.encode() + b"\n")
            while content:
                content = content[file.write(content) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)
            raise
