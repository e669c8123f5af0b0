"""Exact sums of a file by day, project and line item, gathered only where OpenAI's record is to be compared with them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from billproof.model.costs import CostKey
from billproof.model.values import EXACT
from billproof.reading.totals import Collector
from billproof.reading.view import View

_ZERO = Decimal(0)


class KeyTally:
    """One key of the file: its first row, day and amount as written there, and the sum."""

    __slots__ = ("amount", "end_line", "line", "row_key", "start", "value")

    def __init__(self, line: int, end_line: int, start: str, value: str, row_key: str) -> None:
        self.line = line
        self.end_line = end_line
        self.start = start
        self.value = value
        self.row_key = row_key
        self.amount = _ZERO


class KeyedSums:
    """The tallies by key. `collector` knows the columns and the days, and whether amounts can be summed at all."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.tallies: dict[CostKey, KeyTally] = {}

    def take(self, view: View, badly_dated: set[int], row_key: Callable[[View, int], str]) -> None:
        """Adds a batch, once the collector has taken it."""
        charged = view.charged().without(badly_dated)
        if not len(charged) or not self._collector.usable:
            return
        days, projects, items, amounts = (self._collector.cells(charged, role) for role in ("day", "project", "group", "amount"))
        for row, (start, project, item, amount) in enumerate(zip(days, projects, items, amounts, strict=True)):
            day = self._collector.day(start)
            if day is None:
                continue
            tally = self.tallies.get((day, project, item))
            if tally is None:
                tally = KeyTally(charged.line(row), charged.end_line(row), start, amount, row_key(charged, row))
                self.tallies[day, project, item] = tally
            tally.amount = EXACT.add(tally.amount, Decimal(amount) or _ZERO)
