"""The text of a block to records, as strict CSV, each with its exact physical lines.

A block in which every line is one whole record is parsed in one go. Any other block is walked record by record, so that an
error gets its own line and the rest is still read.
"""

from __future__ import annotations

import csv
import re
from _thread import allocate_lock
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from billproof.model.record import Record
from billproof.reading.batch import Batch, Unread, split_lines

FIELD_LIMIT = 131_072

_PROBLEMS = {
    "unexpected end": "a quotation mark is never closed",
    "field larger": f"a cell has more than {FIELD_LIMIT:,} characters, usually because a quotation mark is never closed",
    "new-line": "an unquoted cell contains a line ending",
}
_AFTER_QUOTE = "text follows a closing quotation mark"
_STRAY_QUOTE = "an unquoted cell contains a quotation mark"


_lock = allocate_lock()
# How many readers need csv's limit, and what it was before the first of them.
_readers: list[int] = []


@contextmanager
def limited_cells() -> Iterator[None]:
    """Sets csv's limit on the length of a cell, which all threads share. The last to need it restores what it was."""
    with _lock:
        _readers.append(csv.field_size_limit(FIELD_LIMIT))
    try:
        yield
    finally:
        with _lock:
            before = _readers[0]
            _readers.pop()
            if not _readers:
                csv.field_size_limit(before)


class _Record(Record):
    cells: list[str]
    start: int
    end: int
    problem: str | None


class Walker:
    """Records of some lines, one by one. `incomplete` says that the last record needs more lines than there are."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._reader = csv.reader(lines, strict=True, delimiter=delimiter)
        self.incomplete = False

    def __iter__(self) -> Walker:
        return self

    def __next__(self) -> _Record:
        start = self._reader.line_num
        try:
            cells = next(self._reader)
        except csv.Error as error:
            message = str(error)
            self.incomplete = message.startswith("unexpected end")
            problem = next((text for begin, text in _PROBLEMS.items() if message.startswith(begin)), _AFTER_QUOTE)
            return _Record([], start, self._reader.line_num, problem)
        return _Record(cells, start, self._reader.line_num, None)


def parse_block(
    text: str, first_line: int, delimiter: str, width: int | None, final: bool, bad_bytes: bool, data: bytes | None,
    known: dict[int, set[str]],
) -> tuple[Batch, str]:  # fmt: skip
    """A block as a Batch, and the text of a last record that goes on in the next block. `data` is the text as bytes."""
    lines = split_lines(text) if "\r" in text else text.split("\n")
    if not lines[-1]:
        lines.pop()
    unfinished = final and not text.endswith(("\n", "\r"))
    try:
        rows = list(csv.reader(lines, strict=True, delimiter=delimiter))
    except csv.Error:
        rows = []
    # Without line endings the lines suffice if every record is one line; otherwise the walk reads them in full.
    if len(rows) == len(lines):
        numbers = range(first_line, first_line + len(rows))
        last = len(rows) - 1 if unfinished else None
        batch = Batch(
            text, first_line, len(rows), delimiter, rows, numbers, numbers, quoted_cells=[], last_position=last,
            unfinished=unfinished, bad_bytes=bad_bytes, data=data,
        )  # fmt: skip
        is_even = batch.has_width(width)
        if is_even and batch.is_quoted_as_needed(known):
            return batch, ""
        quoted = _quoted_cells(text, delimiter)
        if quoted is not None and is_even:
            batch.quoted_cells = quoted
            return batch, ""
        if quoted is not None:
            # Under a header that cannot be read, rows may have any width, and are not counted by column.
            return _line_by_line(text, first_line, delimiter, width, rows, quoted if width else None, unfinished, bad_bytes), ""
    return _walk(text, first_line, delimiter, width, final, bad_bytes)


def _line_by_line(
    text: str, first_line: int, delimiter: str, width: int | None, rows: list[list[str]], quoted: list[str] | None,
    unfinished: bool, bad_bytes: bool,
) -> Batch:  # fmt: skip
    """The Batch of a block in which every line is one record."""
    numbered = list(enumerate(rows, first_line))
    blank = [line for line, row in numbered if not row]
    unread = [Unread(line, line, None, len(row)) for line, row in numbered if row and width and len(row) != width]
    kept = [(line, row) for line, row in numbered if row and len(row) == (width or len(row))]
    lines, kept_rows = [line for line, _ in kept], [row for _, row in kept]
    last_is_row = not unread or unread[-1].line != numbered[-1][0]
    last_position = (len(kept) if last_is_row else len(kept) + len(unread)) - 1
    return Batch(
        text, first_line, len(rows), delimiter, kept_rows, lines, lines, unread, blank, quoted,
        last_position if unfinished else None, unfinished, bad_bytes,
    )  # fmt: skip


def _walk(text: str, first_line: int, delimiter: str, width: int | None, final: bool, bad_bytes: bool) -> tuple[Batch, str]:
    all_lines = split_lines(text)
    walker = Walker(all_lines, delimiter)
    rows: list[list[str]] = []
    starts: list[int] = []
    ends: list[int] = []
    unread: list[Unread] = []
    blank: list[int] = []
    last_is_row = False
    for record in walker:
        if walker.incomplete and not final:
            kept = "".join(all_lines[: record.start])
            carry = "".join(all_lines[record.start :])
            return Batch(kept, first_line, record.start, delimiter, rows, starts, ends, unread, blank, bad_bytes=bad_bytes), carry
        line, end_line = first_line + record.start, first_line + record.end - 1
        problem = record.problem
        if not problem and not record.cells:
            blank.append(line)
            continue
        if not problem and any('"' in cell for cell in record.cells):
            problem = stray_quote("".join(all_lines[record.start : record.end]), delimiter)
        last_is_row = not problem and width in (None, len(record.cells))
        if last_is_row:
            rows.append(record.cells)
            starts.append(line)
            ends.append(end_line)
        else:
            unread.append(Unread(line, end_line, problem, len(record.cells)))
    batch = Batch(text, first_line, len(all_lines), delimiter, rows, starts, ends, unread, blank, bad_bytes=bad_bytes)
    batch.unfinished = final and not text.endswith(("\n", "\r"))
    if batch.unfinished and batch.records:
        batch.last_position = len(rows) - 1 if last_is_row else batch.records - 1
    return batch, ""


def raw_cells(record: str, delimiter: str) -> list[str]:
    """The cells of one record exactly as in the file, with their quotation marks."""
    escaped = re.escape(delimiter)
    cells = []
    position = 0
    pattern = re.compile(rf'("(?:[^"]|"")*"|[^{escaped}\r\n]*)({escaped}|\r\n|\r|\n|\Z)')
    while cell := pattern.match(record, position):
        cells.append(cell.group(1))
        position = cell.end()
        if cell.group(2) != delimiter:
            break
    return cells


def stray_quote(record: str, delimiter: str) -> str | None:
    strays = '"' in record and any('"' in cell and not cell.startswith('"') for cell in raw_cells(record, delimiter))
    return _STRAY_QUOTE if strays else None


def _quoted_cells(text: str, delimiter: str) -> list[str] | None:
    """The texts between quotation marks, if every mark opens or closes a cell; otherwise None."""
    if '"' not in text:
        return []
    parts = text.split('"')
    if len(parts) % 2 == 0:
        return None
    outside = parts[::2]
    borders = {delimiter, "\n", "\r"}
    between = set(outside[1:-1])
    before, after = {part[-1:] for part in between}, {part[:1] for part in between}
    before.add(outside[0][-1:] or "\n")
    after.add(outside[-1][:1] or "\n")
    return parts[1::2] if before <= borders and after <= borders else None
