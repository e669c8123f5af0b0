"""Kinds of check that find a row too many: a charge that is in the file twice, an empty row beside other rows of its day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import repeat
from operator import xor
from typing import Any, Literal

from billproof.model.record import Record
from billproof.model.results import Place, Spot
from billproof.model.values import day_of
from billproof.reading.view import REMEMBERED_VALUES, View
from billproof.rules.checks.base import Check, Settled
from billproof.rules.table_schema import Role, TableSchema


class UniqueRows(Check):
    """No two charged rows of a day are the same in the day and in every column, apart from the columns that may differ.

    Rows are remembered by a 120-bit digest and for the days in hand only, so that memory does not grow with a file sorted by
    day. Two different rows with one digest are not to be expected: once in 10^24 days of a million rows.
    """

    kind = "unique_rows"
    placeholders = ("first_line",)
    reads_roles = ("day",)

    class Parameters(Record):
        """The roles of the columns that may differ (never the day's); and whether a file need not be sorted by day."""

        but_roles: tuple[Role, ...]
        within: Literal["day", "file"] = "day"

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        day = super().columns(parameters, schema, roles)
        return tuple(field.name for field in schema.fields if field.name in day or field.role not in parameters.but_roles)

    def start(self, parameters: Parameters) -> None:
        self._day = self.file.roles.get("day") or ""
        self._group = self.file.roles.get("group") or self._day
        self._but = set(self.file.schema.names(*parameters.but_roles) if parameters.but_roles else ()) - {self._day}
        codes = self.file.schema.names("code")
        compared = [(place, name) for place, name in enumerate(self.file.columns.names) if name not in self._but]
        self._digests = [_CellDigests(place, name in codes) for place, name in compared]
        self._seen: set[int] = set()
        self._chunks: list[tuple[list[int], Sequence[int]]] = []
        self._latest = -1

    def on_rows(self, view: View) -> None:
        view = view.readable(*(name for name in self.file.columns.names if name not in self._but))
        if not len(view):
            return
        rows = self._rows(view)
        for day, places in self._runs(view):
            if day < self._latest:
                self.left_out += len(places)
                self.evaluated -= len(places)
                continue
            if day > self._latest:
                self._latest = day
                self._seen, self._chunks = set(), []
            self._of_day(view, places, rows[places.start : places.stop])

    def _rows(self, view: View) -> list[int]:
        """The digest of each row: those of its cells combined. Most columns of a batch have only one value."""
        same, different = 0, list[Iterator[int]]()
        for digests, (cells, equal) in zip(self._digests, view.all_columns(self._but), strict=True):
            if equal:
                same ^= digests[cells[0]]
            else:
                different.append(map(digests.__getitem__, cells))
        rows: Iterator[int] = repeat(same, len(view))
        for column in different:
            rows = map(xor, rows, column)
        return list(rows)

    def _runs(self, view: View) -> Iterator[tuple[int, range]]:
        """Runs of rows of one day, in the file's order; the whole view if the file need not be sorted."""
        if self.parameters.within == "file":
            yield self._latest, range(len(view))
            return
        for value, rows in view.runs(self._day):
            day = self.file.collector.day(value)
            yield self._latest if day is None else day, rows

    def _of_day(self, view: View, places: range, rows: list[int]) -> None:
        own = set(rows)
        twins = [] if len(own) == len(rows) and self._seen.isdisjoint(own) else self._twins(places, rows)
        self._seen |= own
        self._chunks.append((rows, view.lines[places.start : places.stop]))

        def first_line(place: int) -> int:
            row = rows[place - places.start]
            earlier, lines = next(chunk for chunk in self._chunks if row in chunk[0])
            return lines[earlier.index(row)]

        self.fail_rows(
            view, twins, self._group, lambda place: {"first_line": str(first_line(place))},
            lambda place: Place(first_line(place), self._group),
        )  # fmt: skip

    def _twins(self, places: range, rows: list[int]) -> list[int]:
        """The places of the rows that are like an earlier one."""
        fresh: set[int] = set()
        twins = []
        for place, row in zip(places, rows, strict=True):
            if row in self._seen or row in fresh:
                twins.append(place)
            fresh.add(row)
        return twins


class _CellDigests(dict[str, int]):
    """The digest of each value of one column; those of the last few thousand are remembered."""

    def __init__(self, column: int, is_code: bool) -> None:
        self._column = column.to_bytes(4)
        self._is_code = is_code

    def __missing__(self, value: str) -> int:
        # A code in small letters is the same code: the rule on currencies takes `usd` as `USD`.
        text = value.upper() if self._is_code and value.islower() else value
        if len(self) >= REMEMBERED_VALUES:
            self.clear()
        data = text.encode("utf-8", "surrogateescape")
        self[value] = digest = int.from_bytes(blake2b(data, digest_size=15, person=self._column).digest())
        return digest


class EmptyDayAlone(Check):
    """A row without charges is the only row of its day."""

    kind = "empty_day_alone"
    reads_charged = True
    reads_roles = ("day",)
    placeholders = ("day",)

    def start(self, parameters: Any) -> None:
        self._charged: set[str] = set()
        self._counts: Counter[str] = Counter()
        # The first empty row of each day is one too many only if the day has charges as well, now or later.
        self._first: dict[str, Spot] = {}

    def on_rows(self, view: View) -> None:
        charged = view.charged()
        self._charged |= charged.distinct(self.column) if len(charged) else set()
        if len(charged) == len(view):
            return
        empty = view.without(set(charged.positions))
        for row, value in enumerate(empty.column(self.column)):
            self._counts[value] += 1
            if value not in self._first:
                self._first[value] = self.spot(empty, row, self.column, self._day_of(value))
            elif len(self.spots) <= self.file.max_findings:
                self.spots.append(self.spot(empty, row, self.column, self._day_of(value)))

    def _day_of(self, value: str) -> Callable[[int], Mapping[str, str]]:
        day = self.file.collector.day(value)
        return lambda _: {"day": value if day is None else day_of(day).isoformat()}

    def at_end(self, settled: Settled) -> None:
        for value, count in self._counts.items():
            beside = value in self._charged
            self.violations += count - (not beside)
            self.spots += [self._first[value]] if beside else []
        if not self._counts:
            self.evaluated = 0
