"""The outcome of each rule, once every row was read: month, organization (read from the rows, if they were not given) and
earlier uploads are known by then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.results import Finding, Outcome, Place, Sourced, Spot, State, UsedWaiver
from billproof.model.values import day_of, month_days, month_end, month_of, shown
from billproof.rules.checks.base import KNOWN_AT_HEADER, Check, FileContext, Settled
from billproof.rules.files import Blocker
from billproof.rules.rule import Rule

if TYPE_CHECKING:
    from billproof.config.waivers import Waive

INFERRED = "inferred"


def infer_month(days: Collection[int], as_of: datetime) -> Sourced:
    """The only month whose every day has a row; else, of the months over at `as_of` (of all, if none is), the one with
    most days, ties the later. `days` are day numbers. No day, no month.
    """
    counts = Counter(month_of(day) for day in days)
    if not counts:
        return Sourced(None, INFERRED)
    whole = [month for month, count in counts.items() if count == len(month_days(month))]
    if len(whole) == 1:
        return Sourced(whole[0], INFERRED)
    over = [month for month in counts if month_end(month) <= as_of]
    return Sourced(max(over or counts, key=lambda month: (counts[month], month)), INFERRED)


def is_of_another_month(days: Collection[int], own: str | None, wanted: str, undated: int) -> bool:
    """Whether a file is surely of `own`, a month other than `wanted`: also if each of its `undated` rows, whose day nobody can
    read, were of one more day of `wanted`.
    """
    if own in (None, wanted):
        return False
    counts = Counter(month_of(day) for day in days)
    return undated == 0 or counts[own or ""] > counts[wanted] + undated


def infer_organization(counts: Mapping[str, int], configured: Iterable[tuple[str, Sourced]]) -> Sourced:
    """The configured organization with the most charged rows (ties: the first); else the file's only id; else none.

    `counts` are charged rows by id; `configured` are ids with where they are configured, in order.
    """
    best: Sourced | None = None
    most = 0
    for organization, sourced in configured:
        if counts.get(organization, 0) > most:
            best, most = sourced, counts[organization]
    if best is not None:
        return best
    named = [organization for organization in counts if organization]
    return Sourced(named[0] if len(named) == 1 else None, INFERRED)


class Work:
    """A rule with its check and what has been decided about it so far."""

    def __init__(self, rule: Rule, check: Check, columns: tuple[str, ...]) -> None:
        self.rule = rule
        self.check = check
        self.columns = columns
        of_file = [blocker for blocker in rule.blocked_by if blocker.reach == "file"]
        self.file_blockers = [blocker for blocker in of_file if blocker.only is None]
        # Those that ask how the rule itself fails.
        self.own_way_blockers = [blocker for blocker in of_file if blocker.only is not None]
        self.row_blockers = [blocker for blocker in rule.blocked_by if blocker.reach == "row"]
        self.cell_blockers = [blocker for blocker in rule.blocked_by if blocker.reach == "cell"]
        self.blockers = {blocker.rule for blocker in (*self.row_blockers, *self.cell_blockers)}
        self.blocked_by: str | None = None
        self.not_applicable: str | None = None
        self.crashed: str | None = None
        self.left_out_by: str | None = None
        self.outcome: Outcome | None = None

    @property
    def at_work(self) -> bool:
        """Whether nothing has kept it from running so far."""
        return not (self.blocked_by or self.not_applicable or self.crashed)

    def guard(self, step: Callable[..., None], *arguments: object) -> None:
        """Runs a step of the check; if it raises, the rule is `crashed` and the others go on."""
        try:
            step(*arguments)
        except Exception as error:
            place = error.__traceback__
            while place and place.tb_next:
                place = place.tb_next
            where = f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}" if place else ""
            self.crashed = f"{type(error).__name__}{where}; please report it"

    def fails(self, blocker: Blocker) -> bool:
        """Whether the rule fails in the way that a blocker names, and nothing keeps it from saying so."""
        if not self.at_work or not self.check.violations:
            return False
        if self.outcome is not None and self.outcome.state not in ("failed", "off"):
            return False
        return blocker.when == "always" or blocker.when in self.check.circumstances


# The reason where a configuration has integrations, but none of the file's organization. `verify` compares reports with it.
NO_INTEGRATION = "not compared with your organization: no integration has this one; add it, or set --organization ID"
# What a rule lacks that compares with earlier uploads; why follows.
NO_HISTORY = "not compared with an earlier upload: "


def outcomes(works: Sequence[Work], file: FileContext, settled: Settled, waive: Waive | None) -> tuple[Outcome, ...]:
    """One outcome per rule, by id. The `works` come in an order in which each follows its blockers."""
    private = {name for work in works if work.rule.kind.keeps_private for name in work.columns}
    end = _End({work.rule.id: work for work in sorted(works, key=lambda work: work.rule.id)}, file, settled, waive, private)
    for work in works:
        end.settle(work)
    return tuple(work.outcome for work in end.works.values() if work.outcome is not None)


class _End(Record):
    """The end of a file. No finding of any rule shows what the `private` columns hold."""

    works: Mapping[str, Work]
    file: FileContext
    settled: Settled
    waive: Waive | None
    private: set[str]

    def settle(self, work: Work) -> None:
        check = work.check
        work.guard(check.settle, self.settled)
        # What the header shows is so, whatever cannot be read below it.
        needs_all = work.rule.file.scope == "file" and not check.circumstances & KNOWN_AT_HEADER
        state: State
        reason = self._without_record(work)
        if work.at_work and reason is None:
            self._block_at_end(work, work.file_blockers)
        if work.at_work and reason is None:
            reason = self._lacking(work)
            if reason is None and self._lacks_total(work):
                work.blocked_by = work.blocked_by or _root([self.works[blocker.rule] for blocker in work.rule.blocked_by])
            if reason is None and not work.blocked_by and not (needs_all and check.left_out):
                work.guard(check.at_end, self._known())
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
        elif check.left_out and (needs_all or not check.violations):
            state, work.blocked_by = "blocked", work.left_out_by or self._handed_on(work)
        elif check.violations:
            state = "failed"
        elif not self._evaluated(work):
            state, reason = "not_applicable", "the file has nothing for this rule to check"
        else:
            state = "passed"
        work.outcome = self._outcome(work, state, reason)

    def _lacks_total(self, work: Work) -> bool:
        """Whether the rule is about to speak of a total that nobody knows."""
        return work.rule.kind.reads_total and not work.check.not_applicable and self.file.collector.amount is None

    def _without_record(self, work: Work) -> str | None:
        """The reason if a rule cannot run for want of a record that is demanded. One that is not demanded leaves it nothing to
        say, whatever else is wrong with the file.
        """
        costs = self.settled.costs
        if "costs" not in work.rule.file.needs or costs.record is not None:
            return None
        work.blocked_by, work.not_applicable = None, None if costs.demanded else costs.lacking
        return f"not compared with OpenAI's own costs: {costs.lacking}" if costs.demanded else None

    def _known(self) -> Settled:
        """What is known of the file, and which failures are waived by now."""
        states = {rule: work.outcome.state for rule, work in self.works.items() if work.outcome is not None}
        waived = frozenset(rule for rule, state in states.items() if state == "waived")
        return self.settled._replace(waived=waived) if waived else self.settled

    def _handed_on(self, work: Work) -> str | None:
        """What kept a rule that this one leans on from seeing everything."""
        others = [self.works[blocker.rule] for blocker in work.rule.blocked_by]
        handed_on = next((other.left_out_by for other in others if other.check.left_out), None)
        # Rows of another month are known at the end only.
        at_end = (blocker.rule for blocker in work.row_blockers if self.works[blocker.rule].check.violations)
        return handed_on or next(at_end, None)

    def _block_at_end(self, work: Work, blockers: Sequence[Blocker]) -> None:
        """Blocks for the file by what has failed."""
        own = work.check.circumstances
        if own & KNOWN_AT_HEADER:
            return
        for blocker in blockers:
            if blocker.unless in own or (blocker.only is not None and blocker.only not in own):
                continue
            other = self.works[blocker.rule]
            if other.outcome is not None and other.outcome.state == "waived":
                continue
            if other.fails(blocker):
                work.blocked_by = blocker.rule
                return

    def _lacking(self, work: Work) -> str | None:
        """The setting without which the rule cannot run; or the fault that keeps it from being inferred."""
        needs = work.rule.file.needs
        if "month" in needs and self.settled.month.value is None:
            day = self.file.roles.get("day")
            suspects = [self.works[blocker.rule] for blocker in work.rule.blocked_by]
            suspects += [other for other in self.works.values() if other.rule.kind.refuses_values and day in other.columns]
            work.blocked_by = _root(suspects)
            return None if work.blocked_by else "the month is unknown; set --month YYYY-MM"
        if "organization" in needs and self.settled.expected_organization is None:
            if self.file.organizations:
                return NO_INTEGRATION
            return "not compared with your organization yet: --organization ID or `billproof init`"
        lacking = self.settled.history.lacking
        return NO_HISTORY + lacking if lacking and "ledger" in needs else None

    def _evaluated(self, work: Work) -> int:
        check = work.check
        if work.rule.kind.reads == "head" or (check.violations and check.evaluated < 1):
            return 1
        return min(check.evaluated, 1) if work.rule.unit in ("file", "id", "project") else max(check.evaluated, 0)

    def _outcome(self, work: Work, state: State, reason: str | None) -> Outcome:
        rule, check = work.rule, work.check
        waiver: UsedWaiver | None = None
        if state == "failed":
            waived = self.waive(rule, check.violations) if self.waive else None
            if isinstance(waived, UsedWaiver):
                state, waiver = "waived", waived
            else:
                reason = waived
        if rule.off is not None and state != "crashed":
            state, reason = "off", f"disabled by {rule.off.owner}: {rule.off.reason}"
        has_findings = state in ("failed", "waived")
        has_run = state in ("passed", "failed", "waived")
        return Outcome(
            rule=rule.id, name=rule.file.name, level=rule.level, state=state, unit=rule.unit,
            evaluated=self._evaluated(work) if has_run else 0,
            violations=check.violations if has_findings else 0,
            left_out=check.left_out if state not in ("off", "not_applicable", "not_run") else 0,
            reason=shown(reason, None) if reason else None,
            blocked_by=work.blocked_by if state == "blocked" else None,
            waiver=waiver,
            findings=tuple(self._finding(rule, spot) for spot in check.spots) if has_findings else (),
        )  # fmt: skip

    def _finding(self, rule: Rule, spot: Spot) -> Finding:
        month = self.settled.month.value
        days = month_days(month) if month else None
        texts = {
            "file": shown(self.file.name), "month": month or "the month",
            "first": day_of(days[0]).isoformat() if days else "the first day of the month",
            "last": day_of(days[-1]).isoformat() if days else "the last day of the month",
            "value": shown(spot.value or ""), "column": shown(spot.column or ""), "line": str(spot.line or ""),
        }  # fmt: skip
        if spot.column in self.private:
            spot = spot._replace(value=None)
            texts["value"] = "(not shown)"
        constants = getattr(self.works[rule.id].check, "constants", {})
        texts |= {key: shown(value, 250) for key, value in {**constants, **spot.details}.items()}
        return Finding(
            line=spot.line, end_line=spot.end_line,
            column=None if spot.column is None else shown(spot.column), column_number=spot.column_number,
            value=None if spot.value is None else shown(spot.value),
            expected=shown(rule.file.expected.format_map(texts), None) if rule.file.expected else None,
            message=shown(rule.file.message.format_map(texts), None),
            related=tuple(Place(place.line, place.column) for place in spot.related),
            key=spot.key,
        )  # fmt: skip


def _root(suspects: Sequence[Work]) -> str | None:
    """The failed rule at the root of what cannot be known: the first that fails, else what keeps the first from looking."""
    failed = next((other.rule.id for other in suspects if other.check.violations), None)
    return failed or next((other.blocked_by for other in suspects if other.blocked_by), None)
