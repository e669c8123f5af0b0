"""A lock between processes of one machine, which ends with the process, however it ends."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from billproof.model.errors import BillproofError, Unwritable

PATIENCE_SECONDS = 600
Waiting: TypeAlias = "Callable[[], None] | None"


class Busy(BillproofError):
    """Another process has been using the same thing for too long; nothing was done."""


@contextlib.contextmanager
def locked(path: str, waiting: Waiting = None, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """Keeps the lock on a file of a ledger; calls `waiting` once if another process has it. Raises Busy after `patience`
    seconds, and Unwritable if the file cannot be locked.
    """
    try:
        stream = open(path, "ab")  # noqa: SIM115
    except OSError as error:
        raise Unwritable(f"{path}: the ledger cannot be written: {error.strerror or error}") from None
    with stream:
        end = time.monotonic() + patience
        while not _has_lock(stream, path):
            if waiting is not None:
                waiting()
            waiting = None
            if time.monotonic() > end:
                raise Busy("another upload is using this ledger", "Wait until it ends, then run the command again.")
            time.sleep(0.02)
        yield


def _has_lock(stream: BinaryIO, path: str) -> bool:
    try:
        return _try_lock(stream.fileno())
    except OSError as error:
        text = f"{path}: cannot be locked: {error.strerror or error}; nothing was done"
        raise Unwritable(text, "Keep the ledger on a disk that supports file locks.") from None


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
