"""The entry of one file in report v1: its totals and days, the outcome of each rule, its cause and earlier uploads."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from billproof.model.values import money, rfc3339, shown

if TYPE_CHECKING:
    from billproof.engine.verdict import FileVerdict
    from billproof.model import report_v1 as v1
    from billproof.model import results
    from billproof.model.costs import CostsFacts

HEADER_NAMES = 200
TOP_PROJECTS = 50


def file_entry(file: results.FileResult, verdict: FileVerdict) -> v1.FileContent:
    """The entry of a file in a report, without its digest."""
    entry: v1.FileContent = {
        "path": shown(file.path, None), "name": shown(file.name, None), "bytes": file.bytes, "sha256": file.sha256,
        "export": file.export, "header": [shown(name) for name in file.header[:HEADER_NAMES]], "columns": len(file.header),
        "rows": file.rows, "complete": file.complete, "unread_lines": file.unread_lines,
        "organization": sourced(file.organization), "month": sourced(file.month), "integration": file.integration,
        "totals": _totals(file.totals), "days": [_day(day) for day in file.days], "verdict": verdict.word,
        "outcomes": [_outcome(outcome) for outcome in file.outcomes],
    }  # fmt: skip
    if file.error is not None:
        entry["error"] = shown(". ".join((file.error, *file.notes)), None)
    if file.diagnosis is not None:
        entry["diagnosis"] = {
            "id": file.diagnosis.id, "cause": lines(file.diagnosis.cause), "fix": lines(file.diagnosis.fix),
            "rules": list(file.diagnosis.rules),
        }  # fmt: skip
    if file.last_upload is not None:
        entry["last_upload"] = _earlier_upload(file.last_upload)
    if file.upload_before is not None:
        entry["upload_before"] = _earlier_upload(file.upload_before)
    if file.destination is not None:
        entry["destination"] = shown(file.destination, None)
    if file.hindrance is not None:
        entry["hindrance"] = {"code": file.hindrance.code, "text": shown(file.hindrance.text, None)}
    if file.organization_name is not None:
        entry["organization_name"] = shown(file.organization_name, None)
    if file.expected_total is not None:
        expected = file.expected_total
        entry["expected_total"] = {"value": expected.value or "", "source": shown(expected.source, None)}
    if file.costs is not None:
        entry["costs"] = _costs(file.costs)
    if file.version is not None:
        entry["version"] = shown(file.version, None)
    if file.second_opinion is not None:
        entry["second_opinion"] = {
            "tool": file.second_opinion.tool, "valid": file.second_opinion.valid,
            "errors": list(file.second_opinion.errors), "disagreements": list(file.second_opinion.disagreements),
        }  # fmt: skip
    return entry


def _earlier_upload(upload: results.EarlierUpload) -> v1.ReportEarlierUpload:
    """What an accepted upload contained, so that both sides can be shown and compared again."""
    return {
        "destination": shown(upload.destination, None), "finished": upload.finished, "sha256": upload.file_sha256,
        "amount": money(upload.amount), "currency": shown(upload.currency),
        "days": [{"date": day, "rows": total.rows, "amount": money(total.amount)} for day, total in upload.days.items()],
        "by_project": [
            {"id": id_, "name": shown(upload.names[id_]) if id_ in upload.names else None, "rows": total.rows,
             "amount": money(total.amount)}
            for id_, total in upload.projects.items()
        ],
    }  # fmt: skip


def _costs(costs: CostsFacts) -> v1.ReportCosts:
    """What came of comparing with OpenAI's own record: the largest projects by their difference, all others in the totals."""
    from billproof.rules.comparison import same

    by_difference = sorted(costs.by_project.items(), key=lambda entry: (-abs(entry[1][0] - entry[1][1]), entry[0]))
    return {
        "record": {"sha256": costs.sha256, "signed": costs.signed, "base_url": shown(costs.base_url, None)},
        "read": {"started": rfc3339(costs.started), "finished": rfc3339(costs.finished)},
        "settles": f"{costs.settles // timedelta(hours=1)}h",
        "keys": costs.keys, "total": money(costs.total), "difference": money(costs.difference),
        "agrees": costs.agrees, "projects": len(costs.by_project),
        "projects_differing": sum(not same(*sides) for sides in costs.by_project.values()),
        "by_project": [
            {"id": shown(id_), "name": shown(costs.names[id_]) if id_ in costs.names else None, "file": money(file),
             "record": money(record)}
            for id_, (file, record) in by_difference[:TOP_PROJECTS]
        ],
    }  # fmt: skip


def _totals(totals: results.Totals | None) -> v1.ReportTotals | None:
    if totals is None:
        return None
    return {
        "amount": _money(totals.amount), "currency": None if totals.currency is None else shown(totals.currency),
        "charged_rows": totals.charged_rows, "empty_days": totals.empty_days, "days": totals.days,
        "first_day": totals.first_day, "last_day": totals.last_day,
        "by_project": [_group(group) for group in totals.by_project],
        "by_line_item": [_group(group) for group in totals.by_line_item],
    }  # fmt: skip


def _group(group: results.Group) -> v1.ReportGroup:
    name = None if group.name is None else shown(group.name)
    return {"id": shown(group.id), "name": name, "amount": _money(group.amount), "rows": group.rows}


def _day(day: results.DayFacts) -> v1.ReportDay:
    return {"date": day.date, "state": day.state, "rows": day.rows, "amount": _money(day.amount)}


def _outcome(outcome: results.Outcome) -> v1.ReportOutcome:
    detail: v1.OutcomeDetail = {}
    if outcome.reason is not None:
        detail["reason"] = outcome.reason
    if outcome.blocked_by is not None:
        detail["blocked_by"] = outcome.blocked_by
    if outcome.waiver is not None:
        detail["waiver"] = _waiver(outcome.waiver)
    return {
        "rule": outcome.rule, "name": outcome.name, "level": outcome.level, "state": outcome.state,
        "evaluated": outcome.evaluated, "unit": outcome.unit, "violations": outcome.violations,
        "left_out": outcome.left_out, **detail,
        "findings": [_finding(finding) for finding in outcome.findings],
    }  # fmt: skip


def _waiver(waiver: results.UsedWaiver) -> v1.ReportWaiver:
    texts = {key: shown(text, None) for key, text in waiver._asdict().items() if text is not None}
    return cast("v1.ReportWaiver", texts)


def _finding(finding: results.Finding) -> v1.ReportFinding:
    related = [place._asdict() for place in finding.related]
    return cast("v1.ReportFinding", {**finding._asdict(), "related": related})


def lines(text: str) -> str:
    """Text of a rule set, line by line as it may be shown."""
    return "\n".join(shown(line, None) for line in text.strip().splitlines())


def sourced(setting: results.Sourced | None) -> v1.ReportSetting[str | None]:
    """A setting with where it came from."""
    if setting is None:
        return {"value": None, "source": "default"}
    return {"value": None if setting.value is None else shown(setting.value), "source": shown(setting.source, None)}


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)
