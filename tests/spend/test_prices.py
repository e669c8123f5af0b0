"""Unit prices: constant or not, where they changed, and which rows are odd among them."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterable
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billproof.model.values import EXACT, day_of, money
from billproof.rules.compiled import load_ruleset
from billproof.spend.prices import Judgment, judged, per, shortest, shown_price
from billproof.spend.tally import MOST_PRICES, Meter, Prices, tally
from tests.support import often

CASES = sorted((Path(__file__).parent / "cases").glob("*.csv"))
ROLES = load_ruleset().roles
# A row: amount, quantity, day.
Row = tuple[Any, Any, int]


def prices(rows: Iterable[Row]) -> Prices:
    found = Prices()
    with localcontext(EXACT):
        for line, (amount, quantity, day) in enumerate(rows, 2):
            found.take(Decimal(amount), None if quantity is None else Decimal(quantity), day, line)
    return found


def verdict(rows: Iterable[Row], unit: str = "tokens") -> Judgment:
    return judged(prices(rows), unit)


def as_in_the_cases(meter: Meter, found: Prices) -> dict[str, Any]:
    """A meter in the form of the cases, whose values were worked out by hand."""
    judgment = judged(found, meter.unit)
    price = shown_price(Fraction(found.amount) / Fraction(found.quantity), meter.unit) if found.priced else None
    entry: dict[str, Any] = {
        "line_item": meter.item, "unit": meter.unit, "priced_rows": found.priced, "amount": money(found.amount),
        "quantity": money(found.quantity), "price": price, "verdict": judgment.word,
    }  # fmt: skip
    if judgment.changes:
        entry["steps"] = [
            {
                "day": day_of(one.day).isoformat(), "from": shown_price(one.before, meter.unit),
                "to": shown_price(one.after, meter.unit), "mixed_rows": one.mixed_rows,
            }
            for one in judgment.changes
        ]  # fmt: skip
    if judgment.odd:
        entry["odd"] = [
            {"line": place.line, "price": shown_price(one.price, meter.unit), "expected": shown_price(one.expected, meter.unit),
             "times": shortest(Fraction(one.price) / Fraction(one.expected))} for one in judgment.odd for place in one.places
        ]  # fmt: skip
    return entry


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_that_was_worked_out_by_hand(path: Path) -> None:
    read = tally(io.BytesIO(path.read_bytes()), "2025-10", ROLES, path.name)
    expected = {(one["line_item"], one["unit"]): one for one in json.loads(path.with_suffix(".json").read_text("utf-8"))}
    assert {(meter.item, meter.unit) for meter in read.prices} == {key for key in expected if key[1]}
    for meter, found in read.prices.items():
        one = expected[meter.item, meter.unit]
        entry = as_in_the_cases(meter, found)
        assert entry == {key: one[key] for key in entry} | {key: one[key] for key in ("steps", "odd") if key in one}
        assert found.rows == one["rows"]
        assert [place.line for place in found.without_quantity_places] == one.get("amount_without_quantity_lines", [])
        assert (found.free, found.negative) == tuple(len(one.get(f"{name}_lines", ())) for name in ("free", "negative"))


def test_fewer_than_three_rows_say_nothing() -> None:
    assert verdict([("1", "10", 1), ("9", "10", 2)]).word == "too few"
    assert verdict([("1", "10", 1), ("1", "10", 2), ("1", "10", 3)]).word == "constant"


@pytest.mark.parametrize("unit, word", [("tokens", "scattered"), ("gibibyte_hours", "not judged"), ("foo_bars", "not judged")])
def test_storage_and_unknown_units_are_not_judged(unit: str, word: str) -> None:
    assert verdict([(amount, "10", day) for day, amount in enumerate("123456789")], unit).word == word


def test_rows_without_a_quantity_are_only_counted() -> None:
    assert verdict([("1", None, 1)] * 9).word == "no quantity"


@pytest.mark.parametrize("factor, odd", [("1.0000000005", False), ("1.000000002", True), ("0.999999998", True), ("10", True)])
def test_a_price_is_odd_beyond_a_billionth(factor: str, odd: bool) -> None:
    rows: list[Row] = [("2.5", "1000000", day) for day in range(20)]
    rows[7] = (Decimal("2.5") * Decimal(factor), "1000000", 7)
    found = verdict(rows)
    assert found.word == ("odd rows" if odd else "constant")
    assert [place.line for one in found.odd for place in one.places] == ([9] if odd else [])


def test_what_an_altered_amount_makes() -> None:
    rows: list[Row] = [("2.5", "1000000", day) for day in range(10)]
    rows[3] = ("25", "1000000", 3)
    (one,) = verdict(rows).odd
    assert (one.day, one.amount, one.rows, one.expected) == (3, Decimal("22.5"), 1, Decimal("0.0000025"))


def test_what_a_price_change_makes() -> None:
    rows: list[Row] = [("2", "1000000", day) for day in range(10)] + [("3.2", "1000000", day) for day in range(10, 15)]
    (one,) = verdict(rows).changes
    assert (one.day, one.amount) == (10, Decimal(6))


def test_two_prices_side_by_side_are_no_change() -> None:
    assert verdict([(amount, "10", day) for day in range(9) for amount in "13"]).word == "scattered"


def test_a_price_for_two_rows_or_on_one_day_is_no_change() -> None:
    first: list[Row] = [("2", "10", day) for day in range(20)]
    assert verdict([*first, ("3", "10", 20), ("3", "10", 21)]).word == "odd rows"
    assert verdict([*first, *[("3", "10", 20)] * 4]).word == "odd rows"
    assert verdict([*first, *[("3", "10", 20)] * 2, ("3", "10", 21)]).word == "price change"


def test_too_many_prices_are_scattered_in_flat_memory() -> None:
    found = prices((str(number), "7", number % 30) for number in range(1, 5_000))
    assert judged(found, "tokens").word == "scattered"
    assert found.by_price == {}
    assert len(prices((str(number), "7", 1) for number in range(1, MOST_PRICES + 1)).by_price) == MOST_PRICES


@settings(max_examples=often(100))
@given(
    st.lists(st.tuples(st.sampled_from("1234"), st.sampled_from(["10", "20", "0"]), st.integers(0, 9)), max_size=30), st.randoms()
)
def test_order_and_months_change_nothing(rows: list[Row], shuffled: random.Random) -> None:
    whole = prices(rows)
    again = list(rows)
    shuffled.shuffle(again)
    months = [prices(row for row in again if row[2] // 5 == half) for half in (0, 1)]
    with localcontext(EXACT):
        months[0].add(months[1])
    for other in (prices(again), months[0]):
        without_lines = [
            (found.word, found.changes, [one._replace(places=()) for one in found.odd])
            for found in (judged(whole, "tokens"), judged(other, "tokens"))
        ]
        assert without_lines[0] == without_lines[1]
        assert (whole.amount, whole.quantity, whole.rows) == (other.amount, other.quantity, other.rows)


@pytest.mark.parametrize(
    "value, text",
    [
        ("2.4999999999999996", "2.5"),
        ("0.0000025", "0.0000025"),
        ("1e3", "1000"),
        ("0", "0"),
        ("0.123456789012345", "0.123456789012"),
    ],
)
def test_the_shortest_text_of_a_price(value: str, text: str) -> None:
    assert shortest(Fraction(value)) == text if value != "0.123456789012345" else len(shortest(Fraction(value))) <= 14


def test_what_a_price_is_shown_for() -> None:
    assert [per(unit) for unit in ("tokens", "1000_tokens", "images", "gibibyte_hours", "foo_bars")] == [
        "1M tokens", "1M tokens", "image", "GiB-hour", "foo bars"
    ]  # fmt: skip


def test_mixed_prices_are_those_of_one_day() -> None:
    before: list[Row] = [("2.5", "1000000", day) for day in range(10)]
    after: list[Row] = [("2", "1000000", day) for day in range(12, 20)]
    on_one: list[Row] = [("2.3", "1000000", 10), ("2.1", "1000000", 10)]
    on_two: list[Row] = [("2.3", "1000000", 10), ("2.1", "1000000", 11)]
    assert [(one.day, one.mixed_rows) for one in verdict(before + on_one + after).changes] == [(10, 2)]
    assert verdict(before + on_one + after).word == "price change"
    found = verdict(before + on_two + after)
    assert (found.word, [one.mixed_rows for one in found.changes], len(found.odd)) == ("odd rows", [0], 2)


def test_odd_rows_of_a_price_are_told_month_by_month() -> None:
    rows: list[Row] = [("2.5", "1000000", day) for day in range(60) for _ in range(9)]
    rows += [("25", "1000000", day) for day in range(60)]
    months = [prices(row for row in rows if row[2] in days) for days in (range(31), range(31, 59), range(59, 60))]
    with localcontext(EXACT):
        for month in months[1:]:
            months[0].add(month)
    found = judged(months[0], "tokens")  # 1970-01-01 to 1970-03-01
    assert [(one.day, one.rows, one.amount) for one in found.odd] == [
        (0, 31, Decimal("697.5")), (31, 28, Decimal(630)), (59, 1, Decimal("22.5"))
    ]  # fmt: skip
    assert [len(one.places) for one in found.odd] == [20, 20, 1]
