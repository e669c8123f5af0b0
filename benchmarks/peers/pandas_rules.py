"""The rules as pandas masks: each is true where a row is wrong. Every cell is read as text, an empty one as ""."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pandas as pd
from job import (
    AMOUNT,
    CONTROL,
    CURRENCIES,
    DAY,
    FILLED,
    LARGEST_AMOUNT,
    MEASURES,
    SPREADSHEET_DIGITS,
    TEXTS,
    TIME,
    TIMES,
    UNPADDED,
    Job,
)

Masks = dict[tuple[str, str | None], pd.Series]  # rule and column -> where it is broken


def read(file: str) -> pd.DataFrame:
    """The file as text; the rows are numbered from 1."""
    frame = pd.read_csv(file, dtype=str, keep_default_na=False, na_filter=False)
    frame.index += 1
    return frame


def header_of(frame: pd.DataFrame) -> list[str]:
    """The columns of the file; pandas calls the second of two alike `name.1`."""
    return [name.removesuffix(".1") for name in frame.columns]


def is_charged(frame: pd.DataFrame) -> pd.Series:
    """Whether a row has text in any column but the times."""
    return reduce(or_, (frame[name] != "" for name in frame.columns if name not in TIMES))


def instant(frame: pd.DataFrame, name: str) -> pd.Series:
    """A Unix time as a number, or nothing."""
    return pd.to_numeric(frame[name].where(frame[name].str.fullmatch(TIME)), errors="coerce")


def row_masks(frame: pd.DataFrame, charged: pd.Series, job: Job) -> Masks:
    """The rules on a row and its neighbours."""
    start, end = (instant(frame, name) for name in TIMES[:2])
    present = set(frame.columns)
    masks: Masks = {
        ("bad-timestamp", "start_time"): start.isna(),
        ("bad-timestamp", "end_time"): end.isna(),
        ("not-one-day", "end_time"): (end - start != DAY) & start.notna() & end.notna(),
        ("not-utc-midnight", "start_time"): (start % DAY != 0) & start.notna(),
        ("outside-month", "start_time"): ~(start // DAY).between(job.days.start, job.days.stop - 1) & start.notna(),
        ("days-unsorted", "start_time"): start < start.shift(1),
        ("currency-not-usd", "amount_currency"): charged & ~frame["amount_currency"].isin(CURRENCIES),
        ("organization-mismatch", "organization_id"): charged & (frame["organization_id"] != job.organization),
    }
    masks |= amount_masks(frame["amount_value"])
    masks |= {("missing-cell", name): charged & (frame[name] == "") for name in FILLED}
    masks |= {("padded-cell", name): frame[name] != frame[name].str.strip() for name in UNPADDED if name in present}
    masks |= {("formula-cell", name): frame[name].str.match("[=@]|[+-][A-Za-z(]") for name in TEXTS if name in present}
    masks |= {("control-character", name): frame[name].str.contains(CONTROL, regex=True) for name in frame.columns}
    for name, moment in zip(TIMES[2:], (start, end), strict=True):
        if name in present:
            masks["iso-time-differs", name] = iso_differs(frame[name], moment)
    return masks


def iso_differs(cells: pd.Series, moment: pd.Series) -> pd.Series:
    """Where an ISO cell is not the Unix time beside it."""
    stem = cells.str.removesuffix("+00:00")
    text = pd.to_datetime(moment, unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")
    return (stem != "") & (stem != text) & moment.notna()


def amount_masks(amount: pd.Series) -> Masks:
    """The rules on an amount."""
    fits = amount.str.fullmatch(AMOUNT)
    return {
        ("bad-amount", "amount_value"): (amount != "") & (~fits | is_too_large(amount)),
        ("negative-amount", "amount_value"): amount.str.startswith("-") & fits,
    }


def is_too_large(amount: pd.Series) -> pd.Series:
    """Where an amount is more than any bill."""
    return pd.to_numeric(amount, errors="coerce").abs() >= LARGEST_AMOUNT


def set_masks(frame: pd.DataFrame, charged: pd.Series) -> Masks:
    """The rules that need all rows of a day, or of the file."""
    key = [name for name in frame.columns if name not in MEASURES]
    hashes = pd.util.hash_pandas_object(frame[key], index=False)
    days_with_an_empty_row = set(frame["start_time"][~charged])
    crowded = frame["start_time"].isin(days_with_an_empty_row) & frame["start_time"].duplicated(keep=False)
    return {
        ("duplicate-row", "line_item"): charged & hashes.duplicated(keep=False),
        ("empty-day-conflict", "start_time"): crowded & ~charged,
    }


def file_masks(frame: pd.DataFrame, charged: pd.Series, job: Job) -> dict[tuple[str, str | None], bool]:
    """One value for the file: whether the rule is broken."""
    amounts = frame["amount_value"][charged]
    decimals = amounts.str.replace(r"^[^.]*\.?", "", regex=True).str.len()
    digits = amounts.str.replace(".", "", regex=False).str.lstrip("-0").str.len()
    is_rounded = (decimals <= 2).all() or (digits <= SPREADSHEET_DIGITS).all()
    return {
        ("missing-day", "start_time"): frame["start_time"].nunique() < len(job.days),
        ("no-usage", None): not charged.any(),
        ("rounded-amounts", "amount_value"): bool(charged.sum() > 20 and is_rounded),
    }


def total(frame: pd.DataFrame) -> str:
    """The sum of the amounts: pandas adds floats."""
    return repr(float(pd.to_numeric(frame["amount_value"], errors="coerce").sum()))
