"""GitHub-flavoured Markdown for a job's summary: verdict, cause, what to do, calendar, rules, totals; the worst file first.

GitHub takes 1 MiB for a step and shows nothing of a longer one, so what does not fit is counted instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from billproof.model.values import number
from billproof.report.render import phrases, summary, verdicts
from billproof.report.render.aside import sentences
from billproof.report.render.calendar import calendar
from billproof.report.render.comparison import COLUMNS, comparisons
from billproof.report.render.phrases import escaped, fenced

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportOutcome

ROOM = 900_000
CAUSES = 8
PATHS = 3
# More files than this are folded, so that what is wrong stays on one screen.
LISTED = 20
SET_ASIDE = 20


def render_markdown(report: Report) -> str:
    """The report as Markdown; text of the file remains text, whatever it looks like."""
    if not report["files"]:
        return f"## UNPROVED: {escaped(report['reasons'][0]['text'])}\n\n{escaped(verdicts.NO_FILE)}\n"
    files = sorted(report["files"], key=lambda file: summary.WORST_FIRST.index(file["verdict"]))
    overview = "\n".join(_overview(files, report)) if len(files) > 1 else _heading(files[0], report)
    if len(files) > summary.FEW:
        files = [file for file in files if summary.says_more(file, report)]
    details = ["\n".join(_file(file, report)).strip("\n") for file in files]
    if len(report["files"]) > 1:
        details = [f"{_heading(file, report)}\n\n{text}" for file, text in zip(files, details, strict=True)]
    shown = _fitting(details, ROOM // 2)
    if len(shown) < len(details):
        more = number(len(details) - len(shown), "more file")
        shown.append(f"and {more}, left out to stay below GitHub's limit for a summary")
    if any(file["verdict"] == "pass" for file in report["files"]):
        shown += map(escaped, verdicts.limits(report))
    aside = sentences(report.get("set_aside", ()), SET_ASIDE)
    return "\n\n".join((overview, *shown, *map(escaped, aside), *map(escaped, verdicts.ending(report)))) + "\n"


def _fitting(parts: Sequence[str], room: int) -> list[str]:
    """The first parts, as many as fit into so many bytes."""
    lengths = accumulate(len(part.encode("utf-8")) + 2 for part in parts)
    return [part for part, length in zip(parts, lengths, strict=True) if length <= room]


def _heading(file: ReportFile, report: Report) -> str:
    return f"## {escaped(verdicts.headline(file, report).replace('  ', ': ', 1))}"


def _overview(files: Sequence[ReportFile], report: Report) -> Iterator[str]:
    yield f"# {report['verdict'].upper()}: {escaped(verdicts.tally(report))}"
    for text in summary.of_one_month(report):
        yield from ("", f"**{escaped(text)}**")
    if len(files) > summary.FEW:
        yield from _causes(report)
    if len(files) > LISTED:
        yield from ("", f"<details><summary>All {len(files):,} files</summary>")
    yield from ("", "| File | Verdict | Month | Total |", "|---|---|---|---:|")
    rows = []
    for file in files:
        currency, (first, *rest) = file["totals"] and file["totals"]["currency"], verdicts.totals_of(file)
        whole = f" (whole file: {phrases.in_cents(rest[0][1])})" if rest else ""
        amount = f"{phrases.amount(first[1], currency)}{whole}"
        rows.append(_row(file["path"], file["verdict"].upper(), file["month"]["value"] or "", amount))
    shown = _fitting(rows, ROOM // 2)
    yield from shown
    if len(shown) < len(rows):
        yield _row(f"and {len(rows) - len(shown):,} more", "", "", "")
    if len(files) > LISTED:
        yield from ("", "</details>")


def _causes(report: Report) -> Iterator[str]:
    """Which files are not ready, why, and what to do: a row for each cause, the worst first."""
    found = summary.groups(report)
    rows = []
    for group in found[:CAUSES]:
        which = summary.listed([file["path"] for file in group.files], PATHS)
        rows.append(_row(group.verdict.upper(), f"{number(len(group.files), 'file')}: {which}", group.name, group.why, group.fix))
    if len(found) > CAUSES:
        rows.append(_row("", number(sum(len(group.files) for group in found[CAUSES:]), "more file"), "", "", ""))
    if rows:
        yield from ("", "| Verdict | Which | Cause | Why | What to do |", "|---|---|---|---|---|", *rows)


def _file(file: ReportFile, report: Report) -> Iterator[str]:
    if file.get("error"):
        yield from ("", f"**Why:** {escaped(file['error'])}")
        return
    for text in verdicts.concessions(file, report):
        yield from ("", f"**{escaped(text)}**")
    if file.get("diagnosis"):
        yield from ("", f"**Cause:** {escaped(file['diagnosis']['cause'])}")
    if fix := phrases.what_to_do(file, report):
        yield from ("", "**What to do:**", "", *fenced(fix))
    if days := "\n".join(calendar(file)):
        yield from ("", *fenced(days))
    yield from _rules(file)
    for text in verdicts.of_record(file):
        yield from ("", escaped(text))
    for comparison in comparisons(file):
        yield from ("", f"**{escaped(comparison.heading)}:**")
        for table in comparison.tables:
            titles = _row(table.noun, *COLUMNS)
            yield from ("", titles, "|---|---:|---:|---:|", *(_row(line.label, *line.amounts) for line in table.lines))
            yield from ("", table.rest) if table.rest else ()
    yield from ("", escaped(verdicts.counts(file)), "", "| | |", "|---|---|")
    yield from (_row(label, text) for label, text in verdicts.facts(file))


def _rules(file: ReportFile) -> Iterator[str]:
    """The rules that failed, each with its first place, then those that were waived, not run or crashed."""
    rows = []
    for outcome in phrases.failed_by_level(file):
        places = [phrases.place(file["name"], finding) for finding in outcome["findings"][:1] if finding["line"] is not None]
        message = phrases.with_reason(phrases.first_message(outcome), outcome)
        rows.append(_row(_rule(outcome), outcome["level"], message, *(places or [""])))
    for outcome in phrases.in_state(file, "waived", "not_run", "crashed"):
        why = phrases.waived_by if outcome["state"] == "waived" else phrases.why_not_evaluated
        rows.append(_row(_rule(outcome), "", why(outcome), ""))
    if rows:
        yield from ("", "| Rule | Level | Found | Where |", "|---|---|---|---|", *rows)


def _rule(outcome: ReportOutcome) -> str:
    return f"{outcome['rule']} {outcome['name']}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(map(escaped, cells))} |"
