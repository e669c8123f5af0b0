"""A sent file through the same engine as `billproof check`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from billproof.config.file import Config
from billproof.config.settings import CLOCK, Settings
from billproof.config.waivers import check_waivers
from billproof.delivery.earlier import earlier_uploads
from billproof.engine.pipeline import Run, check_file, duty, unread
from billproof.engine.verdict import judge
from billproof.model.errors import Unreadable
from billproof.model.record import Record
from billproof.model.results import Policy, Sourced
from billproof.model.values import money, month_end
from billproof.reading.source import Source
from billproof.report.build import build_report
from billproof.rules.compiled import load_ruleset
from billproof.rules.rule import DEFAULT_RULESET, RuleSet
from billproof.sandbox.body import SentFile
from billproof.sandbox.store import Checked

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report


class Result(Record):
    """What came out: the file's figures if it passed, and the report."""

    file: Checked | None
    report: Report


class Checker:
    """Judges as `billproof check` does: errors fail, unless a waiver of the configuration counts.

    Pelanor verifies format, required fields and organization; warnings are the business of whoever sends.
    """

    def __init__(self, config: Config | None, now: datetime) -> None:
        self._config = config
        self._ruleset: RuleSet = load_ruleset(DEFAULT_RULESET)
        if config:
            check_waivers(config, self._ruleset, now.date())

    def check(self, sent: SentFile, organization: str, month: str, now: datetime) -> Result:
        """Checks the file as this month of this organization. Never raises for what is in the file."""
        settings = self._settings(organization, month, now)
        source = Source(sent.stream, sent.name, sent.size)
        try:
            found = check_file(source, settings, self._ruleset, earlier_uploads)
        except Unreadable as error:
            found = unread(sent.name, error.message, error.help)
        run = Run(settings, self._ruleset, (found,), judge(duty(self._ruleset), (found,), settings.policy))
        report = build_report(run, now, now, {"BILLPROOF_NO_HOST": "1"})
        if run.verdict.word != "pass" or found.sha256 != sent.sha256:
            return Result(None, report)
        totals = found.totals
        amount = money(totals.amount) if totals and totals.amount is not None else None
        return Result(Checked(sent.sha256, found.bytes, found.rows, amount, totals.currency if totals else None), report)

    def _settings(self, organization: str, month: str, now: datetime) -> Settings:
        return Settings(
            policy=Policy(), ruleset=Sourced(DEFAULT_RULESET, "default"), as_of=now, as_of_source=CLOCK, now=now,
            organization=Sourced(organization, "integration"), month=Sourced(month, "path"),
            month_to_date=now < month_end(month), config=self._config, sources={"month_to_date": CLOCK},
        )  # fmt: skip
