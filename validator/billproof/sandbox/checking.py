"""A sent file through the same engine as `billproof check`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from validator.compiled import load_ruleset
from validator.config import Config, check_waivers
from validator.errors import Unreadable
from validator.model import Policy, Sourced
from validator.record import Record
from validator.report import Run, build_report
from validator.rule import DEFAULT_RULESET, RuleSet
from validator.run import check_file, duty, unread
from validator.sandbox.body import SentFile
from validator.sandbox.store import Checked
from validator.settings import MAX_FINDINGS, Settings
from validator.source import Source
from validator.values import money, month_end
from validator.verdict import judge

_FLAGS = ("month_to_date", "expect_total", "fail_on", "policy", "max_findings", "second_opinion")


class Result(Record):
    """What came out: the file's figures if it passed, and the report."""

    file: Checked | None
    report: dict[str, Any]


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
        settings = self._settings(sent.name, organization, month, now)
        source = Source(sent.stream, sent.name, sent.size)
        try:
            found = check_file(source, settings, self._ruleset)
        except Unreadable as error:
            found = unread(sent.name, error.message, error.help)
        run = Run(settings, self._ruleset, (found,), judge(duty(self._ruleset), (found,), settings.policy))
        report = build_report(run, now, now, {"BILLPROOF_NO_HOST": "1"})
        if run.verdict.word != "pass" or found.sha256 != sent.sha256:
            return Result(None, report)
        totals = found.totals
        amount = money(totals.amount) if totals and totals.amount is not None else None
        return Result(Checked(sent.sha256, found.bytes, found.rows, amount, totals.currency if totals else None), report)

    def _settings(self, name: str, organization: str, month: str, now: datetime) -> Settings:
        return Settings(
            files=(name,), policy=Policy(), ruleset=Sourced(DEFAULT_RULESET, "default"),
            organization=Sourced(organization, "integration"), month=Sourced(month, "path"),
            month_to_date=now < month_end(month), as_of=now, as_of_source="clock", now=now, expected_total=None,
            max_findings=MAX_FINDINGS, second_opinion=False, config=self._config,
            sources=dict.fromkeys(_FLAGS, "default") | {"month_to_date": "clock"},
        )  # fmt: skip
