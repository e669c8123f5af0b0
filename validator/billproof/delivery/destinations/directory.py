"""A folder as destination: `organization=…/month=…/<n>-<sha256>.csv`, every version kept, and a file `current` that names one.

It needs nothing but a disk; `bucket.py` says what is different in a bucket. A version exists whole or not at all; the pointer
changes in one step and last, so that a reader never sees half a month.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import stat
from collections.abc import Collection, Iterator
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
    noun = "folder"
    copies = "cp"

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
        return Request(description, f"{self.copies} {names}   # N: the next number")

    def lacks(self, shipment: Shipment) -> bool:
        """Whether the folder's current version is not these bytes."""
        folder = self._folder(shipment)
        try:
            current = self.current(folder) or ""
            return digest_of(current) != shipment.sha256 or not self.is_whole(f"{folder}/{current}", shipment)
        except (OSError, Unreadable):
            return True

    def holding(self, shipment: Shipment) -> list[str]:
        """The versions with these bytes, if their names are right. Raises OSError if the folder cannot be listed."""
        folder = self._folder(shipment)
        return [f"{folder}/{name}" for name in sorted(self.names(folder)) if digest_of(name) == shipment.sha256]

    def send(self, shipment: Shipment, body: BinaryIO, token: Secret | None) -> Answer:
        """Writes the version and points to it."""
        folder = self._folder(shipment)
        try:
            current, names = self.current(folder), self.names(folder)
            if current is not None and current not in names:
                return Answer("refused", f"{folder}/{POINTER} names {shown(current)}, which does not exist")
            digest = current and digest_of(current)
            whole = digest == shipment.sha256 and self.is_whole(f"{folder}/{current}", shipment)
            if whole and shipment.may_replace is not None:
                return Answer("already_there", f"the {self.noun} already had these bytes as its current version", id=current)
            if current and shipment.may_replace is not None and digest not in shipment.may_replace:
                text = f"the {self.noun} contains {shown(current)}, which is not in this ledger and would be replaced"
                return Answer("refused", f"{text}. Restore the ledger that lists it, or use --resend")
            name = self._put(folder, names, current, shipment, body)
        except (OSError, Unreadable) as error:
            return Answer("refused", f"{folder} cannot be written: {getattr(error, 'strerror', None) or error}")
        return self.point(folder, name)

    def _put(self, folder: str, names: Collection[str], current: str | None, shipment: Shipment, body: BinaryIO) -> str:
        """The name of the version, which now exists; one that an earlier upload left without pointing to it is reused."""
        versions = {name: int(match[1]) for name in names if (match := _VERSION.fullmatch(name))}
        last = max(versions, key=versions.__getitem__, default="")
        if last and last != current and digest_of(last) == shipment.sha256 and self.is_whole(f"{folder}/{last}", shipment):
            return last
        name = f"{max(versions.values(), default=0) + 1}-{shipment.sha256}.csv"
        body.seek(0)
        self.write(f"{folder}/{name}", body)
        return name

    def _folder(self, shipment: Shipment) -> str:
        return f"{self._root}/{month_folder(shipment.organization, shipment.month)}"

    # What a bucket does in another way. All raise OSError or Unreadable.

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, if it is there; a version is always a file."""
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return [name for name in names if os.path.isfile(os.path.join(folder, name))]

    def current(self, folder: str) -> str | None:
        """What the pointer names."""
        try:
            return own_bytes(os.path.join(folder, POINTER), 1 << 12).decode("utf-8", "replace").strip()
        except Missing:
            return None

    def is_whole(self, path: str, shipment: Shipment) -> bool:
        """Whether a file has the bytes of the shipment."""
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size != shipment.size:
            return False
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == shipment.sha256

    def write(self, path: str, body: BinaryIO) -> None:
        """Writes a version that is not there yet."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        durable.put_new(path, _chunks(body))

    def point(self, folder: str, name: str) -> Answer:
        """Makes a version the current one. Raises nothing."""
        try:
            durable.replace(os.path.join(folder, POINTER), [f"{name}\n".encode()])
        except OSError as error:
            return Answer("unknown", f"{folder}/{POINTER} may not have been written: {error.strerror or error}", id=name)
        return Answer("accepted", "written and made the current version", id=name)


def digest_of(name: str) -> str:
    """The digest in the name of a version."""
    match = _VERSION.fullmatch(name)
    return match[2] if match else "?"


def _chunks(body: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: body.read(CHUNK_BYTES), b"")
