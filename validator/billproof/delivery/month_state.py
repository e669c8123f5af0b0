"""What state a month is in and whether anything is due: decided from its receipts, the files in the folder, and the time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Standing
from billproof.engine.verdict import Word
from billproof.model.record import Record
from billproof.model.results import HINDRANCES
from billproof.model.values import in_words, instant, month_end, month_settled, shown

State = Literal[
    "accepted", "provisional", "newer", "not_known", "refused", "missing", "open", "before", "no_destination", "unproved",
    "differs",
]  # fmt: skip


class NewFile(Record):
    """A file in an integration's folder whose bytes its destination never had. `because`: codes of why it is not ready."""

    path: str
    sha256: str
    month: str | None
    verdict: Word
    because: tuple[str, ...]


class MonthState(Record):
    """The state of one month of one integration."""

    state: State
    due: bool
    text: str


def decide(
    standing: Standing, month: str, as_of: datetime, first: str | None, new: Sequence[NewFile], folder: str | None, elsewhere: str
) -> MonthState:
    """The state of a month from its receipts, the new files of it and the time; `first` is the integration's first month,
    `elsewhere` says where else the month was uploaded to.
    """
    current = standing.current
    if standing.doubtful and (current is None or not standing.is_current(current.file_sha256)):
        text = f"due: the outcome of the upload on {standing.doubtful[-1].finished[:10]} is unknown; run the upload again"
        return MonthState("not_known", True, text)
    if standing.refused:
        last = standing.refused[-1]
        text = f"due: the upload on {last.finished[:10]} was refused: {shown(last.document['answer']['text'])}"
        return MonthState("refused", True, text)
    if current is None:
        return _not_uploaded(month, as_of, first, new, elsewhere or _new_files(new, "file", folder))
    settled = as_of >= month_settled(month)
    if new:
        return MonthState("newer", settled or any(file.verdict == "pass" for file in new), _new_files(new, "newer file", folder))
    if _is_provisional(current):
        when = "due" if settled else f"due from {in_words(month_settled(month))}"
        return MonthState("provisional", settled, f"provisional, checked too early: {when}")
    return MonthState("accepted", False, "")


def _not_uploaded(month: str, as_of: datetime, first: str | None, new: Sequence[NewFile], more: str) -> MonthState:
    more = f"; {more}" if more else ""
    if as_of < month_settled(month):
        return MonthState("open", False, f"open until {in_words(month_settled(month))}{more}")
    if first is not None and month < first and not new:
        return MonthState("before", False, f"before its first upload, {first}")
    return MonthState("missing", True, f"due: the month ended {(as_of - month_end(month)).days} days ago{more}")


def _is_provisional(receipt: Receipt) -> bool:
    """Whether the accepted file was checked before its month was final, as in OC309."""
    as_of = instant(receipt.as_of)
    return bool(receipt.document["month_to_date"]) or as_of is None or as_of < month_settled(receipt.month)


def _new_files(new: Sequence[NewFile], what: str, folder: str | None) -> str:
    ready = sum(file.verdict == "pass" for file in new)
    texts = [f"{what if ready == 1 else f'{ready} {what}s'} in {shown(folder or '', None)} not uploaded"] if ready else []
    bad = [file for file in new if file.verdict != "pass"]
    if len(bad) == 1:
        texts.append(f"{what} {shown(bad[0].path, None)} {_shortcoming(bad[0])}")
    elif bad:
        texts.append(f"{len(bad)} {what}s in {shown(folder or '', None)} are not ready to upload; billproof check says why")
    return "; ".join(texts)


def _shortcoming(file: NewFile) -> str:
    because = ", ".join(HINDRANCES.get(code, code) for code in file.because)
    return f"{'fails' if file.verdict == 'fail' else 'is not ready to upload'}: {because or 'billproof check'}"
