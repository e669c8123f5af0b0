"""The ledger: an append-only folder of receipts, `<destination>/<organization>/<month>/<n>-<sha12>.json`.

Every attempt leaves two files. `<n>-<sha12>.begun` is there before the first byte goes out, the receipt once the answer is
known; `<sha12>` is the beginning of the file's own digest. With a key its attestation comes after it, as
`<n>-<sha12>.json.intoto.jsonl`. Nothing is ever changed or removed, so folders of several
machines can be merged by copying. A ledger is made on purpose: one that is missing is not an empty one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.receipt import Receipt, ReceiptFault
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import durable
from billproof.io.locking import PATIENCE_SECONDS, Waiting, locked
from billproof.model.errors import BillproofError, Unreadable, Unwritable, UsageError
from billproof.model.record import Record
from billproof.model.values import shown
from billproof.reading.source import Missing, own_bytes

MARKER = "ledger.json"
ATTESTATION = "json.intoto.jsonl"
SCHEMA = "billproof/ledger/v1"
LARGEST_FILE = 1 << 25

_RECEIPT = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.json")
_BEGUN = re.compile(r"([0-9]{4,})-([0-9a-f]{12})\.begun")
_ATTESTATION = re.compile(r"([0-9]{4,}-[0-9a-f]{12}\.json)\.intoto\.jsonl")
_ABOUT = """Receipts of billproof: what was uploaded, where to, and what the destination said. Nothing here is ever changed or
removed. Keep this folder as you keep accounts: docs/ci/state.md tells how. `billproof ledger verify` checks it.
"""


class NoLedger(BillproofError):
    """There is no ledger where the configuration says: what was uploaded before is not known."""


class LedgerFault(BillproofError):
    """The ledger is not as it was written, so it cannot be relied on."""


class Month(Record):
    """One month of one organization at one destination: what an upload replaces."""

    destination: str
    organization: str
    month: str


class Standing(Record):
    """What the ledger knows of a month: its receipts in order, an attempt that was cut off among them as `unknown`."""

    receipts: tuple[Receipt, ...]

    @property
    def current(self) -> Receipt | None:
        """The last upload that the destination had by its own word."""
        return next((one for one in reversed(self.receipts) if one.holds), None)

    @property
    def doubtful(self) -> tuple[Receipt, ...]:
        """Attempts since then of which nobody knows whether they arrived."""
        after = self.receipts[self.receipts.index(self.current) + 1 :] if self.current else self.receipts
        return tuple(one for one in after if one.status == "unknown")

    def is_current(self, sha256: str) -> bool:
        """Whether the destination certainly holds these bytes."""
        held = self.current is not None and self.current.file_sha256 == sha256
        return held and all(one.file_sha256 == sha256 for one in self.doubtful)

    def replaced(self, sha256: str) -> tuple[Receipt, Receipt] | None:
        """If these bytes were there before and others came since: the upload of these, and that of the others."""
        arrived = [one for one in self.receipts if one.holds or one.status == "unknown"]
        mine = [one for one in arrived if one.file_sha256 == sha256]
        if not mine:
            return None
        since = [one for one in arrived[arrived.index(mine[-1]) + 1 :] if one.file_sha256 != sha256]
        return (mine[-1], since[-1]) if since else None

    def follows(self, sha256: str) -> str:
        """The digest of the last receipt that an upload of these bytes comes after: of one that the destination had, or of
        other bytes that may have arrived.
        """
        mine = (one for one in reversed(self.receipts) if one.holds or (one.status == "unknown" and one.file_sha256 != sha256))
        return next((one.sha256 for one in mine), "")

    @property
    def seen(self) -> set[str]:
        """Digests of every file that may have been at the destination."""
        return {one.file_sha256 for one in self.receipts if one.holds or one.status == "unknown"}


# Makes the attestation of a receipt whose file has that name.
Attest = Callable[[Receipt, str], bytes] | None


class Attempt(Record):
    """An upload that was begun: its document, and the digest of the file that says so."""

    folder: str
    sha256: str
    document: Mapping[str, Any]


class Ledger:
    """A folder with its mark. Reading needs nothing; writing goes on under `lock`. With `attest`, receipts are attested."""

    def __init__(self, root: str, id_: str, attest: Attest = None) -> None:
        self.root = root
        self.id = id_
        self._attest = attest
        self._heads: list[str] | None = None
        self._read_before: dict[str, Receipt] = {}

    @contextlib.contextmanager
    def lock(self, waiting: Waiting = None, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Keeps other processes of this machine from writing; calls `waiting` once if it has to wait. Raises Busy."""
        with locked(os.path.join(self.root, ".lock"), waiting, patience):
            self._heads = None
            yield

    def standing(self, month: Month) -> Standing:
        """What is known of a month. Raises LedgerFault if a receipt is not as it was written."""
        folder = self.folder(month)
        receipts = [self.read(folder, name) for name in _names(folder, _RECEIPT)]
        answered = {one.attempt for one in receipts}
        receipts += [one for name in _names(folder, _BEGUN) if (one := self.read(folder, name)).sha256 not in answered]
        forked = len({one.n for one in receipts}) < len(receipts)
        # After a fork the numbers of two machines say nothing about which came later.
        return Standing(tuple(sorted(receipts, key=lambda one: (one.finished, one.n) if forked else ("", one.n))))

    def months(self) -> list[Month]:
        """Every month that has a receipt or an attempt, in order."""
        found = (self.read(*place) for place in (*self.files(), *self.files(_BEGUN)))
        return sorted({month_of(one) for one in found})

    def settle(self, now: str) -> list[Receipt]:
        """Gives every attempt that was cut off its receipt: `unknown`. To be called under `lock`, before anything is sent."""
        found = []
        for month in self.months():
            folder = self.folder(month)
            answered = {self.read(folder, name).attempt for name in _names(folder, _RECEIPT)}
            for name in _names(folder, _BEGUN):
                one = self.read(folder, name)
                if one.sha256 not in answered:
                    found.append(self.conclude(Attempt(folder, one.sha256, one.document), receipt.CUT_OFF, now))
        return found

    def begin(self, described: Mapping[str, Any], destination: str, shipment: Shipment, now: str) -> Attempt:
        """Writes down that an upload begins. Raises Unwritable: nothing may be sent then."""
        month = Month(destination, shipment.organization, shipment.month)
        folder = self.folder(month)
        numbers = [int(name.partition("-")[0]) for name in (*_names(folder, _RECEIPT), *_names(folder, _BEGUN))]
        n = max(numbers, default=0) + 1
        document = receipt.begun(described, n, self.id, destination, shipment, self.heads(), now)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            text = f"the ledger {self.root} cannot be written, so {shown(shipment.name)} was not sent: {error.strerror or error}"
            raise Unwritable(text) from None
        fault = f"that an upload begins could not be written down, so {shown(shipment.name)} was not sent"
        found = self._write(folder, document, "begun", fault, "Mend it, and run the same command again.")
        return Attempt(folder, found.sha256, document)

    def conclude(self, attempt: Attempt, answer: Answer, now: str) -> Receipt:
        """Writes the receipt of an attempt. Raises Unwritable, which says whether the file was sent; that the upload was begun
        is on disk even then.
        """
        document = receipt.concluded(attempt.document, attempt.sha256, answer, now)
        found = self._write(attempt.folder, document, "json", *_unrecorded(document["file"]["name"], answer))
        self._heads = sorted({found.sha256, *(one for one in self.heads() if one not in found.previous)})
        if self._attest is not None:
            data = self._attest(found, file_name(found.n, found.sha256, "json"))
            _put(
                self.path(found, ATTESTATION), data, "the receipt is written, its attestation could not be",
                f"The receipt says what became of {found.file_name}: {answer.text}. No later run signs it, so "
                "billproof ledger verify --key will call the missing attestation a fault.",
            )  # fmt: skip
        return found

    def heads(self) -> list[str]:
        """Digests of the receipts that no other receipt names as previous: the ends of the chain."""
        if self._heads is None:
            found = [self.read(*place) for place in self.files(_RECEIPT)]
            named = {one for each in found for one in each.previous}
            self._heads = sorted(one.sha256 for one in found if one.sha256 not in named)
        return self._heads

    def files(self, pattern: re.Pattern[str] = _RECEIPT) -> list[tuple[str, str]]:
        """Folder and name of every receipt, in order."""
        return [place for place in self.all_files() if pattern.fullmatch(place[1])]

    def all_files(self) -> list[tuple[str, str]]:
        """Folder and name of everything in the ledger but its mark and what is hidden, in order. Raises LedgerFault."""
        found: list[tuple[str, str]] = []
        for folder, inner, names in os.walk(self.root, onerror=_unlistable):
            for one in inner:
                # What is passed over here could hold receipts; only git's own folder cannot.
                if os.path.islink(os.path.join(folder, one)) or (one.startswith(".") and one != ".git"):
                    raise LedgerFault(f"{os.path.join(folder, one)}: is hidden or a link, and no folder of a ledger is")
            inner[:] = [one for one in inner if one != ".git"]
            found += [(folder, name) for name in names if not name.startswith(".")]
        found = [place for place in found if place != (self.root, MARKER)]
        return sorted(found)

    def folder(self, month: Month) -> str:
        """Where the receipts of a month are."""
        return os.path.join(self.root, *(_component(one) for one in month))

    def path(self, one: Receipt, suffix: str = "json") -> str:
        """The file of a receipt."""
        return os.path.join(self.folder(month_of(one)), file_name(one.n, one.sha256, suffix))

    def attestation(self, one: Receipt) -> bytes | None:
        """What was signed of a receipt, as it lies there; None if nothing was. Raises LedgerFault if it is no small file."""
        try:
            return own_bytes(self.path(one, ATTESTATION), LARGEST_FILE)
        except Missing:
            return None
        except Unreadable as error:
            raise LedgerFault(error.message, "Restore it from where the ledger is kept; see billproof ledger verify.") from None

    def read(self, folder: str, name: str) -> Receipt:
        """A receipt or an attempt. Raises LedgerFault if it is none, or not as it was written, or not where."""
        path = os.path.join(folder, name)
        if path not in self._read_before:
            self._read_before[path] = self._read_once(path, folder, name)
        return self._read_before[path]

    def _read_once(self, path: str, folder: str, name: str) -> Receipt:
        try:
            found = receipt.read(own_bytes(path, LARGEST_FILE), path)
        except (Unreadable, ReceiptFault) as error:
            raise LedgerFault(error.message, "Nothing can be sent before this is cleared up: billproof ledger verify") from None
        fault = self._fault(found, folder, name)
        if fault:
            raise LedgerFault(f"{path}: {fault}", "Restore it from where the ledger is kept; see billproof ledger verify.")
        return found

    def _fault(self, one: Receipt, folder: str, name: str) -> str | None:
        """What shows that a file does not hold what was written there."""
        if name not in (file_name(one.n, one.sha256, "json"), file_name(one.n, one.sha256, "begun")):
            return "was changed after it was written: its digest is not that of its name"
        if one.ledger != self.id:
            return "is a receipt of another ledger"
        if self.folder(month_of(one)) != folder:
            return f"is a receipt of {one.destination}, {one.organization}, {one.month}, and was moved here"
        return None

    def _write(self, folder: str, document: Mapping[str, Any], suffix: str, fault: str, help: str) -> Receipt:
        data = receipt.encoded(document)
        found = receipt.read(data, "receipt")
        _put(os.path.join(folder, file_name(found.n, found.sha256, suffix)), data, fault, help)
        return found


def open_ledger(root: str, attest: Attest = None) -> Ledger:
    """The ledger in a folder. Raises NoLedger if none was made there, LedgerFault if its mark is damaged."""
    restore = "restore the ledger from where it is kept: docs/ci/state.md tells three ways."
    try:
        found = json.loads(own_bytes(os.path.join(root, MARKER), LARGEST_FILE))
    except Missing:
        state = "is no ledger" if os.path.exists(root) else "does not exist"
        raise NoLedger(f"the ledger {root} {state}", f"First upload ever? billproof ledger init   Otherwise {restore}") from None
    except Unreadable as error:
        raise LedgerFault(error.message, restore.capitalize()) from None
    except (ValueError, RecursionError) as error:
        raise LedgerFault(f"{root}/{MARKER}: cannot be read ({type(error).__name__})", restore.capitalize()) from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA or not isinstance(found.get("id"), str):
        raise LedgerFault(f"{root}/{MARKER}: is not the mark of a ledger", restore.capitalize())
    return Ledger(root, found["id"], attest)


def make_ledger(root: str) -> Ledger:
    """Makes an empty ledger. Raises UsageError if one or anything else is there already, Unwritable if it cannot be made."""
    import uuid

    if os.path.lexists(os.path.join(root, MARKER)):
        raise UsageError(f"{root} is a ledger already", "A ledger is made once; nothing was changed.")
    mark = {"schema": SCHEMA, "id": str(uuid.uuid4()), "about": _ABOUT.replace("\n", " ").strip()}
    try:
        os.makedirs(root, exist_ok=True)
        if any(not name.startswith(".") for name in os.listdir(root)):
            # Perhaps a ledger whose mark was lost: a new mark would make strangers of its receipts.
            raise UsageError(f"{root} is not empty, and no ledger", f"Restore its {MARKER}, or name another folder.")
        durable.replace(os.path.join(root, ".gitignore"), [b".lock\n*.part\n"])
        durable.replace(os.path.join(root, ".gitattributes"), [b"* -text\n"])
        durable.put_new(os.path.join(root, MARKER), [(json.dumps(mark, indent=1) + "\n").encode()])
    except OSError as error:
        raise Unwritable(f"{root}: the ledger could not be made: {error.strerror or error}") from None
    return Ledger(root, str(mark["id"]))


def month_of(one: Receipt) -> Month:
    """What a receipt speaks of."""
    return Month(one.destination, one.organization, one.month)


def file_name(n: int, sha256: str, suffix: str) -> str:
    """`0001-9f2c1b7a3d5e.json`."""
    return f"{n:04}-{sha256[:12]}.{suffix}"


def attested_by(name: str) -> str | None:
    """The file name of the receipt that an attestation with this name speaks of; None if it is no attestation's name."""
    found = _ATTESTATION.fullmatch(name)
    return found[1] if found else None


def _put(path: str, data: bytes, fault: str, help: str) -> None:
    try:
        durable.put_new(path, [data])
    except OSError as error:
        raise Unwritable(f"{path}: {fault}: {error.strerror or error}", help) from None


def _unrecorded(name: str, answer: Answer) -> tuple[str, str]:
    """What to say if the receipt of an answer cannot be written, and what to do: the file may be there all the same."""
    again = "Mend it, keep the ledger with its .begun file, and run the same command again: that is safe."
    words = {
        "accepted": "WAS SENT", "unknown": "MAY HAVE BEEN SENT", "refused": "was refused", "already_there": "was there already",
    }  # fmt: skip
    sent = words[answer.status] if answer.attempts else "was not sent now"
    return f"{name} {sent} ({answer.text}), and its receipt could not be written", again


def _names(folder: str, pattern: re.Pattern[str]) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if pattern.fullmatch(name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerFault(f"{folder}: cannot be read: {error.strerror}") from None


def _unlistable(error: OSError) -> None:
    raise LedgerFault(f"{error.filename}: cannot be read: {error.strerror}") from None


def _component(text: str) -> str:
    """A name as one folder: what could lead elsewhere is percent-encoded."""
    safe = quote(text, safe="")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe
