"""Rows of a batch as checks see them: by column, stripped, and as sets of distinct values.

Checks look at distinct values first and search rows only when one of them is bad. That is what makes a check cost next
to nothing on a good file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from billproof.model.values import BLANKS
from billproof.reading.batch import Batch

REMEMBERED_VALUES = 10_000

_BLANK_SET = frozenset(BLANKS)
_FIRST, _LAST = itemgetter(0), itemgetter(-1)


class Columns:
    """The columns of one file: their positions, and the values that are known to need no stripping."""

    def __init__(
        self, header: Sequence[str], time_columns: Collection[str], measures: Collection[str], likely_filled: str | None
    ) -> None:
        self.names = tuple(header)
        self.index: dict[str, int] = {}
        for position, name in enumerate(header):
            self.index.setdefault(name, position)
        self.other_than_time = [position for position, name in enumerate(header) if name not in time_columns]
        # Nearly every value of a measure is different, so finding its distinct values is slow.
        self.measures = {position for position, name in enumerate(header) if name in measures}
        likely = self.index.get(likely_filled or "")
        if likely in self.other_than_time:
            self.other_than_time.remove(likely)
            self.other_than_time.insert(0, likely)
        self.unpadded: dict[int, set[str]] = {}


class View:
    """Some rows of a batch. Cells are stripped unless the name says `raw`; row numbers count within the view."""

    def __init__(self, batch: Batch, columns: Columns, positions: Sequence[int] | None = None) -> None:
        self.batch = batch
        self.columns = columns
        self.positions: Sequence[int] = range(len(batch.rows)) if positions is None else positions
        self._whole = positions is None
        self._raw: dict[int, Sequence[str]] = {}
        self._stripped: dict[int, Sequence[str]] = {}
        self._distinct: dict[int, set[str]] = {}
        self._charged: View | None = None
        self._all_charged: bool | None = None
        self.bad_cells: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self.positions)

    def raw(self, name: str) -> Sequence[str]:
        """A column's cells exactly as in the file."""
        return self._raw_at(self.columns.index[name])

    def column(self, name: str) -> Sequence[str]:
        """A column's cells without the white space around them."""
        return self._at(self.columns.index[name])

    def distinct(self, name: str) -> set[str]:
        """The different values of a column."""
        return self._distinct_at(self.columns.index[name])

    def joined(self, name: str) -> str:
        """A column's cells in one text, with a line feed between two."""
        index = self.columns.index[name]
        cells = self._at(index)
        return self.batch.joined(index) if self._whole and cells is self._raw[index] else "\n".join(cells)

    def has_blank(self, name: str) -> bool:
        """Whether a cell of a column is empty."""
        index = self.columns.index[name]
        cells = self._at(index)
        return "" in self._distinct[index] if index in self._distinct else not all(cells)

    def all_columns(self, but: Collection[str]) -> list[tuple[Sequence[str], bool]]:
        """Every column of the file, known or not, but those named: its cells, and whether they are all the same."""
        places = [index for index, name in enumerate(self.columns.names) if name not in but]
        return [(self._at(index), len(self._distinct_at(index)) == 1) for index in places]

    @property
    def lines(self) -> Sequence[int]:
        """The first physical line of every row."""
        return self.batch.lines if self._whole else [self.batch.lines[position] for position in self.positions]

    @property
    def end_lines(self) -> Sequence[int]:
        """The last physical line of every row."""
        return self.batch.end_lines if self._whole else [self.batch.end_lines[position] for position in self.positions]

    def line(self, row: int) -> int:
        """The first physical line of a row."""
        return self.batch.lines[self.positions[row]]

    def end_line(self, row: int) -> int:
        """The last physical line of a row."""
        return self.batch.end_lines[self.positions[row]]

    def cells(self, row: int) -> Sequence[str]:
        """The cells of a row exactly as in the file."""
        return self.batch.rows[self.positions[row]]

    def only(self, rows: Collection[int]) -> View:
        """The view of some of these rows."""
        view = View(self.batch, self.columns, [self.positions[row] for row in rows])
        view.bad_cells = self.bad_cells
        return view

    def without(self, positions: Collection[int]) -> View:
        """The view without the rows at these positions of the batch."""
        if not positions:
            return self
        return self.only([row for row, position in enumerate(self.positions) if position not in positions])

    def readable(self, *names: str) -> View:
        """The rows in which no cell of these columns was refused by another rule."""
        if not self.bad_cells:
            return self
        bad: set[int] = set().union(*(self.bad_cells.get(name, ()) for name in names))
        return self.without(bad)

    def charged(self) -> View:
        """The rows with text in any column but the times."""
        # A view that referred to itself would never be freed, as the collector of circles is off while a file is read.
        if self._all_charged is None:
            others = self.columns.other_than_time
            self._all_charged = any(all(self._at(index)) for index in others[:3])
            if not self._all_charged:
                cells = [self._at(index) for index in others]
                charged = [row for row in range(len(self)) if any(column[row] for column in cells)]
                self._all_charged = len(charged) == len(self)
                self._charged = self.only(charged)
        return self if self._all_charged or self._charged is None else self._charged

    def runs(self, name: str) -> Iterator[tuple[str, range]]:
        """The runs of rows with the same value in a column."""
        cells, start = self.column(name), 0
        if len(self.distinct(name)) == 1:
            yield cells[0], range(len(cells))
            return
        for value, run in groupby(cells):
            end = start + len(list(run))
            yield value, range(start, end)
            start = end

    def filled(self, name: str, filled: bool = True) -> View:
        """The rows in which the cell of a column is filled (or empty)."""
        column = self.column(name)
        if filled and all(column):
            return self
        if filled and not any(column):
            return self.only(())
        return self.only([row for row, cell in enumerate(column) if bool(cell) is filled])

    def _raw_at(self, index: int) -> Sequence[str]:
        raw = self._raw.get(index)
        if raw is None:
            cells = self.batch.columns[index] if self.batch.rows else ()
            raw = cells if self._whole else [cells[position] for position in self.positions]
            self._raw[index] = raw
        return raw

    def _distinct_at(self, index: int) -> set[str]:
        distinct = self._distinct.get(index)
        if distinct is None:
            distinct = self._distinct[index] = set(self._at(index))
        return distinct

    def _at(self, index: int) -> Sequence[str]:
        stripped = self._stripped.get(index)
        if stripped is None:
            raw = self._raw_at(index)
            stripped = raw if index in self.columns.measures and self._has_no_blanks(index) else self._strip(index, raw)
            self._stripped[index] = stripped
        return stripped

    def _has_no_blanks(self, index: int) -> bool:
        """Whether a quick look shows that no cell of a column has white space."""
        joined = self.batch.joined(index)
        return " " not in joined and joined.isascii() and self.batch.plain

    def _strip(self, index: int, raw: Sequence[str]) -> Sequence[str]:
        """The cells without the white space around them: the same object if there are none."""
        distinct = set(raw)
        known = self.columns.unpadded.setdefault(index, {""})
        new = distinct - known
        if not (_BLANK_SET.isdisjoint(map(_FIRST, new)) and _BLANK_SET.isdisjoint(map(_LAST, new))):
            return [cell.strip(BLANKS) for cell in raw]
        if len(known) < REMEMBERED_VALUES:
            known |= new
        self._distinct[index] = distinct
        return raw
