"""What every script here is asked, and how it answers.

    python <script>.py FILE MONTH ORGANIZATION        such as cost.csv 2025-10 org-EXAMPLEacme01

Out: a line of JSON for each finding (the first few of each rule; row 1 is the first after the header, null where the tool
cannot tell), then one with the digest of the file and the exact total as far as the tool can give it. Exit code 0 without a
finding, else 1; a tool that breaks on the file shows its traceback and ends with 1, too. Given more files (each with month
and organization), it answers one after the other, each answer closed by a line with the exit code that it would have been.

The rules are those of rules/openai-cost/ that a tool for tables can say. Each script says them in the words of its tool.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from calendar import monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact
from typing import NamedTuple

DAY = 86_400
AT_MOST = 20  # findings that are shown of each rule

REQUIRED = (
    "start_time", "end_time", "amount_value", "amount_currency", "line_item",
    "project_id", "organization_id", "project_name", "organization_name",
)  # fmt: skip
TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")
FILLED = ("amount_value", "amount_currency", "line_item", "project_id", "organization_id", "project_name", "organization_name")
UNPADDED = (*TIMES, "amount_value", "quantity", "amount_currency", "user_id", "api_key_id", "project_id", "organization_id")
TEXTS = ("line_item", "api_source", "quantity_unit", "project_name", "organization_name", "user_email")
MEASURES = ("amount_value", "quantity")
CURRENCIES = ("usd", "USD")

# Patterns that Python, Rust and RE2 read alike; each is to be matched by the whole cell.
TIME = "[0-9]{9,10}"
AMOUNT = r"-?[0-9]{1,15}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,4})?"
FORMULA = r"[=@](?s:.*)|[+-][A-Za-z(](?s:.*)"
LARGEST_AMOUNT = 10**15
SPREADSHEET_DIGITS = 15
EXACT = Context(prec=200, traps=[Inexact])
CONTROL = r"[\x00-\x09\x0b-\x1f\x7f]"  # to be found anywhere

_is_amount = re.compile(AMOUNT).fullmatch


class Finding(NamedTuple):
    """A fault: the rule's name, row and column where the tool can tell them."""

    rule: str
    row: int | None = None
    column: str | None = None


class Job(NamedTuple):
    """What is to be checked: a file, the days that it must have (whole days since 1970), the organization that is right."""

    file: str
    days: range
    organization: str


class Result(NamedTuple):
    """What a tool found, and the sum of the amounts."""

    findings: list[Finding]
    total: str


def run(check: Callable[[Job], Result]) -> None:
    """The command line of a script."""
    words = sys.argv[1:]
    if len(words) == 3:
        sys.exit(answer(check, *words))
    for start in range(0, len(words), 3):
        print(json.dumps({"exit": guarded(check, *words[start : start + 3])}))


def answer(check: Callable[[Job], Result], file: str, month: str, organization: str) -> int:
    """Prints what is found in a file; gives the exit code."""
    findings, total = check(Job(file, days_of(month), organization))
    for finding in findings:
        print(json.dumps(finding._asdict()))
    with open(file, "rb") as data:
        digest = hashlib.file_digest(data, "sha256").hexdigest()
    print(json.dumps({"sha256": digest, "total": total}))
    return 1 if findings else 0


def guarded(check: Callable[[Job], Result], file: str, month: str, organization: str) -> int:
    """The same, and 1 where Python would end with a traceback; polars panics with more than an Exception."""
    try:
        return answer(check, file, month, organization)
    except BaseException:
        return 1


def days_of(month: str) -> range:
    """The days of a month such as 2025-10."""
    year, number = map(int, month.split("-"))
    first = int(datetime(year, number, 1, tzinfo=UTC).timestamp()) // DAY
    return range(first, first + monthrange(year, number)[1])


def header_findings(header: Sequence[str]) -> Iterator[Finding]:
    """What is wrong with the names of the columns."""
    for name in REQUIRED:
        if name not in header:
            yield Finding("missing-column", None, name)
    for name in sorted({name for name in header if header.count(name) > 1}):
        yield Finding("duplicate-column", None, name)
    known = [name for name in header if name in REQUIRED]
    for name, wanted in zip(known, REQUIRED, strict=False):
        if len(known) == len(REQUIRED) and name != wanted:
            yield Finding("columns-moved", None, name)
            break


def iso_forms(instant: int) -> tuple[str, str, str]:
    """The ways in which an ISO cell may say this moment; empty is one."""
    text = datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return "", text, f"{text}+00:00"


def amount_of(cell: str) -> Decimal | None:
    """An amount that can be added up exactly; nothing if it is none."""
    if not _is_amount(cell):
        return None
    number = Decimal(cell)
    return number if abs(number) < LARGEST_AMOUNT else None


def is_rounded(cell: str) -> tuple[bool, bool]:
    """Whether an amount has at most two decimals, and at most 15 digits that count."""
    whole, _, decimals = cell.partition(".")
    return len(decimals) <= 2, len((whole + decimals).lstrip("-0")) <= SPREADSHEET_DIGITS


def first_few(findings: Iterable[Finding]) -> list[Finding]:
    """At most AT_MOST of each rule."""
    counts: dict[str, int] = {}
    kept = []
    for finding in findings:
        counts[finding.rule] = counts.get(finding.rule, 0) + 1
        if counts[finding.rule] <= AT_MOST:
            kept.append(finding)
    return kept
