"""The report as people read it: verdict, cause, what to do, calendar, rules, totals, what a file cannot prove, next step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from billproof.model.values import shown
from billproof.report.render import phrases, verdicts
from billproof.report.render.calendar import calendar
from billproof.report.render.phrases import WIDTH, in_state, labelled, stops, wrap

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportFinding, ReportOutcome

Detail = Literal["quiet", "normal", "verbose"]

RULE_LINES = 12
FEW_RULES = 4
NAMED = 2
SET_ASIDE = 3


def render_text(report: Report, detail: Detail = "normal", explain: bool = False, has_waivers: bool = False) -> str:
    """The report as text for a terminal or a log. `quiet` keeps the verdicts, `verbose` adds every finding's place.

    `explain` adds to each failed rule why it matters, what to do, and where that is from; it adds nothing to a verdict alone.
    `has_waivers`: the configuration that was used has some, so that one to paste goes below them.
    """
    files = report["files"]
    if len(files) > 1:
        return _several(report, detail, explain, has_waivers)
    lines = list(_file(files[0], report, detail, explain, has_waivers)) if files else _nothing(report)
    return "\n".join((*lines, *_ending(report, detail))) + "\n"


def _several(report: Report, detail: Detail, explain: bool, has_waivers: bool) -> str:
    """Several files: those of one month first, then each file, and at the end, in sight on a terminal, the summary."""
    from billproof.report.render import summary

    twice = summary.of_one_month(report) if detail != "quiet" else ()
    blocks = [[line for text in twice for line in wrap(text, "  ")]]
    brief = len(report["files"]) > summary.FEW and detail == "normal" and not explain
    for file in report["files"]:
        whole = not brief or summary.says_more(file, report)
        blocks.append(list(_file(file, report, detail, explain, has_waivers) if whole else _line(file, report)))
    if detail != "quiet" and any(file["verdict"] == "pass" for file in report["files"]):
        blocks.append([line for text in verdicts.limits(report) for line in wrap(text, "  ")])
    if brief:
        blocks.append([line for text in summary.without_record(report) for line in wrap(text, "  ")])
    if detail != "quiet" and len(report["files"]) > summary.FEW:
        blocks.append(list(summary.screen(report)))
    blocks.append([verdicts.tally(report)])
    return "\n".join((_joined([block for block in blocks if block], detail), *_ending(report, detail))) + "\n"


def _nothing(report: Report) -> list[str]:
    return [f"UNPROVED  {report['reasons'][0]['text']}", "", verdicts.NO_FILE]


def _ending(report: Report, detail: Detail) -> Iterator[str]:
    return (line for text in (*_set_aside(report, detail), *verdicts.ending(report)) for line in wrap(text, "  "))


def _joined(blocks: Sequence[Sequence[str]], detail: Detail) -> str:
    """Blocks below each other, an empty line between them, but between two of one line."""
    apart = ["\n" if detail == "quiet" or len(one) == len(other) == 1 else "\n\n" for one, other in pairwise(blocks)]
    return "".join("\n".join(block) + end for block, end in zip(blocks, [*apart, ""], strict=True))


def _line(file: ReportFile, report: Report) -> Iterator[str]:
    """One of many files that passed: its verdict and its total."""
    total, currency = verdicts.totals_of(file)[0][1], file["totals"] and file["totals"]["currency"]
    yield verdicts.headline(file, report, phrases.amount(total, currency))


def _set_aside(report: Report, detail: Detail) -> Iterator[str]:
    """The files that were not judged: the first few, or with `verbose` all."""
    if "set_aside" in report:
        from billproof.report.render.aside import sentences

        yield from sentences(report["set_aside"], None if detail == "verbose" else SET_ASIDE)


def _file(file: ReportFile, report: Report, detail: Detail, explain: bool, has_waivers: bool) -> Iterator[str]:
    yield verdicts.headline(file, report)
    if detail == "quiet":
        yield from _reason(file)
        return
    if file.get("error"):
        yield from labelled("Why", file["error"])
        return
    yield from (line for text in verdicts.concessions(file, report) for line in wrap(f"  {text}", "    "))
    for reason in report["reasons"]:
        if reason["code"] == "replaced" and reason["file"] == file["path"]:
            yield from wrap(f"  It {reason['text']}", "    ")
    yield from _cause(file, report)
    # A file that does not pass has its totals only where that of its month is another one.
    wanted = file["verdict"] == "pass" or len(verdicts.totals_of(file)) > 1
    facts = [
        f"  {label:<14}{text}"
        for label, text in (verdicts.facts(file) if wanted else ())
        if file["verdict"] == "pass" or label.endswith("total")
    ]
    facts += [line for text in verdicts.of_record(file) for line in wrap(f"  {text}", "    ")]
    for part in (facts, list(calendar(file)), list(_rules(file, report, detail, explain))):
        if part:
            yield from ("", *part)
    if "last_upload" in file or "upload_before" in file:
        from billproof.report.render.comparison import lines_of

        doubted = any(outcome["level"] != "note" for outcome in in_state(file, "failed", "waived"))
        yield from lines_of(file) if file["verdict"] == "fail" or doubted or detail == "verbose" else ()
    yield ""
    yield from _counts(file)
    if file["verdict"] == "pass":
        yield from _limits(file, report)
    else:
        yield from waivers_to_paste(file, report, has_waivers)


def _reason(file: ReportFile) -> Iterator[str]:
    """Why a file fails or could not be read, in a line: its cause, else the gravest rule that failed."""
    failed = phrases.failed_by_level(file)
    if "diagnosis" in file:
        yield from wrap(f"  {file['diagnosis']['cause'].splitlines()[0]}", "    ")
    elif file.get("error"):
        yield from wrap(f"  {file['error']}", "    ")
    elif file["verdict"] == "fail" and failed:
        yield from wrap(f"  {failed[0]['rule']} {failed[0]['name']}: {phrases.first_message(failed[0])}", "    ")


def _cause(file: ReportFile, report: Report) -> Iterator[str]:
    diagnosis, fix = file.get("diagnosis"), phrases.what_to_do(file, report)
    if diagnosis or fix:
        yield ""
    if diagnosis:
        yield from labelled("Cause", diagnosis["cause"])
    if fix:
        yield from labelled("What to do", fix, keep_lines=diagnosis is not None)


def _rules(file: ReportFile, report: Report, detail: Detail, explain: bool) -> Iterator[str]:
    outcomes = phrases.failed_by_level(file)
    whole = detail == "verbose" or explain
    explained = file["diagnosis"]["rules"] if "diagnosis" in file and not whole else ()
    for outcome in outcomes if whole else outcomes[:RULE_LINES]:
        line = f"  {outcome['rule']} {outcome['name']}  {outcome['level']}  {phrases.first_message(outcome)}"
        reason = [f"        {outcome['reason']}"] if outcome.get("reason") else []
        if outcome["rule"] in explained:
            short = line if len(line) <= WIDTH else line[: WIDTH - 2].rpartition(" ")[0] + " …"
            # The money of a key is at the end of its message.
            yield from wrap(line, " " * 8) if outcome["unit"] == "key" else [short]
            yield from reason
            continue
        yield from (*wrap(line, " " * 8), *reason)
        if detail == "verbose" or len(outcomes) <= FEW_RULES:
            yield from _places(outcome["findings"] if detail == "verbose" else outcome["findings"][:1], file)
        if explain:
            yield from _explanation(outcome, file, report)
    if not whole and len(outcomes) > RULE_LINES:
        yield f"  and {len(outcomes) - RULE_LINES} more rules: --verbose"


def _explanation(outcome: ReportOutcome, file: ReportFile, report: Report) -> Iterator[str]:
    """Why a failed rule matters, what to do unless that is said above, and where it is from."""
    rule = next(rule for rule in report["ruleset"]["rules"] if rule["id"] == outcome["rule"])
    fix = rule["fix"] if rule["fix"] != phrases.what_to_do(file, report) else ""
    for label, text in (("Why", rule["why"]), ("What to do", fix), ("See", "\n".join(rule["refs"]))):
        yield from labelled(label, text, keep_lines=label == "See", margin=" " * 8)


def _places(findings: list[ReportFinding], file: ReportFile) -> Iterator[str]:
    """`file:line:column  "value"`, as editors take it; nothing where a finding is of the whole file."""
    for finding in findings:
        if finding["line"] is not None:
            value = f'  "{finding["value"]}"' if finding["value"] is not None else ""
            expected = f"; expected {finding['expected']}" if finding["expected"] and value else ""
            yield f"        {phrases.place(file['path'], finding)}{value}{expected}"


def _counts(file: ReportFile) -> Iterator[str]:
    reasons: dict[str, list[str]] = {}
    not_run = phrases.in_state(file, "not_run")
    for outcome in (*not_run, *phrases.in_state(file, "crashed")):
        reasons.setdefault(outcome["reason"], []).append(f"{outcome['rule']} {outcome['name']}")
    yield f"  {verdicts.counts(file)}" + (":" if not_run else "")
    for reason, rules in reasons.items():
        yield from wrap(f"    {', '.join(rules)}  {reason}", "      ")
    if file["verdict"] != "pass":
        for text in phrases.skipped(file, NAMED):
            yield from wrap(f"  {text}", "    ")
    month = file["month"]
    if file["verdict"] == "fail" and month["value"] and file["export"] == "cost":
        source = "was read from the rows" if month["source"] == "inferred" else f"comes from {month['source']}"
        yield f"  The month {month['value']} {source}. To check another month: --month YYYY-MM"
    if "second_opinion" in file:
        yield f"  Second opinion: {verdicts.second_opinion(file['second_opinion'])}"
        for text in file["second_opinion"]["disagreements"][:3]:
            yield from wrap(f"    {text}", "      ")


def _limits(file: ReportFile, report: Report) -> Iterator[str]:
    """What a file that passes cannot prove, unless that is said below all files, and the next step."""
    if len(report["files"]) == 1:
        yield from (line for text in verdicts.limits(report) for line in wrap(f"  {text}", "    "))
    if any(outcome["level"] != "note" for outcome in phrases.in_state(file, "failed")):
        return
    settings, totals = report["settings"], file["totals"]
    # The option is for one file; and nobody need read a total that OpenAI's own record has confirmed.
    expected = settings["expect_total"]["value"] is not None or "expected_total" in file
    compared = len(report["files"]) > 1 or expected or file.get("costs", {}).get("agrees")
    if totals is not None and totals["amount"] is not None and not compared:
        yield "    To have billproof compare the total: --expect-total AMOUNT"
    if settings["config"] is None and settings["ruleset"]["source"] == "default":
        yield from ("", f"Next  billproof init {_quoted(file['path'])}   creates billproof.yaml for this organization")


def _quoted(path: str) -> str:
    return f'"{shown(path, None)}"' if any(mark in path for mark in " '()&") else path


WAIVER_DAYS = 90


def waivers_to_paste(file: ReportFile, report: Report, has_waivers: bool) -> Iterator[str]:
    """The lines of YAML, below a line that says what they are for; nothing where a waiver would not make the file pass. The key
    `waivers` is not among them if the configuration has it.
    """
    waivable = {rule["id"] for rule in report["ruleset"]["rules"] if rule["waivable"]}
    outcomes = [outcome for outcome in in_state(file, "failed") if stops(outcome, report)]
    if any(reason["code"] != "failed" and reason["file"] == file["path"] for reason in report["reasons"]):
        return
    if not outcomes or any(outcome["level"] == "error" and outcome["rule"] not in waivable for outcome in outcomes):
        return
    these = "this waiver" if len(outcomes) == 1 else "these waivers"
    where = "below waivers: in" if has_waivers else "to"
    yield f"  If this is expected, add {these} {where} billproof.yaml and fill in reason and owner"
    if not has_waivers:
        yield "waivers:"
    today = max(report["run"]["as_of"], report["run"]["started"])[:10]
    expires = date.fromisoformat(today) + timedelta(days=WAIVER_DAYS)
    for outcome in outcomes:
        yield (
            f"  - {{rule: {outcome['rule']}, organization: {_yaml(file['organization']['value'])}, "
            f'month: "{file["month"]["value"]}", {_limit(outcome, file)}reason: "", owner: "", expires: "{expires}"}}'
        )


def _limit(outcome: ReportOutcome, file: ReportFile) -> str:
    """What an error's waiver must not go beyond. What is counted once a file could be anything in another: this file alone."""
    if outcome["level"] != "error":
        return ""
    return f"sha256: {file['sha256']}, " if outcome["unit"] == "file" else f"at_most: {outcome['violations']}, "


def _yaml(organization: str | None) -> str:
    """An id as it may be pasted: plain if it is one, in quotes if it contains anything else."""
    plain = organization is None or re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", organization)
    return (organization or "ORGANIZATION") if plain else json.dumps(organization, ensure_ascii=False)
