"""The peers beside `billproof`, one pair after the other: peer, ours, peer, ours …, so that a noisy machine hits both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks.files import FAULTS
from benchmarks.goals import HUGE, LARGE, MONTH, SMALL
from benchmarks.measure import SECONDS_LIMIT, NotMeasured, Process, Sample, measure
from benchmarks.tools import PEERS, Bench, Peer

ENORMOUS = 5_000_000
ROUNDS = {SMALL: 3, MONTH: 5, LARGE: 3, HUGE: 2, ENORMOUS: 1}
LONG = 10  # seconds: a run that takes longer is not repeated
BAD = next(fault for fault in FAULTS if fault.name == "bad amounts")


@dataclass
class Match:
    """A peer on files of so many rows, good or with a fault in every row: its runs, and ours beside each of them."""

    tool: str
    rows: int
    good: bool
    theirs: list[Sample] = field(default_factory=list)
    ours: list[Sample] = field(default_factory=list)
    why_not: str = ""  # why there are no runs

    @property
    def times_ours(self) -> list[float]:
        """Their time over ours, in each round."""
        return [theirs.seconds / ours.seconds for theirs, ours in zip(self.theirs, self.ours, strict=True)]

    @property
    def seconds(self) -> float:
        """The median of their times."""
        return median(run.seconds for run in self.theirs)


def contest(bench: Bench, largest: int, report: Callable[[Match], None]) -> list[Match]:
    """Every peer on every size up to the largest; each match is told when it is over."""
    matches: list[Match] = []
    for rows, good in ((SMALL, True), (MONTH, True), (LARGE, True), (LARGE, False), (HUGE, True), (ENORMOUS, True)):
        if rows > largest:
            continue
        for peer in PEERS:
            match = Match(peer.name, rows, good, why_not=hopeless(matches, peer, rows))
            if not match.why_not:
                play(match, bench, peer)
            matches.append(match)
            report(match)
    return matches


def hopeless(matches: list[Match], peer: Peer, rows: int) -> str:
    """Why a peer is not tried on so many rows: it was stopped on fewer, or needed so long that it would be."""
    smaller = [match for match in matches if match.tool == peer.name and match.good and match.rows < rows]
    if not smaller:
        return ""
    last = smaller[-1]
    if last.why_not:
        return last.why_not
    expected = last.seconds * rows / last.rows
    return f"not tried: about {expected:.0f} s" if rows > LARGE and expected > SECONDS_LIMIT else ""


def play(match: Match, bench: Bench, peer: Peer) -> None:
    """The rounds of a match; the first run warms up where runs are short."""
    file = bench.good(match.rows) if match.good else bench.damaged(match.rows, BAD)
    wrong = 0 if match.good or not peer.detects else 1
    pair = bench.peer(peer, file, wrong), bench.check("check", file, 0 if match.good else 1)
    try:
        for samples in rounds(pair, match.rows, bench):
            match.theirs.append(samples[0])
            match.ours.append(samples[1])
    except NotMeasured as reason:
        match.why_not = str(reason)
        match.theirs.clear()
        match.ours.clear()


def rounds(pair: tuple[Process, Process], rows: int, bench: Bench) -> Iterator[tuple[Sample, Sample]]:
    """Both, one after the other, as often as the size asks for. Raises NotMeasured."""
    if rows <= MONTH:
        measure(pair[0], bench.folder)
    for _ in range(ROUNDS[rows]):
        theirs, ours = measure(pair[0], bench.folder), measure(pair[1], bench.folder)
        yield theirs, ours
        if theirs.seconds > LONG:
            return
