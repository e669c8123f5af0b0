"""frictionless with our Table Schema and, as a check of its own kind, the rules that can be said there: a job like ours.

Not there: line ends, mark, quoting and blank lines, which its reader hides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import frictionless
from frictionless import errors
from frictionless_schema import validate
from job import (
    CONTROL,
    CURRENCIES,
    DAY,
    EXACT,
    FILLED,
    FORMULA,
    MEASURES,
    TEXTS,
    TIME,
    TIMES,
    UNPADDED,
    Job,
    Result,
    amount_of,
    header_findings,
    is_rounded,
    iso_forms,
    run,
)

is_time, is_formula = (re.compile(pattern).fullmatch for pattern in (TIME, FORMULA))
has_control = re.compile(CONTROL).search
forms_of = cache(iso_forms)


def check(job: Job) -> Result:
    """One validation with the schema and our check."""
    rules = ExportRules(job)
    findings = validate(job.file, [rules])
    return Result(findings, f"{rules.total:f}")


class ExportRules(frictionless.Check):  # type: ignore[misc]
    """The rules on rows, and at the end those on the file."""

    type = "export-rules"
    Errors = [errors.CellError, errors.RowError, errors.TableError]

    def __init__(self, job: Job) -> None:
        super().__init__()
        self.job = job
        self.total, self.charged, self.previous, self.rounded, self.short = Decimal(0), 0, 0, 0, 0
        self.seen: set[int] = set()
        self.days: dict[int, tuple[int, int]] = {}  # rows with charges, and without

    def validate_start(self) -> Iterator[Any]:
        problems = list(header_findings(self.resource.labels))
        self.is_complete = not any(problem.rule == "missing-column" for problem in problems)
        yield from (errors.TableError(note=f"{problem.rule} {problem.column}") for problem in problems)

    def validate_row(self, row: Any) -> Iterator[Any]:
        if len(row.cells) != len(row.field_names) or not self.is_complete:
            return
        for rule, column in self.faults(dict(zip(row.field_names, row.cells, strict=True))):
            if column is None:
                yield errors.RowError.from_row(row, note=rule)
            else:
                yield errors.CellError.from_row(row, note=rule, field_name=column)

    def validate_end(self) -> Iterator[Any]:
        if any(day not in self.days for day in self.job.days):
            yield errors.TableError(note="missing-day")
        if not self.charged:
            yield errors.TableError(note="no-usage")
        if self.charged > 20 and self.charged in (self.rounded, self.short):
            yield errors.TableError(note="rounded-amounts")

    def faults(self, cells: dict[str, str]) -> Iterator[tuple[str, str | None]]:
        """The faults of a row: rule and column."""
        if has_control("".join(cells.values())):
            yield from (("control-character", name) for name, cell in cells.items() if has_control(cell))
        for name in UNPADDED:
            if name in cells and cells[name] != cells[name].strip():
                yield "padded-cell", name
        is_charged = any(cell for name, cell in cells.items() if name not in TIMES)
        if is_charged:
            yield from self.on_charge(cells)
        if is_time(cells["start_time"]) and is_time(cells["end_time"]):
            yield from self.on_times(cells, int(cells["start_time"]), int(cells["end_time"]))
            yield from self.on_day(int(cells["start_time"]) // DAY, is_charged)
        else:
            yield "bad-timestamp", "end_time" if is_time(cells["start_time"]) else "start_time"

    def on_times(self, cells: dict[str, str], start: int, end: int) -> Iterator[tuple[str, str]]:
        if end - start != DAY:
            yield "not-one-day", "end_time"
        if start % DAY:
            yield "not-utc-midnight", "start_time"
        if start // DAY not in self.job.days:
            yield "outside-month", "start_time"
        if start < self.previous:
            yield "days-unsorted", "start_time"
        self.previous = start
        for name, instant in (("start_time_iso", start), ("end_time_iso", end)):
            if name in cells and cells[name] not in forms_of(instant):
                yield "iso-time-differs", name

    def on_day(self, day: int, is_charged: bool) -> Iterator[tuple[str, str]]:
        charged, empty = self.days.get(day, (0, 0))
        self.days[day] = (charged + 1, empty) if is_charged else (charged, empty + 1)
        if empty or (charged and not is_charged):
            yield "empty-day-conflict", "start_time"

    def on_charge(self, cells: dict[str, str]) -> Iterator[tuple[str, str | None]]:
        self.charged += 1
        yield from (("missing-cell", name) for name in FILLED if not cells[name])
        amount = cells["amount_value"]
        number = amount_of(amount)
        if number is not None:
            self.total = EXACT.add(self.total, number) if number else self.total
            to_cents, to_digits = is_rounded(amount)
            self.rounded += to_cents
            self.short += to_digits
            if number < 0:
                yield "negative-amount", "amount_value"
        elif amount:
            yield "bad-amount", "amount_value"
        if cells["amount_currency"] not in CURRENCIES:
            yield "currency-not-usd", "amount_currency"
        if cells["organization_id"] != self.job.organization:
            yield "organization-mismatch", "organization_id"
        yield from (("formula-cell", name) for name in TEXTS if name in cells and is_formula(cells[name]))
        key = hash(tuple(cell for name, cell in cells.items() if name not in MEASURES))
        if key in self.seen:
            yield "duplicate-row", "line_item"
        self.seen.add(key)


if __name__ == "__main__":
    run(check)
