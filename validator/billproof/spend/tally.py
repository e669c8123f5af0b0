"""What one accepted file says, summed exactly: money by project, line item and day, quantities, and the prices of its rows.

Rows are read one by one and only their sums are kept, so memory grows with days, line items and prices, never with rows.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal, DecimalException, localcontext
from typing import BinaryIO

from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.model.values import BLANKS, DAY_SECONDS, EXACT, amount_of, calendar_date, day_number, integer

# Prices are told apart in twelve digits: float artefacts are below them, and an altered cent of 100,000 USD is above.
PRICE = Context(prec=12)
MOST_PRICES = 1_000
MOST_PLACES = 20

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
            _keep(self.without_quantity_places, day, line)
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
                self._scatter()
                return
        at = days.get(day)
        if at is None:
            at = days[day] = Priced()
        at.take(amount, quantity)
        _keep(self.places[price], day, line)

    def _scatter(self) -> None:
        self.scattered = True
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
            mine = self.places.setdefault(price, [])
            mine += other.places[price][: MOST_PLACES - len(mine)]
        if self.scattered or other.scattered or len(self.by_price) > MOST_PRICES:
            self._scatter()


def _keep(places: list[Place], day: int, line: int) -> None:
    if len(places) < MOST_PLACES:
        places.append(Place(day, line))


class Tally(Record):
    """One month's file. `cells` are exact sums by day; `counted` by meter and project: amount and quantity of rows that have
    both; `names` are those of the projects, `days` those that have a row.
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
        self._days: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._cells: dict[Cell, dict[int, Decimal]] = {}
        self._counted: dict[tuple[str, Meter], list[Decimal]] = {}
        self._prices: dict[Meter, Prices] = {}

    def tallied(self, reader: Iterator[list[str]]) -> Tally:
        header = next(reader)
        at = {role: header.index(name) for role, name in self._roles.items() if name in header}
        day_at, amount_at = at["day"], at["amount"]
        others = [at.get(role) for role in ("project", "group", "unit", "quantity", "project_name", "organization_name")]
        known: dict[tuple[str, ...], tuple[dict[int, Decimal], list[Decimal] | None, Prices | None]] = {}
        total, rows, name, line = _ZERO, 0, "", getattr(reader, "line_num", 1) + 1
        for cells in reader:
            here, line = line, getattr(reader, "line_num", 0) + 1
            day = self._day(cells[day_at])
            text = cells[amount_at].strip(BLANKS)
            if not text:
                continue
            project, item, unit, count, project_name, organization = ("" if n is None else cells[n] for n in others)
            group = known.get((project, item, unit))
            if group is None:
                group = known[project, item, unit] = self._group(*(cell.strip(BLANKS) for cell in (project, item, unit)))
            by_day, counted, prices = group
            amount = _number(text)
            total += amount
            rows += 1
            name = organization
            by_day[day] = by_day.get(day, _ZERO) + amount
            self._names[project] = project_name
            quantity = amount_of(count.strip(BLANKS))
            if counted is not None and quantity is not None:
                counted[0] += amount
                counted[1] += quantity or _ZERO
            if prices is not None:
                prices.take(amount, quantity, day, here)
        names = {project.strip(BLANKS): name.strip(BLANKS) for project, name in self._names.items()}
        counts = {key: (amount, quantity) for key, (amount, quantity) in self._counted.items()}
        days = frozenset(self._days.values())
        return Tally(self._month, total, rows, days, self._cells, counts, self._prices, names, name.strip(BLANKS))

    def _group(self, project: str, item: str, unit: str) -> tuple[dict[int, Decimal], list[Decimal] | None, Prices | None]:
        by_day = self._cells.setdefault(Cell(project, item), {})
        meter = Meter(item, unit)
        counted = self._counted.setdefault((project, meter), [_ZERO, _ZERO]) if unit else None
        return by_day, counted, self._prices.setdefault(meter, Prices()) if unit else None

    def _day(self, text: str) -> int:
        day = self._days.get(text)
        if day is None:
            date, seconds = calendar_date(text.strip(BLANKS)), integer(text.strip(BLANKS))
            if date is None and seconds is None:
                raise ValueError(text)
            day = self._days[text] = day_number(date) if date is not None else (seconds or 0) // DAY_SECONDS
        return day


def _number(text: str) -> Decimal:
    amount = amount_of(text)
    if amount is None:
        raise ValueError(text)
    return amount or _ZERO


def total(amounts: Iterable[Decimal]) -> Decimal:
    """An exact sum."""
    with localcontext(EXACT):
        return sum(amounts, _ZERO)
