"""The rules as polars expressions, for the four tools that take them: each is true where a row is wrong.

Every cell is read as text, an empty one as "", so that nothing is guessed before a rule has seen it.
"""

from __future__ import annotations

import polars as pl
from job import (
    AMOUNT,
    CONTROL,
    CURRENCIES,
    DAY,
    FILLED,
    FORMULA,
    MEASURES,
    REQUIRED,
    SPREADSHEET_DIGITS,
    TEXTS,
    TIME,
    TIMES,
    UNPADDED,
    Finding,
    Job,
    header_findings,
)

Rules = dict[tuple[str, str | None], pl.Expr]  # rule and column -> where it is broken
ROW = "row"
# 38 digits are all there are: 30 decimals leave eight before the point.
DECIMAL = pl.col("amount_value").cast(pl.Decimal(38, 30), strict=False)


def scan(file: str) -> pl.LazyFrame:
    """The file as text, with the number of each row."""
    return pl.scan_csv(file, infer_schema=False, empty_string_is_null=False).with_row_index(ROW, offset=1)


def header_of(frame: pl.LazyFrame) -> list[str]:
    """The columns of the file."""
    return list(frame.collect_schema().names()[1:])


def header_problems(header: list[str]) -> list[Finding]:
    """What is wrong with the columns; polars calls the second of two alike `name_duplicated_0`."""
    return list(header_findings([name.partition("_duplicated_")[0] for name in header]))


def is_missing_a_column(header: list[str]) -> bool:
    """Whether the rules cannot be asked."""
    return not set(REQUIRED) <= set(header)


def row_rules(header: list[str], job: Job) -> Rules:
    """The rules on a row and its neighbours."""
    start, end = (pl.col(name).str.to_integer(strict=False) for name in TIMES[:2])
    charged = is_charged(header)
    amount = pl.col("amount_value")
    rules: Rules = {
        ("bad-timestamp", "start_time"): ~whole("start_time", TIME),
        ("bad-timestamp", "end_time"): ~whole("end_time", TIME),
        ("not-one-day", "end_time"): end - start != DAY,
        ("not-utc-midnight", "start_time"): start % DAY != 0,
        ("outside-month", "start_time"): ~(start // DAY).is_between(job.days.start, job.days.stop - 1),
        ("days-unsorted", "start_time"): start < start.shift(1),
        ("bad-amount", "amount_value"): (amount != "") & ~whole("amount_value", AMOUNT),
        ("amount-too-wide", "amount_value"): whole("amount_value", AMOUNT) & DECIMAL.is_null(),
        ("negative-amount", "amount_value"): amount.str.starts_with("-") & whole("amount_value", AMOUNT),
        ("currency-not-usd", "amount_currency"): charged & ~pl.col("amount_currency").is_in(CURRENCIES),
        ("organization-mismatch", "organization_id"): charged & (pl.col("organization_id") != job.organization),
    }
    rules |= {("missing-cell", name): charged & (pl.col(name) == "") for name in FILLED}
    rules |= {("padded-cell", name): pl.col(name) != pl.col(name).str.strip_chars() for name in UNPADDED if name in header}
    rules |= {("formula-cell", name): whole(name, FORMULA) for name in TEXTS if name in header}
    rules |= {("control-character", name): pl.col(name).str.contains(CONTROL) for name in header}
    for name, instant in zip(TIMES[2:], (start, end), strict=True):
        if name in header:
            stem = pl.col(name).str.strip_suffix("+00:00")
            rules["iso-time-differs", name] = (stem != "") & (stem != iso_text(instant))
    return {name: rule.fill_null(False) for name, rule in rules.items()}


def set_rules(header: list[str]) -> Rules:
    """The rules that need all rows of a day, or of the file."""
    charged = is_charged(header)
    empties = (~charged).sum().over("start_time")
    return {
        ("duplicate-row", "line_item"): charged & row_hash(header).is_duplicated(),
        ("empty-day-conflict", "start_time"): ~charged & (pl.len().over("start_time") > 1) & (empties > 0),
    }


def file_rules(header: list[str], job: Job) -> Rules:
    """One value for the file: whether the rule is broken."""
    charged = is_charged(header)
    amounts = pl.col("amount_value").filter(charged)
    decimals = amounts.str.split_exact(".", 1).struct.field("field_1").fill_null("").str.len_bytes()
    digits = amounts.str.replace(".", "", literal=True).str.strip_chars_start("-0").str.len_bytes()
    return {
        ("missing-day", "start_time"): pl.col("start_time").n_unique() < len(job.days),
        ("no-usage", None): ~charged.any(),
        ("rounded-amounts", "amount_value"): (charged.sum() > 20)
        & ((decimals <= 2).all() | (digits <= SPREADSHEET_DIGITS).all()),
    }


def is_charged(header: list[str]) -> pl.Expr:
    """Whether a row has text in any column but the times."""
    return pl.any_horizontal(pl.col(name) != "" for name in header if name not in TIMES)


def row_hash(header: list[str]) -> pl.Expr:
    """A row but for its amounts, as 64 bits: what ours remembers of a row, too."""
    return pl.struct(name for name in header if name not in MEASURES).hash()


def total() -> pl.Expr:
    """The sum of the amounts, as exact as polars' decimals are."""
    return DECIMAL.sum().cast(pl.String)


def whole(name: str, pattern: str) -> pl.Expr:
    """Whether the pattern fits the whole cell."""
    return pl.col(name).str.contains(f"^(?:{pattern})$")


def iso_text(instant: pl.Expr) -> pl.Expr:
    """A Unix time as text."""
    return pl.from_epoch(instant, "s").dt.strftime("%Y-%m-%dT%H:%M:%S")
