"""Drivers of a change: exact, the largest first, and adding up."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from billproof.spend.drivers import MOST_LINES, Side, What, drivers
from tests.support import often

AMOUNTS = st.decimals(-1000, 1000, allow_nan=False, places=20)
SIDES = st.builds(
    lambda amount, unit, quantity: Side(amount, unit, amount if unit else Decimal(0), quantity if unit else Decimal(0)),
    AMOUNTS, st.sampled_from(["", "tokens", "images"]), st.decimals(0, 1_000_000, allow_nan=False, places=1),
)  # fmt: skip
MONTHS = st.dictionaries(st.tuples(st.just("research"), st.sampled_from("abcd"), st.sampled_from("wxyz")), SIDES, max_size=16)


def side(amount: str, quantity: str = "0", unit: str = "tokens") -> Side:
    return Side(Decimal(amount), unit, Decimal(amount), Decimal(quantity))


def what(item: str) -> What:
    return ("research", "search", item)


@settings(max_examples=often(120))
@given(MONTHS, MONTHS)
def test_lines_and_others_add_up(before: dict[What, Side], after: dict[What, Side]) -> None:
    found = drivers(before, after)
    sums = [sum((one.amount for one in month.values()), Decimal(0)) for month in (before, after)]
    assert found.change == sums[1] - sums[0]
    assert sum((line.change for line in found.lines), found.others_change) == found.change
    assert len(found.lines) <= MOST_LINES
    assert [abs(line.change) for line in found.lines] == sorted((abs(line.change) for line in found.lines), reverse=True)
    for line in found.lines:
        assert line.by_price is None or line.by_price + (line.by_volume or Decimal(0)) == line.change


@settings(max_examples=often(100))
@given(MONTHS, MONTHS)
def test_order_changes_nothing(before: dict[What, Side], after: dict[What, Side]) -> None:
    again = [dict(sorted(month.items(), reverse=True)) for month in (before, after)]
    assert drivers(before, after) == drivers(*again)


def test_words_and_how_many_lines() -> None:
    before = {what("old"): side("50"), what("up"): side("10"), what("down"): side("30"), what("same"): side("5")}
    after = {what("new"): side("40"), what("up"): side("15"), what("down"): side("29"), what("same"): side("5")}
    found = drivers(before, after)
    assert [(line.item, line.word) for line in found.lines] == [("old", "gone"), ("new", "new")]  # 90 of 96 that moved
    assert (found.change, found.others, found.others_change) == (Decimal(-6), 2, Decimal(4))


def test_price_and_volume() -> None:
    (line,) = drivers({what("a"): side("2", "1000000")}, {what("a"): side("9.6", "3000000")}).lines
    assert (line.by_price, line.by_volume) == (Decimal("3.6"), Decimal(4))  # (3.2 - 2) x 3, 2 x (3 - 1)
    (line,) = drivers({what("a"): side("2", "1000000")}, {what("a"): side("6", "3000000")}).lines
    assert (line.by_price, line.by_volume) == (Decimal(0), Decimal(4))


def test_nothing_is_said_of_price_where_a_part_is_not_counted_or_units_differ() -> None:
    half = Side(Decimal(9), "tokens", Decimal(4), Decimal(10))
    for before, after in ((side("2", "10"), half), (half, side("2", "10")), (side("2", "10"), side("3", "10", "images"))):
        (line,) = drivers({what("a"): before}, {what("a"): after}).lines
        assert (line.by_price, line.by_volume) == (None, None)


def test_an_artefact_of_floats_is_no_price() -> None:
    (line,) = drivers({what("a"): side("2.5", "1000000")}, {what("a"): side("4.9999999999999996", "2000000")}).lines
    assert (line.by_price, line.by_volume) == (Decimal(0), Decimal("2.4999999999999996"))
