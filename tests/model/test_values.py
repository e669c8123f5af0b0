"""Text to values and back: nothing is guessed, nothing is a float, nothing dangerous is shown."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, Inexact

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billproof.model.values import (
    BLANKS,
    EXACT,
    calendar_date,
    cents,
    day_number,
    day_of,
    decimal,
    in_words,
    instant,
    integer,
    is_month,
    money,
    month_days,
    month_end,
    month_name,
    month_of,
    rfc3339,
    shown,
)


@pytest.mark.parametrize("text, number", [("0", 0), ("-7", -7), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_whole_numbers(text: str, number: int) -> None:
    assert integer(text) == number


@pytest.mark.parametrize("text", ["", " 7", "7 ", "+7", "1_0", "１２", "٣", "1.0", "1e3", "0x1", "--1", "9" * 19, "1\n", "²"])
def test_what_is_not_a_whole_number(text: str) -> None:
    assert integer(text) is None


@pytest.mark.parametrize(
    "text, number",
    [("0", "0"), ("-0.10", "-0.10"), ("1.5E-7", "0.00000015"), ("0E-6176", "0"), ("1e+2", "100"), ("1e9999", "1E+9999")],
)
def test_decimals_are_exact(text: str, number: str) -> None:
    assert decimal(text) == Decimal(number)


@pytest.mark.parametrize(
    "text",
    [
        "", ".5", "5.", "+1", "1,5", "1_000", "１２", "NaN", "sNaN", "Infinity", "-inf", " 1", "1 ", "1e", "1e12345", "0x1p3",
        "1\n", "--1",
    ],
)  # fmt: skip
def test_what_is_not_a_decimal(text: str) -> None:
    assert decimal(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2025-10-05T00:00:00", "2025-10-05T00:00:00Z", "2025-10-05T00:00:00+00:00", "2025-10-05T02:00:00+02:00",
        "2025-10-04T19:00:00-05:00",
    ],
)  # fmt: skip
def test_instants_are_utc(text: str) -> None:
    assert instant(text) == datetime(2025, 10, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "", "2025-10-05", "2025-10-05 00:00:00", "2025-10-05T00:00", "2025-10-05T00:00:00.5", "2025-10-05T00:00:00z",
        "20251005T000000", "2025-13-05T00:00:00", "2025-02-29T00:00:00", "2025-10-05T25:00:00",
        "2025-10-05T00:00:00+25:00", "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00", "２０２５-10-05T00:00:00", " 2025-10-05T00:00:00", "0000-01-01T00:00:00",
    ],
)  # fmt: skip
def test_what_is_not_an_instant(text: str) -> None:
    assert instant(text) is None


@pytest.mark.parametrize("text, day", [("2025-10-01", date(2025, 10, 1)), ("2024-02-29", date(2024, 2, 29)), ("2025-02-29", None),
                                       ("2025-10-1", None), ("20251001", None), ("2025-W40-1", None), ("", None)])  # fmt: skip
def test_dates(text: str, day: date | None) -> None:
    assert calendar_date(text) == day


@pytest.mark.parametrize(
    "text, fits", [("2025-10", True), ("2025-13", False), ("2025-00", False), ("0000-01", False), ("2025-1", False)]
)
def test_months(text: str, fits: bool) -> None:
    assert is_month(text) is fits


@pytest.mark.parametrize(
    "month, days", [("2025-10", 31), ("2025-02", 28), ("2024-02", 29), ("2025-12", 31), ("1970-01", 31), ("9999-11", 30)]
)
def test_the_days_of_a_month(month: str, days: int) -> None:
    found = month_days(month)
    assert len(found) == days
    assert (day_of(found[0]).isoformat(), day_of(found[-1]).isoformat()) == (f"{month}-01", f"{month}-{days}")
    assert {month_of(day) for day in found} == {month}


@given(st.dates())
def test_days_are_numbered_both_ways(day: date) -> None:
    assert day_of(day_number(day)) == day


def test_months_end_and_are_named() -> None:
    assert month_end("2025-12") == datetime(2026, 1, 1, tzinfo=UTC)
    assert month_name("2025-10") == "October 2025"
    assert in_words(datetime(2025, 11, 3, tzinfo=UTC)) == "2025-11-03 00:00 UTC"
    assert rfc3339(datetime.fromisoformat("2025-11-03T02:00:00+02:00")) == "2025-11-03T00:00:00Z"


@pytest.mark.parametrize(
    "amount, text",
    [("0", "0"), ("-0.00", "0"), ("0E-6176", "0"), ("1.50", "1.5"), ("100", "100"), ("1E+3", "1000"), ("1.5E-7", "0.00000015"),
     ("-2.500", "-2.5"), ("1E-100", "0." + "0" * 99 + "1")],
)  # fmt: skip
def test_money_is_plain_text(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


@pytest.mark.parametrize(
    "amount, text",
    [("0.005", "0.01"), ("0.015", "0.02"), ("-0.005", "-0.01"), ("2.675", "2.68"), ("1E+14", "100000000000000.00")],
)
def test_cents_are_rounded_as_on_invoices(amount: str, text: str) -> None:
    assert str(cents(Decimal(amount))) == text


def test_sums_are_exact_or_raise() -> None:
    assert EXACT.add(Decimal("999999999999999"), Decimal("1E-100")) == Decimal("999999999999999." + "0" * 99 + "1")
    with pytest.raises(Inexact):
        EXACT.add(Decimal("1"), Decimal("1E-300"))


@pytest.mark.parametrize(
    "text, safe",
    [
        ("Zürich 数据 🙂", "Zürich 数据 🙂"),
        ("a\nb\tc\x1b[31m", "a\\u000Ab\\u0009c\\u001B[31m"),
        ("\u202etxt.exe\u200b", "\\u202Etxt.exe\\u200B"),
        ("caf\udce9", "caf\\xE9"),
        ("\ud800", "\\uD800"),
        ("\U000e0041", "\\U000E0041"),
        ("ask person0001@example.com now", "ask <e-mail> now"),
        ("person＠example.com,x", "<e-mail>,x"),
        ("a/b@c", "<e-mail>"), ("CORP\\jane@c d", "<e-mail> d"), ('"j d"@c', "<e-mail>"), ("x;j@c", "x;<e-mail>"),
        ("::error::x", "\\u003A:error::x"),
        ("a ::error::x", "a \\u003A:error::x"),
        ("a::b", "a::b"),
        ("##[add-mask]x", "\\u0023#[add-mask]x"),
        ("a##vso[task.complete]", "a\\u0023#vso[task.complete]"),
        ("###[", "\\u0023\\u0023#["),
    ],
)
def test_what_is_shown_is_safe(text: str, safe: str) -> None:
    assert shown(text) == safe


def test_long_text_is_cut() -> None:
    assert shown("x" * 81) == "x" * 79 + "…"
    assert shown("x" * 80) == "x" * 80
    assert shown("x" * 500, None) == "x" * 500
    assert shown("x" * 10**7).endswith("…")


def test_an_address_at_the_cut_is_not_shown_in_part() -> None:
    for before in range(400):
        assert "person" not in shown("x " * before + "person0001@example.com")


@given(st.text(st.characters(), max_size=200))
def test_anything_can_be_shown(text: str) -> None:
    safe = shown(text)
    assert len(safe) <= 80
    json.dumps(safe).encode("ascii")
    safe.encode("utf-8")
    assert not any(unicodedata.category(one) in ("Cc", "Cs") for one in safe)
    assert not {"\u202e", "\u2066", "\u200f"} & set(safe)
    assert not safe.lstrip().startswith("::")
    assert "##" not in safe


def test_blanks_are_all_white_space_and_what_has_no_width() -> None:
    white = {chr(code) for code in range(0x110000) if chr(code).isspace()}
    assert white <= set(BLANKS)
    unseen = {"\u034f", "\u115f", "\u1160", "\u17b4", "\u17b5", "\u2800", "\u3164", "\uffa0"}  # drawn as nothing
    assert all(unicodedata.category(one) == "Cf" for one in set(BLANKS) - white - unseen)
