"""A lock in a bucket, between machines: one object that is changed only by compare-and-swap, never deleted, and never twice the
same. It is a lease: who holds it renews it, and who waits takes it over once it has not changed for its whole term.

No two machines' clocks are compared. Who waits measures with its own clock for how long the object was the same, and who holds
it has lost it, by its own clock, after two thirds of a term without a renewal. So both never hold it, unless a holder stands
still between its last look at the lease and what it does then.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from billproof.io.bucket import Version, read, swap
from billproof.io.locking import Busy, Still, Waiting
from billproof.model.errors import BillproofError, Missing, Unreadable, Unwritable
from billproof.model.values import shown

SCHEMA = "billproof/lock/v1"
TERM_SECONDS = 60.0
_HOLDER: Mapping[str, type] = {"token": str, "seconds": float, "holder": str, "at": str}


class Lost(BillproofError):
    """The lease was not renewed in time, so another process may hold it by now."""


@contextmanager
def leased(url: str, waiting: Waiting, patience: float) -> Iterator[Still]:
    """Holds the lease at `url`, and gives what raises Lost once it may be another's. Calls `waiting` once if it has to wait.

    Raises Busy after `patience` seconds, and Unwritable if the object cannot be read or written.
    """
    lease = _Lease(url)
    lease.take(waiting, patience)
    ended = threading.Event()
    keeper = threading.Thread(target=lease.keep, args=(ended,), daemon=True)
    keeper.start()
    try:
        yield lease.still
    finally:
        ended.set()
        keeper.join(5)
        lease.give_back()


class _Lease:
    def __init__(self, url: str) -> None:
        self._url, self._token = url, str(uuid.uuid4())
        self._count = 0
        self._version: Version | None = None
        self._renewed = 0.0
        self._lost = False

    def take(self, waiting: Waiting, patience: float) -> None:
        """Takes the lease as soon as it is free, or was left by its holder."""
        end, since, seen = _clock() + patience, 0.0, None
        while True:
            holder, version = self._look()
            if version != seen:
                seen, since = version, _clock()
            # `max` in this order takes its first for NaN.
            if holder is None or _clock() - since > max(TERM_SECONDS, holder["seconds"]):
                if self._put("held", version):
                    return
                continue
            if waiting is not None:
                waiting()
            waiting = None
            if _clock() > end:
                whose = f"{shown(holder['holder'])} since {shown(holder['at'])}"
                raise Busy(f"another upload is using this ledger: {whose}", "Wait until it ends, then run the command again.")
            time.sleep(random.uniform(0.3, 1.0) * min(1.0, TERM_SECONDS / 20))

    def still(self) -> None:
        """Raises Lost unless nobody can hold the lease for another third of its term."""
        if self._lost or _clock() - self._renewed > TERM_SECONDS * 2 / 3:
            raise Lost(
                f"{self._url}: the lock was not renewed in time, so another upload may be using this ledger",
                "Nothing more was sent. Run the same command again.",
            )

    def keep(self, ended: threading.Event) -> None:
        """Renews the lease until `ended` is set or it is another's."""
        while not self._lost and not ended.wait(TERM_SECONDS / 5):
            with suppress(Unwritable):  # perhaps the next one succeeds; until then the lease grows old
                self._lost = not self._put("held", self._version)

    def give_back(self) -> None:
        """Frees the lease if it is still held; if that fails, its term ends it."""
        with suppress(Unwritable):
            if not self._lost:
                self._put("free", self._version)

    def _put(self, state: str, version: Version | None) -> bool:
        """Whether the object says so by now; not if another process changed it."""
        begun = _clock()
        self._count += 1
        content = {
            "schema": SCHEMA, "state": state, "token": self._token, "count": self._count, "seconds": TERM_SECONDS,
            "holder": f"{socket.gethostname()}:{os.getpid()}", "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        data = (json.dumps(content) + "\n").encode()
        try:
            written = swap(self._url, data, version)
            if written is None:
                # An earlier change of ours, whose answer never came, is ours still.
                holder, version = self._look()
                if holder is not None and holder["token"] == self._token:
                    written = swap(self._url, data, version)
        except OSError as error:
            raise Unwritable(f"{self._url}: cannot be written: {error}; nothing was done") from None
        if written is not None:
            self._version, self._renewed = written, begun
        return written is not None

    def _look(self) -> tuple[Mapping[str, Any] | None, Version | None]:
        """Who holds the lease, None if nobody does; and the object's version."""
        try:
            data, version = read(self._url)
            # The lock of a folder is an empty file, and comes along when a folder is copied into a bucket.
            content = json.loads(data) if data else {"state": "free"}
            if content["state"] == "free":
                return None, version
            return {key: type_(content[key]) for key, type_ in _HOLDER.items()}, version
        except Missing:
            return None, None
        except Unreadable as error:
            raise Unwritable(f"{error.message}; nothing was done", error.help) from None
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            raise Unwritable(f"{self._url}: is not a lock of billproof; nothing was done") from None


def _clock() -> float:
    """Seconds that go on while the machine sleeps, where the system counts them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
