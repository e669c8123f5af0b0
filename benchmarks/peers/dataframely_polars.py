"""dataframely: a schema whose rules are ours, made for the header of the file; `filter` gives the rows that break them."""

from __future__ import annotations

from typing import Any

import dataframely as dy
import polars as pl
from job import AT_MOST, Finding, Job, Result, run
from polars_rules import (
    ROW,
    file_rules,
    header_of,
    header_problems,
    is_missing_a_column,
    row_rules,
    scan,
    set_rules,
    total,
)


def check(job: Job) -> Result:
    """The whole file as a data frame, split into rows that keep all rules and rows that do not."""
    lazy = scan(job.file)
    header = header_of(lazy)
    problems = header_problems(header)
    if is_missing_a_column(header):
        return Result(problems, "")
    rules = row_rules(header, job) | set_rules(header)
    on_file = file_rules(header, job)
    frame = lazy.collect()
    names = {f"rule {n}": name for n, name in enumerate(rules)}
    body = {name: dy.String() for name in header} | {ROW: dy.UInt32()}
    body |= {name: keeps(~rules[rule]) for name, rule in names.items()}
    schema: Any = type("Export", (dy.Schema,), body)
    _, failure = schema.filter(frame)
    details = failure.details() if failure.counts() else frame.clear()
    for name in failure.counts():
        rule, column = names[name]
        rows = details.filter(pl.col(name) == "invalid")[ROW].head(AT_MOST)
        problems += [Finding(rule, row, column) for row in rows]
    values = frame.select(total().alias("total"), *(rule.alias(str(n)) for n, rule in enumerate(on_file.values()))).row(0)
    problems += [Finding(rule, None, column) for (rule, column), is_broken in zip(on_file, values[1:], strict=True) if is_broken]
    return Result(problems, values[0] or "")


def keeps(good: pl.Expr) -> object:
    """A rule of the schema, from an expression."""
    return dy.rule()(lambda cls: good)


if __name__ == "__main__":
    run(check)
