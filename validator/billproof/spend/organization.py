"""The accepted months of one organization: read one after the other, summed, and looked at as a whole.

Only sums are kept. A month that no destination accepted, or whose file is nowhere, is a hole: it is never taken for zero.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext

from billproof.config.file import Integration
from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.model.values import EXACT, month_days, number, shown
from billproof.spend.accepted import Accepted, Places
from billproof.spend.drivers import Side
from billproof.spend.findings import Finding, findings, unjudged
from billproof.spend.prices import Judgment, judged
from billproof.spend.tally import Cell, Meter, Prices, Tally, tally, total

_ZERO = Decimal(0)


class Metered(Record):
    """What a month has of a meter: the rows that have a price, their charges and their quantity."""

    rows: int
    amount: Decimal
    quantity: Decimal


class MonthRead(Record):
    """A month whose accepted bytes were read. `whole`: every day of the month has a row."""

    accepted: Accepted
    path: str
    amount: Decimal
    rows: int
    days: frozenset[int]
    by_day: Mapping[int, Decimal]
    sides: Mapping[Cell, Side]
    metered: Mapping[Meter, Metered]

    @property
    def missing_days(self) -> int:
        """How many days of the month have no row."""
        return len(set(month_days(self.accepted.month)) - self.days)


class Metering(Record):
    """A meter over all months: its rows, which are no longer told apart by price, and what their prices are."""

    prices: Prices
    judgment: Judgment


class Organization(Record):
    """What the accepted months of an organization say. `lost` are accepted months whose bytes were not found, and why."""

    integration: Integration
    name: str
    months: Mapping[str, MonthRead]
    lost: Mapping[str, tuple[Accepted, str]]
    names: Mapping[str, str]
    findings: Sequence[Finding]
    meters: Mapping[Meter, Metering]

    def unjudged(self, wanted: range) -> list[range]:
        """The days in `wanted` that have too little history before them."""
        return unjudged((day for month in self.months.values() for day in month.days), wanted)

    def project_name(self, project: str) -> str:
        """A project as people know it."""
        return self.names.get(project) or project


# Called with each month that is read.
Watch = Callable[[Accepted], None]


def read_organization(
    integration: Integration, accepted: Sequence[Accepted], places: Places, roles: Mapping[str, str | None], watch: Watch
) -> Organization:
    """Reads the accepted months of an organization, in order. `roles` name the columns of its files."""
    months: dict[str, MonthRead] = {}
    lost: dict[str, tuple[Accepted, str]] = {}
    cells: dict[Cell, dict[int, Decimal]] = defaultdict(dict)
    meters: dict[Meter, Prices] = defaultdict(Prices)
    names: dict[str, str] = {}
    name = ""
    for month in accepted:
        watch(month)
        try:
            read, path = _read(month, places, roles)
        except Unreadable as error:
            lost[month.month] = month, error.message
            continue
        months[month.month] = _month(month, path, read)
        names |= read.names
        name = read.organization_name or name
        with localcontext(EXACT):
            for cell, by_day in read.cells.items():
                cells[cell].update(by_day)
            for meter, prices in read.prices.items():
                meters[meter].add(prices)
    days = [day for read_month in months.values() for day in read_month.days]
    metering = {meter: Metering(prices, judged(prices, meter.unit)) for meter, prices in sorted(meters.items())}
    for prices in meters.values():
        prices.forget()
    return Organization(integration, name, months, lost, names, findings(cells, days), metering)


def _read(month: Accepted, places: Places, roles: Mapping[str, str | None]) -> tuple[Tally, str]:
    """The sums of the accepted bytes, and where they were. Raises Unreadable if they are nowhere."""
    file = month.receipt.document["file"]
    with places.opened(month) as copy:
        if copy is None:
            text = f"the accepted file was not found: {file['name']}, {number(file['bytes'], 'byte')}, sha256 {file['sha256']}"
            raise Unreadable(text)
        copy.stream.seek(0)
        read = tally(copy.stream, month.month, roles, copy.path)
        if read.amount != month.receipt.amount:
            raise Unreadable(f"{copy.path}: its charges do not add up to the total in its receipt")
        if read.currency not in ("", month.receipt.currency):
            raise Unreadable(f"{copy.path}: its currency is {shown(read.currency)}, and its receipt says another")
        return read, copy.path


def _month(month: Accepted, path: str, read: Tally) -> MonthRead:
    by_day: dict[int, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for cell in read.cells.values():
            for day, amount in cell.items():
                by_day[day] += amount
    metered = {meter: Metered(some.priced, some.amount, some.quantity) for meter, some in read.prices.items()}
    sides = {cell: _side(cell, amounts.values(), read) for cell, amounts in read.cells.items()}
    return MonthRead(month, path, read.amount, read.rows, read.days, by_day, sides, metered)


def _side(cell: Cell, amounts: Iterable[Decimal], read: Tally) -> Side:
    counted = [(meter.unit, *sums) for (project, meter), sums in read.counted.items() if (project, meter.item) == cell]
    if len(counted) != 1:
        return Side(total(amounts))
    ((unit, amount, quantity),) = counted
    return Side(total(amounts), unit, amount, quantity)
