"""Exports that passed a check, written in another format: every charge one row, and the sum exact to its last digit.

The file is new and whole, or it is not there: rows go to a draft, which gets its name once the exports were read to their ends,
had the bytes that were checked, and had the totals of the check.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from billproof.io.durable import put_new
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.results import FileResult
from billproof.model.values import EXACT, shown, without_e_mail
from billproof.reading.source import open_source
from billproof.spend.charges import Charge, charges

_CHUNK_ROWS = 1_000


class Rows(Protocol):
    """A format: its columns, the one with the amounts, and the cells of a charge in the file of a name."""

    columns: tuple[str, ...]
    amount: str

    def row(self, charge: Charge, file: str) -> list[str]: ...


class Written:
    """What was written: rows, bytes, the exact total of the exports and that of the rows, and how many names had an address."""

    def __init__(self) -> None:
        self.rows = self.bytes = self.masked = 0
        self.exact = self.total = Decimal(0)


def convert(files: Sequence[FileResult], roles: Mapping[str, str | None], rows: Rows, output: str) -> Written:
    """Writes the charges of files that passed into the new file `output`. Raises UsageError if it exists, Unreadable if a file
    is not the one that was checked, Unwritable.
    """
    written = Written()
    try:
        put_new(output, _chunks(files, roles, rows, written))
    except FileExistsError:
        raise exists(output) from None
    except OSError as error:
        raise Unwritable(f"{output} could not be written: {error.strerror or error}") from None
    return written


def exists(output: str) -> UsageError:
    """The error for an output that is there already."""
    return UsageError(f"--output {output}: there is a file of that name", "billproof never overwrites a file: name a new one.")


def _chunks(
    files: Sequence[FileResult], roles: Mapping[str, str | None], rows: Rows, written: Written
) -> Iterator[bytes]:  # fmt: skip
    yield _text([rows.columns], written)
    at = rows.columns.index(rows.amount)
    for file in files:
        total, pending = Decimal(0), []
        with open_source(file.path) as source:
            for charge in charges(source, roles):
                total = EXACT.add(total, charge.amount)
                cells = rows.row(_without_addresses(charge, written), shown(file.name, None))
                written.total = EXACT.add(written.total, Decimal(cells[at]))
                pending.append(cells)
                if len(pending) == _CHUNK_ROWS:
                    yield _text(pending, written)
                    pending = []
            yield _text(pending, written)
        if source.sha256 != file.sha256 or file.totals is None or total != file.totals.amount:
            raise Unreadable(f"{file.path}: the file changed after it was checked", "Run the same command again.")
        written.rows += file.totals.charged_rows
        written.exact = EXACT.add(written.exact, total)


def _text(rows: Sequence[Sequence[str]], written: Written) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    data = out.getvalue().encode("utf-8")
    written.bytes += len(data)
    return data


def _without_addresses(charge: Charge, written: Written) -> Charge:
    """The charge, with no e-mail address in any of its texts: no rule says what an ID or a unit may be."""
    cells: tuple[Any, ...] = tuple(without_e_mail(cell) if isinstance(cell, str) else cell for cell in charge)
    masked = Charge(*cells)
    if masked == charge:
        return charge
    written.masked += 1
    return masked
