"""DuckDB, one aggregate query over the rules: is anything wrong with the file? It gives rules and counts, no rows.

The prototype of docs/decisions/0001-files-past-100000-rows.md. The dialect is fixed, for a sniffer changes it silently
where a line is broken; the header is read here, for DuckDB ignores its names when columns are given; every column is used
by the query, for DuckDB finds bad bytes only in columns that it reads.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any

import duckdb
from job import (
    AMOUNT,
    CONTROL,
    CURRENCIES,
    DAY,
    FILLED,
    FORMULA,
    MEASURES,
    SPREADSHEET_DIGITS,
    TEXTS,
    TIME,
    TIMES,
    UNPADDED,
    Finding,
    Job,
    Result,
    header_findings,
    run,
)

Rules = dict[tuple[str, str | None], str]  # rule and column -> SQL that is true where it is broken
UNREADABLE = ("missing-column", "duplicate-column")  # then there is no table to ask
# 38 digits are all there are: 30 decimals leave eight before the point, and a 31st decimal is rounded.
AS_DECIMAL = "TRY_CAST(amount_value AS DECIMAL(38, 30))"
STRUCTURE = "SELECT line, column_name, error_type FROM reject_errors ORDER BY line LIMIT 20"


def check(job: Job) -> Result:
    """One query. Out of order days are not seen: an aggregate knows no order."""
    header, problems = read_header(job.file)
    if any(problem.rule in UNREADABLE for problem in problems):
        return Result(problems, "")
    connection = duckdb.connect()
    counts, total = ask(connection, header, job)
    problems += [Finding(rule, None, column) for (rule, column), count in counts.items() if count]
    return Result(problems + broken_lines(connection), total)


def ask(connection: Any, header: Sequence[str], job: Job) -> tuple[dict[tuple[str, str | None], int], str]:
    """How many rows break each rule, and the sum of the amounts; reads the whole file once."""
    rules, on_file = row_rules(header, job), file_rules(header, job)
    parts = [f"count(*) FILTER (WHERE {broken})" for broken in rules.values()]
    parts += [f"CAST({broken} AS INTEGER)" for broken in on_file.values()]
    parts.append(f"CAST(sum({AS_DECIMAL}) AS VARCHAR)")
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {table(job.file, header)}").fetchall()[0]
    return dict(zip((*rules, *on_file), row, strict=False)), row[-1] or ""


def broken_lines(connection: Any) -> list[Finding]:
    """The records that DuckDB could not read; only there when the query has ended."""
    names = {row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    if "reject_errors" not in names:
        return []
    return [Finding(kind.lower(), line - 1, column) for line, column, kind in connection.execute(STRUCTURE).fetchall()]


def read_header(file: str) -> tuple[list[str], list[Finding]]:
    """The names of the columns, and what is wrong with them."""
    with open(file, "rb") as lines:
        header = next(csv.reader([lines.readline().decode("utf-8-sig", "replace")]), [])
    return header, list(header_findings(header))


def table(file: str, header: Sequence[str]) -> str:
    """The file as a table of text, nothing guessed."""
    columns = ", ".join(f"{text(name)}: 'VARCHAR'" for name in header)
    filled = ", ".join(f"coalesce({quoted(name)}, '') AS {quoted(name)}" for name in header)
    dialect = "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', strict_mode = true"
    return f"(SELECT {filled} FROM read_csv({text(file)}, columns = {{{columns}}}, {dialect}, store_rejects = true))"


def row_rules(header: Sequence[str], job: Job) -> Rules:
    """The rules on a row."""
    charged = is_charged(header)
    rules: Rules = {
        ("bad-timestamp", "start_time"): f"NOT {whole('start_time', TIME)}",
        ("bad-timestamp", "end_time"): f"NOT {whole('end_time', TIME)}",
        ("not-one-day", "end_time"): f"{number('end_time')} - {number('start_time')} <> {DAY}",
        ("not-utc-midnight", "start_time"): f"{number('start_time')} % {DAY} <> 0",
        (
            "outside-month",
            "start_time",
        ): f"{number('start_time')} NOT BETWEEN {job.days.start * DAY} AND {job.days.stop * DAY - 1}",
        ("bad-amount", "amount_value"): f"amount_value <> '' AND NOT {whole('amount_value', AMOUNT)}",
        ("amount-too-wide", "amount_value"): f"{whole('amount_value', AMOUNT)} AND {AS_DECIMAL} IS NULL",
        ("negative-amount", "amount_value"): f"starts_with(amount_value, '-') AND {whole('amount_value', AMOUNT)}",
        ("currency-not-usd", "amount_currency"): f"{charged} AND amount_currency NOT IN {CURRENCIES}",
        ("organization-mismatch", "organization_id"): f"{charged} AND organization_id <> {text(job.organization)}",
    }
    rules |= {("missing-cell", name): f"{charged} AND {name} = ''" for name in FILLED}
    rules |= {("padded-cell", name): f"{name} <> trim({name})" for name in UNPADDED if name in header}
    rules |= {("formula-cell", name): whole(name, FORMULA) for name in TEXTS if name in header}
    rules |= {("control-character", name): f"regexp_matches({quoted(name)}, {text(CONTROL)})" for name in header}
    for name, iso in zip(TIMES[:2], TIMES[2:], strict=True):
        if iso in header:
            stem = f"replace({iso}, '+00:00', '')"
            instant = f"strftime(make_timestamp({number(name)} * 1000000), '%Y-%m-%dT%H:%M:%S')"
            rules["iso-time-differs", iso] = f"{stem} <> '' AND {stem} <> {instant}"
    return rules


def file_rules(header: Sequence[str], job: Job) -> Rules:
    """The rules that need all rows: one value each."""
    charged = is_charged(header)
    some = f"count(*) FILTER (WHERE {charged})"
    days_of = "count(DISTINCT start_time) FILTER (WHERE {})"
    to_cents = "max(length(split_part(amount_value, '.', 2)))"
    to_digits = "max(length(ltrim(replace(amount_value, '.', ''), '-0')))"
    return {
        ("missing-day", "start_time"): f"count(DISTINCT start_time) < {len(job.days)}",
        ("no-usage", None): f"{some} = 0",
        ("rounded-amounts", "amount_value"): f"{some} > 20 AND ({to_cents} <= 2 OR {to_digits} <= {SPREADSHEET_DIGITS})",
        ("duplicate-row", "line_item"): f"count(DISTINCT {row_hash(header)}) FILTER (WHERE {charged}) < {some}",
        ("empty-day-conflict", "start_time"): f"{days_of.format(charged)} + count(*) FILTER (WHERE NOT {charged})"
        " > count(DISTINCT start_time)",
    }


def is_charged(header: Sequence[str]) -> str:
    """Whether a row has text in any column but the times."""
    return f"(concat({', '.join(quoted(name) for name in header if name not in TIMES)}) <> '')"


def row_hash(header: Sequence[str]) -> str:
    """A row but for its amounts, as 64 bits: what ours remembers of a row, too."""
    return f"hash({', '.join(quoted(name) for name in header if name not in MEASURES)})"


def number(name: str) -> str:
    """A Unix time; nothing where it is none, for DuckDB reads 1.76E+09 as a number, too."""
    return f"(CASE WHEN {whole(name, TIME)} THEN CAST({name} AS BIGINT) END)"


def whole(name: str, pattern: str) -> str:
    """Whether the pattern fits the whole cell."""
    return f"regexp_full_match({quoted(name)}, {text(pattern)})"


def quoted(name: str) -> str:
    """A column in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(content: str) -> str:
    """Text in SQL."""
    return "'" + content.replace("'", "''") + "'"


if __name__ == "__main__":
    run(check)
