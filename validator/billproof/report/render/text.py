"""The report as people read it: verdict, cause, what to do, calendar, rules, totals, what a file cannot prove, next step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

from billproof.model.values import shown
from billproof.report.render import phrases
from billproof.report.render.calendar import calendar

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportFinding, ReportOutcome, ReportSecondOpinion

Detail = Literal["quiet", "normal", "verbose"]

WIDTH = 112
RULE_LINES = 12
WAIVER_DAYS = 90


def render_text(report: Report, detail: Detail = "normal", explain: bool = False) -> str:
    """The report as text for a terminal or a log. `quiet` keeps the verdicts, `verbose` adds every place.

    `explain` adds to each failed rule why it matters, what to do, and where that is from; it adds nothing to a verdict alone.
    """
    blocks = [list(_file(one, report, detail, explain)) for one in report["files"]]
    if not blocks:
        blocks = [[f"UNPROVED  {report['reasons'][0]['text']}", "", phrases.NO_FILE]]
    if len(blocks) > 1:
        blocks.append([phrases.verdicts(report)])
    joined = ("\n" if detail == "quiet" else "\n\n").join("\n".join(block) for block in blocks)
    return "\n".join((joined, *_ending(report))) + "\n"


def _file(one: ReportFile, report: Report, detail: Detail, explain: bool) -> Iterator[str]:
    yield phrases.headline(one, report)
    if detail == "quiet":
        return
    if one.get("error"):
        yield from _labelled("Why", one["error"])
        return
    yield from (f"  {text}" for text in phrases.concessions(one, report))
    for reason in report["reasons"]:
        if reason["code"] == "replaced" and reason["file"] == one["path"]:
            yield from _wrap(f"  It {reason['text']}", "    ")
    yield from _cause(one, report)
    if one["verdict"] == "pass":
        yield ""
        yield from _facts(one)
    days = list(calendar(one))
    if days:
        yield ""
        yield from days
    rules = list(_rules(one, report, detail, explain))
    if rules:
        yield ""
        yield from rules
    if "last_upload" in one and (one["verdict"] == "fail" or detail == "verbose"):
        from billproof.report.render.comparison import comparison

        yield from comparison(one)
    yield ""
    yield from _counts(one)
    yield from _waivers_to_paste(one, report)
    yield from _limits(one, report)


def _cause(one: ReportFile, report: Report) -> Iterator[str]:
    diagnosis = one.get("diagnosis")
    if diagnosis:
        yield ""
        yield from _labelled("Cause", diagnosis["cause"])
    fix = phrases.what_to_do(one, report)
    if fix:
        if not diagnosis:
            yield ""
        yield from _labelled("What to do", fix, keep_lines=diagnosis is not None)


def _facts(one: ReportFile) -> Iterator[str]:
    for label, text in phrases.facts(one):
        yield f"  {label:<14}{text}"


def _rules(one: ReportFile, report: Report, detail: Detail, explain: bool) -> Iterator[str]:
    failed = phrases.by_level(phrases.failed(one))
    behind = one.get("diagnosis", {}).get("rules", [])
    whole = detail == "verbose" or explain
    for outcome in failed if whole else failed[:RULE_LINES]:
        line = f"  {outcome['rule']} {outcome['name']}  {outcome['level']}  {phrases.first_message(outcome)}"
        folded = not whole and outcome["rule"] in behind
        if folded:
            yield line if len(line) <= WIDTH else line[: WIDTH - 2].rpartition(" ")[0] + " …"
        else:
            yield from _wrap(line, " " * 8)
        if outcome.get("reason"):
            yield f"        {outcome['reason']}"
        if folded:
            continue
        places = outcome["findings"] if detail == "verbose" else outcome["findings"][:1]
        if detail == "verbose" or len(failed) <= 4:
            yield from (f"        {line}" for finding in places if (line := _place(finding, one)))
        if explain:
            yield from _explanation(outcome, one, report)
    if not whole and len(failed) > RULE_LINES:
        yield f"  and {len(failed) - RULE_LINES} more rules: --verbose"
    for outcome in one["outcomes"]:
        if outcome["state"] == "waived":
            yield from _wrap(f"  {outcome['rule']} {outcome['name']}  {phrases.signature(outcome)}", " " * 8)


def _explanation(outcome: ReportOutcome, one: ReportFile, report: Report) -> Iterator[str]:
    """Why a failed rule matters, what to do unless that is said above, and where it is from."""
    rule = next(rule for rule in report["ruleset"]["rules"] if rule["id"] == outcome["rule"])
    fix = rule["fix"] if rule["fix"] != phrases.what_to_do(one, report) else ""
    for label, text in (("Why", rule["why"]), ("What to do", fix), ("See", "\n".join(rule["refs"]))):
        yield from _labelled(label, text, keep_lines=label == "See", margin=" " * 8)


def _wrap(text: str, indent: str) -> list[str]:
    """Lines of at most WIDTH characters; ids are never broken."""
    if len(text) <= WIDTH:
        return [text]
    from textwrap import wrap

    return wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _place(finding: ReportFinding, one: ReportFile) -> str:
    """`file:line:column  "value"`, as editors take it; nothing where the finding is of the whole file."""
    if finding["line"] is None:
        return ""
    value = f'  "{finding["value"]}"' if finding["value"] is not None else ""
    expected = f"; expected {finding['expected']}" if finding["expected"] and finding["value"] is not None else ""
    return phrases.place(one["path"], finding) + value + expected


def _counts(one: ReportFile) -> Iterator[str]:
    lacking, crashed, unseen = (_in_state(one, state) for state in ("not_run", "crashed", "blocked"))
    yield f"  {phrases.counts(one)}" + (":" if lacking else "")
    reasons: dict[str, list[str]] = {}
    for outcome in lacking + crashed:
        reasons.setdefault(outcome["reason"], []).append(f"{outcome['rule']} {outcome['name']}")
    for reason, rules in reasons.items():
        yield from _wrap(f"    {', '.join(rules)}  {reason}", "      ")
    if unseen and one["verdict"] != "pass":
        causes = ", ".join(dict.fromkeys(str(outcome["blocked_by"]) for outcome in unseen))
        named = ", ".join(f"{outcome['rule']} {outcome['name']}" for outcome in unseen[-2:])
        among = f", among them {named}" if len(unseen) > 2 else f": {named}"
        yield from _wrap(f"  Not judged: {phrases.number(len(unseen), 'rule')} could not look because of {causes}{among}", "    ")
    if one["verdict"] == "fail" and one["month"]["value"] and one["export"] == "cost":
        source = "is read from the rows" if one["month"]["source"] == "inferred" else f"comes from {one['month']['source']}"
        yield f"  The month {one['month']['value']} {source}. Another one: --month YYYY-MM"
    if one.get("second_opinion"):
        yield from _second_opinion(one["second_opinion"])


def _in_state(one: ReportFile, state: str) -> list[ReportOutcome]:
    return [outcome for outcome in one["outcomes"] if outcome["state"] == state]


def _second_opinion(opinion: ReportSecondOpinion) -> Iterator[str]:
    word = "finds no fault" if opinion["valid"] else f"finds {len(opinion['errors'])} faults"
    yield f"  Second opinion: {opinion['tool']} {word}"
    for text in opinion["disagreements"][:3]:
        yield from _wrap(f"    {text}", "      ")


def _waivers_to_paste(one: ReportFile, report: Report) -> Iterator[str]:
    waivable = {rule["id"] for rule in report["ruleset"]["rules"] if rule["waivable"]}
    failed = [outcome for outcome in phrases.failed(one) if phrases.stops(outcome, report)]
    if any(reason["code"] != "failed" and reason["file"] == one["path"] for reason in report["reasons"]):
        return
    if not failed or any(outcome["level"] == "error" and outcome["rule"] not in waivable for outcome in failed):
        return
    yield "  If that is as it should be, somebody can sign for it: put this into billproof.yaml, with reason and owner"
    yield "waivers:"
    today = max(report["run"]["as_of"], report["run"]["started"])[:10]
    expires = date.fromisoformat(today) + timedelta(days=WAIVER_DAYS)
    for outcome in failed:
        # What is counted once a file could be anything in another file: the waiver is for this one alone.
        bound = f"sha256: {one['sha256']}, " if outcome["unit"] == "file" else f"at_most: {outcome['violations']}, "
        limit = bound if outcome["level"] == "error" else ""
        yield (
            f"  - {{rule: {outcome['rule']}, organization: {_yaml(one['organization']['value'])}, "
            f'month: "{one["month"]["value"]}", {limit}reason: "", owner: "", expires: "{expires}"}}'
        )


def _yaml(organization: str | None) -> str:
    """An id as it may be pasted: plain if it is one, in quotes if anything else stands in it."""
    plain = organization is None or re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", organization)
    return (organization or "ORGANIZATION") if plain else json.dumps(organization, ensure_ascii=False)


def _limits(one: ReportFile, report: Report) -> Iterator[str]:
    if one["verdict"] != "pass":
        return
    texts = [text[0].lower() + text[1:].rstrip(".") for text in report["does_not_prove"]]
    if texts:
        yield from _wrap(f"  No file can show {'; or '.join(texts)}.", "    ")
    if any(outcome["level"] != "note" for outcome in phrases.failed(one)):
        return
    if one["totals"] is not None and one["totals"]["amount"] is not None and report["settings"]["expect_total"]["value"] is None:
        yield "    Let billproof compare the total with what you see there: --expect-total AMOUNT"
    if report["settings"]["config"] is None and report["settings"]["ruleset"]["source"] == "default":
        yield ""
        yield f"Next  billproof init {_quoted(one['path'])}   writes billproof.yaml for this organization"


def _ending(report: Report) -> Iterator[str]:
    for text in phrases.ending(report):
        yield from _wrap(text, "  ")


def _labelled(label: str, text: str, keep_lines: bool = False, margin: str = "") -> Iterator[str]:
    """`Cause      text`, wrapped under itself; nothing if there is no text."""
    from textwrap import wrap

    indent = " " * 11
    lines = text.splitlines() if keep_lines else [text] if text else []
    wrapped = [
        part
        for line in lines
        for part in wrap(
            line, WIDTH - 11 - len(margin), break_long_words=False, break_on_hyphens=False,
            drop_whitespace=not line.startswith(" "), subsequent_indent=" " * (len(line) - len(line.lstrip())),
        ) or [""]
    ]  # fmt: skip
    for number, line in enumerate(wrapped):
        yield margin + (f"{label:<11}" if number == 0 else indent) + line


def _quoted(path: str) -> str:
    return f'"{shown(path, None)}"' if any(one in path for one in " '()&") else path
