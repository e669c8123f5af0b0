"""What the sandbox holds, in memory only: integrations, the current upload of each month, and the answers given for a key."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Literal

from billproof.model.record import Record
from billproof.model.results import FileResult
from billproof.model.values import money, rfc3339
from billproof.sandbox.faults import Problem

KEYS_KEPT = 1_000


class Integration(Record):
    """One OpenAI organization, as at Pelanor."""

    id: str
    organization: str


class Upload(Record):
    """A month's file. `visible_at` is a moment of `time.monotonic`; `replaces` the upload that it took the place of."""

    id: str
    integration: Integration
    month: str
    file: FileResult
    received: datetime
    visible_at: float
    replaces: str | None

    @property
    def state(self) -> Literal["processing", "visible"]:
        """Data shows some time after the upload."""
        return "visible" if time.monotonic() >= self.visible_at else "processing"

    def described(self) -> dict[str, Any]:
        """The upload as it is answered."""
        file, totals = self.file, self.file.totals
        return {
            "id": self.id, "integration": self.integration.id, "organization": self.integration.organization,
            "month": self.month, "sha256": file.sha256, "bytes": file.bytes, "rows": file.rows,
            "amount": money(totals.amount) if totals and totals.amount is not None else None,
            "currency": totals.currency if totals else None, "received": rfc3339(self.received), "state": self.state,
            "replaces": self.replaces,
        }  # fmt: skip


class Keys:
    """Idempotency keys: the same key with the same payload gets the answer of the first time.

    Only uploads that were stored are remembered: one that failed changed nothing, so its key is free again.
    """

    def __init__(self) -> None:
        self._answers: dict[str, tuple[object, dict[str, Any] | None]] = {}

    def begin(self, key: str, payload: object) -> dict[str, Any] | None:
        """The answer of the first time, or None: go on. Raises Problem 422 for another payload, 409 while the first runs."""
        if key not in self._answers:
            self._answers[key] = (payload, None)
            return None
        first, answer = self._answers[key]
        if first != payload:
            raise Problem(422, "key-reused", "This Idempotency-Key was used before with another month or other bytes.")
        if answer is None:
            raise Problem(409, "in-progress", "The first request with this Idempotency-Key is still in progress.")
        return answer

    def finish(self, key: str, answer: dict[str, Any]) -> None:
        """Remembers the answer; the oldest of many are forgotten."""
        self._answers[key] = (self._answers[key][0], answer)
        done = [key for key, (_, given) in self._answers.items() if given is not None]
        for old in done[:-KEYS_KEPT]:
            del self._answers[old]

    def forget(self, key: str) -> None:
        """The request failed: its key is free."""
        self._answers.pop(key, None)


class Store:
    """Integrations and their months; an upload takes `delay` seconds until it is visible."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._uploads = 0
        self._months: dict[tuple[str, str], Upload] = {}
        self.keys = Keys()
        self.integrations: dict[str, Integration] = {}

    def integration(self, id: str) -> Integration:
        """The integration of an id. Raises Problem 404."""
        integration = self.integrations.get(id)
        if integration is None:
            raise Problem(404, "unknown-integration", "No integration has this ID.")
        return integration

    def add(self, organization: str, id: str | None = None) -> Integration:
        """A new integration. Raises Problem 409 if the organization or the id has one."""
        taken = next((old for old in self.integrations.values() if organization == old.organization or id == old.id), None)
        if taken is not None:
            raise Problem(409, "integration-exists", f"{taken.id} is the integration of {taken.organization}.")
        number = len(self.integrations) + 1
        while id is None or id in self.integrations:
            id, number = f"int-{number:04d}", number + 1
        self.integrations[id] = Integration(id, organization)
        return self.integrations[id]

    def put(self, integration: Integration, month: str, file: FileResult, received: datetime) -> Upload:
        """Replaces the whole month."""
        before = self._months.get((integration.id, month))
        self._uploads += 1
        new = Upload(
            f"upload-{self._uploads:06d}", integration, month, file, received, time.monotonic() + self._delay,
            before.id if before else None,
        )  # fmt: skip
        self._months[integration.id, month] = new
        return new

    def months(self, integration: Integration) -> list[Upload]:
        """The current upload of each month, in the order of the months."""
        uploads = (upload for upload in self._months.values() if upload.integration == integration)
        return sorted(uploads, key=lambda upload: upload.month)
