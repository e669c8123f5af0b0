"""What every kind of check is: parameters from the rule file, four moments at which it may look, and a tally of what it saw.

A kind says what it `reads`: the `head` of the file only, its `lines`, its `records` (rows and those that could not be
read), or its `rows` by column. Rows that another fault has spoilt are taken out before a check sees them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from billproof.model.record import Record
from billproof.model.results import History, Place, Sourced, Spot
from billproof.model.values import BLANKS, shown
from billproof.reading.batch import Batch
from billproof.reading.reader import Head
from billproof.reading.view import Columns, View
from billproof.rules.table_schema import Recognized, TableSchema

if TYPE_CHECKING:
    from billproof.model.costs import CostsAtHand
    from billproof.reading.keyed import KeyedSums
    from billproof.reading.totals import Collector
    from billproof.rules.comparison import Comparing

Circumstance = Literal[
    "always", "whole_file", "no_header", "header_only", "header_broken", "four_columns", "no_charged_row", "every_row",
    "no_row_in_month", "no_day_ended", "last_record",
]  # fmt: skip

# A number as a parameter of a check, in quotes.
NUMBER = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?"

# The longest text that a pattern of a rule file is tried on: longer numbers and names are wrong in any case.
LONGEST_MATCHED = 255

# What is known once the header is read. A rule that fails by then cannot be blocked by what comes later.
KNOWN_AT_HEADER = frozenset({"whole_file", "no_header", "header_broken", "four_columns"})


class FileContext(Record):
    """What a check can know about the file, apart from its rows, before the first of them is read."""

    name: str
    head: Head
    columns: Columns
    schema: TableSchema
    roles: Mapping[str, str | None]
    export: Recognized
    collector: Collector
    keyed: KeyedSums | None
    as_of: datetime
    month_to_date: bool
    max_findings: int
    organizations: Collection[str]


class Settled(Record):
    """What is known once every row was read: the month that the file is to replace (`2025-10`), its organization, the earlier
    uploads of both, OpenAI's own record, and the total that it must have. A value is None if it was not given and the rows do
    not show it. `waived` are the rules whose failure a waiver covers, so far.
    """

    month: Sourced
    organization: Sourced
    history: History
    costs: CostsAtHand
    comparing: Comparing | None = None
    waived: frozenset[str] = frozenset()
    expected_total: Decimal | None = None

    @property
    def expected_organization(self) -> str | None:
        """The organization that the file must be of, if one was given."""
        return None if self.organization.source == "inferred" else self.organization.value


class Check:
    """One rule at work on one file. Subclasses are the kinds; `unit` names what a whole-file kind counts."""

    kind: ClassVar[str]
    reads: ClassVar[Literal["head", "lines", "records", "rows"]] = "rows"
    unit: ClassVar[str] = "file"
    placeholders: ClassVar[tuple[str, ...]] = ()
    raises: ClassVar[tuple[Circumstance, ...]] = ()
    # The parameters that name columns, and the roles whose columns it reads as well.
    named_by: ClassVar[tuple[str, ...]] = ("column", "columns")
    reads_roles: ClassVar[tuple[str, ...]] = ()
    # Groups that its parameter `pattern` must have.
    pattern_groups: ClassVar[tuple[str, ...]] = ()
    # Whether the values of its columns are never shown.
    keeps_private: ClassVar[bool] = False
    # Whether it reads cells, so that a complete last record without a line ending is read like any other.
    reads_cells: ClassVar[bool] = True
    # Whether it must know which rows are charged, and so needs the columns of the times.
    reads_charged: ClassVar[bool] = False
    # Whether it needs the exact sum of all charges.
    reads_total: ClassVar[bool] = False
    # Whether a cell that it fails has no usable value: an amount that cannot be summed, a day that does not exist.
    refuses_values: ClassVar[bool] = False

    class Parameters(Record):
        """Nothing to set."""

    def __init__(self, rule_id: str, scope: str, parameters: Any, file: FileContext) -> None:
        self.rule_id = rule_id
        self.scope = scope
        self.file = file
        self.evaluated = 0
        self.left_out = 0
        self.violations = 0
        self.spots: list[Spot] = []
        self.full = False
        self.circumstances: set[str] = set()
        self.bad_columns: set[str] = set()
        self.bad: dict[str | None, set[int]] = {}
        self.excluded: Collection[int] = ()
        self.spoilt: Mapping[str | None, set[int]] = {}
        self.not_applicable: str | None = None
        self.parameters = parameters
        columns = self.columns(parameters, file.schema, file.roles)
        self.column = columns[0] if columns else ""
        self.names = tuple(name for name in columns if name in file.columns.index)

    @classmethod
    def columns(cls, parameters: Any, schema: TableSchema, roles: Mapping[str, str | None]) -> tuple[str, ...]:
        """The columns that the check reads, present in the file or not."""
        columns: list[str] = []
        for key in cls.named_by:
            named = getattr(parameters, key, None) or ()
            columns += (named,) if isinstance(named, str) else named
        return (*columns, *(name for role in cls.reads_roles if (name := roles.get(role))))

    @classmethod
    def unit_of(cls, parameters: Any) -> str:
        """What a whole-file rule of this kind counts."""
        return cls.unit

    def start(self, parameters: Any) -> None:
        """Sets up what is remembered from batch to batch."""

    def at_header(self) -> None:
        """Checks the header and the first bytes."""

    def on_batch(self, batch: Batch) -> None:
        """Checks lines or records."""

    def on_rows(self, view: View) -> None:
        """Checks rows by column."""

    def settle(self, settled: Settled) -> None:
        """Learns what is known at the end, whether or not something keeps it from checking the file as a whole."""

    def at_end(self, settled: Settled) -> None:
        """Checks the file as a whole, once month and organization are known."""

    def fail_file(
        self, line: int | None = None, column: str | None = None, circumstance: Circumstance | None = None,
        value: str | None = None, key: str = "", **details: str,
    ) -> None:  # fmt: skip
        """One violation of the file, of a line or of a column name."""
        if circumstance:
            self.circumstances.add(circumstance)
        number = self.file.columns.index.get(column, -1) + 1 if column is not None else 0
        self.fail(Spot(line, line, column, number or None, value, key=self.key(column, key or "file"), details=details))

    def fail(self, spot: Spot) -> None:
        """Counts a violation, and keeps its place while there is room."""
        self.violations += 1
        if not self.full:
            self.spots.append(spot)

    def fail_rows(
        self, view: View, rows: Sequence[int], column: str,
        details: Callable[[int], Mapping[str, str]] | None = None, related: Callable[[int], Place] | None = None,
        raw: bool = False,
    ) -> None:  # fmt: skip
        """Faults in the cells of one column, at rows of a view."""
        if not rows:
            return
        self.violations += len(rows)
        self.bad.setdefault(column, set()).update(view.positions[row] for row in rows)
        if not self.full:
            for row in rows[: self.file.max_findings]:
                self.spots.append(self.spot(view, row, column, details, related, raw))

    def spot(
        self, view: View, row: int, column: str, details: Callable[[int], Mapping[str, str]] | None = None,
        related: Callable[[int], Place] | None = None, raw: bool = False,
    ) -> Spot:  # fmt: skip
        """The place of a cell with all that its message may say."""
        index = self.file.columns.index.get(column)
        cell = None
        if index is not None:
            cell = view.raw(column)[row] if raw else view.column(column)[row]
        return Spot(
            view.line(row), view.end_line(row), column, None if index is None else index + 1, cell,
            (related(row),) if related else (), self.key(column, self.row_key(view, row)), details(row) if details else {},
        )  # fmt: skip

    def named(self, view: View, row: int) -> dict[str, str]:
        """For a message: ` (Acme Research)`, the name that a row gives its organization; empty if it gives none."""
        column = self.file.roles.get("organization_name")
        name = view.column(column)[row] if column in self.file.columns.index else ""
        return {"named": f" ({shown(name)})" if name else ""}

    def trim(self) -> None:
        """Keeps the first findings by line and column; further ones are counted only."""
        self.spots.sort(key=lambda spot: (spot.line or 0, spot.column_number or 0))
        del self.spots[self.file.max_findings :]
        self.full = len(self.spots) >= self.file.max_findings

    def row_key(self, view: View, row: int) -> str:
        """The day and every id and group cell of a row: what stays the same when the file is exported again."""
        return self._grouping_cells(view.cells(row))

    def row_keys(self, view: View) -> Sequence[str]:
        """The same of every row of a view."""
        none, names = ("",) * len(view), view.columns.names
        columns = [none if index is None else view.column(names[index]) for index in self._grouping] or [none]
        return list(map("\0".join, zip(*columns, strict=True)))

    def key_of_cells(self, cells: Sequence[str], column: str | None) -> str:
        """The key of a finding in a row as the file has it."""
        return self.key(column, self._grouping_cells(cells))

    def _grouping_cells(self, cells: Sequence[str]) -> str:
        return "\0".join("" if index is None else cells[index].strip(BLANKS) for index in self._grouping)

    @cached_property
    def _grouping(self) -> list[int | None]:
        """The positions of the day and of every id and group column; None for a column that the file lacks."""
        day = self.file.roles.get("day")
        names = ([day] if day else []) + list(self.file.schema.names("id", "group"))
        return [self.file.columns.index.get(name) for name in names]

    def key(self, column: str | None, grouping: str) -> str:
        """A fingerprint of a finding that does not change when rows are added elsewhere."""
        text = "\0".join((self.rule_id, column or "", grouping))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def matched(pattern: str, text: str) -> re.Match[str] | None:
    """The whole text matched with a pattern of a rule file; None if it does not match or is too long."""
    return re.fullmatch(pattern, text) if len(text) <= LONGEST_MATCHED else None


def bad_rows(cells: Sequence[str], bad: Collection[str]) -> list[int]:
    """The rows whose cell is one of the bad values."""
    return [row for row, cell in enumerate(cells) if cell in bad] if bad else []
