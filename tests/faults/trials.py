"""What a trial of faults came to, and the table of all."""

from collections.abc import Iterable
from typing import NamedTuple


class Trial(NamedTuple):
    part: str  # crowd, kills, disk
    what: str  # what was done, and what is asked of it
    tried: int
    held: int
    said: str = ""  # figures, or the first that did not hold

    @property
    def good(self) -> bool:
        return self.held == self.tried


def table(trials: Iterable[Trial]) -> str:
    lines = ["| part | trial | held | figures |", "| --- | --- | ---: | --- |"]
    lines += [f"| {t.part} | {t.what} | {t.held} of {t.tried} | {t.said.replace('|', '/')} |" for t in trials]
    return "\n".join(lines) + "\n"
