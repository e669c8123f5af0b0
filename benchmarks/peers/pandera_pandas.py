"""pandera on pandas: each rule a named check of the data frame, all asked at once (`lazy=True`)."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa
from job import Finding, Job, Result, first_few, header_findings, run
from pandas_rules import file_masks, header_of, is_charged, read, row_masks, set_masks, total


def check(job: Job) -> Result:
    """The whole file as a data frame, and one validation."""
    frame = read(job.file)
    problems = list(header_findings(header_of(frame)))
    if any(problem.rule == "missing-column" for problem in problems):
        return Result(problems, "")
    charged = is_charged(frame)
    masks = row_masks(frame, charged, job) | set_masks(frame, charged)
    on_file = file_masks(frame, charged, job)
    checks = [named(f"{rule}/{column}", ~mask) for (rule, column), mask in masks.items()]
    checks += [named(f"{rule}/{column}", not is_broken) for (rule, column), is_broken in on_file.items()]
    try:
        pa.DataFrameSchema({name: pa.Column(str) for name in frame.columns}, checks=checks).validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases.drop_duplicates(["check", "index"])
        pairs = zip(cases["check"], cases["index"], strict=True)
        problems += first_few(finding(name, row) for name, row in pairs)
    return Result(problems, total(frame))


def named(name: str, good: pd.Series | bool) -> pa.Check:
    """A check that says which rows are good, or that the file is."""
    return pa.Check(lambda frame: good, name=name)


def finding(name: str, row: float | None) -> Finding:
    """A failure case of pandera: the name of the check, and the row's index where there is one."""
    rule, _, column = name.partition("/")
    return Finding(rule, None if row is None or pd.isna(row) else int(row), None if column == "None" else column)


if __name__ == "__main__":
    run(check)
