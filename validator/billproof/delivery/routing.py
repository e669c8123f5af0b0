"""Whose month a file is and where it goes: what was asked, the configuration and the ledger, put together.

Nothing is judged or sent here. What the ledger alone decides is told before a file is judged.
"""

from __future__ import annotations

from collections.abc import Mapping

from billproof.config.file import Config, Integration
from billproof.config.settings import Settings
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.ledger.history import date_of, replacement
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import Attest, Ledger, Month, Standing
from billproof.delivery.shipment import Destination, Request, Sending, Shipment
from billproof.engine.verdict import Pass
from billproof.io.secrets import NoToken, Secret
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult, Hindrance
from billproof.model.values import cents, month_end, month_name, shown
from billproof.reading.source import STANDARD_INPUT, Copy


class Wish(Record):
    """What was asked of an upload besides what every check is asked."""

    only: str | None = None
    dry_run: bool = False
    resend: bool = False
    attest: Attest = None


class Parcel(Record):
    """A file that was judged: with its proof, if it passed, and all that is needed to send it."""

    file: FileResult
    copy: Copy | None
    proof: Pass | None = None
    shipment: Shipment | None = None
    destination: Destination | None = None
    request: Request | None = None
    token: Secret | None = None


class Addresses:
    """Where each file goes, by the configuration, and what the ledger already says of it."""

    def __init__(self, config: Config, ledger: Ledger | None, settings: Settings, wish: Wish) -> None:
        self._config = config
        self._settings = settings
        self._wish = wish
        self._standings: dict[Month, Standing] = (
            {month: ledger.standing(month) for month in ledger.months()} if ledger is not None else {}
        )

    def is_wanted_folder(self, path: str) -> bool:
        """Whether `--only` leaves room for a file that lies there."""
        holder = self._config.integration_of_file(path) if path != STANDARD_INPUT else None
        return self._wish.only is None or holder is None or holder.name == self._wish.only

    def is_wanted(self, file: FileResult) -> bool:
        """Whether `--only` leaves room for a file of that integration; one of which nobody knows is never passed over."""
        return self._wish.only is None or file.integration in (None, self._wish.only)

    def settled(self, copy: Copy) -> Sending | None:
        """What the ledger alone decides: the destination has these bytes as its current ones."""
        if self._wish.resend:
            return None
        for month, standing in self._standings.items():
            integration = self._config.integration_of(month.organization)
            if integration is None or not self._could_be(copy.path, month, integration):
                continue
            current = standing.current
            if current is None or not standing.is_current(copy.sha256) or not self._is_expected(current):
                continue
            if self._is_there(copy, current, integration):
                return Sending(
                    copy.path, integration.name, month.month, None, current.amount, current.currency, "current",
                    f"{month.destination} has it since {date_of(current)}",
                )  # fmt: skip
        return None

    def replaced(self, copy: Copy) -> Hindrance | None:
        """If the destination had these bytes and they were replaced: when, and by what."""
        if self._wish.resend:
            return None
        for month, standing in self._standings.items():
            integration = self._config.integration_of(month.organization)
            both = standing.replaced(copy.sha256)
            if both is not None and integration is not None and self._could_be(copy.path, month, integration):
                return Hindrance("replaced", replacement(*both))
        return None

    def _is_there(self, copy: Copy, current: Receipt, integration: Integration) -> bool:
        """Whether the configuration still names the address at which a file was accepted; else it is to be sent there."""
        shipment = Shipment(
            current.organization, current.month, integration.integration, current.file_name, copy.size, copy.sha256
        )
        destination = destination_of(self._config, current.destination)
        accepted_at = Request(current.document["request"]["description"], "").address
        return destination.request(shipment).address == accepted_at and not destination.lacks(shipment)

    def _is_expected(self, current: Receipt) -> bool:
        """Whether the total is the one that was asked for; if not, the file is judged, and told so."""
        expected = self._settings.expected_total
        return expected is None or cents(current.amount) == cents(expected)

    def _could_be(self, path: str, month: Month, integration: Integration) -> bool:
        """Whether nothing that was said of the file speaks against that month there."""
        settings = self._settings
        holder = self._config.integration_of_file(path) if path != STANDARD_INPUT else None
        return (
            month.destination == (settings.to or integration.to)
            and (holder is None or holder.organization == month.organization)
            and (settings.organization is None or settings.organization.value == month.organization)
            and (settings.month is None or settings.month.value == month.month)
            and (self._wish.only is None or self._wish.only == integration.name)
        )

    def addressed(self, parcel: Parcel) -> Parcel:
        """The parcel with its destination and request, if it is known whose month it is."""
        file, copy = parcel.file, parcel.copy
        integration = self._config.integration_of(file.organization.value)
        if copy is None or integration is None or file.month.value is None:
            return parcel
        if self._settings.month_to_date and month_end(file.month.value) <= self._settings.now:
            raise UsageError(
                f"{copy.path}: {month_name(file.month.value)} is over; --month-to-date would replace it by a part of it",
                "Leave --month-to-date out, and upload the whole month. Nothing was sent.",
            )
        to = self._settings.to or integration.to
        if to is None:
            raise UsageError(
                f"no destination for {integration.name} ({self._config.place(integration.line)}); nothing was sent",
                f"Say --to NAME, or add `to: NAME` to the integration; there are {destination_names(self._config)}.",
            )
        standing = self._standings.get(Month(to, integration.organization, file.month.value), Standing(()))
        shipment = Shipment(
            organization=integration.organization, month=file.month.value, integration=integration.integration,
            name="export.csv" if copy.path == STANDARD_INPUT else shown(file.name, None), size=copy.size, sha256=copy.sha256,
            follows=standing.follows(copy.sha256),
            may_replace=None if self._wish.resend else frozenset(standing.seen),
            path="" if copy.path == STANDARD_INPUT else copy.path,
        )  # fmt: skip
        destination = destination_of(self._config, to)
        return parcel._replace(shipment=shipment, destination=destination, request=destination.request(shipment))

    def stamped(self, parcel: Parcel, environment: Mapping[str, str]) -> Parcel:
        """The parcel with the secret that it needs. Raises NoToken."""
        assert parcel.destination is not None
        integration = self._config.integration_of(parcel.file.organization.value)
        if not parcel.destination.needs_token or integration is None:
            return parcel
        if integration.to not in (None, parcel.destination.name):
            raise NoToken(
                f"the token of {integration.name} is for {integration.to} and is not sent to {parcel.destination.name}",
                "Set `to:` of the integration, or use another configuration with --config.",
            )
        from billproof.delivery.tokens import token_of
        from billproof.io.attempts import load_libraries

        load_libraries()
        return parcel._replace(token=token_of(integration, self._config, environment))


def destination_of(config: Config, name: str) -> Destination:
    """The destination with a name."""
    settings = config.file.destinations[name]
    if settings.kind == "directory":
        return DirectoryDestination(name, config.beside(settings.path or ""), settings.path)
    from billproof.delivery.destinations.http import HttpDestination

    return HttpDestination(name, settings, config.file.integrations, config.shown_path)


def destination_names(config: Config) -> str:
    """The configured destinations, to be told."""
    return ", ".join(config.file.destinations) or "none"
