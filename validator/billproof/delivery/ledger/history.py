"""What was uploaded before: the last accepted upload of a month, and that of the month before."""

from __future__ import annotations

from collections.abc import Container
from functools import cache

from billproof.delivery.ledger.integrity import contents, known_before, prove
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month, Standing
from billproof.delivery.ledger.store import Ledger, LedgerError, open_ledger
from billproof.model.errors import BillproofError
from billproof.model.results import EarlierUpload, History
from billproof.model.values import cents, month_days, month_of


def look_back(ledger: str, destination: str, organization: str, month: str, before: str | None = None) -> History:
    """What the ledger in the folder `ledger` knows, or knew before the upload whose receipt has the digest `before`.

    If the ledger cannot be relied on, `lacking` says why.
    """
    try:
        opened = open_ledger(ledger)
        fault = _fault(ledger, opened.id, tuple(opened.all_files()))
        if fault is not None:
            return History(destination, lacking=fault)
        known = None if before is None else known_before(contents(opened).receipts, before)
        standing = _as_known(opened.standing(Month(destination, organization, month)), known)
        last = _upload(standing)
        earlier = _upload(_as_known(opened.standing(Month(destination, organization, month_before(month))), known))
        seen = {sha256: standing.replaced(sha256) for sha256 in standing.seen}
        replaced = {sha256: replacement(*both) for sha256, both in seen.items() if both}
    except BillproofError as error:
        return History(destination, lacking=f"{error.message}. {error.help}".strip())
    return History(destination, last, earlier, replaced=replaced)


def month_before(month: str) -> str:
    """The month before `2025-10`."""
    return month_of(month_days(month).start - 1)


@cache
def _fault(root: str, id_: str, files: tuple[tuple[str, str], ...]) -> str | None:
    """Why the ledger cannot be relied on: asked once for the same files, however many exports are checked."""
    try:
        prove(Ledger(root, id_))
    except LedgerError as error:
        return f"{error.message}. {error.help}"
    return None


def replacement(mine: Receipt, since: Receipt) -> str:
    """That a file was uploaded and superseded by another since, with both dates and totals."""
    had = "was accepted" if mine.holds else "was sent (outcome unknown)"
    other = "was superseded" if since.holds else "may have been superseded (outcome unknown)"
    text = f"{had} on {date_of(mine)} with {cents(mine.amount):,f} {mine.currency} and {other} on {date_of(since)}"
    return f"{text} by {since.file_name} with {cents(since.amount):,f}; to upload it again: upload --resend"


def date_of(receipt: Receipt) -> str:
    """When the outcome of an upload was known, to the minute."""
    return receipt.finished[:16].replace("T", " ")


def _as_known(standing: Standing, known: Container[str] | None) -> Standing:
    return standing if known is None else Standing(tuple(receipt for receipt in standing.receipts if receipt.sha256 in known))


def _upload(standing: Standing) -> EarlierUpload | None:
    last = standing.current
    if last is None:
        return None
    return EarlierUpload(
        last.destination, last.month, last.finished, last.file_sha256, last.amount, last.currency, last.days, last.projects
    )
