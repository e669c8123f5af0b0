"""The gate: nothing goes out but the bytes of a Pass, and nothing goes out without a receipt on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.writer import LedgerWriter
from billproof.delivery.shipment import Answer, Destination, Shipment
from billproof.engine.verdict import Pass
from billproof.io.secrets import Secret
from billproof.model.errors import BillproofError

INTERRUPTED = Answer("unknown", "interrupted before the destination responded")


class NotProved(BillproofError):
    """The bytes at hand are not those that passed; nothing was sent."""


def upload(
    proof: Pass, body: BinaryIO, shipment: Shipment, destination: Destination, token: Secret | None,
    writer: LedgerWriter, described: Mapping[str, Any], clock: Callable[[], str],
) -> Receipt:  # fmt: skip
    """Sends `body` and gives the receipt, which is on disk by then. To be called under the ledger's lock.

    Raises NotProved if the bytes are not those of the Pass, Unwritable if the ledger cannot be written. Whatever else is
    raised on the way, an interruption too, leaves the receipt `unknown`.
    """
    if not isinstance(proof, Pass) or not _digest(body) == proof.sha256 == shipment.sha256:
        raise NotProved("the bytes to be sent are not those that passed; nothing was sent")
    begun = writer.begin(described, destination.name, shipment, clock())
    try:
        body.seek(0)
        writer.still_locked()
        answer = destination.send(shipment, body, token)
    except BillproofError as error:
        # The lock and a destination raise these only before anything has left.
        writer.conclude(begun, Answer("refused", f"not sent: {error.message}", attempts=0), clock())
        raise
    except BaseException as error:
        writer.conclude(begun, INTERRUPTED, clock())
        if isinstance(error, SystemExit):
            # A library that ends the program must not decide its exit code.
            raise RuntimeError("a library ended the program while sending") from error
        raise
    return writer.conclude(begun, answer, clock())


def _digest(body: BinaryIO) -> str:
    body.seek(0)
    return hashlib.file_digest(body, "sha256").hexdigest()  # type: ignore[arg-type]
