"""A report back into what the program works with: what its run was told, and what it says it found.

What was told is what a run cannot read from the file or the rules: flags, the facts of the configuration and of the
ledger that the report carries. They are taken on the report's word; the rest is to be found again.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from billproof.config.file import Config, ConfigFile, Integration, Waiver, read_config
from billproof.config.settings import Settings, parse_as_of, parse_cap, parse_month, parse_total, refuse_later_than_the_clock
from billproof.delivery.ledger.history import month_before
from billproof.model.errors import UsageError
from billproof.model.results import (
    EarlierUpload,
    FileResult,
    Finding,
    Hindrance,
    History,
    Outcome,
    Policy,
    SecondOpinion,
    Sourced,
    Sum,
    Totals,
    UsedWaiver,
)
from billproof.rules.rule import RuleSet

Tree = Mapping[str, Any]


def settings_of(report: Tree) -> Settings:
    """What the run was told, as its report has it. Raises UsageError for what no run can have been told."""
    given, run, policy = report["settings"], report["run"], report["policy"]
    if policy["command"] == "upload" and policy["policy"] != "upload":
        raise UsageError("an upload judges as an upload")
    total, month = given["expect_total"]["value"], given["month"]["value"]
    found = Settings(
        files=(),
        policy=Policy(policy["command"], policy["policy"], policy["fail_on"]),
        ruleset=Sourced(**given["ruleset"]),
        organization=None if given["organization"]["value"] is None else Sourced(**given["organization"]),
        month=None if month is None else parse_month(month, parse_as_of(run["as_of"]))._replace(source=given["month"]["source"]),
        month_to_date=given["month_to_date"]["value"],
        as_of=parse_as_of(given["as_of"]["value"] or run["as_of"]),
        as_of_source=given["as_of"]["source"],
        now=parse_as_of(run["started"]),
        expected_total=None if total is None else parse_total(total),
        max_findings=parse_cap(str(given["max_findings"]["value"])),
        second_opinion=given["second_opinion"]["value"],
        config=None if given["config"] is None else _config(given["config"], ConfigFile(1)),
        sources={key: one["source"] for key, one in given.items() if key != "config"},
        to=given["to"]["value"],
    )
    refuse_later_than_the_clock(found)
    return found


def settings_for(settings: Settings, file: Tree, config: Config | None) -> Settings:
    """The same for one file. Whose it is and who signed for what stand in the configuration, if that is at hand as
    `config`; else in the file's part of the report.
    """
    if settings.config is None:
        return settings
    told = {"path": settings.config.shown_path, "sha256": settings.config.sha256}
    organization = Sourced(**file["organization"])
    if config is None:
        config = _config(told, ConfigFile(1, integrations=_integrations(file, told), waivers=tuple(_waivers(file, told))))
    integration = config.integration_of(organization.value)
    if settings.organization is None and integration and organization.source == config.place(integration.line):
        # Perhaps told by the folder in which the file lay, which need not be here.
        settings = settings._replace(organization=organization)
    return settings._replace(config=config)


def config_at(path: str, report: Tree) -> Config | None:
    """The configuration at `path`, if it is the one that the report names, to be used as it was then: under the path that it
    had, without the folders and the ledger, which are elsewhere now. Raises ConfigurationError if it is none.
    """
    config, told = read_config(path), report["settings"]["config"]
    if told is None or config.sha256 != told["sha256"]:
        return None
    here = tuple(one._replace(files=None) for one in config.file.integrations)
    return _config(told, config.file._replace(integrations=here, ledger=None))


def _config(told: Tree, file: ConfigFile) -> Config:
    return Config(Path(told["path"]), told["path"], told["sha256"], file)


def _line(place: str, told: Tree) -> int | None:
    """The line of a place in the configuration, such as `billproof.yaml:12`."""
    path, _, line = place.rpartition(":")
    return int(line) if path == told["path"] and line.isascii() and line.isdigit() and len(line) < 8 else None


def _integrations(file: Tree, told: Tree) -> tuple[Integration, ...]:
    name, organization = file["integration"], file["organization"]
    if name is None or organization["value"] is None:
        return ()
    return (Integration(name, organization["value"], line=_line(organization["source"], told) or 1),)


def _waivers(file: Tree, told: Tree) -> Sequence[Waiver]:
    """The waivers that were used, each for this file alone. Whether they may be used at all is judged again."""
    return [
        Waiver(
            rule=one["rule"], organization=file["organization"]["value"] or "", month=file["month"]["value"] or "",
            reason=signed["reason"], owner=signed["owner"], expires=signed["expires"], approved_by=signed.get("approved_by"),
            reference=signed.get("reference"), sha256=file["sha256"], line=_line(signed["at"], told) or 1,
        )
        for one in file["outcomes"] if (signed := one.get("waiver")) is not None
    ]  # fmt: skip


def history_of(file: Tree, ruleset: RuleSet) -> History:
    """What the ledger said of earlier uploads, as far as the report carries it."""
    asking = {rule.id for rule in ruleset.rules if "ledger" in rule.file.needs}
    told = (one for one in file["outcomes"] if one["rule"] in asking and one["state"] == "not_run")
    reason, month = next((one.get("reason", "it is not said") for one in told), None), file["month"]["value"]
    if reason is not None or month is None:
        return History(lacking=reason or "the month is not known")
    last, before = file.get("last_upload"), file.get("upload_before")
    return History(
        file.get("destination"), _upload(last, month) if last else None,
        _upload(before, month_before(month)) if before else None,
    )  # fmt: skip


def _upload(one: Tree, month: str) -> EarlierUpload:
    days = {day["date"]: Sum(day["rows"], Decimal(day["amount"])) for day in one["days"]}
    projects = {project["id"]: Sum(project["rows"], Decimal(project["amount"])) for project in one["by_project"]}
    return EarlierUpload(
        one["destination"], month, one["finished"], one["sha256"], Decimal(one["amount"]), one["currency"], days, projects
    )


def hindrance_of(file: Tree) -> Hindrance | None:
    """What lay in the way of an upload besides the rules."""
    return Hindrance(**file["hindrance"]) if "hindrance" in file else None


def file_of(file: Tree, report: Tree, ruleset: RuleSet) -> FileResult:
    """A file as the verdict must know it, from what the report says of it."""
    totals = None if file["totals"] is None else _totals(file["totals"], "amount" in ruleset.roles)
    second = file.get("second_opinion")
    return FileResult(
        path=file["path"], name=file["name"], bytes=file["bytes"], sha256=file["sha256"], parsed_bytes=file["bytes"],
        complete=file["complete"], export=file["export"], header=(), rows=file["rows"], unread_lines=file["unread_lines"],
        organization=Sourced(**file["organization"]), month=Sourced(**file["month"]), totals=totals, days=(),
        outcomes=tuple(_outcome(one) for one in file["outcomes"]), error=_error(file, report), integration=file["integration"],
        second_opinion=SecondOpinion(**{**second, "errors": tuple(second["errors"])}) if second else None,
        hindrance=hindrance_of(file),
    )  # fmt: skip


def _error(file: Tree, report: Tree) -> str | None:
    """Why a file was not read; the report adds to it what to do."""
    texts = [one["text"] for one in report["reasons"] if one["code"] == "unreadable" and one["file"] == file["path"]]
    error: str | None = file.get("error")
    return next((one for one in texts if error is not None and error.startswith(one)), error)


def _totals(told: Tree, has_amounts: bool) -> Totals:
    amount = None if told["amount"] is None else Decimal(told["amount"])
    rest = {key: told[key] for key in ("currency", "charged_rows", "empty_days", "days", "first_day", "last_day")}
    return Totals(amount=amount, by_project=(), by_line_item=(), has_amounts=has_amounts, **rest)


def _outcome(one: Tree) -> Outcome:
    """An outcome with the first of its findings, whose message is the reason of a fail."""
    findings = tuple(_finding(each) for each in one["findings"][:1])
    waiver = UsedWaiver(**one["waiver"]) if "waiver" in one else None
    return Outcome(**{**one, "findings": findings, "waiver": waiver})


def _finding(one: Tree) -> Finding:
    return Finding(**{**one, "related": ()})
