"""What was uploaded before: the last accepted upload of a month, and that of the month before."""

from __future__ import annotations

from functools import cache

from validator.chain import prove
from validator.errors import BillproofError
from validator.ledger import Ledger, LedgerFault, Month, open_ledger
from validator.model import EarlierUpload, History
from validator.values import month_days, month_of


def look_back(ledger: str, destination: str, organization: str, month: str) -> History:
    """What the ledger in the folder `ledger` knows. One that cannot be relied on is told in `lacking`, never passed over."""
    try:
        found = open_ledger(ledger)
        fault = _fault(ledger, found.id, tuple(found.all_files()))
        if fault is not None:
            return History(destination, lacking=fault)
        last = _upload(found, Month(destination, organization, month))
        before = _upload(found, Month(destination, organization, month_before(month)))
    except BillproofError as error:
        return History(destination, lacking=f"{error.message}. {error.help}".strip())
    return History(destination, last, before)


def month_before(month: str) -> str:
    """The month before `2025-10`."""
    return month_of(month_days(month).start - 1)


@cache
def _fault(root: str, id_: str, files: tuple[tuple[str, str], ...]) -> str | None:
    """Why the ledger cannot be relied on: asked once for the same files, however many exports are checked."""
    try:
        prove(Ledger(root, id_))
    except LedgerFault as error:
        return f"{error.message}. {error.help}"
    return None


def _upload(ledger: Ledger, month: Month) -> EarlierUpload | None:
    one = ledger.standing(month).current
    if one is None:
        return None
    return EarlierUpload(
        one.destination, one.month, one.finished, one.file_sha256, one.amount, one.currency, one.days, one.projects
    )
