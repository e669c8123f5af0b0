"""Bytes to a header and batches of rows with exact physical line numbers; strict CSV.

One pass, a block at a time, in memory that does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.reading.batch import Batch, split_lines
from billproof.reading.parse import Walker, parse_block, stray_quote
from billproof.reading.source import Source

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def file_kind(head: bytes) -> str | None:
    """What the file is instead of a CSV ("an Excel workbook", …), or None. `head` are its first bytes."""
    if head.startswith(b"PK\x03\x04"):
        for mark, kind in (
            (b"word/", "a Word document"),
            (b"xl/", "an Excel workbook"),
            (b"[Content_Types].xml", "an Excel workbook"),
            (b"opendocument.spreadsheet", "an OpenDocument spreadsheet"),
            (b".iwa", "an Apple Numbers document"),
        ):
            if mark in head:
                return kind
        return "a zip archive"
    for start, kind in (
        (b"PK\x05\x06", "an empty zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"%PDF", "a PDF document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook"),
        (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer, not the file it stands for"),
    ):
        if head.startswith(start):
            return kind
    text = head.removeprefix(BYTE_ORDER_MARK).lstrip()[:64].lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<!--")):
        return "an HTML page, perhaps a login page"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if text.startswith((b"{", b"[")):
        return "a JSON document"
    return None


def is_no_utf8_text(head: bytes) -> bool:
    """Whether the file as a whole is in another encoding: UTF-16 or UTF-32, with a mark or, by its NUL bytes, without."""
    return head.startswith((b"\xff\xfe", b"\xfe\xff")) or head[:200].count(b"\0") >= 40


HEAD_BYTES = 512
MAX_RECORD = 8 * 2**20
DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


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
            reason = "it has only empty lines" if len(self._before_header) else "it has no bytes"
            return head._replace(empty=reason)
        return self._parse_header(head)

    def _skip_blank_lines(self) -> bool:
        """Skips blank lines before the header; False if there is nothing else."""
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
        line = split_lines(self._text[: self._text.find("\n") + 1] or self._text)[0]
        delimiter = _delimiter(line)
        while True:
            # A header without quotation marks ends with its line, and the rest need not be looked at.
            lines = split_lines(self._text) if '"' in line else [line]
            walker = Walker(lines, delimiter)
            record = next(walker)
            if not walker.incomplete or self._final:
                break
            if len(self._text) > MAX_RECORD:
                raise Unreadable(f"{self._path}: the header is longer than {MAX_RECORD // 2**20} MiB")
            wanted = 2 * len(self._text)
            while len(self._text) < wanted and not self._final:
                self._append_block()
        self._header_text = "".join(lines[: record.end])
        self._text = self._text[len(self._header_text) :]
        problem = record.problem or stray_quote(self._header_text, delimiter)
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
            batch, carry = parse_block(text, line, head.delimiter, width, self._final, bad, data, known)
            if batch.line_count:
                line += batch.line_count
                self.unread_lines += sum(record.end_line - record.line + 1 for record in batch.unread)
                yield batch
            if self._final:
                return
            block = self._next_block()
            if len(carry) > MAX_RECORD:
                raise Unreadable(f"{self._path}: line {line}: a row is longer than {MAX_RECORD // 2**20} MiB")
            # A row that never ends is read in ever larger pieces; otherwise each piece would parse all of it again.
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
        """Drains a file that cannot be parsed, so that its digest covers the whole file; blank lines are still lines."""
        blanks = self._before_header
        if blanks:
            yield Batch("", 1, len(blanks), ",", [], (), (), blank_lines=blanks)
        while not self._final:
            self._next_block()


def _decode(block: bytes) -> tuple[str, bool]:
    """Text, and whether a byte was not UTF-8; such a byte stays in its own cell as a lone surrogate."""
    try:
        return block.decode("utf-8"), False
    except UnicodeDecodeError:
        return block.decode("utf-8", "surrogateescape"), True


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
