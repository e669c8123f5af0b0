"""Unit prices: amount divided by quantity, for each line item and unit, and whether that is one constant.

There is no price list here: a file is compared with itself. A row whose price is not that of its line item may be one whose
amount was altered. Nothing here is a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from billproof.model.record import Record
from billproof.model.values import EXACT, month_of
from billproof.spend.tally import Place, Priced, Prices, total

Word = Literal["constant", "price change", "odd rows", "scattered", "too few", "not judged", "no quantity"]

TOLERANCE = Decimal("1e-9")  # relative
SHARE = Decimal("0.8")  # of the rows that the regular prices must hold before single rows are called odd
MIN_ROWS = 3  # below it nothing is said
STEP_ROWS, STEP_DAYS = 3, 2  # what either side of a price change must have
DIGITS = 12

# How many of a unit a price is shown for. Storage (gibibyte_hours) is sold in tiers, so its prices are shown and not judged.
JUDGED = {
    "tokens": 1_000_000, "1000_tokens": 1_000, "characters": 1_000_000, "images": 1, "duration_seconds": 1,
    "duration_minutes": 1, "duration_hours": 1,
}  # fmt: skip
_PER = {
    "tokens": "1M tokens", "1000_tokens": "1M tokens", "characters": "1M characters", "images": "image",
    "duration_seconds": "second", "duration_minutes": "minute", "duration_hours": "hour", "gibibyte_hours": "GiB-hour",
}  # fmt: skip
# Units of which a number makes tokens.
TOKENS = {"tokens": 1, "1000_tokens": 1_000}


class Change(Record):
    """A price that went from one value to another. `amount` is what the change made of the charges since: below zero, less."""

    day: int
    before: Decimal
    after: Decimal
    mixed_rows: int
    amount: Decimal


class OddRows(Record):
    """Rows of a month with a price that is not the line item's, from `day` on. `amount` is how far their charges are from what
    they should be.
    """

    day: int
    price: Decimal
    expected: Decimal
    rows: int
    amount: Decimal
    places: tuple[Place, ...]


class Judgment(Record):
    """What the prices of a meter are. Only some of the places of odd rows are kept."""

    word: Word
    changes: tuple[Change, ...] = ()
    odd: tuple[OddRows, ...] = ()


def per(unit: str) -> str:
    """What a price is shown for: `1M tokens`, `image`; an unknown unit as it is."""
    return _PER.get(unit, unit.replace("_", " "))


def shown_price(price: Decimal | Fraction, unit: str, digits: int = DIGITS) -> str:
    """A price of one of a unit as it is shown, for `per(unit)`, in so many digits at most."""
    return shortest(Fraction(price) * JUDGED.get(unit, 1), digits)


def shortest(value: Fraction, digits: int = DIGITS) -> str:
    """The decimal of fewest significant digits, at most so many, that is the value within the tolerance."""
    if not value:
        return "0"
    rounded = Decimal(0)
    for precision in range(1, digits + 1):
        context = Context(prec=precision, rounding=ROUND_HALF_EVEN)
        rounded = context.divide(Decimal(value.numerator), Decimal(value.denominator))
        if abs(Fraction(rounded) - value) <= Fraction(TOLERANCE) * abs(value):
            break
    text = format(rounded, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Plateau:
    """Prices that are the same within the tolerance, with their rows by day."""

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.days: dict[int, Priced] = {}
        self.places: list[Place] = []

    def take(self, days: dict[int, Priced], places: Sequence[Place]) -> None:
        for day, rows in days.items():
            self.days.setdefault(day, Priced()).take(rows.amount, rows.quantity, rows.rows)
        self.places += places

    @property
    def rows(self) -> int:
        return sum(rows.rows for rows in self.days.values())

    @property
    def first(self) -> int:
        return min(self.days)

    @property
    def last(self) -> int:
        return max(self.days)


def judged(prices: Prices, unit: str) -> Judgment:
    """What the prices of a meter are, and the rows that are odd among them."""
    if not prices.priced:
        return Judgment("no quantity")
    if unit not in JUDGED:
        return Judgment("not judged")
    if prices.scattered:
        return Judgment("scattered")
    if prices.priced < MIN_ROWS:
        return Judgment("too few")
    with localcontext(EXACT):
        plateaus = _plateaus(prices)
        if len(plateaus) == 1:
            return Judgment("constant")
        return _among(plateaus, prices.priced)


def _plateaus(prices: Prices) -> list[_Plateau]:
    plateaus: list[_Plateau] = []
    for price in sorted(prices.by_price):
        if not plateaus or price - plateaus[-1].price > TOLERANCE * price:
            plateaus.append(_Plateau(price))
        plateaus[-1].take(prices.by_price[price], prices.places[price])
    return plateaus


def _among(plateaus: Sequence[_Plateau], rows: int) -> Judgment:
    """Several prices: changes from one large plateau to the next, or one large plateau and rows beside it."""
    large = [plateau for plateau in plateaus if plateau.rows >= STEP_ROWS and len(plateau.days) >= STEP_DAYS]
    large.sort(key=lambda plateau: plateau.first)
    if not large:
        return Judgment("scattered")
    changes: list[Change] = []
    blended: set[tuple[Decimal, int]] = set()
    if all(before.last < after.first for before, after in pairwise(large)):
        for before, after in pairwise(large):
            days = _blend(before, after, plateaus)
            blended |= days
            amount = _effect(after, before.price)
            mixed = sum(plateau.days[day].rows for plateau in plateaus for day in plateau.days if (plateau.price, day) in days)
            changes.append(Change(min([after.first, *(day for _, day in days)]), before.price, after.price, mixed, amount))
    else:
        large = [max(large, key=lambda plateau: (plateau.rows, -plateau.first))]
    rest = [(plateau, day) for plateau in plateaus if plateau not in large for day in plateau.days]
    rest = [(plateau, day) for plateau, day in rest if (plateau.price, day) not in blended]
    mixed_rows = sum(change.mixed_rows for change in changes)
    if sum(plateau.rows for plateau in large) < SHARE * (rows - mixed_rows):
        return Judgment("scattered")
    odd = _odd(rest, large)
    return Judgment("odd rows" if odd else "price change", tuple(changes), odd)


def _blend(before: _Plateau, after: _Plateau, plateaus: Sequence[_Plateau]) -> set[tuple[Decimal, int]]:
    """A price that changes within a day gives mixed prices on that one day: between the two, on one day between them."""
    low, high = sorted((before.price, after.price))
    between = {
        (plateau.price, day)
        for plateau in plateaus if low < plateau.price < high
        for day in plateau.days if before.last <= day <= after.first
    }  # fmt: skip
    return between if len({day for _, day in between}) == 1 else set()


def _effect(plateau: _Plateau, price: Decimal) -> Decimal:
    """How much more its rows cost than they would at another price, to the cent's millionth."""
    amount = total(rows.amount for rows in plateau.days.values())
    quantity = total(rows.quantity for rows in plateau.days.values())
    return _to_the_millionth(amount - price * quantity)


def _odd(rest: Iterable[tuple[_Plateau, int]], large: Sequence[_Plateau]) -> tuple[OddRows, ...]:
    """The rows beside the regular prices: those of one price in one month together, beside the price that was in force."""
    groups: dict[tuple[Decimal, Decimal, str], list[tuple[_Plateau, int]]] = defaultdict(list)
    for plateau, day in rest:
        in_force = [one for one in large if one.first <= day] or [large[0]]
        groups[plateau.price, in_force[-1].price, month_of(day)].append((plateau, day))
    return tuple(sorted(_odd_rows(price, expected, some) for (price, expected, _), some in groups.items()))


def _odd_rows(price: Decimal, expected: Decimal, some: Sequence[tuple[_Plateau, int]]) -> OddRows:
    days = {day: plateau.days[day] for plateau, day in some}
    places = tuple(place for place in some[0][0].places if place.day in days)
    amount = total(rows.amount - expected * rows.quantity for rows in days.values())
    return OddRows(min(days), price, expected, sum(rows.rows for rows in days.values()), _to_the_millionth(amount), places)


def _to_the_millionth(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.000001"), ROUND_HALF_EVEN, Context(prec=200))
