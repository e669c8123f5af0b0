"""A bucket as destination: the same objects as the files of a folder. The version is created and never overwritten; the pointer
moves last, and only from what this upload has seen there, so that of two uploads one is refused.

No pointer says the same twice, since each version has a number of its own.
"""

from __future__ import annotations

import hashlib
from typing import BinaryIO

from billproof.delivery.destinations.directory import CHUNK_BYTES, POINTER, DirectoryDestination
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import bucket
from billproof.model.errors import Missing, Unreadable
from billproof.model.values import shown

_SMALL = 1 << 12


class BucketDestination(DirectoryDestination):
    """The folder of a bucket at the address `root`."""

    noun = "bucket"
    copies = "put"

    def __init__(self, name: str, root: str) -> None:
        super().__init__(name, root)
        self._seen: bucket.Version | None = None

    def names(self, folder: str) -> list[str]:
        return [url.removeprefix(f"{folder}/") for url, _ in bucket.listed(folder)]

    def current(self, folder: str) -> str | None:
        try:
            found = bucket.read(f"{folder}/{POINTER}", _SMALL)
        except Missing:
            self._seen = None
            return None
        self._seen = found.version
        return found.data.decode("utf-8", "replace").strip()

    def is_whole(self, path: str, shipment: Shipment) -> bool:
        stream, digest = bucket.ObjectStream(path, CHUNK_BYTES), hashlib.sha256()
        for chunk in iter(stream.read, b""):
            digest.update(chunk)
        return digest.hexdigest() == shipment.sha256

    def write(self, path: str, body: BinaryIO) -> None:
        bucket.put_new(path, body.read())

    def point(self, folder: str, name: str) -> Answer:
        pointer = f"{folder}/{POINTER}"
        try:
            if bucket.swap(pointer, f"{name}\n".encode(), self._seen) is not None:
                return Answer("accepted", "written and made the current version", id=name)
            there = shown(self.current(folder) or "nothing")
        except (OSError, Unreadable) as error:
            return Answer("unknown", f"{pointer} may not have been written: {error}", id=name)
        return Answer("refused", f"another upload has made {there} the current version meanwhile", id=name)
