"""Whose month a file is, where it goes and with which secret: options, configuration and ledger put together.

Nothing is checked or sent here. What the ledger alone decides is known before a file is checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from decimal import Decimal

from billproof.config.destinations import variables
from billproof.config.file import Config, Integration
from billproof.config.settings import Settings
from billproof.delivery.address import configured_address
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.destinations.pelanor import PRESETS
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month, Standing, date_of, replacement
from billproof.delivery.ledger.writer import Attest, LedgerWriter
from billproof.delivery.shipment import Destination, Request, Shipment, UploadResult
from billproof.engine.verdict import Pass
from billproof.io.secrets import NoToken, Secret, from_environment, from_file
from billproof.model.errors import UsageError
from billproof.model.record import Record
from billproof.model.results import FileResult, Hindrance
from billproof.model.values import cents, month_end, month_name, shown
from billproof.reading.source import STANDARD_INPUT, Copy


class UploadOptions(Record):
    """What was asked of an upload in addition to what every check is asked."""

    dry_run: bool = False
    resend: bool = False
    attest: Attest = None


class Judged(Record):
    """A file that was checked, with the copy of its bytes."""

    file: FileResult
    copy: Copy


class Addressed(Record):
    """A file with its destination, and the request that would send it there."""

    file: FileResult
    copy: Copy
    shipment: Shipment
    destination: Destination
    request: Request


class Sealed(Record):
    """A file that passed, with all that is needed to send it. `token` is None if the destination needs none."""

    addressed: Addressed
    proof: Pass
    token: Secret | None
    writer: LedgerWriter


class Routes:
    """Where each file goes, by the configuration, and what the ledger already says of it."""

    def __init__(self, config: Config, contents: Contents | None, settings: Settings, options: UploadOptions) -> None:
        self.contents = contents
        self._config = config
        self._settings = settings
        self._options = options

    def already_uploaded(self, copy: Copy) -> UploadResult | None:
        """The result for a file whose bytes are the current ones at the destination, which the ledger alone decides."""
        for month, standing, integration in self._possible(copy):
            current = standing.current
            if current is None or not standing.is_current(copy.sha256) or not self._is_expected(current, integration):
                continue
            if self._is_at_destination(copy, current, integration):
                text = f"{self._settings.to or integration.to} has had it since {date_of(current)}"
                return UploadResult(
                    copy.path, integration.name, month.month, None, current.amount, current.currency, "current", text,
                    current.document["answer"]["id"], self.contents.ledger.path(current) if self.contents else None,
                    sha256=copy.sha256, organization=month.organization, finished=current.finished,
                )  # fmt: skip
        return None

    def superseded(self, copy: Copy) -> Hindrance | None:
        """If these bytes were uploaded and superseded: when, and by what."""
        for _, standing, _ in self._possible(copy):
            both = standing.replaced(copy.sha256)
            if both is not None:
                return Hindrance("replaced", replacement(*both))
        return None

    def _is_at_destination(self, copy: Copy, current: Receipt, integration: Integration) -> bool:
        """Whether the configuration still names the address that accepted a file; if not, the file is sent to the new one."""
        shipment = Shipment(
            current.organization, current.month, integration.integration, current.file_name, copy.size, copy.sha256
        )
        destination = destination_of(self._config, self._settings.to or integration.to or "")
        accepted_at = Request(current.document["request"]["description"], "").address
        return destination.request(shipment).address == accepted_at and not destination.lacks(shipment)

    def _is_expected(self, current: Receipt, integration: Integration) -> bool:
        """Whether the total is the one that the configuration expects; if not, the file is checked, which reports it."""
        expected = self._config.total_of(integration, current.month)
        return expected is None or cents(current.amount) == cents(Decimal(expected.value or ""))

    def _possible(self, copy: Copy) -> Iterator[tuple[Month, Standing, Integration]]:
        """The months that the file was sent as, so far as options and configuration allow it to be; none if it is to be sent
        again anyway.
        """
        settings, holder = self._settings, self._holder(copy.path)
        if self.contents is None or self._options.resend:
            return
        for month in self.contents.months_of(copy.sha256):
            integration = self._config.integration_of(month.organization)
            to = settings.to or (integration.to if integration else None)
            if (
                integration is not None
                and to is not None
                and month.address == configured_address(self._config.file.destinations[to], integration.integration)
                and (holder is None or holder.organization == month.organization)
                and (settings.organization is None or settings.organization.value == month.organization)
                and (settings.month is None or settings.month.value == month.month)
                and (not settings.only or integration.name in settings.only)
            ):
                yield month, self.contents.standing(month), integration

    def _holder(self, path: str) -> Integration | None:
        return self._config.integration_of_file(path) if path != STANDARD_INPUT else None

    def addressed(self, judged: Judged) -> Judged | Addressed:
        """The file with its destination and request, if it is known whose month it is. Raises UsageError."""
        file, copy = judged
        integration = self._config.integration_of(file.organization.value)
        if integration is None or file.month.value is None:
            return judged
        if self._settings.month_to_date and month_end(file.month.value) <= self._settings.now:
            raise UsageError(
                f"{copy.path}: {month_name(file.month.value)} has ended; --month-to-date would replace it with a part of it",
                "Omit --month-to-date, and upload the whole month. Nothing was sent.",
            )
        to = self._settings.to or integration.to
        if to is None:
            raise UsageError(
                f"no destination for {integration.name} ({self._config.place(integration.line)}); nothing was sent",
                f"Use --to NAME, or add `to: NAME` to the integration. Destinations: {self._config.destination_names()}.",
            )
        address = configured_address(self._config.file.destinations[to], integration.integration)
        month = Month(address, integration.organization, file.month.value)
        standing = self.contents.standing(month) if self.contents else Standing(())
        shipment = Shipment(
            organization=integration.organization, month=file.month.value, integration=integration.integration,
            name="export.csv" if copy.path == STANDARD_INPUT else shown(file.name, None), size=copy.size, sha256=copy.sha256,
            follows=standing.follows(copy.sha256),
            may_replace=None if self._options.resend else frozenset(standing.seen),
            path="" if copy.path == STANDARD_INPUT else copy.path,
        )  # fmt: skip
        destination = destination_of(self._config, to)
        return Addressed(file, copy, shipment, destination, destination.request(shipment))

    def with_token(self, addressed: Addressed, proof: Pass, writer: LedgerWriter, environment: Mapping[str, str]) -> Sealed:
        """The file with its proof and the secret that its destination needs. Raises NoToken."""
        destination = addressed.destination
        integration = self._config.integration_of(addressed.shipment.organization)
        if not destination.needs_token or integration is None:
            return Sealed(addressed, proof, None, writer)
        if integration.to not in (None, destination.name):
            raise NoToken(
                f"the token of {integration.name} is for {integration.to} and is not sent to {destination.name}",
                "Set `to:` of the integration, or use another configuration with --config.",
            )
        from billproof.io.attempts import load_libraries

        load_libraries()
        for name in variables(self._config.file.destinations[destination.name]):
            from_environment(name, environment)
        return Sealed(addressed, proof, token_of(integration, self._config, environment), writer)


def token_of(integration: Integration, config: Config, environment: Mapping[str, str] = os.environ) -> Secret:
    """The secret of an integration, from where its `token` says. Raises NoToken, naming the variable or the file."""
    token = integration.token
    if token is None:
        where = f"{config.place(integration.line)}  integration {integration.name}"
        raise NoToken(f"{where} has no `token`", "Add where the secret comes from: token: {env: NAME_OF_A_VARIABLE}")
    if token.file is not None:
        secret = from_file(config.path.parent / token.file)
    elif token.env is not None:
        secret = from_environment(token.env, environment)
    else:
        parts = (from_environment(name or "", environment) for name in (token.id_env, token.secret_env))
        secret = Secret(":".join(part.reveal() for part in parts))
    _check_form(secret, integration, config)
    return secret


def _check_form(secret: Secret, integration: Integration, config: Config) -> None:
    destination = config.file.destinations.get(integration.to or "")
    first, _, second = secret.reveal().partition(":")
    if destination is not None and destination.preset in PRESETS and not (first and second):
        raise NoToken(
            f"the token of integration {integration.name} does not have the form <Token ID>:<Token Secret>",
            "Pelanor shows both when the token is created; join them with a colon, or use `id_env` and `secret_env`.",
        )


def destination_of(config: Config, name: str) -> Destination:
    """The destination with a name."""
    settings = config.file.destinations[name]
    if settings.kind == "directory":
        return DirectoryDestination(name, config.beside(settings.path or ""), settings.path)
    if settings.kind == "bucket":
        from billproof.delivery.destinations.bucket import BucketDestination

        return BucketDestination(name, (settings.url or "").rstrip("/"))
    from billproof.delivery.destinations.http import HttpDestination

    return HttpDestination(name, settings, config.file.integrations, config.shown_path)
