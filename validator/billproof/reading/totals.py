"""Control totals, gathered in the same pass as the rules: exact sums by day, project and line item, and days with rows.

Amounts are summed only where they are exact numbers; one that is not makes the totals unknown (None), never too low.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, Inexact, InvalidOperation, Overflow, Subnormal, localcontext
from functools import reduce

from billproof.model.results import Group, Totals
from billproof.model.values import DAY_SECONDS, EXACT, calendar_date, day_number, day_of, integer
from billproof.reading.view import View

TOP_GROUPS = 50
NAMES = 5
LAST_DAY = 2_932_896  # 9999-12-31

_NUMBER_CHARACTERS = b"0123456789.eE+-\n"
_ZERO = Decimal(0)
_GROUPS = ("project", "group")


class DayTally:
    """One day of the file: where it begins, how many rows of which sort, and their sum."""

    __slots__ = ("amount", "charged", "first_line", "key", "rows", "value")

    def __init__(self, first_line: int, value: str, key: str) -> None:
        self.first_line = first_line
        self.value = value
        self.key = key
        self.rows = 0
        self.charged = 0
        self.amount = _ZERO


class Collector:
    """Gathers the totals of one file. `roles` name the columns; what a role does not name is not gathered."""

    def __init__(self, roles: Mapping[str, str | None], columns: Mapping[str, int], day_type: str) -> None:
        self._roles = {role: name for role, name in roles.items() if name is not None and name in columns}
        self._currency = roles.get("currency_constant")
        self._dated = day_type == "date"
        self._day_cache: dict[str, int | None] = {}
        self.days: dict[int, DayTally] = {}
        self.rows = 0
        self.charged_rows = 0
        self.usable = "amount" in self._roles
        self.exact = True
        self.organizations: Counter[str] = Counter()
        self.organization_names: dict[str, list[str]] = {}
        self.last_row: tuple[int | None, str | None, str] = (None, None, "")
        self._currencies: set[str] = set()
        self._total = _ZERO
        self._sums: dict[str, defaultdict[str, Decimal]] = {role: defaultdict(Decimal) for role in _GROUPS}
        self._group_rows: dict[str, Counter[str]] = {role: Counter() for role in _GROUPS}
        self._project_names: dict[str, str] = {}

    def day(self, value: str) -> int | None:
        """The day number of a cell of the role `day`: UTC days of a Unix time, or the date itself."""
        day = self._day_cache.get(value)
        if day is None:
            if self._dated:
                date = calendar_date(value)
                day = None if date is None else day_number(date)
            else:
                seconds = integer(value)
                day = None if seconds is None else seconds // DAY_SECONDS
            if day is not None and not 0 <= day <= LAST_DAY:
                day = None
            if len(self._day_cache) < 10_000:
                self._day_cache[value] = day
        return day

    def undated_rows(self) -> int:
        """How many rows have no usable day."""
        return self.rows - sum(tally.rows for tally in self.days.values())

    @staticmethod
    def has_ended(day: int, as_of: datetime) -> bool:
        """Whether a day was over at an instant."""
        return (day + 1) * DAY_SECONDS <= as_of.timestamp()

    def take(self, view: View, unusable: set[int], badly_dated: set[int], key: object) -> None:
        """Adds a batch. `unusable` are the positions whose amount or currency a rule refused, `badly_dated` whose day."""
        if not len(view):
            return
        self.rows += len(view)
        if "day" in self._roles:
            self._take_days(view.without(badly_dated), key)
        charged = view.charged()
        self.charged_rows += len(charged)
        if not len(charged):
            return
        if "organization" in self._roles:
            self.organizations.update(_counted(charged, self._roles["organization"]))
            self._take_names(charged)
        if "currency" in self._roles:
            self._currencies |= charged.distinct(self._roles["currency"])
        self._count_groups(charged)
        if "amount" in self._roles:
            self._take_amounts(charged, unusable, badly_dated)

    def _take_names(self, charged: View) -> None:
        """The names of organizations, by their ids: a few of each, for nobody reads more."""
        id_, name = self._roles["organization"], self._roles.get("organization_name")
        if name is None:
            return
        ids, names = charged.distinct(id_), charged.distinct(name)
        rows = zip(charged.column(id_), charged.column(name), strict=True)
        pairs = zip(ids, names, strict=True) if len(ids) == len(names) == 1 else dict.fromkeys(rows)
        for organization, text in pairs:
            known = self.organization_names.setdefault(organization, [])
            if text and text not in known and len(known) < NAMES:
                known.append(text)

    def cells(self, view: View, role: str) -> Sequence[str]:
        """The cells of a role's column; empty where the file does not have it."""
        return view.column(self._roles[role]) if role in self._roles else ("",) * len(view)

    def _take_days(self, view: View, key: object) -> None:
        name = self._roles["day"]
        cells = view.column(name)
        if not cells:
            return
        counts, charged = _counted(view, name), _counted(view.charged(), name)
        for value, count in counts.items():
            day = self.day(value)
            if day is None:
                continue
            tally = self.days.get(day)
            if tally is None:
                row = cells.index(value)
                tally = self.days[day] = DayTally(view.line(row), value, key(view, row) if callable(key) else "")
            tally.rows += count
            tally.charged += charged.get(value, 0)
        last = len(cells) - 1
        self.last_row = (view.line(last), cells[last], key(view, last) if callable(key) else "")

    def _take_amounts(self, charged: View, unusable: set[int], badly_dated: set[int]) -> None:
        if unusable and not unusable.isdisjoint(charged.positions):
            self.usable = False
        if not self.usable:
            return
        cells = charged.column(self._roles["amount"])
        if charged.joined(self._roles["amount"]).encode("utf-8", "surrogateescape").translate(None, _NUMBER_CHARACTERS):
            self.usable = False
            return
        try:
            self._add(charged, list(map(Decimal, cells)), badly_dated)
        except (InvalidOperation, Overflow, Subnormal):
            self.usable = False
        except Inexact:
            self.usable, self.exact = False, False

    def _count_groups(self, charged: View) -> None:
        for role in _GROUPS:
            if role in self._roles:
                cells, distinct = charged.column(self._roles[role]), charged.distinct(self._roles[role])
                self._group_rows[role].update({cells[0]: len(cells)} if len(distinct) == 1 else cells)
        project, name = self._roles.get("project"), self._roles.get("project_name")
        if project and name and charged.distinct(project) - self._project_names.keys():
            names = zip(reversed(charged.column(project)), reversed(charged.column(name)), strict=True)
            self._project_names = {**dict(names), **self._project_names}

    def _add(self, charged: View, amounts: list[Decimal], badly_dated: set[int]) -> None:
        if not all(amounts):
            # A zero may have thousands of decimals, and would hand them on to the sum.
            amounts = [amount or _ZERO for amount in amounts]
        with localcontext(EXACT):
            total = sum(amounts, _ZERO)
            self._total += total
            for role in _GROUPS:
                if role in self._roles:
                    self._add_to_groups(role, charged, amounts, total)
            if "day" in self._roles:
                self._add_to_days(charged, amounts, total, badly_dated)

    def _add_to_groups(self, role: str, charged: View, amounts: list[Decimal], total: Decimal) -> None:
        sums, name = self._sums[role], self._roles[role]
        cells = charged.column(name)
        if len(charged.distinct(name)) == 1:
            sums[cells[0]] += total
            return
        for key, amount in zip(cells, amounts, strict=True):
            sums[key] += amount

    def _add_to_days(self, charged: View, amounts: list[Decimal], total: Decimal, badly_dated: set[int]) -> None:
        if badly_dated:
            amounts = [amount for amount, at in zip(amounts, charged.positions, strict=True) if at not in badly_dated]
        for value, rows in charged.without(badly_dated).runs(self._roles["day"]):
            day = self.day(value)
            if day in self.days:
                self.days[day].amount += total if len(rows) == len(charged) else sum(amounts[rows.start : rows.stop], _ZERO)

    @property
    def amount(self) -> Decimal | None:
        """The exact sum of all charges, or None."""
        return self._total if self.usable else None

    def totals(self) -> Totals:
        """The control totals, as in the report."""
        days = sorted(self.days)
        currencies = {code.upper() for code in self._currencies}
        currency = self._currency or (currencies.pop() or None if len(currencies) == 1 else None)
        return Totals(
            amount=self.amount,
            currency=currency,
            charged_rows=self.charged_rows,
            empty_days=sum(1 for tally in self.days.values() if not tally.charged),
            days=len(days),
            first_day=day_of(days[0]).isoformat() if days else None,
            last_day=day_of(days[-1]).isoformat() if days else None,
            by_project=self._top("project", self._project_names),
            by_line_item=self._top("group", {}),
            has_amounts="amount" in self._roles,
            projects=self.projects(),
        )

    def projects(self) -> tuple[Group, ...]:
        """Every project with charges, by id."""
        rows, sums = self._group_rows["project"], self._sums["project"]
        return tuple(self._group(id_, self._project_names.get(id_), sums.get(id_, _ZERO), rows[id_]) for id_ in sorted(rows))

    def _top(self, role: str, names: Mapping[str, str]) -> tuple[Group, ...]:
        """The groups with the largest amounts, and one `other` for the rest."""
        rows = self._group_rows[role]
        sums: Mapping[str, Decimal] = self._sums[role] if self.usable else {}
        # Charges without a project always have their own line, so that `other (N)` counts projects only.
        ordered = sorted(rows, key=lambda id_: (id_ != "", -sums.get(id_, _ZERO), id_))
        shown_first = sorted(ordered[:TOP_GROUPS], key=lambda id_: (-sums.get(id_, _ZERO), id_))
        top = [self._group(id_, names.get(id_), sums.get(id_, _ZERO), rows[id_]) for id_ in shown_first]
        rest = ordered[TOP_GROUPS:]
        if rest:
            amount = reduce(EXACT.add, (sums.get(id_, _ZERO) for id_ in rest), _ZERO)
            top.append(self._group(f"other ({len(rest):,})", None, amount, sum(rows[id_] for id_ in rest)))
        return tuple(top)

    def _group(self, id_: str, name: str | None, amount: Decimal, rows: int) -> Group:
        return Group(id_, name, amount if self.usable else None, rows)


def _counted(view: View, name: str) -> Mapping[str, int]:
    """How often each value occurs in a column; most columns of a batch have only one value."""
    if not len(view):
        return {}
    distinct = view.distinct(name)
    return {value: len(view) for value in distinct} if len(distinct) == 1 else Counter(view.column(name))
