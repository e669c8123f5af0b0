"""Report v1: the machine-readable record of a run, and the only writer of it (`schemas/report.v1.schema.json`).

Everything outside `run` is the same byte for byte for the same input and settings, and `result_sha256` is over that.
Money is text. What a renderer shows, it takes from this; `recorded.py` is the only one that reads it back.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from billproof import __version__
from billproof.config.settings import CLOCK
from billproof.engine.pipeline import Run
from billproof.engine.verdict import FileVerdict, Reason
from billproof.model.results import DayFacts, EarlierUpload, FileResult, Finding, Group, Outcome, Sourced, Totals, UsedWaiver
from billproof.model.values import money, rfc3339, shown
from billproof.rules.files import Claim
from billproof.rules.rule import Rule

if TYPE_CHECKING:
    from billproof.model.report_v1 import (
        OutcomeDetail,
        Report,
        ReportCI,
        ReportDay,
        ReportEarlierUpload,
        ReportFile,
        ReportFinding,
        ReportGroup,
        ReportHead,
        ReportHost,
        ReportOutcome,
        ReportReason,
        ReportRule,
        ReportRun,
        ReportSetting,
        ReportSettings,
        ReportTotals,
        ReportUpload,
        ReportWaiver,
    )  # fmt: skip

SCHEMA: Final = "billproof/report/v1"
HEADER_NAMES = 200

_CI = {
    "repository": ("GITHUB_REPOSITORY", "CI_PROJECT_PATH"),
    "commit": ("GITHUB_SHA", "CI_COMMIT_SHA"),
    "actor": ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"),
}


def build_report(run: Run, started: datetime, finished: datetime, environment: Mapping[str, str]) -> Report:
    """The report of a run as plain JSON values, in the order of the schema."""
    files = [file_part(one, verdict) for one, verdict in zip(run.files, run.verdict.files, strict=True)]
    head = whole_part(run)
    made: ReportRun = {
        "started": rfc3339(started), "finished": rfc3339(finished), "as_of": rfc3339(run.settings.as_of),
        "ci": _ci(environment), "host": _host(environment),
    }  # fmt: skip
    return {**head, "files": files, "result_sha256": result_sha256({**head, "files": files}), "run": made}


def whole_part(run: Run) -> ReportHead:
    """What a report says of the run as a whole: everything in front of its files."""
    settings, ruleset = run.settings, run.ruleset
    return {
        "schema": SCHEMA,
        "verdict": run.verdict.word,
        "exit_code": int(run.verdict.exit_code),
        "reasons": [_reason(one) for one in run.verdict.reasons],
        "upload": _upload_ready(run),
        "policy": {
            "command": settings.policy.command, "policy": settings.policy.policy, "fail_on": settings.policy.fail_on,
        },
        "proves": [claim.text for claim in ruleset.proves if _holds(claim, run)],
        "does_not_prove": list(ruleset.does_not_prove),
        "tool": {"name": "billproof", "version": __version__},
        "ruleset": {
            "name": ruleset.name, "version": ruleset.version, "sha256": ruleset.sha256,
            "rules": [_rule(one) for one in ruleset.rules],
        },
        "settings": _settings(run),
    }  # fmt: skip


def _upload_ready(run: Run) -> ReportUpload:
    """Whether an upload would send every file as it is, and what keeps it from that: rule ids, or codes."""
    verdict, settings = run.verdict, run.settings
    found = [one.because or tuple(reason.rule or reason.code for reason in one.reasons) for one in verdict.files]
    because = list(dict.fromkeys(code for each in found for code in each)) or [one.code for one in verdict.reasons]
    if settings.as_of > settings.now:
        because.append("later_than_clock")
    return {"ready": not because, "because": because}


def _holds(claim: Claim, run: Run) -> bool:
    """Whether every file of a pass proves a claim."""
    return run.verdict.word == "pass" and all(_is_proved_by(claim, one) for one in run.files)


def _is_proved_by(claim: Claim, file: FileResult) -> bool:
    states = {one.rule: one.state for one in file.outcomes}
    if claim.all_rules and not set(states.values()) <= {"passed", "failed", "waived", "not_applicable"}:
        return False
    if claim.total and (file.totals is None or file.totals.amount is None):
        return False
    return all(states.get(rule) == "passed" for rule in claim.rules)


def result_sha256(report: Mapping[str, object]) -> str:
    """The digest over everything outside `run` and itself, in the canonical form of RFC 8785."""
    rest = {key: value for key, value in report.items() if key not in ("run", "result_sha256")}
    return hashlib.sha256(canonical(rest)).hexdigest()


def canonical(value: Any) -> bytes:
    """RFC 8785 for what a report holds: text, whole numbers, booleans, null; its keys are ASCII and it has no floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _settings(run: Run) -> ReportSettings:
    settings = run.settings
    as_of = None if settings.as_of_source == CLOCK else rfc3339(settings.as_of)
    total = None if settings.expected_total is None else money(settings.expected_total)
    config = settings.config
    return {
        "ruleset": {"value": shown(str(settings.ruleset.value)), "source": shown(settings.ruleset.source, None)},
        "organization": _sourced(settings.organization),
        "month": _sourced(settings.month),
        "month_to_date": {"value": settings.month_to_date, "source": settings.source("month_to_date")},
        "as_of": {"value": as_of, "source": settings.as_of_source},
        "expect_total": {"value": total, "source": settings.source("expect_total")},
        "fail_on": {"value": settings.policy.fail_on, "source": settings.source("fail_on")},
        "policy": {"value": settings.policy.policy, "source": settings.source("policy")},
        "max_findings": {"value": settings.max_findings, "source": settings.source("max_findings")},
        "second_opinion": {"value": settings.second_opinion, "source": settings.source("second_opinion")},
        "to": {"value": settings.to, "source": "--to" if settings.to else "default"},
        "config": {"path": shown(config.shown_path, None), "sha256": config.sha256} if config else None,
    }


def file_part(one: FileResult, verdict: FileVerdict) -> ReportFile:
    """What a report says of one file."""
    found: ReportFile = {
        "path": shown(one.path, None), "name": shown(one.name, None), "bytes": one.bytes, "sha256": one.sha256,
        "export": one.export, "header": [shown(name) for name in one.header[:HEADER_NAMES]], "columns": len(one.header),
        "rows": one.rows, "complete": one.complete, "unread_lines": one.unread_lines,
        "organization": _sourced(one.organization), "month": _sourced(one.month), "integration": one.integration,
        "totals": _totals(one.totals), "days": [_day(day) for day in one.days], "verdict": verdict.word,
        "outcomes": [_outcome(outcome) for outcome in one.outcomes],
    }  # fmt: skip
    if one.error is not None:
        found["error"] = shown(". ".join((one.error, *one.notes)), None)
    if one.diagnosis is not None:
        found["diagnosis"] = {
            "id": one.diagnosis.id, "cause": _lines(one.diagnosis.cause), "fix": _lines(one.diagnosis.fix),
            "rules": list(one.diagnosis.rules),
        }  # fmt: skip
    if one.last_upload is not None:
        found["last_upload"] = _upload(one.last_upload)
    if one.upload_before is not None:
        found["upload_before"] = _upload(one.upload_before)
    if one.destination is not None:
        found["destination"] = shown(one.destination, None)
    if one.hindrance is not None:
        found["hindrance"] = {"code": one.hindrance.code, "text": shown(one.hindrance.text, None)}
    if one.second_opinion is not None:
        found["second_opinion"] = {
            "tool": one.second_opinion.tool, "valid": one.second_opinion.valid,
            "errors": list(one.second_opinion.errors), "disagreements": list(one.second_opinion.disagreements),
        }  # fmt: skip
    return found


def _upload(one: EarlierUpload) -> ReportEarlierUpload:
    """What an accepted upload held, so that both sides can be shown and compared again."""
    return {
        "destination": shown(one.destination, None), "finished": one.finished, "sha256": one.file_sha256,
        "amount": money(one.amount), "currency": shown(one.currency),
        "days": [{"date": day, "rows": found.rows, "amount": money(found.amount)} for day, found in one.days.items()],
        "by_project": [{"id": id_, "rows": found.rows, "amount": money(found.amount)} for id_, found in one.projects.items()],
    }  # fmt: skip


def _totals(totals: Totals | None) -> ReportTotals | None:
    if totals is None:
        return None
    return {
        "amount": _money(totals.amount), "currency": None if totals.currency is None else shown(totals.currency),
        "charged_rows": totals.charged_rows, "empty_days": totals.empty_days, "days": totals.days,
        "first_day": totals.first_day, "last_day": totals.last_day,
        "by_project": [_group(one) for one in totals.by_project],
        "by_line_item": [_group(one) for one in totals.by_line_item],
    }  # fmt: skip


def _group(one: Group) -> ReportGroup:
    name = None if one.name is None else shown(one.name)
    return {"id": shown(one.id), "name": name, "amount": _money(one.amount), "rows": one.rows}


def _day(day: DayFacts) -> ReportDay:
    return {"date": day.date, "state": day.state, "rows": day.rows, "amount": _money(day.amount)}


def _outcome(one: Outcome) -> ReportOutcome:
    detail: OutcomeDetail = {}
    if one.reason is not None:
        detail["reason"] = one.reason
    if one.blocked_by is not None:
        detail["blocked_by"] = one.blocked_by
    if one.waiver is not None:
        detail["waiver"] = _waiver(one.waiver)
    return {
        "rule": one.rule, "name": one.name, "level": one.level, "state": one.state, "evaluated": one.evaluated,
        "unit": one.unit, "violations": one.violations, "left_out": one.left_out, **detail,
        "findings": [_finding(finding) for finding in one.findings],
    }  # fmt: skip


def _waiver(waiver: UsedWaiver) -> ReportWaiver:
    entry: ReportWaiver = {
        "reason": shown(waiver.reason, None), "owner": shown(waiver.owner, None), "expires": shown(waiver.expires, None),
        "at": shown(waiver.at, None),
    }  # fmt: skip
    if waiver.approved_by is not None:
        entry["approved_by"] = shown(waiver.approved_by, None)
    if waiver.reference is not None:
        entry["reference"] = shown(waiver.reference, None)
    return entry


def _finding(one: Finding) -> ReportFinding:
    return {
        "line": one.line, "end_line": one.end_line, "column": one.column, "column_number": one.column_number,
        "value": one.value, "expected": one.expected, "message": one.message,
        "related": [{"line": place.line, "column": place.column} for place in one.related], "key": one.key,
    }  # fmt: skip


def _rule(rule: Rule) -> ReportRule:
    file = rule.file
    return {
        "id": rule.id, "name": file.name, "asserts": shown(file.asserts, None),
        "level": rule.level, "shipped_level": rule.shipped_level,
        "waivable": file.waivable, "why": _lines(file.why), "fix": _lines(file.fix),
        "refs": [shown(one, None) for one in file.refs],
    }  # fmt: skip


def _lines(text: str) -> str:
    """Text of a rule set, line by line as it may be shown."""
    return "\n".join(shown(line, None) for line in text.strip().splitlines())


def _reason(one: Reason) -> ReportReason:
    file = None if one.file is None else shown(one.file, None)
    return {"code": one.code, "file": file, "rule": one.rule, "text": shown(one.text, None)}


def _sourced(one: Sourced | None) -> ReportSetting[str | None]:
    if one is None:
        return {"value": None, "source": "default"}
    return {"value": None if one.value is None else shown(one.value), "source": shown(one.source, None)}


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money(amount)


def _ci(environment: Mapping[str, str]) -> ReportCI:
    found = {key: next((shown(environment[name]) for name in names if environment.get(name)), None) for key, names in _CI.items()}
    server, run_id, url = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_RUN_ID"), environment.get("CI_JOB_URL")
    if server and run_id and found["repository"]:
        url = f"{server}/{environment['GITHUB_REPOSITORY']}/actions/runs/{run_id}"
    return {
        "repository": found["repository"], "commit": found["commit"], "actor": found["actor"],
        "url": shown(url, 200) if url else None,
    }  # fmt: skip


def _host(environment: Mapping[str, str]) -> ReportHost | None:
    if environment.get("BILLPROOF_NO_HOST"):
        return None
    name = os.uname().nodename if hasattr(os, "uname") else environment.get("COMPUTERNAME", "")
    return {"name": shown(name), "system": sys.platform, "python": sys.version.split()[0]}
