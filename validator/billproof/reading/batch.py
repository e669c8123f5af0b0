"""The records of one block of a file, and what is asked of them as a whole: columns, quoting, control characters, lines."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cached_property

from billproof.model.record import Record

MAX_KNOWN = 10_000

_CONTROL_BYTES = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x0A, 0x0D))


class Unread(Record):
    """A record that gives no row: `problem` says how its quoting is broken, else it has `cells` cells too few or too many."""

    line: int
    end_line: int
    problem: str | None
    cells: int


class Batch:
    """The records of one block. Positions count rows first (0 … len(rows) - 1), then `unread` records.

    `rows` have as many cells as the header; `lines` and `end_lines` are their first and last physical lines.
    `quoted_cells` are the texts in quotation marks, None if a mark does not begin or end a cell.
    `last_position` is that of the file's last record if its line is `unfinished`.
    """

    def __init__(
        self, text: str, first_line: int, line_count: int, delimiter: str, rows: list[list[str]],
        lines: Sequence[int], end_lines: Sequence[int], unread: Sequence[Unread] = (), blank_lines: Sequence[int] = (),
        quoted_cells: list[str] | None = None, last_position: int | None = None, unfinished: bool = False,
        bad_bytes: bool = False, data: bytes | None = None,
    ) -> None:  # fmt: skip
        self.text = text
        self._data = data
        self._joined: dict[int, str] = {}
        self.first_line = first_line
        self.line_count = line_count
        self.delimiter = delimiter
        self.rows = rows
        self.lines = lines
        self.end_lines = end_lines
        self.unread = unread
        self.blank_lines = blank_lines
        self.quoted_cells = quoted_cells
        self.last_position = last_position
        self.unfinished = unfinished
        self.bad_bytes = bad_bytes

    @property
    def records(self) -> int:
        """Rows and unread records together."""
        return len(self.rows) + len(self.unread)

    @cached_property
    def columns(self) -> list[tuple[str, ...]]:
        """The rows' cells by column, exactly as in the file."""
        return list(zip(*self.rows, strict=True))

    def joined(self, index: int) -> str:
        """A column's cells in one text, with a line feed between two: shows quickly that no cell contains a character."""
        text = self._joined.get(index)
        if text is None:
            text = self._joined[index] = "\n".join(self.columns[index]) if self.rows else ""
        return text

    def has_width(self, width: int | None) -> bool:
        """Whether every row has so many cells."""
        try:
            return len(self.columns) == width
        except ValueError:
            return False

    def is_quoted_as_needed(self, known: dict[int, set[str]]) -> bool:
        """Whether only cells that need quotation marks have them, two each.

        Every cell with a delimiter has at least two marks. So if the marks are twice as many as some cells with a delimiter,
        there are no other marks and no other such cells. `known` are values with a delimiter by column, learnt as we go.
        """
        marks = self.text.count('"')
        if marks == 2 * self._cells_in(known):
            return True
        for index, new in self._with_delimiter.items():
            known[index] = new if len(known.get(index, ())) > MAX_KNOWN else known.get(index, set()) | new
        return marks == 2 * self.cells_with_delimiter

    @cached_property
    def cells_with_delimiter(self) -> int:
        """How many cells contain the delimiter."""
        return self._cells_in(self._with_delimiter)

    @cached_property
    def _with_delimiter(self) -> dict[int, set[str]]:
        """The values that contain the delimiter, by column."""
        indexes = [index for index in range(len(self.columns)) if self.delimiter in self.joined(index)]
        return {index: {value for value in set(self.columns[index]) if self.delimiter in value} for index in indexes}

    def _cells_in(self, values_by_column: dict[int, set[str]]) -> int:
        """How many cells have one of the values."""
        return sum(sum(map(values.__contains__, self.columns[index])) for index, values in values_by_column.items())

    @cached_property
    def has_controls(self) -> bool:
        """Whether there may be control characters other than line endings; never False if there is one."""
        data = self.text.encode("utf-8", "surrogateescape") if self._data is None else self._data
        return len(data.translate(None, _CONTROL_BYTES)) != len(data) or (not self.text.isascii() and b"\xc2" in data)

    @property
    def plain(self) -> bool:
        """Whether white space in an ASCII cell can only be spaces: every record is one line and there are no controls."""
        return self.quoted_cells is not None and not self.has_controls

    @cached_property
    def text_lines(self) -> list[str]:
        """The physical lines of the block with their line endings."""
        return split_lines(self.text)

    def raw_record(self, position: int) -> str:
        """The text of a row exactly as in the file."""
        return self.text_of(self.lines[position], self.end_lines[position])

    def text_of(self, line: int, end_line: int) -> str:
        """The text of some physical lines."""
        return "".join(self.text_lines[line - self.first_line : end_line - self.first_line + 1])


def split_lines(text: str) -> list[str]:
    """The physical lines of a text, each with its line ending: LF, CR LF or CR, and nothing else."""
    return list(io.StringIO(text, newline=""))
