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
from urllib.parse import quote

from billproof.delivery.ledger.receipt import Month, Receipt, ReceiptError, Standing, month_of
from billproof.delivery.ledger.receipt import read as read_receipt
from billproof.model.errors import BillproofError, Unreadable
from billproof.reading.source import Missing, own_bytes

MARKER = "ledger.json"
ATTESTATION = "json.intoto.jsonl"
SCHEMA = "billproof/ledger/v1"
LARGEST_FILE = 1 << 25
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
    """A folder with its marker file, and what is in it."""

    def __init__(self, root: str, id_: str) -> None:
        self.root = root
        self.id = id_
        self._read_before: dict[str, Receipt] = {}

    def standing(self, month: Month) -> Standing:
        """What is known of a month. Raises LedgerError if a receipt is not as it was written."""
        folder = self.folder(month)
        receipts = [self.read(folder, name) for name in names_in(folder, RECEIPT)]
        answered = {receipt.attempt for receipt in receipts}
        attempts = [self.read(folder, name) for name in names_in(folder, BEGUN)]
        receipts += [attempt for attempt in attempts if attempt.sha256 not in answered]
        forked = len({receipt.n for receipt in receipts}) < len(receipts)
        # After a fork the numbers of two machines do not show which came later.
        order = sorted(receipts, key=lambda receipt: (receipt.finished, receipt.n) if forked else ("", receipt.n))
        return Standing(tuple(order))

    def months(self) -> list[Month]:
        """Every month that has a receipt or an attempt, in order."""
        return sorted({month_of(self.read(*place)) for place in (*self.files(), *self.files(BEGUN))})

    def files(self, pattern: re.Pattern[str] = RECEIPT) -> list[tuple[str, str]]:
        """Folder and name of every receipt, in order."""
        return [place for place in self.all_files() if pattern.fullmatch(place[1])]

    def all_files(self) -> list[tuple[str, str]]:
        """Folder and name of everything in the ledger except its marker and hidden files, in order. Raises LedgerError."""
        places: list[tuple[str, str]] = []
        for folder, inner, names in os.walk(self.root, onerror=_unlistable):
            for name in inner:
                # A folder that is skipped could contain receipts; only git's own folder cannot.
                if os.path.islink(os.path.join(folder, name)) or (name.startswith(".") and name != ".git"):
                    raise LedgerError(f"{os.path.join(folder, name)}: is hidden or a link, which a ledger's folders never are")
            inner[:] = [name for name in inner if name != ".git"]
            places += [(folder, name) for name in names if not name.startswith(".")]
        places = [place for place in places if place != (self.root, MARKER)]
        return sorted(places)

    def folder(self, month: Month) -> str:
        """Where the receipts of a month are."""
        return os.path.join(self.root, *(_component(part) for part in month))

    def path(self, receipt: Receipt, suffix: str = "json") -> str:
        """The file of a receipt."""
        return os.path.join(self.folder(month_of(receipt)), file_name(receipt.n, receipt.sha256, suffix))

    def attestation(self, receipt: Receipt) -> bytes | None:
        """The attestation of a receipt; None if there is none. Raises LedgerError if it cannot be read or is too large."""
        try:
            return own_bytes(self.path(receipt, ATTESTATION), LARGEST_FILE)
        except Missing:
            return None
        except Unreadable as error:
            raise LedgerError(error.message, RESTORE) from None

    def read(self, folder: str, name: str) -> Receipt:
        """A receipt or an attempt. Raises LedgerError if the file is neither, or was edited or moved."""
        path = os.path.join(folder, name)
        if path not in self._read_before:
            self._read_before[path] = self._read_once(path, folder, name)
        return self._read_before[path]

    def _read_once(self, path: str, folder: str, name: str) -> Receipt:
        try:
            receipt = read_receipt(own_bytes(path, LARGEST_FILE), path)
        except (Unreadable, ReceiptError) as error:
            raise LedgerError(error.message, RESOLVE) from None
        text = self._misplaced(receipt, folder, name)
        if text:
            raise LedgerError(f"{path}: {text}", RESTORE)
        return receipt

    def _misplaced(self, receipt: Receipt, folder: str, name: str) -> str | None:
        """What shows that a file is not as it was written."""
        if name not in (file_name(receipt.n, receipt.sha256, "json"), file_name(receipt.n, receipt.sha256, "begun")):
            return "was changed after it was written: its digest does not match its name"
        if receipt.ledger != self.id:
            return "belongs to another ledger"
        if self.folder(month_of(receipt)) != folder:
            return f"is the receipt of {receipt.destination}, {receipt.organization}, {receipt.month}, and was moved here"
        return None


def open_ledger(root: str) -> Ledger:
    """The ledger in a folder. Raises NoLedger if there is none, LedgerError if its marker file is damaged."""
    restore = "restore the ledger from where it is kept: docs/ci/state.md shows three ways."
    try:
        marker = json.loads(own_bytes(os.path.join(root, MARKER), LARGEST_FILE))
    except Missing:
        state = f"{root} is not a ledger" if os.path.exists(root) else f"the ledger {root} does not exist"
        raise NoLedger(state, f"First upload ever? billproof ledger init   Otherwise {restore}") from None
    except Unreadable as error:
        raise LedgerError(error.message, restore.capitalize()) from None
    except (ValueError, RecursionError) as error:
        raise LedgerError(f"{root}/{MARKER}: cannot be read ({type(error).__name__})", restore.capitalize()) from None
    if not isinstance(marker, dict) or marker.get("schema") != SCHEMA or not isinstance(marker.get("id"), str):
        raise LedgerError(f"{root}/{MARKER}: is not a ledger's marker file", restore.capitalize())
    return Ledger(root, marker["id"])


def file_name(n: int, sha256: str, suffix: str) -> str:
    """`0001-9f2c1b7a3d5e.json`."""
    return f"{n:04}-{sha256[:12]}.{suffix}"


def attested_by(name: str) -> str | None:
    """The file name of the receipt that an attestation with this name covers; None if it is not an attestation's name."""
    match = _ATTESTATION.fullmatch(name)
    return match[1] if match else None


def names_in(folder: str, pattern: re.Pattern[str]) -> list[str]:
    """The names in a folder that fit, in order; none if there is no folder. Raises LedgerError."""
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"{folder}: cannot be read: {error.strerror}") from None


def _unlistable(error: OSError) -> None:
    raise LedgerError(f"{error.filename}: cannot be read: {error.strerror}") from None


def _component(text: str) -> str:
    """A name as one folder: what could lead elsewhere is percent-encoded."""
    safe = quote(text, safe="")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe
