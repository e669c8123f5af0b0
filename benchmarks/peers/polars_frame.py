"""polars by hand: one lazy query counts what each rule finds; only where it finds something is the file asked for the rows."""

from __future__ import annotations

import polars as pl
from job import AT_MOST, Finding, Job, Result, run
from polars_rules import (
    ROW,
    file_rules,
    header_of,
    header_problems,
    is_charged,
    is_missing_a_column,
    row_hash,
    row_rules,
    scan,
    set_rules,
    total,
)


def check(job: Job) -> Result:
    """A query over everything, and further ones after a fault."""
    frame = scan(job.file)
    header = header_of(frame)
    problems = header_problems(header)
    if is_missing_a_column(header):
        return Result(problems, "")
    rules, on_file = row_rules(header, job), file_rules(header, job)
    charged = is_charged(header)
    hashes = row_hash(header).filter(charged)
    by_day = pl.col("start_time").filter(~charged)
    counts = frame.select(
        *(rule.sum().alias(f"row {n}") for n, rule in enumerate(rules.values())),
        *(rule.alias(f"file {n}") for n, rule in enumerate(on_file.values())),
        (hashes.n_unique() < charged.sum()).alias("duplicate"),
        (by_day.n_unique() + pl.col("start_time").filter(charged).n_unique() > pl.col("start_time").n_unique()).alias("conflict"),
        (by_day.n_unique() < (~charged).sum()).alias("empty day twice"),
        total().alias("total"),
    )
    values = counts.collect(engine="streaming").row(0, named=True)
    wanted = {name: rule for n, (name, rule) in enumerate(rules.items()) if values[f"row {n}"]}
    if values["duplicate"] or values["conflict"] or values["empty day twice"]:
        wanted |= set_rules(header)
    for (rule, column), broken in wanted.items():
        rows = frame.filter(broken).select(ROW).head(AT_MOST).collect(engine="streaming").to_series()
        problems += [Finding(rule, row, column) for row in rows]
    problems += [Finding(rule, None, column) for n, (rule, column) in enumerate(on_file) if values[f"file {n}"]]
    return Result(problems, values["total"] or "")


if __name__ == "__main__":
    run(check)
