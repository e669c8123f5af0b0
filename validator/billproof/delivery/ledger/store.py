"""The ledger: an append-only folder of receipts, `<destination>/<organization>/<month>/<n>-<sha12>.json`.

Every attempt leaves two files. `<n>-<sha12>.begun` is there before the first byte goes out, the receipt once the answer is
known; `<sha12>` is the beginning of the file's own digest. With a key its attestation comes after it, as
`<n>-<sha12>.json.intoto.jsonl`. Nothing is ever changed or removed, so folders of several
machines can be merged by copying. A ledger is created on purpose: a missing ledger is not treated as an empty one.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from billproof.delivery.ledger.receipt import Receipt
from billproof.io import durable
from billproof.io.own_files import listed_bytes, own_bytes
from billproof.model.errors import BillproofError, Missing, Unreadable
from billproof.model.urls import in_bucket

if TYPE_CHECKING:
    from billproof.io.locking import Still, Waiting

LARGEST_FILE = 1 << 25
MARKER = "ledger.json"
ATTESTATION = "json.intoto.jsonl"
SCHEMA = "billproof/ledger/v1"
RESOLVE = "Nothing can be sent until this is resolved: billproof ledger verify"
RESTORE = "Restore it from where the ledger is kept; see billproof ledger verify."

RECEIPT = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.json")
BEGUN = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.begun")
_ATTESTATION = re.compile(r"([0-9]{4,}-[0-9a-f]{12}\.json)\.intoto\.jsonl")

# Destination, organization and month.
DEPTH = 3
HIDDEN = "is hidden or a link, which a ledger's folders never are"
MISPLACED = "is not a receipt in the folder of its month"


class NoLedger(BillproofError):
    """The configured ledger is missing, so it is unknown what was uploaded before."""


class LedgerError(BillproofError):
    """The ledger is not as it was written, so it cannot be relied on."""


class Ledger:
    """A folder of this machine with its marker file, and where things are in it. `bucket.py` has the other kind of place."""

    separator = os.sep

    def __init__(self, root: str, id_: str) -> None:
        self.root = root
        self.id = id_

    def folder(self, destination: str, organization: str, month: str) -> str:
        """Where the receipts of a month are, under the name that the destination has at the upload."""
        return self.separator.join((self.root, *(_component(part) for part in (destination, organization, month))))

    def path(self, receipt: Receipt, suffix: str = "json") -> str:
        """The file of a receipt."""
        folder = self.folder(receipt.destination, receipt.organization, receipt.month)
        return f"{folder}{self.separator}{file_name(receipt.n, receipt.sha256, suffix)}"

    def attestation(self, receipt: Receipt) -> bytes | None:
        """The attestation of a receipt; None if there is none. Raises LedgerError if it cannot be read or is too large."""
        try:
            return self.own(self.path(receipt, ATTESTATION))
        except Missing:
            return None
        except Unreadable as error:
            raise LedgerError(error.message, RESTORE) from None

    # What a bucket does in another way.

    def listing(self) -> tuple[dict[str, list[str]], list[str]]:
        """The names of the files in each folder of a month, in order, and an error for whatever else is there. Raises
        LedgerError if the ledger cannot be listed.

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
        durable.put_new(path, [data])

    def locked(self, waiting: Waiting, patience: float) -> AbstractContextManager[Still]:
        """Keeps other writers out; calls `waiting` once if it has to wait. Raises Busy after `patience` seconds, Unwritable."""
        from billproof.io.locking import locked

        return locked(os.path.join(self.root, ".lock"), waiting, patience)


def ledger_at(root: str, id_: str = "") -> Ledger:
    """The ledger that `ledger:` names, whether or not it is there. Raises Unreadable for a bucket without obstore."""
    if not in_bucket(root):
        return Ledger(root, id_)
    from billproof.delivery.ledger.bucket import BucketLedger

    return BucketLedger(root, id_)


def open_ledger(root: str) -> Ledger:
    """The ledger in a folder. Raises NoLedger if there is none, LedgerError if its marker file is damaged."""
    restore = "Restore the ledger from where it is kept; docs/ledger.md shows how."
    try:
        ledger = ledger_at(root)
        marker = json.loads(ledger.own(f"{root}/{MARKER}"))
    except Missing:
        state = f"{root} is not a ledger" if os.path.exists(root) else f"the ledger {root} does not exist"
        help = "If nothing was ever uploaded, create it with `billproof ledger init`. Otherwise r" + restore[1:]
        raise NoLedger(state, help) from None
    except Unreadable as error:
        reach = "Check the address and the credentials; docs/buckets.md says which." if in_bucket(root) else restore
        raise LedgerError(error.message, error.help or reach) from None
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{root}/{MARKER}: cannot be read ({type(error).__name__})", restore) from None
    id_ = marker.get("id") if isinstance(marker, dict) and marker.get("schema") == SCHEMA else None
    if not isinstance(id_, str) or not re.fullmatch("[!-~]+", id_):
        raise LedgerError(f"{root}/{MARKER}: is not a ledger's marker file", restore)
    ledger.id = id_
    return ledger


def file_name(n: int, sha256: str, suffix: str) -> str:
    """`0001-9f2c1b7a3d5e.json`."""
    return f"{n:04}-{sha256[:12]}.{suffix}"


def attested_by(name: str) -> str | None:
    """The file name of the receipt that an attestation with this name covers; None if it is not an attestation's name."""
    match = _ATTESTATION.fullmatch(name)
    return match[1] if match else None


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise LedgerError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=1024)
def _component(text: str) -> str:
    """A name as one folder: what could lead elsewhere is percent-encoded."""
    safe = quote(text, safe="")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe
