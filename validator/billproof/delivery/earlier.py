"""What is known outside a file: every command hands `KNOWN` to the engine.

The ledger knows of earlier uploads, a record of what OpenAI says. What reads them is loaded only if they are there.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Final

from billproof.engine.pipeline import Known
from billproof.model.costs import CostsAtHand
from billproof.model.errors import BillproofError
from billproof.model.results import EarlierUpload, History, Sourced
from billproof.model.values import month_before

if TYPE_CHECKING:
    from billproof.config.settings import Settings
    from billproof.delivery.ledger.receipt import Standing


def earlier_uploads(settings: Settings, organization: Sourced, month: Sourced) -> History:
    """The earlier uploads of an organization and month; `lacking` says why nothing is known."""
    config = settings.config
    ledger = config.ledger() if config else None
    if config is None or ledger is None:
        how = "add `ledger:` to billproof.yaml" if config else "`billproof init`"
        return History(lacking=f"no ledger is configured: {how}")
    integration = config.integration_of(organization.value)
    destination = settings.to or (integration.to if integration else None)
    if destination is None or organization.value is None or month.value is None:
        return History(lacking="no destination is configured for its organization")
    try:
        return _look_back(ledger, destination, organization.value, month.value, settings.before)
    except BillproofError as error:
        return History(destination, lacking=f"{error.message}. {error.help}".strip())


def costs_at_hand(settings: Settings, organization: Sourced, month: Sourced, ended: datetime) -> CostsAtHand:
    """The record of OpenAI's costs to compare with, or why there is none. Raises Unreadable for one that cannot be relied on."""
    if settings.compares_costs:
        from billproof.openai.find import find_costs

        return find_costs(settings, organization, month, ended)
    lacking = "there is no record of OpenAI's own costs. An owner of the organization can fetch one: billproof costs fetch"
    return CostsAtHand(ended, lacking=lacking, demanded=settings.costs_required)


KNOWN: Final = Known(earlier_uploads, costs_at_hand)


def _look_back(root: str, destination: str, organization: str, month: str, before: str | None) -> History:
    """What the ledger knows, or knew before the upload whose receipt has the digest `before`. Raises LedgerError or NoLedger."""
    from billproof.delivery.ledger.integrity import contents, known_before
    from billproof.delivery.ledger.receipt import Month, replacement
    from billproof.delivery.ledger.store import open_ledger

    ledger = open_ledger(root)
    error = _error(root, ledger.id, tuple(ledger.all_files()))
    if error is not None:
        return History(destination, lacking=error)
    known = None if before is None else known_before(contents(ledger).receipts, before)
    standing = _as_known(ledger.standing(Month(destination, organization, month)), known)
    previous = _as_known(ledger.standing(Month(destination, organization, month_before(month))), known)
    seen = {sha256: standing.replaced(sha256) for sha256 in standing.seen}
    replaced = {sha256: replacement(*both) for sha256, both in seen.items() if both}
    return History(destination, _upload(standing), _upload(previous), replaced=replaced)


@cache
def _error(root: str, id_: str, files: tuple[tuple[str, str], ...]) -> str | None:
    """Why the ledger cannot be relied on: asked once for the same files, however many exports are checked."""
    from billproof.delivery.ledger.integrity import prove
    from billproof.delivery.ledger.store import Ledger, LedgerError

    try:
        prove(Ledger(root, id_))
    except LedgerError as error:
        return f"{error.message}. {error.help}"
    return None


def _as_known(standing: Standing, known: Container[str] | None) -> Standing:
    return standing._replace(receipts=tuple(receipt for receipt in standing.receipts if known is None or receipt.sha256 in known))


def _upload(standing: Standing) -> EarlierUpload | None:
    last = standing.current
    if last is None:
        return None
    return EarlierUpload(**{name: getattr(last, name) for name in EarlierUpload._fields})
