"""A bucket as the place of a ledger: the same files under the same names as in a folder, so that a copy of one is the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from billproof.delivery.ledger.places import DEPTH, HIDDEN, LARGEST_FILE, MARKER, MISPLACED, Listing
from billproof.io import bucket
from billproof.io.lease import leased
from billproof.io.locking import Still, Waiting
from billproof.model.errors import Unreadable, Unwritable
from billproof.model.urls import below

_NO_VERSION = {"e_tag": '"00000000000000000000000000000000"'}


class BucketPlace:
    """A folder of a bucket. What was read once is not read again while its listing shows no change."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._marks: dict[str, str] = {}
        self._read: dict[str, bytes | Unreadable] = {}
        self._attestations: set[str] = set()

    def listing(self) -> Listing:
        """All is read here, many objects at a time, since each takes as long as the way to the bucket and back."""
        months: dict[str, list[str]] = {}
        errors: list[str] = []
        marks: dict[str, str] = {}
        for entry in bucket.listed(self.root):
            *folders, name = entry.url.removeprefix(self.root).strip("/").split("/")
            is_marker = entry.size == 0 and len(folders) < DEPTH  # of a folder, made by a console
            if any(folder.startswith(".") for folder in folders):
                errors += [f"{entry.url}: {HIDDEN}"] if ".git" not in folders else []
            elif not name.startswith(".") and len(folders) == DEPTH:
                months.setdefault(entry.url.rpartition("/")[0], []).append(name)
                marks[entry.url] = entry.mark
            elif not name.startswith(".") and not is_marker and (folders or name != MARKER):
                errors.append(f"{entry.url}: {MISPLACED}")
        self._read = {url: data for url, data in self._read.items() if marks.get(url) == self._marks.get(url)}
        unread = marks.keys() - self._read.keys()
        self._attestations = {url for url in unread if url.endswith(".jsonl")}
        self._read |= bucket.read_all(unread - self._attestations, LARGEST_FILE)
        self._marks = marks
        return months, errors

    def listed(self, path: str) -> bytes:
        data = self._read[path]
        if isinstance(data, Unreadable):
            raise data
        return data

    def own(self, path: str) -> bytes:
        if path in self._attestations:  # who asks for one of them asks for more
            self._read |= bucket.read_all(self._attestations, LARGEST_FILE)
            self._attestations = set()
        return self.listed(path) if path in self._read else bucket.read(path, LARGEST_FILE).data

    def names(self, folder: str) -> list[str]:
        try:
            names = (entry.url.removeprefix(f"{folder}/") for entry in bucket.listed(folder))
            return [name for name in names if name != folder]
        except Unreadable as error:
            raise OSError(error.message) from None

    def put_new(self, path: str, data: bytes) -> None:
        bucket.put_new(path, data)

    @contextmanager
    def locked(self, waiting: Waiting, patience: float) -> Iterator[Still]:
        with leased(below(self.root, ".lock"), waiting, patience) as still:
            self._probe()
            yield still

    def _probe(self) -> None:
        """Raises Unwritable for a store that accepts conditions and ignores them. What such a one overwrites, it does with the
        same bytes.
        """
        marker = below(self.root, MARKER)
        try:
            data = self.own(marker)
            honored = bucket.refuses(marker, data, None) and bucket.refuses(marker, data, _NO_VERSION)
        except (OSError, Unreadable) as error:
            raise Unwritable(f"{marker}: cannot be written: {error}; nothing was done") from None
        if not honored:
            raise Unwritable(
                f"{self.root}: this store overwrites what it was told not to, so it cannot keep a ledger; nothing was done",
                "Keep the ledger in a store with conditional writes, such as S3, GCS or Azure.",
            )


@cache
def bucket_place(root: str) -> BucketPlace:
    """The place of a ledger in a bucket, one in the whole process."""
    return BucketPlace(root)
