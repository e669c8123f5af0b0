"""A ledger in a bucket: the same files under the same names as in a folder, so that a copy of one is the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from billproof.delivery.ledger.store import DEPTH, HIDDEN, MARKER, MISPLACED, Ledger, LedgerError
from billproof.io import bucket
from billproof.io.lease import leased
from billproof.io.locking import Still, Waiting
from billproof.model.errors import Unreadable, Unwritable


class BucketLedger(Ledger):
    """The folder of a bucket at the address `root`."""

    separator = "/"
    _read: Mapping[str, Future[tuple[bytes, bucket.Version]]] = {}

    def listing(self) -> tuple[dict[str, list[str]], list[str]]:
        """All is read here, many objects at a time, since each takes as long as the way to the bucket and back."""
        months: dict[str, list[str]] = {}
        errors: list[str] = []
        try:
            found = bucket.listed(self.root)
        except Unreadable as error:
            raise LedgerError(error.message, error.help) from None
        if f"{self.root}/{MARKER}" not in found:
            raise LedgerError(f"{self.root}: the store does not list {MARKER}, which is there, so it may not list all receipts")
        for url, size in found.items():
            *folders, name = url.removeprefix(self.root).strip("/").split("/")
            is_folder = size == 0 and len(folders) < DEPTH  # made by a console
            if any(folder.startswith(".") for folder in folders):
                errors += [f"{url}: {HIDDEN}"] if ".git" not in folders else []
            elif not name.startswith(".") and len(folders) == DEPTH:
                months.setdefault(url.rpartition("/")[0], []).append(name)
            elif not name.startswith(".") and not is_folder and (folders or name != MARKER):
                errors.append(f"{url}: {MISPLACED}")
        paths = [f"{folder}/{name}" for folder, names in months.items() for name in names]
        with ThreadPoolExecutor(128) as pool:
            self._read = {path: pool.submit(bucket.read, path) for path in paths}
        return months, errors

    def own(self, path: str) -> bytes:
        data, _ = self._read[path].result() if path in self._read else bucket.read(path)
        return data

    listed = own

    def names(self, folder: str) -> list[str]:
        return [url.removeprefix(f"{folder}/") for url in bucket.listed(folder) if url != folder]

    def put_new(self, path: str, data: bytes) -> None:
        bucket.put_new(path, data)

    @contextmanager
    def locked(self, waiting: Waiting, patience: float) -> Iterator[Still]:
        with leased(f"{self.root}/.lock", waiting, patience) as still:
            try:
                honors = bucket.honors_conditions(f"{self.root}/{MARKER}")
            except Unreadable as error:
                raise Unwritable(f"{error.message}; nothing was done") from None
            if not honors:
                raise Unwritable(
                    f"{self.root}: this store overwrites what it was told not to, so it cannot keep a ledger; nothing was done",
                    "Keep the ledger in a store with conditional writes, such as S3, GCS or Azure.",
                )
            yield still
