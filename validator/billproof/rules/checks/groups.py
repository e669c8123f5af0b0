"""Kinds of check on who and what is charged: organization, project, line item, people's addresses."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any, Literal

from billproof.model.record import Record
from billproof.model.results import Spot
from billproof.model.values import shown
from billproof.reading.view import View
from billproof.rules.checks.base import Check, Settled, bad_rows


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
    placeholders = ("expected", "several", "named")

    class Parameters(Record):
        column: str
        setting: Literal["organization"]

    def start(self, parameters: Any) -> None:
        self._spots: dict[str, list[Spot]] = {}
        self._counts: Counter[str] = Counter()

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        candidates = set(self.file.organizations)
        distinct = view.distinct(self.column) if len(view) else set()
        if not candidates or (distinct == candidates and len(candidates) == 1):
            return
        cells = view.column(self.column)
        for group in sorted({value if value in candidates else "" for value in distinct}):
            rows = bad_rows(cells, {group} if group else distinct - candidates)
            self._counts[group] += len(rows)
            spots = self._spots.setdefault(group, [])
            named = partial(self.named, view)
            spots.extend(self.spot(view, row, self.column, named) for row in rows[: self.file.max_findings - len(spots)])

    def at_end(self, settled: Settled) -> None:
        expected = settled.expected_organization or ""
        count = sum(1 for organization in self.file.collector.organizations if organization)
        self.constants = {"several": f"; the file has charges of {count:,} organizations" if count > 1 else ""}
        for group, spots in self._spots.items():
            if group != expected or not group:
                self.violations += self._counts[group]
                self.spots.extend(spot._replace(details={**spot.details, "expected": expected}) for spot in spots)


class SingleValue(Check):
    """A column has one value in the whole file; every other value is one finding, at its first row."""

    kind = "single_value"
    unit = "id"
    placeholders = ("named", "first_value", "first_named")

    class Parameters(Record):
        column: str

    def start(self, parameters: Any) -> None:
        self._first: dict[str, str] = {}
        self._seen: set[str] = set()

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        new = view.distinct(self.column) - self._seen
        if not new:
            return
        self._seen |= new
        cells = view.column(self.column)
        first_rows = sorted((cells.index(value), value) for value in new)
        if not self._first:
            row, first = first_rows.pop(0)
            self._first = {"first_value": shown(first), "first_named": self.named(view, row)["named"]}
        first_found = self._first
        self.fail_rows(view, [row for row, _ in first_rows], self.column, lambda row: self.named(view, row) | first_found)


class OneName(Check):
    """An ID always has the same name."""

    kind = "one_name"
    unit = "id"
    placeholders = ("id", "name", "first_name")
    named_by = ("id", "name")

    class Parameters(Record):
        id: str
        name: str

    def start(self, parameters: Any) -> None:
        self._names: dict[str, str] = {}
        self._renamed: set[str] = set()

    def on_rows(self, view: View) -> None:
        id_column, name_column = self.names
        view = view.readable(id_column, name_column).filled(name_column)
        ids, names = view.column(id_column), view.column(name_column)
        if list(map(self._names.get, ids)) == list(names):
            return
        for row, (id_, name) in enumerate(zip(ids, names, strict=True)):
            first = self._names.setdefault(id_, name)
            if first != name and id_ not in self._renamed:
                self._renamed.add(id_)
                details = {"id": shown(id_), "name": shown(name), "first_name": shown(first)}
                self.fail_rows(view, [row], name_column, lambda _, found=details: found)  # type: ignore[misc]


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
        self._every = parameters.fails_when == "every_row"
        self._lacking = 0

    def on_rows(self, view: View) -> None:
        view = view.readable(*self.parameters.columns)
        blank = [name for name in self.parameters.columns if view.has_blank(name)]
        if not blank:
            return
        rows = sorted(set().union(*(bad_rows(view.column(name), {""}) for name in blank)))
        self._lacking += len(rows)
        if not self.full:
            self.spots.extend(self.spot(view, row, self.column) for row in rows[: self.file.max_findings])

    def at_end(self, settled: Settled) -> None:
        if not self._lacking or (self._lacking == self.evaluated) is not self._every:
            self.spots = []
            return
        details = {"count": f"{self._lacking:,}", "rows": f"{self.evaluated:,}"}
        self.spots = [spot._replace(details=details) for spot in (self.spots[:1] if self._every else self.spots)]
        self.violations = 1 if self._every else self._lacking


class PersonalData(Check):
    """A column contains people's e-mail addresses. They are counted, never copied."""

    kind = "personal_data"
    keeps_private = True
    unit = "row"
    placeholders = ("count",)

    class Parameters(Record):
        column: str

    def start(self, parameters: Any) -> None:
        self._rows = 0

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        addresses = {value for value in view.distinct(self.column) if "@" in value or "＠" in value}
        if addresses:
            self._rows += len(bad_rows(view.column(self.column), addresses))

    def at_end(self, settled: Settled) -> None:
        if self._rows:
            self.fail_file(column=self.column, count=f"{self._rows:,}")
            self.violations = self._rows
