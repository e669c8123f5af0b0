"""Bytes to a header and batches of rows with exact physical line numbers; strict CSV.

One pass, a block at a time, in memory that does not grow with the file. A block whose every line is one whole record is
parsed in one go; any other block is walked record by record, so that the fault gets its own line and the rest is still read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.reading.filetype import BYTE_ORDER_MARK, file_kind, is_no_utf8_text
from billproof.reading.source import Source

FIELD_LIMIT = 131_072
HEAD_BYTES = 512
MAX_KNOWN = 10_000
MAX_RECORD = 8 * 2**20
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_CONTROL_BYTES = bytes(code for code in (*range(0x20), 0x7F) if code not in (0x0A, 0x0D))

_PROBLEMS = {
    "unexpected end": "a quotation mark is never closed",
    "field larger": f"a cell has more than {FIELD_LIMIT:,} characters, as when a quotation mark is never closed",
    "new-line": "a line end stands inside an unquoted cell",
}
_AFTER_QUOTE = "text stands after a closing quotation mark"
_STRAY_QUOTE = "a quotation mark stands inside an unquoted cell"


class Unread(Record):
    """A record that gives no row: `problem` says how its quoting is broken, else it has `cells` cells too few or too many."""

    line: int
    end_line: int
    problem: str | None
    cells: int


class Batch:
    """The records of one block. Positions count rows first (0 … len(rows) - 1), then `unread` records.

    `rows` have as many cells as the header; `lines` and `end_lines` are their first and last physical lines.
    `quoted_cells` are what stood in quotation marks, None if marks stand where no cell begins or ends.
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
        """The rows' cells by column, as they stand in the file."""
        return list(zip(*self.rows, strict=True))

    def joined(self, index: int) -> str:
        """A column's cells in one text, with a line feed between two: shows quickly that a character stands in none."""
        found = self._joined.get(index)
        if found is None:
            found = self._joined[index] = "\n".join(self.columns[index]) if self.rows else ""
        return found

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
        """How many cells hold the delimiter."""
        return self._cells_in(self._with_delimiter)

    @cached_property
    def _with_delimiter(self) -> dict[int, set[str]]:
        """The values that hold the delimiter, by column."""
        indexes = [index for index in range(len(self.columns)) if self.delimiter in self.joined(index)]
        return {index: {value for value in set(self.columns[index]) if self.delimiter in value} for index in indexes}

    def _cells_in(self, values_by_column: dict[int, set[str]]) -> int:
        """How many cells hold one of the values."""
        return sum(sum(map(values.__contains__, self.columns[index])) for index, values in values_by_column.items())

    @cached_property
    def has_controls(self) -> bool:
        """Whether there may be control characters other than line ends; never False if there is one."""
        data = self.text.encode("utf-8", "surrogateescape") if self._data is None else self._data
        return len(data.translate(None, _CONTROL_BYTES)) != len(data) or (not self.text.isascii() and b"\xc2" in data)

    @property
    def plain(self) -> bool:
        """Whether a blank in an ASCII cell can only be a space: every record is one line and there are no controls."""
        return self.quoted_cells is not None and not self.has_controls

    @cached_property
    def text_lines(self) -> list[str]:
        """The physical lines of the block with their line ends."""
        return split_lines(self.text)

    def raw_record(self, position: int) -> str:
        """The text of a row as it stands in the file."""
        start = self.lines[position] - self.first_line
        return "".join(self.text_lines[start : self.end_lines[position] - self.first_line + 1])


class Head(Record):
    """What the first block says about the file as a whole. `kind` is what it is instead of a CSV, `empty` how it is empty."""

    kind: str | None
    undecodable: bool
    byte_order_mark: bool
    first_bytes: bytes
    empty: str | None = None
    delimiter: str = ","
    header: tuple[str, ...] = ()
    header_line: int = 1
    header_end_line: int = 1
    header_problem: str | None = None
    header_text: str = ""

    @property
    def parsable(self) -> bool:
        """Whether there is a header and rows can be read below it."""
        return not (self.kind or self.undecodable or self.empty)


class Reader:
    """Reads one Source to its end. `head` is there at once; `batches()` may be walked once."""

    def __init__(self, source: Source) -> None:
        csv.field_size_limit(FIELD_LIMIT)
        self._path = source.path
        self._blocks = _with_last(source.blocks())
        self._final = False
        self._text = ""
        self._bad_bytes = False
        self._before_header: range = range(0)
        self._header_text = ""
        self._blank_text = ""
        self.parsed_bytes = 0
        self.unread_lines = 0
        block = self._next_block()
        while len(block) < HEAD_BYTES and not self._final:
            block += self._next_block()
        self._mark = block.startswith(BYTE_ORDER_MARK)
        self.head = self._read_head(block)

    def _next_block(self) -> bytes:
        block, self._final = next(self._blocks, (b"", True))
        self.parsed_bytes += len(block)
        return block

    def _append_block(self) -> None:
        """Takes one more block into the text that is still to be parsed."""
        more, bad = _decode(self._next_block())
        self._text, self._bad_bytes = self._text + more, self._bad_bytes or bad

    def _read_head(self, block: bytes) -> Head:
        first_bytes = block[:4096]
        head = Head(file_kind(first_bytes), is_no_utf8_text(first_bytes), self._mark, first_bytes)
        if head.kind or head.undecodable:
            return head
        self._text, self._bad_bytes = _decode(block.removeprefix(BYTE_ORDER_MARK))
        if not self._skip_blank_lines():
            found = "it has only blank lines" if len(self._before_header) else "it has no bytes"
            return head._replace(empty=found)
        return self._parse_header(head)

    def _skip_blank_lines(self) -> bool:
        """Passes over blank lines before the header; False if there is nothing else."""
        blanks = 0
        while True:
            rest = self._text.lstrip("\r\n")
            blank_text = self._text[: len(self._text) - len(rest)]
            blanks += len(split_lines(blank_text))
            self._blank_text = (self._blank_text + blank_text)[:MAX_RECORD]
            self._text = rest
            if rest or self._final:
                self._before_header = range(1, blanks + 1)
                return bool(rest)
            self._append_block()

    def _parse_header(self, head: Head) -> Head:
        """Header names and place, or how its quoting is broken (then there are no names)."""
        line = _first_line(self._text)
        delimiter = _delimiter(line)
        while True:
            # A header without quotation marks ends with its line, and the rest need not be looked at.
            lines = split_lines(self._text) if '"' in line else [line]
            walker = _Walker(lines, delimiter)
            record = next(walker)
            if not walker.incomplete or self._final:
                break
            if len(self._text) > MAX_RECORD:
                raise Unreadable(f"{self._path}: the header goes on for more than {MAX_RECORD // 2**20} MiB")
            wanted = 2 * len(self._text)
            while len(self._text) < wanted and not self._final:
                self._append_block()
        self._header_text = "".join(lines[: record.end])
        self._text = self._text[len(self._header_text) :]
        problem = record.problem or _stray_quote(self._header_text, delimiter)
        first = len(self._before_header) + 1
        return head._replace(
            delimiter=delimiter, header=() if problem else tuple(record.cells), header_problem=problem,
            header_line=first, header_end_line=first + record.end - 1, header_text=self._header_text,
        )  # fmt: skip

    def batches(self) -> Iterator[Batch]:
        """The file block by block, to its last byte. The first batch has the lines down to the header and no rows."""
        head = self.head
        if not head.parsable:
            yield from self._without_rows()
            return
        yield self._header_batch()
        width = len(head.header) or None
        line = head.header_end_line + 1
        text, bad, data = self._text, self._bad_bytes, None
        known: dict[int, set[str]] = {}
        while True:
            batch, carry = _parse(text, line, head.delimiter, width, self._final, bad, data, known)
            if batch.line_count:
                line += batch.line_count
                self.unread_lines += sum(one.end_line - one.line + 1 for one in batch.unread)
                yield batch
            if self._final:
                return
            block = self._next_block()
            if len(carry) > MAX_RECORD:
                raise Unreadable(f"{self._path}: line {line}: a row goes on for more than {MAX_RECORD // 2**20} MiB")
            # A row that goes on and on is read in ever larger pieces, or each piece would parse all of it once more.
            while len(block) < len(carry) and not self._final:
                block += self._next_block()
            more, more_bad = _decode(block)
            text, bad, data = carry + more, more_bad or (bool(carry) and bad), None if carry else block

    def _header_batch(self) -> Batch:
        head = self.head
        unfinished = self._final and not self._text and not self._header_text.endswith(("\n", "\r"))
        return Batch(
            self._blank_text + self._header_text, 1, head.header_end_line, head.delimiter, [], (), (),
            blank_lines=self._before_header, unfinished=unfinished, bad_bytes=self._bad_bytes,
        )  # fmt: skip

    def _without_rows(self) -> Iterator[Batch]:
        """Drains a file that cannot be parsed, so that its digest is of the whole; blank lines are still lines."""
        blanks = self._before_header
        if blanks:
            yield Batch("", 1, len(blanks), ",", [], (), (), blank_lines=blanks)
        while not self._final:
            self._next_block()


class _Record(Record):
    cells: list[str]
    start: int
    end: int
    problem: str | None


class _Walker:
    """Records of some lines, one by one. `incomplete` says that the last record needs more lines than there are."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._reader = csv.reader(lines, strict=True, delimiter=delimiter)
        self.incomplete = False

    def __iter__(self) -> _Walker:
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


def _parse(
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
    # Lines without their line ends are good enough where every record is one line; else the walk sees them whole.
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
            return _line_by_line(text, first_line, delimiter, width, rows, quoted, unfinished, bad_bytes), ""
    return _walk(text, first_line, delimiter, width, final, bad_bytes)


def _line_by_line(
    text: str, first_line: int, delimiter: str, width: int | None, rows: list[list[str]], quoted: list[str], unfinished: bool,
    bad_bytes: bool,
) -> Batch:  # fmt: skip
    """The Batch of a block in which every line is one record."""
    lines: Sequence[int] = range(first_line, first_line + len(rows))
    unread: list[Unread] = []
    blank: list[int] = []
    last_is_row = True
    line_count = len(rows)
    widths = set(map(len, rows))
    if widths != {width} and not (width is None and 0 not in widths):
        blank = [line for line, row in zip(lines, rows, strict=True) if not row]
        odd = [(line, len(row)) for line, row in zip(lines, rows, strict=True) if row and len(row) != width and width]
        unread = [Unread(line, line, None, cells) for line, cells in odd]
        last_is_row = not odd or odd[-1][0] != lines[-1]
        kept = [(line, row) for line, row in zip(lines, rows, strict=True) if row and len(row) == (width or len(row))]
        lines, rows = [line for line, _ in kept], [row for _, row in kept]
    last_position = (len(rows) if last_is_row else len(rows) + len(unread)) - 1
    return Batch(
        text, first_line, line_count, delimiter, rows, lines, lines, unread, blank, quoted,
        last_position if unfinished else None, unfinished, bad_bytes,
    )  # fmt: skip


def _walk(text: str, first_line: int, delimiter: str, width: int | None, final: bool, bad_bytes: bool) -> tuple[Batch, str]:
    all_lines = split_lines(text)
    walker = _Walker(all_lines, delimiter)
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
            problem = _stray_quote("".join(all_lines[record.start : record.end]), delimiter)
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
    """The cells of one record as they stand in the file, with their quotation marks."""
    one = re.escape(delimiter)
    cells = []
    position = 0
    pattern = re.compile(rf'("(?:[^"]|"")*"|[^{one}\r\n]*)({one}|\r\n|\r|\n|\Z)')
    while found := pattern.match(record, position):
        cells.append(found.group(1))
        position = found.end()
        if found.group(2) != delimiter:
            break
    return cells


def _stray_quote(record: str, delimiter: str) -> str | None:
    strays = '"' in record and any('"' in cell and not cell.startswith('"') for cell in raw_cells(record, delimiter))
    return _STRAY_QUOTE if strays else None


def _quoted_cells(text: str, delimiter: str) -> list[str] | None:
    """What stands between quotation marks, if every mark opens or closes a cell; None if one stands elsewhere."""
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


def _decode(block: bytes) -> tuple[str, bool]:
    """Text, and whether a byte was no UTF-8; such a byte stays in its own cell as a lone surrogate."""
    try:
        return block.decode("utf-8"), False
    except UnicodeDecodeError:
        return block.decode("utf-8", "surrogateescape"), True


def _first_line(text: str) -> str:
    """The first physical line of a text, with its line end."""
    return split_lines(text[: text.find("\n") + 1] or text)[0]


def split_lines(text: str) -> list[str]:
    """The physical lines of a text, each with its line end: LF, CR LF or CR, and nothing else."""
    return list(io.StringIO(text, newline=""))


def _delimiter(line: str) -> str:
    """The character that splits the header: a comma unless another candidate is more frequent."""
    best = max(DELIMITERS, key=line.count)
    return best if line.count(best) > line.count(",") else ","


def _with_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each block with whether it is the last."""
    held = next(blocks, None)
    if held is None:
        return
    for block in blocks:
        yield held, False
        held = block
    yield held, True
