"""Great Expectations on pandas: its own expectations, with helper columns for the rules between two columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from job import (
    AMOUNT,
    AT_MOST,
    CONTROL,
    CURRENCIES,
    DAY,
    FILLED,
    MEASURES,
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
from pandas_rules import file_masks, header_of, instant, is_charged, is_too_large, iso_differs, read, total

ON_CHARGES = {"row_condition": "_charged == True", "condition_parser": "pandas"}
FILLED_CELLS = {"row_condition": "_amount == True", "condition_parser": "pandas"}


def check(job: Job) -> Result:
    """The whole file as a data frame, and one validation that tells the rows."""
    frame = read(job.file)
    problems = list(header_findings(header_of(frame)))
    if any(problem.rule == "missing-column" for problem in problems):
        return Result(problems, "")
    header = list(frame.columns)
    add_helpers(frame)
    suite = gx.ExpectationSuite("rules", expectations=[*on_cells(header, job), *between_columns(header, job)])
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    asset = context.data_sources.add_pandas("files").add_dataframe_asset("export")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": ["_row"]}
    for outcome in batch.validate(suite, result_format=wanted).results:
        if not outcome.success:
            problems += findings(outcome)
    on_file = file_masks(frame[header], frame["_charged"], job)
    problems += [Finding(rule, None, column) for (rule, column), is_broken in on_file.items() if is_broken]
    return Result(problems, total(frame))


def add_helpers(frame: pd.DataFrame) -> None:
    """What an expectation on one column cannot work out."""
    start, end = (instant(frame, name) for name in TIMES[:2])
    charged = is_charged(frame)
    helpers = {"_charged": charged, "_amount": frame["amount_value"] != "", "_start": start, "_span": end - start}
    helpers["_large"] = is_too_large(frame["amount_value"])
    helpers |= {"_clock": start % DAY, "_day": start // DAY, "_row": frame.index}
    helpers |= {
        f"_{name}": iso_differs(frame[name], moment)
        for name, moment in zip(TIMES[2:], (start, end), strict=True)
        if name in frame.columns
    }
    helpers["_crowded"] = ~charged & frame["start_time"].duplicated(keep=False)
    for name, cells in helpers.items():
        frame[name] = cells


def on_cells(header: list[str], job: Job) -> Iterator[Any]:
    """The rules on one column."""
    for name in TIMES[:2]:
        yield gxe.ExpectColumnValuesToMatchRegex(column=name, regex=f"^(?:{TIME})$", meta=named("bad-timestamp", name))
    yield gxe.ExpectColumnValuesToMatchRegex(
        column="amount_value", regex=f"^(?:{AMOUNT})$", meta=named("bad-amount", "amount_value"), **FILLED_CELLS
    )
    yield gxe.ExpectColumnValuesToNotMatchRegex(column="amount_value", regex="^-", meta=named("negative-amount", "amount_value"))
    yield gxe.ExpectColumnValuesToBeInSet(
        column="amount_currency", value_set=list(CURRENCIES), meta=named("currency-not-usd", "amount_currency"), **ON_CHARGES
    )
    yield gxe.ExpectColumnValuesToBeInSet(
        column="organization_id",
        value_set=[job.organization],
        meta=named("organization-mismatch", "organization_id"),
        **ON_CHARGES,
    )
    for rule, names, pattern, condition in (
        ("missing-cell", FILLED, "^$", ON_CHARGES),
        ("padded-cell", UNPADDED, r"^\s|\s$", {}),
        ("formula-cell", TEXTS, "^(?:[=@]|[+-][A-Za-z(])", {}),
        ("control-character", header, CONTROL, {}),
    ):
        for name in names:
            if name in header:
                yield gxe.ExpectColumnValuesToNotMatchRegex(column=name, regex=pattern, meta=named(rule, name), **condition)


def between_columns(header: list[str], job: Job) -> Iterator[Any]:
    """The rules on a row, its neighbours, or several rows."""
    key = [name for name in header if name not in MEASURES]
    for rule, column, helper, low, high in (
        ("not-one-day", "end_time", "_span", DAY, DAY),
        ("not-utc-midnight", "start_time", "_clock", 0, 0),
        ("outside-month", "start_time", "_day", job.days.start, job.days.stop - 1),
    ):
        yield gxe.ExpectColumnValuesToBeBetween(column=helper, min_value=low, max_value=high, meta=named(rule, column))
    yield gxe.ExpectColumnValuesToBeIncreasing(column="_start", meta=named("days-unsorted", "start_time"))
    yield gxe.ExpectCompoundColumnsToBeUnique(column_list=key, meta=named("duplicate-row", "line_item"), **ON_CHARGES)
    yield gxe.ExpectColumnValuesToBeInSet(column="_crowded", value_set=[False], meta=named("empty-day-conflict", "start_time"))
    yield gxe.ExpectColumnValuesToBeInSet(column="_large", value_set=[False], meta=named("bad-amount", "amount_value"))
    for name in TIMES[2:]:
        if name in header:
            yield gxe.ExpectColumnValuesToBeInSet(column=f"_{name}", value_set=[False], meta=named("iso-time-differs", name))


def named(rule: str, column: str) -> dict[str, str]:
    """What an expectation carries, so that its result can be told apart."""
    return {"rule": rule, "column": column}


def findings(outcome: Any) -> list[Finding]:
    """The rows of a failed expectation; none if it could not be asked."""
    meta = outcome.expectation_config.meta
    rows = [place["_row"] for place in outcome.result.get("unexpected_index_list") or ()]
    return [Finding(meta["rule"], int(row), meta["column"]) for row in rows[:AT_MOST]] or [
        Finding(meta["rule"], None, meta["column"])
    ]


if __name__ == "__main__":
    run(check)
