"""Kinds of check on single cells: numbers, allowed values, filled cells, spaces around them, formulas."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from billproof.model.record import Record
from billproof.model.values import BLANKS, DAY_SECONDS, calendar_date, day_of, integer
from billproof.reading.decode import Spec
from billproof.reading.view import REMEMBERED_VALUES, View
from billproof.rules.checks.base import NUMBER, Check, Settled, bad_rows, matched
from billproof.rules.table_schema import Role, TableSchema

_SCIENTIFIC = r"-?[0-9]+([.,][0-9]+)?[eE][+-]?[0-9]+"
# A number of this form is below 10^15, and it is zero or at least 10^-100.
_PLAIN = r"-?[0-9]{1,15}+(?:\.[0-9]{1,100}+)?+"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_BEGINS_FORMULA = frozenset("\r\n\t=@＝＠+-＋－")
_DATE_LIKE = r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}.*"


class _ByValue(Check):
    """A check of each distinct value of some columns; values found good are remembered, up to a bound."""

    raw = False

    def start(self, parameters: Any) -> None:
        self._good: dict[str, set[str]] = {}

    def on_rows(self, view: View) -> None:
        for name in self.names:
            self.look(view, name)

    def reason(self, value: str) -> str | None:
        """Why a value is bad, or None."""
        raise NotImplementedError

    def look(self, view: View, name: str) -> None:
        """Fails the rows whose cell in the column `name` has a bad value."""
        view = view.readable(name)
        cells = view.raw(name) if self.raw else view.column(name)
        good = self._good.setdefault(name, set())
        new = (view.distinct(name) if cells is view.column(name) else set(cells)) - good
        reasons = {value: reason for value in new if (reason := self.reason(value)) is not None}
        if len(good) < REMEMBERED_VALUES:
            good |= new.difference(reasons)
        if reasons:
            rows = bad_rows(cells, reasons.keys())
            self.fail_rows(view, rows, name, lambda row: {"reason": reasons[cells[row]]}, raw=self.raw)


class WholeNumber(_ByValue):
    """Whole numbers of a given form within bounds."""

    kind = "whole_number"
    refuses_values = True
    placeholders = ("reason",)

    class Parameters(Record):
        columns: tuple[str, ...]
        pattern: str
        minimum: int
        maximum: int

    def reason(self, value: str) -> str | None:
        if matched(self.parameters.pattern, value):
            lowest, highest = self.parameters.minimum, self.parameters.maximum
            if int(value) < lowest:
                return f"before {day_of(lowest // DAY_SECONDS).isoformat()}"
            return f"after {day_of(highest // DAY_SECONDS).isoformat()}" if int(value) > highest else None
        if not value:
            return "empty"
        if re.fullmatch(_SCIENTIFIC, value):
            return "a number in scientific notation, as spreadsheets write it"
        if re.fullmatch(_DATE_LIKE, value):
            return "a date"
        return "milliseconds" if integer(value) is not None and len(value) == 13 else "not a whole number of 9 or 10 digits"


class CalendarDate(_ByValue):
    """Dates written as YYYY-MM-DD within bounds."""

    kind = "calendar_date"
    refuses_values = True
    placeholders = ("reason",)

    class Parameters(Record):
        columns: tuple[str, ...]
        minimum: Annotated[str, Spec(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")]
        maximum: Annotated[str, Spec(pattern=r"[0-9]{4}-[0-9]{2}-[0-9]{2}")]

    def reason(self, value: str) -> str | None:
        if not value:
            return "empty"
        if not re.fullmatch(_DATE, value):
            return "not written as YYYY-MM-DD"
        if calendar_date(value) is None:
            return "not a calendar day"
        if value < self.parameters.minimum:
            return f"before {self.parameters.minimum}"
        return f"after {self.parameters.maximum}" if value > self.parameters.maximum else None


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
        self._below, self._smallest = Decimal(parameters.below), Decimal(parameters.above_zero_from)
        # Nearly every amount is written so, and then need not be compared with the bounds, unless they are narrower.
        is_within = self._below >= Decimal("1e15") and self._smallest <= Decimal("1e-100")
        self._usual = re.compile(rf"(?={_PLAIN}\Z)(?:{parameters.pattern})" if is_within else "(?!)").fullmatch

    def on_rows(self, view: View) -> None:
        view = view.readable(self.column)
        if not all(map(self._usual, view.column(self.column))):
            self.look(view, self.column)

    def reason(self, value: str) -> str | None:
        if not matched(self.parameters.pattern, value):
            return "a number with a comma, as spreadsheets write it" if "," in value else "not a plain decimal number"
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
        column: str
        values: tuple[str, ...]

    def start(self, parameters: Parameters) -> None:
        super().start(parameters)
        self.constants = {"values": " or ".join(parameters.values)}

    def reason(self, value: str) -> str | None:
        return None if value in self.parameters.values else "another value"


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
        return parameters.columns or tuple(field.name for field in schema.fields if field.cell == parameters.cells)

    def on_rows(self, view: View) -> None:
        for name in self.names:
            readable = view.readable(name)
            if readable.has_blank(name):
                self.fail_rows(readable, bad_rows(readable.column(name), {""}), name)

    def at_end(self, settled: Settled) -> None:
        if self.violations and self.violations == self.evaluated * len(self.names):
            self.circumstances.add("every_row")


class _OfRoles(_ByValue):
    """A check of the unstripped cells in all columns of some roles."""

    raw = True

    class Parameters(Record):
        roles: tuple[Role, ...]

    @classmethod
    def columns(cls, parameters: Parameters, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        return schema.names(*parameters.roles)


class Unpadded(_OfRoles):
    """Cells with spaces around them, in all columns of some roles."""

    kind = "unpadded"

    def on_rows(self, view: View) -> None:
        for name in self.names:
            if view.column(name) is not view.raw(name):
                self.look(view, name)

    def reason(self, value: str) -> str | None:
        return None if value == value.strip(BLANKS) else "spaces around it"


class Formula(_OfRoles):
    """Text that a spreadsheet would run as a formula."""

    kind = "formula"

    _RUNS = r"[\r\n\t]*(?:[=@＝＠]|[+\-＋－](?:[^\W\d_]|\())"

    def reason(self, value: str) -> str | None:
        return "a formula" if value[:1] in _BEGINS_FORMULA and re.match(self._RUNS, value) else None
