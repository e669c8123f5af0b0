"""The charges of an export that passed a check, row by row, read by role: what they say is taken as checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import repeat

from billproof.model.record import Record
from billproof.model.values import DAY_SECONDS
from billproof.reading.parse import limited_cells
from billproof.reading.reader import Reader
from billproof.reading.source import Source

_CELLS = (
    "day", "amount", "currency", "organization", "organization_name", "project", "project_name", "group", "quantity", "unit",
    "source", "user", "key",
)  # fmt: skip


class Charge(Record):
    """One charged row: its first line in the file, its day (days since 1970), its exact amount, and other cells as written.
    "" stands for an empty cell and for a column that the export does not have.
    """

    line: int
    day: int
    amount: Decimal
    currency: str
    organization: str
    organization_name: str
    project: str
    project_name: str
    item: str
    quantity: str
    unit: str
    source: str
    user: str
    key: str


def charges(source: Source, roles: Mapping[str, str | None]) -> Iterator[Charge]:
    """The charges of an export that passed, in the order of the file; days without usage have none. The source is read to its
    end, so that its digest covers what was read. Raises Unreadable.
    """
    with limited_cells():
        reader = Reader(source)
        places = {name: index for index, name in enumerate(reader.head.header)}
        found = [places.get(roles.get(role) or "") for role in _CELLS]
        for batch in reader.batches():
            columns = batch.columns if batch.rows else []
            cells = [repeat("") if place is None or not columns else columns[place] for place in found]
            for line, (day, amount, *others) in zip(batch.lines, zip(*cells, strict=False), strict=False):
                if amount:
                    yield Charge(line, int(day) // DAY_SECONDS, Decimal(amount), *others)
