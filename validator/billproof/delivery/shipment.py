"""What every kind of destination does: it shows the request that it would make, and makes it once, with bytes that passed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, BinaryIO, Literal, Protocol

from billproof.engine.verdict import Word
from billproof.io.secrets import Secret
from billproof.model.record import Record

# The outcome of a request. `unknown`: it may have arrived, and no answer came; never guessed either way.
Status = Literal["accepted", "refused", "unknown", "already_there"]


class Shipment(Record):
    """What is sent, and as what; the bytes travel separately. `path` is where the file is, if not here under its name.

    `follows` is the digest of the last receipt of this month that may have changed what is there (empty for the first), so
    that the same upload has the same idempotency key, and a later upload of the same bytes another. `may_replace` are the
    digests of files that were uploaded according to this ledger; None allows anything to be replaced.
    """

    organization: str
    month: str
    integration: str | None
    name: str
    size: int
    sha256: str
    follows: str = ""
    may_replace: Collection[str] | None = None
    path: str = ""


class Request(Record):
    """A request as it will be made, without any secret: `shell` is what a dry run prints."""

    description: Mapping[str, Any]
    shell: str

    @property
    def sha256(self) -> str:
        """The digest of the description, as the receipt has it."""
        return hashlib.sha256(json.dumps(self.description, sort_keys=True).encode("utf-8")).hexdigest()

    @property
    def address(self) -> str:
        """Where the month is: the same for every request that would replace the same one."""
        return str(self.description.get("url") or self.description.get("pointer"))


class Answer(Record):
    """What the destination said, in words that may be shown and stored; `time` is its own clock, `retry_after` in seconds."""

    status: Status
    text: str
    id: str | None = None
    time: str | None = None
    code: int | None = None
    attempts: int = 1
    retry_after: int | None = None


UploadStatus = Literal["accepted", "refused", "unknown", "already_there", "current", "replaced", "would_be_sent", "not_sent"]


class UploadResult(Record):
    """The outcome for one file. `verdict` is None if it was skipped unchecked; `waived` are rules that failed.

    `until` is what must change before another upload can succeed; empty if nothing needs to. `finished` is when the outcome was
    known, `retry_after` the seconds for which the destination asked to wait.
    """

    path: str
    integration: str | None
    month: str | None
    verdict: Word | None
    amount: Decimal | None
    currency: str | None
    status: UploadStatus
    text: str
    id: str | None = None
    receipt: str | None = None
    waived: tuple[str, ...] = ()
    until: str = ""
    sha256: str | None = None
    organization: str | None = None
    finished: str | None = None
    retry_after: int | None = None


class Destination(Protocol):
    """A place that has one file per month of each organization."""

    @property
    def name(self) -> str:
        """The destination's name in the configuration."""

    @property
    def needs_token(self) -> bool:
        """Whether nothing can be sent without a secret."""

    def request(self, shipment: Shipment) -> Request:
        """The request for a shipment. Raises UsageError if the configuration still has a FILL-IN that it needs."""

    def lacks(self, shipment: Shipment) -> bool:
        """Whether it can be seen, without a request, that the destination has other bytes or none."""

    def send(self, shipment: Shipment, body: BinaryIO, token: Secret | None) -> Answer:
        """Sends the bytes of `body` from its start. Never raises for what the other side or the network does."""
