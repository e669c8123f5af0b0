"""Writing into a ledger: an attempt before the first byte goes out, its receipt once the answer is known. Nothing is changed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.receipt import Month, Receipt
from billproof.delivery.ledger.store import ATTESTATION, BEGUN, MARKER, RECEIPT, SCHEMA, Ledger, file_name, names_in
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import durable
from billproof.io.locking import PATIENCE_SECONDS, Waiting, locked
from billproof.model.errors import Unwritable, UsageError
from billproof.model.values import shown

_ABOUT = """Receipts of billproof: what was uploaded, to which destination, and how the destination responded. Nothing here is
ever changed or removed. Keep this folder as you keep accounting records: see docs/ci/state.md. `billproof ledger verify`
checks it.
"""

# Makes the attestation of a receipt whose file has that name.
Attest = Callable[[Receipt, str], bytes] | None


class LedgerWriter:
    """Writes receipts, under `lock`. With `attest`, each receipt is attested."""

    def __init__(self, ledger: Ledger, attest: Attest = None) -> None:
        self.ledger = ledger
        self._attest = attest
        self._heads: list[str] | None = None

    @contextlib.contextmanager
    def lock(self, waiting: Waiting = None, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Keeps other processes of this machine from writing; calls `waiting` once if it has to wait. Raises Busy."""
        with locked(os.path.join(self.ledger.root, ".lock"), waiting, patience):
            self._heads = None
            yield

    def settle(self, now: str) -> list[Receipt]:
        """Gives every attempt that was cut off its receipt: `unknown`. To be called under `lock`, before anything is sent."""
        settled = []
        for month in self.ledger.months():
            folder = self.ledger.folder(month)
            answered = {self.ledger.read(folder, name).attempt for name in names_in(folder, RECEIPT)}
            for name in names_in(folder, BEGUN):
                attempt = self.ledger.read(folder, name)
                if attempt.sha256 not in answered:
                    settled.append(self.conclude(attempt, receipt.CUT_OFF, now))
        return settled

    def begin(self, described: Mapping[str, Any], destination: str, shipment: Shipment, now: str) -> Receipt:
        """The attempt, which is on disk by then. Raises Unwritable: nothing may be sent then."""
        month = Month(destination, shipment.organization, shipment.month)
        folder = self.ledger.folder(month)
        numbers = [int(name.partition("-")[0]) for name in (*names_in(folder, RECEIPT), *names_in(folder, BEGUN))]
        n = max(numbers, default=0) + 1
        document = receipt.begun(described, n, self.ledger.id, destination, shipment, self.heads(), now)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            text = f"the ledger {self.ledger.root} cannot be written, so {shown(shipment.name)} was not sent"
            raise Unwritable(f"{text}: {error.strerror or error}") from None
        text = f"the start of the upload could not be recorded, so {shown(shipment.name)} was not sent"
        return self._write(document, "begun", text, "Fix the problem, and run the same command again.")

    def conclude(self, begun: Receipt, answer: Answer, now: str) -> Receipt:
        """Writes the receipt of an upload. Raises Unwritable, which says whether the file was sent; that the upload was begun
        is on disk even then.
        """
        document = receipt.concluded(begun.document, begun.sha256, answer, now)
        written = self._write(document, "json", *_unrecorded(document["file"]["name"], answer))
        self._heads = sorted({written.sha256, *(digest for digest in self.heads() if digest not in written.previous)})
        if self._attest is not None:
            data = self._attest(written, file_name(written.n, written.sha256, "json"))
            _put(
                self.ledger.path(written, ATTESTATION), data, "the receipt is written, but its attestation could not be written",
                f"The receipt records the outcome of {written.file_name}: {answer.text}. No later run signs it, so "
                "billproof ledger verify --key will report the missing attestation.",
            )  # fmt: skip
        return written

    def heads(self) -> list[str]:
        """Digests of the receipts that no other receipt names as previous: the ends of the chain."""
        if self._heads is None:
            receipts = [self.ledger.read(*place) for place in self.ledger.files()]
            named = {digest for written in receipts for digest in written.previous}
            self._heads = sorted(written.sha256 for written in receipts if written.sha256 not in named)
        return self._heads

    def _write(self, document: Mapping[str, Any], suffix: str, text: str, help: str) -> Receipt:
        data = receipt.encoded(document)
        written = receipt.read(data, "receipt")
        _put(self.ledger.path(written, suffix), data, text, help)
        return written


def make_ledger(root: str) -> Ledger:
    """Creates an empty ledger. Raises UsageError if the folder is not empty, Unwritable if it cannot be created."""
    import uuid

    if os.path.lexists(os.path.join(root, MARKER)):
        raise UsageError(f"{root} is already a ledger", "A ledger is created only once; nothing was changed.")
    marker = {"schema": SCHEMA, "id": str(uuid.uuid4()), "about": _ABOUT.replace("\n", " ").strip()}
    try:
        os.makedirs(root, exist_ok=True)
        if any(not name.startswith(".") for name in os.listdir(root)):
            # Perhaps a ledger whose marker file was lost: with a new one its receipts would belong to another ledger.
            raise UsageError(f"{root} is neither empty nor a ledger", f"Restore its {MARKER}, or choose another folder.")
        durable.replace(os.path.join(root, ".gitignore"), [b".lock\n*.part\n"])
        durable.replace(os.path.join(root, ".gitattributes"), [b"* -text\n"])
        durable.put_new(os.path.join(root, MARKER), [(json.dumps(marker, indent=1) + "\n").encode()])
    except OSError as error:
        raise Unwritable(f"{root}: the ledger could not be created: {error.strerror or error}") from None
    return Ledger(root, str(marker["id"]))


def _put(path: str, data: bytes, text: str, help: str) -> None:
    try:
        durable.put_new(path, [data])
    except OSError as error:
        raise Unwritable(f"{path}: {text}: {error.strerror or error}", help) from None


def _unrecorded(name: str, answer: Answer) -> tuple[str, str]:
    """What to say if the receipt of an answer cannot be written, and what to do: the file may have arrived even so."""
    again = "Fix the problem, keep the ledger with its .begun file, and run the same command again. That is safe."
    words = {
        "accepted": "WAS SENT", "unknown": "MAY HAVE BEEN SENT", "refused": "was refused", "already_there": "was already present",
    }  # fmt: skip
    sent = words[answer.status] if answer.attempts else "was not sent now"
    return f"{name} {sent} ({answer.text}), but its receipt could not be written", again
