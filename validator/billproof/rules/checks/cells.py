"""Kinds of check on single cells: numbers, allowed values, filled cells, spaces around them, formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from billproof.model.record import Record
from billproof.model.values import BLANKS, calendar_date, integer
from billproof.reading.decode import Spec
from billproof.reading.view import REMEMBERED_VALUES, View
from billproof.rules.checks.base import NUMBER, Check, Settled, bad_rows
from billproof.rules.table_schema import TableSchema

_SCIENTIFIC = r"-?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_BEGINS_FORMULA = frozenset("\r\n\t=@＝＠+-＋－")
_DATE_LIKE = r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*"


class _ByValue(Check):
    """A check of each distinct value of some columns; values found good are remembered, up to a bound."""

    def start(self, parameters: Any) -> None:
        self._names: tuple[str, ...] = ()
        self._good: dict[str, set[str]] = {}

    def reason(self, value: str) -> str | None:
        """Why a value is bad, or None."""
        raise NotImplementedError

    def look(self, view: View, name: str, raw: bool = False) -> None:
        """Fails the rows whose cell in the column `name` has a bad value."""
        view = view.readable(name)
        cells = view.raw(name) if raw else view.column(name)
        good = self._good.setdefault(name, set())
        new = (view.distinct(name) if cells is view.column(name) else set(cells)) - good
        reasons = {value: reason for value in new if (reason := self.reason(value)) is not None}
        if len(good) < REMEMBERED_VALUES:
            good |= new.difference(reasons)
        if reasons:
            rows = bad_rows(cells, reasons.keys())
            self.fail_rows(view, rows, name, lambda row: {"reason": reasons[cells[row]]}, raw=raw)

    def present(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the columns that the file has."""
        return tuple(name for name in names if name in self.file.columns.index)


class WholeNumber(_ByValue):
    """Whole numbers of a given form within bounds."""

    kind = "whole_number"
    refuses_values = True
    placeholders = ("reason",)

    class Parameters(Record):
        """The columns, the exact form, and the lowest and highest number."""

        columns: tuple[str, ...]
        pattern: str
        minimum: int
        maximum: int

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._names = self.present(parameters.columns)
        self._pattern = re.compile(parameters.pattern)
        self._minimum, self._maximum = parameters.minimum, parameters.maximum

    def on_rows(self, view: View) -> None:
        for name in self._names:
            self.look(view, name)

    def reason(self, value: str) -> str | None:
        if self._pattern.fullmatch(value):
            number = int(value)
            if number < self._minimum:
                return f"before {_date(self._minimum)}"
            return f"after {_date(self._maximum)}" if number > self._maximum else None
        if not value:
            return "empty"
        if re.fullmatch(_SCIENTIFIC, value):
            return "a number in scientific notation, as spreadsheets write it"
        if re.fullmatch(_DATE_LIKE, value):
            return "a date"
        number_found = integer(value)
        if number_found is not None and len(value) == 13:
            return "milliseconds"
        return "not a whole number of 9 or 10 digits"


class CalendarDate(_ByValue):
    """Dates written as YYYY-MM-DD within bounds."""

    kind = "calendar_date"
    refuses_values = True
    placeholders = ("reason",)

    class Parameters(Record):
        """The columns, and the first and the last date allowed."""

        columns: tuple[str, ...]
        minimum: Annotated[str, Spec(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")]
        maximum: Annotated[str, Spec(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")]

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._names = self.present(parameters.columns)
        self._minimum, self._maximum = parameters.minimum, parameters.maximum

    def on_rows(self, view: View) -> None:
        for name in self._names:
            self.look(view, name)

    def reason(self, value: str) -> str | None:
        if not value:
            return "empty"
        if not re.fullmatch(_DATE, value):
            return "not written as YYYY-MM-DD"
        if calendar_date(value) is None:
            return "not a calendar day"
        if value < self._minimum:
            return f"before {self._minimum}"
        return f"after {self._maximum}" if value > self._maximum else None


class DecimalNumber(_ByValue):
    """Decimal numbers of a given form and size."""

    kind = "decimal_number"
    refuses_values = True
    placeholders = ("reason",)

    class Parameters(Record):
        """The column, the exact form, the bound that it stays below, and the smallest amount that is not zero."""

        column: str
        pattern: str
        below: Annotated[str, Spec(pattern=NUMBER)]
        above_zero_from: Annotated[str, Spec(pattern=NUMBER)]

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._name = parameters.column
        self._pattern = parameters.pattern
        self._below, self._smallest = Decimal(parameters.below), Decimal(parameters.above_zero_from)
        self._all = re.compile(rf"(?:(?:{parameters.pattern})\n)*+")

    def on_rows(self, view: View) -> None:
        view = view.readable(self._name)
        joined = view.joined(self._name) + "\n"
        # A line feed inside a cell would make two good lines of one bad cell.
        one_line_each = joined.count("\n") == len(view)
        if not one_line_each or "e" in joined or "E" in joined or not self._all.fullmatch(joined):
            self.look(view, self._name)

    def reason(self, value: str) -> str | None:
        if not re.fullmatch(self._pattern, value):
            if "," in value:
                return "a number with a comma, as spreadsheets write it"
            return "not a plain decimal number"
        number = abs(Decimal(value))
        if number >= self._below:
            return f"not below {self._below:,}"
        return f"not zero and below {self._smallest}" if 0 < number < self._smallest else None


class OneOf(_ByValue):
    """Cells with one of a few values."""

    kind = "one_of"
    refuses_values = True
    placeholders = ("values",)

    class Parameters(Record):
        """The column and the values it may have, compared exactly."""

        column: str
        values: tuple[str, ...]

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._name, self._values = parameters.column, parameters.values
        self.constants = {"values": " or ".join(parameters.values)}

    def on_rows(self, view: View) -> None:
        self.look(view, self._name)

    def reason(self, value: str) -> str | None:
        return None if value in self._values else "another value"


class Filled(Check):
    """Cells that must not be empty: in the columns named, or in those that the Table Schema requires for a charge."""

    kind = "filled"
    refuses_values = True
    raises = ("every_row",)

    class Parameters(Record):
        """Either the columns, or the value of `cell` in the Table Schema."""

        columns: tuple[str, ...] | None = None
        cells: Literal["always", "charged"] | None = None

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return parameters.columns or tuple(one.name for one in schema.fields if one.cell == parameters.cells)

    def start(self, parameters: Parameters) -> None:
        names = self.columns(parameters, self.file.schema, self.file.roles)
        self._names = tuple(name for name in names if name in self.file.columns.index)

    def on_rows(self, view: View) -> None:
        for name in self._names:
            readable = view.readable(name)
            if readable.has_blank(name):
                self.fail_rows(readable, bad_rows(readable.column(name), {""}), name)

    def at_end(self, settled: Settled) -> None:
        if self.violations and self.violations == self.evaluated * len(self._names):
            self.circumstances.add("every_row")


class Unpadded(_ByValue):
    """Cells with spaces around them, in all columns of some roles."""

    kind = "unpadded"

    class Parameters(Record):
        """The roles of the columns to look at."""

        roles: tuple[Literal["time", "measure", "id", "code", "group", "text"], ...]

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return schema.names(*parameters.roles)

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._names = self.present(self.file.schema.names(*parameters.roles))

    def on_rows(self, view: View) -> None:
        for name in self._names:
            if view.column(name) is not view.raw(name):
                self.look(view, name, raw=True)

    def reason(self, value: str) -> str | None:
        return None if value == value.strip(BLANKS) else "spaces around it"


class Formula(_ByValue):
    """Text that a spreadsheet would run as a formula."""

    kind = "formula"

    _RUNS = r"[\r\n\t]*(?:[=@＝＠]|[+\-＋－](?:[^\W\d_]|\())"

    class Parameters(Record):
        """The roles of the columns to look at."""

        roles: tuple[Literal["time", "measure", "id", "code", "group", "text"], ...]

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return schema.names(*parameters.roles)

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self._names = self.present(self.file.schema.names(*parameters.roles))

    def on_rows(self, view: View) -> None:
        for name in self._names:
            self.look(view, name, raw=True)

    def reason(self, value: str) -> str | None:
        return "a formula" if value[:1] in _BEGINS_FORMULA and re.match(self._RUNS, value) else None


def _date(seconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
