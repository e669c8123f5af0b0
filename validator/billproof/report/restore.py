"""Report v1, read strictly (what a loose reader accepts could be read in two ways), and its settings and results restored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from billproof.config import settings as options
from billproof.config.file import Config, ConfigFile
from billproof.config.settings import CLOCK, Settings, parse_as_of, refuse_later_than_the_clock
from billproof.model.costs import CostsFacts
from billproof.model.errors import BillproofError, UsageError
from billproof.model.record import Record
from billproof.model.results import (
    HINDRANCES,
    DayFacts,
    Diagnosis,
    FileResult,
    Finding,
    Group,
    Hindrance,
    Outcome,
    Place,
    Policy,
    SecondOpinion,
    SetAside,
    Sourced,
    Totals,
    UsedWaiver,
)
from billproof.model.values import shown
from billproof.reading.source import open_source
from billproof.report.build import SCHEMA, file_digests, result_sha256
from billproof.rules.shipped import schema_validator
from billproof.rules.table_schema import unique_keys

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportConfig, ReportFile, ReportGroup, ReportOutcome, ReportTotals
    from billproof.rules.rule import RuleSet

_ORDER = "First the report, written by `check --output json=report.json`, then the file: billproof verify REPORT FILE."
MAX_BYTES = 64 * 1024 * 1024


class NotAReport(BillproofError):
    """A file is not a report that this version can read."""


class LoadedReport(Record):
    """A report as it was read, the digest that its content has now, and that of the file's bytes. The document has the form of
    a report only once `misfits` finds nothing.
    """

    path: str
    document: Report
    sha256_now: str
    file_sha256: str

    @property
    def is_sealed(self) -> bool:
        """Whether the report still has the digest that it names."""
        return self.document.get("result_sha256") == self.sha256_now


def read_report(path: str) -> LoadedReport:
    """The report in a file. Raises Unreadable if it cannot be read, NotAReport if it is not a report."""
    with open_source(path) as source:
        data = source.whole(MAX_BYTES)
    if data is None:
        text = f"{path}: is larger than {MAX_BYTES // 2**20} MiB, the most that verify reads"
        raise NotAReport(text, f"{_ORDER} For a report of very many files, check fewer at once.")
    return LoadedReport(path, *parsed(data, path), source.sha256)


def parsed(data: bytes, path: str) -> tuple[Report, str]:
    """The report in `data`, which came from `path`, and the digest of its content. Raises NotAReport if it is not a report."""
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=unique_keys, parse_float=_refuse, parse_constant=_refuse)
        if not isinstance(document, dict) or document.get("schema") != SCHEMA:
            raise ValueError(f"its `schema` is not {SCHEMA}")
        return cast("Report", document), result_sha256(document)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else shown(str(error))
        raise NotAReport(f"{path}: is not a billproof report: {reason}", _ORDER) from None


def unchanged(report: Mapping[str, Any] | str, path: str) -> Report:
    """A report given as JSON, which has the form and the digest of one. Raises UsageError."""
    try:
        text = report if isinstance(report, str) else json.dumps(report)
        document, digest = parsed(text.encode(), path)
    except (NotAReport, TypeError, ValueError, RecursionError) as error:
        raise UsageError(str(error)) from None
    places = list(misfits(document))
    if places or document["result_sha256"] != digest or changed_entries(document):
        raise UsageError(f"{path} was changed: {', '.join(places) or 'its digest does not match'}")
    return document


def misfits(document: Mapping[str, Any]) -> Iterator[str]:
    """Where a report does not match its schema; except for its list of rules, which is only compared and never read."""
    ruleset = document.get("ruleset")
    if isinstance(ruleset, dict) and isinstance(ruleset.get("rules"), list):
        document = {**document, "ruleset": {**ruleset, "rules": []}}
    for error in schema_validator("report.v1").iter_errors(document):
        yield shown(error.json_path)


def changed_entries(report: Report) -> list[str]:
    """The paths of files whose entry in a valid report no longer has the digest that it names."""
    digests = file_digests(report["files"], report)
    return [file["path"] for file, now in zip(report["files"], digests, strict=True) if file["result_sha256"] != now]


def _refuse(text: str) -> None:
    raise ValueError(f"it contains {text[:20]}, and a report has whole numbers only")


T = TypeVar("T")


def settings_of(report: Mapping[str, Any]) -> Settings:
    """The settings of the run, from `settings`, `policy` and `run` of its report: those that follow from the options of which
    their sources say that they were given. Raises UsageError or ValueError for settings that no run accepts.
    """
    given, run, command = report["settings"], report["run"], report["policy"]["command"]
    sourced = {name: setting for name, setting in given.items() if name != "config"}
    typed = {name: setting["value"] for name, setting in sourced.items() if setting["source"].startswith("--")}
    for name in ("to",) if command == "check" else ("policy", "fail_on"):
        typed.pop(name, None)
    if "month" in typed and given["month"]["source"] == "--month last":
        typed["month"] = "last"
    if "max_findings" in typed:
        typed["max_findings"] = str(typed["max_findings"])
    named = typed.get("policy", "check"), typed.get("fail_on", "error")
    policy = options.UPLOAD if command == "upload" else Policy(command, *named)
    asked = options.Options(**{**typed, "as_of": typed.get("as_of") or run["as_of"]})
    settings = options.settings_of(asked, policy, None)._replace(now=parse_as_of(run["started"]))
    if "as_of" not in typed:
        settings = settings._replace(as_of_source=CLOCK)
    if given["config"] is not None:
        settings = settings._replace(config=used_config(given["config"], ConfigFile(1)))
        if "ruleset" not in typed:
            settings = settings._replace(ruleset=Sourced(given["ruleset"]["value"], given["config"]["path"]))
    refuse_later_than_the_clock(settings)
    return settings


def set_aside_of(report: Mapping[str, Any]) -> list[SetAside]:
    """The files that a report says were set aside."""
    return [SetAside(**entry) for entry in report.get("set_aside", ())]


def used_config(used: ReportConfig, file: ConfigFile) -> Config:
    """The configuration that a report names, with the content `file`."""
    return Config(Path(used["path"]), used["path"], used["sha256"], file)


def hindrance_of(file: ReportFile) -> Hindrance | None:
    """What blocks an upload and is not a rule; the schema limits its codes."""
    blocker = file.get("hindrance")
    if blocker is None:
        return None
    # What a merge says of its own accord has one text.
    return restored(Hindrance, blocker, text=HINDRANCES["merged"] if blocker["code"] == "merged" else blocker["text"])


def file_of(file: ReportFile, report: Report, ruleset: RuleSet) -> FileResult:
    """The result of a file; what a report does not contain, such as its earlier uploads, is left empty."""
    totals, second, cause = file["totals"], file.get("second_opinion"), file.get("diagnosis")
    return restored(
        FileResult, file, parsed_bytes=file["bytes"], header=tuple(file["header"]), error=_error(file, report),
        organization=Sourced(**file["organization"]), month=Sourced(**file["month"]),
        totals=totals and _totals(totals, "amount" in ruleset.roles),
        days=tuple(restored(DayFacts, day, amount=_amount(day["amount"])) for day in file["days"]),
        outcomes=tuple(map(_outcome, file["outcomes"])), hindrance=hindrance_of(file), last_upload=None, upload_before=None,
        second_opinion=second
        and SecondOpinion(second["tool"], second["valid"], tuple(second["errors"]), tuple(second["disagreements"])),
        diagnosis=cause and restored(Diagnosis, cause, rules=tuple(cause["rules"])),
        costs=_costs(file, ruleset) if "costs" in file else None,
        expected_total=Sourced(**file["expected_total"]) if "expected_total" in file else None,
    )  # fmt: skip


def _costs(file: ReportFile, ruleset: RuleSet) -> CostsFacts:
    """The comparison with OpenAI's own record, as far as a report has it."""
    from billproof.rules.comparison import agrees

    costs, states = file["costs"], {outcome["rule"]: outcome["state"] for outcome in file["outcomes"]}
    started, finished = (parse_as_of(costs["read"][name]) for name in ("started", "finished"))
    projects, record = costs["by_project"], costs["record"]
    return CostsFacts(
        record["sha256"], started, finished, record["base_url"], record["signed"],
        timedelta(hours=int(costs["settles"].removesuffix("h"))), costs["keys"], Decimal(costs["total"]),
        Decimal(costs["difference"]),
        {project["id"]: (Decimal(project["file"]), Decimal(project["record"])) for project in projects},
        {project["id"]: project["name"] for project in projects if project["name"] is not None},
        agrees(ruleset.rules, states), None,
    )  # fmt: skip


def _error(file: ReportFile, report: Report) -> str | None:
    """Why a file was not read: one of the reasons that the report gives, to which the file's entry adds what to do."""
    error = file.get("error")
    if error is None:
        return None
    reasons = (reason for reason in report["reasons"] if reason["code"] == "unreadable" and reason["file"] == file["path"])
    return next((reason["text"] for reason in reasons if f"{error}. ".startswith(f"{reason['text']}. ")), error)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _totals(totals: ReportTotals, has_amounts: bool) -> Totals:
    return restored(
        Totals, totals, amount=_amount(totals["amount"]), by_project=tuple(map(_group, totals["by_project"])),
        by_line_item=tuple(map(_group, totals["by_line_item"])), has_amounts=has_amounts,
    )  # fmt: skip


def _group(group: ReportGroup) -> Group:
    return restored(Group, group, amount=_amount(group["amount"]))


def _outcome(outcome: ReportOutcome) -> Outcome:
    waiver = outcome.get("waiver")
    findings = tuple(
        restored(Finding, finding, related=tuple(Place(**place) for place in finding["related"]))
        for finding in outcome["findings"]
    )
    return restored(Outcome, outcome, waiver=waiver and UsedWaiver(**waiver), findings=findings)


def restored(kind: type[T], entry: Mapping[str, Any], **values: Any) -> T:
    """A record whose fields have these values, or else those of the same name in an entry of a report."""
    fields = cast("Any", kind)._fields
    return kind(**{name: entry[name] for name in fields if name in entry} | values)
