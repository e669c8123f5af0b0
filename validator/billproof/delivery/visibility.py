"""By when a destination should show an upload, and what to look at if it does not then: information, never a verdict.

The list is Pelanor's own: whether the file was uploaded, and whether the integration has the organization's ID. What else is on
it, the kind of the export, unmodified bytes and the whole month, is proved before a file is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from billproof.config.destinations import DestinationSettings
from billproof.config.file import Config
from billproof.config.settings import Settings
from billproof.delivery.address import configured_address
from billproof.delivery.destinations.pelanor import PRESETS
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.shipment import UploadResult
from billproof.model.values import in_words, instant, month_name


def wait_of(settings: DestinationSettings | None) -> timedelta:
    """How long the destination takes to show an upload, by the configuration or its preset; zero if nobody says."""
    if settings is None:
        return timedelta(0)
    preset = PRESETS[settings.preset].visible_after if settings.preset else "0h"
    return timedelta(hours=int((settings.visible_after or preset).removesuffix("h")))


def visible_by(settings: DestinationSettings | None, finished: str | None) -> datetime | None:
    """When an upload that was accepted at `finished` should be seen at the latest; None if nobody says."""
    wait, accepted = wait_of(settings), instant(finished or "")
    try:
        return accepted + wait if wait and accepted else None
    except OverflowError:
        return None


def when_visible(result: UploadResult, settings: Settings) -> tuple[str | None, datetime | None]:
    """The name of the destination of a file and, if it was accepted, when it should be seen there at the latest."""
    config = settings.config
    owner = next((one for one in config.file.integrations if one.name == result.integration), None) if config else None
    name = settings.to or (owner.to if owner else None)
    if config is None or result.status not in ("accepted", "already_there", "current"):
        return name, None
    return name, visible_by(config.file.destinations.get(name or ""), result.finished)


def seen_by(receipt: Receipt, config: Config) -> datetime | None:
    """The same for an upload of the ledger, if its destination is still configured."""
    owner = config.integration_of(receipt.organization)
    there = _at(receipt, config.file.destinations, owner.integration if owner else None)
    return visible_by(there, receipt.finished) if receipt.holds else None


def _at(receipt: Receipt, destinations: Mapping[str, DestinationSettings], id_: str | None) -> DestinationSettings | None:
    address = receipt.address
    return next((there for there in destinations.values() if configured_address(there, id_) == address), None)


def told(by: datetime, now: datetime, receipt: Receipt) -> str:
    """By when an upload should be seen, and what to look at if it is not there then."""
    should, then = ("should show", "then") if now < by else ("should have shown", "yet")
    return (
        f"{receipt.destination} {should} it by {in_words(by)}. If it is not there {then}, check this receipt, that the "
        f"integration there has the organization ID {receipt.organization}, and that you look at {month_name(receipt.month)}"
    )


def told_of_all(by: datetime, destination: str) -> str:
    """The same after an upload of any number of files, the last of which should be seen at that time."""
    return f"{destination} should show these uploads by {in_words(by)}. {not_seen(destination, 'then')}"


def not_seen(destination: str, when: str = "by now") -> str:
    """What to look at if an upload is not to be seen."""
    return (
        f"If {destination} does not show one {when}, check its receipt (billproof ledger show ORG MONTH), the organization ID of "
        "the integration there, and the month that you look at."
    )
