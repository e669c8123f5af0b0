"""Exact sums of a file by day, project and line item, gathered only where OpenAI's record is to be compared with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, localcontext

from billproof.model.costs import CostKey
from billproof.model.values import EXACT
from billproof.reading.totals import Collector
from billproof.reading.view import View

_ZERO = Decimal(0)

# The first row of a key: its first and last line, its day and amount as written there, and its grouping cells.
FirstRow = tuple[int, int, str, str, str]


class KeyedSums:
    """The amounts and the first rows by key. `collector` knows the columns and the days, and whether amounts can be summed."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self.amounts: dict[CostKey, Decimal] = {}
        self.first_rows: dict[CostKey, FirstRow] = {}

    def take(self, view: View, badly_dated: set[int], row_keys: Callable[[View], Sequence[str]]) -> None:
        """Adds a batch, once the collector has taken it."""
        charged = view.charged().without(badly_dated)
        if not len(charged) or not self._collector.usable:
            return
        roles = ("day", "project", "group", "amount")
        starts, projects, items, amounts = (self._collector.cells(charged, role) for role in roles)
        days = {start: self._collector.day(start) for start in set(starts)}
        keys = zip(map(days.get, starts), projects, items, strict=True)
        rows = zip(charged.lines, charged.end_lines, starts, amounts, row_keys(charged), strict=True)
        with localcontext(EXACT):
            for key, row in zip(keys, rows, strict=True):
                day, project, item = key
                if day is None:
                    continue
                amount = Decimal(row[3]) or _ZERO
                if (known := (day, project, item)) in self.amounts:
                    self.amounts[known] += amount
                else:
                    self.amounts[known], self.first_rows[known] = amount, row
