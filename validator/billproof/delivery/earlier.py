"""What is known outside a file: every command hands it to the engine.

The ledger knows of earlier uploads, a record of what OpenAI says. What reads them is loaded only if they are there.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from billproof.engine.pipeline import Known
from billproof.model.costs import CostsAtHand
from billproof.model.errors import BillproofError
from billproof.model.results import EarlierUpload, History, Sourced
from billproof.model.values import month_before

if TYPE_CHECKING:
    from billproof.config.settings import Settings
    from billproof.delivery.ledger.integrity import Contents
    from billproof.delivery.ledger.standing import Standing


def known(contents: Contents | None = None) -> Known:
    """What is known in one run; `contents` are those of the configured ledger, if it was read and proved already."""
    return Known(EarlierUploads(contents), costs_at_hand)


class EarlierUploads:
    """The earlier uploads of an organization and month, from a ledger that is read once, when it is first needed."""

    def __init__(self, contents: Contents | None = None) -> None:
        self._contents: Contents | BillproofError | None = contents

    def __getstate__(self) -> dict[str, object]:
        """Another process reads the ledger on its own."""
        return {"_contents": None}

    def __call__(self, settings: Settings, organization: Sourced, month: Sourced) -> History:
        """What is known; `lacking` says why nothing is."""
        config = settings.config
        root = config.ledger() if config else None
        if config is None or root is None:
            how = "add `ledger:` to billproof.yaml" if config else "`billproof init`"
            return History(lacking=f"no ledger is configured: {how}")
        integration = config.integration_of(organization.value)
        destination = settings.to or (integration.to if integration else None)
        there = config.file.destinations.get(destination or "")
        if there is None or organization.value is None or month.value is None:
            return History(lacking="no destination is configured for its organization")
        contents = self._proved(root)
        if isinstance(contents, BillproofError):
            return History(destination, lacking=f"{contents.message}. {contents.help}".strip())
        from billproof.delivery.address import configured_address
        from billproof.delivery.ledger.standing import Month, replacement

        known = None if settings.before is None else contents.known_before(settings.before)
        id_ = integration.integration if integration else None
        this = Month(configured_address(there, id_), organization.value, month.value)
        standing = contents.standing(this, known)
        seen = {sha256: standing.replaced(sha256) for sha256 in standing.seen}
        replaced = {sha256: replacement(*both) for sha256, both in seen.items() if both}
        before = contents.standing(this._replace(month=month_before(this.month)), known)
        return History(destination, _upload(standing), _upload(before), replaced=replaced)

    def _proved(self, root: str) -> Contents | BillproofError:
        if self._contents is None:
            from billproof.delivery.ledger.integrity import proved
            from billproof.delivery.ledger.store import open_ledger

            try:
                self._contents = proved(open_ledger(root))
            except BillproofError as error:
                self._contents = error
        return self._contents


NO_RECORD = "there is no record of OpenAI's own costs. An owner of the organization can fetch one: billproof costs fetch"


def costs_at_hand(settings: Settings, organization: Sourced, month: Sourced, ended: datetime) -> CostsAtHand:
    """The record of OpenAI's costs to compare with, or why there is none. Raises Unreadable for one that cannot be relied on."""
    if settings.compares_costs:
        from billproof.openai.find import find_costs

        return find_costs(settings, organization, month, ended)
    return CostsAtHand(ended, lacking=NO_RECORD, demanded=settings.costs_required)


def _upload(standing: Standing) -> EarlierUpload | None:
    last = standing.current
    if last is None:
        return None
    return EarlierUpload(**{name: getattr(last, name) for name in EarlierUpload._fields})
