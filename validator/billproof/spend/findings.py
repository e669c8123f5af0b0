"""What stands out in the accepted months of one organization: spikes, and projects and line items that are new or vanished.

A day is compared only with the days before it, and only where these are all there: a month without a file is a hole, never zero.
Money stays exact; floats are used to decide what stands out. The same months give the same findings, whatever their order.
How often this finds what is there, and how often it finds what is not, is measured: docs/spend.md.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Literal

from billproof.model.record import Record
from billproof.spend.tally import Cell, total

Level = Literal["organization", "project", "line item", "cell"]

HISTORY = 28  # days that must be there before a day is judged
WEEKS, FEWEST_WEEKS = 8, 4
ACTIVE = 14  # days with charges among the 28 before; with fewer, only what is beyond all before it stands out
SCORE, TIMES, LEAST_SPREAD = 4.0, 1.5, 0.10  # above what was expected: in spreads, and as a multiple
LEAST_USD, LEAST_SHARE = 10.0, 0.05  # and in money: USD, and the share of the organization's median day
NEW_DAYS, NEW_USD = 7, Decimal(25)
GONE_DAYS = 7
SEEN = 5  # active days before an intermittent series is judged
NAMED = 3  # cells that are named with a spike
NAMED_SHARE = 0.1

_ZERO = Decimal(0)


class Key(Record):
    """A sum of cells that is looked at: the whole organization, a project, a line item, or one cell."""

    level: Level
    project: str = ""
    item: str = ""


class Mover(Record):
    """A cell that made a spike, and by how much it was above its median of the 28 days before."""

    cell: Cell
    amount: Decimal


class Finding(Record):
    """One thing that stands out. `amount`: above what was expected (spike), since its first day (new), in the 28 days before
    its last (vanished). `expected` belongs to spikes.
    """

    kind: Literal["spike", "new", "vanished"]
    day: int
    key: Key
    amount: Decimal
    expected: Decimal | None = None
    movers: tuple[Mover, ...] = ()


Cells = Mapping[Cell, Mapping[int, Decimal]]


def findings(cells: Cells, days: Iterable[int]) -> list[Finding]:
    """What stands out, by day. `days` are those of all accepted months; a cell has no charge on a day that it does not name."""
    history = _History(cells, days)
    if not history.days:
        return []
    told: dict[Cell, Finding] = {}
    found = list(_come_and_gone(history, told))
    found += _spikes(history, told)
    return sorted(found, key=lambda finding: (finding.day, finding.kind, finding.key))


def unjudged(days: Iterable[int], wanted: range) -> list[range]:
    """The days in `wanted` that are there and have too little history before them to be judged."""
    history = _History({}, days)
    found: list[range] = []
    for at, day in enumerate(history.days):
        if day in wanted and history.run[at] < HISTORY:
            if found and found[-1].stop == day:
                found[-1] = range(found[-1].start, day + 1)
            else:
                found.append(range(day, day + 1))
    return found


class _History:
    """The days that are there, in order; how many days without a hole are before each; and the cells with any charge."""

    def __init__(self, cells: Cells, days: Iterable[int]) -> None:
        self.days = sorted(set(days))
        self.run = [0] * len(self.days)
        for at in range(1, len(self.days)):
            self.run[at] = self.run[at - 1] + 1 if self.days[at] == self.days[at - 1] + 1 else 0
        self.exact = cells
        self.cells = sorted(cell for cell, by_day in cells.items() if any(by_day.values()))
        self.values = {cell: [float(cells[cell].get(day, 0)) for day in self.days] for cell in self.cells}

    def summed(self, cells: Sequence[Cell]) -> list[float]:
        """The cells together, day by day."""
        if len(cells) == 1:
            return self.values[cells[0]]
        return [sum(column) for column in zip(*(self.values[cell] for cell in cells), strict=True)] or [0.0] * len(self.days)

    def exactly(self, cells: Iterable[Cell], first: int, last: int) -> Decimal:
        """The charges of some cells from one day to another, both included."""
        return total(amount for cell in cells for day, amount in self.exact[cell].items() if first <= day <= last)


def _groups(cells: Sequence[Cell]) -> list[tuple[Key, list[Cell]]]:
    """Projects first, then line items: what is told first is taken out of what follows."""
    projects, items = defaultdict(list), defaultdict(list)
    for cell in cells:
        projects[Key("project", cell.project)].append(cell)
        items[Key("line item", item=cell.item)].append(cell)
    return [*sorted(projects.items()), *sorted(items.items())]


def _come_and_gone(history: _History, told: dict[Cell, Finding]) -> Iterable[Finding]:
    singles = [(Key("cell", *cell), [cell]) for cell in history.cells]
    for key, some in (*_groups(history.cells), *singles):
        left = [cell for cell in some if cell not in told]
        if not left:
            continue
        # A new project may have brought the line item along: whether that is new, too, its charges there say as well.
        if any(told[cell].kind == "new" for cell in some if cell in told):
            left = some
        finding = _new(history, key, left) or _vanished(history, key, left)
        if finding is not None:
            told.update({cell: finding for cell in left if cell not in told})
            yield finding


def _new(history: _History, key: Key, cells: Sequence[Cell]) -> Finding | None:
    """Nothing in the 28 days before its first charge, nor before them, and at least 25 USD in its first week."""
    values = history.summed(cells)
    at = next((at for at, value in enumerate(values) if value > 0), None)
    if at is None or history.run[at] < HISTORY:
        return None
    first = history.days[at]
    if history.exactly(cells, first, first + NEW_DAYS - 1) < NEW_USD:
        return None
    return Finding("new", first, key, history.exactly(cells, first, history.days[-1]))


def _vanished(history: _History, key: Key, cells: Sequence[Cell]) -> Finding | None:
    """Charges on most days before, and now none for a week at least and for twice as long as ever before."""
    values, days = history.summed(cells), history.days
    active = [at for at, value in enumerate(values) if value > 0]
    if not active:
        return None
    last = active[-1]
    silent = len(days) - 1 - last
    gap = max((after - before - 1 for before, after in pairwise(active)), default=0)
    recent = [at for at in active if days[at] > days[last] - HISTORY]
    if silent < GONE_DAYS or silent <= 2 * gap or history.run[last] < HISTORY - 1 or len(recent) < ACTIVE:
        return None
    amount = history.exactly(cells, days[last] - HISTORY + 1, days[last])
    if amount < NEW_USD:
        return None
    return Finding("vanished", days[last + 1], key, amount)


def _spikes(history: _History, told: Mapping[Cell, Finding]) -> Iterable[Finding]:
    """At most one a day: the largest of all sums that are beyond what was expected of them, with the cells that made it."""
    steady = [cell for cell in history.cells if cell not in told]
    floor = max(LEAST_USD, LEAST_SHARE * median(history.summed(history.cells) or [0.0]))
    series = [(Key("organization"), steady), *_groups(steady)] if steady else []
    series += [(Key("cell", *cell), [cell]) for cell in told]
    raised: dict[int, list[tuple[float, Key, float, list[Cell]]]] = defaultdict(list)
    for key, cells in series:
        values = history.summed(cells)
        for at, expected in _beyond(history, values, floor):
            raised[at].append((values[at] - expected, key, expected, cells))
    for at, found in sorted(raised.items()):
        above, key, expected, _ = max(found, key=lambda one: one[:2])
        cells = sorted({cell for *_, some in found for cell in some})
        yield Finding("spike", history.days[at], key, _cents(above), _cents(expected), _movers(history, cells, at, above))


def _movers(history: _History, cells: Sequence[Cell], at: int, above: float) -> tuple[Mover, ...]:
    moved = [(history.values[cell][at] - median(history.values[cell][at - HISTORY : at]), cell) for cell in cells]
    moved.sort(key=lambda one: (-one[0], one[1]))
    return tuple(Mover(cell, _cents(amount)) for amount, cell in moved[:NAMED] if amount > NAMED_SHARE * above)


def _beyond(history: _History, values: Sequence[float], floor: float) -> Iterable[tuple[int, float]]:
    """The places of days that stand out in a series, each with what was expected of it."""
    highest, seen = 0.0, 0
    for at, value in enumerate(values):
        if value >= floor and history.run[at] >= HISTORY and not _is_usual(value, values, at):
            active = sum(before > 0 for before in values[at - HISTORY : at])
            if active < ACTIVE:
                if seen >= SEEN and value > TIMES * highest and value - highest >= floor:
                    yield at, highest
            else:
                start = bisect_left(history.days, history.days[at] - 7 * WEEKS)
                if value >= TIMES * sorted(values[start:at])[-2]:
                    level, spread = _expected(values, at, min(WEEKS, history.run[at] // 7))
                    expected = exp(level)
                    if log(value) - level >= SCORE * spread and value >= TIMES * expected and value - expected >= floor:
                        yield at, expected
        highest = max(highest, value)
        seen += value > 0


def _is_usual(value: float, values: Sequence[float], at: int) -> bool:
    """A quick look that spares nearly every day the rest: whether two days of the weeks before were as high."""
    return sum(TIMES * values[at - days] > value for days in (1, 2, 7, 14)) > 1


def _expected(values: Sequence[float], at: int, weeks: int) -> tuple[float, float]:
    """The logarithm that is expected of a day, and its usual spread, from the whole weeks before it."""
    blocks = [[log(max(value, 0.01)) for value in values[at - 7 * week : at - 7 * (week - 1)]] for week in range(1, weeks + 1)]
    levels = [median(block) for block in blocks]
    # The first day of each block has the weekday of the day itself.
    offsets = [median(block[day] - level for block, level in zip(blocks, levels, strict=True)) for day in range(7)]
    centre = median(levels)
    residuals = [value - centre - offset for block in blocks for value, offset in zip(block, offsets, strict=True)]
    middle = median(residuals)
    spread = max(1.4826 * median(abs(residual - middle) for residual in residuals), LEAST_SPREAD)
    return median(levels[:FEWEST_WEEKS]) + offsets[0], spread


def _cents(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal("0.01"))
