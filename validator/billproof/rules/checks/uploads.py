"""Kinds of check against what was uploaded before: an upload replaces a month, so what is missing now is lost there."""

from __future__ import annotations

from decimal import Decimal
from functools import reduce
from typing import Annotated

from billproof.model.record import Record
from billproof.model.results import EarlierUpload, sums_by_project
from billproof.model.values import EXACT, cents, month_days, month_name
from billproof.reading.decode import Spec
from billproof.rules.checks.base import NUMBER, Check, Settled

HUNDRED = Decimal(100)


class NotLess(Check):
    """The month has at least as many days as its last accepted upload, and its total is not much lower."""

    kind = "not_less"
    reads_total = True
    placeholders = ("found", "accepted", "destination")
    reads_charged = True
    reads_roles = ("day", "amount", "currency")

    class Parameters(Record):
        """By how many percent the total may fall."""

        percent: Annotated[str, Spec(pattern=NUMBER)]

    def at_end(self, settled: Settled) -> None:
        history, month, total = settled.history, settled.month.value, self.file.collector.amount
        assert month is not None and total is not None
        last = history.last
        if last is None:
            self.not_applicable = f"{history.destination} has no {month_name(month)} yet: nothing is replaced"
            return
        texts = [*self._fewer_days(month, last), *self._lower_total(total, last)]
        if texts:
            self.fail_file(
                key=month, found=" and ".join(texts), accepted=last.finished[:10], destination=str(history.destination)
            )

    def _fewer_days(self, month: str, last: EarlierUpload) -> list[str]:
        days = sum(1 for day in self.file.collector.days if day in month_days(month))
        return [f"from {len(last.days)} to {days} day{'s' if days != 1 else ''}"] if days < len(last.days) else []

    def _lower_total(self, total: Decimal, last: EarlierUpload) -> list[str]:
        allowed = EXACT.divide(EXACT.multiply(abs(last.amount), Decimal(self.parameters.percent)), HUNDRED)
        if total >= EXACT.subtract(last.amount, allowed):
            return []
        text = f"from {cents(last.amount):,f} to {cents(total):,f} {last.currency}"
        return [f"{text} ({_percent(total - last.amount, last.amount)})"]


class ProjectsKept(Check):
    """Projects with a share of the last upload of this month, or of the month before, still have charges."""

    kind = "projects_kept"
    unit = "project"
    placeholders = ("project", "amount", "share", "when")
    # Projects are counted by their amounts: without that column every project would seem lost.
    reads_charged = True
    reads_roles = ("amount",)

    class Parameters(Record):
        """The column of the project, and from which share of the total a project counts."""

        column: str
        percent: Annotated[str, Spec(pattern=NUMBER)]

    def at_end(self, settled: Settled) -> None:
        history = settled.history
        uploads = [upload for upload in (history.last, history.before) if upload is not None]
        if not uploads:
            self.not_applicable = f"{history.destination} has neither this month nor the month before yet"
            return
        known = set(sums_by_project(self.file.collector.projects()))
        for upload in uploads:
            for project, amount in sorted(_sizeable(upload, Decimal(self.parameters.percent)).items()):
                if project not in known:
                    known.add(project)
                    self.fail_file(
                        column=self.column, value=project, key=project, project=project,
                        amount=f"{cents(amount):,f} {upload.currency}", share=_percent(amount, _whole(upload)).lstrip("+"),
                        when=f"{month_name(upload.month)} as accepted on {upload.finished[:10]}",
                    )  # fmt: skip


def _sizeable(upload: EarlierUpload, percent: Decimal) -> dict[str, Decimal]:
    """The amounts of the projects that have at least so many percent of an upload's total."""
    least = EXACT.divide(EXACT.multiply(_whole(upload), percent), HUNDRED)
    return {project: sums.amount for project, sums in upload.projects.items() if project and sums.amount >= least > 0}


def _whole(upload: EarlierUpload) -> Decimal:
    """What shares are of: the total, or where credits eat it up, the charges alone."""
    if upload.amount > 0:
        return upload.amount
    return reduce(EXACT.add, (max(sums.amount, Decimal(0)) for sums in upload.projects.values()), Decimal(0))


def _percent(part: Decimal, whole: Decimal) -> str:
    """`-2.46%`."""
    return f"{cents(part / abs(whole) * HUNDRED):+f}%" if whole else "from 0"
