"""What the configured ledger knows of earlier uploads: every command hands `earlier_uploads` to the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from billproof.model.results import History, Sourced

if TYPE_CHECKING:
    from billproof.config.settings import Settings


def earlier_uploads(settings: Settings, organization: Sourced, month: Sourced) -> History:
    """The earlier uploads of an organization and month; `lacking` says why nothing is known. The ledger is loaded only if
    there is one.
    """
    config = settings.config
    ledger = config.ledger() if config else None
    if config is None or ledger is None:
        how = "add `ledger:` to billproof.yaml" if config else "`billproof init`"
        return History(lacking=f"no ledger is configured: {how}")
    integration = config.integration_of(organization.value)
    destination = settings.to or (integration.to if integration else None)
    if destination is None or organization.value is None or month.value is None:
        return History(lacking="no destination is configured for its organization")
    from billproof.delivery.ledger.history import look_back

    return look_back(ledger, destination, organization.value, month.value, settings.before)
