"""Kinds of check on the times of a row: one day, UTC midnight, order, and the ISO text of the Unix number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

from billproof.model.record import Record
from billproof.model.values import in_words, instant, integer, shown
from billproof.reading.decode import Spec
from billproof.reading.view import REMEMBERED_VALUES, View
from billproof.rules.checks.base import Check, Settled, bad_rows
from billproof.rules.table_schema import TableSchema


class TimeDifference(Check):
    """Two times of a row are exactly so many seconds apart."""

    kind = "difference"
    placeholders = ("seconds",)
    raises = ("every_row",)
    named_by = ("start", "to")

    class Parameters(Record):
        start: Annotated[str, Spec(key="from")]
        to: str
        seconds: int

    def on_rows(self, view: View) -> None:
        start, to = self.parameters.start, self.parameters.to
        view = view.readable(start, to)
        bad = {pair for pair in _pairs(view, start, to) if _difference(pair) != self.parameters.seconds}
        if bad:
            pairs = list(zip(view.column(start), view.column(to), strict=True))
            rows = [row for row, pair in enumerate(pairs) if pair in bad]
            self.fail_rows(view, rows, to, lambda row: {"seconds": f"{_difference(pairs[row])}"})

    def at_end(self, settled: Settled) -> None:
        if self.violations and self.violations == self.evaluated:
            self.circumstances.add("every_row")


class MultipleOf(Check):
    """A time is a whole multiple of so many seconds: a UTC midnight for 86,400."""

    kind = "multiple_of"
    placeholders = ("instant",)

    class Parameters(Record):
        column: str
        seconds: int

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        bad = {value for value in view.distinct(self.column) if (integer(value) or 0) % self.parameters.seconds}
        if bad:
            cells = view.column(self.column)
            self.fail_rows(view, bad_rows(cells, bad), self.column, lambda row: {"instant": _instant(cells[row])})


class Ascending(Check):
    """A time is never lower than in the row before."""

    kind = "ascending"
    placeholders = ("previous",)

    class Parameters(Record):
        column: str

    def start(self, parameters: Any) -> None:
        self._previous: str | None = None

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        bad: dict[int, str] = {}
        for value, rows in view.runs(self.column):
            if self._previous is not None and _order(value) < _order(self._previous):
                bad[rows.start] = self._previous
            self._previous = value
        self.fail_rows(view, list(bad), self.column, lambda row: {"previous": bad[row]})


class SameInstant(Check):
    """ISO text is the same instant as the Unix number of its row; without an offset it is UTC.

    An empty cell fails where the Table Schema says that it is always filled.
    """

    kind = "same_instant"
    placeholders = ("found", "instant")

    class Parameters(Record):
        """ISO column to Unix column."""

        pairs: Annotated[Mapping[str, str], Spec(doc="each column of ISO text with its column of Unix times")]

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return (*parameters.pairs, *parameters.pairs.values())

    def start(self, parameters: Parameters) -> None:
        index = self.file.columns.index
        self._good: set[tuple[str, str]] = set()
        self._pairs = {text: time for text, time in parameters.pairs.items() if text in index and time in index}
        self._may_be_empty = {field.name for field in self.file.schema.fields if field.cell != "always"}
        if not self._pairs:
            self.not_applicable = "the file has no such column"

    def on_rows(self, view: View) -> None:
        for text_name, time_name in self._pairs.items():
            readable = view.readable(text_name, time_name)
            if text_name in self._may_be_empty:
                readable = readable.filled(text_name)
            if not len(readable):
                continue
            texts, times = readable.column(text_name), readable.column(time_name)
            new = _pairs(readable, text_name, time_name) - self._good
            bad = {pair for pair in new if not _same(*pair)}
            if len(self._good) < REMEMBERED_VALUES:
                self._good |= new - bad
            if bad:
                rows = [row for row, pair in enumerate(zip(texts, times, strict=True)) if pair in bad]
                self.fail_rows(readable, rows, text_name, partial(_found_and_expected, texts, times))


def _pairs(view: View, first: str, second: str) -> set[tuple[str, str]]:
    """The different pairs of cells of two columns: one pair in nearly every batch of a good file."""
    if len(view.distinct(first)) == 1 == len(view.distinct(second)):
        return {(view.column(first)[0], view.column(second)[0])}
    return set(zip(view.column(first), view.column(second), strict=True))


def _same(text: str, time: str) -> bool:
    return _seconds(text) == integer(time)


def _found_and_expected(texts: Sequence[str], times: Sequence[str], row: int) -> Mapping[str, str]:
    return {"found": f'"{shown(texts[row])}"' if texts[row] else "empty", "instant": _instant(times[row])}


def _difference(pair: tuple[str, str]) -> int | None:
    start, end = map(integer, pair)
    return None if start is None or end is None else end - start


def _order(value: str) -> tuple[int, str]:
    """Numbers by size; text of the same form, such as dates, by its characters."""
    number = integer(value)
    return (number, "") if number is not None else (0, value)


def _seconds(text: str) -> int | None:
    moment = instant(text)
    return None if moment is None else int(moment.timestamp())


def _instant(text: str) -> str:
    number = integer(text)
    if number is None or not 0 <= number < 253_402_300_800:
        return "not a valid time"
    return in_words(datetime.fromtimestamp(number, UTC))
