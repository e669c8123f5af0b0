"""Uploads and the status of months as people read them.

An upload has a line per file, then a headline. More than one month is a grid with one row per integration, then what is due.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from billproof.config.settings import Settings
from billproof.delivery.shipment import UploadResult
from billproof.delivery.visibility import not_seen, told_of_all, when_visible
from billproof.model.results import SetAside
from billproof.model.values import cents, in_words, instant, number, shown, with_name

Tree = Mapping[str, Any]
# More files than this do not fit a screen: then what did not arrive is named again at the end, so many of it.
MANY = 20
NAMED = 12
WORST_FIRST = ("unknown", "refused", "replaced")

STATUSES = {
    "accepted": "accepted", "refused": "refused", "unknown": "outcome unknown", "already_there": "already present",
    "current": "already uploaded", "replaced": "SUPERSEDED", "would_be_sent": "ready to upload", "not_sent": "not sent",
}  # fmt: skip
_SIGNS = {
    "accepted": "#", "provisional": "~", "newer": "+", "not_known": "?", "unproved": "?", "refused": "!", "missing": "!",
    "differs": "x", "no_destination": "!", "open": ".", "before": " ",
}  # fmt: skip
_LEGEND = {
    "#": "# accepted", "~": "~ provisional", "+": "+ newer file", "?": "? outcome unknown", "x": "x differs from OpenAI's record",
    "!": "! missing, refused",
    ".": ". not due yet", " ": "blank: before the first upload",
}  # fmt: skip
_WORDS = {
    "not_known": "OUTCOME UNKNOWN", "unproved": "UNPROVED", "refused": "REFUSED", "missing": "MISSING",
    "no_destination": "NO DESTINATION", "open": "open", "before": "-",
}  # fmt: skip


def result_line(result: UploadResult, width: int) -> str:
    """`research  2026-10  PASS  18,402.17 USD  accepted  id 8c1…  receipt PATH`; `width` is that of the first column."""
    amount = "-" if result.amount is None else f"{cents(result.amount):,f}"
    path = "standard input" if result.path == "-" else result.path
    name, verdict = shown(result.integration or path), (result.verdict or "-").upper()
    parts = [
        f"{name:<{width}}", result.month or "-      ", f"{verdict:<8}", f"{amount:>14} {result.currency or '   '}",
        f"{STATUSES[result.status]:<17}",
    ]  # fmt: skip
    if result.id and result.status != "current":
        parts.append(f"id {shown(result.id)}")
    if result.text and result.status not in ("accepted", "would_be_sent"):
        parts.append(shown(result.text, None))
    if result.waived:
        parts.append(f"waived: {', '.join(result.waived)}")
    if result.receipt and result.status != "current":
        parts.append(f"receipt {shown(result.receipt, None)}")
    line = f"  {'  '.join(parts)}".rstrip()
    return f"{line}\n{result.text}" if result.status == "would_be_sent" else line


def headline(results: Sequence[UploadResult], dry_run: bool) -> str:
    """`ALL UPLOADED`, `NOT ALL UPLOADED` or `NOTHING SENT`, and what follows from it."""
    statuses = [result.status for result in results]
    accepted, current = statuses.count("accepted") + statuses.count("already_there"), statuses.count("current")
    lost = statuses.count("refused") + statuses.count("unknown")
    if lost:
        return f"NOT ALL UPLOADED  {accepted} accepted, {lost} not. {_again(results, lost)}"
    if accepted:
        return f"ALL UPLOADED  {accepted} accepted{_already(current)}"
    if dry_run and "would_be_sent" in statuses:
        return f"NOTHING SENT  dry run: {number(statuses.count('would_be_sent'), 'file')} ready to upload{_already(current)}"
    if results and current == len(statuses):
        return f"NOTHING SENT  {number(current, 'file')} already uploaded; nothing new"
    stopped = [result for result in results if result.status == "replaced" or result.verdict in ("fail", "unproved")]
    of = f"{len(stopped)} of {number(len(statuses), 'file')}"
    return f"NOTHING SENT  {of} not ready to upload; billproof sends nothing until all are"


def other_months(files: Sequence[SetAside]) -> str:
    """How many files are of other months than the one that was asked for; empty if none is."""
    count = sum(file.reason == "other_month" for file in files)
    return f"Set aside: {number(count, 'file')} of other months" if count else ""


def stands_alone(result: UploadResult, count: int) -> bool:
    """Whether a file has a line of its own: of very many, those that were not to be sent are only counted."""
    return count <= MANY or result.status not in ("current", "not_sent")


def ending(results: Sequence[UploadResult], width: int, dry_run: bool, settings: Settings) -> Iterator[str]:
    """What is said when every file has its result: of very many once more what did not arrive, then the headline, and by when
    the last upload should be seen.
    """
    if not results:
        return
    lost = [result for result in results if result.status in WORST_FIRST]
    if lost and sum(stands_alone(result, len(results)) for result in results) > MANY:
        yield "Not uploaded, the worst first:"
        lost.sort(key=lambda result: WORST_FIRST.index(result.status))
        yield from (result_line(result, width) for result in lost[:NAMED])
        if len(lost) > NAMED:
            yield f"  and {number(len(lost) - NAMED, 'more file')}"
    yield headline(results, dry_run)
    yield from seen_by(results, settings)


def seen_by(results: Sequence[UploadResult], settings: Settings) -> Iterator[str]:
    """A sentence for each destination that takes time to show what it accepted now."""
    latest: dict[str, datetime] = {}
    for result in results:
        name, by = when_visible(result, settings)
        if name is not None and by is not None and result.status != "current":
            latest[name] = max(by, latest.get(name, by))
    yield from (told_of_all(by, name) for name, by in latest.items())


def what_must_change(code: int | None) -> str:
    """What stands in the way of a file that was refused with a code (None: nothing was sent); empty if only time does."""
    if code in (429, 503):
        return ""
    if code in (401, 403):
        return "the token: both of its parts, its role, and its environment (US or EU)"
    if code == 407:
        return "the user and password of your proxy in HTTPS_PROXY"
    if code is not None and (300 <= code <= 399 or code in (404, 405, 410)):
        return "`base_url`, `path`, `method` or the integration ID"
    if code is None:
        return "what its line names, if that does not pass by itself"
    return "`file`, its field, or what the server's message names"


def _again(results: Sequence[UploadResult], lost: int) -> str:
    """What the same command would do again, and what it needs first."""
    lasting = [result.until for result in results if result.until]
    of = "" if len(lasting) == lost else f" for {len(lasting)} of them"
    text = "Running the same command again is safe"
    text += (
        f", but changes nothing{of} until you fix {'; '.join(dict.fromkeys(lasting))}."
        if lasting
        else "; accepted files are not sent again."
    )
    if any(result.status == "unknown" for result in results):
        text += " A file whose outcome is unknown is sent again; if it arrived the first time, that changes nothing."
    return text


def _already(count: int) -> str:
    return f", {count} already uploaded" if count else ""


def render_status(status: Tree) -> str:
    """A status (`schemas/status.v1.schema.json`) as text, ending in a line feed."""
    several = status["from"] != status["to"]
    width = max(len(row["name"]) for row in status["integrations"])
    lines = [*_grid(status, width), "", *_totals(status, width), ""] if several else []
    for row in status["integrations"]:
        told = [month for month in row["months"] if month["due"] or not several or _is_awaited(status, month)]
        lines += [_line(row["name"], month, width) for month in told]
    lines += _notes(status, width)
    lines += [_headline(status), f"Configuration: {status['config']['path']}"]
    return "\n".join(shown(line.rstrip(), None) for line in lines) + "\n"


def _grid(status: Tree, width: int) -> Iterator[str]:
    """A block for each year, so that a line never grows beyond twelve months."""
    months = [month["month"] for month in status["integrations"][0]["months"]]
    for year in sorted({month[:4] for month in months}):
        yield f"  {year:<{width}}  " + " ".join(month[5:] for month in months if month[:4] == year)
        for row in status["integrations"]:
            signs = [_SIGNS[month["state"]] for month in row["months"] if month["month"][:4] == year]
            yield f"  {row['name']:<{width}}  " + "  ".join(signs)
    used = {_SIGNS[month["state"]] for row in status["integrations"] for month in row["months"]}
    yield "  " + "  ".join(text for sign, text in _LEGEND.items() if sign in used)


def _totals(status: Tree, width: int) -> Iterator[str]:
    for row in status["integrations"]:
        head, months = f"  {row['name']:<{width}}", f"{number(len(_past(row['months'])), 'month')} accepted"
        recorded = sum(month["costs"] is not None for month in row["months"])
        more = f"  {number(recorded, 'month')} with OpenAI's record" if recorded else ""
        for total in row["totals"]:
            yield f"{head}  {total['months']:>2} of {months:<18}  {_amount(total)}{more}"
        if not row["totals"]:
            yield f"{head}   0 of {months}"


def _line(name: str, month: Tree, width: int) -> str:
    accepted = f"accepted {month['accepted'][:10]}" if month["accepted"] else "-"
    word = f"ONLY AT {month['elsewhere']}" if month["state"] == "missing" and month["elsewhere"] else ""
    head = f"  {name:<{width}}  {month['month']}  {word or _WORDS.get(month['state'], accepted):<19}"
    return f"{head}  {_amount(month)}   {month['text']}" if month["amount"] is not None else f"{head}   {month['text']}"


def _amount(total: Tree) -> str:
    return f"{cents(Decimal(total['amount'])):>12,f} {total['currency']}"


def _notes(status: Tree, width: int) -> Iterator[str]:
    for row in status["integrations"]:
        for file in row["unplaced"]:
            yield f"  {row['name']:<{width}}  {file['path']} has no readable month; due: billproof check says why"
        for text in row["unread"]:
            yield f"  {row['name']:<{width}}  {text}"
        if row["files"] is None and row["destination"] is not None:
            yield f"  {row['name']:<{width}}  has no `files` in billproof.yaml, so newer files are not found"
    slow = {row["destination"]: True for row in status["integrations"] if any(map(partial(_is_seen, status), row["months"]))}
    yield from (f"  {not_seen(destination)}" for destination in slow)
    for other in status["elsewhere"]:
        whose = shown(with_name(other["organization"], other.get("organization_name")))
        yield f"  Not shown: {number(other['months'], 'month')} of {whose} at {other['destination']}"


def _is_awaited(status: Tree, month: Tree) -> bool:
    """Whether the destination may still take time to show an upload."""
    return month["visible_by"] is not None and month["visible_by"] > status["as_of"]


def _is_seen(status: Tree, month: Tree) -> bool:
    """Whether an upload should be seen by now."""
    return month["visible_by"] is not None and month["visible_by"] <= status["as_of"]


def _past(months: Sequence[Tree]) -> list[Tree]:
    """The months that could be due."""
    return [month for month in months if month["state"] not in ("open", "before")]


def _headline(status: Tree) -> str:
    as_of = instant(status["as_of"])
    when = f"as of {in_words(as_of)}" if as_of else ""
    months = [month for row in status["integrations"] for month in row["months"]]
    if any(row["unread"] for row in status["integrations"]):
        return f"UNPROVED  some files could not be read, {when}"
    past, due = _past(months), sum(month["due"] for month in months)
    unplaced = sum(len(row["unplaced"]) for row in status["integrations"])
    could = number(len(past), "month")
    parts = [f"{due} of {could}" if due else could] if due or (past and not unplaced) else []
    parts += [f"{number(unplaced, 'file')} without a readable month"] if unplaced else []
    ahead = sum(month["state"] == "open" for month in months)
    parts += [f"{number(ahead, 'month')} not due yet"] if ahead else []
    return f"{'DUE' if due or unplaced else 'NOTHING DUE'}  {', '.join([*parts, when])}"
