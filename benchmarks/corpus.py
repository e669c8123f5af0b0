"""Good exports and damaged ones, each with the place of its damage: what every tool is asked to find.

Most are the folders of `fixtures/`. A place is a row (1 is the first after the header) and a column, told where one
cell, or the first of many, is wrong. The places are worked out by hand, not taken from anybody's report.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from fixtures import damage
from fixtures.exports import rows, to_bytes
from fixtures.generate import DATA, LINE, OCTOBER, TABLE, Files, cases

ROW = LINE - 1  # where most single faults are planted


class Case(NamedTuple):
    """An export, what was done to it, and where; what the month and the organization should be."""

    name: str
    what: str
    data: bytes
    row: int | None = None
    column: str | None = None
    month: str = "2025-10"
    organization: str = OCTOBER.organization.id


class Place(NamedTuple):
    """Where a fixture's damage is, and what was asked for where that is not this October."""

    what: str
    row: int | None = None
    column: str | None = None
    month: str = "2025-10"
    organization: str = OCTOBER.organization.id


GOOD = (
    "good-h1", "good-h2", "good-h3", "good-h4", "good-h4-by-line-item-only", "good-unknown-columns", "good-one-project",
    "good-thousand-projects", "good-odd-names", "good-exponents", "good-usd-upper",
)  # fmt: skip

SPREADSHEETS = {
    "spreadsheet-bom": Place("a byte order mark"),
    "spreadsheet-crlf": Place("lines end in CR LF"),
    "spreadsheet-semicolon": Place("semicolons for commas"),
    "spreadsheet-tab": Place("tabs for commas"),
    "spreadsheet-quoted-all": Place("every cell quoted"),
    "spreadsheet-scientific-times": Place("times as 1.76E+09", 1, "start_time"),
    "spreadsheet-date-times": Place("times as dates", 1, "start_time"),
    "spreadsheet-rounded": Place("amounts rounded to cents", None, "amount_value"),
    "spreadsheet-15-digits": Place("amounts cut to 15 digits", None, "amount_value"),
    "spreadsheet-decimal-comma": Place("decimal commas", 1, "amount_value"),
    "spreadsheet-excel-english": Place("saved by an English Excel", 1, "start_time"),
    "spreadsheet-excel-german": Place("saved by a German Excel"),
}
DAYS = {
    "partial-month": Place("the month's second half is missing", None, "start_time"),
    "middle-gap": Place("three days in the middle are missing", None, "start_time"),
    "default-31-days": Place("the dashboard's 31 days, over two months", None, "start_time"),
    "two-months": Place("parts of two months", None, "start_time"),
    "wrong-month": Place("another month than asked for", 1, "start_time", month="2025-09"),
    "hourly": Place("rows by hour", 1, "end_time"),
    "minutely-shift": Place("all days begin two hours early", 1, "start_time"),
    "end-shift": Place("one day ends an hour late", None, "end_time"),
    "unsorted": Place("two days in the wrong order", None, "start_time"),
    "empty-day-twice": Place("a day without usage twice", None, "start_time"),
    "empty-day-beside-rows": Place("a day without usage that has charges", ROW + 1, "start_time"),
}
COLUMNS = {
    "missing-column": Place("project_name is missing", None, "project_name"),
    "renamed-column": Place("amount_value has another name", None, "amount_value"),
    "duplicate-column": Place("project_name twice", None, "project_name"),
    "moved-columns": Place("columns in another order"),
    "several-organizations": Place("rows of a second organization", None, "organization_id"),
    "wrong-organization": Place("another organization", 1, "organization_id", organization="org-EXAMPLEother"),
}
BYTES = {
    "broken-download-mid-row": Place("the file ends in the middle of a row", 69),
    "broken-download-row-end": Place("the last line has no end"),
    "unclosed-quote": Place("a quotation mark is never closed", 100),
    "unclosed-quote-last-row": Place("the same in the last row", len(TABLE) - 1),
    "stray-quote": Place("a quotation mark inside a cell", ROW),
    "ragged-short": Place("a row with a cell too few (a required one)", ROW),
    "ragged-long": Place("a row with a cell too many", ROW),
    "bad-utf8": Place("a byte that is not UTF-8", ROW, "project_name"),
    "utf16": Place("UTF-16"),
    "control-character": Place("a NUL in a name", ROW, "project_name"),
    "blank-line": Place("a blank line between rows"),
    "trailing-blank-line": Place("a blank line at the end"),
}
ROWS = {
    "padded-cell": Place("a blank after the currency", ROW, "amount_currency"),
    "formula-cell": Place("a project name that a spreadsheet would run", 2, "project_name"),
    "eur": Place("another currency", 1, "amount_currency"),
    "bad-amount": Place("1 234,56 and n/a as amounts", ROW, "amount_value"),
    "missing-cells": Place("required cells are empty", ROW, "amount_currency"),
    "iso-differs": Place("ISO times that differ from the Unix times", ROW, "start_time_iso"),
    "duplicate-row": Place("a row twice", ROW + 1),
    "negative": Place("a negative amount", ROW, "amount_value"),
    "no-project": Place("no row has a project", 1, "project_id"),
    "some-without-project": Place("some rows have no project", ROW, "project_id"),
}
OTHERS = {
    "ungrouped-h2": Place("not grouped by line item", 1, "line_item"),
    "activity-completions-2026": Place("an Activity export"),
    "legacy-h0": Place("the old dashboard's export"),
    "no-usage-four-columns": Place("a month without usage, four columns"),
    "no-usage-full-header": Place("a month without usage, all columns"),
    "header-only": Place("a header and no row"),
    "zero-bytes": Place("no bytes"),
    "not-a-csv-xlsx": Place("an Excel workbook"),
    "not-a-csv-gzip": Place("gzip"),
    "not-a-csv-html": Place("a login page"),
    "not-a-csv-json": Place("an answer of the Costs API"),
    "not-a-csv-git-lfs": Place("a pointer of Git LFS"),
}
FAULTS = SPREADSHEETS | DAYS | COLUMNS | BYTES | ROWS | OTHERS


@cache
def good_cases() -> tuple[Case, ...]:
    """Exports with nothing wrong: whoever finds something here raises a false alarm."""
    folders = cases()
    return tuple(Case(name, name.removeprefix("good-"), csv_of(folders[name])) for name in GOOD)


@cache
def faulty_cases() -> tuple[Case, ...]:
    """Damaged exports, those of `fixtures/` and some more."""
    folders = cases()
    kept = (Case(name, place.what, csv_of(folders[name]), *place[1:]) for name, place in FAULTS.items())
    return (*kept, *more_cases())


@cache
def silent_cases() -> tuple[Case, ...]:
    """Damage that leaves a perfect file: nobody can see it without a total from elsewhere."""
    lines = DATA.splitlines(keepends=True)
    return (
        Case("row-deleted", "one row of a day deleted", b"".join([*lines[:ROW], *lines[LINE:]])),
        Case(
            "amount-changed",
            "an amount changed to a plausible one",
            to_bytes(damage.put(TABLE, "amount_value", "1.8400912", LINE)),
        ),
    )


def more_cases() -> Iterator[Case]:
    """Numbers that many parsers take, and a ragged row whose lost cell is not required."""
    for name, text in (
        ("amount-nan", "NaN"), ("amount-infinite", "inf"), ("amount-1e400", "1e400"), ("amount-underscore", "1_000.5"),
        ("amount-other-digits", "１２.5"), ("amount-hexadecimal", "0x1F"),
    ):  # fmt: skip
        yield Case(name, f"{text} as an amount", to_bytes(damage.put(TABLE, "amount_value", text, LINE)), ROW, "amount_value")
    time = damage.put(TABLE, "start_time", f"{TABLE[ROW][0][:1]}_{TABLE[ROW][0][1:]}", LINE)
    yield Case("time-underscore", "1_7… as a time", to_bytes(time), ROW, "start_time")
    table = rows(replace(OCTOBER, generation="H4"))
    short = [*table[:ROW], table[ROW][:-1], *table[LINE:]]
    yield Case("ragged-optional", "a row with a cell too few (an optional one)", to_bytes(short), ROW)


def csv_of(files: Files) -> bytes:
    """The one CSV file of a fixture."""
    (data,) = (data for name, data in files.items() if name.endswith(".csv"))
    return data
