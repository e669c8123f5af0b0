"""One good October of each header generation, and small ways to damage a copy of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from fixtures import damage
from fixtures.exports import DAY, HEADERS, Export, Table, rows

GENERATIONS = tuple(HEADERS)
OCTOBER = Export()
ORGANIZATION = OCTOBER.organization.id
LINE = 20  # a charged row of every good table, in the middle of its day


def export_of(generation: str) -> Export:
    """What was asked for: October, in H3 and H4 grouped by user and key too."""
    return replace(OCTOBER, generation=generation, users=2 if generation in ("H3", "H4") else 0)


def good(generation: str) -> Table:
    """A new good table of that generation."""
    return rows(export_of(generation))


def total(table: Table) -> str:
    """The exact sum of the amounts, to the cent."""
    at = table[0].index("amount_value")
    amounts = [Decimal(row[at]) for row in table[1:] if row[at]]
    return str(sum(amounts, Decimal(0)).quantize(Decimal("0.01"), "ROUND_HALF_UP"))


def later(table: Table, columns: tuple[str, ...], seconds: int, lines: tuple[int, ...] = ()) -> Table:
    """Unix times moved, with the ISO text beside them; in some lines or in all."""
    chosen = lines or tuple(range(2, len(table) + 1))
    for column in columns:
        table = damage.changed(table, column, lambda text: str(int(text) + seconds), chosen)
        if f"{column}_iso" in table[0]:
            table = damage.changed(table, f"{column}_iso", lambda text: damage.iso(text, seconds), chosen)
    return table


def hourly(generation: str) -> Table:
    """The same month asked for with hours for an interval."""
    full = damage.hourly(rows(replace(export_of("H2"), per_day=24)))
    if generation in ("H1", "H2"):
        return damage.columns(full, HEADERS[generation])
    table = good(generation)
    start = table[0].index("start_time")
    result, used = [table[0]], dict[str, int]()
    for row in table[1:]:
        used[row[start]] = hour = used.get(row[start], -1) + 1
        moved = later([table[0], row], ("start_time",), hour * 3600) if hour else [table[0], list(row)]
        result += later(moved, ("end_time",), hour * 3600 + 3600 - DAY)[1:]
    return result


def renamed(table: Table, column: str, name: str) -> Table:
    """The same rows under a header with one other name."""
    return [[name if one == column else one for one in table[0]], *table[1:]]


def line_of_day(table: Table, charged: bool) -> int:
    """The first line of a row with charges, or without."""
    at = table[0].index("amount_value")
    return next(number for number, row in enumerate(table[1:], start=2) if bool(row[at]) is charged)
