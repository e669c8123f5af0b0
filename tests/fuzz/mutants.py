"""Mutants of good exports: rows, cells, bytes and copies of charges in another spelling, each drawn from a number alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, NamedTuple

from fixtures.exports import HEADERS, TIMES, Export, Table, rows, to_bytes

ACME, OTHER = "org-EXAMPLEacme01", "org-EXAMPLEother"
BASES = (
    Export(per_day=1),
    Export(per_day=2, projects=2),
    Export(per_day=3, empty_days=()),
    Export(first=date(2025, 9, 1), last=date(2025, 9, 30), empty_days=(date(2025, 9, 1), date(2025, 9, 30)), per_day=1),
    Export(last=date(2025, 10, 20), per_day=2),
    Export(first=date(2025, 9, 25), last=date(2025, 11, 4), per_day=1),
)
INSTANTS = (
    "2025-12-01T00:00:00Z", "2025-12-01T00:00:00Z", "2025-12-01T00:00:00Z", "2025-11-10T12:00:00Z", "2025-11-03T00:00:00Z",
    "2025-11-02T23:59:59Z", "2025-11-01T00:00:00Z", "2025-10-31T23:59:59Z", "2025-10-21T00:00:00Z", "2025-10-20T00:00:00Z",
    "2025-10-19T23:59:59Z", "2025-10-15T08:30:00Z", "2025-10-01T00:00:00Z", "2025-09-30T12:00:00Z", "2025-11-01T01:00:00+02:00",
)  # fmt: skip
AROUND_THE_20TH = (
    "2025-10-19T23:59:59Z", "2025-10-20T00:00:00Z", "2025-10-20T12:00:00Z", "2025-10-21T00:00:00Z", "2025-10-22T09:00:00Z",
)  # fmt: skip
BLANKS = (" ", "  ", "\u00a0", "\u3000", "\u2003")
VALUES: dict[str, tuple[str, ...]] = {
    "amount_value": (
        "0",
        "0.00",
        "0E-6176",
        "-0",
        "-1.5",
        "-0.0001",
        "1e3",
        "1E-5",
        "1e900000",
        "1e9999",
        "1e14",
        "1e15",
        "999999999999999.9",
        "1,5",
        "1.",
        ".5",
        "+1",
        "NaN",
        "Infinity",
        "1_000",
        "１２",
        "$5",
        "1e-100",
        "1e-101",
        "0." + "0" * 99 + "1",
        "1" * 16,
        "0." + "1" * 100,
        "0." + "1" * 101,
        "1 5",
        "0x1",
        "1e",
        "1.5e+2",
        "--1",
        "5.270056771568749",
    ),
    "amount_currency": ("usd", "USD", "Usd", "eur", "EUR", "$", "US$", "usd.", "ＵＳＤ"),
    "start_time": ("", "0", "1.75E+09", "1759276800.0", "1759276800000", "01759276800", "2025-10-01", "4102444800", "1420070399"),
    "end_time": ("", "0", "1.75E+09", "1759363199", "1759363200.5", "-1759363200"),
    "start_time_iso": ("", "2025-10-01", "2025-10-01 00:00:00", "01.10.2025", "2025-13-01T00:00:00", "2025-10-01T00:00:00Z"),
    "end_time_iso": ("", "2025-10-02", "2025-10-01T24:00:00", "2025-10-02T00:00:00-00:00", "2025-10-02T02:00:00+02:00"),
    "line_item": ("", "=1+1", "@x", "-gpt", "+(1)", "-1", "whisper", "a\nb", 'say "x"', "数据"),
    "project_id": ("", "proj_EXAMPLE0000", "proj_EXAMPLE0001", "=x"),
    "project_name": ("", "Default project", "=cmd()", "R&D, Paris"),
    "organization_id": ("", ACME, OTHER, ACME.upper()),
    "organization_name": ("", "Acme", "@acme"),
    "user_email": ("person0001@example.com", "nobody"),
    "quantity": ("", "1", "x", "1.50"),
}


class Mutant(NamedTuple):
    """A file and what is asked about it; `told` names the changes that made it."""

    data: bytes
    as_of: str
    month: str | None
    month_to_date: bool
    organization: str | None
    ready: bool
    told: tuple[str, ...]


@cache
def good(generation: str, base: int) -> Table:
    """A good table, which is not to be changed."""
    users = base % 2 if generation in ("H3", "H4") else 0
    return rows(replace(BASES[base], generation=generation, users=users, emails=base == 2, seed=base + 1))


def mutant(number: int, seed: int) -> Mutant:
    """The mutant of that number: always the same, whatever was drawn before."""
    dice = random.Random(f"{seed}:{number}")
    base = dice.randrange(len(BASES))
    table = [list(row) for row in good(dice.choice(tuple(HEADERS)), base)]
    told = list[str]()
    for _ in range(dice.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        change = dice.choice(TABLE_CHANGES)
        change(table, dice)
        told.append(change.__name__)
    if dice.random() < 0.03:
        ragged(table, dice)
        told.append("ragged")
    data = to_bytes(table)
    if dice.random() < 0.25:
        for _ in range(dice.choice((1, 1, 2))):
            damage = dice.choice(BYTE_CHANGES)
            data = damage(data, dice)
            told.append(damage.__name__)
    made: dict[str, Any] = {"data": data, "ready": dice.random() < 0.4, "told": tuple(told)}
    if base == 4 and dice.random() < 0.7:
        return Mutant(as_of=dice.choice(AROUND_THE_20TH), month=None, month_to_date=True, organization=ACME, **made)
    if dice.random() < 0.6:
        return Mutant(as_of=INSTANTS[0], month=None, month_to_date=False, organization=dice.choice((None, ACME)), **made)
    return Mutant(
        as_of=dice.choice(INSTANTS), month=dice.choice((None, "2025-10", "2025-10", "2025-09", "2025-11")),
        month_to_date=dice.random() < 0.25, organization=dice.choice((None, ACME, OTHER)), **made,
    )  # fmt: skip


def line(table: Table, dice: random.Random) -> int:
    """A row, never the header; 0 where there is none left."""
    return dice.randrange(1, len(table)) if len(table) > 1 else 0


def charged_line(table: Table, dice: random.Random) -> int:
    """A row with more than times, if there is one."""
    times = {at for at, name in enumerate(table[0]) if name in TIMES}
    found = [n for n in range(1, len(table)) if any(cell for at, cell in enumerate(table[n]) if at not in times)]
    return dice.choice(found) if found else line(table, dice)


def drop_row(table: Table, dice: random.Random) -> None:
    if len(table) > 1:
        del table[line(table, dice)]


def drop_days(table: Table, dice: random.Random) -> None:
    """Some days, or all from a day on."""
    first = line(table, dice)
    start = table[first][0]
    last = next((n for n in range(first, len(table)) if table[n][0] != start), len(table))
    del table[first : dice.choice((last, last, last + 3, len(table)))]


def double_row(table: Table, dice: random.Random) -> None:
    if found := line(table, dice):
        table.insert(dice.choice((found + 1, line(table, dice))), list(table[found]))


def move_row(table: Table, dice: random.Random) -> None:
    if found := line(table, dice):
        table.insert(dice.randrange(1, len(table) + 1), table.pop(found))


def swap_rows(table: Table, dice: random.Random) -> None:
    one, other = line(table, dice), line(table, dice)
    table[one], table[other] = table[other], table[one]


def shuffle_day(table: Table, dice: random.Random) -> None:
    """The rows of each day in another order: nothing that a rule may see."""
    order = {id(row): dice.random() for row in table[1:]}
    table[1:] = sorted(table[1:], key=lambda row: (row[0], order[id(row)]))


def blank_cell(table: Table, dice: random.Random) -> None:
    table[charged_line(table, dice)][dice.randrange(len(table[0]))] = ""


def blank_column(table: Table, dice: random.Random) -> None:
    at = dice.randrange(len(table[0]))
    for row in table[1:]:
        row[at] = ""


def pad_cell(table: Table, dice: random.Random) -> None:
    row, at = table[charged_line(table, dice)], dice.randrange(len(table[0]))
    row[at] = dice.choice((dice.choice(BLANKS) + row[at], row[at] + dice.choice(BLANKS)))


def other_value(table: Table, dice: random.Random) -> None:
    """Another value in a cell of a row, or in the whole column."""
    name = dice.choice([name for name in table[0] if name in VALUES])
    at, value = table[0].index(name), dice.choice(VALUES[name])
    for row in table[1:] if dice.random() < 0.15 else [table[charged_line(table, dice)]]:
        row[at] = value


def respell_cell(table: Table, dice: random.Random) -> None:
    """The same, written otherwise."""
    row = table[charged_line(table, dice)]
    at = dice.randrange(len(row))
    row[at] = respelled(table[0][at], row[at], dice)


def short_amounts(table: Table, dice: random.Random) -> None:
    """Amounts with as many digits as a program leaves that reads them as floats, or as cents."""
    at = table[0].index("amount_value") if "amount_value" in table[0] else 0
    digits = dice.choice((2, 15, 17))
    for row in table[1:]:
        if row[at].replace(".", "").isdigit():
            row[at] = f"{float(row[at]):.2f}" if digits == 2 else f"{float(row[at]):.{digits}g}"


def shift_time(table: Table, dice: random.Random) -> None:
    """A time or a pair of them moved, with the ISO text left behind or not."""
    row = table[line(table, dice)]
    seconds = dice.choice((1, -1, 3600, 86_400, -86_400, 30 * 86_400))
    for name in dice.choice((("start_time",), ("end_time",), ("start_time", "end_time"))):
        at = table[0].index(name) if name in table[0] else 0
        if row[at].isdigit():
            row[at] = str(int(row[at]) + seconds)


def another_column(table: Table, dice: random.Random) -> None:
    at = dice.randrange(len(table[0]) + 1)
    table[0].insert(at, dice.choice(("region", "start_time", "Amount_value", "quantity", "amount value")))
    for row in table[1:]:
        row.insert(at, dice.choice(("", "", "x")))


def drop_column(table: Table, dice: random.Random) -> None:
    at = dice.randrange(len(table[0]))
    for row in table:
        del row[at]


def move_column(table: Table, dice: random.Random) -> None:
    at, to = dice.randrange(len(table[0])), dice.randrange(len(table[0]))
    for row in table:
        row.insert(to, row.pop(at))


def ragged(table: Table, dice: random.Random) -> None:
    row = table[line(table, dice)]
    row[:] = dice.choice((row[:-1], [*row, ""], row[:1], [*row, "x"]))


def copy_of_a_charge(table: Table, dice: random.Random) -> None:
    """A charge once more, in another spelling: the same charge, or one that may be another."""
    found = charged_line(table, dice)
    if not found:
        return
    copy = list(table[found])
    telling = [at for at, name in enumerate(table[0]) if name in ("amount_currency", "start_time_iso", "end_time_iso")]
    if telling and dice.random() < 0.5:
        at = dice.choice(telling)
        time = copy[at][:19]
        copy[at] = dice.choice(("USD", "usd") if table[0][at] == "amount_currency" else (f"{time}Z", f"{time}+00:00", time))
    else:
        for at in dice.sample(range(len(copy)), dice.choice((0, 1, 2))):
            copy[at] = respelled(table[0][at], copy[at], dice)
    if dice.random() < 0.2:
        at = dice.randrange(len(copy))
        copy[at] = dice.choice(VALUES.get(table[0][at], ("x",)))
    table.insert(found + dice.choice((0, 1, 1, 2)), copy)


def respelled(name: str, cell: str, dice: random.Random) -> str:
    """A cell in another spelling; whether it is the same is for the contract to say."""
    ways = [f" {cell}", f"{cell} ", f"\u00a0{cell}"]
    if name == "amount_currency":
        ways = [cell.upper(), cell.upper(), cell.lower(), "Usd", *ways]
    elif name in ("amount_value", "quantity") and cell:
        ways = [f"{cell}0" if "." in cell else f"{cell}.0", f"{cell}e0", f"0{cell}", f"{cell}E+00", *ways]
    elif name.endswith("_iso") and cell:
        ways = ["", f"{cell[:19]}Z", f"{cell[:19]}+00:00", cell[:19], f"{cell[:19]}-00:00", f"{cell[:10]}T01:00:00+01:00", *ways]
    elif name in ("line_item", "project_name", "organization_name"):
        ways = [cell.upper(), f"{cell}\u200b", *ways]
    return dice.choice(ways)


def flip(data: bytes, dice: random.Random) -> bytes:
    at = dice.randrange(len(data) or 1)
    return data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :] if data else data


def cut(data: bytes, dice: random.Random) -> bytes:
    """The end is missing, or a piece inside, or the beginning."""
    at, more = dice.randrange(len(data) + 1), dice.randrange(1, 200)
    return dice.choice((data[:at], data[:at] + data[at + more :], data[more:], data[:-1], data[:-more]))


def insert(data: bytes, dice: random.Random) -> bytes:
    at = dice.choice((0, len(data), dice.randrange(len(data) + 1)))
    pieces = (
        b'"',
        b'""',
        b"\r",
        b"\n",
        b"\n\n",
        b"\0",
        b"\xff",
        b",",
        b";",
        b"\t",
        b" ",
        b"\xef\xbb\xbf",
        b"\x85",
        b"\xc2\x85",
        b"x",
    )
    return data[:at] + dice.choice(pieces) + data[at:]


def other_line_ends(data: bytes, dice: random.Random) -> bytes:
    return data.replace(b"\n", dice.choice((b"\r\n", b"\r", b"\n\n")), dice.choice((-1, 1, 5)))


def quote(data: bytes, dice: random.Random) -> bytes:
    """Quotes around a cell, or around every one that has none."""
    lines = data.split(b"\n")
    chosen = range(len(lines)) if dice.random() < 0.3 else [dice.randrange(len(lines))]
    for at in chosen:
        if b'"' not in lines[at] and lines[at]:
            cells = lines[at].split(b",")
            place = dice.randrange(len(cells))
            lines[at] = b",".join(b'"%s"' % cell if len(chosen) > 1 or n == place else cell for n, cell in enumerate(cells))
    return b"\n".join(lines)


TABLE_CHANGES: tuple[Callable[[Table, random.Random], None], ...] = (
    drop_row, drop_days, double_row, move_row, swap_rows, shuffle_day, blank_cell, blank_cell, blank_column, pad_cell,
    other_value, other_value, other_value, respell_cell, respell_cell, short_amounts, shift_time, another_column, drop_column,
    move_column, copy_of_a_charge, copy_of_a_charge, copy_of_a_charge, copy_of_a_charge,
)  # fmt: skip
BYTE_CHANGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip, flip, cut, insert, insert, other_line_ends, quote)
