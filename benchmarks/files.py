"""The files that are measured: a good export of so many rows, and the same with a fault in every row. Seeded."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from fixtures.damage import scientific
from fixtures.exports import HEADERS, Export, Organization, write

HEADER = HEADERS["H4"]
# Enough groups for a million different rows, and no day without usage: every row below the header is a charged one.
EXPORT = Export(generation="H4", projects=200, users=20, empty_days=(), seed=20251001)

Row = list[str]


@dataclass(frozen=True)
class Fault:
    """What is done to each row, how the rows are then quoted, and what `billproof check` ends with."""

    name: str
    change: Callable[[Row], Row]
    quote_all: bool = False
    exit_code: int = 1


def _put(column: str, change: Callable[[str], str]) -> Callable[[Row], Row]:
    at = HEADER.index(column)
    return lambda row: [*row[:at], change(row[at]), *row[at + 1 :]]


FAULTS = (
    Fault("times as 1.76E+09", _put("start_time", scientific)),
    Fault("bad amounts", _put("amount_value", lambda text: f"${text}")),
    Fault("ragged rows", lambda row: row[:-1]),
    Fault("needless quotes", lambda row: row, quote_all=True, exit_code=0),  # a warning
    Fault("eur", _put("amount_currency", lambda _: "eur")),
)


def write_good(path: Path, rows: int, generation: str = EXPORT.generation) -> None:
    """An export of exactly so many rows with nothing wrong; where users are no column, it is grouped by none."""
    users = EXPORT.users if "user_id" in HEADERS[generation] else 0
    write(path, replace(EXPORT, generation=generation, users=users), rows)


def write_folder(folder: Path, rows: int, months: int = 24, organizations: int = 20) -> None:
    """A good export of so many rows for each month and organization, in a folder for each organization."""
    for organization in range(1, organizations + 1):
        owner = Organization(f"org-EXAMPLE{organization:02}", f"Organization {organization}")
        (folder / owner.id).mkdir(parents=True)
        for month in range(months):
            first = date(2023 + month // 12, month % 12 + 1, 1)
            last = (first + timedelta(31)).replace(day=1) - timedelta(1)
            export = replace(EXPORT, first=first, last=last, organization=owner, seed=EXPORT.seed + month)
            write(folder / owner.id / export.file_name, export, rows)


def write_damaged(good: Path, path: Path, fault: Fault) -> None:
    """The good export with the fault in every row; the header stays as it was."""
    with good.open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-8", newline="") as target:
        target.write(source.readline())
        writer = csv.writer(target, lineterminator="\n", quoting=csv.QUOTE_ALL if fault.quote_all else csv.QUOTE_MINIMAL)
        writer.writerows(map(fault.change, csv.reader(source)))
