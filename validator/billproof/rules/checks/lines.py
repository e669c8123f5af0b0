"""Kinds of check on bytes and lines: encoding, byte-order mark, line endings, blank lines, control characters."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from billproof.model.results import Spot
from billproof.reading.batch import Batch
from billproof.rules.checks.base import Check, Settled

_BAD_BYTE = "[\udc80-\udcff]"
_CONTROL = "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]"
_NAMES = {0x00: "NUL", 0x09: "tab", 0x0B: "vertical tab", 0x0C: "form feed", 0x1B: "escape", 0x7F: "delete"}


class FileKind(Check):
    """The file is of another kind: a workbook, an archive, a web page."""

    kind = "file_kind"
    reads = "head"
    placeholders = ("kind",)

    def at_header(self) -> None:
        kind = self.file.head.kind
        if kind:
            self.fail_file(kind=kind)


class HasRows(Check):
    """The file has a header and at least one row."""

    kind = "has_rows"
    reads = "records"
    placeholders = ("found",)
    raises = ("no_header", "header_only")

    def at_header(self) -> None:
        empty = self.file.head.empty
        if empty:
            self.fail_file(circumstance="no_header", found=empty)

    def at_end(self, settled: Settled) -> None:
        if not self.evaluated and not self.violations:
            self.fail_file(circumstance="header_only", found="it has a header and no rows")


class ByteOrderMark(Check):
    """The file starts with a byte-order mark."""

    kind = "byte_order_mark"
    reads = "head"
    placeholders = ("bytes",)

    def at_header(self) -> None:
        if self.file.head.byte_order_mark:
            self.fail_file(line=1, bytes="EF BB BF")


class Utf8(Check):
    """Bytes that are not UTF-8, each in its cell; or a file in another encoding as a whole."""

    kind = "utf8"
    refuses_values = True
    reads = "records"
    placeholders = ("bytes",)
    raises = ("whole_file", "header_broken")

    def at_header(self) -> None:
        head = self.file.head
        if head.undecodable:
            self.fail_file(circumstance="whole_file", bytes=head.first_bytes[:4].hex(" ").upper())
        for name in head.header:
            if not name.isascii() and re.search(_BAD_BYTE, name):
                self.fail_file(head.header_line, name, "header_broken", name, name, bytes=_hex(name))

    def on_batch(self, batch: Batch) -> None:
        if batch.bad_bytes and not _cut_in_a_character(batch):
            _fail_cells(self, batch, _BAD_BYTE, lambda cell: {"bytes": _hex(cell)})


class ControlCharacters(Check):
    """Control characters in cells, other than line feeds in quoted cells and carriage returns."""

    kind = "control_characters"
    refuses_values = True
    reads = "records"
    placeholders = ("character",)
    raises = ("header_broken",)

    def at_header(self) -> None:
        head = self.file.head
        for name in head.header:
            if not name.isprintable() and re.search(_CONTROL, name):
                self.fail_file(head.header_line, name, "header_broken", name, name, **_character(name))

    def on_batch(self, batch: Batch) -> None:
        if batch.has_controls and re.search(_CONTROL, batch.text):
            _fail_cells(self, batch, _CONTROL, _character)


class LineEnds(Check):
    """Lines that end in CR or CR LF: one finding, at the first, which counts them all."""

    kind = "line_ends"
    reads = "lines"
    unit = "line"
    placeholders = ("count", "ends", "lines")

    def start(self, parameters: Any) -> None:
        self._first: int | None = None
        self._ends = ""

    def on_batch(self, batch: Batch) -> None:
        if "\r" not in batch.text:
            return
        count = batch.text.count("\r")
        self.violations += count
        if self._first is None:
            lines = batch.text_lines
            at = next(number for number, line in enumerate(lines) if line.endswith(("\r", "\r\n")))
            self._first = batch.first_line + at
            self._ends = "CR LF" if lines[at].endswith("\r\n") else "CR"

    def at_end(self, settled: Settled) -> None:
        if self._first is not None:
            count = self.violations
            self.fail_file(line=self._first, count=f"{count:,}", ends=self._ends, lines=f"{self.evaluated:,}")
            self.violations = count


class BlankLines(Check):
    """Empty lines, also at the end."""

    kind = "blank_lines"
    reads = "lines"
    unit = "line"

    def on_batch(self, batch: Batch) -> None:
        room = self.file.max_findings - len(self.spots)
        for line in batch.blank_lines[: max(room, 0)]:
            self.fail_file(line=line)
            self.violations -= 1
        self.violations += len(batch.blank_lines)


class LastLine(Check):
    """The last line has no line ending, so the download may be incomplete."""

    kind = "last_line"
    reads = "lines"
    raises = ("last_record",)

    def on_batch(self, batch: Batch) -> None:
        if batch.unfinished:
            self.fail_file(line=batch.first_line + batch.line_count - 1, circumstance="last_record")
            if batch.last_position is not None:
                self.bad[None] = {batch.last_position}

    def at_end(self, settled: Settled) -> None:
        self.evaluated = 1


def _fail_cells(check: Check, batch: Batch, pattern: str, describe: Callable[[str], dict[str, str]]) -> None:
    """Fails every cell in which the pattern is found; a record without cells is one violation on its line."""
    for position, row in enumerate(batch.rows):
        for index, cell in enumerate(row):
            if re.search(pattern, cell):
                name = check.file.columns.names[index] if index < len(check.file.columns.names) else None
                check.bad.setdefault(name, set()).add(position)
                line, end_line, key = batch.lines[position], batch.end_lines[position], check.key_of_cells(row, name)
                check.fail(Spot(line, end_line, name, index + 1, cell, key=key, details=describe(cell)))
    for record in batch.unread:
        text = batch.text_of(record.line, record.end_line).rstrip("\r\n")
        if re.search(pattern, text):
            key = check.key(None, "unread")
            check.fail(Spot(record.line, record.end_line, key=key, details=describe(text)))


def _cut_in_a_character(batch: Batch) -> bool:
    """Whether the only bad bytes are those of a character that the file's unfinished last line breaks off in."""
    whole = batch.text.rstrip("".join(map(chr, range(0xDC80, 0xDD00))))
    rest = batch.text[len(whole) :].encode("utf-8", "surrogateescape")
    if not batch.unfinished or re.search(_BAD_BYTE, whole):
        return False
    try:
        rest.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start == 0 and error.reason == "unexpected end of data"
    return False


def _hex(cell: str) -> str:
    bad = re.findall(_BAD_BYTE, cell)
    return " ".join(f"{ord(byte) - 0xDC00:02X}" for byte in bad[:4])


def _character(cell: str) -> dict[str, str]:
    match = re.search(_CONTROL, cell)
    code = ord(match.group()) if match else 0
    import unicodedata

    name = _NAMES.get(code) or unicodedata.name(chr(code), "control character")
    return {"character": f"U+{code:04X} {name}"}
