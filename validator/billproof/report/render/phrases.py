"""What several formats say in the same words: the verdict's sentence, the facts of a file, a finding, a place, money, counts.

Everything comes from the report (v1), whose text may be shown as it stands; each format escapes it for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

from billproof.model.results import HINDRANCES
from billproof.model.values import month_end, month_name, rfc3339, shown

if TYPE_CHECKING:
    from billproof.model.report_v1 import (
        Report,
        ReportEarlierUpload,
        ReportFile,
        ReportFinding,
        ReportOutcome,
        ReportReason,
        ReportTotals,
    )

LEVELS = {"error": 0, "warning": 1, "note": 2}
TOP_GROUPS = 50
NO_FILE = "Name a file or a folder:  billproof check cost_2025-10-01_2025-10-31.csv"

_STATES = (
    ("waived", "signed for"), ("not_applicable", "had nothing to look at"), ("blocked", "could not look"),
    ("off", "switched off"), ("crashed", "broke down"),
)  # fmt: skip


def headline(one: ReportFile, report: Report) -> str:
    """A file's verdict in a sentence, the word first: `FAIL  cost.csv must not be uploaded as October 2025`."""
    # Exports of several organizations have the same name: with more than one file, the path tells them apart.
    name, month = one["path" if len(report["files"]) > 1 else "name"], _month_words(one, report)
    if one["verdict"] == "unproved":
        reasons = [reason["text"] for reason in report["reasons"] if reason["file"] == one["path"]]
        return f"UNPROVED  {name} could not be checked" if one.get("error") else f"UNPROVED  {name}: {reasons[0]}"
    if one["verdict"] == "fail":
        return f"FAIL  {name} must not be uploaded{month and ' as ' + month}"
    if report["upload"]["ready"]:
        return f"PASS  {name} is fit to be uploaded{month and ' as ' + month}"
    hindrances = [outcome["rule"] for outcome in one["outcomes"] if _hinders(outcome)]
    return f"PASS  {name} has no errors for {month}" + (
        f"; it would not be uploaded: {', '.join(hindrances)}" if hindrances else ""
    )


def _hinders(outcome: ReportOutcome) -> bool:
    """Whether a check may pass with it and an upload may not."""
    return outcome["state"] in ("not_run", "off") or (outcome["state"] == "failed" and outcome["level"] != "note")


def _month_words(one: ReportFile, report: Report) -> str:
    month = one["month"]["value"]
    if not month:
        return ""
    over = report["run"]["as_of"] >= rfc3339(month_end(month))
    if report["settings"]["month_to_date"]["value"] and not over:
        present = [int(day["date"][8:]) for day in one["days"] if day["date"].startswith(month) and day["rows"]]
        if present:
            return f"{min(present)} to {max(present)} {month_name(month)}, a month that is not over"
    return month_name(month)


def concessions(one: ReportFile, report: Report) -> Iterator[str]:
    """Rules that are off, or count for less here than as shipped: said beside the verdict, not deep in a list."""
    for outcome in one["outcomes"]:
        if outcome["state"] == "off":
            yield f"{outcome['rule']} {outcome['name']} is {outcome['reason']}"
    for rule in report["ruleset"]["rules"]:
        if LEVELS[rule["level"]] > LEVELS[rule["shipped_level"]]:
            text = f"{rule['id']} {rule['name']}: {rule['level']} here, {rule['shipped_level']} as shipped"
            yield f"{text}; so it would not be uploaded"


def what_to_do(one: ReportFile, report: Report) -> str:
    """The next step for a file: that of its cause, else that of the gravest rule that failed; nothing for notes."""
    if one.get("diagnosis"):
        fix: str = one["diagnosis"]["fix"]
        return fix
    grave = [outcome for outcome in by_level(failed(one)) if outcome["level"] != "note"]
    return fix_of(grave[0], one, report) if grave else ""


def fix_of(outcome: ReportOutcome, one: ReportFile, report: Report) -> str:
    """The next step for one failed rule: that of the cause which explains it, else its own."""
    if outcome["rule"] in one.get("diagnosis", {}).get("rules", ()):
        return str(one["diagnosis"]["fix"])
    return next((str(rule["fix"]) for rule in report["ruleset"]["rules"] if rule["id"] == outcome["rule"]), "")


def facts(one: ReportFile) -> Iterator[tuple[str, str]]:
    """What is known of a file that was read, each with its label: organization, month, total, rows, bytes."""
    totals = one["totals"]
    if one["organization"]["value"] is not None:
        yield "Organization", _organization(one)
    if one["month"]["value"] is not None:
        yield "Month", _month(one, one["month"]["value"])
    if totals is not None:
        amount = totals["amount"]
        exact = f"   exactly {amount}" if amount is not None and cents(amount).replace(",", "") != amount else ""
        yield "Total", f"{cents(amount)} {totals['currency'] or ''}{exact}"
        yield "Rows", _rows(totals)
    if "last_upload" in one:
        yield "Last upload", _last_upload(one["last_upload"])
    if one["sha256"]:
        yield "File", f"{one['bytes']:,} bytes, sha256 {one['sha256'][:12]}…"


def _last_upload(last: ReportEarlierUpload) -> str:
    """What the destination accepted before, which this file is compared with and would replace."""
    amount = f"{cents(last['amount'])} {last['currency']}"
    return f"{amount}, {number(len(last['days']), 'day')}, accepted by {last['destination']} on {last['finished'][:10]}"


def _organization(one: ReportFile) -> str:
    value, source = one["organization"]["value"], one["organization"]["source"]
    if source == "inferred":
        return f"{value} (read from the file, not compared with yours)"
    return f"{value} (every charge is of it; from {source})"


def _month(one: ReportFile, month: str) -> str:
    inside = [day for day in one["days"] if day["date"].startswith(month)]
    present = sum(1 for day in inside if day["rows"])
    days = f"all {present} days" if present == len(inside) else f"{present} of {len(inside)} days"
    source = "read from the rows" if one["month"]["source"] == "inferred" else f"from {one['month']['source']}"
    return f"{month}, {days} ({source})"


def _rows(totals: ReportTotals) -> str:
    groups = [group for group in totals["by_project"] if group["id"]]
    rest = re.fullmatch(r"other \(([0-9,]+)\)", groups[-1]["id"]) if len(totals["by_project"]) > TOP_GROUPS else None
    projects = len(groups) - 1 + int(rest[1].replace(",", "")) if rest else len(groups)
    empty = totals["empty_days"]
    text = f"{number(totals['charged_rows'], 'charge')} in {number(projects, 'project')}"
    return text + (f"; {number(empty, 'day')} without usage" if empty else "")


def failed(one: ReportFile) -> list[ReportOutcome]:
    """The outcomes of a file's failed rules; those that somebody signed for are not among them."""
    return [outcome for outcome in one["outcomes"] if outcome["state"] == "failed"]


def by_level(outcomes: Sequence[ReportOutcome]) -> list[ReportOutcome]:
    """Errors first, then warnings, then notes."""
    return sorted(outcomes, key=lambda outcome: (LEVELS[outcome["level"]], outcome["rule"]))


def stops(outcome: ReportOutcome, report: Report) -> bool:
    """Whether a failed rule of this level fails its file: errors do, warnings where the policy says so, notes never."""
    strict: bool = report["policy"]["policy"] == "upload" or report["policy"]["fail_on"] == "warning"
    level: str = outcome["level"]
    return level == "error" or (strict and level == "warning")


def first_message(outcome: ReportOutcome) -> str:
    """The first finding's message, and how many more there are."""
    message: str = outcome["findings"][0]["message"] if outcome["findings"] else "fails"
    violations = outcome["violations"]
    if violations > 1 and outcome["unit"] not in ("day", "line", "file"):
        message += f" ({violations:,} {outcome['unit']}s in all)"
    return message


def description(finding: ReportFinding) -> str:
    """A finding in a line: its message and, where the message does not show it, the cell as it stands in the file."""
    message, value = finding["message"], finding["value"]
    if value is None or not finding["column"] or value in message:
        return str(message)
    return shown(f'{message}; {finding["column"]} is "{value}"', None)


def with_reason(text: str, outcome: ReportOutcome) -> str:
    """A failed rule's text and, if somebody signed for it in vain, why that does not count."""
    return f"{text}; {outcome['reason']}" if outcome.get("reason") else text


def place(path: str, finding: ReportFinding) -> str:
    """`file:line:column` as editors take it; the file alone where the finding is of the whole file."""
    parts = [path] + ([str(finding["line"])] if finding["line"] is not None else [])
    if finding["line"] is not None and finding["column"]:
        parts.append(finding["column"])
    return shown(":".join(parts), None)


def signature(outcome: ReportOutcome) -> str:
    """Who signed for a failed rule, until when, where, and why."""
    waiver = outcome["waiver"]
    return f"signed for by {waiver['owner']} until {waiver['expires']} ({waiver['at']}): {waiver['reason']}"


def unproved(report: Report) -> Iterator[tuple[ReportReason, str]]:
    """The reasons why nothing is known, of a file or of the run, each in words: with the next step where there is one."""
    errors = {one["path"]: one["error"] for one in report["files"] if one.get("error")}
    for reason in report["reasons"]:
        if reason["code"] != "failed":
            yield reason, errors.get(reason["file"] or "", reason["text"])


def unspoken(outcome: ReportOutcome) -> str:
    """Why a rule has neither passed nor failed, in words."""
    if outcome["state"] == "blocked":
        return f"could not look because of {outcome['blocked_by']}"
    words = {"not_applicable": "nothing to look at", "not_run": "could not run", "off": "", "crashed": "broke down"}
    return ": ".join(part for part in (words[outcome["state"]], outcome.get("reason")) if part)


def counts(one: ReportFile) -> str:
    """How many rules of a file came out how: `43 rules passed, 1 failed, 2 had nothing to look at`."""
    states = [outcome["state"] for outcome in one["outcomes"]]
    parts = [f"{number(states.count('passed'), 'rule')} passed"]
    for level, word in (("error", "failed"), ("warning", "warning"), ("note", "note")):
        count = sum(outcome["level"] == level for outcome in failed(one))
        if count:
            parts.append(f"{count:,} {word}" if level == "error" else number(count, word))
    parts += [f"{states.count(state):,} {words}" for state, words in _STATES if state in states]
    if "not_run" in states:
        parts.append(f"{states.count('not_run'):,} could not run")
    return ", ".join(parts)


def verdicts(report: Report) -> str:
    """`3 files: 1 passed, 1 failed, 1 unproved`."""
    words: list[str] = [one["verdict"] for one in report["files"]]
    parts = [f"{words.count(word)} {text}" for word, text in (("pass", "passed"), ("fail", "failed"), ("unproved", "unproved"))]
    return f"{len(words)} files: {', '.join(parts)}"


def ending(report: Report) -> Iterator[str]:
    """What is said once, after the files: the configuration that was used, and whether they would be uploaded."""
    if report["settings"]["config"]:
        yield f"Configuration: {report['settings']['config']['path']}"
    if report["policy"]["command"] != "upload":
        yield f"Would be uploaded: {would_be_uploaded(report)}"


def would_be_uploaded(report: Report) -> str:
    """`yes`, or `no: OC206, OC309`: rules by id, all else in words."""
    because = report["upload"]["because"]
    rules = [one for one in because if one not in HINDRANCES]
    # Without an integration some rules cannot run, and they say so; the code alone adds nothing then.
    words = ", ".join(HINDRANCES.get(one, one) for one in because if one != "no_integration" or not rules)
    return f"no: {words}" if because else "yes"


def cents(amount: str | None) -> str:
    """An amount in cents, rounded as invoices do, with thousands separators."""
    if amount is None:
        return "unknown"
    return f"{Decimal(amount).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP):,}"


def number(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
