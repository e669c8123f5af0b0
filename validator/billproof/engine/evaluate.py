"""One pass over a file: every rule checks every batch, then the whole, and ends with exactly one outcome.

The precedence of the rules is data (`blocked_by`). A blocker comes before what it blocks; what a rule cannot check
because of what another rule found is counted as left out, and a rule that left anything out never passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from billproof.engine.outcomes import Work, outcomes
from billproof.model.results import Outcome
from billproof.reading.batch import Batch, split_lines
from billproof.reading.reader import Reader
from billproof.reading.view import View
from billproof.rules.checks.base import FileContext, Settled
from billproof.rules.rule import Rule, RuleSet, acts_at_header, evaluation_order

if TYPE_CHECKING:
    from billproof.config.waivers import Waive


class Engine:
    """Runs the rules of a set over one file. Call `run`, then `outcomes`."""

    def __init__(self, ruleset: RuleSet, file: FileContext) -> None:
        self._file = file
        self._works: dict[str, Work] = {}
        roles = file.roles
        for rule in ruleset.rules:
            columns = rule.kind.columns(rule.parameters, file.schema, roles)
            when = tuple(rule.file.when) if isinstance(rule.file.when, Mapping) else ()
            check = rule.kind(rule.id, rule.file.scope, rule.parameters, file)
            self._works[rule.id] = Work(rule, check, tuple(dict.fromkeys((*columns, *when))))
        self._header_order = [self._works[rule_id] for rule_id in evaluation_order(ruleset.rules, at_header=True)]
        self._order = [self._works[rule_id] for rule_id in evaluation_order(ruleset.rules, at_header=False)]
        amount, currency, day = roles.get("amount"), roles.get("currency"), roles.get("day")
        self._money_columns = {name for name in (amount, currency) if name}
        self._day_column = day
        self._total_columns = {name for name in (amount, currency, day) if name}
        self._spoilers: set[str] = set()
        names, comma = file.head.header[:2], file.head.delimiter
        self._header_starts = (comma.join((*names, "")), f'"{comma}"'.join((*names, ""))) if len(names) == 2 else ()
        self.second_header: int | None = None
        # Any check can make the keys of findings; the first rule's makes those that belong to a day.
        self._any_check = next(iter(self._works.values())).check

    def run(self, reader: Reader) -> None:
        """Reads the file to its end."""
        for work in self._works.values():
            work.guard(work.check.start, work.check.parameters)
            if self._file.keyed is None and "costs" in work.rule.file.needs:
                work.not_applicable = "nothing to compare with"
        for work in self._header_order:
            self._settle_at_header(work)
        for batch in reader.batches():
            self._take(batch)

    def _settle_at_header(self, work: Work) -> None:
        for blocker in work.file_blockers:
            other = self._works[blocker.rule]
            if other.fails(blocker) and acts_at_header(other.rule, blocker):
                work.blocked_by = blocker.rule
                return
        self._settle_columns(work)
        if work.at_work:
            work.guard(work.check.at_header)

    def _settle_columns(self, work: Work) -> None:
        """A column that must be there and is not, or stands there twice, leaves nothing to say; one that may be absent, too."""
        wanted = [name for name in work.columns if name not in self._file.columns.index]
        needed = {*work.columns, *_charged_by(work.rule, self._file)}
        for other in self._works.values():
            bad = other.check.bad_columns
            if bad and other is not work and not other.blocked_by and not bad.isdisjoint(needed):
                work.blocked_by = other.rule.id
                return
        when = work.rule.file.when
        none_there = len(wanted) == len(work.columns) > 0 and self._file.head.parsable
        if none_there or (isinstance(when, Mapping) and not when.keys().isdisjoint(wanted)):
            work.not_applicable = "the file has no such column"

    def _take(self, batch: Batch) -> None:
        base = View(batch, self._file.columns)
        views: dict[object, View] = {}
        self._spoilers = set()
        for work in self._order:
            check = work.check
            if check.bad:
                check.bad = {}
            if not work.at_work:
                if work.blocked_by and self._guards_totals(work):
                    self._look_only(work, base, views)
                continue
            reads = work.rule.kind.reads
            if reads == "rows":
                self._take_rows(work, batch, base, views)
            elif reads != "head":
                self._take_records(work, batch, reads)
            if check.bad:
                self._spoilers.add(work.rule.id)
            if check.spots:
                check.trim()
        if self._spoilers and self.second_header is None:
            self.second_header = self._header_in(batch)
        self._collect(base)

    def _header_in(self, batch: Batch) -> int | None:
        """The line below the header with the same first two names, quoted or not."""
        for start in self._header_starts if batch.records else ():
            before, found, _ = batch.text.partition(start)
            if found:
                return batch.first_line + len(split_lines(before + ".")) - 1
        return None

    def _guards_totals(self, work: Work) -> bool:
        """Whether the totals rest on what the rule refuses. Then it looks at the cells even where it has nothing to say."""
        refuses = work.rule.kind.refuses_values and work.rule.level == "error"
        return refuses and not self._total_columns.isdisjoint(work.check.names)

    def _look_only(self, work: Work, base: View, views: dict[object, View]) -> None:
        """Finds the cells that a skipped rule refuses, and counts nothing."""
        check, view = work.check, self._speaks_of(work, base, views)
        if len(view):
            violations = check.violations
            work.guard(check.on_rows, view)
            check.violations, check.spots = violations, []

    def _take_records(self, work: Work, batch: Batch, reads: str) -> None:
        excluded = self._excluded(work, batch, rows_only=False)
        spoilt = self._spoilt(work)
        work.check.excluded, work.check.spoilt = excluded, spoilt
        left_out = len(excluded | set().union(*spoilt.values()))
        size = batch.line_count if reads == "lines" else batch.records
        work.check.left_out += left_out
        work.check.evaluated += size - (left_out if reads == "records" else 0)
        work.guard(work.check.on_batch, batch)

    def _take_rows(self, work: Work, batch: Batch, base: View, views: dict[object, View]) -> None:
        if batch.unread:
            work.check.left_out += len(batch.unread)
            self._blame_unread(work, batch)
        view = self._speaks_of(work, base, views)
        if self._spoilers and not self._spoilers.isdisjoint(work.blockers):
            view = self._without_spoilt(work, batch, view, views)
        else:
            work.check.evaluated += len(view)
        if len(view):
            work.guard(work.check.on_rows, view)

    def _without_spoilt(self, work: Work, batch: Batch, view: View, views: dict[object, View]) -> View:
        """The view without what other rules' faults have spoilt, which is counted as left out."""
        excluded = self._excluded(work, batch, rows_only=True)
        spoilt = {name: bad for name, bad in self._spoilt(work).items() if name in work.columns}
        partly = set().union(*spoilt.values())
        left_out = excluded | partly
        # A row that is not charged is not spoken of; one whose cell was refused may have been, whatever is in it.
        work.check.left_out += len(left_out.intersection(view.positions) if work.rule.file.when == "charged" else left_out)
        key = (id(view), frozenset(excluded))
        kept = views.get(key)
        if kept is None:
            kept = views[key] = view.without(excluded)
        if spoilt:
            kept = kept.only(range(len(kept)))
            kept.bad_cells = {name: bad for name, bad in spoilt.items() if name is not None}
        work.check.evaluated += len(kept) - len((partly - excluded).intersection(kept.positions))
        return kept

    def _speaks_of(self, work: Work, base: View, views: dict[object, View]) -> View:
        when = work.rule.file.when
        if when is None or not len(base):
            return base
        if when == "charged":
            return base.charged()
        assert not isinstance(when, str)
        key = tuple(when.items())
        view = views.get(key)
        if view is None:
            view = base
            for name, how in when.items():
                view = view.filled(name, how == "filled")
            views[key] = view
        return view

    def _excluded(self, work: Work, batch: Batch, rows_only: bool) -> set[int]:
        """Positions on which other rules' faults leave this rule nothing to say."""
        excluded: set[int] = set()
        rows = len(batch.rows)
        for blocker in work.row_blockers:
            bad = self._works[blocker.rule].check.bad if blocker.rule in self._spoilers else None
            if not bad or (blocker.when != "always" and blocker.when not in self._works[blocker.rule].check.circumstances):
                continue
            for name, positions in bad.items():
                if blocker.columns and name not in blocker.columns:
                    continue
                places = {position for position in positions if position < rows} if rows_only else positions
                if blocker.when == "last_record" and work.rule.kind.reads_cells:
                    places = {position for position in places if position >= rows}
                if places:
                    excluded |= places
                    work.left_out_by = work.left_out_by or blocker.rule
        return excluded

    def _spoilt(self, work: Work) -> dict[str | None, set[int]]:
        """Cells that another rule has found bad, by column."""
        spoilt: dict[str | None, set[int]] = {}
        for blocker in work.cell_blockers:
            # A skipped rule that only looks, for the totals, spoils nothing for others.
            bad = self._works[blocker.rule].check.bad if blocker.rule in self._spoilers else {}
            for name, positions in bad.items():
                if not blocker.columns or name in blocker.columns:
                    spoilt.setdefault(name, set()).update(positions)
                    if not work.columns or name in work.columns:
                        work.left_out_by = work.left_out_by or blocker.rule
        return spoilt

    def _blame_unread(self, work: Work, batch: Batch) -> None:
        """Which rule speaks of the records that gave no row."""
        rows = len(batch.rows)
        for blocker in work.row_blockers:
            unread = self._works[blocker.rule].check.bad.get(None, ())
            if any(position >= rows for position in unread):
                work.left_out_by = work.left_out_by or blocker.rule

    def _collect(self, base: View) -> None:
        unusable: set[int] = set()
        badly_dated: set[int] = set()
        for work in self._works.values():
            if work.rule.level != "error" or not work.check.bad or not work.rule.kind.refuses_values:
                continue
            for name, positions in work.check.bad.items():
                if name in self._money_columns:
                    unusable |= positions
                elif name == self._day_column:
                    badly_dated |= positions
        if base.batch.unread:
            self._file.collector.usable = False
        self._file.collector.take(base, unusable, badly_dated, self._any_check.row_key)
        if self._file.keyed is not None:
            self._file.keyed.take(base, badly_dated, self._any_check.row_keys)

    def outcomes(self, settled: Settled, waive: Waive | None) -> tuple[Outcome, ...]:
        """One outcome per rule, by id."""
        return outcomes(self._order, self._file, settled, waive)


def _charged_by(rule: Rule, file: FileContext) -> tuple[str, ...]:
    """The times, if the rule asks which rows are charged: under another name a time would look like a charge."""
    if rule.file.when == "charged" or rule.kind.reads_charged:
        return tuple(field.name for field in file.schema.fields if field.role == "time" and field.required)
    return ()
