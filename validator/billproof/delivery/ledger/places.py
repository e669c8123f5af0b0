"""Where a ledger is kept: what it needs of a place, and a folder as such a place. `bucket.py` is the other."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from billproof.io.own_files import listed_bytes, own_bytes
from billproof.model.errors import Unreadable

if TYPE_CHECKING:
    from billproof.io.locking import Still, Waiting

LARGEST_FILE = 1 << 25
MARKER = "ledger.json"
# Destination, organization and month.
DEPTH = 3
HIDDEN = "is hidden or a link, which a ledger's folders never are"
MISPLACED = "is not a receipt in the folder of its month"

# The names of the files in each folder of a month, in order; and an error for whatever else is there.
Listing = tuple[dict[str, list[str]], list[str]]


class Folder:
    """A folder of this machine. Its files are written once, and known by their path as people see it."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._read: dict[str, bytes | Unreadable] = {}

    def listing(self) -> Listing:
        """All files of receipts. Raises Unreadable if they cannot be listed.

        What is hidden is not part of a ledger, except a folder, which could contain receipts; only git's own folder cannot.
        """
        months: dict[str, list[str]] = {}
        errors: list[str] = []
        waiting = [(self.root, 0)]
        for folder, depth in waiting:
            inner, names = [], []
            for entry in _entries(folder):
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name.startswith("."):
                    is_odd = entry.name != ".git" and entry.is_dir()
                    text = HIDDEN
                elif is_folder:
                    is_odd, text = depth == DEPTH, "is a folder, and a month has only receipts"
                    inner += [] if is_odd else [(entry.path, depth + 1)]
                elif not entry.is_file(follow_symlinks=False):
                    is_odd, text = True, "is a link, device or pipe, which a ledger's files never are"
                else:
                    is_odd, text = depth < DEPTH and not (depth == 0 and entry.name == MARKER), MISPLACED
                    names += [entry.name] if depth == DEPTH else []
                errors += [f"{entry.path}: {text}"] if is_odd else []
            waiting += sorted(inner)
            if names:
                months[folder] = sorted(names)
        return months, errors

    def listed(self, path: str) -> bytes:
        """The bytes of a file of the listing, whose digest is known. Raises Unreadable."""
        return listed_bytes(path, LARGEST_FILE)

    def own(self, path: str) -> bytes:
        """The bytes of any file that billproof wrote. Raises Unreadable, or Missing."""
        return own_bytes(path, LARGEST_FILE)

    def names(self, folder: str) -> list[str]:
        """The names in a folder, which exists by then. Raises OSError, or Unreadable."""
        os.makedirs(folder, exist_ok=True)
        return os.listdir(folder)

    def put_new(self, path: str, data: bytes) -> None:
        """The file is there, whole and for good, when this returns. Raises OSError, and FileExistsError for other bytes."""
        from billproof.io import durable

        durable.put_new(path, [data])

    @contextmanager
    def locked(self, waiting: Waiting, patience: float) -> Iterator[Still]:
        """Keeps other writers out; calls `waiting` once if it has to wait. Raises Busy after `patience` seconds, Unwritable."""
        from billproof.io.locking import locked

        with locked(os.path.join(self.root, ".lock"), waiting, patience):
            yield lambda: None  # it ends with the process, so it is never lost


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise Unreadable(f"{error.filename or folder}: cannot be read: {error.strerror}") from None
