"""The standard library: `csv.reader` and a loop with the rules written out, as one would who needs nothing else."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

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
    UNPADDED,
    Finding,
    Job,
    Result,
    amount_of,
    first_few,
    header_findings,
    is_rounded,
    iso_forms,
    run,
)

is_time, is_formula = (re.compile(pattern).fullmatch for pattern in (TIME, FORMULA))
has_control = re.compile(f"{CONTROL}|[\ud800-\udfff]").search  # and bytes that are not UTF-8
forms_of = cache(iso_forms)


def check(job: Job) -> Result:
    """One pass."""
    with open(job.file, encoding="utf-8", errors="surrogateescape", newline="") as file:
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        problems = list(header_findings(header))
        if any(problem.rule == "missing-column" for problem in problems):
            return Result(problems, "")
        loop = Loop(header, job)
        findings = first_few(loop.over(reader))
    return Result(problems + findings, f"{loop.total:f}")


def rows_of(reader: Iterator[list[str]]) -> Iterator[list[str] | csv.Error]:
    """The rows, and an error in the place of one that cannot be read."""
    while True:
        try:
            yield from reader
            return
        except csv.Error as error:
            yield error


class Loop:
    """The rules, and what is remembered from row to row."""

    def __init__(self, header: list[str], job: Job) -> None:
        self.at = {name: number for number, name in enumerate(header)}
        self.header, self.job = header, job
        self.key = [number for number, name in enumerate(header) if name not in MEASURES]
        self.total, self.charged, self.rounded, self.short = Decimal(0), 0, 0, 0
        self.seen: set[int] = set()
        self.days: dict[int, tuple[int, int]] = {}  # rows with charges, and without

    def places(self, names: tuple[str, ...]) -> list[tuple[int, str]]:
        """Those columns that there are."""
        return [(self.at[name], name) for name in names if name in self.at]

    def over(self, reader: Iterator[list[str]]) -> Iterator[Finding]:
        """All rows, then the rules on the file."""
        start_at, end_at, previous = self.at["start_time"], self.at["end_time"], 0
        unpadded = self.places(UNPADDED)
        for row, cells in enumerate(rows_of(reader), start=1):
            if isinstance(cells, csv.Error):
                yield Finding("broken-quote", row)
                continue
            if len(cells) != len(self.header):
                yield Finding("ragged-row", row)
                continue
            if has_control("".join(cells)):
                bad = (name for name, cell in zip(self.header, cells, strict=False) if has_control(cell))
                yield from (Finding("control-character", row, name) for name in bad)
            for at, name in unpadded:
                if cells[at] != cells[at].strip():
                    yield Finding("padded-cell", row, name)
            is_charged = any(cells[4:] if "start_time_iso" in self.at else cells[2:])
            if is_charged:
                yield from self.on_charge(row, cells)
            start, end = cells[start_at], cells[end_at]
            if not is_time(start) or not is_time(end):
                yield Finding("bad-timestamp", row, "end_time" if is_time(start) else "start_time")
                continue
            yield from self.on_times(row, int(start), int(end), previous, cells)
            yield from self.on_day(row, int(start) // DAY, is_charged)
            previous = int(start)
        yield from self.at_end()

    def on_times(self, row: int, start: int, end: int, previous: int, cells: list[str]) -> Iterator[Finding]:
        if end - start != DAY:
            yield Finding("not-one-day", row, "end_time")
        if start % DAY:
            yield Finding("not-utc-midnight", row, "start_time")
        if start // DAY not in self.job.days:
            yield Finding("outside-month", row, "start_time")
        if start < previous:
            yield Finding("days-unsorted", row, "start_time")
        for name, instant in (("start_time_iso", start), ("end_time_iso", end)):
            if name in self.at and cells[self.at[name]] not in forms_of(instant):
                yield Finding("iso-time-differs", row, name)

    def on_day(self, row: int, day: int, is_charged: bool) -> Iterator[Finding]:
        charged, empty = self.days.get(day, (0, 0))
        self.days[day] = (charged + 1, empty) if is_charged else (charged, empty + 1)
        if empty or (charged and not is_charged):
            yield Finding("empty-day-conflict", row, "start_time")

    def on_charge(self, row: int, cells: list[str]) -> Iterator[Finding]:
        self.charged += 1
        for name in FILLED:
            if not cells[self.at[name]]:
                yield Finding("missing-cell", row, name)
        amount = cells[self.at["amount_value"]]
        number = amount_of(amount)
        if number is not None:
            self.total = EXACT.add(self.total, number) if number else self.total
            to_cents, to_digits = is_rounded(amount)
            self.rounded += to_cents
            self.short += to_digits
            if number < 0:
                yield Finding("negative-amount", row, "amount_value")
        elif amount:
            yield Finding("bad-amount", row, "amount_value")
        if cells[self.at["amount_currency"]] not in CURRENCIES:
            yield Finding("currency-not-usd", row, "amount_currency")
        if cells[self.at["organization_id"]] != self.job.organization:
            yield Finding("organization-mismatch", row, "organization_id")
        for name in TEXTS:
            if name in self.at and is_formula(cells[self.at[name]]):
                yield Finding("formula-cell", row, name)
        key = hash(tuple([cells[at] for at in self.key]))
        if key in self.seen:
            yield Finding("duplicate-row", row, "line_item")
        self.seen.add(key)

    def at_end(self) -> Iterator[Finding]:
        if any(day not in self.days for day in self.job.days):
            yield Finding("missing-day", None, "start_time")
        if not self.charged:
            yield Finding("no-usage")
        if self.charged > 20 and self.charged in (self.rounded, self.short):
            yield Finding("rounded-amounts", None, "amount_value")


if __name__ == "__main__":
    run(check)
