"""pandera on polars: each rule a named check of the data frame, all asked at once (`lazy=True`)."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl
from job import Finding, Job, Result, first_few, run
from polars_rules import file_rules, header_of, header_problems, is_missing_a_column, row_rules, scan, set_rules, total


def check(job: Job) -> Result:
    """The whole file as a data frame, and one validation."""
    lazy = scan(job.file)
    header = header_of(lazy)
    problems = header_problems(header)
    if is_missing_a_column(header):
        return Result(problems, "")
    rules = row_rules(header, job) | set_rules(header)
    on_file = file_rules(header, job)
    frame = lazy.collect()
    columns = {name: pa.Column(str) for name in header}
    checks = [named(f"{rule}/{column}", ~broken) for (rule, column), broken in (rules | on_file).items()]
    try:
        pa.DataFrameSchema(columns, checks=checks).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        problems += first_few(finding(case, on_file) for case in errors.failure_cases.iter_rows(named=True))
    return Result(problems, frame.select(total()).item() or "")


def named(name: str, good: pl.Expr) -> pa.Check:
    """A check that keeps the rows of which the expression is true."""
    return pa.Check(lambda data: data.lazyframe.select(good), name=name)


def finding(case: dict[str, object], on_file: object) -> Finding:
    """A failure case of pandera: it has the number of the row, from 0, and the name of the check."""
    rule, _, column = str(case["check"]).partition("/")
    row = case["index"]
    known = None if column == "None" else column
    is_on_file = isinstance(on_file, dict) and (rule, known) in on_file
    return Finding(rule, row + 1 if isinstance(row, int) and not is_on_file else None, known)


if __name__ == "__main__":
    run(check)
