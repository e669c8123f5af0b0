"""An export held against OpenAI's own record of the month: the same amounts, by day, project and line item.

One service books both, so an amount is the same or it is not: no percentage is allowed. A day that had only just ended when the
record was read may still change, and is judged apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from functools import cached_property, reduce
from itertools import chain, repeat
from typing import TYPE_CHECKING, Literal, get_args

from billproof.model.costs import CostKey, CostsAtHand, CostsFacts, CostsRecord
from billproof.model.record import Record
from billproof.model.values import DAY_SECONDS, EXACT, cents, day_end, day_of, in_words, money, month_days, month_name, shown
from billproof.reading.keyed import FirstRow, KeyedSums

if TYPE_CHECKING:
    from billproof.model.results import Outcome
    from billproof.rules.checks.base import Settled
    from billproof.rules.rule import Rule

Sort = Literal["missing_in_file", "missing_in_record", "not_the_same"]

_ZERO = Decimal(0)
_LEAST, _SHARE = Decimal("0.000001"), Decimal("1e-9")


class Difference(Record):
    """A key whose amounts are not the same; None for a side that lacks it."""

    key: CostKey
    file: Decimal | None
    record: Decimal | None

    @property
    def excess(self) -> Decimal:
        """By how much the file is above the record."""
        return EXACT.subtract(self.file or _ZERO, self.record or _ZERO)

    @property
    def sort(self) -> Sort:
        """In which way the key differs."""
        return "missing_in_file" if self.file is None else "missing_in_record" if self.record is None else "not_the_same"

    @property
    def text(self) -> str:
        """The difference in words, after the name of the key."""
        day = day_of(self.key[0])
        if self.file is None:
            return f"is missing on {day}: {usd(self.record or _ZERO)}"
        if self.record is None:
            return f"has {usd(self.file)} on {day}; OpenAI has nothing"
        return f"has {usd(self.file)} on {day}; OpenAI has {usd(self.record)} ({usd(self.excess, sign=True)})"


class Comparison(Record):
    """A file beside a record: the sums by key that were compared, what differs, how many keys there are, how many of days that no
    longer change, how many days may still change, and the first of those.
    """

    file: Mapping[CostKey, Decimal]
    record: Mapping[CostKey, Decimal]
    differences: tuple[Difference, ...]
    keys: int
    settled_keys: int
    settling_days: int
    first_settling: int

    @property
    def settled(self) -> list[Difference]:
        """What differs on days that no longer change."""
        return [difference for difference in self.differences if difference.key[0] < self.first_settling]

    @property
    def has_no_common_project(self) -> bool:
        """Whether both have projects with amounts, and none of them is the same."""
        if any(amount and key[1] and self.record.get(key) for key, amount in self.file.items()):
            return False
        file, record = ({key[1] for key, amount in side.items() if key[1] and amount} for side in (self.file, self.record))
        return bool(file and record) and not file & record

    @property
    def projects(self) -> dict[str, tuple[Decimal, Decimal]]:
        """The sums of the file and of the record by project."""
        file, record = _by_project(self.file), _by_project(self.record)
        return {project: (file.get(project, _ZERO), record.get(project, _ZERO)) for project in sorted(file.keys() | record)}

    @property
    def pattern(self) -> Literal["projects_missing", "line_items_differ"] | None:
        """What the settled differences have in common: they are projects that the file lacks whole, or sums by day and project
        are the same and only line items differ.
        """
        settled, lost = self.settled, self.lost_projects
        if not settled:
            return None
        kept = {project for _, project, _ in self.file} & {project for _, project, _ in self.record}
        if kept and all(difference.key[1] in lost for difference in settled):
            return "projects_missing"
        sums: defaultdict[tuple[int, str], Decimal] = defaultdict(Decimal)
        for difference in settled:
            sums[difference.key[:2]] = EXACT.add(sums[difference.key[:2]], difference.excess)
        return "line_items_differ" if all(same(_ZERO, excess) for excess in sums.values()) else None

    @property
    def lost_projects(self) -> set[str]:
        """The projects of which the record has a settled amount and the file has nothing at all."""
        differing = {difference.key[1] for difference in self.settled} - {""}
        return differing - {project for _, project, _ in self.file} if differing else differing


def same(file: Decimal, record: Decimal) -> bool:
    """Whether two amounts are one: both come from the same books, so only what writing them may change is allowed."""
    return abs(EXACT.subtract(file, record)) <= max(_LEAST, EXACT.multiply(_SHARE, abs(record)))


class Comparing:
    """A file and a record that can be compared, by project or, where the file has no projects, without."""

    def __init__(self, keyed: KeyedSums, days: range, costs: CostsAtHand, record: CostsRecord) -> None:
        self.first_rows = keyed.first_rows
        self._sides = [_within(days, side) for side in (keyed.amounts, record.amounts)]
        self._first_settling = int((record.started - costs.settles).timestamp()) // DAY_SECONDS

    @cached_property
    def by_project(self) -> Comparison:
        """By day, project and line item."""
        return self._compared(*self._sides)

    @cached_property
    def by_line_item(self) -> Comparison:
        """By day and line item."""
        return self._compared(*map(_without_projects, self._sides))

    def _compared(self, file: Mapping[CostKey, Decimal], record: Mapping[CostKey, Decimal]) -> Comparison:
        first, only_record = self._first_settling, record.keys() - file.keys()
        differences = [
            Difference(key, own, theirs)
            for key, own in chain(file.items(), zip(only_record, repeat(None)))
            if own != (theirs := record.get(key)) and not same(own or _ZERO, theirs or _ZERO)
        ]
        settling = {key for side in (file, record) for key in side if key[0] >= first}
        keys, settling_days = len(file) + len(only_record), len({day for day, _, _ in settling})
        return Comparison(file, record, tuple(sorted(differences)), keys, keys - len(settling), settling_days, first)


def _within(days: range, amounts: Mapping[CostKey, Decimal]) -> Mapping[CostKey, Decimal]:
    if all(day in days for day in {day for day, _, _ in amounts}):
        return amounts
    return {key: amount for key, amount in amounts.items() if key[0] in days}


def _without_projects(amounts: Mapping[CostKey, Decimal]) -> dict[CostKey, Decimal]:
    sums: dict[CostKey, Decimal] = {}
    for (day, _, item), amount in amounts.items():
        sums[day, "", item] = EXACT.add(sums.get((day, "", item), _ZERO), amount)
    return sums


def _by_project(amounts: Mapping[CostKey, Decimal]) -> dict[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for (_, project, _), amount in amounts.items():
            sums[project] += amount
    return sums


def unfit(record: CostsRecord, organization: str | None, month: str | None, ended: datetime) -> str | None:
    """Why a record cannot judge an export of this organization and month, whose days had to have ended by `ended`."""
    if organization is not None and record.organization != organization:
        return f"it is of {record.whose}"
    if month is not None and record.month != month:
        return f"it is of {month_name(record.month)}"
    if record.started < ended:
        return f"it was read at {in_words(record.started)}, before the last day to compare had ended"
    return None


def comparing(keyed: KeyedSums, month: str | None, last_day: int | None, costs: CostsAtHand) -> Comparing | None:
    """What can be compared: the days of the month that had ended when the record was read, up to `last_day` if that is given."""
    record = costs.record
    if record is None or month is None:
        return None
    days = month_days(month)
    stop = min(days.stop, record.days.stop, days.stop if last_day is None else last_day + 1)
    return Comparing(keyed, range(days.start, stop), costs, record)


def facts_of(settled: Settled, rules: Sequence[Rule], outcomes: Sequence[Outcome]) -> CostsFacts | None:
    """What came of comparing with the record; None without one."""
    if settled.comparing is None or settled.costs.record is None or not any("costs" in rule.file.needs for rule in rules):
        return None
    record, states = settled.costs.record, {outcome.rule: outcome.state for outcome in outcomes}
    without = leaves_projects_out(rules, outcomes)
    comparison = settled.comparing.by_line_item if without else settled.comparing.by_project
    projects = comparison.projects
    own, total = (reduce(EXACT.add, (sums[side] for sums in projects.values()), _ZERO) for side in (0, 1))
    return CostsFacts(
        record.sha256, record.started, record.finished, record.base_url, record.signed, settled.costs.settles,
        comparison.keys, total, EXACT.subtract(own, total), projects, record.names,
        agrees(rules, states), comparison.pattern,
    )  # fmt: skip


def leaves_projects_out(rules: Iterable[Rule], outcomes: Iterable[Outcome]) -> bool:
    """Whether days and line items alone were compared, because a waiver accepts that the file has no projects."""
    waived = {outcome.rule for outcome in outcomes if outcome.state == "waived"}
    return any(rule.kind.kind == "equals_record" and rule.parameters.without_projects in waived for rule in rules)


def agrees(rules: Iterable[Rule], states: Mapping[str, str]) -> bool | None:
    """Whether every rule that needs a record has passed; days that are still settling may be none. None if that is unknown,
    because rules could not compare, or do not compare everything, and none found a difference.
    """
    asked = [rule for rule in rules if "costs" in rule.file.needs]
    if {*get_args(Sort)} <= {getattr(rule.parameters, "fails_when", None) for rule in asked} and all(
        states[rule.id] == "passed"
        or (states[rule.id] == "not_applicable" and getattr(rule.parameters, "fails_when", None) == "settling")
        for rule in asked
    ):
        return True
    compared = (states[rule.id] for rule in asked if rule.kind.kind == "equals_record")
    return False if any(state in ("failed", "waived") for state in compared) else None


class Said(Record):
    """One thing to say of a comparison, and at the first row of which key; `at_day`: in the column of the day."""

    key: str
    text: str
    place: CostKey | None = None
    at_day: bool = False


def what_differs(comparison: Comparison, names: Mapping[str, str], sort: Sort) -> Iterator[Said]:
    """The settled differences of a sort; a project that the file lacks whole is one, and comes first."""
    lost = comparison.lost_projects
    gone: defaultdict[str, list[Difference]] = defaultdict(list)
    for difference in comparison.settled if sort == "missing_in_file" else ():
        if difference.key[1] in lost:
            gone[difference.key[1]].append(difference)
    amounts = {project: reduce(EXACT.add, (one.record or _ZERO for one in of_it)) for project, of_it in gone.items()}
    for project, amount in sorted(amounts.items(), key=lambda entry: (-entry[1], entry[0])):
        days = {difference.key[0] for difference in gone[project]}
        when = f"on {day_of(min(days))}" if len(days) == 1 else f"on {len(days)} days"
        yield Said(project, f"{_label(names, project)} is missing: {usd(amount)} {when}")
    for difference in comparison.settled:
        if difference.sort == sort and difference.key[1] not in lost:
            day, project, item = difference.key
            yield Said(f"{day}\0{project}\0{item}", f"{_label(names, project, item)} {difference.text}", difference.key)


def what_may_change(comparison: Comparison, settles: timedelta, first_rows: Mapping[CostKey, FirstRow]) -> Iterator[Said]:
    """The days that differ and are still settling, each with what to do, and from when."""
    amounts: defaultdict[int, list[Decimal]] = defaultdict(list)
    for difference in comparison.differences:
        if difference.key[0] >= comparison.first_settling:
            amounts[difference.key[0]].append(difference.excess)
    for day, excess in amounts.items():
        again = "Fetch" if min(excess) > 0 else "Export" if max(excess) < 0 else "Export and fetch"
        settled = in_words(day_end(day) + settles)
        total = reduce(EXACT.add, excess, _ZERO)
        text = f"{day_of(day)} differs by {usd(total, sign=True)} and may still change. {again} again from {settled}"
        first = min((key for key in first_rows if key[0] == day), key=first_rows.__getitem__, default=None)
        yield Said(str(day), text, first, at_day=True)


def _label(names: Mapping[str, str], project: str, item: str = "") -> str:
    # A message is cut at its end, where the money is.
    named = f"{shown(project, 40)} ({shown(names[project], 40)})" if project in names else shown(project, 40)
    return ", ".join(filter(None, (named, shown(item, 60)))) or "what has neither project nor line item"


def usd(amount: Decimal, sign: bool = False) -> str:
    """An amount in cents; one that is less than a cent as it is."""
    short = cents(amount)
    text = f"{short:+,f}" if sign else f"{short:,f}"
    return f"{text if short or not amount else money(amount)} USD"
