"""DuckDB by hand: the aggregate query of duckdb_screen.py and one on the order of days; only after a fault, one for the rows."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from duckdb_screen import UNREADABLE, ask, broken_lines, is_charged, number, read_header, row_hash, row_rules, table
from job import AT_MOST, Finding, Job, Result, run

UNSORTED = ("days-unsorted", "start_time")


def check(job: Job) -> Result:
    """Two queries for a clean file."""
    header, problems = read_header(job.file)
    if any(problem.rule in UNREADABLE for problem in problems):
        return Result(problems, "")
    connection = duckdb.connect()
    counts, total = ask(connection, header, job)
    problems += broken_lines(connection)
    connection = duckdb.connect()
    numbered = f"(SELECT *, row_number() OVER () AS row, lag(start_time) OVER () AS before FROM {table(job.file, header)})"
    counts[UNSORTED] = connection.execute(f"SELECT count(*) FROM {numbered} WHERE {UNSORTED_ROW}").fetchall()[0][0]
    by_row = row_rules(header, job) | rules_on_neighbours(header)
    for (rule, column), count in counts.items():
        if count and (rule, column) in by_row:
            query = f"SELECT row FROM {numbered} WHERE {by_row[rule, column]} ORDER BY row LIMIT {AT_MOST}"
            if rule in ("duplicate-row", "empty-day-conflict"):
                query = f"SELECT row FROM {numbered} QUALIFY {by_row[rule, column]} ORDER BY row LIMIT {AT_MOST}"
            problems += [Finding(rule, row, column) for (row,) in duckdb.connect().execute(query).fetchall()]
        elif count:
            problems.append(Finding(rule, None, column))
    return Result(problems, total)


UNSORTED_ROW = f"{number('start_time')} < {number('before')}"


def rules_on_neighbours(header: Sequence[str]) -> dict[tuple[str, str | None], str]:
    """The rules that compare rows."""
    charged = is_charged(header)
    return {
        UNSORTED: UNSORTED_ROW,
        ("duplicate-row", "line_item"): f"{charged} AND count(*) OVER (PARTITION BY {row_hash(header)}) > 1",
        ("empty-day-conflict", "start_time"): f"NOT {charged} AND count(*) OVER (PARTITION BY start_time) > 1",
    }


if __name__ == "__main__":
    run(check)
