"""What became of an upload, as people read it: a line a file, then one headline."""

from __future__ import annotations

from collections.abc import Sequence

from billproof.delivery.shipment import Sending
from billproof.model.values import cents, shown

_WORDS = {"pass": "PASS", "fail": "FAIL", "unproved": "UNPROVED", None: "-"}
_FATES = {
    "accepted": "accepted", "refused": "not accepted", "unknown": "not known", "already_there": "was there already",
    "current": "is there", "replaced": "REFUSED", "would_be_sent": "would be sent", "not_sent": "not sent",
}  # fmt: skip


def sending_line(one: Sending, width: int) -> str:
    """`research  2026-10  PASS  18,402.17 USD  accepted  id 8c1…  receipt PATH`; `width` is that of the first column."""
    amount = "-" if one.amount is None else f"{cents(one.amount):,f}"
    parts = [
        f"{shown(one.integration or _named(one.path)):<{width}}", one.month or "-      ", f"{_WORDS[one.verdict]:<8}",
        f"{amount:>14} {one.currency or '   '}", f"{_FATES[one.fate]:<17}",
    ]  # fmt: skip
    if one.id:
        parts.append(f"id {shown(one.id)}")
    if one.text and one.fate not in ("accepted", "would_be_sent"):
        parts.append(shown(one.text, None))
    if one.signed:
        parts.append(f"signed for: {', '.join(one.signed)}")
    if one.receipt and one.fate != "current":
        parts.append(f"receipt {shown(one.receipt, None)}")
    line = f"  {'  '.join(parts)}".rstrip()
    return f"{line}\n{one.text}" if one.fate == "would_be_sent" else line


def _named(path: str) -> str:
    return "standard input" if path == "-" else path


def headline(sendings: Sequence[Sending], dry_run: bool) -> str:
    """`ALL UPLOADED`, `NOT ALL UPLOADED` or `NOTHING SENT`, and what follows from it."""
    fates = [one.fate for one in sendings]
    accepted, there = fates.count("accepted") + fates.count("already_there"), fates.count("current")
    lost = fates.count("refused") + fates.count("unknown")
    if lost:
        text = f"NOT ALL UPLOADED  {accepted} accepted, {lost} not. Running the same command again is safe: "
        return text + "accepted files are not sent twice, and the same bytes may arrive twice without harm."
    if accepted:
        return f"ALL UPLOADED  {accepted} accepted" + (f", {there} there already" if there else "")
    if dry_run and "would_be_sent" in fates:
        return f"NOTHING SENT  a dry run: {_files(fates.count('would_be_sent'))} would be sent" + _there(there)
    if sendings and there == len(fates):
        return f"NOTHING SENT  {_files(there)} there already; nothing is new"
    stopped = [one for one in sendings if one.fate == "replaced" or one.verdict in ("fail", "unproved")]
    return f"NOTHING SENT  {len(stopped)} of {_files(len(fates))} may not be uploaded; nothing is sent before all may"


def _there(count: int) -> str:
    return f", {count} there already" if count else ""


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
