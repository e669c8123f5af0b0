"""Writing into a ledger: an attempt before the first byte goes out, its receipt once the answer is known. Nothing is changed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.integrity import Contents, proved
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.store import ATTESTATION, BEGUN, MARKER, RECEIPT, SCHEMA, Ledger, file_name, ledger_at
from billproof.delivery.shipment import Answer, Shipment
from billproof.io import durable
from billproof.io.locking import PATIENCE_SECONDS, Still, Waiting
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.urls import in_bucket
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
        self.still_locked: Still = lambda: None
        self._attest = attest

    @cached_property
    def contents(self) -> Contents:
        """What the ledger contains, with what is written here. Raises LedgerError if it cannot be relied on."""
        return proved(self.ledger)

    @contextlib.contextmanager
    def lock(self, waiting: Waiting = None, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
        """Keeps other processes from writing; calls `waiting` once if it has to wait. Raises Busy, Unwritable."""
        with self.ledger.locked(waiting, patience) as self.still_locked:
            self.__dict__.pop("contents", None)
            yield

    def settle(self, now: str) -> list[Receipt]:
        """Gives every attempt that was cut off its receipt: `unknown`. To be called under `lock`, before anything is sent."""
        return [self.conclude(attempt, receipt.CUT_OFF, now) for attempt in list(self.contents.attempts.values())]

    def begin(self, described: Mapping[str, Any], destination: str, shipment: Shipment, now: str) -> Receipt:
        """The attempt, which is on disk by then. Raises Unwritable: nothing may be sent then."""
        folder = self.ledger.folder(destination, shipment.organization, shipment.month)
        try:
            matches = [RECEIPT.fullmatch(name) or BEGUN.fullmatch(name) for name in self.ledger.names(folder)]
        except (OSError, Unreadable) as error:
            text = f"the ledger {self.ledger.root} cannot be written, so {shown(shipment.name)} was not sent"
            raise Unwritable(f"{text}: {getattr(error, 'strerror', None) or error}") from None
        n = max((int(match[1]) for match in matches if match), default=0) + 1
        document = receipt.begun(described, n, self.ledger.id, destination, shipment, self.contents.heads, now)
        self.still_locked()
        text = f"the start of the upload could not be recorded, so {shown(shipment.name)} was not sent"
        return self._write(document, "begun", text, "Fix the problem, and run the same command again.")

    def conclude(self, begun: Receipt, answer: Answer, now: str) -> Receipt:
        """Writes the receipt of an upload. Raises Unwritable, which says whether the file was sent; that the upload was begun
        is on disk even then.
        """
        document = receipt.concluded(begun.document, begun.sha256, answer, now)
        written = self._write(document, "json", *_unrecorded(document["file"]["name"], answer))
        if self._attest is not None:
            data = self._attest(written, file_name(written.n, written.sha256, "json"))
            self._put(
                self.ledger.path(written, ATTESTATION), data, "the receipt is written, but its attestation could not be written",
                f"The receipt records the outcome of {written.file_name}: {answer.text}. No later run signs it, so "
                "billproof ledger verify --key will report the missing attestation.",
            )  # fmt: skip
        return written

    def _write(self, document: Mapping[str, Any], suffix: str, text: str, help: str) -> Receipt:
        data = receipt.encoded(document)
        written = receipt.read(data, hashlib.sha256(data).hexdigest(), "receipt")
        self._put(self.ledger.path(written, suffix), data, text, help)
        self.contents.add(written)
        return written

    def _put(self, path: str, data: bytes, text: str, help: str) -> None:
        try:
            self.ledger.put_new(path, data)
        except OSError as error:
            raise Unwritable(f"{path}: {text}: {error.strerror or error}", help) from None


def make_ledger(root: str) -> Ledger:
    """Creates an empty ledger. Raises UsageError if its folder is not empty, Unwritable if it cannot be created."""
    import uuid

    ledger = ledger_at(root, str(uuid.uuid4()))
    marker = {"schema": SCHEMA, "id": ledger.id, "about": _ABOUT.replace("\n", " ").strip()}
    try:
        names = [name for name in ledger.names(root) if not name.startswith(".")]
        if MARKER in names:
            raise UsageError(f"{root} is already a ledger", "A ledger is created only once; nothing was changed.")
        if names:
            # Perhaps a ledger whose marker file was lost: with a new one its receipts would belong to another ledger.
            raise UsageError(f"{root} is neither empty nor a ledger", f"Restore its {MARKER}, or choose another folder.")
        if not in_bucket(root):
            durable.replace(os.path.join(root, ".gitignore"), [b".lock\n*.part\n"])
            durable.replace(os.path.join(root, ".gitattributes"), [b"* -text\n"])
        ledger.put_new(f"{root}/{MARKER}", (json.dumps(marker, indent=1) + "\n").encode())
    except (OSError, Unreadable) as error:
        raise Unwritable(f"{root}: the ledger could not be created: {getattr(error, 'strerror', None) or error}") from None
    return ledger


def _unrecorded(name: str, answer: Answer) -> tuple[str, str]:
    """What to say if the receipt of an answer cannot be written, and what to do: the file may have arrived even so."""
    again = "Fix the problem, keep the ledger with its .begun file, and run the same command again. That is safe."
    words = {
        "accepted": "WAS SENT", "unknown": "MAY HAVE BEEN SENT", "refused": "was refused", "already_there": "was already present",
    }  # fmt: skip
    sent = words[answer.status] if answer.attempts else "was not sent now"
    return f"{name} {sent} ({answer.text}), but its receipt could not be written", again
