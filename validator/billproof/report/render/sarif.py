"""SARIF 2.1.0 as GitHub's code scanning takes it (docs.github.com, "SARIF support for code scanning").

GitHub makes an open alert of every result, even one that passed or is suppressed, so only failures are results. It closes
the alerts that a new upload no longer has, so what is unproved is also a result, next to `executionSuccessful: false`, which
GitHub does not show. It recognizes alerts by `primaryLocationLineHash`, refuses a run of more than 25,000 results and shows
5,000, and requires a region for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from billproof.report.render.aside import sentences
from billproof.report.render.entries import MORE, UNPROVED, Entry, Weight, entries, source_path, with_rest
from billproof.report.render.phrases import escaped, fenced
from billproof.report.render.verdicts import ready_to_upload

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportRule, ReportSetAside

LIMIT = 5_000
LONGEST = 1_024
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_LEVELS: dict[Weight, str] = {"unproved": "error", "error": "error", "warning": "warning", "note": "note"}
_PRIORITIES = {"error": "error", "warning": "warning", "note": "recommendation"}
_OWN_RULES: tuple[ReportRule, ...] = (
    {
        "id": UNPROVED, "name": "nothing-known", "level": "error", "shipped_level": "error", "waivable": False, "refs": [],
        "asserts": "Every file was read to its last byte, and every rule was evaluated.",
        "why": "A file that could not be fully checked has not passed.",
        "fix": "Do what the message says, then run billproof again.",
    },
    {
        "id": MORE, "name": "not-listed", "level": "note", "shipped_level": "note", "waivable": False, "refs": [],
        "asserts": "Every finding is listed.",
        "why": "GitHub shows at most 5,000 alerts, and a report lists the first findings of each rule.",
        "fix": "Fix what is listed, then run billproof again. The counts in the report are complete.",
    },
)  # fmt: skip


def render_sarif(report: Report) -> str:
    """The failures as a SARIF log of one run."""
    rules = [_rule(rule) for rule in (*report["ruleset"]["rules"], *_OWN_RULES)]
    numbers = {rule["id"]: number for number, rule in enumerate(rules)}
    findings = entries(report)
    driver = {"name": "billproof", "version": report["tool"]["version"], "semanticVersion": report["tool"]["version"]}
    run = {
        "tool": {"driver": {**driver, "rules": rules}},
        "invocations": [_invocation(findings, report)],
        "results": [_result(entry, numbers) for entry in with_rest(findings, report, LIMIT)],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False) + "\n"


def _rule(rule: ReportRule) -> dict[str, Any]:
    steps = (rule["why"], f"What to do: {rule['fix']}", *(f"See: {reference}" for reference in rule["refs"]))
    formatted = (
        escaped(rule["why"]),
        "**What to do**",
        "\n".join(fenced(rule["fix"])),
        *(f"- {escaped(reference)}" for reference in rule["refs"]),
    )
    return {
        "id": rule["id"],
        "name": rule["name"],
        "shortDescription": {"text": rule["name"].replace("-", " ").capitalize()[:LONGEST]},
        "fullDescription": {"text": _message(rule["asserts"])[:LONGEST]},
        "help": {"text": _message("\n\n".join(steps)), "markdown": _braced("\n\n".join(formatted))},
        "defaultConfiguration": {"level": rule["level"]},
        "properties": {"precision": "very-high", "problem.severity": _PRIORITIES[rule["level"]]},
    }


def _invocation(findings: Sequence[Entry], report: Report) -> dict[str, Any]:
    notes = [
        {"level": "error", "message": {"text": _message(entry.text)}, "locations": [_location(entry)]}
        for entry in findings
        if entry.weight == "unproved"
    ]
    notes += [
        {"level": "note", "message": {"text": _message(next(sentences([file])))}, "locations": [_location(_aside(file))]}
        for file in report.get("set_aside", ())
    ]
    outcome = {"executionSuccessful": report["verdict"] != "unproved", "exitCode": report["exit_code"]}
    described = f"{report['verdict']}; ready to upload: {ready_to_upload(report)}"
    return {**outcome, "exitCodeDescription": described, "toolExecutionNotifications": notes}


def _aside(file: ReportSetAside) -> Entry:
    return Entry("note", source_path(file["path"]), "", "", "")


def _result(entry: Entry, numbers: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": entry.rule, "ruleIndex": numbers[entry.rule], "level": _LEVELS[entry.weight],
        "message": {"text": _message(entry.text)}, "locations": [_location(entry)],
        "partialFingerprints": {"primaryLocationLineHash": entry.fingerprint},
    }  # fmt: skip
    if entry.related:
        result["relatedLocations"] = [_location(entry._replace(line=line, end_line=line)) for line in entry.related]
    return result


def _location(entry: Entry) -> dict[str, Any]:
    """A place of whole lines: SARIF counts characters where a report counts columns of the table."""
    line = entry.line or 1
    region = {"startLine": line, "endLine": max(line, entry.end_line or line)}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(entry.path)}, "region": region}}


def _uri(path: str) -> str:
    drive = re.match(r"[A-Za-z]:/", path)
    return ("file://" if path.startswith("/") else "file:///" if drive else "") + quote(path, safe="/:" if drive else "/")


def _message(text: str) -> str:
    """Plain text as SARIF writes it, where brackets before a parenthesis are a link (3.11.6) unless they are escaped."""
    return _braced(re.sub(r"[\\\[\]]", r"\\\g<0>", text) if "](" in text else text)


def _braced(text: str) -> str:
    """Braces are placeholders (3.11.5) unless they are doubled."""
    return text.replace("{", "{{").replace("}", "}}")
