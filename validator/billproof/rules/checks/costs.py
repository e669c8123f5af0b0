"""Kinds of check against OpenAI's own record: it must fit, and the amounts of the export must be its amounts.

What compares is loaded only where there is a record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from billproof.model.record import Record
from billproof.model.results import Spot
from billproof.rules.checks.base import Check, Settled

if TYPE_CHECKING:
    from billproof.rules.comparison import Comparing, Said


class RecordFits(Check):
    """The record of costs is of this organization and month, was read late enough, and has a project in common with the file."""

    kind = "record_fits"
    placeholders = ("found",)
    reads_charged = True
    reads_roles = ("project", "amount")

    def at_end(self, settled: Settled) -> None:
        costs = settled.costs
        assert costs.record is not None and settled.comparing is not None
        from billproof.rules.comparison import unfit

        text = unfit(costs.record, settled.organization.value, settled.month.value, costs.ended)
        if text is None and settled.comparing.by_project.has_no_common_project:
            text = "it has no project in common with the file"
        if text is not None:
            self.fail_file(found=text)


class EqualsRecord(Check):
    """The amounts of the file are those of the record of costs: `fails_when` says in which way they may not differ."""

    kind = "equals_record"
    reads_total = True
    placeholders = ("found",)
    reads_charged = True
    reads_roles = ("day", "project", "group", "amount", "currency")

    class Parameters(Record):
        """In which way they may not differ; and the rule whose waiver leaves projects out of the comparison."""

        fails_when: Literal["missing_in_file", "missing_in_record", "not_the_same", "settling"]
        without_projects: str

    @classmethod
    def unit_of(cls, parameters: Any) -> str:
        return "day" if parameters.fails_when == "settling" else "key"

    def at_end(self, settled: Settled) -> None:
        costs, comparing = settled.costs, settled.comparing
        assert costs.record is not None and comparing is not None and self.file.collector.amount is not None
        from billproof.rules.comparison import what_differs, what_may_change

        comparison = comparing.by_line_item if self.parameters.without_projects in settled.waived else comparing.by_project
        sort = self.parameters.fails_when
        if sort == "settling":
            self.evaluated, said = comparison.settling_days, what_may_change(comparison, costs.settles, comparing.first_rows)
        else:
            self.evaluated, said = comparison.settled_keys, what_differs(comparison, costs.record.names, sort)
        for one in said:
            self._fail(one, comparing)

    def _fail(self, said: Said, comparing: Comparing) -> None:
        """One violation, at the first row of its key if the file has it."""
        row = comparing.first_rows.get(said.place) if said.place else None
        if row is None:
            self.fail_file(key=said.key, found=said.text)
            return
        line, end_line, start, amount, grouping = row
        column, value = self.file.roles["day" if said.at_day else "amount"] or "", start if said.at_day else amount
        number, key = self.file.columns.index[column] + 1, self.key(column, grouping)
        self.fail(Spot(line, end_line, column, number, value, key=key, details={"found": said.text}))
