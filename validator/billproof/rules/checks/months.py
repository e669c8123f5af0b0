"""Kinds of check on days and months: is this the month, all of it, over, and named so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal

from billproof.model.record import Record
from billproof.model.results import Spot
from billproof.model.values import DAY_SECONDS, calendar_date, day_number, day_of, in_words, month_days, month_end, month_of
from billproof.reading.view import View
from billproof.rules.checks.base import Check, Settled, bad_rows, matched

# Of how many months a file's findings are kept as for a file of one.
_FULL_MONTHS = 10


class _OfDays(Check):
    """A check of the column with the role `day`."""

    reads_roles = ("day",)


class _ByMonth(_OfDays):
    """A check that keeps its findings by month, because the month to be replaced is known last."""

    def start(self, parameters: Any) -> None:
        self._rows: Counter[str] = Counter()
        self._spots: dict[str, list[Spot]] = {}

    def _months(self, view: View) -> Iterator[tuple[str, Sequence[int]]]:
        """The rows of each month, which are counted."""
        months: dict[str, set[str]] = {}
        for value in view.distinct(self.column):
            if (day := self.file.collector.day(value)) is not None:
                months.setdefault(month_of(day), set()).add(value)
        cells = view.column(self.column)
        for month, values in months.items():
            rows = range(len(cells)) if len(months) == 1 else bad_rows(cells, values)
            self._rows[month] += len(rows)
            yield month, rows

    def _day(self, cell: str) -> int:
        return self.file.collector.day(cell) or 0

    def _keep(self, month: str, view: View, rows: Sequence[int], **details: str) -> None:
        """Keeps the places of some rows. In a file of very many months there is room for one of each only."""
        spots, cells, room = self._spots.setdefault(month, []), view.column(self.column), self.file.max_findings
        if sum(map(len, self._spots.values())) > room * _FULL_MONTHS:
            room = 1
        for row in rows[: max(room - len(spots), 0)]:
            text = {"day": day_of(self._day(cells[row])).isoformat(), **details}
            spots.append(self.spot(view, row, self.column, lambda _, found=text: found))  # type: ignore[misc]


class InsideMonth(_ByMonth):
    """Rows of another month than the one to be replaced."""

    kind = "inside_month"
    placeholders = ("day",)
    raises = ("no_row_in_month",)

    class Parameters(Record):
        role: Literal["day"]

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        # The first month is nearly always the file's own, so that its places are needed only if it turns out another.
        self._first: tuple[str, View, Sequence[int]] | None = None

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        for month, rows in self._months(view) if len(view) else ():
            if self._first is None and not self._spots and len(rows) >= self.file.max_findings:
                self._first = (month, view, rows[: self.file.max_findings])
            if self._first is None or month != self._first[0]:
                self._keep(month, view, rows)

    def at_end(self, settled: Settled) -> None:
        month = settled.month.value
        if self._first is not None and self._first[0] != month:
            self._keep(*self._first)
        if self.evaluated and month not in self._rows:
            self.circumstances.add("no_row_in_month")
        for other, count in self._rows.items():
            if other != month:
                self.violations += count
                self.spots += self._spots[other]


class DayBegun(_ByMonth):
    """No row is of a day that begins later than now. Rows of another month than the one to be replaced are left out."""

    kind = "day_begun"
    placeholders = ("day", "as_of")

    def start(self, parameters: Any) -> None:
        super().start(parameters)
        self._now = self.file.as_of.timestamp() / DAY_SECONDS
        self._ahead: Counter[str] = Counter()

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        cells = view.column(self.column)
        for month, rows in self._months(view) if len(view) else ():
            ahead = {cell for cell in view.distinct(self.column) if self._day(cell) > self._now}
            if ahead:
                rows = bad_rows(cells, {cell for cell in ahead if month_of(self._day(cell)) == month})
                self._ahead[month] += len(rows)
                self._keep(month, view, rows, as_of=in_words(self.file.as_of))

    def at_end(self, settled: Settled) -> None:
        month = settled.month.value or ""
        left_out = self._rows.total() - self._rows[month]
        self.left_out += left_out
        self.evaluated -= left_out
        self.violations = self._ahead[month]
        self.spots = self._spots.get(month, [])


class DayCoverage(_OfDays):
    """Every day of the month that had ended has a row; a run of missing days is one finding."""

    kind = "day_coverage"
    unit = "day"
    placeholders = ("missing",)

    class Parameters(Record):
        role: Literal["day"]
        period: Literal["month"]

    def at_end(self, settled: Settled) -> None:
        assert settled.month.value is not None
        days = self.file.collector.days
        ended = [day for day in month_days(settled.month.value) if self.file.collector.has_ended(day, self.file.as_of)]
        self.evaluated = len(ended)
        missing = [day for day in ended if day not in days]
        later = sorted(days)
        for first, last in _runs(missing):
            following = next((day for day in later if day > last), None)
            line, value, key = self.file.collector.last_row
            if following is not None:
                line, value, key = days[following].first_line, days[following].value, days[following].key
            text = day_of(first).isoformat() + (f" to {day_of(last).isoformat()}" if last > first else "")
            self.fail_file(line, self.column, value=value, key=key, missing=text)
        self.violations = len(missing)


class MonthOver(_OfDays):
    """The month had ended. Does not apply to a month to date."""

    kind = "month_over"
    placeholders = ("end", "as_of")
    raises = ("no_day_ended",)

    def at_end(self, settled: Settled) -> None:
        if self.file.month_to_date:
            self.not_applicable = "a month to date was requested"
            return
        month = settled.month.value
        assert month is not None
        end = month_end(month)
        if self.file.as_of < end:
            first = month_days(month).start
            none_ended = not self.file.collector.has_ended(first, self.file.as_of)
            self.fail_file(
                circumstance="no_day_ended" if none_ended else None,
                key=month, end=in_words(end), as_of=in_words(self.file.as_of),
            )  # fmt: skip


class MonthSettled(_OfDays):
    """The month ended long enough ago for late usage to be in it."""

    kind = "month_settled"
    placeholders = ("again", "as_of")

    class Parameters(Record):
        hours: int

    def at_end(self, settled: Settled) -> None:
        month = settled.month.value
        assert month is not None
        end = month_end(month)
        again = end + timedelta(hours=self.parameters.hours)
        if end <= self.file.as_of < again:
            self.fail_file(key=month, again=in_words(again), as_of=in_words(self.file.as_of))


class FileName(_OfDays):
    """The dates in the file's name are its first and last day. Does not apply to names without dates."""

    kind = "file_name"
    pattern_groups = ("first", "last")
    placeholders = ("named_first", "named_last", "first_day", "last_day")

    class Parameters(Record):
        """The form of the name, with the groups `first` and `last`."""

        pattern: str

    def start(self, parameters: Parameters) -> None:
        match = matched(parameters.pattern, self.file.name)
        dates = [calendar_date(match[group]) for group in ("first", "last")] if match else [None]
        self._named = [day_number(date) for date in dates if date]
        if None in dates:
            self.not_applicable = "the name has no dates"

    def at_end(self, settled: Settled) -> None:
        days = self.file.collector.days
        if self.not_applicable or not days:
            return
        covered = [min(days), max(days)]
        if self._named != covered:
            named_first, named_last, first_day, last_day = (day_of(day).isoformat() for day in (*self._named, *covered))
            self.fail_file(named_first=named_first, named_last=named_last, first_day=first_day, last_day=last_day)


def _runs(days: list[int]) -> list[tuple[int, int]]:
    """Consecutive days as (first, last)."""
    runs: list[tuple[int, int]] = []
    for day in days:
        if runs and runs[-1][1] == day - 1:
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs
