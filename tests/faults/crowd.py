"""Many visitors at once, without their browsers: how long a click takes, whether answers are one's own, what memory
does."""

import asyncio
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from tests.browser_tools import running_app
from tests.faults.session import Answer, Session
from tests.faults.trials import Trial

PAUSE = 10.0  # seconds from a visitor's click to the next
BAR = 2.0  # seconds that 95 of 100 clicks take at most
_MARK = re.compile(rb"mark\d+x\d+")
_LISTEN = 5.0  # seconds between two looks at the memory
_FLAT = 0.1  # share that memory may grow by after the first minute
_TYPED = {"pair-source": "typed"}


@dataclass(frozen=True)
class Visit:
    """A page, and what a click on it sets. ``{mark}`` is the visitor's own, new at each click, and must be seen."""

    page: str
    start: dict[str, str]
    click: Callable[[str, int], dict[str, bool | str | int]]
    marked: bool = True


def _pair(mark: str, turn: int) -> dict[str, bool | str | int]:
    return {"affirmative": f"There is some {mark}.", "negated": f"There is no {mark}."}


VISITS = [
    Visit("", {"lost": "false"}, lambda mark, turn: {"case": 1 + turn % 60}, marked=False),
    Visit("attention", _TYPED, _pair),
    Visit("tracing", _TYPED, _pair),
    Visit("attribution", _TYPED, _pair),
    Visit("heads", {}, lambda mark, turn: {"average": ("mean of ratios", "ratio of means")[turn % 2]}, marked=False),
    Visit("benchmark", {"slice-wording": "seen"}, lambda mark, turn: {"slice-name": mark}),
    Visit("data", {}, lambda mark, turn: {"data-folder": f"/tmp/{mark}"}),
    Visit("models", {}, lambda mark, turn: {"sentence": f"There is no {mark}."}),
]

SHORT = [VISITS[0], VISITS[6], VISITS[7]]


@dataclass
class Seen:
    clicks: list[tuple[str, float]] = field(default_factory=list)  # page, seconds
    bytes: int = 0
    cpu: float = 0.0  # seconds that the server worked for the clicks, openings included
    foreign: list[str] = field(default_factory=list)  # answers with another's mark, or without one's own
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, int]] = field(default_factory=list)  # seconds since the clicks began, bytes

    def slowest_of(self, share: float) -> float:
        times = sorted(seconds for _, seconds in self.clicks)
        return times[min(len(times) - 1, int(share * len(times)))]

    def growth(self) -> float:
        """Of memory: the most of the last third over the most of the first minute."""
        last = self.memory[-1][0]
        first = max((size for at, size in self.memory if at <= 60), default=0)
        return max(size for at, size in self.memory if at >= last * 2 / 3) / first - 1

    def by_page(self) -> str:
        pages = dict.fromkeys(page for page, _ in self.clicks)
        said = []
        for page in pages:
            times = sorted(seconds for name, seconds in self.clicks if name == page)
            said.append(f"{page or 'home'} {statistics.median(times):.2f} and {times[int(0.95 * len(times))]:.2f}")
        return ", ".join(said)


def crowd(sessions: int, minutes: float, pause: float = PAUSE, visits: list[Visit] = VISITS) -> Seen:
    """``sessions`` visitors of the real server, each with a click every ``pause`` seconds."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        of_its_own = {"NAST_RUNS": f"{folder}/runs", "NAST_DATA": f"{folder}/data", "NAST_CACHE": f"{folder}/vectors"}
        with running_app(**of_its_own) as address:
            server = next(child for child in psutil.Process().children() if "streamlit" in " ".join(child.cmdline()))
            asyncio.run(_all(address, server, sessions, minutes * 60, pause, visits, seen))
    return seen


async def _all(
    address: str, server: psutil.Process, count: int, seconds: float, pause: float, visits: list[Visit], seen: Seen
) -> None:
    for visit in visits[:count]:  # the first visitor of a page pays for what all share
        async with Session(address) as one:
            _check(await one.open(visit.page, **visit.start), visit, "", seen)
    begun, worked = time.monotonic(), _worked(server)

    async def listen() -> None:
        while True:
            seen.memory.append((time.monotonic() - begun, server.memory_info().rss))
            await asyncio.sleep(_LISTEN)

    async def visitor(number: int) -> None:
        visit = visits[number % len(visits)]
        await asyncio.sleep(pause * number / count)
        async with Session(address) as one:
            await one.open(visit.page, **visit.start)
            turn, due = number, time.monotonic() + pause
            while due < begun + seconds:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due, turn = due + pause, turn + 1
                mark = f"mark{number}x{turn}"
                answer = await one.click(visit.click(mark, turn))
                seen.clicks.append((visit.page, answer.seconds))
                _check(answer, visit, mark, seen)

    listener = asyncio.create_task(listen())
    await asyncio.gather(*(visitor(number) for number in range(count)))
    seen.memory.append((time.monotonic() - begun, server.memory_info().rss))
    seen.cpu = _worked(server) - worked
    listener.cancel()


def _worked(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def _check(answer: Answer, visit: Visit, mark: str, seen: Seen) -> None:
    seen.bytes += answer.bytes
    seen.errors += [f"{visit.page}: {said}" for said in answer.exceptions + answer.errors]
    found = {match.decode() for match in _MARK.findall(answer.drawn)}
    if mark and found != ({mark} if visit.marked else set()):
        seen.foreign.append(f"{visit.page}: {mark} was asked for, and {sorted(found)} was drawn")


def trials(
    sessions: int, minutes: float, pause: float = PAUSE, visits: list[Visit] = VISITS, *, judged: bool = True
) -> list[Trial]:
    """``judged``: seconds and memory too, which need some minutes and a machine that does nothing else."""
    seen = crowd(sessions, minutes, pause, visits)
    clicks, late = len(seen.clicks), seen.slowest_of(0.95)
    told = f"{sessions} sessions, a click each {pause:g} s, {minutes:g} minutes"
    figures = (
        f"median {seen.slowest_of(0.5):.2f} s, 95 % {late:.2f} s, longest {seen.slowest_of(1):.2f} s, "
        f"{seen.cpu / clicks:.2f} s of the server's work and {seen.bytes / clicks / 1e3:,.0f} kB a click; by page, "
        f"median and 95 %: {seen.by_page()}"
    )
    whole = [
        Trial("crowd", "every answer is one's own", clicks, clicks - len(seen.foreign), "; ".join(seen.foreign[:3])),
        Trial("crowd", "no error box", clicks, clicks - len(seen.errors), "; ".join(seen.errors[:3])),
    ]
    if not judged:
        return [Trial("crowd", told, clicks, clicks, figures), *whole]
    slow = sum(seconds > BAR for _, seconds in seen.clicks)
    grown = seen.growth()
    most = max(size for _, size in seen.memory)
    return [
        Trial("crowd", f"{told}: 95 of 100 take at most {BAR:g} "
            "s", clicks, clicks if late <= BAR else clicks - slow, figures),
        *whole,
        Trial(
            "crowd", f"memory grows by at most {_FLAT:.0%} after the first minute", 1, int(grown <= _FLAT),
            f"{grown:+.1%}, at most {most / 1e6:,.0f} MB",
        ),
    ]  # fmt: skip
