"""What an upload left behind, found again by its digest: the export, the report that was written then, and what was signed.

Names and dates count for nothing here. What is read was written by others, so it is data until its digest fits.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

from validator.addressing import destination_of
from validator.config import Config
from validator.destinations.directory import DirectoryDestination
from validator.errors import BillproofError, Unreadable
from validator.inputs import NO_EXPORT, find_inputs
from validator.receipt import Receipt
from validator.report import SCHEMA, result_sha256
from validator.shipment import Shipment
from validator.source import Copy, open_source, private_copy
from validator.values import shown

LARGEST_REPORT = 1 << 28
ATTESTATION = ".intoto.jsonl"


class NotFound(BillproofError):
    """The bytes of an upload are nowhere where they would be expected."""


class Export(NamedTuple):
    """The bytes of an upload, and where they were found."""

    copy: Copy
    found_at: str


def find_export(one: Receipt, config: Config, held: ExitStack) -> Export:
    """The bytes that a receipt names; `held` closes them. Raises NotFound, which names the digest and where was looked."""
    unread = []
    for path in _places(one, config):
        try:
            if os.path.getsize(path) != one.document["file"]["bytes"]:
                continue
            copy = held.enter_context(private_copy(path))
        except (OSError, ValueError) as error:
            unread.append(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
        except Unreadable as error:
            unread.append(error.message)
        else:
            if copy.sha256 == one.file_sha256:
                same_name = shown(os.path.basename(path), None) == one.file_name
                # Under another name than then it is judged as what it is called in the pack.
                return Export(copy if same_name else copy._replace(path=one.file_name), path)
            copy.stream.close()
    integration = config.integration_of(one.organization)
    where = config.beside(integration.files) if integration and integration.files else "this folder"
    more = f" ({'; '.join(unread)})" if unread else ""
    raise NotFound(
        f"the file that was uploaded is not found: {one.file_name}, {one.document['file']['bytes']:,} bytes, "
        f"sha256 {one.file_sha256}{more}",
        f"Put it into {where}. An export that OpenAI gives today may differ.",
    )


def _places(one: Receipt, config: Config) -> Iterator[str]:
    """Where the bytes may be: the integration's folder, a destination that is a folder, or here under their name."""
    integration = config.integration_of(one.organization)
    if integration is not None and integration.files:
        found = find_inputs([config.beside(integration.files).rstrip("/") + "/"])
        named = [each.path for each in found if each.error != NO_EXPORT]
        yield from sorted(named, key=lambda path: (shown(os.path.basename(path), None) != one.file_name, path))
    if os.path.basename(one.file_name) == one.file_name and os.path.lexists(one.file_name):
        yield one.file_name
    destination = destination_of(config, one.destination) if one.destination in config.file.destinations else None
    if isinstance(destination, DirectoryDestination):
        yield from destination.holding(
            Shipment(one.organization, one.month, None, one.file_name, one.document["file"]["bytes"], one.file_sha256)
        )


def find_report(one: Receipt, folders: Iterable[str]) -> tuple[bytes, dict[str, Any]] | None:
    """The JSON report of an upload as it was written then, of that file alone; None if it lies in none of the folders."""
    for folder in dict.fromkeys(folders):
        try:
            names = sorted(name for name in os.listdir(folder or ".") if name.lower().endswith(".json"))
        except OSError:
            continue
        for name in names:
            data = read(os.path.join(folder, name))
            report = _report(data) if data is not None else None
            if data is not None and report is not None and report["result_sha256"] == one.document["result_sha256"]:
                return data, report
    return None


def _report(data: bytes) -> dict[str, Any] | None:
    """A report of one file, if that is what the bytes are and its own digest fits."""
    try:
        found = json.loads(data)
        whole = isinstance(found, dict) and found.get("schema") == SCHEMA and len(found["files"]) == 1
        return found if whole and result_sha256(found) == found["result_sha256"] else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def find_attestation(path: str, *subjects: bytes) -> tuple[bytes | None, str | None]:
    """What was signed beside a file, if it speaks of all these contents and nothing else; or the reason why it does not fit."""
    data = read(path + ATTESTATION)
    if data is None:
        return None, None
    wanted = {hashlib.sha256(one).hexdigest() for one in subjects}
    return data, None


def read(path: str) -> bytes | None:
    """The bytes of a small file, or None if there is none that can be read."""
    try:
        with open_source(path) as source:
            if os.path.getsize(path) > LARGEST_REPORT:
                return None
            return b"".join(source.blocks())
    except (OSError, Unreadable):
        return None
