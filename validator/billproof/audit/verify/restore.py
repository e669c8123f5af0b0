"""A report turned back into settings and results.

Settings are what a run cannot read from the file or the rules: options, and what the report says of the configuration and the
ledger. They are taken on the report's word; everything else must come out again.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.config.file import Config, ConfigFile, Integration
from billproof.config.settings import Settings
from billproof.config.waivers import Waiver
from billproof.engine.outcomes import NO_HISTORY, NO_INTEGRATION
from billproof.model.results import EarlierUpload, History, Sourced, Sum
from billproof.model.values import calendar_date, month_before
from billproof.report.restore import restored
from billproof.rules.rule import RuleSet

if TYPE_CHECKING:
    from billproof.model.report_v1 import ReportEarlierUpload, ReportFile, ReportOutcome


def settings_for(settings: Settings, file: ReportFile, config: Config | None) -> Settings:
    """The same for one file. Its organization and its waivers are in the configuration, if that is at hand as `config`;
    else in the file's part of the report.
    """
    if settings.config is None:
        return settings
    organization = Sourced(**file["organization"])
    if config is None:
        config = _reported_config(settings.config, file, max(settings.as_of, settings.now).date())
    integration = config.integration_of(organization.value)
    if settings.organization is None and integration and organization.source == config.place(integration.line):
        # Perhaps the folder of the file decided, which need not be here.
        settings = settings._replace(organization=organization)
    return settings._replace(config=config)


def _reported_config(used: Config, file: ReportFile, today: date) -> Config:
    """As much of a configuration as the report says: the file's integration, and its waivers, used or not."""
    waivers = [
        _waiver(outcome, file, used, today)
        for outcome in file["outcomes"]
        # A rule that failed has a reason only if its waiver did not apply.
        if "waiver" in outcome or (outcome["state"] == "failed" and "reason" in outcome)
    ]
    return used._replace(file=ConfigFile(1, integrations=_integrations(file, used), waivers=tuple(waivers)))


def _integrations(file: ReportFile, used: Config) -> tuple[Integration, ...]:
    name, organization = file["integration"], file["organization"]
    if name is not None and organization["value"] is not None:
        expected, line = file.get("expected_total"), _line(organization["source"], used)
        totals = {file["month"]["value"] or "": expected["value"] or ""} if expected else {}
        line = _line(expected["source"], used) if expected else line
        return (Integration(name, organization["value"], totals=totals, line=line),)
    # The report names only the integration of its own organization, but says that there are others.
    others = any(outcome.get("reason") == NO_INTEGRATION for outcome in file["outcomes"])
    return (Integration("other", "(not in the report)"),) if others else ()


def _line(place: str, used: Config) -> int:
    """The line of a place in the configuration, such as `billproof.yaml:12`."""
    path, _, line = place.rpartition(":")
    return int(line) if path == used.shown_path and line.isascii() and line.isdigit() and len(line) < 8 else 1


def _waiver(outcome: ReportOutcome, file: ReportFile, used: Config, today: date) -> Waiver:
    """A waiver for this file alone. Whether it applies is evaluated again."""
    waiver = outcome.get("waiver")
    same = restored(
        Waiver, waiver or {"reason": "", "owner": "", "expires": today.isoformat()}, rule=outcome["rule"],
        organization=file["organization"]["value"] or "", month=file["month"]["value"] or "any", sha256=file["sha256"],
        line=_line(waiver["at"] if waiver else "", used),
    )  # fmt: skip
    return same if waiver else _refused(same, outcome["reason"], used)


def _refused(waiver: Waiver, reason: str, used: Config) -> Waiver:
    """The waiver with what the reason says of it: its line, and the date or the number that it ended with. The sentence itself
    is not read: it is written again, and compared.
    """
    words = [word.strip(".,:;") for word in reason.partition(f"{used.shown_path}:")[2].split()]
    dates = [word for word in words if calendar_date(word)]
    line, *limits = [int(number) for word in words if (number := word.replace(",", "")).isascii() and number.isdigit()] or [1]
    if dates:
        return waiver._replace(line=line, expires=dates[0])
    return waiver._replace(line=line, at_most=limits[0]) if limits else waiver._replace(line=line, sha256="")


def history_of(file: ReportFile, ruleset: RuleSet) -> History:
    """What the report says of earlier uploads."""
    asking = {rule.id for rule in ruleset.rules if "ledger" in rule.file.needs}
    unset = (outcome for outcome in file["outcomes"] if outcome["rule"] in asking and outcome["state"] == "not_run")
    reason, month = next((outcome.get("reason", "the report gives no reason") for outcome in unset), None), file["month"]["value"]
    if reason is not None or month is None:
        return History(lacking=(reason or "the month is unknown").removeprefix(NO_HISTORY))
    last, before = file.get("last_upload"), file.get("upload_before")
    return History(
        file.get("destination"), _upload(last, month) if last else None,
        _upload(before, month_before(month)) if before else None,
    )  # fmt: skip


def _upload(upload: ReportEarlierUpload, month: str) -> EarlierUpload:
    days = {day["date"]: Sum(day["rows"], Decimal(day["amount"])) for day in upload["days"]}
    projects = {project["id"]: Sum(project["rows"], Decimal(project["amount"])) for project in upload["by_project"]}
    names = {project["id"]: project["name"] for project in upload["by_project"] if project["name"]}
    return restored(
        EarlierUpload, upload, month=month, file_sha256=upload["sha256"], amount=Decimal(upload["amount"]), days=days,
        projects=projects, names=names,
    )  # fmt: skip
