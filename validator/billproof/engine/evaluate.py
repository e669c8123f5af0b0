"""One pass over a file: every rule looks at every batch, then at the whole, and ends with exactly one outcome.

The precedence of the rules is data (`blocked_by`). A blocker comes before what it blocks; what a rule cannot look at
because of another's fault is counted as left out, and a rule that left anything out never passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from billproof.model.results import Finding, Outcome, Place, Spot, State, UsedWaiver
from billproof.model.values import day_of, month_days, shown
from billproof.reading.reader import Batch, Reader
from billproof.reading.view import View
from billproof.rules.checks.base import KNOWN_AT_HEADER, Check, FileContext, Settled
from billproof.rules.files import Blocker
from billproof.rules.ordering import acts_at_header, evaluation_order
from billproof.rules.rule import Rule, RuleSet

Waive = Callable[[Rule, int], UsedWaiver | str | None]

# The reason where a configuration has integrations, but none of the file's organization. `verify` compares reports with it.
NO_INTEGRATION = "no integration of the configuration is for this organization; add one, or say --organization ID"


class _Work:
    """A rule with its check and what has been decided about it so far."""

    def __init__(self, rule: Rule, check: Check, columns: tuple[str, ...]) -> None:
        self.rule = rule
        self.check = check
        self.columns = columns
        self.file_blockers = tuple(one for one in rule.blocked_by if one.reach == "file" and one.only is None)
        # Those that ask how the rule itself fails.
        self.own_way_blockers = tuple(one for one in rule.blocked_by if one.reach == "file" and one.only is not None)
        self.row_blockers = tuple(one for one in rule.blocked_by if one.reach == "row")
        self.cell_blockers = tuple(one for one in rule.blocked_by if one.reach == "cell")
        self.blockers = {one.rule for one in (*self.row_blockers, *self.cell_blockers)}
        self.blocked_by: str | None = None
        self.not_applicable: str | None = None
        self.crashed: str | None = None
        self.left_out_by: str | None = None
        self.outcome: Outcome | None = None

    @property
    def at_work(self) -> bool:
        return not (self.blocked_by or self.not_applicable or self.crashed)


class Engine:
    """Runs the rules of a set over one file. Call `run`, then `outcomes`."""

    def __init__(self, ruleset: RuleSet, file: FileContext) -> None:
        self._file = file
        self._works: dict[str, _Work] = {}
        roles = file.roles
        for rule in ruleset.rules:
            columns = rule.kind.columns(rule.parameters, file.schema, roles)
            when = tuple(rule.file.when) if isinstance(rule.file.when, Mapping) else ()
            check = rule.kind(rule.id, rule.file.scope, rule.parameters, file)
            self._works[rule.id] = _Work(rule, check, tuple(dict.fromkeys((*columns, *when))))
        self._header_order = [self._works[one] for one in evaluation_order(ruleset.rules, at_header=True)]
        self._order = [self._works[one] for one in evaluation_order(ruleset.rules, at_header=False)]
        amount, currency, day = roles.get("amount"), roles.get("currency"), roles.get("day")
        self._money_columns = {name for name in (amount, currency) if name}
        self._day_column = day
        # Columns that a rule on personal data speaks of: no finding of any rule shows what their cells hold.
        self._private = {name for work in self._works.values() if work.rule.kind.keeps_private for name in work.columns}
        self._spoilers: set[str] = set()
        # Any check can make the keys of findings; the first rule's makes those that belong to a day.
        self._row_key = next(iter(self._works.values())).check.row_key

    def run(self, reader: Reader) -> None:
        """Reads the file to its end."""
        for work in self._works.values():
            self._guard(work, work.check.start, work.check.parameters)
        for work in self._header_order:
            self._settle_at_header(work)
        for batch in reader.batches():
            self._take(batch)

    def _settle_at_header(self, work: _Work) -> None:
        for blocker in work.file_blockers:
            other = self._works[blocker.rule]
            if _fails(other, blocker) and acts_at_header(other.rule, blocker):
                work.blocked_by = blocker.rule
                return
        self._settle_columns(work)
        if work.at_work:
            self._guard(work, work.check.at_header)

    def _settle_columns(self, work: _Work) -> None:
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
        self._collect(base)

    def _take_records(self, work: _Work, batch: Batch, reads: str) -> None:
        excluded = self._excluded(work, batch, rows_only=False)
        spoilt = self._spoilt(work)
        work.check.excluded, work.check.spoilt = excluded, spoilt
        left_out = len(excluded | set().union(*spoilt.values()))
        size = batch.line_count if reads == "lines" else batch.records
        work.check.left_out += left_out
        work.check.evaluated += size - (left_out if reads == "records" else 0)
        self._guard(work, work.check.on_batch, batch)

    def _take_rows(self, work: _Work, batch: Batch, base: View, views: dict[object, View]) -> None:
        if batch.unread:
            work.check.left_out += len(batch.unread)
            self._blame_unread(work, batch)
        view = self._speaks_of(work, base, views)
        if self._spoilers and not self._spoilers.isdisjoint(work.blockers):
            view = self._without_spoilt(work, batch, view, views)
        else:
            work.check.evaluated += len(view)
        if len(view):
            self._guard(work, work.check.on_rows, view)

    def _without_spoilt(self, work: _Work, batch: Batch, view: View, views: dict[object, View]) -> View:
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

    def _speaks_of(self, work: _Work, base: View, views: dict[object, View]) -> View:
        when = work.rule.file.when
        if when is None or not len(base):
            return base
        if when == "charged":
            return base.charged()
        assert not isinstance(when, str)
        key = tuple(when.items())
        found = views.get(key)
        if found is None:
            found = base
            for name, how in when.items():
                found = found.filled(name, how == "filled")
            views[key] = found
        return found

    def _excluded(self, work: _Work, batch: Batch, rows_only: bool) -> set[int]:
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
                found = {one for one in positions if one < rows} if rows_only else positions
                if blocker.when == "last_record" and work.rule.kind.reads_cells:
                    found = {one for one in found if one >= rows}
                if found:
                    excluded |= found
                    work.left_out_by = work.left_out_by or blocker.rule
        return excluded

    def _spoilt(self, work: _Work) -> dict[str | None, set[int]]:
        """Cells that another rule has found bad, by column."""
        spoilt: dict[str | None, set[int]] = {}
        for blocker in work.cell_blockers:
            for name, positions in self._works[blocker.rule].check.bad.items():
                if not blocker.columns or name in blocker.columns:
                    spoilt.setdefault(name, set()).update(positions)
                    if not work.columns or name in work.columns:
                        work.left_out_by = work.left_out_by or blocker.rule
        return spoilt

    def _blame_unread(self, work: _Work, batch: Batch) -> None:
        """Which rule speaks of the records that gave no row."""
        rows = len(batch.rows)
        for blocker in work.row_blockers:
            found = self._works[blocker.rule].check.bad.get(None, ())
            if any(position >= rows for position in found):
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
        self._file.collector.take(base, unusable, badly_dated, self._row_key)

    def _guard(self, work: _Work, step: Callable[..., None], *seen: object) -> None:
        """A check that raises is `crashed`; the others go on."""
        try:
            step(*seen)
        except Exception as error:
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}" if place else ""
            work.crashed = f"{type(error).__name__}{where}; please report it"

    def outcomes(self, settled: Settled, waive: Waive) -> tuple[Outcome, ...]:
        """One outcome per rule, by id. `waive` says whether a waiver covers a failure."""
        for work in self._order:
            self._settle_at_end(work, settled, waive)
        return tuple(work.outcome for _, work in sorted(self._works.items()) if work.outcome is not None)

    def _settle_at_end(self, work: _Work, settled: Settled, waive: Waive) -> None:
        check = work.check
        whole_file = work.rule.file.scope == "file"
        if work.at_work:
            self._block_at_end(work, work.file_blockers)
        state: State
        reason: str | None = None
        if work.at_work:
            reason = self._lacking(work, settled)
            if reason is None and not work.blocked_by and not (whole_file and check.left_out):
                self._guard(work, check.at_end, settled)
                check.trim()
                self._block_at_end(work, work.own_way_blockers)
        if work.crashed:
            state, reason = "crashed", work.crashed
        elif work.blocked_by:
            state = "blocked"
        elif work.not_applicable or check.not_applicable:
            state, reason = "not_applicable", work.not_applicable or check.not_applicable
        elif reason is not None:
            state = "not_run"
        elif check.left_out and (whole_file or not check.violations):
            state, work.blocked_by = "blocked", work.left_out_by or self._handed_on(work)
        elif check.violations:
            state = "failed"
        elif not self._evaluated(work):
            state, reason = "not_applicable", "nothing of its kind in the file"
        else:
            state = "passed"
        work.outcome = self._outcome(work, state, reason, settled.month.value, waive)

    def _handed_on(self, work: _Work) -> str | None:
        """What kept a rule that this one leans on from seeing everything."""
        others = (self._works[blocker.rule] for blocker in work.rule.blocked_by)
        return next((other.left_out_by for other in others if other.check.left_out), None)

    def _block_at_end(self, work: _Work, blockers: Sequence[Blocker]) -> None:
        """Blocks for the file by what has failed."""
        own = work.check.circumstances
        if own & KNOWN_AT_HEADER:
            return
        for blocker in blockers:
            if blocker.unless in own or (blocker.only is not None and blocker.only not in own):
                continue
            other = self._works[blocker.rule]
            if other.outcome is not None and other.outcome.state == "waived":
                continue
            if _fails(other, blocker):
                work.blocked_by = blocker.rule
                return

    def _lacking(self, work: _Work, settled: Settled) -> str | None:
        """The setting without which the rule cannot run; or the fault that keeps it from being inferred."""
        needs = work.rule.file.needs
        if "month" in needs and settled.month.value is None:
            suspects = [self._works[blocker.rule] for blocker in work.rule.blocked_by]
            suspects += [one for one in self._works.values() if one.rule.kind.refuses_values and self._day_column in one.columns]
            for one in suspects:
                if one.check.violations:
                    work.blocked_by = one.rule.id
                    return None
            return "the month is not known; say which with --month YYYY-MM"
        if "organization" in needs and settled.expected_organization is None:
            if self._file.organizations:
                return NO_INTEGRATION
            return "say whose file it must be: --organization ID, or `billproof init`"
        return settled.history.lacking if "ledger" in needs else None

    def _evaluated(self, work: _Work) -> int:
        check = work.check
        if work.rule.kind.reads == "head" or (check.violations and check.evaluated < 1):
            return 1
        return min(check.evaluated, 1) if work.rule.unit in ("file", "id", "project") else max(check.evaluated, 0)

    def _outcome(self, work: _Work, state: State, reason: str | None, month: str | None, waive: Waive) -> Outcome:
        rule, check = work.rule, work.check
        waiver: UsedWaiver | None = None
        if state == "failed":
            signed = waive(rule, check.violations)
            if isinstance(signed, UsedWaiver):
                state, waiver = "waived", signed
            else:
                reason = signed
        if rule.off is not None and state != "crashed":
            state, reason = "off", f"switched off by {rule.off.owner}: {rule.off.reason}"
        told = state in ("failed", "waived")
        looked = state in ("passed", "failed", "waived")
        return Outcome(
            rule=rule.id, name=rule.file.name, level=rule.level, state=state, unit=rule.unit,
            evaluated=self._evaluated(work) if looked else 0,
            violations=check.violations if told else 0,
            left_out=check.left_out if state not in ("off", "not_applicable", "not_run") else 0,
            reason=shown(reason, None) if reason else None,
            blocked_by=work.blocked_by if state == "blocked" else None,
            waiver=waiver,
            findings=tuple(self._finding(rule, spot, month) for spot in check.spots) if told else (),
        )  # fmt: skip

    def _finding(self, rule: Rule, spot: Spot, month: str | None) -> Finding:
        days = month_days(month) if month else None
        texts = {
            "file": shown(self._file.name), "month": month or "the month",
            "first": day_of(days[0]).isoformat() if days else "the first day of the month",
            "last": day_of(days[-1]).isoformat() if days else "the last day of the month",
            "value": shown(spot.value or ""), "column": shown(spot.column or ""), "line": str(spot.line or ""),
        }  # fmt: skip
        if spot.column in self._private:
            spot = spot._replace(value=None)
            texts["value"] = "(not shown)"
        constants = getattr(self._works[rule.id].check, "constants", {})
        texts |= {key: shown(value, 200) for key, value in {**constants, **spot.details}.items()}
        return Finding(
            line=spot.line, end_line=spot.end_line,
            column=None if spot.column is None else shown(spot.column), column_number=spot.column_number,
            value=None if spot.value is None else shown(spot.value),
            expected=shown(rule.file.expected.format_map(texts), None) if rule.file.expected else None,
            message=shown(rule.file.message.format_map(texts), None),
            related=tuple(Place(one.line, one.column) for one in spot.related),
            key=spot.key,
        )  # fmt: skip


def _charged_by(rule: Rule, file: FileContext) -> tuple[str, ...]:
    """The times, if the rule asks which rows are charged: under another name a time would look like a charge."""
    if rule.file.when == "charged" or rule.kind.reads_charged:
        return tuple(one.name for one in file.schema.fields if one.role == "time" and one.required)
    return ()


def _fails(work: _Work, blocker: Blocker) -> bool:
    """Whether the rule fails in the way that a blocker names, and nothing keeps it from saying so."""
    if work.blocked_by or work.not_applicable or work.crashed or not work.check.violations:
        return False
    if work.outcome is not None and work.outcome.state not in ("failed", "off"):
        return False
    return blocker.when == "always" or blocker.when in work.check.circumstances
