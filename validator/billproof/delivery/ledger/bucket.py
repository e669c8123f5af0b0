"""A bucket as the place of a ledger: the same files under the same names as in a folder, so that a copy of one is the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from billproof.delivery.ledger.places import DEPTH, HIDDEN, LARGEST_FILE, MARKER, MISPLACED, Folder, Listing
from billproof.io import bucket
from billproof.io.lease import leased
from billproof.io.locking import Still, Waiting
from billproof.model.errors import Unreadable, Unwritable


class BucketFolder(Folder):
    """The folder of a bucket at the address `root`."""

    def listing(self) -> Listing:
        """All is read here, many objects at a time, since each takes as long as the way to the bucket and back."""
        months: dict[str, list[str]] = {}
        errors: list[str] = []
        for url, size in bucket.listed(self.root):
            *folders, name = url.removeprefix(self.root).strip("/").split("/")
            is_folder = size == 0 and len(folders) < DEPTH  # made by a console
            if any(folder.startswith(".") for folder in folders):
                errors += [f"{url}: {HIDDEN}"] if ".git" not in folders else []
            elif not name.startswith(".") and len(folders) == DEPTH:
                months.setdefault(url.rpartition("/")[0], []).append(name)
            elif not name.startswith(".") and not is_folder and (folders or name != MARKER):
                errors.append(f"{url}: {MISPLACED}")
        self._read = bucket.read_all([f"{folder}/{name}" for folder, names in months.items() for name in names], LARGEST_FILE)
        return months, errors

    def listed(self, path: str) -> bytes:
        data = self._read[path]
        if isinstance(data, Unreadable):
            raise data
        return data

    def own(self, path: str) -> bytes:
        return self.listed(path) if path in self._read else bucket.read(path, LARGEST_FILE).data

    def names(self, folder: str) -> list[str]:
        names = (url.removeprefix(f"{folder}/") for url, _ in bucket.listed(folder))
        return [name for name in names if name != folder]

    def put_new(self, path: str, data: bytes) -> None:
        bucket.put_new(path, data)

    @contextmanager
    def locked(self, waiting: Waiting, patience: float) -> Iterator[Still]:
        marker = f"{self.root}/{MARKER}"
        with leased(f"{self.root}/.lock", waiting, patience) as still:
            try:
                honors = bucket.honors_conditions(marker)
            except (OSError, Unreadable) as error:
                raise Unwritable(f"{marker}: cannot be written: {error}; nothing was done") from None
            if not honors:
                raise Unwritable(
                    f"{self.root}: this store overwrites what it was told not to, so it cannot keep a ledger; nothing was done",
                    "Keep the ledger in a store with conditional writes, such as S3, GCS or Azure.",
                )
            yield still
