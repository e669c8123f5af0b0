"""What state a month is in and whether anything is due: decided from its receipts, the files that lie there, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Standing
from billproof.engine.verdict import Word
from billproof.model.record import Record
from billproof.model.results import HINDRANCES
from billproof.model.values import in_words, instant, month_end, month_settled, shown

State = Literal[
    "accepted", "provisional", "newer", "not_known", "refused", "missing", "open", "before", "no_destination", "unproved",
]  # fmt: skip


class NewFile(Record):
    """A file in an integration's folder whose bytes its destination never had. `because`: what keeps it from being sent."""

    path: str
    sha256: str
    month: str | None
    verdict: Word
    because: tuple[str, ...]


class Finding(Record):
    """The state of one month of one integration."""

    state: State
    due: bool
    text: str


def decide(
    standing: Standing, month: str, as_of: datetime, first: str | None, new: Sequence[NewFile], folder: str | None
) -> Finding:
    """The state of a month from its receipts, the new files of it and the time; `first` is the integration's first month."""
    current = standing.current
    if standing.doubtful and (current is None or not standing.is_current(current.file_sha256)):
        text = f"due: nobody heard the answer of {_date(standing.doubtful[-1])}; run the upload again"
        return Finding("not_known", True, text)
    if standing.receipts and standing.receipts[-1].status == "refused":
        last = standing.receipts[-1]
        text = f"due: the upload of {_date(last)} was not accepted: {shown(last.document['answer']['text'])}"
        return Finding("refused", True, text)
    if current is None:
        return _not_uploaded(month, as_of, first, new, folder)
    settled = as_of >= month_settled(month)
    if new:
        return Finding("newer", settled or any(one.verdict == "pass" for one in new), _told(new, "newer file", folder))
    if _is_provisional(current):
        when = "due" if settled else f"due from {in_words(month_settled(month))}"
        return Finding("provisional", settled, f"provisional, judged too early: {when}")
    return Finding("accepted", False, "")


def _not_uploaded(month: str, as_of: datetime, first: str | None, new: Sequence[NewFile], folder: str | None) -> Finding:
    there = f"; {_told(new, 'file', folder)}" if new else ""
    if as_of < month_settled(month):
        return Finding("open", False, f"open until {in_words(month_settled(month))}{there}")
    if first is not None and month < first and not new:
        return Finding("before", False, f"before its first upload, {first}")
    return Finding("missing", True, f"due: the month ended {(as_of - month_end(month)).days} days ago{there}")


def _is_provisional(one: Receipt) -> bool:
    """Whether the accepted file was judged while the month could still grow (as OC309 has it)."""
    as_of = instant(one.as_of)
    return bool(one.document["month_to_date"]) or as_of is None or as_of < month_settled(one.month)


def _told(new: Sequence[NewFile], what: str, folder: str | None) -> str:
    ready = sum(one.verdict == "pass" for one in new)
    texts = [f"{what if ready == 1 else f'{ready} {what}s'} in {shown(folder or '', None)} not uploaded"] if ready else []
    texts += [f"{what} {shown(one.path, None)} {_shortcoming(one)}" for one in new if one.verdict != "pass"]
    return "; ".join(texts[:2]) + (f"; and {len(texts) - 2} more" if len(texts) > 2 else "")


def _shortcoming(one: NewFile) -> str:
    because = ", ".join(HINDRANCES.get(code, code) for code in one.because)
    return f"{'does not pass' if one.verdict == 'fail' else 'would not be uploaded'}: {because or 'billproof check'}"


def _date(one: Receipt) -> str:
    return one.finished[:10]
