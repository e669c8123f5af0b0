"""Finds an upload and its files: the receipt, the export, OpenAI's own record, and the attestation written at the upload.

The export and the record are found by their digests, not by name or date. Others wrote these files, so nothing in them is trusted
before its digest fits.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from typing import Any

from billproof.audit.signing.attestation import MAX_BYTES, attestation_path, file_statements
from billproof.audit.signing.deviations import deviations_of_form, record_fault, unsigned
from billproof.config.file import Config, Integration
from billproof.config.settings import Settings
from billproof.delivery.address import configured_address
from billproof.delivery.destinations.directory import DirectoryDestination
from billproof.delivery.ledger.integrity import Contents
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Standing
from billproof.delivery.routing import destination_of
from billproof.delivery.shipment import Shipment
from billproof.model.costs import CostsRecord
from billproof.model.errors import BillproofError, Unreadable
from billproof.model.record import Record
from billproof.model.urls import in_bucket
from billproof.model.values import shown
from billproof.openai.find import costs_folder, paths_of_record
from billproof.openai.record import LARGEST, record_in
from billproof.reading.inputs import NO_EXPORT, find_inputs
from billproof.reading.source import STANDARD_INPUT, Copy, private_copy, small_file


class Refused(BillproofError):
    """A month that cannot be packed: why, and what to do."""


class KeptRecord(Record):
    """OpenAI's own record with the bytes of its file, and those of its attestation, if there is one that has the form."""

    record: CostsRecord
    data: bytes
    attestation: bytes | None


def find_record(receipt: Receipt, settings: Settings) -> KeptRecord | None:
    """The record of OpenAI's costs that the receipt names; None if it names none. Raises Refused if it is not here."""
    named = receipt.document.get("costs")
    if named is None:
        return None
    assert settings.config is not None
    folder = costs_folder(settings.config, receipt.organization, receipt.month)
    of_upload = receipt.document["settings"]["costs"]["value"]
    for path in filter(None, (of_upload, *paths_of_record(named["sha256"], [folder]))):
        try:
            data = small_file(path, LARGEST)
            record = record_in(path, data)
        except Unreadable:
            continue
        if record.sha256 == named["sha256"]:
            return KeptRecord(record._replace(signed=named["signed"]), data, _attestation_of_record(path, data))
    text = f"the record of OpenAI's costs that the file was compared with was not found (sha256 {named['sha256'][:12]}…)"
    raise Refused(text, f"Put it into {folder}.")


def _attestation_of_record(path: str, data: bytes) -> bytes | None:
    try:
        attestation = small_file(attestation_path(path), MAX_BYTES)
    except Unreadable:
        return None
    return attestation if record_fault(attestation, data, unsigned) is None else None


def find_upload(
    contents: Contents, integration: Integration, config: Config, month: str, to: str | None
) -> tuple[Standing, Receipt]:
    """The receipts of a month at a destination, and the one that counts. Raises Refused."""
    if to is None:
        raise Refused("has no destination: its integration has no `to:`", "Name the destination: --to DESTINATION")
    there = config.file.destinations.get(to)
    address = None if there is None else configured_address(there, integration.integration)
    months = {
        other: contents.standing(other) for other in contents.months() if other[1:] == (integration.organization, month)
    }
    # A destination that is no longer configured is known by its name.
    here = (found for other, found in months.items() if address == other.address or (address is None and to == found.destination))
    standing = next(here, Standing(()))
    current = standing.current
    if current is None:
        elsewhere = [f"--to {found.destination}" for found in months.values() if found.current]
        raise Refused(
            f"was never accepted by {to}, so there is no upload to prove",
            f"Another destination accepted it: {' or '.join(elsewhere)}"
            if elsewhere
            else f"`billproof ledger list` lists all uploads. To upload it: billproof upload --only {integration.name} --to {to}",
        )  # fmt: skip
    if not standing.is_current(current.file_sha256):
        raise Refused(
            f"may have been replaced: the outcome of uploading {standing.doubtful[-1].file_name} to {to} is unknown",
            "Run that upload again, to find out what the destination has.",
        )
    return standing, current


def find_export(receipt: Receipt, config: Config, held: ExitStack) -> tuple[Copy, str]:
    """The bytes that a receipt names, and where they are; `held` closes them. Raises Refused, which says where to put them."""
    unread = []
    for path in _places(receipt, config):
        try:
            if not in_bucket(path) and os.path.getsize(path) != receipt.document["file"]["bytes"]:
                continue
            copy = held.enter_context(private_copy(path))
        except (OSError, ValueError) as error:
            unread.append(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
        except Unreadable as error:
            unread.append(error.message)
        else:
            if copy.sha256 == receipt.file_sha256:
                return copy, path
            copy.stream.close()
    integration = config.integration_of(receipt.organization)
    where = config.beside(integration.files) if integration and integration.files else "this folder"
    more = f" ({'; '.join(unread)})" if unread else ""
    raise Refused(
        f"the uploaded file was not found: {receipt.file_name}, {receipt.document['file']['bytes']:,} bytes, "
        f"sha256 {receipt.file_sha256}{more}",
        f"Put it into {where}. A new export from OpenAI may differ.",
    )


def _places(receipt: Receipt, config: Config) -> Iterator[str]:
    """Where the bytes may be: the integration's folder, the working folder by name, a destination that keeps them, or where they
    were in a bucket.
    """
    integration = config.integration_of(receipt.organization)
    if integration is not None and integration.files:
        inputs = find_inputs([config.beside(integration.files).rstrip("/") + "/"], config.own_folders())
        named = [file.path for file in inputs if file.error != NO_EXPORT]
        yield from sorted(named, key=lambda path: (shown(os.path.basename(path), None) != receipt.file_name, path))
    plain = os.path.basename(receipt.file_name) == receipt.file_name != STANDARD_INPUT
    if plain and os.path.lexists(receipt.file_name):
        yield receipt.file_name
    destination = destination_of(config, receipt.destination) if receipt.destination in config.file.destinations else None
    if isinstance(destination, DirectoryDestination):
        size = receipt.document["file"]["bytes"]
        sent = Shipment(receipt.organization, receipt.month, None, receipt.file_name, size, receipt.file_sha256)
        with suppress(OSError, Unreadable):  # it cannot be listed; perhaps the file is elsewhere
            yield from destination.holding(sent)
    path = receipt.document["file"].get("path", "")
    if in_bucket(path):
        yield path


def find_attestation(found_at: str, report: Mapping[str, Any], data: bytes) -> tuple[bytes | None, bool]:
    """The attestation of exactly this report, which has these bytes, and its file: next to the file where it is, or where the
    upload read it; None if there is none. And whether something else is in its place. No signature is checked.
    """
    (file,) = report["files"]
    statements, other = file_statements(report, file, "report.json", hashlib.sha256(data).hexdigest()), False
    for path in (found_at, file["path"]):
        try:
            attestation = small_file(attestation_path(path), MAX_BYTES)
        except Unreadable:
            continue
        if not deviations_of_form(attestation, statements, 1):
            return attestation, False
        other = True
    return None, other
