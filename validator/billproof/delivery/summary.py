"""The results of an upload, as people read them: one line per file, then one headline."""

from __future__ import annotations

from collections.abc import Sequence

from billproof.delivery.shipment import UploadResult
from billproof.model.values import cents, shown

_STATUSES = {
    "accepted": "accepted", "refused": "refused", "unknown": "outcome unknown", "already_there": "already present",
    "current": "already uploaded", "replaced": "SUPERSEDED", "would_be_sent": "ready to upload", "not_sent": "not sent",
}  # fmt: skip


def result_line(result: UploadResult, width: int) -> str:
    """`research  2026-10  PASS  18,402.17 USD  accepted  id 8c1…  receipt PATH`; `width` is that of the first column."""
    amount = "-" if result.amount is None else f"{cents(result.amount):,f}"
    name, verdict = shown(result.integration or _named(result.path)), (result.verdict or "-").upper()
    parts = [
        f"{name:<{width}}", result.month or "-      ", f"{verdict:<8}", f"{amount:>14} {result.currency or '   '}",
        f"{_STATUSES[result.status]:<17}",
    ]  # fmt: skip
    if result.id:
        parts.append(f"id {shown(result.id)}")
    if result.text and result.status not in ("accepted", "would_be_sent"):
        parts.append(shown(result.text, None))
    if result.waived:
        parts.append(f"waived: {', '.join(result.waived)}")
    if result.receipt:
        parts.append(f"receipt {shown(result.receipt, None)}")
    line = f"  {'  '.join(parts)}".rstrip()
    return f"{line}\n{result.text}" if result.status == "would_be_sent" else line


def _named(path: str) -> str:
    return "standard input" if path == "-" else path


def headline(results: Sequence[UploadResult], dry_run: bool) -> str:
    """`ALL UPLOADED`, `NOT ALL UPLOADED` or `NOTHING SENT`, and what follows from it."""
    statuses = [result.status for result in results]
    accepted, current = statuses.count("accepted") + statuses.count("already_there"), statuses.count("current")
    lost = statuses.count("refused") + statuses.count("unknown")
    if lost:
        text = f"NOT ALL UPLOADED  {accepted} accepted, {lost} not. Running the same command again is safe: "
        return text + "accepted files are not sent twice, and the same bytes may arrive twice without harm."
    if accepted:
        return f"ALL UPLOADED  {accepted} accepted{_already(current)}"
    if dry_run and "would_be_sent" in statuses:
        return f"NOTHING SENT  dry run: {_files(statuses.count('would_be_sent'))} ready to upload{_already(current)}"
    if results and current == len(statuses):
        return f"NOTHING SENT  {_files(current)} already uploaded; nothing new"
    stopped = [result for result in results if result.status == "replaced" or result.verdict in ("fail", "unproved")]
    return f"NOTHING SENT  {len(stopped)} of {_files(len(statuses))} not ready to upload; billproof sends nothing until all are"


def _already(count: int) -> str:
    return f", {count} already uploaded" if count else ""


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
