"""pointblank on polars: each rule a step, the rows from the extracts of those that failed."""

from __future__ import annotations

import pointblank as pb
from job import AT_MOST, Finding, Job, Result, run
from polars_rules import ROW, file_rules, header_of, header_problems, is_missing_a_column, row_rules, scan, set_rules, total


def check(job: Job) -> Result:
    """The whole file as a data frame, and one interrogation."""
    lazy = scan(job.file)
    header = header_of(lazy)
    problems = header_problems(header)
    if is_missing_a_column(header):
        return Result(problems, "")
    rules = row_rules(header, job) | set_rules(header)
    on_file = file_rules(header, job)
    frame = lazy.collect()
    steps = pb.Validate(frame)
    for broken in rules.values():
        steps = steps.col_vals_expr(expr=~broken)
    steps = steps.interrogate(get_first_n=AT_MOST)
    failed = steps.n_failed()
    for number, (rule, column) in enumerate(rules, start=1):
        if failed[number]:
            problems += [Finding(rule, row, column) for row in steps.get_data_extracts(i=number, frame=True)[ROW]]
    values = frame.select(total().alias("total"), *(rule.alias(str(n)) for n, rule in enumerate(on_file.values()))).row(0)
    problems += [Finding(rule, None, column) for (rule, column), is_broken in zip(on_file, values[1:], strict=True) if is_broken]
    return Result(problems, values[0] or "")


if __name__ == "__main__":
    run(check)
