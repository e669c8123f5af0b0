"""Why a month cost more or less than the one before: exactly, so that the lines and the rest add up to the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Literal

from billproof.model.record import Record
from billproof.spend.tally import total

MOST_LINES = 8
ENOUGH = Decimal("0.8")  # of all that moved, up or down

_ZERO = Decimal(0)
_PARTS = Context(prec=60)


class Side(Record):
    """A month of what is compared: its charges, and how much was counted in the one unit that they have, if there is one."""

    amount: Decimal = _ZERO
    unit: str = ""
    counted: Decimal = _ZERO  # the part of the amount that has a quantity
    quantity: Decimal = _ZERO


class Driver(Record):
    """What one project's line item did to the change. `by_price` and `by_volume` add up to it; None where nothing is counted."""

    integration: str
    project: str
    item: str
    word: Literal["new", "gone", "up", "down"]
    before: Decimal
    after: Decimal
    by_price: Decimal | None
    by_volume: Decimal | None

    @property
    def change(self) -> Decimal:
        return total((self.after, -self.before))


class Drivers(Record):
    """The largest movers, and what the `others` did together."""

    change: Decimal
    lines: tuple[Driver, ...]
    others: int
    others_change: Decimal


# Integration, project, line item.
What = tuple[str, str, str]


def drivers(before: Mapping[What, Side], after: Mapping[What, Side]) -> Drivers:
    """The movers from one month to the next, the largest first: eight at most, or as many as explain four fifths."""
    moves = [_driver(what, before.get(what, Side()), after.get(what, Side())) for what in sorted({*before, *after})]
    moved = sorted((driver for driver in moves if driver.change), key=lambda driver: -abs(driver.change))
    enough = ENOUGH * total(abs(driver.change) for driver in moved)
    lines: list[Driver] = []
    told = _ZERO
    for driver in moved:
        if len(lines) == MOST_LINES or told >= enough:
            break
        lines.append(driver)
        told = total((told, abs(driver.change)))
    rest = moved[len(lines) :]
    return Drivers(_sum(moved), tuple(lines), len(rest), _sum(rest))


def _sum(some: Iterable[Driver]) -> Decimal:
    return total(driver.change for driver in some)


def _driver(what: What, before: Side, after: Side) -> Driver:
    change = total((after.amount, -before.amount))
    word: Literal["new", "gone", "up", "down"] = (
        "new" if not before.amount else "gone" if not after.amount else "up" if change > 0 else "down"
    )
    by_price = _by_price(before, after)
    by_volume = None if by_price is None else total((change, -by_price))
    return Driver(*what, word, before.amount, after.amount, by_price, by_volume)


def _by_price(before: Side, after: Side) -> Decimal | None:
    """What the price did: its change, times the quantity of the month after. None unless all is counted in the same unit."""
    counted = all(side.amount == side.counted and side.quantity > 0 and side.amount > 0 for side in (before, after))
    if not counted or before.unit != after.unit:
        return None
    as_before = _PARTS.divide(_PARTS.multiply(before.amount, after.quantity), before.quantity)
    part = _PARTS.subtract(after.amount, as_before)
    if abs(part) <= Decimal("1e-9") * after.amount:
        return _ZERO
    return part.quantize(Decimal("1e-12"), context=Context(prec=200))
