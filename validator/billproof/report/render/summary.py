"""Many files on one screen: which are not ready, why, and what to do, the worst first; and several files of one month, by path.

What a cause has in common is said once, with the paths of all files that it concerns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from billproof.model.record import Record
from billproof.model.values import month_name, number
from billproof.report.render import phrases, verdicts
from billproof.report.render.phrases import WIDTH, in_state, labelled

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report, ReportFile, ReportVerdict

WORST_FIRST = ("unproved", "fail", "pass")
# How many months with several files are named, and how many files of each.
MONTHS = 5
TWINS = 8
# Up to so many files, each is shown in full; of more, those that passed and have nothing else to say have a line.
FEW = 3
# Of a screen of 24 lines the causes have so many, so many causes at most; below them stand the verdicts. Paths of a line.
SCREEN = 20
CAUSES = 6
PATHS = 8
_NEXT = {
    "two_files": "Name the file to upload, or move the other one out of the folder.",
    "no_integration": "Add an integration for the organization to billproof.yaml.",
}
_THEN = "Correct this, and run the same command again."


class Group(Record):
    """Files that are not ready for the same cause: its name, what it is in the first of them, and the next step."""

    verdict: ReportVerdict
    name: str
    files: tuple[ReportFile, ...]
    why: str
    fix: str


def groups(report: Report) -> list[Group]:
    """The causes for which files are unproved, fail, or have a warning that an upload does not accept: the worst first, of the
    equally bad those that concern most files.
    """
    found: dict[tuple[ReportVerdict, str], Group] = {}
    for file in report["files"]:
        group = _group(file, report)
        if group is not None:
            before = found.get(group[:2], group._replace(files=()))
            found[group[:2]] = before._replace(files=(*before.files, file))
    return sorted(found.values(), key=lambda group: (WORST_FIRST.index(group.verdict), -len(group.files)))


def _group(file: ReportFile, report: Report) -> Group | None:
    """The cause for one file; None if nothing keeps it from being uploaded, or only what is so for every file."""
    reason = next((reason for reason in report["reasons"] if reason["file"] == file["path"]), None)
    failed = [outcome for outcome in phrases.failed_by_level(file) if outcome["level"] != "note"]
    if reason is not None and reason["code"] != "failed":
        name = f"{reason['code']} {reason['rule'] or ''}".strip().replace("_", "-")
        why = file.get("error") or reason["text"]
        return Group(file["verdict"], name, (file,), why, _NEXT.get(reason["code"], _THEN))
    if not failed:
        return None
    cause = file.get("diagnosis")
    outcome = next((one for one in failed if cause is not None and one["rule"] in cause["rules"]), failed[0])
    why = " ".join(cause["cause"].split()) if cause else phrases.first_message(outcome)
    rule = next(rule for rule in report["ruleset"]["rules"] if rule["id"] == outcome["rule"])
    return Group(file["verdict"], f"{outcome['rule']} {outcome['name']}", (file,), why, " ".join(rule["fix"].split()))


def says_more(file: ReportFile, report: Report) -> bool:
    """Whether there is more to say of a file than that it passed, and its total."""
    failed = any(outcome["level"] != "note" for outcome in in_state(file, "failed"))
    return file["verdict"] != "pass" or failed or any(verdicts.concessions(file, report))


def without_record(report: Report) -> Iterator[str]:
    """How many files have no record of OpenAI's costs where one is looked for."""
    lacking = sum(bool(verdicts.lacking_record(file)) for file in report["files"])
    if lacking:
        of = f"{lacking:,} of {number(len(report['files']), 'file')}"
        yield f"There is no record of OpenAI's costs for {of}. An owner can fetch them: billproof costs fetch"


def of_one_month(report: Report) -> Iterator[str]:
    """A sentence for each month of an organization that has several files, with their paths: an upload sends none of them."""
    months: dict[tuple[str, str], list[str]] = {}
    names: dict[str, str] = {}
    for file in report["files"]:
        whose, month = file["organization"]["value"], file["month"]["value"]
        if whose is not None and month is not None:
            name = phrases.organization(file) or ""
            names.setdefault(whose, name if file["integration"] is None else f"{file['integration']} ({name})")
            months.setdefault((whose, month), []).append(file["path"])
    several = [(names[whose], month, paths) for (whose, month), paths in months.items() if len(paths) > 1]
    for whose, month, paths in several[:MONTHS]:
        many = "Two" if len(paths) == 2 else f"{len(paths):,}"
        yield (
            f"{many} files of one month, {month_name(month)} of {whose}: {listed(paths, TWINS)}. An upload replaces the month, "
            "so it sends none of them: name the one to upload, or move the others out of the folder."
        )
    if len(several) > MONTHS:
        yield f"and {number(len(several) - MONTHS, 'more month')} with several files"


def listed(paths: Sequence[str], most: int) -> str:
    """The first paths, and how many more there are."""
    rest = len(paths) - most
    return ", ".join(paths[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def screen(report: Report) -> Iterator[str]:
    """The causes as lines of text that fit one screen; nothing if every file may be uploaded."""
    found, lines = groups(report), []
    for paths, texts in ((2, 2), (2, 1), (1, 1)):
        lines = [line for group in found[:CAUSES] for line in _lines(group, paths, texts)]
        if len(lines) <= SCREEN:
            break
    yield from lines
    if len(found) > CAUSES:
        names = ", ".join(f"{group.name} in {number(len(group.files), 'file')}" for group in found[CAUSES:])
        yield from _cut(labelled("And", names), 1)


def _lines(group: Group, paths: int, texts: int) -> Iterator[str]:
    """A cause, its files in so many lines, and each of its texts in so many."""
    yield from _fitting(group, paths)
    yield from _cut(labelled("Why", group.why), texts)
    yield from _cut(labelled("What to do", group.fix), texts)


def _fitting(group: Group, room: int) -> list[str]:
    """The cause by its name, and as many paths of its files as fit into some lines."""
    paths = [file["path"] for file in group.files]
    for most in range(min(len(paths), room * PATHS), 0, -1):
        text = f"{group.name} in {number(len(paths), 'file')}: {listed(paths, most)}"
        lines = list(labelled(group.verdict.upper(), text))
        if len(lines) <= room:
            break
    return lines


def _cut(lines: Iterator[str], most: int) -> Iterator[str]:
    """The first of some lines; where there are more, they end with their last whole sentence, else in …"""
    kept = list(lines)
    if len(kept) > most:
        last = kept[most - 1]
        sentences, stop, _ = last.rpartition(". ")
        kept[most - 1 :] = [f"{sentences}." if stop else f"{last[: WIDTH - 1].rpartition(' ')[0]} …"]
    yield from kept
