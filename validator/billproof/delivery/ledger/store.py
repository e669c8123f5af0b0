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
from functools import lru_cache
from urllib.parse import quote

from billproof.delivery.ledger.places import MARKER, Folder, Listing
from billproof.delivery.ledger.receipt import Receipt
from billproof.model.errors import BillproofError, Missing, Unreadable
from billproof.model.urls import in_bucket

ATTESTATION = "json.intoto.jsonl"
SCHEMA = "billproof/ledger/v1"
RESOLVE = "Nothing can be sent until this is resolved: billproof ledger verify"
RESTORE = "Restore it from where the ledger is kept; see billproof ledger verify."

RECEIPT = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.json")
BEGUN = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.begun")
_ATTESTATION = re.compile(r"([0-9]{4,}-[0-9a-f]{12}\.json)\.intoto\.jsonl")


class NoLedger(BillproofError):
    """The configured ledger is missing, so it is unknown what was uploaded before."""


class LedgerError(BillproofError):
    """The ledger is not as it was written, so it cannot be relied on."""


class Ledger:
    """A folder with its marker file, and where things are in it."""

    def __init__(self, root: str, id_: str) -> None:
        self.root = root
        self.id = id_
        self.place = place_of(root)
        self.separator = "/" if in_bucket(root) else os.sep

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
            return self.place.own(self.path(receipt, ATTESTATION))
        except Missing:
            return None
        except Unreadable as error:
            raise LedgerError(error.message, RESTORE) from None

    def listing(self) -> Listing:
        """The names of the files in each folder of a month, in order, and an error for whatever else is there. Raises
        LedgerError if the ledger cannot be listed.
        """
        try:
            return self.place.listing()
        except Unreadable as error:
            raise LedgerError(error.message, error.help) from None


def place_of(root: str) -> Folder:
    """The place that `ledger:` names. Raises Unreadable for a bucket without obstore."""
    if not in_bucket(root):
        return Folder(root)
    from billproof.delivery.ledger.bucket import BucketFolder

    return BucketFolder(root)


def open_ledger(root: str) -> Ledger:
    """The ledger in a folder. Raises NoLedger if there is none, LedgerError if its marker file is damaged."""
    restore = "Restore the ledger from where it is kept; docs/ledger.md shows how."
    try:
        marker = json.loads(place_of(root).own(f"{root}/{MARKER}"))
    except Missing:
        state = f"{root} is not a ledger" if os.path.exists(root) else f"the ledger {root} does not exist"
        help = "If nothing was ever uploaded, create it with billproof ledger init. Otherwise r" + restore[1:]
        raise NoLedger(state, help) from None
    except Unreadable as error:
        reach = "Check the address and the credentials; docs/buckets.md says which." if in_bucket(root) else restore
        raise LedgerError(error.message, error.help or reach) from None
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{root}/{MARKER}: cannot be read ({type(error).__name__})", restore) from None
    if not isinstance(marker, dict) or marker.get("schema") != SCHEMA or not isinstance(marker.get("id"), str):
        raise LedgerError(f"{root}/{MARKER}: is not a ledger's marker file", restore)
    return Ledger(root, marker["id"])


def file_name(n: int, sha256: str, suffix: str) -> str:
    """`0001-9f2c1b7a3d5e.json`."""
    return f"{n:04}-{sha256[:12]}.{suffix}"


def attested_by(name: str) -> str | None:
    """The file name of the receipt that an attestation with this name covers; None if it is not an attestation's name."""
    match = _ATTESTATION.fullmatch(name)
    return match[1] if match else None


@lru_cache(maxsize=1024)
def _component(text: str) -> str:
    """A name as one folder: what could lead elsewhere is percent-encoded."""
    safe = quote(text, safe="")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe
