"""What one accepted file says, summed exactly: money by project, line item and day, quantities, and the prices of its rows.

Rows are read one by one and only their sums are kept, so memory grows with days, line items and prices, never with rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal, DecimalException, localcontext
from typing import BinaryIO, Protocol

from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.model.values import BLANKS, DAY_SECONDS, EXACT, amount_of, calendar_date, day_number, integer

# Prices are told apart in twelve digits: float artefacts are below them, and an altered cent of 100,000 USD is above.
PRICE = Context(prec=12)
MOST_PRICES = 1_000
MOST_PLACES = 20
_USUAL = 16

_ZERO = Decimal(0)


class Cell(Record):
    """What charges are grouped by: a project (empty: none) and a line item, as they stand in the file."""

    project: str
    item: str


class Meter(Record):
    """What has a unit price: a line item counted in a unit, as they stand in the file."""

    item: str
    unit: str


class Place(Record):
    """A row: its day, and its first physical line in the file of that month."""

    day: int
    line: int


class Priced:
    """The rows of one price on one day."""

    __slots__ = ("amount", "quantity", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self.amount = _ZERO
        self.quantity = _ZERO

    def take(self, amount: Decimal, quantity: Decimal, rows: int = 1) -> None:
        """Adds rows. The context must be EXACT."""
        self.rows += rows
        self.amount += amount
        self.quantity += quantity


class Prices:
    """The rows of a meter by price and day. `scattered`: there are more prices than are kept, and so none are."""

    def __init__(self) -> None:
        self.rows = self.priced = self.free = self.negative = 0
        self.amount = self.quantity = _ZERO
        self.by_price: dict[Decimal, dict[int, Priced]] = {}
        self.places: dict[Decimal, list[Place]] = {}
        self.scattered = False
        self.without_quantity: dict[int, Priced] = {}
        self.without_quantity_places: list[Place] = []

    def take(self, amount: Decimal, quantity: Decimal | None, day: int, line: int) -> None:
        """Adds a row. The context must be EXACT."""
        self.rows += 1
        if quantity is None:
            return
        if amount < 0 or quantity < 0:
            self.negative += 1
        elif not amount:
            self.free += 1
        elif not quantity:
            self.without_quantity.setdefault(day, Priced()).take(amount, quantity)
            if len(self.without_quantity_places) < MOST_PLACES:
                self.without_quantity_places.append(Place(day, line))
        else:
            self.priced += 1
            self.amount += amount
            self.quantity += quantity
            if not self.scattered:
                self._take_price(PRICE.divide(amount, quantity), amount, quantity, day, line)

    def _take_price(self, price: Decimal, amount: Decimal, quantity: Decimal, day: int, line: int) -> None:
        days = self.by_price.get(price)
        if days is None:
            days = self.by_price[price] = {}
            self.places[price] = []
            if len(self.by_price) > MOST_PRICES:
                self.scattered = True
                self.forget()
                return
        at = days.get(day)
        if at is None:
            at = days[day] = Priced()
        at.rows += 1
        at.amount += amount
        at.quantity += quantity
        if len(places := self.places[price]) < MOST_PLACES:
            places.append(Place(day, line))

    def forget(self) -> None:
        """Lets go of the prices, once they are judged."""
        self.by_price.clear()
        self.places.clear()

    def add(self, other: Prices) -> None:
        """Adds the rows of another month, which has other days. The context must be EXACT."""
        for name in ("rows", "priced", "free", "negative", "amount", "quantity"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.without_quantity |= other.without_quantity
        self.without_quantity_places += other.without_quantity_places[: MOST_PLACES - len(self.without_quantity_places)]
        for price, days in other.by_price.items():
            self.by_price.setdefault(price, {}).update(days)
            self.places.setdefault(price, []).extend(other.places[price])
        if self.scattered or other.scattered or len(self.by_price) > MOST_PRICES:
            self.scattered = True
            self.forget()


class Reader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...

    def __next__(self) -> list[str]: ...


class Tally(Record):
    """One month's file. `cells` are exact sums by day; `counted` by meter and project: amount and quantity of rows that have
    both; `names` are those of the projects, `days` those that have a row. An accepted file has one currency, or no charge ("").
    """

    month: str
    amount: Decimal
    rows: int
    days: frozenset[int]
    cells: Mapping[Cell, Mapping[int, Decimal]]
    counted: Mapping[tuple[str, Meter], tuple[Decimal, Decimal]]
    prices: Mapping[Meter, Prices]
    names: Mapping[str, str]
    organization_name: str
    currency: str


def tally(stream: BinaryIO, month: str, roles: Mapping[str, str | None], path: str) -> Tally:
    """The sums of an accepted file. `roles` name its columns. Raises Unreadable for a row that no accepted file can have."""
    text = io.TextIOWrapper(stream, "utf-8", newline="")
    try:
        with localcontext(EXACT):
            return _Rows(month, roles).tallied(csv.reader(text, strict=True))
    except (csv.Error, ValueError, IndexError, StopIteration, DecimalException) as error:
        raise Unreadable(f"{path}: is not as it was when it was accepted ({type(error).__name__})") from None
    finally:
        text.detach()


class _Rows:
    """Reads the rows of one file."""

    def __init__(self, month: str, roles: Mapping[str, str | None]) -> None:
        self._month = month
        self._roles = roles
        self._names: dict[str, str] = {}
        self._cells: dict[Cell, dict[int, Decimal]] = {}
        self._counted: dict[tuple[str, Meter], list[Decimal]] = {}
        self._prices: dict[Meter, Prices] = {}

    def tallied(self, reader: Reader) -> Tally:
        header = next(reader)
        at = {role: header.index(name) for role, name in self._roles.items() if name in header}
        day_at, amount_at = at["day"], at["amount"]
        # A column that the file does not have is the blank that each row gets as its last cell.
        roles = ("project", "group", "unit", "quantity", "project_name", "organization_name", "currency")
        project_at, item_at, unit_at, quantity_at, name_at, organization_at, currency_at = (at.get(role, -1) for role in roles)
        known: dict[tuple[str, str, str], tuple[dict[int, Decimal], list[Decimal], Prices | None]] = {}
        days: dict[str, int] = {}
        total, rows, name, currency, line = _ZERO, 0, "", "", reader.line_num + 1
        for cells in reader:
            here, line = line, reader.line_num + 1
            cells.append("")
            start, text = cells[day_at], cells[amount_at]
            day = days.get(start)
            if day is None:
                day = days[start] = _day(start)
            if not text:
                continue
            key = cells[project_at], cells[item_at], cells[unit_at]
            group = known.get(key)
            if group is None:
                group = known[key] = self._group(*(cell.strip(BLANKS) for cell in key))
            by_day, counted, prices = group
            amount = Decimal(text) or _ZERO
            total += amount
            rows += 1
            by_day[day] = by_day.get(day, _ZERO) + amount
            name, currency, self._names[key[0]] = cells[organization_at], cells[currency_at], cells[name_at]
            if prices is None:
                continue
            quantity = _quantity(cells[quantity_at])
            if quantity is not None:
                counted[0] += amount
                counted[1] += quantity or _ZERO
            prices.take(amount, quantity, day, here)
        names = {project.strip(BLANKS): name.strip(BLANKS) for project, name in self._names.items()}
        counts = {key: (amount, quantity) for key, (amount, quantity) in self._counted.items()}
        return Tally(
            self._month, total, rows, frozenset(days.values()), self._cells, counts, self._prices, names, name.strip(BLANKS),
            currency.strip(BLANKS).upper(),
        )

    def _group(self, project: str, item: str, unit: str) -> tuple[dict[int, Decimal], list[Decimal], Prices | None]:
        """Where the rows of a project, line item and unit are summed; without a unit nothing is counted."""
        by_day = self._cells.setdefault(Cell(project, item), {})
        if not unit:
            return by_day, [], None
        meter = Meter(item, unit)
        return by_day, self._counted.setdefault((project, meter), [_ZERO, _ZERO]), self._prices.setdefault(meter, Prices())


def _day(text: str) -> int:
    """The day of a row: UTC days of a Unix time, or the date itself. Raises ValueError."""
    date, seconds = calendar_date(text), integer(text)
    if date is None and seconds is None:
        raise ValueError(text)
    return day_number(date) if date is not None else (seconds or 0) // DAY_SECONDS


def _quantity(text: str) -> Decimal | None:
    """An amount as quantities are written, `1204.0`; anything else by the grammar of amounts, or None."""
    digits = text.replace(".", "", 1)
    if digits.isdigit() and digits.isascii() and text[0] != "." != text[-1] and len(text) < _USUAL:
        return Decimal(text)
    return amount_of(text)


def total(amounts: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    with localcontext(EXACT):
        return sum(amounts, _ZERO)
