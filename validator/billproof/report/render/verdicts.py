"""What several formats say in the same words of a whole file or run: the verdict's sentence, readiness, facts, counts.

Everything comes from report v1, whose text may be shown unchanged; each format escapes it for itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from billproof.model.costs import NO_FIT, called
from billproof.model.results import HINDRANCES
from billproof.model.values import cents, money, month_end, month_name, number, rfc3339
from billproof.report.render.phrases import LEVELS, STATES, amount, in_cents, in_state, organization, total, waived_by

if TYPE_CHECKING:
    from billproof.model.report_v1 import (
        Report,
        ReportDay,
        ReportFile,
        ReportGroup,
        ReportOutcome,
        ReportSecondOpinion,
        ReportTotals,
    )

TOP_GROUPS = 50
NO_CONFIG = "no billproof.yaml yet"
NO_FILE = "Name a file or a folder:  billproof check cost_2025-10-01_2025-10-31.csv"


def headline(file: ReportFile, report: Report, its_total: str = "") -> str:
    """A file's verdict in a sentence, the word first: `FAIL  cost.csv must not be uploaded as October 2025`. For a file that
    passed, `its_total` stands behind the month.
    """
    # Exports of several organizations have the same name: with more than one file, the path tells them apart.
    name, month = file["path" if len(report["files"]) > 1 else "name"], _month_words(file, report)
    as_month = f" as {month}" if month else ""
    if file["verdict"] == "unproved":
        reasons = [reason["text"] for reason in report["reasons"] if reason["file"] == file["path"]]
        return f"UNPROVED  {name} could not be checked" if file.get("error") else f"UNPROVED  {name}: {reasons[0]}"
    if file["verdict"] == "fail":
        return f"FAIL  {name} must not be uploaded{as_month}{_by_a_warning(file, report)}"
    behind = f", {its_total}" if its_total else ""
    if report["upload"]["ready"]:
        return f"PASS  {name} is ready to upload{as_month}{behind}"
    not_ready = blockers(file, report)
    for_month = f" for {month}" if month else ""
    return f"PASS  {name} has no errors{for_month}{behind}" + (f"; not ready to upload: {not_ready}" if not_ready else "")


def _by_a_warning(file: ReportFile, report: Report) -> str:
    """That warnings alone fail a file: nothing if it has an error, or something else does."""
    failed = any(reason["code"] != "failed" and reason["file"] == file["path"] for reason in report["reasons"])
    if failed or any(outcome["level"] == "error" for outcome in in_state(file, "failed")):
        return ""
    return ": a warning stops an upload" if report["policy"]["policy"] == "upload" else ": a warning fails it (--fail-on warning)"


def blockers(file: ReportFile, report: Report) -> str:
    """What an upload would not accept of a file that passed, in words: `1 warning (OC206); 1 rule disabled (OC602)`."""
    warnings = [outcome["rule"] for outcome in in_state(file, "failed") if outcome["level"] != "note"]
    not_run, disabled = in_state(file, "not_run"), [outcome["rule"] for outcome in in_state(file, "off")]
    parts = [f"{number(len(warnings), 'warning')} ({', '.join(warnings)})"] if warnings else []
    parts += [_lacking(not_run)] if not_run else []
    parts += [f"{number(len(disabled), 'rule')} disabled ({', '.join(disabled)})"] if disabled else []
    # Without an integration some rules cannot run, and they say so.
    codes = (code for code in report["upload"]["because"] if code in HINDRANCES and not (code == "no_integration" and not_run))
    return "; ".join((*parts, *(HINDRANCES[code] for code in codes if _concerns(code, file, report))))


def _lacking(not_run: Iterable[ReportOutcome]) -> str:
    """Why rules were not run, in the words before the first colon of their reasons, and their IDs in brackets."""
    first, *rest = dict.fromkeys(outcome["reason"].partition(": ")[0] for outcome in not_run)
    rules = dict.fromkeys(outcome["rule"] for outcome in not_run)
    return f"{', '.join((first, *(text.replace('not compared', 'nor', 1) for text in rest)))} ({', '.join(rules)})"


def _concerns(code: str, file: ReportFile, report: Report) -> bool:
    """Whether a code that keeps the files of a report from being uploaded is about this one, which was read."""
    if code == "two_files":
        same = (other for other in report["files"] if other["integration"] == file["integration"])
        return sum(other["month"]["value"] == file["month"]["value"] for other in same) > 1
    told = {
        "weaker_rules": True, "later_than_clock": True, "no_integration": file["integration"] is None,
        "month_inferred": file["month"]["source"] == "inferred" and bool(in_state(file, "waived")),
    }  # fmt: skip
    return told.get(code, "hindrance" in file and file["hindrance"]["code"] == code)


def _is_present(day: ReportDay) -> bool:
    """Whether the file says something of a day: a row of a day that has not begun says nothing."""
    return day["rows"] > 0 and day["state"] != "open"


def _month_words(file: ReportFile, report: Report) -> str:
    month = file["month"]["value"]
    if not month:
        return ""
    complete = report["run"]["as_of"] >= rfc3339(month_end(month))
    if report["settings"]["month_to_date"]["value"] and not complete:
        present = [int(day["date"][8:]) for day in file["days"] if day["date"].startswith(month) and _is_present(day)]
        if present:
            return f"{min(present)} to {max(present)} {month_name(month)}, a month that has not ended"
    return month_name(month)


def concessions(file: ReportFile, report: Report) -> Iterator[str]:
    """Rules that are waived or disabled, or count for less than in the built-in rule set: said next to the verdict, not deep in
    a list.
    """
    for outcome in in_state(file, "waived"):
        yield f"{outcome['rule']} {outcome['name']} is {waived_by(outcome)}"
    for outcome in in_state(file, "off"):
        yield f"{outcome['rule']} {outcome['name']} is {outcome['reason']}"
    for rule in report["ruleset"]["rules"]:
        if LEVELS[rule["level"]] > LEVELS[rule["shipped_level"]]:
            levels = f"{rule['level']} instead of the built-in {rule['shipped_level']}"
            yield f"{rule['id']} {rule['name']}: {levels}; not ready to upload"


def facts(file: ReportFile) -> Iterator[tuple[str, str]]:
    """What is known of a file that was read, each with its label: organization, month, total, rows, bytes."""
    totals = file["totals"]
    if file["organization"]["value"] is not None:
        yield "Organization", _organization(file)
    if file["month"]["value"] is not None:
        yield "Month", _month(file, file["month"]["value"])
    if totals is not None:
        for label, sum_ in totals_of(file):
            exact = f"   exactly {sum_}" if sum_ is not None and in_cents(sum_).replace(",", "") != sum_ else ""
            yield label, f"{in_cents(sum_)} {totals['currency'] or ''}{exact}"
        if "expected_total" in file:
            expected = file["expected_total"]
            yield "Expected", f"{in_cents(expected['value'])} USD (set in {expected['source']})"
        yield "Rows", _rows(totals)
    if "last_upload" in file:
        last = file["last_upload"]
        charges = f"{amount(last['amount'], last['currency'])}, {number(len(last['days']), 'day')}"
        yield "Last upload", f"{charges}, accepted by {last['destination']} on {last['finished'][:10]}"
    if file["sha256"]:
        yield "File", f"{file['bytes']:,} bytes, sha256 {file['sha256'][:12]}…"


def lacking_record(file: ReportFile) -> str:
    """That there is no record of OpenAI's costs where one is looked for, and how to fetch it; else empty."""
    reasons = (outcome.get("reason", "") for outcome in in_state(file, "not_applicable"))
    return next((f"T{reason[1:]}" for reason in reasons if reason.startswith(NO_FIT)), "")


def of_record(file: ReportFile) -> Iterator[str]:
    """How the file compares with OpenAI's own record, in a sentence; or that there is none where one is looked for."""
    costs = file.get("costs")
    if costs is None:
        yield from filter(None, [lacking_record(file)])
        return
    day, time = costs["read"]["finished"][:10], costs["read"]["finished"][11:16]
    # The year is that of the month, unless it is named.
    month = month_name(day[:7]) if day[:4] != (file["month"]["value"] or "")[:4] else month_name(day[:7]).split()[0]
    head = f"{called(costs['record']['base_url'])} of {int(day[8:])} {month} {time} UTC"
    difference, both = Decimal(costs["difference"]), _usd(costs["total"])
    if costs["agrees"]:
        signed = ", signed" if costs["record"]["signed"] else ""
        yield f"{head} agrees: {number(costs['keys'], 'key')}, {both}{signed}"
    elif costs["agrees"] is None:
        yield f"{head} could not be compared with the file"
    elif not difference:
        yield f"{head} differs, although both totals are {both}"
    else:
        side = "more" if difference > 0 else "less"
        yield f"{head} differs: the file has {_usd(money(abs(difference)))} {side} than its {both}"


def _usd(value: str) -> str:
    """An amount in cents; one that is less than a cent, as it is."""
    return f"{in_cents(value) if cents(Decimal(value)) or not Decimal(value) else value} USD"


def totals_of(file: ReportFile) -> list[tuple[str, str | None]]:
    """The file's total, or that of its month and that of the file, apart, if the file also has other months; None if unknown."""
    whole, month = file["totals"]["amount"] if file["totals"] else None, file["month"]["value"]
    if whole is None or month is None or all(day["state"] != "outside" for day in file["days"]):
        return [("Total", whole)]
    amounts = (Decimal(day["amount"]) for day in file["days"] if day["amount"] is not None and day["date"].startswith(month))
    return [("Month total", total(amounts)), ("File total", whole)]


def _organization(file: ReportFile) -> str:
    value, source = organization(file), file["organization"]["source"]
    if source == "inferred":
        return f"{value} (read from the file; not checked against your organization)"
    belongs = "all charges belong to it; " if file["verdict"] == "pass" else ""
    return f"{value} ({belongs}set {'by' if source.startswith('--') else 'in'} {source})"


def _month(file: ReportFile, month: str) -> str:
    inside = [day for day in file["days"] if day["date"].startswith(month)]
    present = sum(map(_is_present, inside))
    days = f"all {present} days" if present == len(inside) else f"{present} of {len(inside)} days"
    source = "read from the rows" if file["month"]["source"] == "inferred" else f"from {file['month']['source']}"
    return f"{month}, {days} ({source})"


def _rows(totals: ReportTotals) -> str:
    projects = how_many(totals["by_project"]) - sum(not group["id"] for group in totals["by_project"])
    empty = totals["empty_days"]
    text = f"{number(totals['charged_rows'], 'charge')} in {number(projects, 'project')}"
    return text + (f"; {number(empty, 'day')} without usage" if empty else "")


def how_many(groups: Sequence[ReportGroup]) -> int:
    """How many groups a list has, with those that its last entry sums up: `other (950)`, behind the largest."""
    rest = groups[TOP_GROUPS:]
    return len(groups) - len(rest) + sum(int(re.sub("[^0-9]", "", group["id"])) for group in rest)


def counts(file: ReportFile) -> str:
    """How many rules of a file came out how: `43 rules passed, 1 failed, 2 not applicable`."""
    states: list[str] = [outcome["state"] for outcome in file["outcomes"]]
    parts = [f"{number(states.count('passed'), 'rule')} passed"]
    for level, word in (("error", "failed"), ("warning", "warning"), ("note", "note")):
        if count := sum(outcome["level"] == level for outcome in in_state(file, "failed")):
            parts.append(f"{count:,} {word}" if level == "error" else number(count, word))
    return ", ".join((*parts, *(f"{states.count(state):,} {word}" for state, word in STATES.items() if state in states)))


def tally(report: Report) -> str:
    """`3 files: 1 passed, 1 failed, 1 unproved`."""
    words: list[str] = [file["verdict"] for file in report["files"]]
    parts = [f"{words.count(word)} {text}" for word, text in (("pass", "passed"), ("fail", "failed"), ("unproved", "unproved"))]
    return f"{len(words)} files: {', '.join(parts)}"


def second_opinion(opinion: ReportSecondOpinion) -> str:
    """`frictionless 5.18.1 found no errors`."""
    return f"{opinion['tool']} found {'no errors' if opinion['valid'] else number(len(opinion['errors']), 'error')}"


def limits(report: Report) -> Iterator[str]:
    """What a file cannot prove, in a sentence; nothing if the rule set says nothing of it."""
    parts = [(text[0].lower() + text[1:].rstrip(".")).partition("; ") for text in report["does_not_prove"]]
    if parts:
        yield f"A file cannot prove {', nor '.join(what + (f' ({why})' if why else '') for what, _, why in parts)}."


def ending(report: Report) -> Iterator[str]:
    """What is said once, after the files: the configuration that was used, and whether they are ready to upload."""
    if report["settings"]["config"]:
        yield f"Configuration: {report['settings']['config']['path']}"
    if report["policy"]["command"] != "upload":
        yield f"Ready to upload: {ready_to_upload(report)}"


def ready_to_upload(report: Report) -> str:
    """`yes`, or `no (OC206, OC309)`: rules by ID, all else in words, also what rules lack that were not run."""
    because, first_run = report["upload"]["because"], report["settings"]["config"] is None
    not_run = [outcome for file in report["files"] for outcome in in_state(file, "not_run")]
    lacking = f"; {_lacking(not_run)}" if not_run else ""
    ids = {outcome["rule"] for outcome in not_run}
    words = [code for code in because if code not in HINDRANCES and code not in ids]
    for code in because:
        if code == "no_integration" and first_run:
            words.append(NO_CONFIG)
        # Without an integration some rules cannot run, and they say so; the code alone adds nothing then.
        elif code in HINDRANCES and (code != "no_integration" or not words):
            words.append(HINDRANCES[code])
    return (f"no ({', '.join(words)})" if words else "no") + lacking if because else "yes"
