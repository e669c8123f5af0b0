"""A folder as destination: `organization=…/month=…/<n>-<sha256>.csv`, every version kept, and a file `current` that names one.

It needs nothing but a disk, or a bucket that looks like one. A version exists whole or not at all; the pointer changes in
one step and last, so that a reader never sees half a month.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
from collections.abc import Iterator
from typing import BinaryIO

from billproof.delivery.address import month_folder
from billproof.delivery.shipment import Answer, Request, Shipment
from billproof.io import durable
from billproof.io.own_files import own_bytes
from billproof.io.secrets import Secret
from billproof.model.errors import Missing, Unreadable
from billproof.model.values import shown

POINTER = "current"
CHUNK_BYTES = 1 << 20

_VERSION = re.compile(r"([0-9]+)-([0-9a-f]{64})\.csv")


class DirectoryDestination:
    """The folder `root`, created by its first upload."""

    needs_token = False

    def __init__(self, name: str, root: str, configured: str | None = None) -> None:
        self.name = name
        self._root = root
        self._configured = (configured or root).rstrip("/")

    def request(self, shipment: Shipment) -> Request:
        """What would be written."""
        target = f"{self._folder(shipment)}/N-{shipment.sha256}.csv"
        place = f"{self._configured}/{month_folder(shipment.organization, shipment.month)}"
        description = {
            "put": f"{place}/N-{shipment.sha256}.csv", "pointer": f"{place}/{POINTER}", "sha256": shipment.sha256,
            "bytes": shipment.size,
        }  # fmt: skip
        names = " ".join(shlex.quote(shown(path, None)) for path in (shipment.path or shipment.name, target))
        return Request(description, f"cp {names}   # N: the next number")

    def lacks(self, shipment: Shipment) -> bool:
        """Whether the folder's current version is not these bytes."""
        folder = self._folder(shipment)
        try:
            current = self._current(folder) or ""
            return _digest(current) != shipment.sha256 or not _is_whole(os.path.join(folder, current), shipment)
        except OSError:
            return True

    def holding(self, shipment: Shipment) -> list[str]:
        """The versions with these bytes, if their names are right. Raises OSError if the folder cannot be listed."""
        folder = self._folder(shipment)
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [f"{folder}/{name}" for name in sorted(names) if _digest(name) == shipment.sha256]

    def send(self, shipment: Shipment, body: BinaryIO, token: Secret | None) -> Answer:
        """Writes the version and points to it."""
        folder = self._folder(shipment)
        try:
            os.makedirs(folder, exist_ok=True)
            current = self._current(folder)
            if current is not None and not os.path.isfile(os.path.join(folder, current)):
                return Answer("refused", f"{folder}/{POINTER} names {shown(current)}, which does not exist")
            digest = current and _digest(current)
            whole = digest == shipment.sha256 and _is_whole(os.path.join(folder, current or ""), shipment)
            if whole and shipment.may_replace is not None:
                return Answer("already_there", "the folder already had these bytes as its current version", id=current)
            if current and shipment.may_replace is not None and digest not in shipment.may_replace:
                text = f"the folder contains {shown(current)}, which is not in this ledger and would be replaced"
                return Answer("refused", f"{text}. Restore the ledger that lists it, or use --resend")
            name = self._put(folder, current, shipment, body)
        except OSError as error:
            return Answer("refused", f"{folder} cannot be written: {error.strerror or error}")
        try:
            durable.replace(os.path.join(folder, POINTER), [f"{name}\n".encode()])
        except OSError as error:
            return Answer("unknown", f"{folder}/{POINTER} may not have been written: {error.strerror or error}", id=name)
        return Answer("accepted", "written and made the current version", id=name)

    def _put(self, folder: str, current: str | None, shipment: Shipment, body: BinaryIO) -> str:
        """The name of the version, which now exists; one that an earlier upload left without pointing to it is reused."""
        versions = {name: int(match[1]) for name in os.listdir(folder) if (match := _VERSION.fullmatch(name))}
        last = max(versions, key=versions.__getitem__, default="")
        if last and last != current and _digest(last) == shipment.sha256 and _is_whole(os.path.join(folder, last), shipment):
            return last
        name = f"{max(versions.values(), default=0) + 1}-{shipment.sha256}.csv"
        body.seek(0)
        durable.put_new(os.path.join(folder, name), _chunks(body))
        return name

    def _current(self, folder: str) -> str | None:
        try:
            return own_bytes(os.path.join(folder, POINTER), 1 << 12).decode("utf-8", "replace").strip()
        except Missing:
            return None
        except Unreadable as error:
            raise OSError(error.message) from None

    def _folder(self, shipment: Shipment) -> str:
        return f"{self._root}/{month_folder(shipment.organization, shipment.month)}"


def _digest(name: str) -> str:
    match = _VERSION.fullmatch(name)
    return match[2] if match else "?"


def _is_whole(path: str, shipment: Shipment) -> bool:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size != shipment.size:
        return False
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == shipment.sha256


def _chunks(body: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: body.read(CHUNK_BYTES), b"")
