"""Exports of October 2025 with the charges of a test on its first day, and the CSV files that are made of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact
from pathlib import Path

from tests.support import AS_OF, run

H1 = "start_time,end_time,amount_value,amount_currency,line_item,project_id,organization_id,project_name,organization_name"
H4 = (
    "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,quantity,quantity_unit,line_item,user_id,"
    "api_key_id,project_id,organization_id,project_name,organization_name,user_email,api_source"
)
FIRST, DAY = 1_759_276_800, 86_400
EXACT = Context(prec=1000, traps=[Inexact])


def export(path: Path, charges: Sequence[dict[str, str]], header: str = H4) -> Path:
    """An export with these charges on 1 October 2025, if they name no `day`, and no usage on the other days."""
    names = header.split(",")
    rows = []
    for day in range(31):
        start = FIRST + day * DAY
        times = {"start_time": str(start), "end_time": str(start + DAY)}
        times |= {f"{name}_time_iso": f"2025-10-{day + 1:02d}T00:00:00" for name in ("start",)}
        after = f"2025-10-{day + 2:02d}" if day < 30 else "2025-11-01"
        times["end_time_iso"] = f"{after}T00:00:00"
        of_day = [charge for charge in charges if int(charge.get("day", "1")) == day + 1]
        given = {"amount_currency": "usd", "organization_id": "org-EXAMPLE1", "organization_name": "Acme Research"}
        given |= {"project_id": "proj_EXAMPLE1", "project_name": "Search", "line_item": "gpt-5, input"}
        rows += [times | given | charge for charge in of_day] or [times]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, names, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def convert(*arguments: str | Path, as_of: str = AS_OF) -> tuple[int, str, str]:
    """`billproof convert`."""
    return run("convert", *map(str, arguments), "--as-of", as_of)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, strict=True))


def total_of(path: Path, column: str) -> Decimal:
    """The sum of a column's cells, empty ones left out, exact."""
    total = Decimal(0)
    for row in rows_of(path):
        if row[column]:
            total = EXACT.add(total, Decimal(row[column]))
    return total
