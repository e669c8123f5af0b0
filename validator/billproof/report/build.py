"""Report v1: the machine-readable record of a run, and the only writer of it (`schemas/report.v1.schema.json`).

Everything outside `run` is the same byte for byte for the same input and settings, and `result_sha256` is the digest of that.
Money is text. Formats take what they show from the report alone.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from billproof import __version__
from billproof.config.settings import CLOCK
from billproof.model.canonical import canonical
from billproof.model.urls import without_secrets
from billproof.model.values import cents, in_words, money, rfc3339, shown
from billproof.report.file_entry import file_entry, lines, sourced
from billproof.rules.files import Limit

if TYPE_CHECKING:
    from billproof.engine.pipeline import Run
    from billproof.engine.verdict import Reason
    from billproof.model import report_v1 as v1
    from billproof.model.costs import CostsFacts
    from billproof.model.results import FileResult
    from billproof.rules.files import Claim
    from billproof.rules.rule import Rule, RuleSet

SCHEMA: Final = "billproof/report/v1"
_HEARSAY: Final = "That the merged reports are true to their files: this report rests on their word."
_CI = {
    "repository": ("GITHUB_REPOSITORY", "CI_PROJECT_PATH"),
    "commit": ("GITHUB_SHA", "CI_COMMIT_SHA"),
    "actor": ("GITHUB_ACTOR", "GITLAB_USER_LOGIN"),
}


def build_report(
    run: Run, started: datetime, finished: datetime, environment: Mapping[str, str], digests: bool = True
) -> v1.Report:
    """The report of a run as plain JSON values, in the order of the schema; for text that shows none, without `digests`."""
    files = [file_entry(file, verdict) for file, verdict in zip(run.files, run.verdict.files, strict=True)]
    made: v1.ReportRun = {
        "started": rfc3339(started), "finished": rfc3339(finished), "as_of": rfc3339(run.settings.as_of),
        "ci": _ci(environment), "host": _host(environment),
    }  # fmt: skip
    return assembled(run, files, made, digests)


def assembled(run: Run, entries: Sequence[v1.FileContent], made: v1.ReportRun, digests: bool = True) -> v1.Report:
    """The report of a run, its files as their entries, with what it says of when and where it was made."""
    head = report_head(run)
    sums = file_digests(entries, head) if digests else [""] * len(entries)
    files: list[v1.ReportFile] = [{**entry, "result_sha256": sum_} for entry, sum_ in zip(entries, sums, strict=True)]
    return {**head, "files": files, "result_sha256": result_sha256({**head, "files": files}) if digests else "", "run": made}


def file_digests(files: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> list[str]:
    """The digest of each entry with the rule set and the settings: the same whatever other files the run checked."""
    entries = ({key: value for key, value in file.items() if key != "result_sha256"} for file in files)
    # The canonical form of {file, ruleset, settings}: what follows the entry is the same for every file.
    rest = b"," + canonical({"ruleset": report["ruleset"], "settings": report["settings"]})[1:]
    return [hashlib.sha256(b'{"file":' + canonical(entry) + rest).hexdigest() for entry in entries]


def result_sha256(report: Mapping[str, object]) -> str:
    """The digest of everything outside `run` and itself, in the canonical form of RFC 8785."""
    rest = {key: value for key, value in report.items() if key not in ("run", "result_sha256")}
    return hashlib.sha256(canonical(rest)).hexdigest()


def report_head(run: Run) -> v1.ReportHead:
    """What a report says of the run as a whole: everything before its files."""
    settings, ruleset = run.settings, run.ruleset
    head: v1.ReportHead = {
        "schema": SCHEMA,
        "verdict": run.verdict.word,
        "exit_code": int(run.verdict.exit_code),
        "reasons": [_reason(reason) for reason in run.verdict.reasons],
        "upload": _readiness(run),
        "policy": {
            "command": settings.policy.command, "policy": settings.policy.policy, "fail_on": settings.policy.fail_on,
        },
        "proves": [text for claim in ruleset.proves if _holds(claim, run) for text in _claimed(claim, run)],
        "does_not_prove": [*_limits(run), *([_HEARSAY] if any(map(_is_merged, run.files)) else [])],
        "tool": {"name": "billproof", "version": __version__},
        "ruleset": {
            "name": ruleset.name, "version": ruleset.version, "sha256": ruleset.sha256,
            "rules": [_rule(rule) for rule in ruleset.rules],
        },
        "settings": _settings(run),
    }  # fmt: skip
    if run.set_aside:
        head["set_aside"] = [
            {"path": shown(file.path, None), "month": file.month, "reason": file.reason} for file in run.set_aside
        ]
    return head


def _is_merged(file: FileResult) -> bool:
    """Whether the result is taken from a report that this process did not make."""
    return file.hindrance is not None and file.hindrance.code == "merged"


def _readiness(run: Run) -> v1.ReportUpload:
    """Whether an upload would send every file unchanged, and what keeps it from that: rule ids, or codes."""
    verdict, settings = run.verdict, run.settings
    of_files = [file.because or tuple(reason.rule or reason.code for reason in file.reasons) for file in verdict.files]
    codes = dict.fromkeys(code for because in of_files for code in because)
    because = list(codes) or [reason.code for reason in verdict.reasons]
    if settings.as_of > settings.now:
        because.append("later_than_clock")
    return {"ready": not because, "because": because}


def _holds(claim: Claim, run: Run) -> bool:
    """Whether every file of a pass proves a claim."""
    return run.verdict.word == "pass" and all(_is_proved_by(claim, file) for file in run.files)


def _claimed(claim: Claim, run: Run) -> list[str]:
    """A claim in words; what rests on records of OpenAI's costs names each of them."""
    if not claim.costs:
        return [claim.text]
    return list(dict.fromkeys(_of_record(claim.text, file, file.costs, run.ruleset) for file in run.files if file.costs))


def _of_record(text: str, file: FileResult, costs: CostsFacts, ruleset: RuleSet) -> str:
    from billproof.model.costs import OPENAI_URL
    from billproof.rules.comparison import leaves_projects_out

    projects = "" if leaves_projects_out(ruleset.rules, file.outcomes) else ", project by project"
    by = f"day by day{projects} and line item by line item"
    source = "OpenAI's Costs API" if costs.base_url == OPENAI_URL else shown(costs.base_url)
    read, keys, total = in_words(costs.finished), f"{costs.keys:,}", f"{cents(costs.total):,f}"
    return text.format(by=by, source=source, read=read, keys=keys, total=total)


def _limits(run: Run) -> list[str]:
    """What the run does not prove: less where OpenAI's own record agrees with every file, but then its own limits."""
    agrees = run.verdict.word == "pass" and all(bool(file.costs and file.costs.agrees) for file in run.files)
    whole = agrees and all(_is_covered(file) for file in run.files)
    signed = all(file.costs.signed for file in run.files if file.costs)
    stands = {"answered": not whole, "added": agrees, "added_unsigned": agrees and not signed}
    limits = (Limit(limit) if isinstance(limit, str) else limit for limit in run.ruleset.does_not_prove)
    return [limit.text for limit in limits if limit.costs is None or stands[limit.costs]]


def _is_covered(file: FileResult) -> bool:
    """Whether every charge of a file is of a day that had ended when the record was read: no other is compared."""
    read = file.costs.started.date().isoformat() if file.costs else ""
    return all(day.date < read for day in file.days if day.state == "charged")


def _is_proved_by(claim: Claim, file: FileResult) -> bool:
    states = {outcome.rule: outcome.state for outcome in file.outcomes}
    if claim.all_rules and not set(states.values()) <= {"passed", "failed", "waived", "not_applicable"}:
        return False
    if claim.costs and not (file.costs and file.costs.agrees):
        return False
    if claim.total and (file.totals is None or file.totals.amount is None):
        return False
    return all(states.get(rule) == "passed" for rule in claim.rules)


def _settings(run: Run) -> v1.ReportSettings:
    settings = run.settings
    as_of = None if settings.as_of_source == CLOCK else rfc3339(settings.as_of)
    total = None if settings.expected_total is None else money(settings.expected_total)
    config = settings.config
    return {
        "ruleset": {"value": shown(str(settings.ruleset.value)), "source": shown(settings.ruleset.source, None)},
        "organization": sourced(settings.organization),
        "month": sourced(settings.month),
        "month_to_date": {"value": settings.month_to_date, "source": settings.source("month_to_date")},
        "as_of": {"value": as_of, "source": settings.as_of_source},
        "expect_total": {"value": total, "source": settings.source("expect_total")},
        "fail_on": {"value": settings.policy.fail_on, "source": settings.source("fail_on")},
        "policy": {"value": settings.policy.policy, "source": settings.source("policy")},
        "max_findings": {"value": settings.max_findings, "source": settings.source("max_findings")},
        "second_opinion": {"value": settings.second_opinion, "source": settings.source("second_opinion")},
        "costs": {"value": None if settings.costs is None else shown(settings.costs, None), "source": settings.source("costs")},
        "costs_required": {"value": settings.costs_required, "source": settings.source("costs_required")},
        "to": {"value": settings.to, "source": "--to" if settings.to else "default"},
        "config": {"path": shown(config.shown_path, None), "sha256": config.sha256} if config else None,
    }


def _rule(rule: Rule) -> v1.ReportRule:
    file = rule.file
    return {
        "id": rule.id, "name": file.name, "asserts": shown(file.asserts, None),
        "level": rule.level, "shipped_level": rule.shipped_level,
        "waivable": file.waivable, "why": lines(file.why), "fix": lines(file.fix),
        "refs": [shown(reference, None) for reference in file.refs],
    }  # fmt: skip


def _reason(reason: Reason) -> v1.ReportReason:
    file = None if reason.file is None else shown(reason.file, None)
    return {"code": reason.code, "file": file, "rule": reason.rule, "text": shown(reason.text, None)}


def _ci(environment: Mapping[str, str]) -> v1.ReportCI:
    job = {key: next((shown(environment[name]) for name in names if environment.get(name)), None) for key, names in _CI.items()}
    server, run_id, url = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_RUN_ID"), environment.get("CI_JOB_URL")
    if server and run_id and job["repository"]:
        url = f"{server}/{environment['GITHUB_REPOSITORY']}/actions/runs/{run_id}"
    return {
        "repository": job["repository"], "commit": job["commit"], "actor": job["actor"],
        "url": shown(without_secrets(url), 200) if url else None,
    }  # fmt: skip


def _host(environment: Mapping[str, str]) -> v1.ReportHost | None:
    if environment.get("BILLPROOF_NO_HOST"):
        return None
    name = os.uname().nodename if hasattr(os, "uname") else environment.get("COMPUTERNAME", "")
    return {"name": shown(name), "system": sys.platform, "python": sys.version.split()[0]}
