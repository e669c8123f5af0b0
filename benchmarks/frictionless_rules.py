"""frictionless with our Table Schema and, as a check of its own kind, the rules that can be said there: a job like ours.

Run in an environment that has frictionless: `python frictionless_rules.py FILE SCHEMA`; exit 0 if the file is valid.
Not there: line ends, mark, quoting and blank lines (its reader hides them), totals by project, the calendar, the report.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import frictionless
from frictionless import errors

DAY = 86_400
AMOUNT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,100})?([eE][+-]?[0-9]{1,4})?")
REQUIRED = ("amount_value", "amount_currency", "organization_id", "organization_name")


class ExportRules(frictionless.Check):  # type: ignore[misc]
    """The rules on rows, and at the end the days of the month."""

    type = "export-rules"
    Errors = [errors.RowError, errors.TableError]

    def validate_start(self) -> Iterator[Any]:
        self.days: Counter[int] = Counter()
        self.seen: set[int] = set()
        self.organizations: set[str] = set()
        self.projects: dict[str, str] = {}
        self.total = Decimal(0)
        self.previous = 0
        yield from ()

    def validate_row(self, row: Any) -> Iterator[Any]:
        problem = self.problem(row)
        if problem:
            yield errors.RowError.from_row(row, note=problem)

    def problem(self, row: Any) -> str | None:
        """The first fault of a row."""
        cells = dict(zip(row.field_names, row.cells, strict=True))
        start, end = int(cells["start_time"]), int(cells["end_time"])
        self.days[start // DAY] += 1
        if end - start != DAY or start % DAY or start < self.previous:
            return "time"
        self.previous = start
        if any(cell != cell.strip() for cell in cells.values()):
            return "padded"
        for name in ("start_time_iso", "end_time_iso"):
            if cells.get(name):
                moment = datetime.fromisoformat(cells[name])
                if int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) != int(cells[name[:-4]]):
                    return "iso"
        if not any(cells[name] for name in cells if not name.startswith(("start_time", "end_time"))):
            return None
        if not all(cells[name] for name in (*REQUIRED, "line_item")) or not AMOUNT.fullmatch(cells["amount_value"]):
            return "cell"
        if cells["amount_currency"] not in ("usd", "USD") or cells["line_item"][0] in "=@":
            return "value"
        self.total += Decimal(cells["amount_value"])
        self.organizations.add(cells["organization_id"])
        self.projects.setdefault(cells["project_id"], cells["project_name"])
        key = hash(tuple(cell for name, cell in cells.items() if name not in ("amount_value", "quantity")))
        if key in self.seen:
            return "duplicate"
        self.seen.add(key)
        return None

    def validate_end(self) -> Iterator[Any]:
        days = range(min(self.days), max(self.days) + 1)
        if len(self.days) != len(days) or len(self.organizations) != 1:
            yield errors.TableError(note="a missing day, or several organizations")


def main(file: str, schema: str) -> int:
    """0 if the file is valid."""
    descriptor = json.loads(Path(schema).read_text("utf-8"))
    del descriptor["$schema"]
    resource = frictionless.Resource(path=file, schema=frictionless.Schema.from_descriptor(descriptor))
    report = resource.validate(frictionless.Checklist(checks=[ExportRules()]))
    hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return 0 if report.valid else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
