"""Kinds of check on who and what is charged: organization, project, line item, duplicates, people's addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal

from billproof.model.record import Record
from billproof.model.results import Place, Spot
from billproof.model.values import shown
from billproof.reading.view import View
from billproof.rules.checks.base import Check, Settled, bad_rows
from billproof.rules.table_schema import TableSchema


class HasCharges(Check):
    """There is at least one row with a charge; a header with times alone cannot have one."""

    kind = "has_charges"
    reads_charged = True
    placeholders = ("found",)
    raises = ("four_columns", "no_charged_row")

    def start(self, parameters: Any) -> None:
        self._charged = False

    def at_header(self) -> None:
        if self.file.export.export == "no_usage":
            self.fail_file(circumstance="four_columns", found="its only columns are times")

    def on_rows(self, view: View) -> None:
        self._charged = self._charged or len(view.charged()) > 0

    def at_end(self, settled: Settled) -> None:
        if not self._charged and not self.violations and not self.left_out:
            self.fail_file(circumstance="no_charged_row", found=f"none of its {self.evaluated:,} rows has anything but times")


class EqualsSetting(Check):
    """Cells that equal a setting. The setting may follow from the rows, so every candidate is counted until the end."""

    kind = "equals_setting"
    placeholders = ("expected",)

    class Parameters(Record):
        """The column and the setting."""

        column: str
        setting: Literal["organization"]

    def start(self, parameters: Parameters) -> None:
        self._name = parameters.column
        self._spots: dict[str, list[Spot]] = {}
        self._counts: Counter[str] = Counter()

    def on_rows(self, view: View) -> None:
        view = view.readable(self._name)
        candidates = set(self.file.organizations)
        distinct = view.distinct(self._name) if len(view) else set()
        if not candidates or (distinct == candidates and len(candidates) == 1):
            return
        cells = view.column(self._name)
        for group in sorted({value if value in candidates else "" for value in distinct}):
            rows = bad_rows(cells, {group} if group else distinct - candidates)
            self._counts[group] += len(rows)
            spots = self._spots.setdefault(group, [])
            spots.extend(self.spot(view, row, self._name) for row in rows[: self.file.max_findings - len(spots)])

    def at_end(self, settled: Settled) -> None:
        expected = settled.expected_organization or ""
        for group, spots in self._spots.items():
            if group != expected or not group:
                self.violations += self._counts[group]
                self.spots.extend(
                    Spot(one.line, one.end_line, one.column, one.column_number, one.value, (), one.key, {"expected": expected})
                    for one in spots
                )


class SingleValue(Check):
    """A column has one value in the whole file; every other value is one finding, at its first row."""

    kind = "single_value"
    unit = "id"
    placeholders = ("first_value",)

    class Parameters(Record):
        """The column."""

        column: str

    def start(self, parameters: Parameters) -> None:
        self._name = parameters.column
        self._first: str | None = None
        self._seen: set[str] = set()

    def on_rows(self, view: View) -> None:
        view = view.readable(self._name)
        new = view.distinct(self._name) - self._seen
        if not new:
            return
        self._seen |= new
        cells = view.column(self._name)
        first_rows = sorted((cells.index(value), value) for value in new)
        if self._first is None:
            self._first = first_rows.pop(0)[1]
        first = self._first
        self.fail_rows(view, [row for row, _ in first_rows], self._name, lambda row: {"first_value": shown(first)})


class OneName(Check):
    """An ID always has the same name."""

    kind = "one_name"
    unit = "id"
    placeholders = ("id", "name", "first_name")

    class Parameters(Record):
        """The columns of the id and of the name."""

        id: str
        name: str

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return (parameters.id, parameters.name)

    def start(self, parameters: Parameters) -> None:
        self._id, self._name = parameters.id, parameters.name
        self._names: dict[str, str] = {}
        self._renamed: set[str] = set()

    def on_rows(self, view: View) -> None:
        view = view.readable(self._id, self._name).filled(self._name)
        ids, names = view.column(self._id), view.column(self._name)
        if list(map(self._names.get, ids)) == list(names):
            return
        pairs = list(zip(ids, names, strict=True))
        for row, (id_, name) in enumerate(pairs):
            first = self._names.setdefault(id_, name)
            if first != name and id_ not in self._renamed:
                self._renamed.add(id_)
                details = {"id": shown(id_), "name": shown(name), "first_name": shown(first)}
                self.fail_rows(view, [row], self._name, lambda _, found=details: found)  # type: ignore[misc]


class Together(Check):
    """Cells that belong to a charge, such as a project's ID and name, are empty in every row, or in some."""

    kind = "together"
    placeholders = ("count", "rows")

    class Parameters(Record):
        """The columns, and whether it fails when every row lacks one, or when some do and not all."""

        columns: tuple[str, ...]
        fails_when: Literal["every_row", "some_rows"]

    @classmethod
    def unit_of(cls, parameters: Parameters) -> str:
        return "file" if parameters.fails_when == "every_row" else "row"

    def start(self, parameters: Parameters) -> None:
        self._names, self._every = parameters.columns, parameters.fails_when == "every_row"
        self._lacking = 0
        self._first: Spot | None = None

    def on_rows(self, view: View) -> None:
        view = view.readable(*self._names)
        blank = [name for name in self._names if view.has_blank(name)]
        if not blank:
            return
        rows = sorted(set().union(*(bad_rows(view.column(name), {""}) for name in blank)))
        self._lacking += len(rows)
        if not self.full:
            self.spots.extend(self.spot(view, row, self._names[0]) for row in rows[: self.file.max_findings])

    def at_end(self, settled: Settled) -> None:
        fails = self._lacking > 0 and (self._lacking == self.evaluated) is self._every
        count, rows = f"{self._lacking:,}", f"{self.evaluated:,}"
        spots = self.spots[:1] if self._every else self.spots
        self.spots = [
            Spot(one.line, one.end_line, one.column, one.column_number, one.value, (), one.key, {"count": count, "rows": rows})
            for one in spots
            if fails
        ]
        if fails:
            self.violations = 1 if self._every else self._lacking


class UniqueRows(Check):
    """No two charged rows of a day are the same in every column, apart from the columns that may differ.

    Rows are remembered by a 64-bit hash and for the days in hand only, so that memory does not grow with a file sorted by
    day. Two different rows of one day with one hash are expected once in about 10^9 files of a million rows.
    """

    kind = "unique_rows"
    placeholders = ("first_line",)

    class Parameters(Record):
        """The roles of the columns that may differ; and whether a file need not be sorted by day (`within: file`)."""

        but_roles: tuple[Literal["time", "measure", "id", "code", "group", "text"], ...]
        within: Literal["day", "file"] = "day"

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return tuple(one.name for one in schema.fields if one.role not in parameters.but_roles)

    def start(self, parameters: Parameters) -> None:
        self._but = {one.name for one in self.file.schema.fields if one.role in parameters.but_roles}
        self._whole_file = parameters.within == "file"
        self._day = self.file.roles.get("day") or ""
        self._group = self.file.roles.get("group") or self._day
        self._seen: set[int] = set()
        self._chunks: list[tuple[list[int], Sequence[int]]] = []
        self._latest = -1

    def on_rows(self, view: View) -> None:
        view = view.readable(*(name for name in self.file.columns.names if name not in self._but))
        if not len(view):
            return
        hashes = list(map(hash, zip(*view.all_columns(self._but), strict=True)))
        for day, rows in self._runs(view):
            if day < self._latest:
                self.left_out += len(rows)
                self.evaluated -= len(rows)
                continue
            if day > self._latest:
                self._latest = day
                self._seen, self._chunks = set(), []
            self._of_day(view, rows, hashes)

    def _runs(self, view: View) -> Iterator[tuple[int, range]]:
        """Runs of rows of one day, in the file's order; the whole view if the file need not be sorted."""
        if self._whole_file or len(view.distinct(self._day)) == 1:
            day = None if self._whole_file else self.file.collector.day(view.column(self._day)[0])
            yield self._latest if day is None else day, range(len(view))
            return
        start = 0
        for value, run in groupby(view.column(self._day)):
            end = start + len(list(run))
            day = self.file.collector.day(value)
            yield self._latest if day is None else day, range(start, end)
            start = end

    def _of_day(self, view: View, rows: range, hashes: list[int]) -> None:
        new, lines = hashes[rows.start : rows.stop], view.lines[rows.start : rows.stop]
        own = set(new)
        doubles = [] if len(own) == len(new) and self._seen.isdisjoint(own) else self._doubles(new, rows)
        self._seen |= own
        self._chunks.append((new, lines))

        def first_line(row: int) -> int:
            earlier, where = next(chunk for chunk in self._chunks if hashes[row] in chunk[0])
            return where[earlier.index(hashes[row])]

        self.fail_rows(
            view, doubles, self._group, lambda row: {"first_line": str(first_line(row))},
            lambda row: Place(first_line(row), self._group),
        )  # fmt: skip

    def _doubles(self, new: list[int], rows: range) -> list[int]:
        """The rows that are like an earlier one."""
        seen = set(self._seen)
        found = []
        for row, one in zip(rows, new, strict=True):
            if one in seen:
                found.append(row)
            seen.add(one)
        return found


class PersonalData(Check):
    """A column contains people's e-mail addresses. They are counted, never copied."""

    kind = "personal_data"
    keeps_private = True
    unit = "row"
    placeholders = ("count",)

    class Parameters(Record):
        """The column."""

        column: str

    def start(self, parameters: Parameters) -> None:
        self._name = parameters.column
        self._rows = 0

    def on_rows(self, view: View) -> None:
        view = view.readable(self._name)
        found = {value for value in view.distinct(self._name) if "@" in value or "＠" in value}
        if found:
            self._rows += len(bad_rows(view.column(self._name), found))

    def at_end(self, settled: Settled) -> None:
        if self._rows:
            self.fail_file(column=self._name, count=f"{self._rows:,}")
            self.violations = self._rows
