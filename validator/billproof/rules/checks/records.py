"""Kinds of check on CSV records and the header: quoting, width, delimiter, column names."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from billproof.model.record import Record
from billproof.model.results import Spot
from billproof.reading.batch import Batch, Unread
from billproof.reading.parse import raw_cells
from billproof.reading.reader import DELIMITERS
from billproof.rules.checks.base import Check, matched


class Delimiter(Check):
    """The header is separated by a character other than a comma."""

    kind = "delimiter"
    reads = "head"
    placeholders = ("delimiter",)

    def at_header(self) -> None:
        delimiter = self.file.head.delimiter
        if delimiter != ",":
            self.fail_file(line=1, delimiter=DELIMITERS[delimiter])


class Quotes(Check):
    """Records with unbalanced or misplaced quotation marks, or with a cell that is far too long."""

    kind = "quotes"
    reads_cells = False
    unit = "record"
    reads = "records"
    placeholders = ("problem", "end_line")
    raises = ("header_broken",)

    def at_header(self) -> None:
        head = self.file.head
        if head.header_problem:
            end = str(head.header_end_line)
            self.fail_file(head.header_line, circumstance="header_broken", problem=head.header_problem, end_line=end)

    def on_batch(self, batch: Batch) -> None:
        for position, record in enumerate(batch.unread, len(batch.rows)):
            if record.problem and position not in self.excluded:
                _fail_record(self, position, record, {"problem": record.problem, "end_line": str(record.end_line)})


class RowWidth(Check):
    """Rows with more or fewer cells than the header."""

    kind = "row_width"
    reads_cells = False
    reads = "records"
    placeholders = ("cells", "columns")

    def on_batch(self, batch: Batch) -> None:
        columns = str(len(self.file.head.header))
        for position, record in enumerate(batch.unread, len(batch.rows)):
            if not record.problem and position not in self.excluded:
                _fail_record(self, position, record, {"cells": str(record.cells), "columns": columns})


class MinimalQuoting(Check):
    """Cells in quotation marks that need none."""

    kind = "minimal_quoting"
    reads = "records"

    def at_header(self) -> None:
        head = self.file.head
        if '"' not in head.header_text:
            return
        for name, cell in zip(head.header, raw_cells(head.header_text, head.delimiter), strict=False):
            if _needless(cell, head.delimiter):
                self.fail_file(head.header_line, name, value=name, key=name)
                self.full = len(self.spots) >= self.file.max_findings

    def on_batch(self, batch: Batch) -> None:
        if batch.quoted_cells is not None and not batch.unread:
            # Every cell with a delimiter is quoted, or it would be two cells; no other cell here needs to be.
            needless = len(batch.quoted_cells) - batch.cells_with_delimiter if batch.quoted_cells else 0
            if not needless:
                return
            if self.full and not self.spoilt:
                self.violations += needless
                return
        names = self.file.columns.names
        for position, row in enumerate(batch.rows):
            for index, cell in enumerate(raw_cells(batch.raw_record(position), batch.delimiter)):
                name = names[index] if index < len(names) else None
                if position in self.spoilt.get(name, ()):
                    continue
                if _needless(cell, batch.delimiter):
                    self.violations += 1
                    if len(self.spots) < self.file.max_findings:
                        line, end_line = batch.lines[position], batch.end_lines[position]
                        self.spots.append(Spot(line, end_line, name, index + 1, row[index], key=self.key_of_cells(row, name)))


def _needless(cell: str, delimiter: str) -> bool:
    return cell.startswith('"') and not any(mark in cell[1:-1] for mark in (delimiter, '"', "\n", "\r"))


class UniqueColumns(Check):
    """A column name that appears more than once in the header."""

    kind = "unique_columns"
    reads = "head"
    unit = "column"
    placeholders = ("count",)

    def at_header(self) -> None:
        for name, count in Counter(self.file.head.header).items():
            if count > 1:
                self.bad_columns.add(name)
                self.fail_file(self.file.head.header_line, name, key=name, value=name, count=str(count))


class RequiredColumns(Check):
    """Columns that the Table Schema requires and the header lacks; the most similar name is suggested."""

    kind = "required_columns"
    reads = "head"
    unit = "column"
    placeholders = ("near",)

    def at_header(self) -> None:
        present = set(self.file.head.header)
        if present.issuperset(self.file.schema.required):
            return
        from difflib import get_close_matches

        unknown = [name for name in list(dict.fromkeys(self.file.head.header))[:1000] if self.file.schema.field(name) is None]
        for name in self.file.schema.required:
            if name not in present:
                near = get_close_matches(name, sorted(unknown), 1, 0.6)
                self.bad_columns.add(name)
                hint = f" (the file has `{near[0]}`)" if near else ""
                self.fail_file(self.file.head.header_line, name, key=name, near=hint)


class KnownColumns(Check):
    """Columns that no known export has: not an error, but worth a look."""

    kind = "known_columns"
    reads = "head"
    unit = "column"

    class Parameters(Record):
        """A pattern of names that are also known, in addition to those of the Table Schema."""

        also: str | None = None

    def start(self, parameters: Parameters) -> None:
        self._also = parameters.also

    def at_header(self) -> None:
        known = set(self.file.schema.names())
        for name in dict.fromkeys(self.file.head.header):
            if name not in known and not (self._also and matched(self._also, name)):
                self.fail_file(self.file.head.header_line, name, key=name, value=name)
                self.full = len(self.spots) >= self.file.max_findings


class ColumnOrder(Check):
    """The required columns are not in the order of the Table Schema."""

    kind = "column_order"
    reads = "head"
    placeholders = ("after",)

    def at_header(self) -> None:
        wanted = self.file.schema.required
        present = [name for name in self.file.head.header if name in wanted]
        for expected, name in zip((name for name in wanted if name in present), present, strict=False):
            if name != expected:
                at = wanted.index(name)
                after = f"after {wanted[at - 1]}" if at else "first"
                self.fail_file(self.file.head.header_line, name, after=after)
                return


class ExportKind(Check):
    """The export is of another kind, recognized by the columns that the rule set names for it."""

    kind = "export_kind"
    reads = "head"
    placeholders = ("kind", "evidence")

    class Parameters(Record):
        export: Literal["activity", "legacy"]

    def at_header(self) -> None:
        recognized = self.file.export
        if recognized.export == "no_usage":
            self.not_applicable = "time columns alone do not show the kind of export"
        elif recognized.export == self.parameters.export:
            self.fail_file(self.file.head.header_line, kind=recognized.label, evidence=", ".join(recognized.evidence))


def _fail_record(check: Check, position: int, record: Unread, details: dict[str, str]) -> None:
    check.bad.setdefault(None, set()).add(position)
    check.fail(Spot(record.line, record.end_line, key=check.key(None, ""), details=details))
