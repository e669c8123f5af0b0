"""A bucket as destination: the same objects as the files of a folder. The version is created and never overwritten; the pointer
moves last, and only from what this upload has seen there, so that of two uploads one is refused.

No pointer says the same twice, since each version has a number of its own.
"""

from __future__ import annotations

from typing import BinaryIO

from billproof.delivery.destinations.directory import POINTER, DirectoryDestination
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import bucket
from billproof.model.errors import Missing, Unreadable
from billproof.model.values import shown
from billproof.reading.source import open_source


class BucketDestination(DirectoryDestination):
    """The folder of a bucket at the address `root`."""

    noun = "bucket"
    copies = "put"
    _seen: bucket.Version | None = None

    def names(self, folder: str) -> list[str]:
        return [url.removeprefix(f"{folder}/") for url in bucket.listed(folder)]

    def current(self, folder: str) -> str | None:
        self._seen = None
        try:
            pointer, self._seen = bucket.read(f"{folder}/{POINTER}", 1 << 12)
        except Missing:
            return None
        return pointer.decode("utf-8", "replace").strip()

    def is_whole(self, path: str, shipment: Shipment) -> bool:
        with open_source(path) as source:
            return source.whole(shipment.size) is not None and source.sha256 == shipment.sha256

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
